// Values of every kind, to a component and back.
#include "shapes.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

#define TEXT(literal) ((shapes_string_t){(char *)(literal), sizeof(literal) - 1})

static int is_text(const shapes_string_t *text, const char *expected)
{
    return text->len == strlen(expected) && memcmp(text->ptr, expected, text->len) == 0;
}

static void numbers(shapes_t *app)
{
    uint32_t sum = 0;
    CHECK(shapes_add(app, UINT32_MAX, 3, &sum) == SHAPES_OK && sum == 2);
    float half = 0;
    CHECK(shapes_kinds_half(app, -3.0f, &half) == SHAPES_OK && half == -1.5f);
    int8_t minus = 0;
    CHECK(shapes_kinds_minus(app, 100, &minus) == SHAPES_OK && minus == -100);
    bool negated = true;
    CHECK(shapes_kinds_negate(app, true, &negated) == SHAPES_OK && !negated);
    shapes_kinds_color_t color = 77;
    CHECK(shapes_kinds_next(app, SHAPES_KINDS_COLOR_BLUE, &color) == SHAPES_OK);
    CHECK(color == SHAPES_KINDS_COLOR_RED);
    shapes_kinds_access_t access = 0;
    CHECK(shapes_kinds_all(app, SHAPES_KINDS_ACCESS_WRITE, &access) == SHAPES_OK);
    CHECK(access == (SHAPES_KINDS_ACCESS_READ | SHAPES_KINDS_ACCESS_WRITE | SHAPES_KINDS_ACCESS_RUN_IT));
    shapes_kinds_point_t point = {3, -4};
    CHECK(shapes_kinds_move_by(app, &point, 10, 20, &point) == SHAPES_OK);
    CHECK(point.x == 13 && point.y == 16);
    CHECK(shapes_nothing(app) == SHAPES_OK);
}

static void texts(shapes_t *app)
{
    shapes_string_t left = TEXT("größer "), right = TEXT("als nichts"), both;
    CHECK(shapes_join(app, &left, &right, &both) == SHAPES_OK);
    CHECK(is_text(&both, "größer als nichts"));
    shapes_string_free(&both);
    left.len = right.len = 0;
    left.ptr = NULL;
    CHECK(shapes_join(app, &left, &right, &both) == SHAPES_OK && both.len == 0);
    shapes_string_free(&both);
    left = TEXT("\xff");
    CHECK(shapes_join(app, &left, &right, &both) == SHAPES_INVALID);
    CHECK(shapes_kinds_next(app, 3, &(shapes_kinds_color_t){0}) == SHAPES_INVALID);
    enum { COUNT = 100000 };
    static uint32_t numbers[COUNT];
    uint64_t expected = 0, total = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        expected += numbers[i] = i * 77777;
    shapes_list_u32_t list = {numbers, COUNT};
    CHECK(shapes_total(app, &list, &total) == SHAPES_OK && total == expected);
}

static void results(void)
{
    shapes_t *app = NULL;
    CHECK(shapes_new(NULL, &app) == SHAPES_OK);
    shapes_result_u32_string_t result;
    shapes_string_t text = TEXT("7");
    CHECK(shapes_fail(app, &text, &result) == SHAPES_OK && !result.is_err && result.val.ok == '7');
    shapes_result_u32_string_free(&result);
    text = TEXT("no number");
    CHECK(shapes_fail(app, &text, &result) == SHAPES_OK && result.is_err);
    CHECK(is_text(&result.val.err, "no number"));
    shapes_result_u32_string_free(&result);
    text.len = 0;
    CHECK(shapes_fail(app, &text, &result) == SHAPES_TRAP);
    CHECK(strstr(shapes_message(app), "unreachable") && strstr(shapes_message(app), "backtrace"));
    CHECK(shapes_fail(app, &text, &result) == SHAPES_ENDED);
    shapes_delete(app);
}

static void everything(shapes_t *app)
{
    shapes_kinds_point_t corners[] = {{1, 2}, {-3, -4}, {INT32_MAX, INT32_MIN}};
    shapes_string_t names[] = {TEXT("one"), TEXT(""), TEXT("drei")};
    uint16_t first[] = {1, 65535}, third[] = {7};
    shapes_list_u16_t nested[] = {{first, 2}, {NULL, 0}, {third, 1}};
    shapes_kinds_everything_t in = {
        .yes = true, .small = 200, .short_ = -30000, .word = 4000000000u, .long_ = INT64_MIN,
        .single = 0.1f, .double_ = -1e300, .letter = 0x1F600, .text = TEXT("text"),
        .color = SHAPES_KINDS_COLOR_GREEN, .access = SHAPES_KINDS_ACCESS_RUN_IT,
        .shape = {.tag = SHAPES_KINDS_SHAPE_POLYGON, .val.polygon = {corners, 3}},
        .names = {names, 3}, .maybe = {.is_some = true, .val = TEXT("maybe")},
        .outcome = {.is_err = false, .val.ok = {5, 6}}, .empty = {.is_err = true},
        .pair = {9, UINT64_MAX}, .nested = {nested, 3},
        .both = {.is_some = true, .val = {.is_some = false}},
    };
    for (int round = 0; round < 100; round++) {
        shapes_kinds_everything_t out;
        memset(&out, 0xaa, sizeof out);
        CHECK(shapes_kinds_same(app, &in, &out) == SHAPES_OK);
        CHECK(out.yes && out.small == 200 && out.short_ == -30000 && out.word == 4000000000u);
        CHECK(out.long_ == INT64_MIN && out.single == 0.1f && out.double_ == -1e300);
        CHECK(out.letter == 0x1F600 && is_text(&out.text, "text"));
        CHECK(out.color == SHAPES_KINDS_COLOR_GREEN && out.access == SHAPES_KINDS_ACCESS_RUN_IT);
        CHECK(out.shape.tag == SHAPES_KINDS_SHAPE_POLYGON && out.shape.val.polygon.len == 3);
        CHECK(memcmp(out.shape.val.polygon.ptr, corners, sizeof corners) == 0);
        CHECK(out.names.len == 3 && is_text(&out.names.ptr[2], "drei") && out.names.ptr[1].len == 0);
        CHECK(out.maybe.is_some && is_text(&out.maybe.val, "maybe"));
        CHECK(!out.outcome.is_err && out.outcome.val.ok.y == 6 && out.empty.is_err);
        CHECK(out.pair.f0 == 9 && out.pair.f1 == UINT64_MAX && out.nested.len == 3);
        CHECK(out.nested.ptr[0].ptr[1] == 65535 && out.nested.ptr[1].len == 0);
        CHECK(out.nested.ptr[2].ptr[0] == 7 && out.both.is_some && !out.both.val.is_some);
        shapes_kinds_everything_free(&out);
    }
    in.shape.tag = SHAPES_KINDS_SHAPE_CIRCLE;
    in.shape.val.circle = 2.5;
    in.outcome.is_err = true;
    in.outcome.val.err = TEXT("why");
    in.maybe.is_some = false;
    shapes_kinds_everything_t out;
    CHECK(shapes_kinds_same(app, &in, &out) == SHAPES_OK);
    CHECK(out.shape.tag == SHAPES_KINDS_SHAPE_CIRCLE && out.shape.val.circle == 2.5);
    CHECK(out.outcome.is_err && is_text(&out.outcome.val.err, "why") && !out.maybe.is_some);
    shapes_kinds_everything_free(&out);
    in.letter = 0xD800;
    CHECK(shapes_kinds_same(app, &in, &out) == SHAPES_INVALID);
}

int main(void)
{
    shapes_t *app = NULL;
    if (shapes_new(NULL, &app) != SHAPES_OK) {
        printf("%s\n", shapes_message(NULL));
        return 1;
    }
    numbers(app);
    texts(app);
    results();
    everything(app);
    shapes_delete(app);
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
