// Resources of a component: constructors, methods, handles that are lent and given, destructors.
#include "counters.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

typedef counters_counting_counter_t counter_t;

static uint32_t live(counters_t *app)
{
    uint32_t live = 0;
    CHECK(counters_counting_live(app, &live) == COUNTERS_OK);
    return live;
}

static counter_t new(counters_t *app, uint32_t start)
{
    counter_t counter = {0};
    CHECK(counters_counting_counter_new(app, start, &counter) == COUNTERS_OK && counter.handle != 0);
    return counter;
}

static void handles(counters_t *app)
{
    counter_t first = new(app, 40), second = new(app, 100);
    uint32_t value = 0;
    CHECK(counters_counting_counter_step(app, first, 2, &value) == COUNTERS_OK && value == 42);
    CHECK(counters_counting_counter_step(app, second, 1, &value) == COUNTERS_OK && value == 101);
    // The same handle may be lent twice in a call.
    counter_t all[] = {first, second, first};
    uint64_t sum = 0;
    counters_list_counting_counter_t list = {all, 3};
    CHECK(counters_counting_counter_sum(app, &list, &sum) == COUNTERS_OK && sum == 185);
    CHECK(live(app) == 2);
    // But it is given away once.
    counter_t joined = {0};
    CHECK(counters_counting_counter_join(app, first, first, &joined) == COUNTERS_INVALID);
    CHECK(counters_counting_counter_join(app, first, second, &joined) == COUNTERS_OK);
    CHECK(live(app) == 1);
    CHECK(counters_counting_counter_step(app, first, 1, &value) == COUNTERS_INVALID);
    CHECK(counters_counting_counter_sum(app, &list, &sum) == COUNTERS_INVALID);
    CHECK(counters_counting_counter_step(app, joined, 0, &value) == COUNTERS_OK && value == 143);
    CHECK(counters_counting_counter_drop(app, joined) == COUNTERS_OK && live(app) == 0);
    CHECK(counters_counting_counter_drop(app, joined) == COUNTERS_INVALID);
    CHECK(counters_counting_counter_drop(app, (counter_t){0}) == COUNTERS_INVALID);
    // A handle that is gone is not taken for a later one.
    counter_t third = new(app, 1);
    CHECK(counters_counting_counter_step(app, joined, 1, &value) == COUNTERS_INVALID);
    CHECK(counters_counting_counter_drop(app, third) == COUNTERS_OK);
}

static void in_values(counters_t *app)
{
    counters_option_counting_counter_t maybe;
    CHECK(counters_counting_maybe(app, 0, &maybe) == COUNTERS_OK && !maybe.is_some);
    CHECK(counters_counting_maybe(app, 5, &maybe) == COUNTERS_OK && maybe.is_some);
    CHECK(counters_counting_counter_drop(app, maybe.val) == COUNTERS_OK);
    counters_list_counting_counter_t list;
    CHECK(counters_counting_several(app, 10, &list) == COUNTERS_OK && list.len == 10);
    CHECK(live(app) == 10);
    uint64_t sum = 0;
    CHECK(counters_counting_counter_sum(app, &list, &sum) == COUNTERS_OK && sum == 45);
    for (size_t i = 0; i < list.len; i++)
        CHECK(counters_counting_counter_drop(app, list.ptr[i]) == COUNTERS_OK);
    counters_list_counting_counter_free(&list);
    CHECK(live(app) == 0);
}

int main(void)
{
    counters_t *app = NULL, *other = NULL;
    if (counters_new(NULL, &app) != COUNTERS_OK || counters_new(NULL, &other) != COUNTERS_OK) {
        printf("%s\n", counters_message(NULL));
        return 1;
    }
    handles(app);
    in_values(app);
    counter_t of_app = new(app, 1);
    uint32_t value = 0;
    CHECK(counters_counting_counter_step(other, of_app, 1, &value) == COUNTERS_INVALID);
    // A destructor that traps ends the instance, as a method does.
    counter_t spoiled = new(app, 666);
    CHECK(counters_counting_counter_drop(app, spoiled) == COUNTERS_TRAP);
    CHECK(strstr(counters_message(app), "unreachable"));
    CHECK(counters_counting_counter_drop(app, of_app) == COUNTERS_ENDED);
    counter_t of_other = new(other, 1);
    CHECK(counters_counting_counter_fail(other, of_other) == COUNTERS_TRAP);
    CHECK(counters_counting_counter_step(other, of_other, 1, &value) == COUNTERS_ENDED);
    counters_delete(app);
    counters_delete(other);
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
