//! Connecting: names, addresses, sockets.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};

use super::request::{Request, Response};
use super::timeout::{Timeouts, until};
use crate::host::http::answer::Answer;
use crate::host::http::transport::{Buffer, Socket, Transport};
use crate::host::http::{DnsErrorPayload, ErrorCode, Result};
use crate::host::lookup::Lookup;
use crate::host::net::{Direction, Family, is_ready};
use crate::host::{self, Error};
use crate::io::{Changes, Interest, Source, ready as when_ready};
use crate::sys::fd::OwnedFd;
use crate::sys::io::Errno;
use crate::sys::net::SocketType;
use crate::sys::net::sockopt::{set_tcp_nodelay, socket_error};
use crate::vm::process::http_policy;

/// Where a request goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Destination {
    pub(super) secure: bool,
    /// In lower case, an address of IPv6 in brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// A connection for as many requests as there are at the same time.
pub trait Shared {
    /// Whether it takes more of them.
    fn is_open(&self) -> bool;

    /// Sends a request and gives its response; what comes of that is known when both bodies are
    /// over.
    fn exchange(
        self: Rc<Self>,
        request: Request,
        timeouts: Timeouts,
        answer: Rc<Answer<Response>>,
    ) -> Exchanging;
}

/// A request on a shared connection.
pub type Exchanging = Pin<Box<dyn Future<Output = std::result::Result<(), Failed>>>>;

/// Why nothing came of a request.
pub struct Failed {
    pub error: ErrorCode,
    /// All of it, if the other side says that it has done nothing about it and never will.
    pub request: Option<Box<Request>>,
}

/// How a request gets there.
pub enum Way {
    /// By HTTP/1.1, on a connection of its own.
    Own(Connection),
    /// By HTTP/2, beside others.
    Shared(Rc<dyn Shared>),
}

/// A connection, with what has come in.
pub struct Connection {
    pub(super) transport: Box<dyn Transport>,
    pub(super) buffer: Buffer,
}

/// Connects to the first address that answers. Addresses have to be known until then.
pub(super) async fn connect(destination: &Destination, limit_ns: u64) -> Result<Way> {
    let secure = match destination.secure {
        true => Some(secure()?),
        false => None,
    };
    let mut failure = dns_error("address not available");
    let addresses = addresses(&destination.host);
    for address in until(limit_ns, ErrorCode::DnsTimeout, addresses).await? {
        let address = SocketAddr::new(address, destination.port);
        match open(address).await {
            Ok(fd) => {
                let socket = Box::new(Socket::new(fd));
                return match secure {
                    Some(secure) => secure(socket, &destination.host).await,
                    None => Ok(Way::Own(Connection::new(socket))),
                };
            }
            Err(error) => failure = connect_error(error),
        }
    }
    Err(failure)
}

impl Connection {
    #[must_use]
    pub fn new(transport: Box<dyn Transport>) -> Connection {
        Connection {
            transport,
            buffer: Buffer::default(),
        }
    }
}

/// Speaks TLS on a connection with a host.
pub type Secure = fn(Box<dyn Transport>, &str) -> Securing;

/// A connection with TLS, as soon as both sides know each other and agree on a protocol.
pub type Securing = Pin<Box<dyn Future<Output = Result<Way>>>>;

thread_local! {
    static SECURE: Cell<Option<Secure>> = const { Cell::new(None) };
}

/// Gives this thread TLS. Nothing else here refers to it, so that only programs are linked with it
/// that may send requests.
pub fn set_secure(secure: Secure) {
    SECURE.set(Some(secure));
}

fn secure() -> Result<Secure> {
    if let (None, Some(provide)) = (SECURE.get(), http_policy().provide_tls) {
        provide();
    }
    SECURE.get().ok_or(ErrorCode::ConfigurationError)
}

fn dns_error(rcode: &str) -> ErrorCode {
    ErrorCode::DnsError(DnsErrorPayload {
        rcode: Some(rcode.to_owned()),
        info_code: None,
    })
}

/// The addresses of a host.
async fn addresses(host: &str) -> Result<Vec<IpAddr>> {
    // RFC 6761, section 6.4: there are no such names, and nobody needs to be asked.
    let name = host.strip_suffix('.').unwrap_or(host);
    if name == "invalid" || name.ends_with(".invalid") {
        return Err(dns_error("address not available"));
    }
    let mut lookup = Lookup::start(host).map_err(|error| match error {
        Error::Invalid => dns_error("invalid dns name"),
        _ => dns_error("address not available"),
    })?;
    let done = lookup.awaited().map(Arc::clone);
    if let Some(done) = done {
        let done = Rc::new(Source::new(done));
        when_ready(done.handle(), Interest::Readable).await;
    }
    let mut found = Vec::new();
    loop {
        match lookup.next_address() {
            Ok(Some(address)) => found.push(address),
            Ok(None) => break,
            Err(_) => return Err(dns_error("address not available")),
        }
    }
    Ok(found)
}

/// Opens a connection.
async fn open(address: SocketAddr) -> host::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => Family::Ipv4,
        SocketAddr::V6(_) => Family::Ipv6,
    };
    let fd = family.open(SocketType::STREAM)?;
    match crate::sys::net::connect(&fd, &address) {
        Ok(()) => {}
        Err(Errno::INPROGRESS | Errno::INTR) => {
            let fd = Rc::new(Source::new(fd.try_clone()?));
            let mut changes = Changes::new(fd.handle(), Interest::Writable);
            poll_fn(|cx| {
                while !is_ready(&**fd, Direction::Writable) {
                    ready!(changes.poll(cx));
                }
                Poll::Ready(())
            })
            .await;
            if let Err(errno) = socket_error(&**fd)? {
                return Err(errno.into());
            }
        }
        Err(errno) => return Err(errno.into()),
    }
    // Without it, small requests wait for the acknowledgement of those before.
    let _ = set_tcp_nodelay(&fd, true);
    Ok(fd)
}

fn connect_error(error: Error) -> ErrorCode {
    match error {
        Error::HostUnreachable | Error::NetworkDown | Error::AddressFamilyNotSupported => {
            ErrorCode::DestinationUnavailable
        }
        Error::NetworkUnreachable => ErrorCode::DestinationIpUnroutable,
        // Firewalls and routes say so.
        Error::Access | Error::NotPermitted => ErrorCode::DestinationIpProhibited,
        Error::TimedOut => ErrorCode::ConnectionTimeout,
        Error::ConnectionReset | Error::ConnectionAborted | Error::Pipe => {
            ErrorCode::ConnectionTerminated
        }
        Error::TooManyOpenFiles | Error::TooManyOpenFilesInSystem => {
            ErrorCode::ConnectionLimitReached
        }
        _ => ErrorCode::ConnectionRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_of_a_connection_is_told_apart() {
        for (errno, code) in [
            (Errno::HOSTUNREACH, ErrorCode::DestinationUnavailable),
            (Errno::NETDOWN, ErrorCode::DestinationUnavailable),
            (Errno::AFNOSUPPORT, ErrorCode::DestinationUnavailable),
            (Errno::NETUNREACH, ErrorCode::DestinationIpUnroutable),
            (Errno::PERM, ErrorCode::DestinationIpProhibited),
            (Errno::ACCESS, ErrorCode::DestinationIpProhibited),
            (Errno::TIMEDOUT, ErrorCode::ConnectionTimeout),
            (Errno::CONNRESET, ErrorCode::ConnectionTerminated),
            (Errno::CONNREFUSED, ErrorCode::ConnectionRefused),
            (Errno::MFILE, ErrorCode::ConnectionLimitReached),
        ] {
            assert_eq!(connect_error(errno.into()), code, "{errno}");
        }
    }
}
