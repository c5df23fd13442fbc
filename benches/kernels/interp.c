/* A dispatch loop with a switch: a register machine that finds primes and a string's hash. */
#include "kernel.h"

enum op { LOADI, MOV, ADD, SUB, MUL, REM, XOR, SHR, LT, EQ, JZ, JMP, LOAD, STORE, ADDI, HALT };

struct insn {
    uint8_t op, a, b, c;
    int32_t imm;
};

static uint32_t heap[1 << 16];

static uint32_t run(const struct insn *code, uint32_t limit)
{
    uint32_t r[16] = {0};
    r[15] = limit;
    for (const struct insn *pc = code;; pc++) {
        switch (pc->op) {
        case LOADI: r[pc->a] = (uint32_t)pc->imm; break;
        case MOV: r[pc->a] = r[pc->b]; break;
        case ADD: r[pc->a] = r[pc->b] + r[pc->c]; break;
        case SUB: r[pc->a] = r[pc->b] - r[pc->c]; break;
        case MUL: r[pc->a] = r[pc->b] * r[pc->c]; break;
        case REM: r[pc->a] = r[pc->b] % r[pc->c]; break;
        case XOR: r[pc->a] = r[pc->b] ^ r[pc->c]; break;
        case SHR: r[pc->a] = r[pc->b] >> (pc->imm & 31); break;
        case LT: r[pc->a] = r[pc->b] < r[pc->c]; break;
        case EQ: r[pc->a] = r[pc->b] == r[pc->c]; break;
        case JZ: if (!r[pc->a]) pc += pc->imm; break;
        case JMP: pc += pc->imm; break;
        case LOAD: r[pc->a] = heap[r[pc->b] & 0xffff]; break;
        case STORE: heap[r[pc->b] & 0xffff] = r[pc->a]; break;
        case ADDI: r[pc->a] = r[pc->b] + (uint32_t)pc->imm; break;
        default: return r[0];
        }
    }
}

/* r1 counts candidates from 2 to the limit; r2 is a divisor; r0 mixes the primes that are found. */
static const struct insn program[] = {
    {LOADI, 0, 0, 0, 7}, {LOADI, 1, 0, 0, 2}, {LOADI, 9, 0, 0, 16777619},
    /* 3: */ {LT, 3, 1, 15, 0}, {JZ, 3, 0, 0, 20}, {LOADI, 2, 0, 0, 2},
    /* 6: */ {MUL, 4, 2, 2, 0}, {LT, 5, 1, 4, 0}, {JZ, 5, 0, 0, 1}, {JMP, 0, 0, 0, 4},
    /* 10: */ {REM, 6, 1, 2, 0}, {JZ, 6, 0, 0, 10}, {ADDI, 2, 2, 0, 1}, {JMP, 0, 0, 0, -8},
    /* 14: prime */ {XOR, 0, 0, 1, 0}, {MUL, 0, 0, 9, 0}, {SHR, 7, 0, 0, 15}, {XOR, 0, 0, 7, 0},
    /* 18: */ {STORE, 0, 1, 0, 0}, {SHR, 8, 1, 0, 1}, {LOAD, 8, 8, 0, 0}, {ADD, 0, 0, 8, 0},
    /* 22: */ {ADDI, 1, 1, 0, 1}, {JMP, 0, 0, 0, -21}, {HALT, 0, 0, 0, 0}, {HALT, 0, 0, 0, 0},
};

int main(void)
{
    uint64_t sum = 0;
    for (uint32_t round = 0; round < 12; round++)
        sum = sum * 31 + run(program, 120000 + round * 1000);
    report("interp", sum);
    return 0;
}
