// What a call of an exported function costs, beside the same function in C: nanoseconds of CPU time
// a call, the best of several rounds that take turns.
#include "numbers.h"
#include <stdio.h>
#include <time.h>

enum { CALLS = 10 * 1000 * 1000, ROUNDS = 7 };

__attribute__((noinline)) static numbers_status_t add_in_c(numbers_t *app, int32_t a, int32_t b, int32_t *sum)
{
    __asm__ volatile("" : "+r"(app));
    *sum = (int32_t)((uint32_t)a + (uint32_t)b);
    return NUMBERS_OK;
}

typedef numbers_status_t add_t(numbers_t *, int32_t, int32_t, int32_t *);

static double nanoseconds(add_t *add, numbers_t *app)
{
    struct timespec begin, end;
    int32_t sum = 0;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int32_t i = 0; i < CALLS; i++)
        if (add(app, sum, i, &sum) != NUMBERS_OK)
            return -1;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    double time = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
    return time / CALLS;
}

int main(void)
{
    numbers_t *app;
    if (numbers_new(NULL, &app) != NUMBERS_OK)
        return 1;
    double ours = 1e9, in_c = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double time = nanoseconds(numbers_add, app);
        ours = time < ours ? time : ours;
        time = nanoseconds(add_in_c, app);
        in_c = time < in_c ? time : in_c;
    }
    printf("a call: %.2f ns, in C: %.2f ns\n", ours, in_c);
    numbers_delete(app);
    return ours < 0 || in_c < 0;
}
