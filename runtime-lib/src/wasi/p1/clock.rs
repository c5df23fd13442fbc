//! `clock_*`.

use super::{Errno, Result};
use crate::host::clocks::{self, Clock};
use crate::vm::GuestMemory;

pub(super) fn clock_res_get(memory: &mut GuestMemory, id: u32, resolution_out: u32) -> Result<()> {
    let resolution = clocks::resolution_ns(clock(id)?);
    Ok(memory.write_u64(resolution_out, resolution)?)
}

/// The precision that is asked for is always surpassed.
pub(super) fn clock_time_get(
    memory: &mut GuestMemory,
    id: u32,
    _precision: u64,
    time_out: u32,
) -> Result<()> {
    let now = clocks::now_ns(clock(id)?);
    Ok(memory.write_u64(time_out, now)?)
}

/// `clockid`.
pub(super) fn clock(id: u32) -> Result<Clock> {
    match id {
        0 => Ok(Clock::Realtime),
        1 => Ok(Clock::Monotonic),
        2 => Ok(Clock::ProcessCpu),
        3 => Ok(Clock::ThreadCpu),
        _ => Err(Errno::INVAL),
    }
}
