//! Directories that the guest finds open.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::retry_on_intr;
use wasmelt_abi::{Preopen, PreopenFlags};

use super::descriptor::above_streams;
use super::directory::Directory;
use super::{Error, Result};
use crate::vm::process::items;

/// Opens the directory, or nothing if it does not exist and need not.
///
/// # Errors
/// The system's.
pub fn open(preopen: &'static Preopen) -> Result<Option<Directory>> {
    let path = Path::new(OsStr::from_bytes(items(&preopen.host)));
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = retry_on_intr(|| openat(CWD, path, flags, Mode::empty())).map_err(Error::from);
    let fd = match opened {
        Ok(fd) => above_streams(fd)?,
        Err(Error::NoEntry) if preopen.flags & PreopenFlags::OPTIONAL != 0 => return Ok(None),
        Err(error) => return Err(error),
    };
    let read_only = preopen.flags & PreopenFlags::READ_ONLY != 0;
    Ok(Some(Directory::new(fd, read_only)))
}
