//! What `inspect` reads of an executable → the flags of a build that would say the same.
//!
//! In comes the text that `policy` has written. Flags about the code are not among them: they are
//! about how a program is made, and not about what it may do.

/// The flags, as words of a shell; none when the text says nothing but what goes without saying.
pub(crate) fn flags(text: &str) -> Option<String> {
    let mut flags: Vec<String> = Vec::new();
    let mut arguments: Vec<String> = Vec::new();
    let lines = || text.lines().skip(1).filter_map(line);
    let handles = |(name, value): (&str, &str)| {
        name == "export" && unquoted(value).is_some_and(|(name, _)| is_handler(&name))
    };
    for (name, value) in lines() {
        match name {
            "argument" => arguments.extend(unquoted(value).map(|(text, _)| text)),
            // A handler would be the entry, if nobody had said otherwise.
            "entry" if value.starts_with("wasi:cli/run") && lines().any(handles) => {
                flags.push(String::from("--command"));
            }
            _ => flags.extend(of_line(name, value).unwrap_or_default()),
        }
    }
    if !arguments.is_empty() {
        flags.push(String::from("--"));
        flags.append(&mut arguments);
    }
    let words: Vec<String> = flags.iter().map(|word| shell_word(word)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A word, and what it says.
fn line(line: &str) -> Option<(&str, &str)> {
    /// As wide as `policy` writes them.
    const NAME_COLUMNS: usize = 14;
    let (name, value) = line.split_at_checked(NAME_COLUMNS)?;
    Some((name.trim_end(), value.strip_prefix(' ')?))
}

fn is_handler(name: &str) -> bool {
    let interface = name.split('@').next();
    matches!(
        interface,
        Some("wasi:http/handler" | "wasi:http/incoming-handler")
    )
}

/// The words for a line; none when it is not understood.
fn of_line(name: &str, value: &str) -> Option<Vec<String>> {
    let text = || unquoted(value).map(|(text, _)| text);
    let bytes = || {
        let bytes = value.strip_prefix("at most ")?;
        bytes.split(' ').next()
    };
    let pair = |flag: &str, value: String| Some(vec![flag.to_owned(), value]);
    match name {
        "entry" => pair("--invoke", text()?),
        "argv[0]" => pair("--argv0", text()?),
        "directory" => directory(value),
        "embedded" if value == "compressed" => Some(vec!["--compress-embedded".to_owned()]),
        "embedded" => pair("--embed", format!("HOST::{}", text()?)),
        "environment" => match value {
            "everything" => pair("-S", "inherit-env".to_owned()),
            "none" => None,
            _ => pair("--env", variable(value)?),
        },
        "network" => {
            let keys = network(value)?;
            pair("-S", keys.join(","))
        }
        "http" => match value.strip_prefix("to ")? {
            "anybody" => pair("-S", "http".to_owned()),
            hosts => {
                let each = |host: &str| ["--allow-host".to_owned(), host.to_owned()];
                Some(hosts.split(", ").flat_map(each).collect())
            }
        },
        "server" => pair("--server", value.trim_start_matches("--").to_owned()),
        "protocols" if value.ends_with("TLS") => Some(vec!["--tls".to_owned()]),
        "protocols" => Some(vec!["--http2".to_owned()]),
        "memory" => pair("-W", format!("max-memory-size={}", bytes()?)),
        "stack" => pair("-W", format!("max-wasm-stack={}", bytes()?)),
        "core dump" => pair("-D", format!("coredump={}", text()?)),
        "traps" => pair("-D", "abort".to_owned()),
        "time" => pair("-W", format!("timeout={}", time(bytes()?)?)),
        "random" => pair("-S", format!("max-random-size={}", bytes()?)),
        "unstable" => pair("-S", value.strip_prefix("wasi:")?.to_owned()),
        "config" => pair("-S", format!("config-var={}", variable(value)?)),
        "pair" => pair(
            "-S",
            format!("keyvalue-in-memory-data={}", variable(value)?),
        ),
        "bucket" => pair("-S", format!("keyvalue-bucket={}", text()?)),
        "keyvalue" => {
            let (file, _) = unquoted(value.strip_prefix("in ")?)?;
            pair("-S", format!("keyvalue-file={file}"))
        }
        "blobstore" => {
            let (dir, _) = unquoted(value.strip_prefix("in ")?)?;
            pair("-S", format!("blobstore-dir={dir}"))
        }
        "logging" => {
            let level = value.split(' ').nth(1)?;
            pair("-S", format!("logging-level={level}"))
        }
        "log lines" => pair("-S", "logging-format=json".to_owned()),
        "working in" => pair("-S", format!("cwd={}", text()?)),
        "hardened" => Some(vec!["--harden".to_owned()]),
        "input" => pair("-S", "inherit-stdin=n".to_owned()),
        "output" => pair("-S", "inherit-stdout=n".to_owned()),
        "error output" => pair("-S", "inherit-stderr=n".to_owned()),
        _ => None,
    }
}

/// `"HOST" as "GUEST", for reading, if it exists`.
fn directory(value: &str) -> Option<Vec<String>> {
    let (mut spec, mut rest) = unquoted(value)?;
    if let Some(named) = rest.strip_prefix(" as ") {
        let (guest, behind) = unquoted(named)?;
        spec = format!("{spec}::{guest}");
        rest = behind;
    }
    let is_read_only = rest.contains(", for reading");
    if rest.contains(", if it exists") {
        spec.push('?');
    }
    let flag = if is_read_only { "--dir-ro" } else { "--dir" };
    Some(vec![flag.to_owned(), spec])
}

/// `NAME`, or `NAME="VALUE"`.
fn variable(value: &str) -> Option<String> {
    match value.split_once('=') {
        Some((name, value)) => Some(format!("{name}={}", unquoted(value)?.0)),
        None => Some(value.to_owned()),
    }
}

/// The keys of `-S`.
fn network(value: &str) -> Option<Vec<&'static str>> {
    if value == "names" {
        return Some(vec!["allow-ip-name-lookup"]);
    }
    let (sockets, names) = value.split_once(", ")?;
    let mut keys = vec!["inherit-network"];
    keys.extend_from_slice(match sockets {
        "TCP" => &["udp=n"],
        "UDP" => &["tcp=n"],
        "no sockets" => &["tcp=n", "udp=n"],
        _ => &[],
    });
    if names == "with names" {
        keys.push("allow-ip-name-lookup");
    }
    Some(keys)
}

/// A duration as it is written for debugging, such as `1.5s`, in whole nanoseconds or what it says.
fn time(value: &str) -> Option<String> {
    let unit_at = value.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = value.split_at(unit_at);
    let unit = if unit == "µs" { "us" } else { unit };
    let Some((whole, fraction)) = number.split_once('.') else {
        return Some(format!("{number}{unit}"));
    };
    let unit_ns = match unit {
        "s" => 1_000_000_000_u64,
        "ms" => 1_000_000,
        "us" => 1_000,
        _ => return None,
    };
    let digits: u64 = format!("{whole}{fraction}").parse().ok()?;
    let parts = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some(format!("{}ns", digits.checked_mul(unit_ns / parts)?))
}

/// A text that `{:?}` has written, and what follows.
fn unquoted(value: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = value.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((text, chars.as_str())),
            '\\' => text.push(match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let (digits, rest) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                    chars = rest.chars();
                    char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
                }
                other => other,
            }),
            other => text.push(other),
        }
    }
}

/// A word as a shell takes it.
fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back() {
        for text in ["", "a b", "\"\\'", "\n\t\r\0", "\u{7f}\u{200b}ä"] {
            let written = format!("{text:?}, more");
            assert_eq!(unquoted(&written), Some((text.to_owned(), ", more")));
        }
        assert_eq!(unquoted("\"never ends"), None);
    }

    #[test]
    fn times_are_whole() {
        let cases = [
            ("2s", "2s"),
            ("1.5s", "1500000000ns"),
            ("1.25µs", "1250ns"),
            ("7µs", "7us"),
            ("500ms", "500ms"),
        ];
        for (shown, flag) in cases {
            assert_eq!(time(shown).as_deref(), Some(flag), "{shown}");
        }
    }

    #[test]
    fn words_of_a_shell() {
        assert_eq!(shell_word("a=b"), "a=b");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word("data?"), "'data?'");
        assert_eq!(shell_word(""), "''");
    }
}
