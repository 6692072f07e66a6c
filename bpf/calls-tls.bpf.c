/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The same programs, able to find g in thread-local storage; see current_g. */
#define GOSPECT_TLS
#include "calls.bpf.c"
