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

/// Whether these bytes could be a head, or too long for one, of which so many were none: a head that
/// comes byte by byte is not read anew with each.
pub(super) fn may_end_head(bytes: &[u8], seen: usize) -> bool {
    const STEP_BYTES: usize = 4096;
    let exceeds = |max: usize| seen <= max && bytes.len() > max;
    let new = bytes.get(seen..).unwrap_or_default();
    new.contains(&b'\n')
        || exceeds(LIMITS.line_bytes_max)
        || exceeds(LIMITS.head_bytes_max)
        || bytes.len() / STEP_BYTES > seen / STEP_BYTES
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_not_read_anew_with_each_byte() {
        let line = [b"A: ".to_vec(), vec![b'b'; 500], b"\r\n".to_vec()].concat();
        let lines = line.repeat(100);
        let head = [&b"GET / HTTP/1.1\r\n"[..], &lines, b"\r\n"].concat();
        let count = |range: std::ops::RangeInclusive<usize>| {
            let read = range.filter(|len| may_end_head(&head[..*len], len - 1));
            read.count()
        };
        assert!(may_end_head(&head, head.len() - 1));
        assert!(count(1..=head.len()) < 120, "{}", count(1..=head.len()));
        let endless = vec![b'a'; LIMITS.line_bytes_max + 1];
        assert!(may_end_head(&endless, LIMITS.line_bytes_max));
        assert!(!may_end_head(b"GET", 2));
    }
}
