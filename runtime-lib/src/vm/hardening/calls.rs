//! Which system calls a program may make, by what it has use for: the numbers of
//! `wasmelt_abi::for_each_system_call`.

use libc::c_long;
use wasmelt_abi::SystemCalls;

macro_rules! numbers {
    ($($family:ident { all: $($all:ident)*; x86_64: $($x86_64:ident)*; aarch64: $($aarch64:ident)*; })*) => {
        /// By family: those of all processors, and those of this one.
        const NUMBERS: [[&[c_long]; 2]; SystemCalls::FAMILIES.len()] = [$([
            &[$(libc::$all),*],
            #[cfg(target_arch = "x86_64")]
            &[$(libc::$x86_64),*],
            #[cfg(target_arch = "aarch64")]
            &[$(libc::$aarch64),*],
            #[cfg(target_arch = "riscv64")]
            &[],
        ]),*];
    };
}
wasmelt_abi::for_each_system_call!(numbers);

/// The calls of a program with these bits of [`SystemCalls`].
pub(super) fn allowed(families: u64) -> impl Iterator<Item = c_long> {
    let all = NUMBERS.into_iter().enumerate();
    let has = all.filter(move |(family, _)| SystemCalls::has(families, *family));
    has.flat_map(|(_, calls)| calls).flatten().copied()
}
