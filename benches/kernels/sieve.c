/* Loops over bytes: the sieve of Eratosthenes, segment by segment. */
#include "kernel.h"

enum { SEGMENT = 1 << 15, SEGMENTS = 5000, ROOT = 12900 };

static uint8_t small[ROOT], segment[SEGMENT];
static int32_t primes[ROOT], next[ROOT];

int main(void)
{
    int count = 0;
    for (int n = 2; n < ROOT; n++) {
        if (small[n])
            continue;
        primes[count] = n;
        next[count++] = n * n;
        for (int m = n * n; m < ROOT; m += n)
            small[m] = 1;
    }
    uint64_t found = 0, sum = 0;
    for (int number = 0; number < SEGMENTS; number++) {
        memset(segment, 0, sizeof segment);
        for (int p = 0; p < count && primes[p] * primes[p] < (number + 1) * SEGMENT; p++) {
            int at = next[p] - number * SEGMENT;
            for (; at < SEGMENT; at += primes[p])
                segment[at] = 1;
            next[p] = at + number * SEGMENT;
        }
        for (int at = number ? 0 : 2; at < SEGMENT; at++)
            if (!segment[at]) {
                found++;
                sum += (uint64_t)number * SEGMENT + (uint32_t)at;
            }
    }
    report("sieve", found << 40 ^ sum);
    return 0;
}
