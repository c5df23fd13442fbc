// Ways to trap, for backtraces with lines: `trap` calls one of them by its number. Some are inlined
// by the compiler, some are not.
typedef unsigned int u32;

struct list {
    struct list *next;
    int value;
};

volatile int sink;
int table[4] = {1, 2, 3, 4};
static int (*volatile handlers[3])(int);

static inline __attribute__((always_inline)) int inner(int value) {
    if (value > 2)
        __builtin_trap();
    return value + 1;
}

static inline __attribute__((always_inline)) int middle(int value) {
    int sum = 0;
    for (int i = 0; i < 8; i++)
        sum += inner(value + i);
    return sum;
}

static __attribute__((noinline)) int divide(int value, int by) { return value / by; }

static __attribute__((noinline)) int remainder(int value, int by) {
    return value % by;
}

static int tail(int value) { return divide(100, value); }

static __attribute__((noinline)) int load(const char *address) {
    return *(const volatile int *)(address + 0x40000000);
}

static __attribute__((noinline)) void store(char *address, int value) {
    *(volatile int *)(address + 0x50000000) = value;
}

static __attribute__((noinline)) int sum(const struct list *list) {
    int total = 0;
    while (list) {
        total += list->value;
        list = list->next;
    }
    return total;
}

static __attribute__((noinline)) int convert(float value) {
    return __builtin_wasm_trunc_s_i32_f32(value);
}

static __attribute__((noinline)) int descend(int depth) {
    if (depth == 0)
        __builtin_trap();
    int below = descend(depth - 1);
    return below + sink;
}

static __attribute__((noinline)) int call(int which, int value) {
    return handlers[which](value);
}

static __attribute__((noinline)) void fill(char *to, u32 bytes) {
    __builtin_memset(to, 1, bytes);
}

static __attribute__((noinline)) int compare(int left, int right) {
    int smaller = left < right ? left : right;
    if (smaller < 0) {
        sink = smaller;
        __builtin_unreachable();
    }
    return divide(smaller, smaller);
}

__attribute__((export_name("trap"))) int trap(int which) {
    struct list second = {(struct list *)0x70000000, 2};
    struct list first = {&second, 1};
    switch (which) {
    case 0:
        return middle(which);
    case 1:
        return divide(which, sink);
    case 2:
        return remainder(which, sink);
    case 3:
        return tail(sink);
    case 4:
        return load((const char *)table);
    case 5:
        store((char *)table, which);
        return 0;
    case 6:
        return sum(&first);
    case 7:
        return convert(3e30f);
    case 8:
        return descend(3);
    case 9:
        return call(2, which);
    case 10:
        fill((char *)table, 0x60000000);
        return 0;
    case 11:
        return compare(sink, sink + 1);
    default:
        return inner(which);
    }
}
