/* Probes whose arguments are where compilers put them: registers of every width, constants, memory of every form. */
#define SDT_USE_VARIADIC
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

unsigned short forms_wide_semaphore __attribute__((section(".probes")));
unsigned short forms_signs_semaphore __attribute__((section(".probes")));
unsigned short forms_constants_semaphore __attribute__((section(".probes")));
unsigned short forms_memory_semaphore __attribute__((section(".probes")));
unsigned short forms_floats_semaphore __attribute__((section(".probes")));
unsigned short forms_bare_semaphore __attribute__((section(".probes")));
unsigned short forms_copies_semaphore __attribute__((section(".probes")));

long counter = 3;
int table[64];
static short hidden[4];
struct pair { int first; long second; char name[24]; } pairs[8];

__attribute__((noinline)) void wide(unsigned char a, unsigned short b, unsigned int c, unsigned long d, void *e) {
    STAP_PROBEV(forms, wide, a, b, c, d, e, a + 1, b + c);
}

__attribute__((noinline)) void signs(signed char a, short b, int c, long d) {
    STAP_PROBEV(forms, signs, a, b, c, d, (signed char)-d, (short)(b - d));
}

__attribute__((noinline)) void constants(void) {
    STAP_PROBEV(forms, constants, 0, 7, -1, 0x7fffffffffffffffL, (unsigned char)255, 'x', -2L, (short)-3);
}

__attribute__((noinline)) long memory(struct pair *of, int *values, long index, int narrow) {
    long local = of->second * index;
    STAP_PROBEV(forms, memory, of->first, of->second, values[index], values[narrow], table[index], counter,
                pairs[index].second, hidden[index & 3], local, of->name);
    hidden[index & 3]++;
    return local;
}

__attribute__((noinline)) void floats(double a, float b, double *c) {
    STAP_PROBEV(forms, floats, a, b, *c, a * b);
}

__attribute__((noinline)) void bare(void) { STAP_PROBEV(forms, bare); }

static inline __attribute__((always_inline)) void copied(long value) { STAP_PROBEV(forms, copies, value, &value); }

__attribute__((noinline)) void copies(long a, long *b) {
    copied(a);
    copied(*b);
    copied(a * *b);
}

int _start(int count, char **words) {
    long sum = memory(&pairs[count & 7], table, count, count);
    wide(sum, sum, sum, sum, words);
    signs(sum, sum, sum, sum);
    constants();
    floats(sum, sum, (double *)&counter);
    bare();
    copies(sum, &counter);
    return sum;
}
