/* 64-bit arithmetic: modular powers, greatest common divisors and a primality test. */
#include "kernel.h"

static uint64_t multiply_mod(uint64_t a, uint64_t b, uint64_t modulus)
{
    /* The product's high half by parts: WebAssembly has no wider multiplication. */
    uint64_t a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t high = a1 * b1 + (middle >> 32) + ((a0 * b1 + (middle & 0xffffffff)) >> 32);
    uint64_t low = a * b;
    for (int i = 0; i < 64 && high; i++) {
        uint64_t carry = high >> 63;
        high = high << 1 | low >> 63;
        low <<= 1;
        if (carry || high >= modulus)
            high -= modulus;
    }
    return (high + low % modulus) % modulus;
}

static uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t modulus)
{
    uint64_t result = 1;
    for (; exponent; exponent >>= 1, base = multiply_mod(base, base, modulus))
        if (exponent & 1)
            result = multiply_mod(result, base, modulus);
    return result;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int main(void)
{
    uint64_t sum = 0, x = 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 5500; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        uint64_t modulus = (x >> 2) | 1;
        sum = sum * 31 + power_mod(x | 3, x >> 8, modulus);
        for (int k = 0; k < 40; k++)
            sum ^= gcd(x + (uint64_t)k, modulus) << (k & 31);
    }
    for (int i = 0; i < 120000000; i++) {
        x ^= x >> 29;
        x *= 0xbf58476d1ce4e5b9u;
        sum += x >> 32;
    }
    report("modmul", sum);
    return 0;
}
