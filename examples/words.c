/* The most frequent words of the files named on the command line, or of standard input. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 16, SHOWN = 5 };

struct word {
    struct word *next;
    unsigned long count;
    char text[];
};

static struct word *buckets[BUCKETS];
static size_t words;

static void count(const char *text, size_t len)
{
    unsigned hash = 2166136261u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    struct word **at = &buckets[hash % BUCKETS];
    for (; *at; at = &(*at)->next)
        if (!strncmp((*at)->text, text, len) && !(*at)->text[len]) {
            (*at)->count++;
            return;
        }
    struct word *word = malloc(sizeof *word + len + 1);
    if (!word) {
        fprintf(stderr, "words: out of memory\n");
        exit(1);
    }
    *word = (struct word){ .count = 1 };
    memcpy(word->text, text, len);
    word->text[len] = 0;
    *at = word;
    words++;
}

static void read_words(FILE *file)
{
    char text[64];
    size_t len = 0;
    for (int c; (c = getc(file)) != EOF;) {
        if (isalpha(c)) {
            if (len < sizeof text)
                text[len++] = (char)tolower(c);
        } else if (len) {
            count(text, len);
            len = 0;
        }
    }
    if (len)
        count(text, len);
}

static int by_count(const void *a, const void *b)
{
    const struct word *x = *(struct word *const *)a, *y = *(struct word *const *)b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->text, y->text);
}

int main(int argc, char **argv)
{
    if (argc == 1)
        read_words(stdin);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        if (!file) {
            perror(argv[i]);
            return 1;
        }
        read_words(file);
        fclose(file);
    }
    struct word **all = malloc((words + 1) * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct word *word = buckets[i]; word; word = word->next)
            all[n++] = word;
    qsort(all, n, sizeof *all, by_count);
    printf("%zu different words\n", n);
    for (size_t i = 0; i < n && i < SHOWN; i++)
        printf("%7lu %s\n", all[i]->count, all[i]->text);
    return 0;
}
