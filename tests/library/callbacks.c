// Functions that the embedder provides, descriptors of WASI, and exits.
#include "callbacks.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

struct state {
    callbacks_t *app, *other;
    int calls;
};

static int32_t add(void *user, int32_t a, int64_t b, float c, double d, double *sum)
{
    struct state *state = user;
    state->calls++;
    *sum = a + (double)b + c + d;
    return a == 13 ? -7 : 0;
}

static int32_t two(void *user, const callbacks_v128_t *vector, callbacks_v128_t *same, int32_t *lane)
{
    (void)user;
    *same = *vector;
    memcpy(lane, vector->bytes + 4, 4);
    return 0;
}

// Calls the instance again, or ends another one first.
static int32_t again(void *user, int32_t depth, int32_t *result)
{
    struct state *state = user;
    if (depth == 5)
        CHECK(callbacks_fail(state->other) == CALLBACKS_TRAP);
    return callbacks_deep(state->app, depth, result);
}

int main(void)
{
    struct state state = {0};
    callbacks_imports_t imports = {.user = &state, .env_add = add, .env_two = two, .env_again = again};
    callbacks_config_t config = {.imports = &imports};
    CHECK(callbacks_new(&config, &state.app) == CALLBACKS_OK);
    CHECK(callbacks_new(&config, &state.other) == CALLBACKS_OK);
    int32_t value = 0;
    CHECK(callbacks_ready(state.app, &value) == CALLBACKS_OK && value == 1);
    double sum = 0;
    CHECK(callbacks_sum(state.app, 1, 2, 0.5f, 0.25, &sum) == CALLBACKS_OK && sum == 3.75);
    int32_t lanes[4] = {30, 12, 0, 0};
    callbacks_v128_t vector;
    memcpy(vector.bytes, lanes, sizeof lanes);
    CHECK(callbacks_second(state.app, &vector, &value) == CALLBACKS_OK && value == 42);
    CHECK(callbacks_deep(state.app, 20, &value) == CALLBACKS_OK && value == 20);
    CHECK(strstr(callbacks_message(state.other), "unreachable") != NULL);
    callbacks_delete(state.other);

    // Each instance has its own descriptors.
    callbacks_t *closed = NULL;
    CHECK(callbacks_new(&config, &closed) == CALLBACKS_OK);
    CHECK(callbacks_close(closed, 1) == CALLBACKS_OK);
    enum { BADF = 8 };
    CHECK(callbacks_write(closed, 1, &value) == CALLBACKS_OK && value == BADF);
    CHECK(callbacks_write(state.app, 1, &value) == CALLBACKS_OK && value == 0);
    callbacks_delete(closed);
    CHECK(callbacks_new(&config, &closed) == CALLBACKS_OK);
    CHECK(callbacks_write(closed, 1, &value) == CALLBACKS_OK && value == 0);

    CHECK(callbacks_exit(closed, 3) == CALLBACKS_EXIT && callbacks_exit_code(closed) == 3);
    CHECK(callbacks_ready(closed, &value) == CALLBACKS_ENDED);
    callbacks_delete(closed);
    CHECK(callbacks_missing(state.app) == CALLBACKS_TRAP);
    CHECK(strstr(callbacks_message(state.app), "env#unset") != NULL);
    callbacks_delete(state.app);
    CHECK(callbacks_new(&config, &state.app) == CALLBACKS_OK);
    CHECK(callbacks_sum(state.app, 13, 0, 0, 0, &sum) == CALLBACKS_TRAP);
    CHECK(strstr(callbacks_message(state.app), "status -7") && state.calls == 2);
    callbacks_delete(state.app);
    CHECK(callbacks_new(NULL, &state.app) == CALLBACKS_OK);
    CHECK(callbacks_sum(state.app, 1, 0, 0, 0, &sum) == CALLBACKS_TRAP);
    callbacks_delete(state.app);
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
