// A library with garbage collection: one instance at a time, whose collector finds what any call of it
// refers to.
#include "objects.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
    objects_t *app;
};

// Calls the instance again, with garbage in between.
static int32_t back(void *user, int32_t depth, int32_t *result)
{
    struct state *state = user;
    CHECK(objects_churn(state->app, 20000) == OBJECTS_OK);
    *result = 0;
    return depth == 0 ? 0 : objects_deep(state->app, depth - 1, result);
}

int main(void)
{
    struct state state = {0};
    objects_imports_t imports = {.user = &state, .env_back = back};
    objects_config_t config = {.imports = &imports};
    if (objects_new(&config, &state.app) == OBJECTS_NO_MEMORY) {
#ifdef INSTANCES
        puts("in an emulator, the place of the objects may be taken: left out");
        return 0;
#endif
    }
    if (state.app == NULL) {
        printf("%s\n", objects_message(NULL));
        return 1;
    }
    int32_t value = 0;
    CHECK(objects_root(state.app, &value) == OBJECTS_OK && value == 6);
    CHECK(objects_add(state.app, 1000, &value) == OBJECTS_OK && value == 500500);
    CHECK(objects_churn(state.app, 50000) == OBJECTS_OK);
    CHECK(objects_add(state.app, 10, &value) == OBJECTS_OK && value == 500555);
    CHECK(objects_deep(state.app, 3, &value) == OBJECTS_OK && value == 406);
    CHECK(objects_add(state.app, 1, &value) == OBJECTS_OK && value == 500556);

    // A process has one at a time.
    objects_t *other = NULL;
    CHECK(objects_new(&config, &other) == OBJECTS_NO_MEMORY && other == NULL);
    CHECK(strstr(objects_message(NULL), "one instance at a time") != NULL);

    CHECK(objects_null(state.app, &value) == OBJECTS_TRAP);
    CHECK(strstr(objects_message(state.app), "null reference") != NULL);
    objects_delete(state.app);

    // The next one finds nothing of it.
    CHECK(objects_new(&config, &state.app) == OBJECTS_OK);
    CHECK(objects_root(state.app, &value) == OBJECTS_OK && value == 6);
    CHECK(objects_add(state.app, 2, &value) == OBJECTS_OK && value == 3);
    objects_delete(state.app);
    for (int turn = 0; turn < 50; turn++) {
        CHECK(objects_new(&config, &state.app) == OBJECTS_OK);
        CHECK(objects_add(state.app, 100000, &value) == OBJECTS_OK && value == 705082704);
        CHECK(objects_deep(state.app, 1, &value) == OBJECTS_OK && value == 201);
        objects_delete(state.app);
    }
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
