//! Hosts, as `--allow-host` names them.

/// `HOST`, `HOST:PORT`, and both with `*.` before them.
pub(super) fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let (name, port) = match name.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (name, None),
    };
    let is_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte) || byte >= 0x80;
    let is_literal = name.starts_with('[') && name.ends_with(']');
    !name.is_empty()
        && name.bytes().all(is_byte)
        && (is_literal || !name.contains(':'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}
