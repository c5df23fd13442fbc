/* A stencil in place: each value depends on the one just computed. */
#include "loops.h"

enum { N = 500, STEPS = 160 };

static double a[N][N];

int main(void)
{
    fill(&a[0][0], N * N);
    for (int step = 0; step < STEPS; step++)
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                a[i][j] = (a[i - 1][j - 1] + a[i - 1][j] + a[i - 1][j + 1] + a[i][j - 1] + a[i][j] +
                           a[i][j + 1] + a[i + 1][j - 1] + a[i + 1][j] + a[i + 1][j + 1]) / 9;
    report("seidel", sum_of(&a[0][0], N * N));
    return 0;
}
