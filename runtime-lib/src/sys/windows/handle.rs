//! Calls for handles, whatever they are of.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF, GetLastError};
use windows_sys::Win32::Storage::FileSystem::{GetFileType, ReadFile, WriteFile};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Pipes::PeekNamedPipe;

use super::errno::{Errno, Result};
use super::fd::BorrowedFd;

/// Disk, pipe, or character device.
pub(super) fn file_type(fd: BorrowedFd<'_>) -> u32 {
    // SAFETY: asks about a handle, whatever it is.
    unsafe { GetFileType(fd.handle()) }
}

/// Bytes that are in a pipe.
pub(super) fn waiting_in_pipe(fd: BorrowedFd<'_>) -> Result<u32> {
    let mut count = 0;
    // SAFETY: the system writes to a local; nothing is read from the pipe.
    let done = unsafe {
        PeekNamedPipe(
            fd.handle(),
            null_mut(),
            0,
            null_mut(),
            &raw mut count,
            null_mut(),
        )
    };
    if done == 0 {
        Err(Errno::last())
    } else {
        Ok(count)
    }
}

/// Reads from the handle's position, or from another.
pub(super) fn read_from(fd: BorrowedFd<'_>, into: &mut [u8], at: *mut OVERLAPPED) -> Result<usize> {
    let mut count = 0;
    let len = u32::try_from(into.len()).unwrap_or(u32::MAX);
    // SAFETY: the buffer has room for so many bytes, and the handle waits until it is done.
    let done = unsafe { ReadFile(fd.handle(), into.as_mut_ptr(), len, &raw mut count, at) };
    if done != 0 {
        return Ok(count as usize);
    }
    // SAFETY: reads the thread's own.
    match unsafe { GetLastError() } {
        // The other side has closed the pipe, or the file ends before the position.
        ERROR_BROKEN_PIPE | ERROR_HANDLE_EOF => Ok(0),
        _ => Err(Errno::last()),
    }
}

/// Writes to the handle's position, or to another.
pub(super) fn write_to(fd: BorrowedFd<'_>, bytes: &[u8], at: *mut OVERLAPPED) -> Result<usize> {
    let mut count = 0;
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let start = if bytes.is_empty() {
        null()
    } else {
        bytes.as_ptr()
    };
    // SAFETY: so many bytes are there, and the handle waits until it is done.
    let done = unsafe { WriteFile(fd.handle(), start, len, &raw mut count, at) };
    if done == 0 {
        Err(Errno::last())
    } else {
        Ok(count as usize)
    }
}
