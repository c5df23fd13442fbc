//! The standard streams.

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::{
    GetStdHandle, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
};

use super::errno::{Errno, Result};
use super::fd::{AsFd, AsRawFd, BorrowedFd};
use super::termios;

fn stream(number: u32) -> BorrowedFd<'static> {
    // SAFETY: asks for a handle of the process.
    let handle: HANDLE = unsafe { GetStdHandle(number) };
    // SAFETY: standard streams are never closed. One that the process does not have is a handle that
    // every call refuses.
    unsafe { BorrowedFd::borrow_raw(handle as isize as i32) }
}

#[must_use]
pub fn stdin() -> BorrowedFd<'static> {
    stream(STD_INPUT_HANDLE)
}

#[must_use]
pub fn stdout() -> BorrowedFd<'static> {
    stream(STD_OUTPUT_HANDLE)
}

#[must_use]
pub fn stderr() -> BorrowedFd<'static> {
    stream(STD_ERROR_HANDLE)
}

pub(super) fn is_error(fd: BorrowedFd<'_>) -> bool {
    fd.as_raw_fd() == stderr().as_raw_fd()
}

/// Whether it is standard input, and somebody types.
pub(super) fn is_console_input(fd: BorrowedFd<'_>) -> bool {
    fd.as_raw_fd() == stdin().as_raw_fd() && termios::isatty(fd)
}

fn replace(number: u32, by: impl AsFd) -> Result<()> {
    let handle = by.as_fd().duplicate()?;
    let handle = std::mem::ManuallyDrop::new(handle);
    // SAFETY: the handle stays open for as long as the process runs.
    match unsafe { SetStdHandle(number, handle.as_fd().handle()) } {
        0 => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// # Errors
/// The system's.
pub fn dup2_stdin(by: impl AsFd) -> Result<()> {
    replace(STD_INPUT_HANDLE, by)
}

/// # Errors
/// The system's.
pub fn dup2_stdout(by: impl AsFd) -> Result<()> {
    replace(STD_OUTPUT_HANDLE, by)
}

/// # Errors
/// The system's.
pub fn dup2_stderr(by: impl AsFd) -> Result<()> {
    replace(STD_ERROR_HANDLE, by)
}

/// Writes to standard error, also in an exception handler: how many bytes.
#[must_use]
pub fn write_error(bytes: &[u8]) -> Option<usize> {
    super::handle::write_to(stderr(), bytes, std::ptr::null_mut()).ok()
}
