//! `wasi:logging`, version 0.1.0-draft: lines to standard error.

use std::fmt::Write;

use wasmelt_abi::LogFlags;

use super::stdio::StandardOutput;
use super::streams::OutputStream;
use crate::component::Call;
use crate::enumeration;
use crate::host::Stream;
use crate::host::calendar::Date;
use crate::host::clocks::{Clock, now_ns};
use crate::host::stat::NS_PER_S;
use crate::vm::process::draft_policy;

enumeration! {
    /// `level`.
    pub enum Level { Trace, Debug, Info, Warn, Error, Critical }
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Critical => "critical",
        }
    }
}

/// `log`. A line that cannot be written is lost.
pub fn log(_: &mut Call<'_>, level: Level, context: String, message: String) {
    let policy = draft_policy();
    if (level as u64) < policy.log_level {
        return;
    }
    let is_json = policy.log_flags & LogFlags::JSON != 0;
    let line = line(now_ns(Clock::Realtime), level, &context, &message, is_json);
    let _ = StandardOutput::new(Stream::Err).write(line.as_bytes());
}

/// `2026-11-23T16:20:00.000Z INFO context: message`, or the same as an object.
fn line(now_ns: u64, level: Level, context: &str, message: &str, is_json: bool) -> String {
    let date = Date::of(now_ns / NS_PER_S);
    let time = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year,
        date.month,
        date.day,
        date.hour,
        date.minute,
        date.second,
        now_ns % NS_PER_S / 1_000_000
    );
    let name = level.name();
    let mut line = String::new();
    if is_json {
        let _ = write!(
            line,
            "{{\"time\":\"{time}\",\"level\":\"{name}\",\"context\":\""
        );
        escape(&mut line, context, is_json);
        line.push_str("\",\"message\":\"");
        escape(&mut line, message, is_json);
        line.push_str("\"}\n");
        return line;
    }
    let _ = write!(line, "{time} {} ", name.to_ascii_uppercase());
    if !context.is_empty() {
        escape(&mut line, context, is_json);
        line.push_str(": ");
    }
    escape(&mut line, message, is_json);
    line.push('\n');
    line
}

/// Nothing in a text can end its line, or its string.
fn escape(line: &mut String, text: &str, is_json: bool) {
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' if is_json => write!(line, "\\{c}"),
            '\n' => write!(line, "\\n"),
            '\t' if !is_json => write!(line, "\t"),
            c if c.is_control() => write!(line, "\\u{:04x}", c as u32),
            c => write!(line, "{c}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_line() {
        let now_ns = 1_795_380_786_042_000_000;
        let message = "a \"b\"\n\u{1b}c";
        assert_eq!(
            line(now_ns, Level::Warn, "db", message, false),
            "2026-11-22T20:53:06.042Z WARN db: a \"b\"\\n\\u001bc\n"
        );
        assert_eq!(
            line(now_ns, Level::Info, "", "x", false),
            "2026-11-22T20:53:06.042Z INFO x\n"
        );
        assert_eq!(
            line(now_ns, Level::Critical, "", message, true),
            "{\"time\":\"2026-11-22T20:53:06.042Z\",\"level\":\"critical\",\"context\":\"\",\
             \"message\":\"a \\\"b\\\"\\n\\u001bc\"}\n"
        );
    }
}
