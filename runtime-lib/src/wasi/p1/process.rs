//! `proc_*`, `sched_yield` and `random_get`.

use super::Result;
use crate::host::{process, random};
use crate::vm::GuestMemory;

/// Differs from Wasmtime, which refuses 126 and above: the system gets the low byte of any code.
pub(super) fn proc_exit(_memory: &mut GuestMemory, code: u32) -> ! {
    process::exit((code & 0xff).cast_signed())
}

pub(super) fn proc_raise(_memory: &mut GuestMemory, signal: u32) -> Result<()> {
    Ok(process::raise(signal)?)
}

#[allow(clippy::unnecessary_wraps)] // All functions of the table have this form.
pub(super) fn sched_yield(_memory: &mut GuestMemory) -> Result<()> {
    process::yield_now();
    Ok(())
}

pub(super) fn random_get(memory: &mut GuestMemory, buf: u32, buf_len: u32) -> Result<()> {
    Ok(random::fill(memory.bytes_mut(buf, buf_len)?)?)
}
