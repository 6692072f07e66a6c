/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* A uprobe program that does nothing: what a probe costs before it measures anything. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("uprobe")
int empty(void *ctx)
{
	return 0;
}
