/* Branches and bits: queens on a board, once with masks and once with arrays. */
#include "kernel.h"

static int masks(uint32_t all, uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == all)
        return 1;
    int count = 0;
    for (uint32_t free = all & ~(columns | left | right); free; free &= free - 1) {
        uint32_t bit = free & -free;
        count += masks(all, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return count;
}

static int place[16];

static int arrays(int size, int row)
{
    if (row == size)
        return 1;
    int count = 0;
    for (int column = 0; column < size; column++) {
        int free = 1;
        for (int above = 0; above < row && free; above++) {
            int distance = place[above] - column;
            free = distance != 0 && distance != row - above && distance != above - row;
        }
        if (free) {
            place[row] = column;
            count += arrays(size, row + 1);
        }
    }
    return count;
}

int main(void)
{
    uint64_t sum = (uint64_t)masks((1u << 14) - 1, 0, 0, 0) << 32;
    report("nqueens", sum + (uint32_t)arrays(11, 0) + (uint32_t)arrays(12, 0));
    return 0;
}
