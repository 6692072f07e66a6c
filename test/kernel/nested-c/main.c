/*
 * Makes calls within calls, and says how long they took by its own clock: the functions and the protocol of the Go program
 * in ../nested, as far as C has them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone, noipa))

APART int step(int n)
{
	return n * 31 + 7;
}

/* Half a microsecond of work. */
APART int inner(int n)
{
	for (int i = 0; i < 200; i++)
		n = step(n);
	return n;
}

APART int outer(int size)
{
	int sum = 0;

	for (int i = 0; i < size; i++)
		sum += inner(i);
	return sum;
}

static volatile int sink;

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	long left = *(const long *)a, right = *(const long *)b;

	return (left > right) - (left < right);
}

static long median(int times, int size)
{
	long *took = malloc(times * sizeof(*took)), middle;

	for (int i = 0; i < times; i++) {
		long begin = now();

		sink += outer(size);
		took[i] = now() - begin;
	}
	qsort(took, times, sizeof(*took), compare);
	middle = took[times / 2];
	free(took);
	return middle;
}

int main(void)
{
	char line[100];
	int size, times;

	setvbuf(stdout, 0, _IOLBF, 0);
	printf("{\"ready\":true,\"pid\":%d}\n", getpid());
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n")) {
		if (sscanf(line, "outer %d %d", &size, &times) != 2 || times < 1) {
			fprintf(stderr, "nested: outer SIZE TIMES\n");
			return 2;
		}
		printf("{\"medianNs\":%ld}\n", median(times, size));
	}
	return 0;
}
