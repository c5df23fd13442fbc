/* Nested loops over arrays of doubles: a product of matrices, and a stencil over the result. */
#include "kernel.h"

enum { N = 320, ROUNDS = 22 };

static double a[N][N], b[N][N], c[N][N];

static void multiply(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++)
                sum += a[i][k] * b[j][k];
            c[i][j] = sum;
        }
}

static void smooth(void)
{
    for (int i = 1; i < N - 1; i++)
        for (int j = 1; j < N - 1; j++)
            a[i][j] = (c[i][j] + c[i - 1][j] + c[i + 1][j] + c[i][j - 1] + c[i][j + 1]) / (5.0 * N);
}

int main(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(random_u32() & 1023) / 1024;
            b[i][j] = (double)(random_u32() & 1023) / 1024;
        }
    for (int round = 0; round < ROUNDS; round++) {
        multiply();
        smooth();
    }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        sum = sum * 31 + bits_of(c[i][(i * 7) % N]);
    report("matmul", sum);
    return 0;
}
