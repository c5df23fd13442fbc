/* Virtual calls: objects with tables of functions, in an order that no branch predictor knows. */
#include "kernel.h"

enum { OBJECTS = 4096, ROUNDS = 20000 };

struct object;

struct methods {
    uint32_t (*step)(struct object *, uint32_t);
    uint32_t (*weigh)(const struct object *);
};

struct object {
    const struct methods *methods;
    uint32_t x, y;
};

static uint32_t counter_step(struct object *o, uint32_t n) { return o->x += n; }
static uint32_t counter_weigh(const struct object *o) { return o->x >> 3; }
static uint32_t mixer_step(struct object *o, uint32_t n) { o->x = (o->x ^ n) * 2654435761u; return o->x ^ o->y; }
static uint32_t mixer_weigh(const struct object *o) { return o->x & 255; }
static uint32_t shifter_step(struct object *o, uint32_t n) { o->y = o->y << 1 | o->y >> 31; return o->y + n; }
static uint32_t shifter_weigh(const struct object *o) { return o->y - o->x; }
static uint32_t swapper_step(struct object *o, uint32_t n) { uint32_t x = o->x; o->x = o->y; o->y = x + n; return x; }
static uint32_t swapper_weigh(const struct object *o) { return o->x ^ o->y; }

static const struct methods kinds[] = {
    {counter_step, counter_weigh}, {mixer_step, mixer_weigh},
    {shifter_step, shifter_weigh}, {swapper_step, swapper_weigh},
};

static struct object objects[OBJECTS];

int main(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        objects[i].methods = &kinds[i / 16 % 4];
        objects[i].x = random_u32();
        objects[i].y = random_u32();
    }
    uint32_t state = 1, weight = 0;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < OBJECTS; i++) {
            struct object *o = &objects[i];
            state = o->methods->step(o, state);
            weight += o->methods->weigh(o);
        }
    report("objects", (uint64_t)state << 32 | weight);
    return 0;
}
