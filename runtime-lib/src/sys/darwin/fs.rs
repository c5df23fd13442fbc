//! Files and directories.

use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub use crate::sys::attributes::Attributes;
use cap_fs_ext::OpenOptionsFollowExt;
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, fcntl_fullfsync, flock, openat, statat};
pub use rustix::fs::{
    FallocateFlags, FileType, OFlags, RawMode, SeekFrom, Stat, Timespec, Timestamps, UTIME_NOW,
    UTIME_OMIT, fallocate, fcntl_getfl, fcntl_setfl, ftruncate, futimens, seek,
};
use rustix::io::{Errno, FdFlags, Result, fcntl_setfd, retry_on_intr};

/// In the place of a descriptor, for what has none.
// SAFETY: the number is none that the system gives. `AT_FDCWD` is another.
pub const NOWHERE: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(-100) };

/// What is told of how a file will be used, which nobody listens to here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    Normal,
    Sequential,
    Random,
    NoReuse,
    WillNeed,
    DontNeed,
}

/// # Errors
/// None.
pub fn fadvise(_: impl AsFd, _: u64, _: Option<NonZeroU64>, _: Advice) -> Result<()> {
    Ok(())
}

/// What a file is. Rustix's corrects times by code that can panic, and whatever can brings along what
/// prints panics, which was a third of a small executable.
///
/// # Errors
/// The system's.
pub fn fstat(fd: impl AsFd) -> Result<Stat> {
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: the call writes a structure of this type.
    let result = unsafe { libc::fstat(fd.as_fd().as_raw_fd(), stat.as_mut_ptr()) };
    if result != 0 {
        // SAFETY: gives the address of this thread's number, which is read here.
        return Err(Errno::from_raw_os_error(unsafe { *libc::__error() }));
    }
    // SAFETY: the call has succeeded.
    let mut stat = unsafe { stat.assume_init() };
    // Times before 1970 can come with nanoseconds below zero.
    let not_negative = |seconds: &mut i64, ns: &mut i64| {
        if *ns < 0 {
            *seconds = seconds.wrapping_sub(1);
            *ns = ns.wrapping_add(1_000_000_000);
        }
    };
    not_negative(&mut stat.st_atime, &mut stat.st_atime_nsec);
    not_negative(&mut stat.st_mtime, &mut stat.st_mtime_nsec);
    not_negative(&mut stat.st_ctime, &mut stat.st_ctime_nsec);
    Ok(stat)
}

/// Has the disk have it, not only its cache.
///
/// # Errors
/// The system's.
pub fn fsync(fd: impl AsFd) -> Result<()> {
    let fd = fd.as_fd();
    match fcntl_fullfsync(fd) {
        // Not all file systems can.
        Err(Errno::NOTSUP | Errno::INVAL | Errno::NOTTY) => rustix::fs::fsync(fd),
        result => result,
    }
}

/// # Errors
/// The system's.
pub fn fdatasync(fd: impl AsFd) -> Result<()> {
    fsync(fd)
}

/// A new file for this process, and its name.
///
/// # Errors
/// The system's.
pub(super) fn temporary_file() -> Result<(OwnedFd, CString)> {
    let mut name = c"/tmp/wasmelt.XXXXXX".to_owned().into_bytes_with_nul();
    // SAFETY: writes other letters into the name, which ends with zero.
    let fd = unsafe { libc::mkstemp(name.as_mut_ptr().cast()) };
    if fd < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Errno::from_io_error(&error).unwrap_or(Errno::ACCESS));
    }
    // SAFETY: the descriptor has just been made, and nobody else has it.
    let file = unsafe { OwnedFd::from_raw_fd(fd) };
    fcntl_setfd(&file, FdFlags::CLOEXEC)?;
    let name = CString::from_vec_with_nul(name).map_err(|_| Errno::INVAL)?;
    Ok((file, name))
}

/// From now on the file has no name.
pub(super) fn remove(name: &CStr) {
    // Whoever has removed it before has done no harm.
    let _ = rustix::fs::unlink(name);
}

/// A file of this size, without contents and name, that is open for reading alone.
///
/// # Errors
/// The system's.
pub fn hollow_file(size: u64) -> Result<OwnedFd> {
    let (file, name) = temporary_file()?;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = openat(CWD, &name, flags, Mode::empty());
    remove(&name);
    ftruncate(&file, size)?;
    opened
}

/// The path with these bytes. The system itself refuses those that are no UTF-8.
///
/// # Errors
/// None.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A directory as cap-std has it.
#[must_use]
pub fn dir(fd: OwnedFd) -> Dir {
    Dir::from(fd)
}

/// Locks a file while it is open here, at most until the process ends; false if it is locked.
///
/// # Errors
/// The system's, where there are no locks.
pub fn lock_now(fd: impl AsFd) -> Result<bool> {
    match flock(fd, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Opens a directory of the process.
///
/// # Errors
/// The system's.
pub fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry_on_intr(|| openat(CWD, path, flags, Mode::empty()))
}

/// Opens a file that may be new, to write to its end without waiting.
///
/// # Errors
/// The system's.
pub fn open_to_append(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    openat(CWD, path, flags | OFlags::NONBLOCK, mode)
}

/// Calls `each` with the names in a directory, from its beginning: name, inode, and type.
///
/// # Errors
/// The system's.
pub fn for_each_name(
    directory: BorrowedFd<'_>,
    mut each: impl FnMut(&[u8], u64, FileType),
) -> Result<()> {
    // Opens it again, so that the place in it is its own.
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = match entry {
            Ok(entry) => entry,
            Err(Errno::INTR) => continue,
            Err(Errno::NOENT) => break,
            Err(errno) => return Err(errno),
        };
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let mut file_type = entry.file_type();
        if file_type == FileType::Unknown {
            match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => file_type = FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            }
        }
        each(name, entry.ino(), file_type);
    }
    Ok(())
}

/// The attributes that cap-std tells, as the system would.
pub fn attributes(metadata: &Metadata) -> Attributes {
    Attributes {
        device: metadata.dev(),
        inode: metadata.ino(),
        mode: metadata.mode() as RawMode,
        links: metadata.nlink(),
        size: metadata.size(),
        accessed: (metadata.atime(), metadata.atime_nsec()),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// Sets times before 1970, which cap-std does not have. Of a symbolic link itself, the system has no
/// call that stays in a directory.
///
/// # Errors
/// The system's.
pub fn set_early_times(
    dir: &Dir,
    path: &Path,
    follow: cap_fs_ext::FollowSymlinks,
    times: &Timestamps,
) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).follow(follow);
    let named = dir.open_with(path, &options)?;
    Ok(futimens(named.as_fd(), times)?)
}
