//! `fd_*`, but for `fd_readdir`.

use super::rights::Rights;
use super::table::Access;
use super::types::{self, Fdflags, Filestat, Record, filetype};
use super::{Errno, Result, table};
use crate::host::Descriptor;
use crate::host::descriptor::Whence;
use crate::host::file::Advice;
use crate::vm::GuestMemory;

pub(super) fn fd_advise(
    _memory: &mut GuestMemory,
    fd: u32,
    offset: u64,
    len: u64,
    advice: u32,
) -> Result<()> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(Errno::INVAL),
    };
    table::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_ADVISE)?
            .file()?
            .advise(offset, len, advice)?)
    })
}

pub(super) fn fd_allocate(_memory: &mut GuestMemory, fd: u32, offset: u64, len: u64) -> Result<()> {
    table::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_ALLOCATE)?
            .file()?
            .allocate(offset, len)?)
    })
}

pub(super) fn fd_close(_memory: &mut GuestMemory, fd: u32) -> Result<()> {
    drop(table::remove(fd)?);
    Ok(())
}

pub(super) fn fd_datasync(_memory: &mut GuestMemory, fd: u32) -> Result<()> {
    table::with(fd, |entry| {
        Ok(entry.require(Rights::FD_DATASYNC)?.file()?.sync_data()?)
    })
}

pub(super) fn fd_sync(_memory: &mut GuestMemory, fd: u32) -> Result<()> {
    table::with(fd, |entry| {
        Ok(entry.require(Rights::FD_SYNC)?.file()?.sync()?)
    })
}

pub(super) fn fd_fdstat_get(memory: &mut GuestMemory, fd: u32, stat_out: u32) -> Result<()> {
    let stat = table::with(fd, |entry| {
        let (base, inheriting) = entry
            .dropped
            .left(&entry.descriptor, entry.preopen.is_some())?;
        let filetype = filetype(entry.descriptor.file_type()?);
        Ok(Record::<24>::new()
            .put(0, [filetype])
            .put(2, fdflags(&entry.descriptor)?.to_le_bytes())
            .put(8, base.bits().to_le_bytes())
            .put(16, inheriting.bits().to_le_bytes()))
    })?;
    stat.write(memory, stat_out)
}

/// Only files and sockets have flags; only those for appending and for not waiting can change.
pub(super) fn fd_fdstat_set_flags(_memory: &mut GuestMemory, fd: u32, flags: u32) -> Result<()> {
    let flags = Fdflags::checked(flags)?;
    table::with(fd, |entry| {
        let descriptor = entry.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        if matches!(descriptor, Descriptor::Stream(_) | Descriptor::Directory(_)) {
            return Err(Errno::BADF);
        }
        if flags.has(Fdflags::DSYNC | Fdflags::SYNC | Fdflags::RSYNC) {
            return Err(Errno::INVAL);
        }
        Ok(descriptor.set_flags(flags.has(Fdflags::APPEND), flags.has(Fdflags::NONBLOCK))?)
    })
}

/// Differs from Wasmtime, which supports this for no descriptor.
pub(super) fn fd_fdstat_set_rights(
    _memory: &mut GuestMemory,
    fd: u32,
    base: u64,
    inheriting: u64,
) -> Result<()> {
    let (base, inheriting) = (Rights::checked(base)?, Rights::checked(inheriting)?);
    table::with_mut(fd, |entry| {
        let left = entry
            .dropped
            .left(&entry.descriptor, entry.preopen.is_some())?;
        entry.dropped = entry.dropped.keep_only(left, base, inheriting)?;
        Ok(())
    })
}

pub(super) fn fd_filestat_get(memory: &mut GuestMemory, fd: u32, stat_out: u32) -> Result<()> {
    filestat_of(fd)?.write(memory, stat_out)
}

/// The attributes of an open descriptor.
pub(in crate::wasi) fn filestat_of(fd: u32) -> Result<Filestat> {
    table::with(fd, |entry| {
        let stat = entry.require(Rights::FD_FILESTAT_GET)?.stat()?;
        stat.try_into()
    })
}

pub(super) fn fd_filestat_set_size(_memory: &mut GuestMemory, fd: u32, size: u64) -> Result<()> {
    table::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_FILESTAT_SET_SIZE)?
            .file()?
            .set_size(size)?)
    })
}

pub(super) fn fd_filestat_set_times(
    _memory: &mut GuestMemory,
    fd: u32,
    atim: u64,
    mtim: u64,
    fst_flags: u32,
) -> Result<()> {
    let (accessed, modified) = types::set_times(atim, mtim, fst_flags)?;
    table::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_FILESTAT_SET_TIMES)?
            .set_times(accessed, modified)?)
    })
}

pub(super) fn fd_read<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nread_out: u32,
) -> Result<()> {
    let mut buffers = memory.io_slices_mut(iovs, iovs_len)?;
    let count = A::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_READ)?
            .read(buffers.as_mut_slice())?)
    })?;
    write_count(memory, nread_out, count)
}

pub(super) fn fd_pread<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nread_out: u32,
) -> Result<()> {
    let mut buffers = memory.io_slices_mut(iovs, iovs_len)?;
    let count = A::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_READ)?
            .read_at(buffers.as_mut_slice(), offset)?)
    })?;
    write_count(memory, nread_out, count)
}

pub(super) fn fd_write<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    nwritten_out: u32,
) -> Result<()> {
    let buffers = memory.io_slices(iovs, iovs_len)?;
    let count = A::with(fd, |entry| {
        Ok(entry.require(Rights::FD_WRITE)?.write(buffers.as_slice())?)
    })?;
    write_count(memory, nwritten_out, count)
}

pub(super) fn fd_pwrite<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    offset: u64,
    nwritten_out: u32,
) -> Result<()> {
    let buffers = memory.io_slices(iovs, iovs_len)?;
    let count = A::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_WRITE)?
            .write_at(buffers.as_slice(), offset)?)
    })?;
    write_count(memory, nwritten_out, count)
}

pub(super) fn fd_prestat_get(memory: &mut GuestMemory, fd: u32, prestat_out: u32) -> Result<()> {
    let name = table::with(fd, |entry| entry.preopen.ok_or(Errno::BADF))?;
    let len = u32::try_from(name.len()).map_err(|_| Errno::OVERFLOW)?;
    Record::<8>::new()
        .put(4, len.to_le_bytes())
        .write(memory, prestat_out)
}

pub(super) fn fd_prestat_dir_name(
    memory: &mut GuestMemory,
    fd: u32,
    path: u32,
    path_len: u32,
) -> Result<()> {
    let name = table::with(fd, |entry| entry.preopen.ok_or(Errno::NOTDIR))?;
    if name.len() > path_len as usize {
        return Err(Errno::NAMETOOLONG);
    }
    Ok(memory.write_bytes(path, name)?)
}

pub(super) fn fd_renumber(_memory: &mut GuestMemory, fd: u32, to: u32) -> Result<()> {
    drop(table::renumber(fd, to)?);
    Ok(())
}

pub(super) fn fd_seek(
    memory: &mut GuestMemory,
    fd: u32,
    offset: u64,
    whence: u32,
    newoffset_out: u32,
) -> Result<()> {
    let whence = match whence {
        0 => Whence::Start,
        1 => Whence::Current,
        2 => Whence::End,
        _ => return Err(Errno::INVAL),
    };
    seek(memory, fd, offset, whence, newoffset_out)
}

/// Moves a position, for either version's numbers of `whence`.
pub(in crate::wasi) fn seek(
    memory: &mut GuestMemory,
    fd: u32,
    offset: u64,
    whence: Whence,
    newoffset_out: u32,
) -> Result<()> {
    let position = table::with(fd, |entry| {
        Ok(entry
            .require(Rights::FD_SEEK)?
            .seek(whence, offset.cast_signed())?)
    })?;
    Ok(memory.write_u64(newoffset_out, position)?)
}

pub(super) fn fd_tell(memory: &mut GuestMemory, fd: u32, offset_out: u32) -> Result<()> {
    let position = table::with(fd, |entry| {
        Ok(entry.require(Rights::FD_TELL)?.seek(Whence::Current, 0)?)
    })?;
    Ok(memory.write_u64(offset_out, position)?)
}

/// The bytes that a vectored read or write moved: never more than the kernel's limit of 2 GiB.
pub(super) fn write_count(memory: &mut GuestMemory, at: u32, count: usize) -> Result<()> {
    let count = u32::try_from(count).map_err(|_| Errno::OVERFLOW)?;
    Ok(memory.write_u32(at, count)?)
}

/// `fdflags` of a descriptor. The kernel has one flag for what WASI calls SYNC and RSYNC.
fn fdflags(descriptor: &Descriptor) -> Result<u16> {
    let mode = match descriptor {
        Descriptor::File(file) => file.mode()?,
        Descriptor::Socket(socket) if socket.is_nonblocking()? => {
            return Ok(Fdflags::NONBLOCK as u16);
        }
        _ => return Ok(0),
    };
    let flags = [
        (mode.append, Fdflags::APPEND),
        (mode.nonblocking, Fdflags::NONBLOCK),
        (mode.data_sync, Fdflags::DSYNC),
        (mode.sync, Fdflags::SYNC),
    ];
    let set = flags.into_iter().filter(|(set, _)| *set);
    Ok(set.fold(0, |all, (_, flag)| all | flag as u16))
}
