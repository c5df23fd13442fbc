//! `wasi_unstable`: the functions of WASI 0.1's predecessor that differ from their namesakes in
//! `wasi_snapshot_preview1`, in layouts and numbers only. The others share the namesakes' code.

use crate::host::descriptor::Whence;
use crate::vm::GuestMemory;

use super::p1::{self, Errno, Filestat, PollLayout, Record, answer, misaligned};

/// One more field, an identifier, lies in front of a clock's number.
const POLL_LAYOUT: PollLayout = PollLayout {
    bytes: 56,
    clock_id: 24,
    timeout: 32,
    flags: 48,
};

/// `fd_filestat_get` of `wasi_unstable`.
pub fn fd_filestat_get(memory: &mut GuestMemory, fd: i32, stat_out: i32) -> i32 {
    let stat = p1::filestat_of(fd.cast_unsigned());
    let result = stat.and_then(|stat| write(&stat, memory, stat_out.cast_unsigned()));
    answer(result, misaligned!(stat_out))
}

/// `path_filestat_get` of `wasi_unstable`.
pub fn path_filestat_get(
    memory: &mut GuestMemory,
    fd: i32,
    flags: i32,
    path: i32,
    path_len: i32,
    stat_out: i32,
) -> i32 {
    let [fd, flags, path, path_len] = [fd, flags, path, path_len].map(i32::cast_unsigned);
    let stat = p1::filestat_at(memory, fd, flags, path, path_len);
    let result = stat.and_then(|stat| write(&stat, memory, stat_out.cast_unsigned()));
    answer(result, misaligned!(stat_out))
}

/// `fd_seek` of `wasi_unstable`.
pub fn fd_seek(
    memory: &mut GuestMemory,
    fd: i32,
    offset: i64,
    whence: i32,
    newoffset_out: i32,
) -> i32 {
    let whence = match whence {
        0 => Whence::Current,
        1 => Whence::End,
        2 => Whence::Start,
        _ => return Errno::INVAL.code(),
    };
    let misaligned = misaligned!(newoffset_out);
    let (fd, newoffset_out) = (fd.cast_unsigned(), newoffset_out.cast_unsigned());
    let result = p1::seek(memory, fd, offset.cast_unsigned(), whence, newoffset_out);
    answer(result, misaligned)
}

/// `poll_oneoff` of `wasi_unstable`.
pub fn poll_oneoff(
    memory: &mut GuestMemory,
    subscriptions: i32,
    events: i32,
    nsubscriptions: i32,
    nevents_out: i32,
) -> i32 {
    let misaligned = misaligned!(subscriptions) | misaligned!(events) | misaligned!(nevents_out);
    let [subscriptions, events, nsubscriptions, nevents_out] =
        [subscriptions, events, nsubscriptions, nevents_out].map(i32::cast_unsigned);
    let result = p1::poll::<p1::Locked>(
        memory,
        POLL_LAYOUT,
        subscriptions,
        events,
        nsubscriptions,
        nevents_out,
    );
    answer(result, misaligned)
}

/// Writes a `filestat`, whose number of links has 32 bits here.
fn write(stat: &Filestat, memory: &mut GuestMemory, at: u32) -> Result<(), Errno> {
    let nlink = u32::try_from(stat.nlink).unwrap_or(u32::MAX);
    Record::<56>::new()
        .put(0, stat.dev.to_le_bytes())
        .put(8, stat.ino.to_le_bytes())
        .put(16, [stat.filetype])
        .put(20, nlink.to_le_bytes())
        .put(24, stat.size.to_le_bytes())
        .put(32, stat.atim.to_le_bytes())
        .put(40, stat.mtim.to_le_bytes())
        .put(48, stat.ctim.to_le_bytes())
        .write(memory, at)
}
