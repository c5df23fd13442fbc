/* A dispatch loop through a table of functions: a stack machine whose instructions are functions. */
#include "kernel.h"

struct machine {
    const int32_t *pc;
    int32_t *top;
    int32_t stack[64];
    int32_t slots[8];
    int running;
};

typedef void (*operation)(struct machine *);

static void op_push(struct machine *m) { *++m->top = *m->pc++; }
static void op_get(struct machine *m) { *++m->top = m->slots[*m->pc++]; }
static void op_set(struct machine *m) { m->slots[*m->pc++] = *m->top--; }
static void op_add(struct machine *m) { m->top--; m->top[0] = (int32_t)((uint32_t)m->top[0] + (uint32_t)m->top[1]); }
static void op_mul(struct machine *m) { m->top--; m->top[0] = (int32_t)((uint32_t)m->top[0] * (uint32_t)m->top[1]); }
static void op_xor(struct machine *m) { m->top--; m->top[0] ^= m->top[1]; }
static void op_shr(struct machine *m) { m->top--; m->top[0] = (int32_t)((uint32_t)m->top[0] >> (m->top[1] & 31)); }
static void op_less(struct machine *m) { m->top--; m->top[0] = m->top[0] < m->top[1]; }
static void op_dup(struct machine *m) { m->top[1] = m->top[0]; m->top++; }
static void op_branch(struct machine *m) { int32_t by = *m->pc++; if (!*m->top--) m->pc += by; }
static void op_jump(struct machine *m) { int32_t by = *m->pc; m->pc += by + 1; }
static void op_halt(struct machine *m) { m->running = 0; }

enum { PUSH, GET, SET, ADD, MUL, XOR, SHR, LESS, DUP, BRANCH, JUMP, HALT };

static operation const operations[] = {
    op_push, op_get, op_set, op_add, op_mul, op_xor, op_shr, op_less, op_dup, op_branch, op_jump, op_halt,
};

/* for (i = 0; i < limit; i++) { x = (x * 1103515245 + i) ^ (x >> 7); sum += x; } */
static const int32_t program[] = {
    /* 0 */ GET, 1, GET, 0, LESS, BRANCH, 27,
    /* 7 */ GET, 2, DUP, PUSH, 1103515245, MUL, GET, 1, ADD,
    /* 16 */ SET, 4, PUSH, 7, SHR, GET, 4, XOR, DUP, SET, 2,
    /* 27 */ GET, 3, ADD, SET, 3, JUMP, 5,
    /* 34 */ HALT,
    /* 35, unreachable */ HALT, HALT, HALT, HALT,
    /* 39 */ GET, 1, PUSH, 1, ADD, SET, 1, JUMP, -48,
};

int main(void)
{
    static struct machine m;
    m.pc = program;
    m.top = m.stack;
    m.slots[0] = 2600000;
    m.slots[2] = 12345;
    m.running = 1;
    while (m.running)
        operations[*m.pc++](&m);
    report("dispatch", (uint64_t)(uint32_t)m.slots[3] << 32 | (uint32_t)m.slots[1]);
    return 0;
}
