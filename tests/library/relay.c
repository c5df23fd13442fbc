// Functions and resources that the embedder provides to a component: values of every kind, both ways.
#include "relay.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

#define TEXT(literal) ((relay_string_t){(char *)(literal), sizeof(literal) - 1})

enum { THINGS = 16 };

struct state {
    relay_t *app;
    int calls, dropped, spoil;
    relay_string_t names[THINGS];
    uint32_t things;
};

static int is_text(const relay_string_t *text, const char *expected)
{
    return text->len == strlen(expected) && memcmp(text->ptr, expected, text->len) == 0;
}

// A copy that whoever gets it frees.
static void *copy(const void *from, size_t bytes)
{
    void *to = bytes ? malloc(bytes) : NULL;
    if (bytes && to == NULL)
        abort();
    return bytes ? memcpy(to, from, bytes) : NULL;
}

static relay_string_t copied(relay_string_t text)
{
    return (relay_string_t){copy(text.ptr, text.len), text.len};
}

static int32_t same(void *user, const relay_kinds_everything_t *it, relay_kinds_everything_t *result)
{
    struct state *state = user;
    state->calls++;
    CHECK(it->yes && it->small == 200 && it->short_ == -30000 && it->word == 4000000000u);
    CHECK(it->letter == 0x1F600 && it->color == RELAY_KINDS_COLOR_GREEN && is_text(&it->text, "text"));
    *result = *it;
    result->text = copied(it->text);
    if (it->shape.tag == RELAY_KINDS_SHAPE_POLYGON) {
        size_t bytes = it->shape.val.polygon.len * sizeof *it->shape.val.polygon.ptr;
        result->shape.val.polygon.ptr = copy(it->shape.val.polygon.ptr, bytes);
    }
    result->names.ptr = copy(it->names.ptr, it->names.len * sizeof *it->names.ptr);
    for (size_t i = 0; i < it->names.len; i++)
        result->names.ptr[i] = copied(it->names.ptr[i]);
    if (it->maybe.is_some)
        result->maybe.val = copied(it->maybe.val);
    if (it->outcome.is_err)
        result->outcome.val.err = copied(it->outcome.val.err);
    result->nested.ptr = copy(it->nested.ptr, it->nested.len * sizeof *it->nested.ptr);
    for (size_t i = 0; i < it->nested.len; i++)
        result->nested.ptr[i].ptr = copy(it->nested.ptr[i].ptr, it->nested.ptr[i].len * sizeof(uint16_t));
    if (state->spoil)
        result->letter = 0xD800;
    return 0;
}

static int32_t join(void *user, const relay_string_t *a, const relay_string_t *b, relay_string_t *result)
{
    // The instance waits for this function, and is not called meanwhile.
    struct state *state = user;
    uint32_t other = 0;
    CHECK(relay_default(state->app, 1, &other) == RELAY_INVALID);
    result->len = a->len + b->len;
    result->ptr = malloc(result->len + 1);
    memcpy(result->ptr, a->ptr, a->len);
    memcpy(result->ptr + a->len, b->ptr, b->len);
    return 0;
}

static int32_t next(void *user, relay_kinds_color_t c, int8_t minus, float half, relay_kinds_color_t *result)
{
    (void)user;
    CHECK(minus == -100 && half == 0.5f);
    *result = (relay_kinds_color_t)(c + 1);
    return 0;
}

static int32_t parse(void *user, const relay_string_t *text, relay_result_u32_string_t *result)
{
    (void)user;
    result->is_err = text->len != 1;
    if (result->is_err)
        result->val.err = copied(*text);
    else
        result->val.ok = (uint32_t)(text->ptr[0] - '0');
    return 0;
}

static int32_t nothing(void *user)
{
    ((struct state *)user)->calls++;
    return 0;
}

static int32_t total(void *user, const relay_list_u32_t *numbers, uint64_t *result)
{
    (void)user;
    *result = 0;
    for (size_t i = 0; i < numbers->len; i++)
        *result += numbers->ptr[i];
    return 0;
}

static int32_t fails_for_13(void *user, uint32_t n, uint32_t *result)
{
    (void)user;
    *result = n + 1;
    return n == 13 ? -7 : 0;
}

static int32_t thing_new(void *user, const relay_string_t *name, relay_things_thing_t *result)
{
    struct state *state = user;
    state->names[state->things] = copied(*name);
    result->rep = state->things++;
    return 0;
}

static int32_t thing_name(void *user, relay_things_thing_t self, relay_string_t *result)
{
    struct state *state = user;
    CHECK(self.rep < state->things);
    *result = copied(state->names[self.rep]);
    return 0;
}

static int32_t heavier(void *user, relay_things_thing_t a, relay_things_thing_t b,
                       relay_option_things_thing_t *result)
{
    struct state *state = user;
    result->is_some = state->names[a.rep].len > state->names[b.rep].len;
    result->val = a;
    return 0;
}

static void thing_drop(void *user, relay_things_thing_t self)
{
    struct state *state = user;
    relay_string_free(&state->names[self.rep]);
    state->names[self.rep] = (relay_string_t){NULL, 0};
    state->dropped++;
}

static void values(relay_t *app, struct state *state)
{
    relay_kinds_point_t corners[] = {{1, 2}, {-3, -4}};
    relay_string_t names[] = {TEXT("one"), TEXT(""), TEXT("drei")};
    uint16_t first[] = {1, 65535};
    relay_list_u16_t nested[] = {{first, 2}, {NULL, 0}};
    relay_kinds_everything_t in = {
        .yes = true, .small = 200, .short_ = -30000, .word = 4000000000u, .long_ = INT64_MIN,
        .single = 0.1f, .double_ = -1e300, .letter = 0x1F600, .text = TEXT("text"),
        .color = RELAY_KINDS_COLOR_GREEN, .access = RELAY_KINDS_ACCESS_RUN_IT,
        .shape = {.tag = RELAY_KINDS_SHAPE_POLYGON, .val.polygon = {corners, 2}},
        .names = {names, 3}, .maybe = {.is_some = true, .val = TEXT("maybe")},
        .outcome = {.is_err = true, .val.err = TEXT("why")}, .empty = {.is_err = true},
        .pair = {9, UINT64_MAX}, .nested = {nested, 2},
        .both = {.is_some = true, .val = {.is_some = false}},
    };
    for (int round = 0; round < 100; round++) {
        relay_kinds_everything_t out;
        memset(&out, 0xaa, sizeof out);
        CHECK(relay_same(app, &in, &out) == RELAY_OK && state->calls == round + 1);
        CHECK(out.long_ == INT64_MIN && out.single == 0.1f && out.double_ == -1e300);
        CHECK(out.access == RELAY_KINDS_ACCESS_RUN_IT && out.shape.val.polygon.len == 2);
        CHECK(memcmp(out.shape.val.polygon.ptr, corners, sizeof corners) == 0);
        CHECK(out.names.len == 3 && is_text(&out.names.ptr[2], "drei") && out.names.ptr[1].len == 0);
        CHECK(out.maybe.is_some && is_text(&out.maybe.val, "maybe"));
        CHECK(out.outcome.is_err && is_text(&out.outcome.val.err, "why") && out.empty.is_err);
        CHECK(out.pair.f0 == 9 && out.pair.f1 == UINT64_MAX && out.nested.len == 2);
        CHECK(out.nested.ptr[0].ptr[1] == 65535 && out.both.is_some && !out.both.val.is_some);
        relay_kinds_everything_free(&out);
    }
    relay_string_t left = TEXT("größer "), right = TEXT("als"), both;
    CHECK(relay_join(app, &left, &right, &both) == RELAY_OK && is_text(&both, "größer als"));
    relay_string_free(&both);
    relay_kinds_color_t color = 77;
    CHECK(relay_next(app, RELAY_KINDS_COLOR_GREEN, -100, 0.5f, &color) == RELAY_OK);
    CHECK(color == RELAY_KINDS_COLOR_BLUE);
    relay_result_u32_string_t parsed;
    relay_string_t text = TEXT("7");
    CHECK(relay_parse(app, &text, &parsed) == RELAY_OK && !parsed.is_err && parsed.val.ok == 7);
    text = TEXT("no number");
    CHECK(relay_parse(app, &text, &parsed) == RELAY_OK && parsed.is_err);
    CHECK(is_text(&parsed.val.err, "no number"));
    relay_result_u32_string_free(&parsed);
    CHECK(relay_nothing(app) == RELAY_OK && state->calls == 101);
    static uint32_t numbers[100000];
    for (uint32_t i = 0; i < 100000; i++)
        numbers[i] = i;
    uint64_t sum = 0;
    CHECK(relay_total(app, &(relay_list_u32_t){numbers, 100000}, &sum) == RELAY_OK && sum == 4999950000u);
    uint32_t more = 0;
    CHECK(relay_default(app, 41, &more) == RELAY_OK && more == 42);
}

static void resources(relay_t *app, struct state *state)
{
    relay_string_t name = TEXT("stone"), result;
    CHECK(relay_name_of_new(app, &name, &result) == RELAY_OK && is_text(&result, "stone"));
    CHECK(state->things == 2 && state->dropped == 2);
    relay_string_free(&result);
    relay_things_thing_t own;
    CHECK(thing_new(state, &name, &own) == 0);
    CHECK(relay_name_of(app, own, &result) == RELAY_OK && is_text(&result, "stone"));
    relay_string_free(&result);
    CHECK(relay_keep(app, own) == RELAY_OK && state->dropped == 2);
    CHECK(relay_kept_name(app, &result) == RELAY_OK && is_text(&result, "stone"));
    relay_string_free(&result);
    relay_things_thing_t back = {77};
    CHECK(relay_give_back(app, &back) == RELAY_OK && back.rep == own.rep);
    CHECK(relay_kept_name(app, &result) == RELAY_TRAP && strstr(relay_message(app), "handle"));
    thing_drop(state, back);
}

// What goes wrong in a function of the embedder ends the instance.
static void wrong(const relay_config_t *config, struct state *state)
{
    uint32_t more = 0;
    CHECK(relay_new(config, &state->app) == RELAY_OK);
    CHECK(relay_default(state->app, 13, &more) == RELAY_TRAP);
    CHECK(strstr(relay_message(state->app), "failed with status -7"));
    relay_delete(state->app);
    CHECK(relay_new(config, &state->app) == RELAY_OK);
    state->spoil = 1;
    relay_kinds_everything_t in = {
        .yes = true, .small = 200, .short_ = -30000, .word = 4000000000u, .letter = 0x1F600,
        .text = TEXT("text"), .color = RELAY_KINDS_COLOR_GREEN,
    }, out;
    CHECK(relay_same(state->app, &in, &out) == RELAY_TRAP);
    CHECK(strstr(relay_message(state->app), "kinds@1.0.0#same` has given what is not of its type"));
    relay_delete(state->app);
    relay_imports_t none = {0};
    CHECK(relay_new(&(relay_config_t){.imports = &none}, &state->app) == RELAY_OK);
    CHECK(relay_nothing(state->app) == RELAY_TRAP && strstr(relay_message(state->app), "not provided"));
    relay_delete(state->app);
    CHECK(relay_new(NULL, &state->app) == RELAY_OK);
    CHECK(relay_nothing(state->app) == RELAY_TRAP);
    relay_delete(state->app);
}

int main(void)
{
    struct state state = {0};
    relay_imports_t imports = {
        .user = &state, .kinds_same = same, .kinds_join = join, .kinds_next = next,
        .kinds_parse = parse, .kinds_nothing = nothing, .kinds_total = total,
        .default_ = fails_for_13, .things_thing_new = thing_new, .things_thing_name = thing_name,
        .things_thing_heavier = heavier, .things_thing_drop = thing_drop,
    };
    relay_config_t config = {.imports = &imports};
    if (relay_new(&config, &state.app) != RELAY_OK) {
        printf("%s\n", relay_message(NULL));
        return 1;
    }
    values(state.app, &state);
    resources(state.app, &state);
    relay_delete(state.app);
    wrong(&config, &state);
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
