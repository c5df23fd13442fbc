// What a call has made when a trap ends it, and what it was given, is freed.
#include "leaks.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 300, LENGTH = 1000 * 1000, MEGABYTES_MAX = 100 };

// Of memory that the process uses.
static long megabytes(void)
{
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &all, &resident) != 2)
        return -1;
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE) / 1000000;
}

// A call that ends in the middle of its result, and one that ends in the middle of its argument.
static int round_of_traps(const char *text)
{
    leaks_t *app = NULL;
    if (leaks_new(NULL, &app) != LEAKS_OK)
        return 1;
    leaks_list_string_t texts;
    if (leaks_texts(app, false, &texts) != LEAKS_OK || texts.len != 1000 || texts.ptr[999].len != 1000)
        return 2;
    leaks_list_string_free(&texts);
    if (leaks_texts(app, true, &texts) != LEAKS_TRAP || !strstr(leaks_message(app), "utf-8"))
        return 3;
    leaks_delete(app);
    if (leaks_new(NULL, &app) != LEAKS_OK)
        return 4;
    leaks_string_t argument = {(char *)text, LENGTH};
    uint32_t length = 0;
    if (leaks_length(app, &argument, &length) != LEAKS_TRAP)
        return 5;
    leaks_delete(app);
    return 0;
}

int main(void)
{
    static char text[LENGTH];
    memset(text, 'x', LENGTH);
    long before = 0;
    for (int round = 0; round < ROUNDS; round++) {
        if (round == 10)
            before = megabytes();
        int failure = round_of_traps(text);
        if (failure) {
            printf("round %d ends with %d\n", round, failure);
            return 1;
        }
    }
    long more = megabytes() - before;
    printf("%ld MB more\n", more);
    return more > MEGABYTES_MAX;
}
