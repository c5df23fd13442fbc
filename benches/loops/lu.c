/* A triangle of loops: a matrix as the product of a lower and an upper one. */
#include "loops.h"

enum { N = 900 };

static double a[N][N];

int main(void)
{
    fill(&a[0][0], N * N);
    for (int i = 0; i < N; i++)
        a[i][i] += N;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[k][j];
            a[i][j] /= a[j][j];
        }
        for (int j = i; j < N; j++)
            for (int k = 0; k < i; k++)
                a[i][j] -= a[i][k] * a[k][j];
    }
    report("lu", sum_of(&a[0][0], N * N));
    return 0;
}
