/* Byte loads and stores: a compressor with a window and a hash of positions, and its inverse. */
#include "kernel.h"

enum { INPUT_BYTES = 1 << 19, ROUNDS = 70, HASH_BITS = 14, MATCH_MIN = 4, WINDOW = 65535 };

static uint8_t input[INPUT_BYTES], packed[INPUT_BYTES * 2], output[INPUT_BYTES];
static int32_t heads[1 << HASH_BITS];

static uint32_t read_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* A token is a count of literals, the literals, a length and a distance of two bytes. */
static int pack(void)
{
    int out = 0, literals = 0, at = 0;
    memset(heads, -1, sizeof heads);
    while (at < INPUT_BYTES - MATCH_MIN) {
        uint32_t hash = read_u32(input + at) * 2654435761u >> (32 - HASH_BITS);
        int candidate = heads[hash];
        heads[hash] = at;
        int found = candidate >= 0 && at - candidate <= WINDOW
            && read_u32(input + candidate) == read_u32(input + at);
        if (!found && at - literals < 255) {
            at++;
            continue;
        }
        int length = 0;
        if (found) {
            length = MATCH_MIN;
            while (length < 255 && at + length < INPUT_BYTES
                   && input[candidate + length] == input[at + length])
                length++;
        }
        packed[out++] = (uint8_t)(at - literals);
        for (; literals < at; literals++)
            packed[out++] = input[literals];
        packed[out++] = (uint8_t)length;
        packed[out++] = (uint8_t)(at - candidate);
        packed[out++] = (uint8_t)((at - candidate) >> 8);
        at += length;
        literals = at;
    }
    packed[out++] = (uint8_t)(INPUT_BYTES - literals);
    for (; literals < INPUT_BYTES; literals++)
        packed[out++] = input[literals];
    return out;
}

static int unpack(int packed_bytes)
{
    int at = 0, in = 0;
    for (;;) {
        for (int literals = packed[in++]; literals > 0; literals--)
            output[at++] = packed[in++];
        if (in >= packed_bytes)
            return at;
        int length = packed[in], distance = packed[in + 1] | packed[in + 2] << 8;
        in += 3;
        for (; length > 0; length--, at++)
            output[at] = output[at - distance];
    }
}

int main(void)
{
    /* Text-like input: words of a small vocabulary, with a typing error now and then. */
    static char words[512][8];
    for (int i = 0; i < 512; i++)
        for (int c = 0; c < 8; c++)
            words[i][c] = (char)('a' + random_u32() % 26);
    for (int at = 0; at < INPUT_BYTES;) {
        const char *word = words[random_u32() % 512 & random_u32() % 512];
        int length = 2 + (int)(random_u32() % 6);
        for (int c = 0; c < length && at < INPUT_BYTES; c++)
            input[at++] = random_u32() % 64 ? (uint8_t)word[c] : (uint8_t)random_u32();
    }
    uint64_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int bytes = pack();
        sum = sum * 31 + (uint32_t)bytes + (uint32_t)unpack(bytes);
        sum += memcmp(input, output, INPUT_BYTES) == 0;
        input[round * 4099] ^= 0x55;
    }
    report("lz", sum);
    return 0;
}
