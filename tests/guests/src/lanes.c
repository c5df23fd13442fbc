/* Vectors of four floats and sixteen bytes, by clang's intrinsics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasm_simd128.h>

static float dot(const float *left, const float *right, size_t count) {
    v128_t sum = wasm_f32x4_splat(0);
    for (size_t i = 0; i < count; i += 4)
        sum = wasm_f32x4_add(sum, wasm_f32x4_mul(wasm_v128_load(left + i), wasm_v128_load(right + i)));
    return wasm_f32x4_extract_lane(sum, 0) + wasm_f32x4_extract_lane(sum, 1) +
           wasm_f32x4_extract_lane(sum, 2) + wasm_f32x4_extract_lane(sum, 3);
}

static size_t count_byte(const char *text, size_t len, char wanted) {
    v128_t splat = wasm_i8x16_splat(wanted);
    size_t count = 0, i = 0;
    for (; i + 16 <= len; i += 16)
        count += __builtin_popcount(wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(text + i), splat)));
    for (; i < len; i++)
        count += text[i] == wanted;
    return count;
}

int main(void) {
    enum { COUNT = 4096 };
    float *left = aligned_alloc(16, COUNT * sizeof *left), *right = malloc(COUNT * sizeof *right);
    for (int i = 0; i < COUNT; i++) {
        left[i] = (float)(i % 17);
        right[i] = (float)(i % 5) - 2;
    }
    printf("%g\n", dot(left, right, COUNT));
    char text[1001];
    for (int i = 0; i < 1000; i++)
        text[i] = "the quick brown fox"[i % 19];
    printf("%zu\n", count_byte(text, 1000, 'o'));
    v128_t mixed = wasm_i8x16_swizzle(wasm_i32x4_const(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c),
                                      wasm_i8x16_const(15, 14, 13, 12, 0, 0, 99, 7, 1, 2, 3, 4, 5, 6, 7, 8));
    printf("%016llx %016llx\n", (unsigned long long)wasm_i64x2_extract_lane(mixed, 0),
           (unsigned long long)wasm_i64x2_extract_lane(mixed, 1));
    v128_t narrowed = wasm_i16x8_narrow_i32x4(wasm_i32x4_const(70000, -70000, 5, -5), wasm_i32x4_splat(1));
    for (int i = 0; i < 4; i++)
        printf("%d ", ((short *)&narrowed)[i]);
    printf("\n");
}
