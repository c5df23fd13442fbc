// What a call of an exported function costs, beside the same function in C: nanoseconds of CPU time
// a call, the best of several rounds that take turns. One function calls nobody, the other itself, once.
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

__attribute__((noinline)) static int64_t depth_in_c(int64_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n == 0 ? 0 : 1 + depth_in_c(n - 1);
}

__attribute__((noinline)) static numbers_status_t down_in_c(numbers_t *app, int64_t n, int64_t *depth)
{
    __asm__ volatile("" : "+r"(app));
    *depth = depth_in_c(n);
    return NUMBERS_OK;
}

typedef numbers_status_t add_t(numbers_t *, int32_t, int32_t, int32_t *);
typedef numbers_status_t down_t(numbers_t *, int64_t, int64_t *);

static struct timespec begin;

static double ended(void)
{
    struct timespec end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    double time = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
    return time / CALLS;
}

static double of_add(add_t *add, numbers_t *app)
{
    int32_t sum = 0;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int32_t i = 0; i < CALLS; i++)
        if (add(app, sum, i, &sum) != NUMBERS_OK)
            return -1;
    return ended();
}

static double of_down(down_t *down, numbers_t *app)
{
    int64_t depth = 1;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    for (int32_t i = 0; i < CALLS; i++)
        if (down(app, depth, &depth) != NUMBERS_OK)
            return -1;
    return ended();
}

static double less(double one, double other)
{
    return one < other ? one : other;
}

int main(void)
{
    numbers_t *app;
    if (numbers_new(NULL, &app) != NUMBERS_OK)
        return 1;
    double add = 1e9, add_c = 1e9, down = 1e9, down_c = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        add = less(add, of_add(numbers_add, app));
        add_c = less(add_c, of_add(add_in_c, app));
        down = less(down, of_down(numbers_down, app));
        down_c = less(down_c, of_down(down_in_c, app));
    }
    printf("a call: %.2f ns, in C: %.2f ns\n", add, add_c);
    printf("of what calls: %.2f ns, in C: %.2f ns\n", down, down_c);
    numbers_delete(app);
    return add < 0 || down < 0;
}
