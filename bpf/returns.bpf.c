/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A program that does nothing at a `ret` but the return: whether the kernel takes such programs, and what a hit then costs. */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("uprobe")
int empty(struct pt_regs *ctx)
{
	return_to_caller(ctx);
	return 0;
}
