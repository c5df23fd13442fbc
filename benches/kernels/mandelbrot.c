/* Floating point in registers: points of the Mandelbrot set. */
#include "kernel.h"

enum { SIZE = 700, LIMIT = 900 };

int main(void)
{
    uint64_t sum = 0;
    for (int row = 0; row < SIZE; row++)
        for (int column = 0; column < SIZE; column++) {
            double cr = 2.6 * column / SIZE - 2.0, ci = 2.4 * row / SIZE - 1.2;
            double r = 0, i = 0, r2 = 0, i2 = 0;
            int steps = 0;
            while (r2 + i2 <= 4 && steps < LIMIT) {
                i = 2 * r * i + ci;
                r = r2 - i2 + cr;
                r2 = r * r;
                i2 = i * i;
                steps++;
            }
            sum = sum * 3 + (uint32_t)steps;
        }
    report("mandelbrot", sum);
    return 0;
}
