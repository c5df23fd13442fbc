#include "numbers.h"
#include <stdio.h>

int main(void)
{
    numbers_t *app;
    int32_t sum = 0;
    if (numbers_new(NULL, &app) != NUMBERS_OK) {
        fprintf(stderr, "%s\n", numbers_message(NULL));
        return 1;
    }
    if (numbers_add(app, 40, 2, &sum) != NUMBERS_OK)
        fprintf(stderr, "%s\n", numbers_message(app));
    numbers_delete(app);
    return sum != 42;
}
