/* Backtracking: a matcher of patterns with classes, repetition and alternatives over text. */
#include "kernel.h"

enum { TEXT_BYTES = 1 << 15, ROUNDS = 18 };

static char text[TEXT_BYTES + 1];

static int match_here(const char *pattern, const char *at, const char **end);

/* The length of the item at the start of a pattern: a class, an escape or a character. */
static int item_length(const char *pattern)
{
    if (*pattern == '[')
        return (int)(strchr(pattern, ']') - pattern) + 1;
    return *pattern == '\\' ? 2 : 1;
}

static int item_matches(const char *pattern, char c)
{
    switch (*pattern) {
    case '.': return c != 0;
    case '\\':
        if (pattern[1] == 'd') return c >= '0' && c <= '9';
        if (pattern[1] == 'w') return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        return c == pattern[1];
    case '[': {
        int negated = pattern[1] == '^', found = 0;
        for (const char *p = pattern + 1 + negated; *p != ']'; p++) {
            if (p[1] == '-' && p[2] != ']') {
                found |= c >= p[0] && c <= p[2];
                p += 2;
            } else {
                found |= c == *p;
            }
        }
        return c != 0 && found != negated;
    }
    default: return c == *pattern;
    }
}

static int match_repeated(const char *item, int min, int max, const char *rest, const char *at,
                          const char **end)
{
    int count = 0;
    while (count < max && item_matches(item, at[count]))
        count++;
    for (; count >= min; count--)
        if (match_here(rest, at + count, end))
            return 1;
    return 0;
}

static int match_here(const char *pattern, const char *at, const char **end)
{
    if (!*pattern) {
        *end = at;
        return 1;
    }
    int length = item_length(pattern);
    const char *rest = pattern + length;
    switch (*rest) {
    case '*': return match_repeated(pattern, 0, 1 << 20, rest + 1, at, end);
    case '+': return match_repeated(pattern, 1, 1 << 20, rest + 1, at, end);
    case '?': return match_repeated(pattern, 0, 1, rest + 1, at, end);
    default: return item_matches(pattern, *at) && match_here(rest, at + 1, end);
    }
}

static const char *const patterns[] = {
    "[a-f]+\\d\\d?[^ ]*ing", "\\w+@\\w+\\.c", "a.*z.*q", "[0-9]+-[0-9]+", "x?y?z?abc", "[^ ]+[aeiou][^ ]+ \\d",
};

int main(void)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789 @.-ing aeiou ";
    for (int i = 0; i < TEXT_BYTES; i++)
        text[i] = random_u32() % 90 ? alphabet[random_u32() % (sizeof alphabet - 1)] : '\n';
    for (char *line = text; (line = strchr(line, '\n')); line++)
        *line = 0;
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (unsigned p = 0; p < sizeof patterns / sizeof *patterns; p++) {
            uint32_t count = 0, bytes = 0;
            for (const char *at = text; at < text + TEXT_BYTES; at++) {
                const char *end;
                if (match_here(patterns[p], at, &end)) {
                    count++;
                    bytes += (uint32_t)(end - at);
                }
            }
            sum = sum * 31 + count * 1000003 + bytes;
        }
        text[(round * 7919) % TEXT_BYTES] = 'z';
    }
    report("regex", sum);
    return 0;
}
