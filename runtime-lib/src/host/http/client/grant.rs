//! With whom a program may speak: what was decided when it was built.

use wasmelt_abi::{HttpFlags, HttpPolicy};

use crate::vm::process::{http_policy, items};

/// Whether the executable's policy lets the guest send requests there. The host is in lower case.
pub(super) fn is_granted(host: &str, port: u16) -> bool {
    grants(http_policy(), host, port)
}

fn grants(policy: &'static HttpPolicy, host: &str, port: u16) -> bool {
    let hosts = items(&policy.hosts);
    let is_listed = |pattern: &[u8]| matches(&String::from_utf8_lossy(pattern), host, port);
    policy.flags & HttpFlags::CLIENT != 0
        && (hosts.is_empty() || hosts.iter().any(|pattern| is_listed(items(pattern))))
}

/// `HOST`, `HOST:PORT`, and both with `*.` before the host for all names below it.
fn matches(pattern: &str, host: &str, port: u16) -> bool {
    let (name, wanted) = match pattern.rsplit_once(':') {
        // The colons in brackets are those of an address.
        Some((name, digits)) if !digits.ends_with(']') => (name, digits.parse::<u16>().ok()),
        _ => (pattern, None),
    };
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    match name.strip_prefix("*.") {
        Some(parent) => {
            let below = host.len().checked_sub(parent.len() + 1);
            below.is_some_and(|dot| {
                dot > 0
                    && host.as_bytes()[dot] == b'.'
                    && host[dot + 1..].eq_ignore_ascii_case(parent)
            })
        }
        None => name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_hosts_and_ports() {
        for (pattern, host, port) in [
            ("a.example", "a.example", 1),
            ("A.example:80", "a.example", 80),
            ("*.example", "a.example", 1),
            ("*.example:80", "b.a.example", 80),
            ("[::1]", "[::1]", 7),
            ("[::1]:7", "[::1]", 7),
        ] {
            assert!(matches(pattern, host, port), "{pattern} {host}:{port}");
        }
        for (pattern, host, port) in [
            ("a.example", "b.a.example", 1),
            ("a.example:80", "a.example", 81),
            ("*.example", "example", 1),
            ("*.example", ".example", 1),
            ("*.example", "aexample", 1),
            ("*.example", "a.example.org", 1),
            ("[::1]:7", "[::1]", 8),
        ] {
            assert!(!matches(pattern, host, port), "{pattern} {host}:{port}");
        }
    }
}
