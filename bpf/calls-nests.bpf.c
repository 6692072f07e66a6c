/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The same programs, with calls that are not Go's, and spans. */
#define GOSPECT_NESTS
#include "calls.bpf.c"
