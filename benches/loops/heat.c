/* A stencil in three dimensions: how heat spreads in a cube. */
#include "loops.h"

enum { N = 64, STEPS = 300 };

static double now[N][N][N], next[N][N][N];

static void spread(double (*from)[N][N], double (*to)[N][N])
{
    for (int i = 1; i < N - 1; i++)
        for (int j = 1; j < N - 1; j++)
            for (int k = 1; k < N - 1; k++) {
                double here = from[i][j][k];
                double x = from[i + 1][j][k] - 2 * here + from[i - 1][j][k];
                double y = from[i][j + 1][k] - 2 * here + from[i][j - 1][k];
                double z = from[i][j][k + 1] - 2 * here + from[i][j][k - 1];
                to[i][j][k] = here + 0.125 * x + 0.125 * y + 0.125 * z;
            }
}

int main(void)
{
    fill(&now[0][0][0], N * N * N);
    memcpy(next, now, sizeof now);
    for (int step = 0; step < STEPS; step++) {
        spread(now, next);
        spread(next, now);
    }
    report("heat", sum_of(&now[0][0][0], N * N * N));
    return 0;
}
