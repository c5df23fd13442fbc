// Two libraries in one program: each has its own runtime, and each traps for itself.
#include "numbers.h"
#include "shapes.h"
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 50 };

static void trap_in_numbers(numbers_t *app)
{
    int32_t value = 0;
    CHECK(numbers_load(app, -4, &value) == NUMBERS_TRAP);
    CHECK(strstr(numbers_message(app), "out of bounds") != NULL);
    CHECK(numbers_load(app, 0, &value) == NUMBERS_ENDED);
}

static void trap_in_shapes(shapes_t *app)
{
    shapes_string_t none = {NULL, 0};
    shapes_result_u32_string_t result;
    CHECK(shapes_fail(app, &none, &result) == SHAPES_TRAP);
    CHECK(strstr(shapes_message(app), "unreachable") != NULL);
    CHECK(shapes_nothing(app) == SHAPES_ENDED);
}

// Instances of both, used by turns; the one that has not trapped goes on.
static void *work(void *numbers_first)
{
    for (int round = 0; round < ROUNDS; round++) {
        numbers_t *numbers = NULL;
        shapes_t *shapes = NULL;
        if (numbers_first) {
            CHECK(numbers_new(NULL, &numbers) == NUMBERS_OK);
            CHECK(shapes_new(NULL, &shapes) == SHAPES_OK);
        } else {
            CHECK(shapes_new(NULL, &shapes) == SHAPES_OK);
            CHECK(numbers_new(NULL, &numbers) == NUMBERS_OK);
        }
        int32_t sum = 0;
        uint32_t total = 0;
        CHECK(numbers_add(numbers, 40, 2, &sum) == NUMBERS_OK && sum == 42);
        CHECK(shapes_add(shapes, 40, 2, &total) == SHAPES_OK && total == 42);
        if (round % 2) {
            trap_in_numbers(numbers);
            CHECK(shapes_add(shapes, 1, 2, &total) == SHAPES_OK && total == 3);
            trap_in_shapes(shapes);
        } else {
            trap_in_shapes(shapes);
            CHECK(numbers_add(numbers, 1, 2, &sum) == NUMBERS_OK && sum == 3);
            trap_in_numbers(numbers);
        }
        numbers_delete(numbers);
        shapes_delete(shapes);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, work, i ? threads : NULL) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
