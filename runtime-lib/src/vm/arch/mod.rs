//! What depends on the processor: registers of an interrupted thread, the way into and out of a
//! recovery point, and the jump to an exception handler.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the runtime library has no `vm/arch` for this processor");
