//! `path_*`.

use std::path::PathBuf;

use super::rights::Rights;
use super::table::{self, Access, Entry};
use super::types::{self, Fdflags, Filestat, Oflags, follows_link};
use super::{Errno, Result};
use crate::host::Descriptor;
use crate::host::open::Open;
use crate::vm::GuestMemory;

pub(super) fn path_create_directory(
    memory: &mut GuestMemory,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_CREATE_DIRECTORY)?;
        Ok(directory.create_directory(&text(memory, path, path_len)?)?)
    })
}

pub(super) fn path_filestat_get(
    memory: &mut GuestMemory,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    stat_out: u32,
) -> Result<()> {
    filestat_at(memory, fd, flags, path, path_len)?.write(memory, stat_out)
}

/// The attributes of what a path names.
pub(in crate::wasi) fn filestat_at(
    memory: &GuestMemory,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
) -> Result<Filestat> {
    let follow = follows_link(flags)?;
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_FILESTAT_GET)?;
        let stat = directory.stat(&text(memory, path, path_len)?, follow)?;
        stat.try_into()
    })
}

#[allow(clippy::too_many_arguments)] // The parameters are those of the witx document.
pub(super) fn path_filestat_set_times(
    memory: &mut GuestMemory,
    fd: u32,
    flags: u32,
    path: u32,
    path_len: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result<()> {
    let follow = follows_link(flags)?;
    let (accessed, modified) = types::set_times(atim, mtim, fst_flags)?;
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_FILESTAT_SET_TIMES)?;
        Ok(directory.set_times(&text(memory, path, path_len)?, follow, accessed, modified)?)
    })
}

#[allow(clippy::too_many_arguments)] // The parameters are those of the witx document.
pub(super) fn path_link(
    memory: &mut GuestMemory,
    old_fd: u32,
    old_flags: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    let follow = follows_link(old_flags)?;
    table::with_two(old_fd, new_fd, |old, new| {
        let from = old.require_directory(Rights::PATH_LINK_SOURCE)?;
        let to = new.require_directory(Rights::PATH_LINK_TARGET)?;
        let from_path = text(memory, old_path, old_path_len)?;
        let to_path = text(memory, new_path, new_path_len)?;
        if follow {
            return Err(Errno::INVAL);
        }
        Ok(from.link(&from_path, to, &to_path)?)
    })
}

#[allow(clippy::too_many_arguments)] // The parameters are those of the witx document.
pub(super) fn path_open<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    dirflags: u32,
    path: u32,
    path_len: u32,
    oflags: u32,
    rights_base: u64,
    rights_inheriting: u64,
    fdflags: u32,
    fd_out: u32,
) -> Result<()> {
    let follow = follows_link(dirflags)?;
    let oflags = Oflags::checked(oflags)?;
    let rights = Rights::checked(rights_base)?;
    Rights::checked(rights_inheriting)?;
    let fdflags = Fdflags::checked(fdflags)?;
    let path = text(memory, path, path_len)?;
    let open = Open {
        follow,
        create: oflags.has(Oflags::CREAT),
        directory: oflags.has(Oflags::DIRECTORY),
        exclusive: oflags.has(Oflags::EXCL),
        truncate: oflags.has(Oflags::TRUNC),
        read: rights.has(Rights::FD_READ),
        write: rights.has(Rights::FD_WRITE),
        append: fdflags.has(Fdflags::APPEND),
        nonblocking: fdflags.has(Fdflags::NONBLOCK),
        data_sync: fdflags.has(Fdflags::DSYNC),
        sync: fdflags.has(Fdflags::SYNC),
        read_sync: fdflags.has(Fdflags::RSYNC),
    };
    let opened = A::with(fd, |entry| {
        if let Descriptor::File(_) = entry.descriptor {
            return Err(Errno::NOTDIR);
        }
        let directory = entry.require_directory(Rights::PATH_OPEN)?;
        if open.create {
            entry.dropped.require(Rights::PATH_CREATE_FILE)?;
        }
        if open.truncate {
            entry.dropped.require(Rights::PATH_FILESTAT_SET_SIZE)?;
        }
        let mut dropped = entry.dropped.inherit(rights)?;
        if !open.write && (open.create || open.truncate) {
            // The system opens for writing what it creates or truncates, whether asked or not.
            dropped = dropped.and(Rights::FD_WRITE);
        }
        Ok(Entry {
            dropped,
            ..Entry::new(directory.open(&path, open)?)
        })
    })?;
    let opened = table::insert(opened)?;
    Ok(memory.write_u32(fd_out, opened)?)
}

/// A link that is longer than the buffer is cut off.
pub(super) fn path_readlink(
    memory: &mut GuestMemory,
    fd: u32,
    path: u32,
    path_len: u32,
    buf: u32,
    buf_len: u32,
    used_out: u32,
) -> Result<()> {
    let target = table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_READLINK)?;
        Ok(directory.read_link(&text(memory, path, path_len)?)?)
    })?;
    let target = target.to_str().ok_or(Errno::ILSEQ)?.as_bytes();
    let used = buf_len.min(u32::try_from(target.len()).unwrap_or(u32::MAX));
    memory.write_bytes(buf, target.get(..used as usize).unwrap_or(target))?;
    Ok(memory.write_u32(used_out, used)?)
}

pub(super) fn path_remove_directory(
    memory: &mut GuestMemory,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_REMOVE_DIRECTORY)?;
        Ok(directory.remove_directory(&text(memory, path, path_len)?)?)
    })
}

pub(super) fn path_rename(
    memory: &mut GuestMemory,
    fd: u32,
    old_path: u32,
    old_path_len: u32,
    new_fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    table::with_two(fd, new_fd, |old, new| {
        let from = old.require_directory(Rights::PATH_RENAME_SOURCE)?;
        let to = new.require_directory(Rights::PATH_RENAME_TARGET)?;
        let from_path = text(memory, old_path, old_path_len)?;
        Ok(from.rename(&from_path, to, &text(memory, new_path, new_path_len)?)?)
    })
}

/// `old_path` is what the link contains, `new_path` where it is.
pub(super) fn path_symlink(
    memory: &mut GuestMemory,
    old_path: u32,
    old_path_len: u32,
    fd: u32,
    new_path: u32,
    new_path_len: u32,
) -> Result<()> {
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_SYMLINK)?;
        let target = text(memory, old_path, old_path_len)?;
        Ok(directory.symlink(&target, &text(memory, new_path, new_path_len)?)?)
    })
}

pub(super) fn path_unlink_file(
    memory: &mut GuestMemory,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::PATH_UNLINK_FILE)?;
        Ok(directory.unlink_file(&text(memory, path, path_len)?)?)
    })
}

/// A path in guest memory, which must be UTF-8.
/// A path, as it is now: other threads may write to where it lies.
fn text(memory: &GuestMemory, path: u32, path_len: u32) -> Result<PathBuf> {
    let bytes = memory.bytes(path, path_len)?.to_vec();
    let text = String::from_utf8(bytes).map_err(|_| Errno::ILSEQ)?;
    Ok(text.into())
}
