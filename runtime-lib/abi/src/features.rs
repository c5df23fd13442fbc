//! What processors may have beyond the oldest that code is compiled for, by the bits of
//! [`Rare::features`](crate::Rare::features).

/// Calls a macro with the names of x86-64: the standard library asks for them by words in the code.
#[macro_export]
macro_rules! for_each_x86_64_feature {
    ($then:ident) => {
        $then! {
            "sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cmpxchg16b", "avx", "avx2", "fma",
            "bmi1", "bmi2", "lzcnt"
        }
    };
}

macro_rules! names {
    ($($name:tt),*) => { [$($name),*] };
}

pub const X86_64: [&str; 12] = for_each_x86_64_feature!(names);

pub const AARCH64: [&str; 4] = ["lse", "dotprod", "fp16", "i8mm"];

pub const RISCV64: [&str; 7] = ["zba", "zbb", "zbs", "v", "zcb", "zfa", "zicond"];
