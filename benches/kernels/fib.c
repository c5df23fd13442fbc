/* Recursive calls: Fibonacci numbers and a Takeuchi function. */
#include "kernel.h"

static __attribute__((noinline)) uint32_t fib(uint32_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static __attribute__((noinline)) int tak(int x, int y, int z)
{
    return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

int main(void)
{
    uint64_t sum = 0;
    for (uint32_t n = 0; n < 40; n++)
        sum = sum * 3 + fib(n);
    for (int n = 0; n < 3; n++)
        sum = sum * 5 + (uint32_t)tak(20 + n, 13, 6);
    report("fib", sum);
    return 0;
}
