//! `sock_*`: for sockets that the process was given, which Wasmtime does not have.

use super::Result;
use super::fd::write_count;
use super::rights::Rights;
use super::table::{self, Access, Entry};
use super::types::{Fdflags, checked_flags};
use crate::host::Descriptor;
use crate::host::socket_io;
use crate::vm::GuestMemory;

const RECV_PEEK: u32 = 1;
const RECV_WAITALL: u32 = 2;
const SHUT_RD: u32 = 1;
const SHUT_WR: u32 = 2;

pub(super) fn sock_accept<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    flags: u32,
    fd_out: u32,
) -> Result<()> {
    let flags = Fdflags::checked(flags)?;
    let accepted = A::with(fd, |entry| {
        let listener = entry.require(Rights::SOCK_ACCEPT)?;
        let dropped = entry.dropped.inherit(Rights::NONE)?;
        let socket = socket_io::accept(listener, flags.has(Fdflags::NONBLOCK))?;
        Ok(Entry {
            dropped,
            ..Entry::new(Descriptor::Socket(socket))
        })
    })?;
    let accepted = table::insert(accepted)?;
    Ok(memory.write_u32(fd_out, accepted)?)
}

pub(super) fn sock_recv<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    ri_flags: u32,
    nread_out: u32,
    ro_flags_out: u32,
) -> Result<()> {
    let flags = checked_flags(ri_flags, RECV_PEEK | RECV_WAITALL)?;
    let mut buffers = memory.io_slices_mut(iovs, iovs_len)?;
    let received = A::with(fd, |entry| {
        let (peek, wait_all) = (flags & RECV_PEEK != 0, flags & RECV_WAITALL != 0);
        let socket = entry.require(Rights::FD_READ)?;
        Ok(socket_io::receive(
            socket,
            buffers.as_mut_slice(),
            peek,
            wait_all,
        )?)
    })?;
    write_count(memory, nread_out, received.bytes)?;
    Ok(memory.write_u16(ro_flags_out, u16::from(received.truncated))?)
}

/// No flags are defined; as in Wasmtime, none are refused.
pub(super) fn sock_send<A: Access>(
    memory: &mut GuestMemory,
    fd: u32,
    iovs: u32,
    iovs_len: u32,
    _si_flags: u32,
    nwritten_out: u32,
) -> Result<()> {
    let buffers = memory.io_slices(iovs, iovs_len)?;
    let count = A::with(fd, |entry| {
        Ok(socket_io::send(
            entry.require(Rights::FD_WRITE)?,
            buffers.as_slice(),
        )?)
    })?;
    write_count(memory, nwritten_out, count)
}

pub(super) fn sock_shutdown(_memory: &mut GuestMemory, fd: u32, how: u32) -> Result<()> {
    let how = checked_flags(how, SHUT_RD | SHUT_WR)?;
    table::with(fd, |entry| {
        let socket = entry.require(Rights::SOCK_SHUTDOWN)?;
        Ok(socket_io::shut_down(
            socket,
            how & SHUT_RD != 0,
            how & SHUT_WR != 0,
        )?)
    })
}
