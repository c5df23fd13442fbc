//! A line of the access log: the Common Log Format, or JSON.

use std::fmt::Write;
use std::net::SocketAddr;

use crate::host::calendar::Date;
use crate::host::http::server::settings::LogFormat;
use crate::host::stat::NS_PER_S;

/// What is written of a text that a client has sent: a line with all of them is written at once.
const TEXT_BYTES_MAX: usize = 1024;

/// A request, and what has become of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// Nothing where clients have no addresses.
    pub(super) remote: Option<SocketAddr>,
    /// Nothing where it was not understood.
    pub(super) request: Option<Wanted>,
    /// Nothing where nothing was sent.
    pub(super) status: Option<u16>,
    /// Of the body.
    pub(super) bytes: u64,
    pub(super) is_whole: bool,
    /// Since the head had come.
    pub(super) took_ns: u64,
}

/// What a client has asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) host: String,
    pub(super) version: &'static str,
}

/// Writes the line of a request that ends now.
pub(super) fn write_line(out: &mut Vec<u8>, format: LogFormat, entry: &Entry, now_ns: u64) {
    let mut line = String::with_capacity(256);
    match format {
        LogFormat::Common => common(&mut line, entry, now_ns),
        LogFormat::Json => json(&mut line, entry, now_ns),
    }
    line.push('\n');
    out.extend_from_slice(line.as_bytes());
}

/// Writes how many lines are missing.
pub(super) fn write_lost(out: &mut Vec<u8>, format: LogFormat, count: u64) {
    let line = match format {
        LogFormat::Common => format!("# {count} lines are lost\n"),
        LogFormat::Json => format!("{{\"lost\":{count}}}\n"),
    };
    out.extend_from_slice(line.as_bytes());
}

/// `127.0.0.1 - - [22/Nov/2026:20:53:06 +0000] "GET / HTTP/1.1" 200 21`
fn common(line: &mut String, entry: &Entry, now_ns: u64) {
    let date = Date::of(now_ns / NS_PER_S);
    match entry.remote {
        Some(remote) => drop(write!(line, "{}", remote.ip())),
        None => put(line, "-"),
    }
    put(line, " - - [");
    padded(line, date.day, 2);
    put(line, "/");
    put(line, date.month_name());
    put(line, "/");
    padded(line, date.year, 4);
    put(line, ":");
    time(line, &date);
    put(line, " +0000] \"");
    match &entry.request {
        Some(wanted) => {
            text(line, &wanted.method, LogFormat::Common);
            put(line, " ");
            text(line, &wanted.target, LogFormat::Common);
            put(line, " ");
            put(line, wanted.version);
        }
        None => put(line, "-"),
    }
    put(line, "\" ");
    match entry.status {
        Some(status) => {
            padded(line, status.into(), 1);
            put(line, " ");
            padded(line, entry.bytes, 1);
        }
        None => put(line, "- -"),
    }
}

/// An object; what is not known is null.
fn json(line: &mut String, entry: &Entry, now_ns: u64) {
    let date = Date::of(now_ns / NS_PER_S);
    put(line, "{\"time\":\"");
    padded(line, date.year, 4);
    put(line, "-");
    padded(line, date.month as u64, 2);
    put(line, "-");
    padded(line, date.day, 2);
    put(line, "T");
    time(line, &date);
    put(line, ".");
    padded(line, now_ns % NS_PER_S / 1_000_000, 3);
    put(line, "Z\"");
    let remote = entry.remote.map(|remote| remote.to_string());
    let wanted = entry.request.as_ref();
    for (name, value) in [
        (",\"remote\":", remote.as_deref()),
        (",\"method\":", wanted.map(|wanted| &*wanted.method)),
        (",\"target\":", wanted.map(|wanted| &*wanted.target)),
        (",\"host\":", wanted.map(|wanted| &*wanted.host)),
        (",\"version\":", wanted.map(|wanted| wanted.version)),
    ] {
        put(line, name);
        match value {
            Some(value) => {
                put(line, "\"");
                text(line, value, LogFormat::Json);
                put(line, "\"");
            }
            None => put(line, "null"),
        }
    }
    put(line, ",\"status\":");
    match entry.status {
        Some(status) => padded(line, status.into(), 1),
        None => put(line, "null"),
    }
    put(line, ",\"bytes\":");
    padded(line, entry.bytes, 1);
    put(
        line,
        match entry.is_whole {
            true => ",\"whole\":true,\"us\":",
            false => ",\"whole\":false,\"us\":",
        },
    );
    padded(line, entry.took_ns / 1000, 1);
    put(line, "}");
}

#[inline(never)]
fn time(line: &mut String, date: &Date) {
    padded(line, date.hour, 2);
    put(line, ":");
    padded(line, date.minute, 2);
    put(line, ":");
    padded(line, date.second, 2);
}

/// Writes a number with so many digits at least.
#[inline(never)]
fn padded(line: &mut String, number: u64, digits: usize) {
    // Texts take whatever is written to them.
    let _ = write!(line, "{number:0digits$}");
}

/// A call takes less room than what it does.
#[inline(never)]
fn put(line: &mut String, text: &str) {
    line.push_str(text);
}

/// Writes a text of the client's, and as much of it as a line has room for. In the Common Log
/// Format escapes are those that Apache writes.
fn text(line: &mut String, text: &str, format: LogFormat) {
    let end = line.len() + TEXT_BYTES_MAX;
    for c in text.chars() {
        if line.len() > end {
            return line.push_str("...");
        }
        let _ = match (c, format) {
            ('"' | '\\', _) => write!(line, "\\{c}"),
            (c, LogFormat::Common) if c.is_control() => write!(line, "\\x{:02x}", c as u32),
            (c, LogFormat::Json) if c.is_control() => write!(line, "\\u{:04x}", c as u32),
            (c, _) => write!(line, "{c}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_NS: u64 = 1_795_380_786_042_000_000;

    fn entry(method: &str, target: &str) -> Entry {
        Entry {
            remote: Some(([127, 0, 0, 1], 5000).into()),
            request: Some(Wanted {
                method: method.to_owned(),
                target: target.to_owned(),
                host: "a:1".to_owned(),
                version: "HTTP/1.1",
            }),
            status: Some(200),
            bytes: 21,
            is_whole: true,
            took_ns: 1_234_567,
        }
    }

    fn line(format: LogFormat, entry: &Entry) -> String {
        let mut out = Vec::new();
        write_line(&mut out, format, entry, NOW_NS);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_of_the_common_log_format() {
        let common = |entry: &Entry| line(LogFormat::Common, entry);
        assert_eq!(
            common(&entry("GET", "/a?b")),
            "127.0.0.1 - - [22/Nov/2026:20:53:06 +0000] \"GET /a?b HTTP/1.1\" 200 21\n"
        );
        let odd = common(&entry("A\n", "\"\\"));
        assert!(
            odd.ends_with("\"A\\x0a \\\"\\\\ HTTP/1.1\" 200 21\n"),
            "{odd}"
        );
        let unknown = Entry {
            request: None,
            remote: None,
            status: None,
            ..entry("", "")
        };
        assert_eq!(
            common(&unknown),
            "- - - [22/Nov/2026:20:53:06 +0000] \"-\" - -\n"
        );
    }

    #[test]
    fn lines_of_json() {
        let json = |entry: &Entry| line(LogFormat::Json, entry);
        assert_eq!(
            json(&entry("GET", "/a?b")),
            "{\"time\":\"2026-11-22T20:53:06.042Z\",\"remote\":\"127.0.0.1:5000\",\
             \"method\":\"GET\",\"target\":\"/a?b\",\"host\":\"a:1\",\
             \"version\":\"HTTP/1.1\",\"status\":200,\
             \"bytes\":21,\"whole\":true,\"us\":1234}\n"
        );
        let odd = Entry {
            remote: None,
            status: None,
            is_whole: false,
            ..entry("A\t", "\"é")
        };
        let odd = json(&odd);
        let texts = "\"remote\":null,\"method\":\"A\\u0009\",\"target\":\"\\\"é\",";
        assert!(odd.contains(texts), "{odd}");
        assert!(
            odd.contains("\"status\":null,\"bytes\":21,\"whole\":false"),
            "{odd}"
        );
    }

    #[test]
    fn a_line_is_never_longer_than_what_is_written_at_once() {
        let long = "\u{1}".repeat(20_000);
        let mut entry = entry(&long, &long);
        if let Some(wanted) = &mut entry.request {
            wanted.host = long;
        }
        for format in [LogFormat::Common, LogFormat::Json] {
            let line = line(format, &entry);
            assert!(line.len() < 4096 && line.ends_with('\n'), "{}", line.len());
        }
    }
}
