/* Calls of a comparator through a pointer: a quicksort of records by several orders. The sort is
 * our own, so that both builds do the same work. */
#include "kernel.h"

enum { RECORDS = 100000, ROUNDS = 30 };

struct record {
    uint32_t key, weight;
    uint64_t id;
};

typedef int (*comparator)(const struct record *, const struct record *);

static int by_key(const struct record *a, const struct record *b)
{
    return a->key < b->key ? -1 : a->key > b->key;
}

static int by_weight(const struct record *a, const struct record *b)
{
    return a->weight != b->weight ? (a->weight < b->weight ? -1 : 1) : by_key(a, b);
}

static int by_id_down(const struct record *a, const struct record *b)
{
    return a->id > b->id ? -1 : a->id < b->id;
}

static comparator volatile orders[] = {by_key, by_weight, by_id_down};

static void swap(struct record *a, struct record *b)
{
    struct record kept = *a;
    *a = *b;
    *b = kept;
}

static void sort(struct record *low, struct record *high, comparator compare)
{
    while (high - low > 8) {
        swap(low + (high - low) / 2, high);
        struct record *store = low;
        for (struct record *at = low; at < high; at++)
            if (compare(at, high) < 0)
                swap(at, store++);
        swap(store, high);
        if (store - low < high - store) {
            sort(low, store - 1, compare);
            low = store + 1;
        } else {
            sort(store + 1, high, compare);
            high = store - 1;
        }
    }
    for (struct record *at = low + 1; at <= high; at++)
        for (struct record *down = at; down > low && compare(down, down - 1) < 0; down--)
            swap(down, down - 1);
}

static struct record records[RECORDS];

int main(void)
{
    for (uint32_t i = 0; i < RECORDS; i++) {
        records[i].key = random_u32();
        records[i].weight = random_u32() % 1000;
        records[i].id = (uint64_t)random_u32() << 20 | i;
    }
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        sort(records, records + RECORDS - 1, orders[round % 3]);
        for (int i = 0; i < RECORDS; i += 997)
            sum = sum * 31 + records[i].id;
    }
    report("qsort", sum);
    return 0;
}
