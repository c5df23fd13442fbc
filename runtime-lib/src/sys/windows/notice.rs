//! What a thread tells another that waits for a descriptor.

use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr::null;

use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent};

use super::errno::{Errno, Result};
use super::fd::{AsFd, OwnedFd};

/// A descriptor that becomes readable, for good, when it is told to.
///
/// # Errors
/// The system's.
pub fn new() -> Result<OwnedFd> {
    // SAFETY: no attributes and no name are allowed.
    let event = unsafe { CreateEventW(null(), 1, 0, null()) };
    if event.is_null() {
        return Err(Errno::last());
    }
    // SAFETY: the handle has just been made, and nobody else has it.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) }.into())
}

/// Makes it readable.
pub fn give(notice: impl AsFd) {
    // SAFETY: the handle is open.
    unsafe { SetEvent(notice.as_fd().handle()) };
}
