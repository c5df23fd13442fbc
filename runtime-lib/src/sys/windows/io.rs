//! Reading and writing.

use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::ptr::null_mut;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_BEGIN, FILE_CURRENT, FILE_TYPE_DISK, FILE_TYPE_PIPE, SetFilePointerEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

use super::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use super::handle::{file_type, read_from, waiting_in_pipe, write_to};
use super::{socket, stdio, termios};

pub use super::errno::{Errno, Result};

bitflags::bitflags! {
    /// How [`preadv2`] and [`pwritev2`] differ from the calls without a number.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct ReadWriteFlags: u32 {
        /// Fails rather than waits.
        const NOWAIT = 1;
        /// To the end of the file.
        const APPEND = 2;
    }
}

/// Writes at this position go to the end.
const END: u64 = u64::MAX;

/// Nothing interrupts calls here.
///
/// # Errors
/// Those of the call.
pub fn retry_on_intr<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    call()
}

/// # Errors
/// The system's.
pub fn read(fd: impl AsFd, into: &mut [u8]) -> Result<usize> {
    let fd = fd.as_fd();
    if fd.is_socket() {
        return (socket::calls()?.receive)(fd.as_raw_fd(), into);
    }
    if stdio::is_console_input(fd) {
        return Ok(std::io::stdin().lock().read(into)?);
    }
    read_from(fd, into, null_mut())
}

/// # Errors
/// The system's.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
    let fd = fd.as_fd();
    if fd.is_socket() {
        return (socket::calls()?.send)(fd.as_raw_fd(), bytes);
    }
    if termios::isatty(fd) {
        return write_console(fd, bytes);
    }
    write_to(fd, bytes, null_mut())
}

/// A console takes text, which the standard library makes of bytes.
fn write_console(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    if stdio::is_error(fd) {
        return Ok(std::io::stderr().lock().write(bytes)?);
    }
    let mut out = std::io::stdout().lock();
    let count = out.write(bytes)?;
    out.flush()?;
    Ok(count)
}

/// # Errors
/// The system's.
pub fn readv(fd: impl AsFd, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let fd = fd.as_fd();
    let goes_on = is_disk(fd);
    each_read(buffers, goes_on, |buffer, _| read(fd, buffer))
}

/// # Errors
/// The system's.
pub fn writev(fd: impl AsFd, buffers: &[IoSlice<'_>]) -> Result<usize> {
    let fd = fd.as_fd();
    each_write(buffers, |bytes, _| write(fd, bytes))
}

/// # Errors
/// The system's.
pub fn pread(fd: impl AsFd, into: &mut [u8], position: u64) -> Result<usize> {
    let fd = fd.as_fd();
    at_position(fd, || read_from(fd, into, &mut overlapped(position)))
}

/// # Errors
/// The system's.
pub fn pwrite(fd: impl AsFd, bytes: &[u8], position: u64) -> Result<usize> {
    let fd = fd.as_fd();
    at_position(fd, || write_to(fd, bytes, &mut overlapped(position)))
}

/// # Errors
/// The system's.
pub fn preadv(fd: impl AsFd, buffers: &mut [IoSliceMut<'_>], position: u64) -> Result<usize> {
    let fd = fd.as_fd();
    each_read(buffers, true, |buffer, before| {
        pread(fd, buffer, position.saturating_add(before as u64))
    })
}

/// # Errors
/// The system's.
pub fn pwritev(fd: impl AsFd, buffers: &[IoSlice<'_>], position: u64) -> Result<usize> {
    let fd = fd.as_fd();
    each_write(buffers, |bytes, before| {
        pwrite(fd, bytes, position.saturating_add(before as u64))
    })
}

/// # Errors
/// [`Errno::NOSYS`]: whoever does not want to wait asks before.
pub fn preadv2(
    _fd: impl AsFd,
    _buffers: &mut [IoSliceMut<'_>],
    _position: u64,
    _flags: ReadWriteFlags,
) -> Result<usize> {
    Err(Errno::NOSYS)
}

/// # Errors
/// [`Errno::NOSYS`] with other flags than [`ReadWriteFlags::APPEND`], otherwise the system's.
pub fn pwritev2(
    fd: impl AsFd,
    buffers: &[IoSlice<'_>],
    _position: u64,
    flags: ReadWriteFlags,
) -> Result<usize> {
    if flags != ReadWriteFlags::APPEND {
        return Err(Errno::NOSYS);
    }
    let fd = fd.as_fd();
    each_write(buffers, |bytes, _| pwrite(fd, bytes, END))
}

/// How many bytes can be read without waiting.
///
/// # Errors
/// [`Errno::NOTTY`] for what does not tell.
pub fn ioctl_fionread(fd: impl AsFd) -> Result<u64> {
    let fd = fd.as_fd();
    if fd.is_socket() {
        return (socket::calls()?.waiting)(fd.as_raw_fd());
    }
    if file_type(fd) != FILE_TYPE_PIPE {
        return Err(Errno::NOTTY);
    }
    Ok(waiting_in_pipe(fd)?.into())
}

/// Another handle of the same file.
///
/// # Errors
/// The system's.
pub fn fcntl_dupfd_cloexec(fd: impl AsFd, _above: i32) -> Result<OwnedFd> {
    fd.as_fd().duplicate()
}

fn is_disk(fd: BorrowedFd<'_>) -> bool {
    file_type(fd) == FILE_TYPE_DISK
}

/// Fills the buffers in order, for as long as each gets all that it takes, or only the first with
/// something in it where `goes_on` is false.
fn each_read(
    buffers: &mut [IoSliceMut<'_>],
    goes_on: bool,
    mut fill: impl FnMut(&mut [u8], usize) -> Result<usize>,
) -> Result<usize> {
    let mut total = 0;
    for buffer in buffers.iter_mut().filter(|buffer| !buffer.is_empty()) {
        match fill(buffer, total) {
            Ok(count) => {
                total += count;
                if count < buffer.len() || !goes_on {
                    break;
                }
            }
            Err(errno) if total == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(total)
}

/// Writes the buffers in order, until one is not taken as a whole.
fn each_write(
    buffers: &[IoSlice<'_>],
    mut write: impl FnMut(&[u8], usize) -> Result<usize>,
) -> Result<usize> {
    let mut total = 0;
    for buffer in buffers.iter().filter(|buffer| !buffer.is_empty()) {
        match write(buffer, total) {
            Ok(count) => {
                total += count;
                if count < buffer.len() {
                    break;
                }
            }
            Err(errno) if total == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(total)
}

/// Where a call reads or writes.
fn overlapped(position: u64) -> OVERLAPPED {
    // SAFETY: zeros are what the system wants where nothing is said.
    let mut overlapped: OVERLAPPED = unsafe { std::mem::zeroed() };
    overlapped.Anonymous.Anonymous.Offset = position as u32;
    overlapped.Anonymous.Anonymous.OffsetHigh = (position >> 32) as u32;
    overlapped
}

/// Calls what has a position of its own, which moves that of the file all the same: it is put back.
fn at_position<T>(fd: BorrowedFd<'_>, call: impl FnOnce() -> Result<T>) -> Result<T> {
    if !is_disk(fd) {
        return Err(Errno::SPIPE);
    }
    let mut before = 0;
    // SAFETY: the system writes to a local.
    if unsafe { SetFilePointerEx(fd.handle(), 0, &raw mut before, FILE_CURRENT) } == 0 {
        return Err(Errno::last());
    }
    let result = call();
    // SAFETY: moves the position of an open file.
    unsafe { SetFilePointerEx(fd.handle(), before, null_mut(), FILE_BEGIN) };
    result
}
