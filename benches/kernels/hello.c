/* For the time from start to exit, and the size of an executable. */
#include <stdio.h>

int main(void)
{
    puts("Hello, world!");
    return 0;
}
