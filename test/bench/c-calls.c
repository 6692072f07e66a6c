/*
 * Calls one C function as often as it is told: after {"ready":true} each "go" makes as many calls as the argument says and
 * is answered by {"calls":…,"ns":…}. Arguments are 0, 1, 2 … up to the second argument, and again from 0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Called as they are written, whole and at their own addresses. */
#define FUNCTION __attribute__((noinline, noclone, noipa))

FUNCTION long helper(long n)
{
	return n;
}

/* Has a frame, and hardly does anything: the first instruction pushes the frame pointer. */
FUNCTION long measured(long n)
{
	return helper(n & 15) + 1;
}

static long nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(int argc, char **argv)
{
	long calls = argc > 1 ? atol(argv[1]) : 1000, distinct = argc > 2 ? atol(argv[2]) : 64;
	char line[16];

	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) && !strcmp(line, "go\n")) {
		long start = nanoseconds();

		for (long i = 0; i < calls; i++)
			measured(i % distinct);
		printf("{\"calls\":%ld,\"ns\":%ld}\n", calls, nanoseconds() - start);
		fflush(stdout);
	}
	return 0;
}
