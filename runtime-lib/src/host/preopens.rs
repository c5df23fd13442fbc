//! Directories that the guest finds open.

use wasmelt_abi::{Preopen, PreopenFlags};

use super::directory::Directory;
use super::embedded;
use super::fd::above_streams;
use super::{Error, Result, process};
use crate::sys::fs::{open_directory, path};
use crate::vm::message::Message;
use crate::vm::process::items;

/// Exit code of a program that could not start.
const EXIT_CODE: i32 = 1;

/// Opens the directory, or nothing if it does not exist and need not. One that cannot be opened
/// ends the process with a message.
#[must_use]
pub fn open(preopen: &'static Preopen) -> Option<Directory> {
    let system = match preopen.flags & PreopenFlags::EMBEDDED {
        0 => try_open(preopen).unwrap_or_else(|error| fail(preopen, error)),
        _ => None,
    };
    match embedded::numbered(preopen.embedded) {
        Some(embedded) => Some(Directory::embedded(system, embedded)),
        None => system,
    }
}

fn try_open(preopen: &'static Preopen) -> Result<Option<Directory>> {
    let opened = path(items(&preopen.host)).and_then(open_directory);
    let fd = match opened.map_err(Error::from) {
        Ok(fd) => above_streams(fd)?,
        Err(Error::NoEntry) if preopen.flags & PreopenFlags::OPTIONAL != 0 => return Ok(None),
        Err(error) => return Err(error),
    };
    let read_only = preopen.flags & PreopenFlags::READ_ONLY != 0;
    Ok(Some(Directory::new(fd, read_only)))
}

/// Ends the process with a message: the guest cannot have the directory.
pub fn fail(preopen: &'static Preopen, error: Error) -> ! {
    let why = match error {
        Error::NoEntry => "it does not exist",
        Error::NotDirectory => "it is not a directory",
        Error::Access | Error::NotPermitted => "permission denied",
        Error::TooManyOpenFiles | Error::TooManyOpenFilesInSystem => "too many open files",
        Error::Loop => "too many symbolic links",
        _ => "the system refuses to",
    };
    let mut message = Message::new();
    message
        .text("error: cannot open the directory `")
        .bytes(items(&preopen.host));
    message.text("` for the program: ").text(why);
    message.text("\n  note: the executable was built with access to it\n");
    message.flush();
    process::exit(EXIT_CODE)
}
