/* Files, folders, arguments and environment through the C library, in the directory `/data`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int by_name(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void list(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        printf("%s: %s\n", path, strerror(errno));
        return;
    }
    char *names[64];
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir)) && count < 64;)
        names[count++] = strdup(entry->d_name);
    closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    printf("%s:", path);
    for (size_t i = 0; i < count; i++) {
        printf(" %s", names[i]);
        free(names[i]);
    }
    printf("\n");
}

static void write_numbers(const char *path) {
    FILE *file = fopen(path, "w");
    if (!file) {
        printf("%s: %s\n", path, strerror(errno));
        exit(1);
    }
    for (int i = 0; i < 1000; i++)
        fprintf(file, "%d %.3f %x\n", i, i / 7.0, i * i);
    fclose(file);
}

static void read_back(const char *path) {
    FILE *file = fopen(path, "r");
    int number, square, lines = 0;
    double part, sum = 0;
    while (fscanf(file, "%d %lf %x", &number, &part, &square) == 3) {
        lines++;
        sum += part + square;
    }
    printf("%d lines, sum %.3f\n", lines, sum);
    fseek(file, -10, SEEK_END);
    char tail[16] = {0};
    size_t got = fread(tail, 1, sizeof tail - 1, file);
    printf("last %zu bytes: %s", got, tail);
    fclose(file);
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    const char *colour = getenv("COLOUR");
    printf("COLOUR is %s\n", colour ? colour : "not set");

    list("/data");
    mkdir("/data/new", 0777);
    write_numbers("/data/new/numbers");
    read_back("/data/new/numbers");
    struct stat status;
    stat("/data/new/numbers", &status);
    printf("%lld bytes\n", (long long)status.st_size);
    rename("/data/new/numbers", "/data/new/renamed");
    symlink("renamed", "/data/new/link");
    list("/data/new");
    read_back("/data/new/link");
    printf("remove a full directory: %s\n", rmdir("/data/new") < 0 ? strerror(errno) : "?");
    unlink("/data/new/link");
    unlink("/data/new/renamed");
    printf("open a missing file: %s\n", open("/data/missing", O_RDONLY) < 0 ? strerror(errno) : "?");
    printf("leave the directory: %s\n", open("/data/../etc/passwd", O_RDONLY) < 0 ? strerror(errno) : "?");
    rmdir("/data/new");
    list("/data");

    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    nanosleep(&(struct timespec){0, 2000000}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &after);
    long long slept = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
    printf("slept long enough: %s\n", slept >= 2000000 ? "yes" : "no");
    printf("the year is plausible: %s\n", time(NULL) > 1700000000 ? "yes" : "no");
    unsigned char random[16] = {0};
    getentropy(random, sizeof random);
    int sum = 0;
    for (size_t i = 0; i < sizeof random; i++)
        sum += random[i];
    printf("random: %s\n", sum ? "yes" : "no");
    fflush(stdout);
    fprintf(stderr, "done\n");
    return 3;
}
