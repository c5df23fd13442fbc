/* What the loops over arrays share: how arrays are filled and summed. */
#ifndef LOOPS_H
#define LOOPS_H

#include "../kernels/kernel.h"

static void fill(double *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = (double)(random_u32() & 4095) / 4096;
}

static uint64_t sum_of(const double *values, int count)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum = sum * 31 + bits_of(values[i]);
    return sum;
}

#endif
