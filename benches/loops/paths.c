/* Integers in three nested loops: the shortest paths between all nodes of a graph. */
#include "loops.h"

enum { N = 760 };

static int32_t path[N][N];

int main(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            path[i][j] = i == j ? 0 : random_u32() % 16 == 0 ? (int32_t)(random_u32() % 1000) : 1 << 20;
    for (int k = 0; k < N; k++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int32_t over = path[i][k] + path[k][j];
                path[i][j] = path[i][j] < over ? path[i][j] : over;
            }
    uint64_t sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum = sum * 31 + (uint32_t)path[i][j];
    report("paths", sum);
    return 0;
}
