/*
 * A program of C that counts what it does: functions that return, nest, are left by longjmp or with their thread; places
 * with semaphores. Each line of standard input is a command; the answer is one line of JSON with its own counts.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROBED __attribute__((noipa, used))

/* Where a probe can be put: an instruction that does nothing, with two arguments in registers. */
#define PLACE(name, a, b) __asm__ volatile(".globl " #name "\n" #name ":\n\tnop" : : "D"((long)(a)), "S"((long)(b)) : "memory")

__attribute__((section(".probes"))) volatile unsigned short first_semaphore, second_semaphore;

long side(long n);

static long places[2];

PROBED long work(long n, const char *name)
{
	return n * 3 + (long)strlen(name);
}

PROBED long recurse(long n)
{
	return n == 0 ? 0 : recurse(n - 1) + 1;
}

static __thread jmp_buf out;

PROBED void thrower(long n)
{
	if (n == 0)
		longjmp(out, 1);
	thrower(n - 1);
	/* Not a tail call. */
	places[0] += 0;
}

PROBED long catcher(long depth)
{
	if (setjmp(out) == 0)
		thrower(depth);
	return depth;
}

/* Begins with a 5-byte nop, and keeps what it was given below the stack pointer. */
long long_nop(long n);
__asm__(".globl long_nop\n.type long_nop, @function\nlong_nop:\n\t.byte 0x0f, 0x1f, 0x44, 0, 0\n"
	"\tmov %rdi, -8(%rsp)\n\tmov -8(%rsp), %rax\n\tret\n.size long_nop, . - long_nop");

PROBED void quitter(void)
{
	pthread_exit(0);
}

/* Signals are handled on a stack of their own, far below the thread's. */
static volatile sig_atomic_t leaves;
static sigjmp_buf interrupted;

PROBED void on_signal(int number)
{
	(void)number;
	if (leaves)
		siglongjmp(interrupted, 1);
}

static void leave_handler(void)
{
	leaves = 1;
	if (sigsetjmp(interrupted, 1) == 0)
		raise(SIGUSR1);
	leaves = 0;
}

PROBED void span_begin(long id, const char *name)
{
	PLACE(place_begin, id, name);
}

PROBED void span_end(long id, long result)
{
	PLACE(place_end, id, result);
}

/* At the stack pointer is what looks like a caller, and is none. */
PROBED void framed(long id)
{
	void (*volatile misleading[16])(void);

	for (int i = 0; i < 16; i++)
		misleading[i] = quitter;
	PLACE(framed_begin, id, misleading);
	PLACE(framed_end, id, misleading);
}

PROBED void passing(long n)
{
	if (first_semaphore) {
		PLACE(place_first, n, first_semaphore);
		__atomic_add_fetch(&places[0], 1, __ATOMIC_RELAXED);
	}
	if (second_semaphore) {
		PLACE(place_second, n, second_semaphore);
		__atomic_add_fetch(&places[1], 1, __ATOMIC_RELAXED);
	}
}

static void nest_spans(long depth)
{
	span_begin(depth, "nested");
	if (depth > 0)
		nest_spans(depth - 1);
	span_end(depth, depth * 10);
}

static long times;

static void *calls(void *arg)
{
	for (long i = 0; i < times; i++) {
		work(i, "thread");
		recurse(i % 5);
	}
	return arg;
}

static void *spans(void *arg)
{
	for (long i = 0; i < times; i++)
		nest_spans(i % 4);
	return arg;
}

/* Each value begins on one thread, and ends on another. */
static void *begin_values(void *arg)
{
	for (long i = 0; i < times; i++)
		span_begin((long)arg * 1000000 + i, "value");
	return arg;
}

static void *end_values(void *arg)
{
	for (long i = 0; i < times; i++)
		span_end((long)arg * 1000000 + i, i);
	return arg;
}

/* All threads at the same value. */
static void *same_value(void *arg)
{
	for (long i = 0; i < times; i++) {
		span_begin(7, "same");
		span_end(7, i);
	}
	return arg;
}

static void *quit(void *arg)
{
	quitter();
	return arg;
}

static void in_threads(long count, void *(*run)(void *))
{
	pthread_t threads[64];

	for (long i = 0; i < count; i++)
		pthread_create(&threads[i], 0, run, (void *)i);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], 0);
}

int main(void)
{
	char line[256], word[32];
	stack_t stack = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	setvbuf(stdout, 0, _IOLBF, 0);
	sigaltstack(&stack, 0);
	sigaction(SIGUSR1, &action, 0);
	printf("{\"ready\":true}\n");
	while (fgets(line, sizeof(line), stdin)) {
		long a = 0, b = 0, result = 0;

		sscanf(line, "%31s %ld %ld", word, &a, &b);
		if (!strcmp(word, "quit"))
			break;
		times = b;
		if (!strcmp(word, "work"))
			for (long i = 0; i < a; i++)
				result += work(i, i % 2 ? "odd" : "even");
		if (!strcmp(word, "long")) {
			char *name = malloc(a + 1);

			memset(name, 'x', a);
			name[a] = 0;
			result = work(a, name);
			free(name);
		}
		if (!strcmp(word, "text")) {
			line[strcspn(line, "\n")] = 0;
			result = work(0, line + sizeof("text"));
		}
		if (!strcmp(word, "nil"))
			result = side(-1);
		if (!strcmp(word, "framed"))
			for (long i = 0; i < a; i++)
				framed(i);
		if (!strcmp(word, "recurse"))
			for (long i = 0; i < b; i++)
				result += recurse(a);
		if (!strcmp(word, "threads"))
			in_threads(a, calls);
		if (!strcmp(word, "longjmp"))
			for (long i = 0; i < b; i++)
				result += catcher(a);
		if (!strcmp(word, "exits"))
			in_threads(a, quit);
		if (!strcmp(word, "signal"))
			for (long i = 0; i < a; i++)
				raise(SIGUSR1);
		if (!strcmp(word, "leave"))
			leave_handler();
		if (!strcmp(word, "handle"))
			for (long i = 0; i < a; i++)
				on_signal(0);
		if (!strcmp(word, "nop"))
			for (long i = 0; i < a; i++)
				result += long_nop(i);
		if (!strcmp(word, "side"))
			for (long i = 0; i < a; i++)
				result += side(i);
		if (!strcmp(word, "nest"))
			for (long i = 0; i < b; i++)
				nest_spans(a);
		if (!strcmp(word, "spans"))
			in_threads(a, spans);
		if (!strcmp(word, "open"))
			for (long i = 0; i < a; i++)
				span_begin(i, "open");
		if (!strcmp(word, "close"))
			for (long i = 0; i < a; i++)
				span_end(i, 0);
		if (!strcmp(word, "values")) {
			in_threads(a, begin_values);
			in_threads(a, end_values);
		}
		if (!strcmp(word, "same"))
			in_threads(a, same_value);
		if (!strcmp(word, "pass"))
			for (long i = 0; i < a; i++)
				passing(i);
		printf("{\"result\":%ld,\"first\":%ld,\"second\":%ld,\"semaphores\":[%d,%d]}\n", result, places[0], places[1],
		       first_semaphore, second_semaphore);
	}
	return 0;
}
