//! Heads of messages (RFC 9112, sections 2 to 5), read from bytes that have come in so far.
//!
//! Strict where leniency lets two readers see different messages: lines end with CRLF, no space
//! stands before a colon, nothing is folded, no control character is part of anything.

use crate::host::http::FieldSizePayload;
use crate::host::http::fields::{is_token, is_value};

/// Name and value of a field, as received.
pub type Received = (String, Vec<u8>);

/// Fields of one section.
const FIELDS_MAX: usize = 256;

/// Why bytes are no head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// They break the grammar.
    Syntax,
    /// The first line is too long.
    LineTooLong,
    /// There is too much of them.
    TooLarge,
    /// It is another version of HTTP.
    Version,
}

pub type Result<T> = std::result::Result<T, Malformed>;

/// The first line of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestLine {
    pub method: String,
    pub target: String,
    /// The version is `HTTP/1.` and this.
    pub minor: u8,
}

/// The first line of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusLine {
    pub minor: u8,
    pub status: u16,
}

/// A head, and how many bytes it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head<L> {
    pub line: L,
    pub fields: Vec<Received>,
    pub bytes: usize,
}

/// How long the parts of a head may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub line_bytes_max: usize,
    pub head_bytes_max: usize,
}

/// Reads a request's head; nothing while it is not complete. Empty lines before it are skipped, as
/// many as a first line may be long.
///
/// # Errors
/// Why it is none.
pub fn request(bytes: &[u8], limits: Limits) -> Result<Option<Head<RequestLine>>> {
    let skipped = bytes.chunks_exact(2).take_while(|two| *two == b"\r\n");
    let skipped = 2 * skipped.count();
    if skipped > limits.line_bytes_max {
        return Err(Malformed::Syntax);
    }
    let rest = bytes.get(skipped..).unwrap_or_default();
    let head = head(rest, limits, request_line)?;
    Ok(head.map(|mut head| {
        head.bytes += skipped;
        head
    }))
}

/// Reads a response's head; nothing while it is not complete.
///
/// # Errors
/// Why it is none.
pub fn response(bytes: &[u8], limits: Limits) -> Result<Option<Head<StatusLine>>> {
    head(bytes, limits, status_line)
}

/// Reads a section of fields with the empty line behind it; nothing while it is not complete. The
/// number of bytes is given besides.
///
/// # Errors
/// As [`request`].
pub fn fields(bytes: &[u8], bytes_max: usize) -> Result<Option<(Vec<Received>, usize)>> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(line) = line(rest)? else {
            return too_long(bytes.len() > bytes_max, Malformed::TooLarge);
        };
        at += line.len() + 2;
        if at > bytes_max {
            return Err(Malformed::TooLarge);
        }
        if line.is_empty() {
            return Ok(Some((found, at)));
        }
        if found.len() == FIELDS_MAX {
            return Err(Malformed::TooLarge);
        }
        found.push(field(line)?);
    }
}

fn head<L>(bytes: &[u8], limits: Limits, parse: fn(&[u8]) -> Result<L>) -> Result<Option<Head<L>>> {
    let Some(first) = line(bytes)? else {
        return too_long(bytes.len() > limits.line_bytes_max, Malformed::LineTooLong);
    };
    if first.len() > limits.line_bytes_max {
        return Err(Malformed::LineTooLong);
    }
    let line = parse(first)?;
    let start = first.len() + 2;
    let rest = bytes.get(start..).unwrap_or_default();
    let left = limits.head_bytes_max.saturating_sub(start);
    Ok(fields(rest, left)?.map(|(fields, bytes)| Head {
        line,
        fields,
        bytes: start + bytes,
    }))
}

/// Whether these bytes could be a head, or too long for one, of which so many were none: a head that
/// comes byte by byte is not read anew with each.
#[must_use]
pub fn may_end(bytes: &[u8], seen: usize, limits: Limits) -> bool {
    const STEP_BYTES: usize = 4096;
    let exceeds = |max: usize| seen <= max && bytes.len() > max;
    let new = bytes.get(seen..).unwrap_or_default();
    new.contains(&b'\n')
        || exceeds(limits.line_bytes_max)
        || exceeds(limits.head_bytes_max)
        || bytes.len() / STEP_BYTES > seen / STEP_BYTES
}

/// The field that has more than half of these bytes, which are too many for a section of fields. How
/// long it was going to be, nobody knows.
#[must_use]
pub fn large_field(bytes: &[u8]) -> Option<FieldSizePayload> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let line = lines.find(|line| line.len() > bytes.len() / 2)?;
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = String::from_utf8_lossy(line.get(..colon)?);
    Some(FieldSizePayload {
        field_name: Some(name.to_ascii_lowercase()),
        field_size: None,
    })
}

/// What an incomplete part is.
fn too_long<T>(is_too_long: bool, error: Malformed) -> Result<Option<T>> {
    match is_too_long {
        true => Err(error),
        false => Ok(None),
    }
}

/// The first line, without the CRLF that ends it.
pub fn line(bytes: &[u8]) -> Result<Option<&[u8]>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let line = bytes.get(..end).unwrap_or_default();
    match line.split_last() {
        Some((b'\r', line)) if !line.contains(&b'\r') => Ok(Some(line)),
        _ => Err(Malformed::Syntax),
    }
}

/// `field-line`.
fn field(line: &[u8]) -> Result<Received> {
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = line.split_at(colon.ok_or(Malformed::Syntax)?);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if !is_token(name) || !is_value(value) {
        return Err(Malformed::Syntax);
    }
    let name = std::str::from_utf8(name).map_err(|_| Malformed::Syntax)?;
    Ok((name.to_owned(), value.to_vec()))
}

/// `request-line`.
fn request_line(line: &[u8]) -> Result<RequestLine> {
    let text = std::str::from_utf8(line).map_err(|_| Malformed::Syntax)?;
    let mut parts = text.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Malformed::Syntax);
    };
    let is_target = !target.is_empty()
        && target
            .bytes()
            .all(|byte| matches!(byte, 0x21..=0x7e | 0x80..));
    if !is_token(method.as_bytes()) || !is_target {
        return Err(Malformed::Syntax);
    }
    Ok(RequestLine {
        minor: minor(version.as_bytes())?,
        method: method.to_owned(),
        target: target.to_owned(),
    })
}

/// `status-line`. The space behind the code may be missing together with the phrase.
fn status_line(line: &[u8]) -> Result<StatusLine> {
    let (version, rest) = line.split_at_checked(8).ok_or(Malformed::Syntax)?;
    let minor = minor(version)?;
    let [b' ', a, b, c, phrase @ ..] = rest else {
        return Err(Malformed::Syntax);
    };
    let digits = [a, b, c];
    let is_phrase = phrase.is_empty() || phrase.starts_with(b" ") && is_value(phrase);
    if !digits.iter().all(|digit| digit.is_ascii_digit()) || *a == b'0' || !is_phrase {
        return Err(Malformed::Syntax);
    }
    let status = digits
        .iter()
        .fold(0, |sum, digit| sum * 10 + u16::from(**digit - b'0'));
    Ok(StatusLine { minor, status })
}

fn minor(version: &[u8]) -> Result<u8> {
    match version {
        b"HTTP/1.0" => Ok(0),
        b"HTTP/1.1" => Ok(1),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Err(Malformed::Version)
        }
        _ => Err(Malformed::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        line_bytes_max: 100,
        head_bytes_max: 300,
    };

    #[test]
    fn requests_are_read_once_they_are_complete() {
        let bytes = b"\r\n\r\nPOST /a?b HTTP/1.1\r\nHost: x\r\nA:\tb \r\nempty:\r\n\r\nbody";
        let end = bytes.len() - 4;
        for cut in 0..end {
            assert_eq!(request(&bytes[..cut], LIMITS), Ok(None), "{cut}");
        }
        let head = request(bytes, LIMITS).unwrap().unwrap();
        assert_eq!(head.bytes, end);
        assert_eq!(head.line.method, "POST");
        assert_eq!((&*head.line.target, head.line.minor), ("/a?b", 1));
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let expected = [field("Host", "x"), field("A", "b"), field("empty", "")];
        assert_eq!(head.fields, expected);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_request() {
        let refused = [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\n",
            "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nA: x\ry\r\n\r\n",
            "GET / HTTP/1.1\r\nA: x\0y\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n: x\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1 \r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1x\r\n\r\n",
            "GET / http/1.1\r\n\r\n",
            "GET /\r\n\r\n",
            " GET / HTTP/1.1\r\n\r\n",
            "G(T / HTTP/1.1\r\n\r\n",
            "GET /\x7f HTTP/1.1\r\n\r\n",
        ];
        for text in refused {
            assert_eq!(
                request(text.as_bytes(), LIMITS),
                Err(Malformed::Syntax),
                "{text:?}"
            );
        }
        let version = request(b"GET / HTTP/2.0\r\n\r\n", LIMITS);
        assert_eq!(version, Err(Malformed::Version));
    }

    #[test]
    fn heads_have_limits() {
        let long = [b"GET /".to_vec(), vec![b'a'; 200]].concat();
        assert_eq!(request(&long, LIMITS), Err(Malformed::LineTooLong));
        assert_eq!(request(&b"\r\n".repeat(50), LIMITS), Ok(None));
        assert_eq!(request(&b"\r\n".repeat(51), LIMITS), Err(Malformed::Syntax));
        let mut large = b"GET / HTTP/1.1\r\n".to_vec();
        while request(&large, LIMITS) == Ok(None) {
            large.extend_from_slice(b"a: b\r\n");
        }
        assert_eq!(request(&large, LIMITS), Err(Malformed::TooLarge));
        assert!(large.len() <= LIMITS.head_bytes_max + 6);
        let limits = Limits {
            line_bytes_max: 100,
            head_bytes_max: usize::MAX,
        };
        let many = [
            b"GET / HTTP/1.1\r\n".to_vec(),
            b"a: b\r\n".repeat(FIELDS_MAX + 1),
        ]
        .concat();
        assert_eq!(request(&many, limits), Err(Malformed::TooLarge));
    }

    #[test]
    fn responses_have_a_status() {
        let status = |text: &str| {
            response(text.as_bytes(), LIMITS).map(|head| head.map(|head| head.line.status))
        };
        assert_eq!(status("HTTP/1.1 200 OK\r\n\r\n"), Ok(Some(200)));
        assert_eq!(status("HTTP/1.0 404\r\nA: b\r\n\r\n"), Ok(Some(404)));
        assert_eq!(status("HTTP/1.1 999 \r\n\r\n"), Ok(Some(999)));
        for text in [
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 099 x\r\n\r\n",
            "HTTP/1.1 2000\r\n\r\n",
            "x\r\n\r\n",
        ] {
            assert_eq!(status(text), Err(Malformed::Syntax), "{text:?}");
        }
    }

    #[test]
    fn a_head_is_not_read_anew_with_each_byte() {
        let line = [b"A: ".to_vec(), vec![b'b'; 500], b"\r\n".to_vec()].concat();
        let lines = line.repeat(100);
        let head = [&b"GET / HTTP/1.1\r\n"[..], &lines, b"\r\n"].concat();
        let count = |range: std::ops::RangeInclusive<usize>| {
            let read = range.filter(|len| may_end(&head[..*len], len - 1, LIMITS));
            read.count()
        };
        assert!(may_end(&head, head.len() - 1, LIMITS));
        assert!(count(1..=head.len()) < 120, "{}", count(1..=head.len()));
        let endless = vec![b'a'; LIMITS.line_bytes_max + 1];
        assert!(may_end(&endless, LIMITS.line_bytes_max, LIMITS));
        assert!(!may_end(b"GET", 2, LIMITS));
    }
}
