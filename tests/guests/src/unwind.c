/* setjmp and longjmp, which clang compiles to WebAssembly exceptions. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

/* The tag of the exceptions, which the C library leaves to the program. */
__asm__(".globl __c_longjmp\n"
        ".tagtype __c_longjmp i32\n"
        "__c_longjmp:\n");

static jmp_buf outer, inner;

static int descend(int depth) {
    if (depth == 0)
        longjmp(outer, 42);
    return descend(depth - 1) + 1;
}

static void twice(int number) {
    int value = setjmp(inner);
    if (value == 0) {
        if (number % 2)
            longjmp(outer, number);
        longjmp(inner, number + 100);
    }
    printf("inner %d\n", value);
    longjmp(outer, number + 200);
}

int main(int argc, char **argv) {
    printf("outer %d\n", setjmp(outer) ?: descend(1000));
    for (volatile int number = 1; number < 4; number++) {
        int value = setjmp(outer);
        if (value == 0)
            twice(number);
        printf("outer %d\n", value);
    }
    volatile long count = 0, limit = argc > 1 ? atol(argv[1]) : 0;
    if (setjmp(outer))
        count++;
    if (count < limit)
        longjmp(outer, 1);
    printf("%ld jumps\n", count);
}
