//! What a request or a response says before its body, with the rules of what a guest may put there.

use super::fields::{Fields, is_token};

/// `method`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other(String),
}

/// `scheme`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scheme {
    Http,
    Https,
    Other(String),
}

/// The first part of a request. What is set has been checked.
#[derive(Clone, Debug)]
pub struct RequestHead {
    pub method: Method,
    pub path_with_query: Option<String>,
    pub scheme: Option<Scheme>,
    pub authority: Option<String>,
    pub fields: Fields,
}

/// The first part of a response.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    pub status: u16,
    pub fields: Fields,
}

/// How long a guest is willing to wait, in nanoseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct RequestOptions {
    pub connect_timeout_ns: Option<u64>,
    pub first_byte_timeout_ns: Option<u64>,
    pub between_bytes_timeout_ns: Option<u64>,
}

impl Method {
    /// The method of this name, in exactly this case; nothing for what is no token.
    #[must_use]
    pub fn parse(name: &str) -> Option<Method> {
        let known = [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Connect,
            Method::Options,
            Method::Trace,
            Method::Patch,
        ];
        let mut known = known.into_iter();
        match known.find(|method| method.name() == name) {
            Some(method) => Some(method),
            None => is_token(name.as_bytes()).then(|| Method::Other(name.to_owned())),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Other(name) => name,
        }
    }
}

impl Scheme {
    /// The scheme of this name; nothing for what is none by RFC 3986, section 3.1.
    #[must_use]
    pub fn parse(name: &str) -> Option<Scheme> {
        let is_scheme = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if name.eq_ignore_ascii_case("http") {
            Some(Scheme::Http)
        } else if name.eq_ignore_ascii_case("https") {
            Some(Scheme::Https)
        } else {
            is_scheme.then(|| Scheme::Other(name.to_owned()))
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Other(name) => name,
        }
    }
}

/// The parts of an authority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Authority<'a> {
    /// With the brackets of an IPv6 address.
    pub host: &'a str,
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// `authority` of RFC 3986, section 3.2, with a host; nothing for anything else.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Authority<'a>> {
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (user, rest),
            None => ("", text),
        };
        let is_user = |byte: u8| is_host_byte(byte) || byte == b':';
        if !user.bytes().all(is_user) || !is_escaped_well(user) {
            return None;
        }
        let (host, port) = match rest.strip_prefix('[') {
            Some(literal) => {
                let (address, behind) = literal.split_once(']')?;
                let is_literal = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
                if address.is_empty() || !address.bytes().all(is_literal) {
                    return None;
                }
                let host = rest.get(..address.len() + 2)?;
                match behind.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if behind.is_empty() => (host, None),
                    None => return None,
                }
            }
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let is_literal = host.starts_with('[');
        let is_name = host.bytes().all(is_host_byte) && is_escaped_well(host);
        if host.is_empty() || !is_literal && !is_name {
            return None;
        }
        let port = match port {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None => None,
        };
        Some(Authority { host, port })
    }
}

/// A byte of `reg-name`, or the beginning of an escape.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte)
}

/// Whether two digits are behind each percent sign.
fn is_escaped_well(text: &str) -> bool {
    let mut parts = text.as_bytes().split(|byte| *byte == b'%');
    parts.next();
    parts.all(|part| matches!(part, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Whether the text can be a request's target: nothing that ends it, and no fragment. More than
/// RFC 3986 allows is let through, as whoever writes by hand leaves it unescaped.
#[must_use]
pub fn is_path_with_query(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let is_byte = |byte: u8| matches!(byte, 0x21..=0x7e | 0x80..) && !b"#<>".contains(&byte);
    path.bytes().all(|byte| is_byte(byte) && byte != b'`') && query.bytes().all(is_byte)
}

impl RequestHead {
    /// A request as a guest begins it.
    #[must_use]
    pub fn new(fields: &Fields) -> RequestHead {
        RequestHead {
            method: Method::Get,
            path_with_query: None,
            scheme: None,
            authority: None,
            fields: fields.to_immutable(),
        }
    }

    /// Whether the authority was set: what is none is refused.
    pub fn set_authority(&mut self, authority: Option<String>) -> bool {
        let is_valid = |text: &String| Authority::parse(text).is_some();
        let valid = authority.as_ref().is_none_or(is_valid);
        if valid {
            self.authority = authority;
        }
        valid
    }

    /// As [`RequestHead::set_authority`].
    pub fn set_path_with_query(&mut self, path: Option<String>) -> bool {
        let valid = path.as_deref().is_none_or(is_path_with_query);
        if valid {
            self.path_with_query = path;
        }
        valid
    }
}

impl ResponseHead {
    /// A response as a guest begins it.
    #[must_use]
    pub fn new(fields: &Fields) -> ResponseHead {
        ResponseHead {
            status: 200,
            fields: fields.to_immutable(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_have_a_host_and_a_port() {
        let parse = |text| Authority::parse(text).map(|found| (found.host, found.port));
        assert_eq!(parse("a.example"), Some(("a.example", None)));
        assert_eq!(parse("a.example:80"), Some(("a.example", Some(80))));
        assert_eq!(parse("u:p@h:1"), Some(("h", Some(1))));
        assert_eq!(parse("[::]"), Some(("[::]", None)));
        assert_eq!(parse("[::1]:443"), Some(("[::1]", Some(443))));
        assert_eq!(parse("a%20b"), Some(("a%20b", None)));
        let refused = [
            "",
            ":80",
            "a:",
            "a:b",
            "a:65536",
            "a:99999",
            "a:1:2",
            "a b",
            "a\nb",
            "[::",
            "[]",
            "[::1]x",
            "[g]",
            "a/b",
            "a?b",
            "a#b",
            "u@",
            "a%2",
            "é",
            "u/x@h",
            "bad-\nhost",
        ];
        for text in refused {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn methods_and_schemes_are_known_by_name() {
        assert_eq!(Method::parse("GET"), Some(Method::Get));
        assert_eq!(Method::parse("get"), Some(Method::Other("get".to_owned())));
        assert_eq!(Method::parse("PATCH"), Some(Method::Patch));
        for name in ["", "bad\nmethod", "a b"] {
            assert_eq!(Method::parse(name), None, "{name:?}");
        }
        assert_eq!(Scheme::parse("Http"), Some(Scheme::Http));
        assert_eq!(Scheme::parse("https"), Some(Scheme::Https));
        assert_eq!(Scheme::parse("WS"), Some(Scheme::Other("WS".to_owned())));
        for name in ["", "1a", "a b", "bad\nscheme", "a:"] {
            assert_eq!(Scheme::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn paths_end_with_themselves() {
        for path in ["", "/", "/a?b=%20", "?q", "a/b/c", "../..", "/é"] {
            assert!(is_path_with_query(path), "{path:?}");
        }
        for path in [
            "/bad\npath",
            "/a b",
            "/a#b",
            "/\0",
            "/\x7f",
            "/<",
            "/`",
            "/?>",
        ] {
            assert!(!is_path_with_query(path), "{path:?}");
        }
    }
}
