/* Small arrays of integers: the most reversals of a prefix over all permutations. */
#include "kernel.h"

enum { N = 10 };

int main(void)
{
    int order[N], turned[N], count[N];
    int most = 0, checksum = 0, depth = N, number = 0;
    for (int i = 0; i < N; i++)
        order[i] = i;
    for (;;) {
        for (; depth > 1; depth--)
            count[depth - 1] = depth;
        memcpy(turned, order, sizeof turned);
        int reversals = 0;
        for (int first = turned[0]; first != 0; first = turned[0]) {
            for (int low = 0, high = first; low < high; low++, high--) {
                int kept = turned[low];
                turned[low] = turned[high];
                turned[high] = kept;
            }
            reversals++;
        }
        if (reversals > most)
            most = reversals;
        checksum += number++ & 1 ? -reversals : reversals;
        for (;; depth++) {
            if (depth == N) {
                report("fannkuch", (uint64_t)(uint32_t)checksum << 32 | (uint32_t)most);
                return 0;
            }
            int first = order[0];
            for (int i = 0; i < depth; i++)
                order[i] = order[i + 1];
            order[depth] = first;
            if (--count[depth] > 0)
                break;
        }
    }
}
