/* String and memory functions of the C library: joins, splits, searches and moves. */
#include "kernel.h"

enum { TEXT_BYTES = 1 << 16, ROUNDS = 800 };

static char text[TEXT_BYTES + 1], copy[TEXT_BYTES + 1], joined[TEXT_BYTES * 2 + 1];

int main(void)
{
    for (int i = 0; i < TEXT_BYTES; i++)
        text[i] = random_u32() % 7 ? (char)('a' + random_u32() % 20) : ' ';
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(copy, text, sizeof copy);
        memmove(copy + 13, copy, TEXT_BYTES - 13);
        size_t out = 0;
        uint32_t words = 0, matches = 0;
        for (char *word = copy; *word; words++) {
            char *end = memchr(word, ' ', strnlen(word, 200));
            if (end)
                *end = 0;
            size_t length = strlen(word);
            if (out + length + 2 < sizeof joined) {
                memcpy(joined + out, word, length);
                out += length;
                joined[out++] = '-';
            }
            matches += strncmp(word, "abc", 2) == 0;
            matches += memchr(word, 'q', length) != NULL;
            if (!end)
                break;
            word = end + 1;
        }
        joined[out] = 0;
        sum = sum * 31 + words * 7 + matches + strlen(joined);
        sum += (uint32_t)memcmp(joined, text, 64) >> 31;
        text[(round * 977) % TEXT_BYTES] = 'q';
        memset(text + (round * 331) % (TEXT_BYTES - 64), 'm', 48);
    }
    report("strings", sum);
    return 0;
}
