/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the programs know of the kernel and the CPU: the saved registers of an amd64 uprobe and the task's fields that lead
 * to thread-local storage and to the program it runs. Fields of kernel structs are relocated by libbpf (CO-RE), so no vmlinux.h.
 */
#ifndef GOSPECT_KERNEL_BPF_H
#define GOSPECT_KERNEL_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "abi.h"

/*
 * struct pt_regs of x86-64: kernel ABI, as signal frames and ptrace show it. The verifier takes only constant offsets
 * from the context, so the compiler must not compute a field's address first.
 */
struct __attribute__((preserve_static_offset)) pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};

struct thread_struct {
	unsigned long fsbase;
} __attribute__((preserve_access_index));

struct super_block {
	unsigned int s_dev;
} __attribute__((preserve_access_index));

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
} __attribute__((preserve_access_index));

struct file {
	struct inode *f_inode;
} __attribute__((preserve_access_index));

struct mm_struct {
	struct file *exe_file;
} __attribute__((preserve_access_index));

struct task_struct {
	struct thread_struct thread;
	struct mm_struct *mm;
} __attribute__((preserve_access_index));

#define FLAG_CARRY 0x01
#define FLAG_ZERO 0x40
#define FLAG_TRAP 0x100
/* What is in memory where a probe is. */
#define BREAKPOINT 0xcc

static __always_inline gs_u64 register_value(const struct pt_regs *ctx, gs_u32 number)
{
	switch (number) {
	case GS_AX: return ctx->ax;
	case GS_BX: return ctx->bx;
	case GS_CX: return ctx->cx;
	case GS_DI: return ctx->di;
	case GS_SI: return ctx->si;
	case GS_R8: return ctx->r8;
	case GS_R9: return ctx->r9;
	case GS_R10: return ctx->r10;
	case GS_R11: return ctx->r11;
	case GS_DX: return ctx->dx;
	case GS_R14: return ctx->r14;
	case GS_R15: return ctx->r15;
	case GS_BP: return ctx->bp;
	case GS_R12: return ctx->r12;
	case GS_R13: return ctx->r13;
	default: return 0;
	}
}

/* Reads `size` bytes of the process at `address`; 0 when they were readable. */
static __always_inline long read_user(void *to, gs_u32 size, gs_u64 address)
{
	return bpf_probe_read_user(to, size, (const void *)address);
}

/*
 * Does what the `ret` under the probe would. The kernel leaves an instruction out when ip was changed, and so need not
 * step through a copy of it, which takes a second trap. Kernels that do not know this refuse programs that write
 * registers. Where the stack can't be read nothing is changed, and the instruction runs as usual; nor where the return
 * leads to itself, since then ip would not tell that it has been done.
 */
static __always_inline void return_to_caller(struct pt_regs *ctx)
{
	gs_u64 caller;

	if (read_user(&caller, sizeof(caller), ctx->sp) || caller == ctx->ip)
		return;
	ctx->ip = caller;
	ctx->sp += sizeof(caller);
}

#endif
