// Shows a fault of qemu-user 7.2: with -R, the last line is not printed (docs/cross-compiling.md).
#define _GNU_SOURCE
#include <sys/mman.h>
#include <stdio.h>
int main(void) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *both = mmap(0, 8 << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
    mremap(both, 4 << 20, 2 << 20, 0);
    puts("shrunk");
    both[5 << 20] = 1;
    puts("what lies behind is still there");
}
