//! What processors may have beyond the oldest that code is compiled for, by the bits of
//! [`Rare::features`](crate::Rare::features).

pub const X86_64: [&str; 12] = [
    "sse3",
    "ssse3",
    "sse4.1",
    "sse4.2",
    "popcnt",
    "cmpxchg16b",
    "avx",
    "avx2",
    "fma",
    "bmi1",
    "bmi2",
    "lzcnt",
];

pub const AARCH64: [&str; 4] = ["lse", "dotprod", "fp16", "i8mm"];

pub const RISCV64: [&str; 7] = ["zba", "zbb", "zbs", "v", "zcb", "zfa", "zicond"];
