//! Requests as they come in on a connection of HTTP/1.1, and what else may come there.

use super::connection::Connection;
use super::request::{LIMITS, Request, check, refusal};
use super::settings::Settings;
use crate::host::http::Scheme;
use crate::host::http::h1::head::{self, Malformed};

/// What comes next on a connection.
pub(super) enum Next {
    Request(Request),
    Http2,
    /// The client gets this status.
    Refused(u16),
    /// Nothing for too long.
    Silent,
    /// The client has ended it.
    Gone,
}

/// What the preface of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r\n";

/// The request that has come in, if all of its head has.
pub(super) fn take_request(
    connection: &mut Connection,
    settings: &Settings,
    takes_http2: bool,
) -> Option<Next> {
    let bytes = connection.buffer.bytes();
    let head = match head::request(bytes, LIMITS) {
        Ok(head) => head?,
        Err(Malformed::Version) if takes_http2 && bytes.starts_with(PREFACE_LINE) => {
            return Some(Next::Http2);
        }
        Err(malformed) => return Some(Next::Refused(refusal(malformed))),
    };
    connection.buffer.consume(head.bytes);
    let mut request = match check(head) {
        Ok(request) => request,
        Err(status) => return Some(Next::Refused(status)),
    };
    if connection.is_secure {
        request.head.scheme = Some(Scheme::Https);
    }
    let fits = |max| request.framing.fits(max);
    Some(match settings.body_bytes_max.is_none_or(fits) {
        true => Next::Request(request),
        false => Next::Refused(413),
    })
}
