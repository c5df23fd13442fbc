/* 32-bit arithmetic: SHA-256 (FIPS 180-4) of a buffer that each round changes. The constants are
 * computed: the first 32 bits of the fractional parts of roots of the first primes. */
#include "kernel.h"
#include <math.h>

enum { BUFFER_BYTES = 1 << 16, ROUNDS = 1400 };

static uint32_t k[64], h[8];
static uint8_t buffer[BUFFER_BYTES];

static uint32_t fraction(double x)
{
    return (uint32_t)((x - floor(x)) * 4294967296.0);
}

static void constants(void)
{
    int found = 0;
    for (int n = 2; found < 64; n++) {
        int prime = 1;
        for (int d = 2; d * d <= n; d++)
            if (n % d == 0)
                prime = 0;
        if (!prime)
            continue;
        /* Newton's iteration, because the C libraries' cube roots may differ in the last bit. */
        double root = n;
        for (int i = 0; i < 60; i++)
            root -= (root * root * root - n) / (3 * root * root);
        k[found] = fraction(root);
        if (found < 8)
            h[found] = fraction(sqrt(n));
        found++;
    }
}

static uint32_t rotate(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void block(const uint8_t *data)
{
    uint32_t w[64];
    for (int i = 0; i < 16; i++, data += 4)
        w[i] = (uint32_t)data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t s[8];
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4];
        uint32_t t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25))
            + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
        uint32_t a = s[0];
        uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22))
            + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        s[7] = s[6];
        s[6] = s[5];
        s[5] = s[4];
        s[4] = s[3] + t1;
        s[3] = s[2];
        s[2] = s[1];
        s[1] = s[0];
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}

int main(void)
{
    constants();
    for (int i = 0; i < BUFFER_BYTES; i++)
        buffer[i] = (uint8_t)random_u32();
    for (int round = 0; round < ROUNDS; round++) {
        for (int at = 0; at < BUFFER_BYTES; at += 64)
            block(buffer + at);
        buffer[round * 61 % BUFFER_BYTES] ^= (uint8_t)h[round & 7];
    }
    report("sha256", (uint64_t)h[0] << 32 | h[7]);
    return 0;
}
