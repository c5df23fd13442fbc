//! What a server makes of a request's head (RFC 9113, section 8.3.1). What is malformed by the
//! rules of HTTP/2 itself, h2 has refused before.

use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::{HeaderMap, Uri};

use super::to_pairs;
use crate::host::http::message::{Authority, is_path_with_query};
use crate::host::http::{Fields, Method, RequestHead, Scheme};

/// As long as a line of HTTP/1.1.
const PATH_BYTES_MAX: usize = 16 * 1024;

/// As many as in HTTP/1.1.
const FIELDS_MAX: usize = 256;

/// What is known of a request beside what the guest sees.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: RequestHead,
    /// The client waits for a word before it sends its body.
    pub(super) expects_continue: bool,
}

/// # Errors
/// The status that the client gets instead.
pub(super) fn check(
    head: http::request::Parts,
    is_secure: bool,
    body_bytes_max: Option<u64>,
) -> Result<Request, u16> {
    if head.headers.len() > FIELDS_MAX {
        return Err(431);
    }
    // Section 8.2.1; h2 refuses what else is no value.
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let mut values = head.headers.values().map(http::HeaderValue::as_bytes);
    if values.any(|value| is_blank(value.first()) || is_blank(value.last())) {
        return Err(400);
    }
    let method = Method::parse(head.method.as_str()).ok_or(400_u16)?;
    if method == Method::Connect && head.uri.authority().is_none() {
        return Err(400);
    }
    let authority = authority(&head.uri, &head.headers)?;
    let path = path(&head.uri, &method, &authority)?;
    let expects_continue = match head.headers.get(EXPECT) {
        None => false,
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"100-continue") => true,
        Some(_) => return Err(417),
    };
    // h2 has seen to it that it is a number.
    let length = head.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|bytes| body_bytes_max.is_some_and(|max| bytes > max)) {
        return Err(413);
    }
    let head = RequestHead {
        method,
        path_with_query: path,
        scheme: Some(if is_secure {
            Scheme::Https
        } else {
            Scheme::Http
        }),
        authority: Some(authority),
        fields: fields(head.headers),
    };
    Ok(Request {
        head,
        expects_continue,
    })
}

/// `:authority`, or `Host` in its place; both only if they say the same.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<String, u16> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
    let authority = uri.authority().map(http::uri::Authority::as_str);
    if hosts.next().is_some() {
        return Err(400);
    }
    if let (Some(host), Some(authority)) = (host, authority)
        && !host.eq_ignore_ascii_case(authority)
    {
        return Err(400);
    }
    let authority = authority.or(host).ok_or(400_u16)?;
    match Authority::parse(authority) {
        Some(_) if !authority.contains('@') => Ok(authority.to_owned()),
        _ => Err(400),
    }
}

/// The path with the query; a tunnel has none.
fn path(uri: &Uri, method: &Method, authority: &str) -> Result<Option<String>, u16> {
    if *method == Method::Connect {
        let has_port = Authority::parse(authority).is_some_and(|parts| parts.port.is_some());
        return if has_port { Ok(None) } else { Err(400) };
    }
    let scheme = uri.scheme_str();
    if scheme.is_some_and(|scheme| !matches!(scheme, "http" | "https")) {
        return Err(400);
    }
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if path.len() > PATH_BYTES_MAX {
        return Err(414);
    }
    let is_path = path.starts_with('/') && is_path_with_query(path);
    match is_path || path == "*" && *method == Method::Options {
        true => Ok(Some(path.to_owned())),
        false => Err(400),
    }
}

/// The fields that the guest sees. What compresses better in pieces is put together again: section
/// 8.2.3.
fn fields(mut headers: HeaderMap) -> Fields {
    let cookies = headers.get_all(COOKIE).iter();
    let cookies: Vec<&[u8]> = cookies.map(http::HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = http::HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
    Fields::received(to_pairs(&headers))
}
