//! What depends on the processor: registers of an interrupted thread, frame records, the way into
//! and out of a recovery point, the jump to an exception handler, and the kernel's structures.

#[cfg(target_os = "macos")]
mod darwin;
#[cfg(target_os = "macos")]
pub(in crate::vm) use darwin::*;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::*;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
pub(crate) use riscv64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(any(
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "x86_64"
)))]
compile_error!("the runtime library has no `vm/arch` for this processor");
