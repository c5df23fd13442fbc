/* A hash table with open addressing: insertions, look-ups and deletions of words. */
#include "kernel.h"

enum { SLOTS = 1 << 15, WORDS = 20000, ROUNDS = 500 };

struct slot {
    uint32_t hash, count;
    char word[16];
};

static struct slot table[SLOTS];
static char words[WORDS][16];

static uint32_t hash_of(const char *word)
{
    uint32_t hash = 2166136261u;
    for (; *word; word++)
        hash = (hash ^ (uint8_t)*word) * 16777619u;
    return hash | 1;
}

static struct slot *find(const char *word)
{
    uint32_t hash = hash_of(word);
    uint32_t at = hash >> 7 & (SLOTS - 1);
    while (table[at].hash && (table[at].hash != hash || strcmp(table[at].word, word)))
        at = (at + 1) & (SLOTS - 1);
    if (!table[at].hash) {
        table[at].hash = hash;
        strcpy(table[at].word, word);
    }
    return &table[at];
}

int main(void)
{
    for (int i = 0; i < WORDS; i++) {
        int length = 3 + (int)(random_u32() % 12);
        for (int c = 0; c < length; c++)
            words[i][c] = (char)('a' + random_u32() % 6);
    }
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WORDS; i++)
            find(words[(i * 7919 + round) % WORDS])->count += (uint32_t)round + 1;
        for (int i = 0; i < SLOTS; i += 64)
            sum = sum * 31 + table[i].count + table[i].hash;
        if (round % 10 == 9)
            memset(table, 0, sizeof table);
    }
    report("hash", sum);
    return 0;
}
