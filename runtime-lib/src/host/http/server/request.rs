//! What a server makes of a request's head (RFC 9112, section 3): what the guest sees, where the
//! body ends, and whether the connection goes on. Whatever could be read in two ways is refused.

use crate::host::http::h1::framing::{Framing, Unclear, declared};
use crate::host::http::h1::head::{Head, Limits, Malformed, Received, RequestLine};
use crate::host::http::message::Authority;
use crate::host::http::{Fields, Method, RequestHead, Scheme};

pub(super) const LIMITS: Limits = Limits {
    line_bytes_max: 16 * 1024,
    head_bytes_max: 64 * 1024,
};

/// A request that is going to be answered by the guest.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: RequestHead,
    pub(super) framing: Framing,
    pub(super) shape: Shape,
    /// The client waits for a word before it sends its body.
    pub(super) expects_continue: bool,
}

impl Request {
    pub(super) fn version(&self) -> &'static str {
        match self.shape.minor {
            0 => "HTTP/1.0",
            _ => "HTTP/1.1",
        }
    }
}

/// What the response has to know of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) is_head: bool,
    /// The version is `HTTP/1.` and this.
    pub(super) minor: u8,
    pub(super) keeps_alive: bool,
}

/// The status of a response that the server gives by itself.
pub(super) type Refusal = u16;

pub(super) fn refusal(malformed: Malformed) -> Refusal {
    match malformed {
        Malformed::Syntax => 400,
        Malformed::LineTooLong => 414,
        Malformed::TooLarge => 431,
        Malformed::Version => 505,
    }
}

/// # Errors
/// The status that the client gets instead.
pub(super) fn check(head: Head<RequestLine>) -> Result<Request, Refusal> {
    let RequestLine {
        method,
        target,
        minor,
    } = head.line;
    let method = Method::parse(&method).ok_or(400_u16)?;
    let host = only(&head.fields, "host")?;
    if host.is_none() && minor > 0 {
        return Err(400);
    }
    let host = host.map(|host| String::from_utf8_lossy(host).into_owned());
    if host
        .as_ref()
        .is_some_and(|host| !host.is_empty() && !is_host(host))
    {
        return Err(400);
    }
    let (path, authority) = target_of(&method, &target)?;
    let authority = authority.or(host).filter(|host| !host.is_empty());
    let framing = framing(&head.fields, minor)?;
    let expects = only(&head.fields, "expect")?;
    let expects_continue = match expects {
        Some(expects) if !expects.eq_ignore_ascii_case(b"100-continue") => return Err(417),
        expects => expects.is_some() && minor > 0,
    };
    let shape = Shape {
        is_head: method == Method::Head,
        minor,
        keeps_alive: keeps_alive(&head.fields, minor),
    };
    let head = RequestHead {
        method,
        path_with_query: path,
        scheme: Some(Scheme::Http),
        // WASI has some, whatever the client says.
        authority: Some(authority.unwrap_or_else(|| "localhost".to_owned())),
        fields: Fields::received(head.fields),
    };
    Ok(Request {
        head,
        framing,
        shape,
        expects_continue,
    })
}

/// A host with or without a port: in HTTP nobody has a name and a password in front of it.
fn is_host(text: &str) -> bool {
    !text.contains('@') && Authority::parse(text).is_some()
}

/// The value of a field of which there may be one.
fn only<'a>(fields: &'a [Received], name: &str) -> Result<Option<&'a [u8]>, Refusal> {
    let mut found = fields
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| &**value);
    match found.next() {
        None => Ok(first),
        Some(_) => Err(400),
    }
}

/// Path and query, and the authority that the target itself names: section 3.2.
fn target_of(method: &Method, target: &str) -> Result<(Option<String>, Option<String>), Refusal> {
    if target.contains('#') {
        return Err(400);
    }
    if target.starts_with('/') && *method != Method::Connect {
        return Ok((Some(target.to_owned()), None));
    }
    if target == "*" && *method == Method::Options {
        return Ok((Some("*".to_owned()), None));
    }
    if let Some((scheme, rest)) = target.split_once(':')
        && let Some(rest) = rest.strip_prefix("//")
    {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        if !is_http || !is_host(authority) {
            return Err(400);
        }
        let path = match path {
            "" => "/".to_owned(),
            path if path.starts_with('?') => format!("/{path}"),
            path => path.to_owned(),
        };
        return Ok((Some(path), Some(authority.to_owned())));
    }
    let is_authority = *method == Method::Connect
        && Authority::parse(target).is_some_and(|authority| authority.port.is_some());
    match is_authority {
        true => Ok((None, Some(target.to_owned()))),
        false => Err(400),
    }
}

fn framing(fields: &[Received], minor: u8) -> Result<Framing, Refusal> {
    let declared = declared(fields).map_err(|unclear| match unclear {
        Unclear::Coding(_) => 501_u16,
        Unclear::Length => 400,
    })?;
    // Differs from RFC 9112, section 6.3, which allows equal numbers: whoever stands before this
    // server may have seen the first one alone.
    let length = only(fields, "content-length")?;
    if length.is_some_and(|value| value.contains(&b',')) {
        return Err(400);
    }
    match (declared.chunked, declared.length) {
        // Two lengths are one for each of two readers; 1.0 knows no chunks.
        (true, Some(_)) => Err(400),
        (true, None) if minor == 0 => Err(400),
        (true, None) => Ok(Framing::Chunked),
        (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

fn keeps_alive(fields: &[Received], minor: u8) -> bool {
    let says = |word: &[u8]| {
        fields.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection")
                && value
                    .split(|byte| *byte == b',')
                    .any(|part| part.trim_ascii().eq_ignore_ascii_case(word))
        })
    };
    !says(b"close") && (minor > 0 || says(b"keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::http::h1::head;

    fn parse(text: &str) -> Result<Request, Refusal> {
        let head = head::request(text.as_bytes(), LIMITS).map_err(refusal)?;
        check(head.expect("the head is complete"))
    }

    #[test]
    fn the_guest_sees_where_a_request_goes() {
        let see = |text: &str| {
            let head = parse(text).unwrap().head;
            (
                head.path_with_query.unwrap_or_default(),
                head.authority.unwrap(),
            )
        };
        let pair = |path: &str, authority: &str| (path.to_owned(), authority.to_owned());
        assert_eq!(
            see("GET /a?b HTTP/1.1\r\nHost: x:1\r\n\r\n"),
            pair("/a?b", "x:1")
        );
        assert_eq!(
            see("GET http://y HTTP/1.1\r\nHost: x\r\n\r\n"),
            pair("/", "y")
        );
        assert_eq!(
            see("GET http://y:2?q HTTP/1.1\r\nHost: x\r\n\r\n"),
            pair("/?q", "y:2")
        );
        assert_eq!(see("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), pair("*", "x"));
        assert_eq!(
            see("CONNECT y:2 HTTP/1.1\r\nHost: x\r\n\r\n"),
            pair("", "y:2")
        );
        assert_eq!(see("GET / HTTP/1.0\r\n\r\n"), pair("/", "localhost"));
        let fields = parse("GET / HTTP/1.1\r\nHost: x\r\nA: B\r\nConnection: a\r\n\r\n").unwrap();
        assert!(fields.head.fields.has("a") && !fields.head.fields.has("host"));
    }

    #[test]
    fn what_two_servers_could_read_differently_is_refused() {
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a/c\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
            ("CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                501,
            ),
            (
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            ("POST / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", 417),
            ("GET / HTTP/2.0\r\n\r\n", 505),
        ] {
            assert_eq!(parse(text).map(drop), Err(status), "{text:?}");
        }
    }

    #[test]
    fn connections_go_on_as_the_version_says() {
        let keeps = |text: &str| parse(text).unwrap().shape.keeps_alive;
        assert!(keeps("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!keeps(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"
        ));
        assert!(!keeps("GET / HTTP/1.0\r\n\r\n"));
        assert!(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }
}
