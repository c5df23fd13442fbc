//! Options of a server: those that are baked in (`--server OPTION=VALUE`), those of `wasmelt serve`,
//! and header fields, which may be in a file.

use std::ffi::OsString;
use std::net::SocketAddr;

use wasmelt_abi::{SERVER_OPTIONS, ServerValue};

use crate::args::ServeArgs;
use crate::diagnostic::{Diagnostic, Failure};
use crate::input::reason;

/// Where servers listen when nobody says otherwise.
const USUAL_PORT: u16 = 8080;

/// The words of the server's command line that these options are.
///
/// # Errors
/// Options that there are not, and values that mean nothing.
pub(crate) fn baked(options: &[String]) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    for option in options {
        match option.strip_prefix("header=@") {
            Some(path) => words.extend(headers_of_file(path)?),
            None => words.push(baked_one(option)?),
        }
    }
    Ok(words)
}

/// The words of the server's command line that the flags of `wasmelt serve` are, but for headers.
pub(crate) fn given(args: &ServeArgs) -> Vec<OsString> {
    let options = [
        ("--addr", &args.addr),
        ("--workers", &args.workers),
        ("--reuse", &args.max_instance_reuse_count),
        ("--at-once", &args.max_instance_concurrent_reuse_count),
        ("--instance-idle", &args.idle_instance_timeout),
        ("--max-requests", &args.max_concurrent_requests),
        ("--max-connections", &args.max_concurrent_connections),
        ("--access-log", &args.access_log),
        ("--access-log-file", &args.access_log_file),
        ("--shutdown-addr", &args.shutdown_addr),
    ];
    let given = options
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
    let given = given.map(|(flag, value)| OsString::from(format!("{flag}={value}")));
    let files = [("--tls-cert", &args.tls_cert), ("--tls-key", &args.tls_key)];
    let files = files
        .into_iter()
        .filter_map(|(flag, path)| Some([OsString::from(flag), path.clone()?]));
    let switch = args.no_logging_prefix.then(|| "--no-logging-prefix".into());
    given.chain(files.flatten()).chain(switch).collect()
}

/// The words that headers are: `NAME: VALUE`, or `@FILE` with one a line.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn headers(headers: &[String]) -> Result<Vec<String>, Failure> {
    let mut words = Vec::new();
    for header in headers {
        match header.strip_prefix('@') {
            Some(path) => words.extend(headers_of_file(path)?),
            None => words.push(format!("--header={header}")),
        }
    }
    Ok(words)
}

fn headers_of_file(path: &str) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let reason = reason(&error);
        Failure::input(Diagnostic::error(format!("cannot read `{path}`: {reason}")))
    })?;
    Ok(text
        .lines()
        .map(|line| format!("--header={line}"))
        .collect())
}

/// Whether these options are of servers that are more than one process.
pub(crate) fn has_processes(baked: &[String]) -> bool {
    baked.iter().any(|word| match word.split_once('=') {
        Some(("--workers", count)) => count != "1",
        Some(("--shutdown-addr", _)) => true,
        _ => false,
    })
}

/// The port where a server listens when it is started without more options: one that is baked in, or
/// the usual one; none if it is a path.
pub(crate) fn port(baked: &[String]) -> Option<u16> {
    let mut addresses = baked.iter().filter_map(|word| word.strip_prefix("--addr="));
    match addresses.next_back() {
        Some(address) => Some(address.parse::<SocketAddr>().ok()?.port()),
        None => Some(USUAL_PORT),
    }
}

fn baked_one(option: &str) -> Result<String, Failure> {
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (option, None),
    };
    let known = SERVER_OPTIONS.iter().find(|(known, _)| *known == name);
    let Some((_, kind)) = known else {
        let names: Vec<&str> = SERVER_OPTIONS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::usage(
            Diagnostic::error(format!(
                "`--server {option}`: servers have no option `{name}`"
            ))
            .help(format!("they have: {}", names.join(", "))),
        ));
    };
    match expected(*kind, value) {
        None => Ok(format!("--{option}")),
        Some(expected) => Err(Failure::usage(
            Diagnostic::error(format!("`--server {option}`: {expected} is wanted"))
                .help(format!("write `--server {name}=VALUE`")),
        )),
    }
}

/// What is wanted instead of a value, if it is not one of the kind.
fn expected(kind: ServerValue, value: Option<&str>) -> Option<&'static str> {
    let text = value.unwrap_or_default();
    let path = text.strip_prefix("unix:").unwrap_or_default();
    let (is_right, expected) = match kind {
        ServerValue::Address => (
            text.parse::<SocketAddr>().is_ok() || !path.is_empty(),
            "an address with a port, or `unix:PATH`,",
        ),
        ServerValue::Number => (
            text.parse::<u64>().is_ok_and(|number| number > 0),
            "a number from 1",
        ),
        ServerValue::Time => (is_time(text), "a time such as `30s` or `500ms`"),
        ServerValue::Path => (!text.is_empty(), "a path"),
        ServerValue::LogFormat => (
            value.is_none_or(|format| ["common", "json"].contains(&format)),
            "`common` or `json`",
        ),
        ServerValue::TcpAddress => (text.parse::<SocketAddr>().is_ok(), "an address with a port"),
        ServerValue::Header => (
            text.contains(':'),
            "`NAME: VALUE`, or `@FILE` with one a line,",
        ),
        ServerValue::Nothing => (value.is_none(), "no value"),
    };
    (!is_right).then_some(expected)
}

fn is_time(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    digits.parse::<u64>().is_ok() && ["ms", "s", "m", ""].contains(&unit)
}
