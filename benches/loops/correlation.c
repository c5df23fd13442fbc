/* Columns of a matrix, whose parts are far from each other: correlations of all pairs. */
#include "loops.h"
#include <math.h>

enum { ROWS = 800, COLUMNS = 700 };

static double data[ROWS][COLUMNS], result[COLUMNS][COLUMNS], mean[COLUMNS], deviation[COLUMNS];

int main(void)
{
    fill(&data[0][0], ROWS * COLUMNS);
    for (int j = 0; j < COLUMNS; j++) {
        for (int i = 0; i < ROWS; i++)
            mean[j] += data[i][j];
        mean[j] /= ROWS;
        for (int i = 0; i < ROWS; i++)
            deviation[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
        deviation[j] = sqrt(deviation[j] / ROWS);
    }
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++)
            data[i][j] = (data[i][j] - mean[j]) / (sqrt((double)ROWS) * deviation[j]);
    for (int i = 0; i < COLUMNS; i++) {
        result[i][i] = 1;
        for (int j = i + 1; j < COLUMNS; j++) {
            double sum = 0;
            for (int k = 0; k < ROWS; k++)
                sum += data[k][i] * data[k][j];
            result[i][j] = result[j][i] = sum;
        }
    }
    report("correlation", sum_of(&result[0][0], COLUMNS * COLUMNS));
    return 0;
}
