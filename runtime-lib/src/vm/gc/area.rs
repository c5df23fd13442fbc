//! Address space that is given pages from its start on.

use crate::sys::io::Result;
use crate::sys::memory;
use std::ptr::{null_mut, with_exposed_provenance_mut};

/// Pages are asked for in steps.
const STEP_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Area {
    start: *mut u8,
    reserved: usize,
    accessible: usize,
}

impl Area {
    /// So many bytes of address space, wherever there is room, rounded up.
    pub(super) fn anywhere(bytes: usize) -> Result<Area> {
        let reserved = bytes.next_multiple_of(STEP_BYTES);
        let start = memory::reserve(reserved)?;
        start.expose_provenance();
        Ok(Area::new(start, reserved))
    }

    /// So many bytes from an address on, if they are free.
    pub(super) fn at(address: usize, bytes: usize) -> Option<Area> {
        let start = with_exposed_provenance_mut(address);
        memory::reserve_at(start, bytes).then(|| Area::new(start, bytes))
    }

    fn new(start: *mut u8, reserved: usize) -> Area {
        Area {
            start,
            reserved,
            accessible: 0,
        }
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.start
    }

    /// Makes the first so many bytes accessible. New ones are zero.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<()> {
        let bytes = bytes.next_multiple_of(STEP_BYTES).min(self.reserved);
        if bytes > self.accessible {
            // SAFETY: the range is part of the reservation.
            unsafe {
                let from = self.start.add(self.accessible);
                memory::make_accessible(from, bytes - self.accessible)?;
            }
            self.accessible = bytes;
        }
        Ok(())
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let start = std::mem::replace(&mut self.start, null_mut());
        // SAFETY: nothing refers to it any more. Where the system refuses, it stays as it is.
        let _ = unsafe { memory::release(start, self.reserved) };
    }
}
