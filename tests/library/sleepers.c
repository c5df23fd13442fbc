// Functions of async type, begun: several at a time, in the order in which they end, with traps and
// instances that are deleted meanwhile; and waited for.
#include "sleepers.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) ((sleepers_string_t){(char *)(literal), sizeof(literal) - 1})

enum { MS = 1000 * 1000, MANY = 100, ORDER_MAX = 2 * MANY };

// What calls have ended, in that order.
static int order[ORDER_MAX], ends;
static sleepers_status_t last;

static void done(void *user, sleepers_status_t status)
{
    if (ends < ORDER_MAX)
        order[ends++] = *(int *)user;
    last = status;
}

static sleepers_t *new_instance(void)
{
    sleepers_t *app = NULL;
    if (sleepers_new(NULL, &app) != SLEEPERS_OK) {
        printf("sleepers_new: %s\n", sleepers_message(NULL));
        exit(1);
    }
    ends = 0;
    return app;
}

// How many calls are left when nothing is waited for, or for as long as it takes.
static size_t left(sleepers_t *app, int64_t timeout_ns)
{
    size_t pending = 1000;
    CHECK(sleepers_poll(app, timeout_ns, &pending) == SLEEPERS_OK);
    return pending;
}

static void waited_for(void)
{
    sleepers_t *app = new_instance();
    sleepers_string_t text = TEXT("waited for"), back;
    CHECK(sleepers_echo(app, MS, &text, &back) == SLEEPERS_OK);
    CHECK(back.len == text.len && memcmp(back.ptr, text.ptr, back.len) == 0);
    sleepers_string_free(&back);
    uint32_t number = 0;
    CHECK(sleepers_length(app, 0, &text, &number) == SLEEPERS_OK && number == 10);
    CHECK(sleepers_double(app, MS, 21, &number) == SLEEPERS_OK && number == 42);
    CHECK(sleepers_depth(app, MS, 1000, &number) == SLEEPERS_OK && number == 1000);
    CHECK(sleepers_depth(app, MS, 100 * 1000 * 1000, &number) == SLEEPERS_TRAP);
    CHECK(strstr(sleepers_message(app), "call stack exhausted") != NULL);
    CHECK(sleepers_poll(app, 0, NULL) == SLEEPERS_ENDED);
    sleepers_delete(app);
}

static void in_their_order(void)
{
    sleepers_t *app = new_instance();
    int ids[] = {0, 1, 2, 3};
    sleepers_string_t texts[] = {TEXT("first"), TEXT("second"), TEXT("third")}, back[2];
    uint32_t doubled = 0, len = 0, running = 0;
    CHECK(sleepers_echo_start(app, 60 * MS, &texts[0], &back[0], done, &ids[0]) == SLEEPERS_OK);
    CHECK(sleepers_echo_start(app, 20 * MS, &texts[1], &back[1], done, &ids[1]) == SLEEPERS_OK);
    CHECK(sleepers_double_start(app, 40 * MS, 5, &doubled, done, &ids[2]) == SLEEPERS_OK);
    CHECK(sleepers_length_start(app, 0, &texts[2], &len, done, &ids[3]) == SLEEPERS_OK);
    // Its own name is that of an export.
    CHECK(sleepers_poll_(app, &running) == SLEEPERS_OK && running == 2);
    CHECK(ends == 0);
    size_t pending = 4;
    for (int polls = 0; pending > 0 && polls < 100; polls++)
        pending = left(app, -1);
    CHECK(pending == 0 && ends == 4 && last == SLEEPERS_OK);
    CHECK(order[0] == 3 && order[1] == 1 && order[2] == 2 && order[3] == 0);
    CHECK(doubled == 10 && len == 5);
    for (int i = 0; i < 2; i++) {
        CHECK(back[i].len == texts[i].len && memcmp(back[i].ptr, texts[i].ptr, back[i].len) == 0);
        sleepers_string_free(&back[i]);
    }
    CHECK(sleepers_running(app, &running) == SLEEPERS_OK && running == 0);
    // With nothing to wait for, nothing is waited for.
    CHECK(left(app, -1) == 0);
    sleepers_delete(app);
}

// Calls that can only begin when another has ended; and time that is not enough.
static void one_at_a_time(void)
{
    sleepers_t *app = new_instance();
    int ids[MANY];
    uint32_t len[MANY];
    sleepers_string_t text = TEXT("text");
    for (int i = 0; i < MANY; i++) {
        ids[i] = i;
        CHECK(sleepers_length_start(app, i == 0 ? 50 * MS : 0, &text, &len[i], done, &ids[i]) == SLEEPERS_OK);
    }
    CHECK(left(app, 0) == MANY && left(app, MS) == MANY && ends == 0);
    for (int polls = 0; left(app, -1) > 0 && polls < 2 * MANY; polls++)
        continue;
    CHECK(ends == MANY);
    for (int i = 0; i < MANY; i++)
        CHECK(order[i] == i && len[i] == 4);
    // What is waited for lets the others go on, of which nobody is told before the next poll.
    CHECK(sleepers_length_start(app, MS, &text, &len[0], done, &ids[7]) == SLEEPERS_OK);
    CHECK(sleepers_length(app, MS, &text, &len[1]) == SLEEPERS_OK && ends == MANY);
    CHECK(left(app, -1) == 0 && ends == MANY + 1 && order[MANY] == 7);
    sleepers_delete(app);
}

struct chain {
    sleepers_t *app;
    int left;
    uint32_t number;
};

// Begins the next call.
static void next(void *user, sleepers_status_t status)
{
    struct chain *chain = user;
    CHECK(status == SLEEPERS_OK);
    if (chain->left-- > 0)
        CHECK(sleepers_double_start(chain->app, MS, chain->number, &chain->number, next, chain) == SLEEPERS_OK);
}

static void chained(void)
{
    struct chain chain = {.app = new_instance(), .left = 5, .number = 1};
    next(&chain, SLEEPERS_OK);
    while (left(chain.app, -1) > 0)
        continue;
    CHECK(chain.number == 32);
    sleepers_delete(chain.app);
}

static void ended(void)
{
    int ids[] = {0, 1};
    uint32_t number = 0;
    sleepers_string_t text = TEXT("text"), back, bad = TEXT("\xff");
    sleepers_t *app = new_instance();
    CHECK(sleepers_echo_start(app, 1000ull * MS, &text, &back, done, &ids[0]) == SLEEPERS_OK);
    CHECK(sleepers_fail_start(app, MS, done, &ids[1]) == SLEEPERS_OK);
    size_t pending = 1000;
    CHECK(sleepers_poll(app, -1, &pending) == SLEEPERS_TRAP && pending == 0);
    CHECK(ends == 2 && last == SLEEPERS_TRAP && strstr(sleepers_message(app), "unreachable") != NULL);
    CHECK(sleepers_double_start(app, 0, 1, &number, done, &ids[0]) == SLEEPERS_ENDED && ends == 2);
    sleepers_delete(app);
    CHECK(ends == 2);

    app = new_instance();
    CHECK(sleepers_echo_start(app, 0, &bad, &back, done, &ids[0]) == SLEEPERS_INVALID);
    CHECK(sleepers_never_start(app, done, &ids[0]) == SLEEPERS_OK);
    CHECK(left(app, MS) == 1 && ends == 0);
    CHECK(sleepers_poll(app, -1, NULL) == SLEEPERS_TRAP && ends == 1);
    CHECK(strstr(sleepers_message(app), "deadlock") != NULL);
    sleepers_delete(app);

    // One whose result is there, and one that goes on: both are told when the instance is deleted.
    app = new_instance();
    CHECK(sleepers_echo_start(app, 0, &text, &back, done, &ids[0]) == SLEEPERS_OK);
    CHECK(sleepers_echo_start(app, 1000ull * MS, &text, &back, done, &ids[1]) == SLEEPERS_OK);
    CHECK(sleepers_echo_start(app, 1000ull * MS, &text, &back, NULL, NULL) == SLEEPERS_OK);
    CHECK(sleepers_double(app, 5 * MS, 1, &number) == SLEEPERS_OK && ends == 0);
    sleepers_delete(app);
    CHECK(ends == 2 && order[0] == 0 && last == SLEEPERS_ENDED);
    sleepers_string_free(&back);
}

int main(void)
{
    waited_for();
    in_their_order();
    one_at_a_time();
    chained();
    ended();
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
