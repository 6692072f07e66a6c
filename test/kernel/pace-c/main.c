/*
 * Calls one function as fast as it can, and says how much of its own CPU time it lost meanwhile: the program of ../pace in C.
 */
#include <stdio.h>
#include <time.h>

#define BATCH 100
#define SLOW 10
#define WINDOW_NS 10000000L

__attribute__((noinline, noclone, noipa)) long work(long n)
{
	return n * 31 + 7;
}

static long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static volatile long sink;

/* CPU time since the last one. */
static long batch(void)
{
	static long last;
	long now, took;

	for (int i = 0; i < BATCH; i++)
		sink += work(i);
	now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	took = now - last;
	last = now;
	return took;
}

/* CPU time of a batch that nothing disturbs. */
static long find_usual(void)
{
	long usual = batch(), took;

	for (int i = 0; i < 10000; i++)
		if ((took = batch()) < usual)
			usual = took;
	return usual;
}

static void burst(long ms, long usual)
{
	long from = clock_ns(CLOCK_MONOTONIC), end = from + ms * 1000000, now;
	long calls = 0, cpu = 0, lost = 0;
	/* Whether the last batch was slow, and what it lost if the one before it wasn't. */
	long was_slow = 0, first = 0, took;

	batch();
	printf("{\"windows\":[");
	do {
		took = batch();
		calls += BATCH;
		cpu += took;
		if (took <= SLOW * usual) {
			was_slow = 0;
		} else if (!was_slow) {
			/* Alone it is an interrupt: a probe makes many slow. */
			was_slow = 1;
			first = took - usual;
		} else {
			lost += took - usual + first;
			first = 0;
		}
		now = clock_ns(CLOCK_MONOTONIC);
		if (now - from >= WINDOW_NS || now >= end) {
			printf("[%ld,%ld,%ld,%ld]%s", now, calls, cpu, lost, now < end ? "," : "");
			from = now;
			calls = cpu = lost = 0;
		}
	} while (now < end);
	printf("]}\n");
}

int main(void)
{
	char line[100];
	long ms, usual;

	/* What is said is said after the burst. */
	setvbuf(stdout, 0, _IOFBF, 1 << 20);
	usual = find_usual();
	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && sscanf(line, "burst %ld", &ms) == 1) {
		burst(ms, usual);
		fflush(stdout);
	}
	return 0;
}
