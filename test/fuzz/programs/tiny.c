/* A program and, with -shared -fPIC, a library that is no Go, with probes: readers must say so whatever is damaged in it. */
#define _SDT_HAS_SEMAPHORES 1
#include <stdio.h>
#include <sys/sdt.h>

unsigned short tiny_asked_semaphore __attribute__((section(".probes")));
unsigned short tiny_answered_semaphore __attribute__((section(".probes")));
unsigned short tiny_begun_semaphore __attribute__((section(".probes")));

static int asked[4];

int answer(int question) {
    STAP_PROBE3(tiny, asked, question, asked[question & 3]++, &asked[question & 1]);
    int of = question + 42;
    STAP_PROBE2(tiny, answered, of, (signed char)question);
    return of;
}

int main(int count, char **words) {
    STAP_PROBE4(tiny, begun, count, words[0], 7, asked[1]);
    printf("%d %s\n", answer(count), words[0]);
    return answer(asked[0]) - answer(asked[1]) - 42;
}
