// Numbers, traps, limits and threads, with instances of a core module.
#define _GNU_SOURCE
#include "numbers.h"
#include <check.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static numbers_t *new_instance(const numbers_config_t *config)
{
    numbers_t *app = NULL;
    numbers_status_t status = numbers_new(config, &app);
    if (status != NUMBERS_OK) {
        printf("numbers_new: %d %s\n", status, numbers_message(NULL));
        exit(1);
    }
    return app;
}

static void values(void)
{
    numbers_t *app = new_instance(NULL);
    int32_t sum = 0, loaded = 0, nine = 0;
    CHECK(numbers_add(app, 40, 2, &sum) == NUMBERS_OK && sum == 42);
    CHECK(numbers_add(app, INT32_MAX, 1, &sum) == NUMBERS_OK && sum == INT32_MIN);
    double mixed = 0;
    CHECK(numbers_mix(app, -1, 1ll << 40, 0.5f, 0.25, &mixed) == NUMBERS_OK);
    CHECK(mixed == (double)(1ll << 40) - 0.25);
    int64_t quotient = 0, rest = 0;
    CHECK(numbers_div_mod(app, -7, 2, &quotient, &rest) == NUMBERS_OK);
    CHECK(quotient == -3 && rest == -1);
    numbers_v128_t vector, swapped;
    for (int i = 0; i < 16; i++)
        vector.bytes[i] = (uint8_t)i;
    CHECK(numbers_swap(app, &vector, &swapped) == NUMBERS_OK);
    CHECK(swapped.bytes[0] == 8 && swapped.bytes[15] == 7);
    CHECK(numbers_new_(app, &nine) == NUMBERS_OK && nine == 9);
    uint64_t bytes = 0;
    uint8_t *memory = numbers_memory(app, &bytes);
    CHECK(bytes == 65536 && memcmp(memory + 16, "hello", 5) == 0);
    memory[100] = 77;
    CHECK(numbers_load(app, 100, &loaded) == NUMBERS_OK && loaded == 77);
    int32_t pages = 0, count = 0;
    CHECK(numbers_grow(app, 2, &pages) == NUMBERS_OK && pages == 1);
    CHECK(numbers_memory(app, &bytes) == memory && bytes == 3 * 65536);
    CHECK(numbers_grow(app, 2, &pages) == NUMBERS_OK && pages == -1);
    for (int i = 0; i < 3; i++)
        CHECK(numbers_step(app, &count) == NUMBERS_OK);
    numbers_count(app, &count);
    double half = 0;
    numbers_half(app, &half);
    CHECK(count == 3 && half == 0.5);
    CHECK(strcmp(numbers_message(app), "") == 0 && numbers_exit_code(app) == 0);
    numbers_delete(app);
    numbers_delete(NULL);
}

static void ends(numbers_t *app, numbers_status_t status, const char *text, const char *name)
{
    int32_t sum = 0;
    CHECK(status == NUMBERS_TRAP);
    const char *message = numbers_message(app);
    if (!strstr(message, text) || !strstr(message, name)) {
        printf("`%s` has no `%s` and `%s`\n", message, text, name);
        failures++;
    }
    CHECK(numbers_add(app, 1, 1, &sum) == NUMBERS_ENDED);
    CHECK(strcmp(message, numbers_message(app)) == 0);
    numbers_delete(app);
}

static void traps(void)
{
    numbers_t *other = new_instance(NULL), *app;
    int32_t value = 0, count = 0;
    int64_t quotient, rest, depth = 0;
    CHECK(numbers_step(other, &count) == NUMBERS_OK);
    for (int round = 0; round < 3; round++) {
        app = new_instance(NULL);
        ends(app, numbers_fail(app), "unreachable", "outer");
        app = new_instance(NULL);
        ends(app, numbers_load(app, 1 << 20, &value), "out of bounds memory access", "0x100000");
        app = new_instance(NULL);
        ends(app, numbers_fill(app, 1, 65536), "out of bounds memory access", "wasm backtrace");
        app = new_instance(NULL);
        ends(app, numbers_div_mod(app, 1, 0, &quotient, &rest), "divide by zero", "backtrace");
        app = new_instance(NULL);
        CHECK(numbers_down(app, 1000, &depth) == NUMBERS_OK && depth == 1000);
        ends(app, numbers_down(app, -1, &depth), "call stack exhausted", "more");
        CHECK(numbers_step(other, &count) == NUMBERS_OK);
    }
    CHECK(count == 4);
    numbers_delete(other);
}

static void limits(void)
{
    numbers_config_t config = {.memory_bytes_max = 2 * 65536, .stack_bytes = 16 << 10};
    numbers_t *app = new_instance(&config);
    int32_t pages = 0;
    int64_t depth = 0;
    CHECK(numbers_grow(app, 1, &pages) == NUMBERS_OK && pages == 1);
    CHECK(numbers_grow(app, 1, &pages) == NUMBERS_OK && pages == -1);
    CHECK(numbers_down(app, 100, &depth) == NUMBERS_OK && depth == 100);
    CHECK(numbers_down(app, 10000, &depth) == NUMBERS_TRAP);
    numbers_delete(app);
    config.memory_bytes_max = 1;
    CHECK(numbers_new(&config, &app) == NUMBERS_NO_MEMORY && app == NULL);
    CHECK(strstr(numbers_message(NULL), "65536") != NULL);
    config = (numbers_config_t){.stack_bytes = 4 << 20};
    app = new_instance(&config);
    CHECK(numbers_down(app, 40000, &depth) == NUMBERS_OK && depth == 40000);
    numbers_delete(app);
}

#ifndef INSTANCES
#define INSTANCES 1000
#endif
// Instances that each thread makes one after the other.
#ifndef THREAD_INSTANCES
#define THREAD_INSTANCES 200
#endif

static void many(void)
{
    static numbers_t *all[INSTANCES];
    for (int i = 0; i < INSTANCES; i++) {
        all[i] = new_instance(NULL);
        CHECK(numbers_store(all[i], 1000, i) == NUMBERS_OK);
    }
    CHECK(numbers_fail(all[INSTANCES / 2]) == NUMBERS_TRAP);
    for (int i = 0; i < INSTANCES; i++) {
        int32_t value = -1;
        numbers_status_t status = numbers_load(all[i], 1000, &value);
        CHECK(i == INSTANCES / 2 ? status == NUMBERS_ENDED : status == NUMBERS_OK && value == i);
    }
    for (int i = 0; i < INSTANCES; i++)
        numbers_delete(all[i]);
}

static void *thread(void *argument)
{
    (void)argument;
    numbers_t *app = new_instance(NULL);
    int32_t count = 0, value;
    for (int i = 1; i <= THREAD_INSTANCES; i++) {
        CHECK(numbers_step(app, &count) == NUMBERS_OK && count == i);
        numbers_t *short_lived = new_instance(NULL);
        CHECK(numbers_load(short_lived, -4, &value) == NUMBERS_TRAP);
        CHECK(strstr(numbers_message(short_lived), "0xfffffffc") != NULL);
        numbers_delete(short_lived);
        if (i > 3)
            continue;
        // The stack of a thread lies below the code of a shared library, that of the first one above.
        int64_t depth;
        short_lived = new_instance(NULL);
        CHECK(numbers_down(short_lived, -1, &depth) == NUMBERS_TRAP);
        CHECK(strstr(numbers_message(short_lived), "call stack exhausted") != NULL);
        numbers_delete(short_lived);
    }
    numbers_delete(app);
    return NULL;
}

static void threads(void)
{
    pthread_t all[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&all[i], NULL, thread, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(all[i], NULL);
}

static sigjmp_buf after_fault;
static volatile sig_atomic_t faults;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    faults++;
    siglongjmp(after_fault, 1);
}

// A fault of the program itself goes to its own handler, which was there first.
static void own_faults(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (sigsetjmp(after_fault, 1) == 0)
        page[0] = 1;
    CHECK(faults == 1);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    values();
    own_faults();
    traps();
    limits();
    many();
    threads();
    CHECK(faults == 1);
    puts(failures ? "failed" : "ok");
    return failures != 0;
}
