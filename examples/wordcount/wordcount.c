/* Counts words: of the files and folders that are its arguments, or of standard input.
 *
 * Uses what most programs use of WASI 0.1: arguments, files, folders, an environment variable
 * (WORDCOUNT_TOP: how many words to list), clocks, standard streams and an exit status.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct word {
    char *text;
    size_t length;
    uint64_t count;
};

/* Open addressing; the number of slots is a power of two. */
static struct word *slots;
static size_t slot_count, word_count;
static uint64_t words_total, lines_total, bytes_total, files_total;
static int failures;

static void *checked(void *memory)
{
    if (!memory) {
        fputs("wordcount: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static size_t slot_of(const struct word *table, size_t count, const char *text, size_t length)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    size_t at = hash & (count - 1);
    while (table[at].text && (table[at].length != length || memcmp(table[at].text, text, length)))
        at = (at + 1) & (count - 1);
    return at;
}

static void grow(void)
{
    size_t larger_count = slot_count ? slot_count * 2 : 1024;
    struct word *larger = checked(calloc(larger_count, sizeof *larger));
    for (size_t i = 0; i < slot_count; i++)
        if (slots[i].text)
            larger[slot_of(larger, larger_count, slots[i].text, slots[i].length)] = slots[i];
    free(slots);
    slots = larger;
    slot_count = larger_count;
}

static void count_word(const char *text, size_t length)
{
    if (word_count * 2 >= slot_count)
        grow();
    struct word *word = &slots[slot_of(slots, slot_count, text, length)];
    if (!word->text) {
        word->text = checked(malloc(length));
        memcpy(word->text, text, length);
        word->length = length;
        word_count++;
    }
    word->count++;
    words_total++;
}

static void count_stream(FILE *stream, const char *name)
{
    static char word[256];
    size_t length = 0;
    for (int c; (c = getc(stream)) != EOF;) {
        bytes_total++;
        lines_total += c == '\n';
        if (isalnum(c)) {
            if (length < sizeof word)
                word[length++] = (char)tolower(c);
        } else if (length) {
            count_word(word, length);
            length = 0;
        }
    }
    if (length)
        count_word(word, length);
    if (ferror(stream)) {
        fprintf(stderr, "wordcount: %s: %s\n", name, strerror(errno));
        failures++;
    }
    files_total++;
}

static void count_path(const char *path);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void count_folder(const char *path, DIR *folder)
{
    char **names = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        names = checked(realloc(names, (count + 1) * sizeof *names));
        names[count++] = checked(strdup(entry->d_name));
    }
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(path) + strlen(names[i]) + 2;
        char *inner = checked(malloc(length));
        snprintf(inner, length, "%s/%s", path, names[i]);
        count_path(inner);
        free(inner);
        free(names[i]);
    }
    free(names);
}

static void count_path(const char *path)
{
    DIR *folder = opendir(path);
    if (folder) {
        count_folder(path, folder);
        closedir(folder);
        return;
    }
    FILE *stream = fopen(path, "r");
    if (!stream) {
        fprintf(stderr, "wordcount: %s: %s\n", path, strerror(errno));
        failures++;
        return;
    }
    count_stream(stream, path);
    fclose(stream);
}

static int by_count(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    size_t length = x->length < y->length ? x->length : y->length;
    int order = memcmp(x->text, y->text, length);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double started = seconds();
    for (int i = 1; i < argc; i++)
        count_path(argv[i]);
    if (argc == 1)
        count_stream(stdin, "standard input");
    size_t used = 0;
    for (size_t i = 0; i < slot_count; i++)
        if (slots[i].text)
            slots[used++] = slots[i];
    qsort(slots, used, sizeof *slots, by_count);
    const char *top = getenv("WORDCOUNT_TOP");
    size_t listed = top ? strtoul(top, NULL, 10) : 10;
    for (size_t i = 0; i < used && i < listed; i++)
        printf("%8llu %.*s\n", (unsigned long long)slots[i].count, (int)slots[i].length, slots[i].text);
    printf("%llu words, %zu different, %llu lines, %llu bytes, %llu files\n",
           (unsigned long long)words_total, used, (unsigned long long)lines_total,
           (unsigned long long)bytes_total, (unsigned long long)files_total);
    fprintf(stderr, "%.1f ms\n", (seconds() - started) * 1e3);
    return failures ? 1 : 0;
}
