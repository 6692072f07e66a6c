/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Whose hit it is: only those of the processes that are measured count. */
#ifndef GOSPECT_TARGET_BPF_H
#define GOSPECT_TARGET_BPF_H

#include "maps.bpf.h"

/* Whether the thread runs the program whose processes are measured: a library is others' too. */
static __always_inline gs_u32 runs_program(void)
{
#ifdef GOSPECT_TLS
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct inode *inode;

	if (!config.exe_inode)
		return 1;
	inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	return BPF_CORE_READ(inode, i_ino) == config.exe_inode &&
	       (!config.exe_device || BPF_CORE_READ(inode, i_sb, s_dev) == config.exe_device);
#else
	return 1;
#endif
}

/* The process the thread belongs to, as the user's pid namespace numbers it; 0 when it is not a target. */
static __noinline gs_u32 target_process(void)
{
	gs_u32 tgid;

	if (config.pid_ns_inode) {
		struct bpf_pidns_info info;

		if (bpf_get_ns_current_pid_tgid(config.pid_ns_device, config.pid_ns_inode, &info, sizeof(info)))
			return 0;
		tgid = info.tgid;
	} else {
		tgid = bpf_get_current_pid_tgid() >> 32;
	}
	return (config.tgid && config.tgid != tgid) || !runs_program() ? 0 : tgid;
}

#endif
