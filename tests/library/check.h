// What the programs of this folder check with: each prints what failed, and ends with how many.
#include <stdio.h>

static int failures;

// In any thread.
#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);                 \
        }                                                                       \
    } while (0)
