/* A program and, with -shared -fPIC, a library that is no Go: readers must say so whatever is damaged in it. */
#include <stdio.h>

int answer(int question) { return question + 42; }

int main(int count, char **words) {
    printf("%d %s\n", answer(count), words[0]);
    return 0;
}
