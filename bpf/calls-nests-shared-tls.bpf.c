/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The same programs, with calls that are not Go's, and spans, also of C code that runs for goroutines, on a stack of the CPU: see keep_own_stack. */
#define GOSPECT_NESTS
#define GOSPECT_SHARED_STACK
#define GOSPECT_TLS
#include "calls.bpf.c"
