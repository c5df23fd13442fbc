/* What every kernel shares: the line that it prints, and its random numbers. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints a checksum: what the two builds of a kernel must agree on. */
static void report(const char *name, uint64_t checksum)
{
    char digits[17];
    for (int i = 15; i >= 0; i--, checksum >>= 4)
        digits[i] = "0123456789abcdef"[checksum & 15];
    digits[16] = 0;
    fputs(name, stdout);
    putchar(' ');
    puts(digits);
}

static uint64_t random_state = 88172645463325252u;

static inline uint32_t random_u32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

/* A double's bits, so that checksums of floating-point work are exact. */
static inline uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
