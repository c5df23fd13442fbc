//! Sockets, by Winsock.
//!
//! Differs from Linux: a listening socket keeps its port for itself, and one that has been closed is no
//! hindrance to the next.

mod address;
pub mod sockopt;
mod waiting;

use std::io::IoSlice;
use std::net::SocketAddr;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use windows_sys::Win32::Networking::WinSock as winsock;
use windows_sys::Win32::Networking::WinSock::{
    AF_INET, AF_INET6, FIONBIO, FIONREAD, INVALID_SOCKET, MSG_PEEK, SD_BOTH, SD_RECEIVE, SD_SEND,
    SIO_UDP_CONNRESET, SIO_UDP_NETRESET, SOCK_DGRAM, SOCK_STREAM, SOCKET, SOCKET_ERROR,
    WSA_FLAG_NO_HANDLE_INHERIT, WSA_FLAG_OVERLAPPED, WSADATA, WSADuplicateSocketW, WSAEMSGSIZE,
    WSAESHUTDOWN, WSAGetLastError, WSAIoctl, WSAPROTOCOL_INFOW, WSASocketW, WSAStartup,
};
use windows_sys::Win32::System::Threading::GetCurrentProcessId;

use super::errno::{Errno, Result};
use super::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use super::socket::{self, Calls};
use address::Address;

pub use address::SocketAddrAny;

/// How often the system counts the bytes of a buffer that it is told.
pub const BUFFER_COUNT: u64 = 1;

/// What asks for the version 2.2.
const VERSION: u16 = 0x0202;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressFamily(u16);

impl AddressFamily {
    pub const INET: AddressFamily = AddressFamily(AF_INET);
    pub const INET6: AddressFamily = AddressFamily(AF_INET6);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketType(i32);

impl SocketType {
    pub const STREAM: SocketType = SocketType(SOCK_STREAM);
    pub const DGRAM: SocketType = SocketType(SOCK_DGRAM);
}

/// There is one protocol for each type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    Read,
    Write,
    Both,
}

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SocketFlags: u32 {
        /// Programs that this one starts do not get it, which none does here.
        const CLOEXEC = 1;
        const NONBLOCK = 2;
    }
}

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SendFlags: u32 {
        /// There is no signal here.
        const NOSIGNAL = 1;
        /// More follows at once; the system is not told.
        const MORE = 2;
    }
}

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct RecvFlags: u32 {
        const PEEK = MSG_PEEK as u32;
    }
}

/// Opens a socket.
///
/// # Errors
/// The system's.
pub fn socket_with(
    family: AddressFamily,
    kind: SocketType,
    flags: SocketFlags,
    _: Option<Protocol>,
) -> Result<OwnedFd> {
    start()?;
    let own = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: no description is needed where family and type are given.
    let fd = unsafe { WSASocketW(family.0.into(), kind.0, 0, null(), 0, own) };
    let fd = opened(fd)?;
    if kind == SocketType::DGRAM {
        hear_of_failures(fd.as_fd(), false);
    }
    set_nonblocking(fd.as_fd(), flags.contains(SocketFlags::NONBLOCK))?;
    Ok(fd)
}

/// Has the system make Winsock ready, once, and the descriptors know of sockets.
fn start() -> Result<()> {
    static STARTED: OnceLock<Result<()>> = OnceLock::new();
    *STARTED.get_or_init(|| {
        let mut found = WSADATA::default();
        // SAFETY: the system writes to a local.
        let code = unsafe { WSAStartup(VERSION, &raw mut found) };
        if code != 0 {
            return Err(Errno::from_winsock(code));
        }
        socket::provide(Calls {
            close,
            duplicate,
            receive: |fd, into| {
                recv(borrowed(fd), into, RecvFlags::empty()).map(|(count, _)| count)
            },
            send: |fd, bytes| send(borrowed(fd), bytes, SendFlags::empty()),
            waiting: waiting_in,
            wait: waiting::wait,
        });
        Ok(())
    })
}

/// A socket that a call has returned.
fn opened(socket: SOCKET) -> Result<OwnedFd> {
    if socket == INVALID_SOCKET {
        return Err(Errno::last());
    }
    // SAFETY: the socket has just been made, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw(socket::number(socket)) })
}

fn number(fd: BorrowedFd<'_>) -> SOCKET {
    fd.handle() as SOCKET
}

/// What a call says that returns 0 if it has been done.
fn done(code: i32) -> Result<()> {
    match code {
        0 => Ok(()),
        _ => Err(Errno::last()),
    }
}

/// What a call says that returns how many bytes.
fn counted(count: i32) -> Result<usize> {
    usize::try_from(count).map_err(|_| Errno::last())
}

fn len(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).unwrap_or(i32::MAX)
}

fn close(fd: RawFd) {
    // SAFETY: the descriptor is its owner's alone, who no longer uses it.
    unsafe { winsock::closesocket(socket::handle(fd).cast_unsigned()) };
}

/// A socket that whoever calls has open.
fn borrowed<'a>(fd: RawFd) -> BorrowedFd<'a> {
    // SAFETY: see above.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

fn duplicate(fd: RawFd) -> Result<RawFd> {
    let fd = borrowed(fd);
    let mut description = WSAPROTOCOL_INFOW::default();
    // SAFETY: the system writes to a local, for this process itself.
    done(unsafe { WSADuplicateSocketW(number(fd), GetCurrentProcessId(), &raw mut description) })?;
    let own = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: the description is what the system has just written.
    let socket = unsafe { WSASocketW(-1, -1, -1, &raw const description, 0, own) };
    if socket == INVALID_SOCKET {
        return Err(Errno::last());
    }
    Ok(socket::number(socket))
}

fn set_nonblocking(fd: BorrowedFd<'_>, nonblocking: bool) -> Result<()> {
    let mut value = nonblocking.into();
    // SAFETY: the system reads a local.
    done(unsafe { winsock::ioctlsocket(number(fd), FIONBIO, &raw mut value) })
}

fn waiting_in(fd: RawFd) -> Result<u64> {
    let mut count = 0;
    // SAFETY: the system writes to a local.
    done(unsafe { winsock::ioctlsocket(number(borrowed(fd)), FIONREAD, &raw mut count) })?;
    Ok(count.into())
}

/// Whether receiving fails because of what has become of a datagram that was sent. Nobody wants to know
/// but who is connected. Of sockets that have no datagrams, this changes nothing.
fn hear_of_failures(fd: BorrowedFd<'_>, hears: bool) {
    for code in [SIO_UDP_CONNRESET, SIO_UDP_NETRESET] {
        let (value, mut written) = (u32::from(hears), 0);
        // SAFETY: the system reads and writes locals.
        unsafe {
            WSAIoctl(
                number(fd),
                code,
                (&raw const value).cast(),
                size_of::<u32>() as u32,
                null_mut(),
                0,
                &raw mut written,
                null_mut(),
                None,
            )
        };
    }
}

/// # Errors
/// The system's; so for all of the following.
pub fn bind(fd: impl AsFd, address: &SocketAddr) -> Result<()> {
    let address = Address::of(address);
    // SAFETY: the address has so many bytes.
    done(unsafe { winsock::bind(number(fd.as_fd()), address.start(), address.len()) })
}

/// # Errors
/// [`Errno::INPROGRESS`] where it goes on by itself.
pub fn connect(fd: impl AsFd, address: &SocketAddr) -> Result<()> {
    let fd = fd.as_fd();
    connect_to(fd, &Address::of(address))?;
    hear_of_failures(fd, true);
    Ok(())
}

/// Connects a socket for datagrams to nobody.
///
/// # Errors
/// As [`bind`].
pub fn connect_unspec(fd: impl AsFd) -> Result<()> {
    let fd = fd.as_fd();
    hear_of_failures(fd, false);
    connect_to(fd, &Address::nobody())
}

fn connect_to(fd: BorrowedFd<'_>, address: &Address) -> Result<()> {
    // SAFETY: the address has so many bytes.
    let code = unsafe { winsock::connect(number(fd), address.start(), address.len()) };
    match done(code) {
        Err(Errno::AGAIN) => Err(Errno::INPROGRESS),
        result => result,
    }
}

/// # Errors
/// As [`bind`].
pub fn listen(fd: impl AsFd, backlog: i32) -> Result<()> {
    // SAFETY: has no precondition.
    done(unsafe { winsock::listen(number(fd.as_fd()), backlog) })
}

/// # Errors
/// As [`bind`].
pub fn accept_with(fd: impl AsFd, flags: SocketFlags) -> Result<OwnedFd> {
    // SAFETY: nobody asks for the address.
    let accepted = unsafe { winsock::accept(number(fd.as_fd()), null_mut(), null_mut()) };
    let accepted = opened(accepted)?;
    set_nonblocking(accepted.as_fd(), flags.contains(SocketFlags::NONBLOCK))?;
    Ok(accepted)
}

/// # Errors
/// As [`bind`].
pub fn getsockname(fd: impl AsFd) -> Result<SocketAddrAny> {
    // SAFETY: the buffer has room for what it says.
    Address::told(|start, len| unsafe { winsock::getsockname(number(fd.as_fd()), start, len) })
}

/// The address of the other side, which there always is.
///
/// # Errors
/// As [`bind`].
pub fn getpeername(fd: impl AsFd) -> Result<Option<SocketAddrAny>> {
    // SAFETY: the buffer has room for what it says.
    Address::told(|start, len| unsafe { winsock::getpeername(number(fd.as_fd()), start, len) })
        .map(Some)
}

/// Receives: how many bytes there are, and how many were there.
///
/// # Errors
/// As [`bind`].
pub fn recv(fd: impl AsFd, into: &mut [u8], flags: RecvFlags) -> Result<(usize, usize)> {
    let (start, len) = (into.as_mut_ptr(), len(into));
    // SAFETY: the buffer has room for so many bytes.
    let count =
        unsafe { winsock::recv(number(fd.as_fd()), start, len, flags.bits().cast_signed()) };
    let count = received(count, into)?;
    Ok((count, count))
}

/// As [`recv`], and from whom.
///
/// # Errors
/// As [`bind`].
pub fn recvfrom(
    fd: impl AsFd,
    into: &mut [u8],
    flags: RecvFlags,
) -> Result<(usize, usize, Option<SocketAddrAny>)> {
    let (buffer, bytes) = (into.as_mut_ptr(), len(into));
    let flags = flags.bits().cast_signed();
    let mut count = Ok(0);
    let from = Address::told(|start, len| {
        // SAFETY: both buffers have room for so many bytes.
        let code =
            unsafe { winsock::recvfrom(number(fd.as_fd()), buffer, bytes, flags, start, len) };
        count = received(code, into);
        0
    });
    let count = match count {
        // Nobody has taken what was sent.
        Err(Errno::CONNRESET) => Err(Errno::CONNREFUSED),
        count => count,
    }?;
    Ok((count, count, from.ok()))
}

/// How many bytes have been received.
fn received(count: i32, into: &[u8]) -> Result<usize> {
    if count != SOCKET_ERROR {
        return counted(count);
    }
    // SAFETY: reads the thread's own.
    match unsafe { WSAGetLastError() } {
        // A datagram was longer than the buffer, which is full.
        WSAEMSGSIZE => Ok(into.len()),
        // Nothing is wanted any more, so that it is the end.
        WSAESHUTDOWN => Ok(0),
        _ => Err(Errno::last()),
    }
}

/// # Errors
/// As [`bind`].
pub fn send(fd: impl AsFd, bytes: &[u8], _: SendFlags) -> Result<usize> {
    // SAFETY: so many bytes are there.
    counted(unsafe { winsock::send(number(fd.as_fd()), bytes.as_ptr(), len(bytes), 0) })
}

/// Sends bytes that lie in several places: how many.
///
/// # Errors
/// As [`bind`].
pub fn send_pieces(fd: impl AsFd, pieces: &[IoSlice<'_>], _: SendFlags) -> Result<usize> {
    let (start, count) = (pieces.as_ptr().cast(), pieces.len() as u32);
    let mut sent = 0;
    let fd = number(fd.as_fd());
    // SAFETY: the standard library promises that these are what Winsock calls buffers, and the call
    // has ended when it returns.
    done(unsafe { winsock::WSASend(fd, start, count, &raw mut sent, 0, null_mut(), None) })?;
    Ok(sent as usize)
}

/// # Errors
/// As [`bind`].
pub fn sendto(fd: impl AsFd, bytes: &[u8], _: SendFlags, to: &SocketAddr) -> Result<usize> {
    let to = Address::of(to);
    // SAFETY: so many bytes are there, of both.
    counted(unsafe {
        winsock::sendto(
            number(fd.as_fd()),
            bytes.as_ptr(),
            len(bytes),
            0,
            to.start(),
            to.len(),
        )
    })
}

/// # Errors
/// As [`bind`].
pub fn shutdown(fd: impl AsFd, how: Shutdown) -> Result<()> {
    let how = match how {
        Shutdown::Read => SD_RECEIVE,
        Shutdown::Write => SD_SEND,
        Shutdown::Both => SD_BOTH,
    };
    // SAFETY: has no precondition.
    done(unsafe { winsock::shutdown(number(fd.as_fd()), how) })
}
