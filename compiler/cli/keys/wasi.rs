//! The keys of `-S`: what the program may do, and which of WASI's interfaces there are.

use wasmelt_compiler::{EnvVar, LogLevel};

use super::row::{Flag, Row};
use super::value::Takes;

pub(crate) static WASI: Flag = Flag {
    short: 'S',
    long: "wasi",
    rows: &[
        Row::apply(
            "inherit-env",
            Takes::Flag,
            "the whole environment",
            |settings, value| {
                settings.options.policy.inherit_env = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "inherit-network",
            Takes::Flag,
            "the network: sockets of both kinds and all addresses",
            |settings, value| {
                settings.options.policy.inherit_network = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "allow-ip-name-lookup",
            Takes::Flag,
            "addresses may be looked up by names",
            |settings, value| {
                settings.options.policy.allow_ip_name_lookup = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "clocks-timezone",
            Takes::Flag,
            "`wasi:clocks/timezone`, which may still change, may be imported",
            |settings, value| {
                settings.options.clocks_timezone = value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "inherit-stdin",
            Takes::Flag,
            "`inherit-stdin=n`: input ends at once",
            |settings, value| {
                settings.options.policy.withheld_streams.stdin = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "inherit-stdout",
            Takes::Flag,
            "`inherit-stdout=n`: output is lost",
            |settings, value| {
                settings.options.policy.withheld_streams.stdout = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "inherit-stderr",
            Takes::Flag,
            "`inherit-stderr=n`: it is lost, also what a trap says",
            |settings, value| {
                settings.options.policy.withheld_streams.stderr = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "cli",
            Takes::Flag,
            "WASI; `cli=n` refuses programs that import it",
            |settings, value| {
                settings.options.withheld.wasi = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply("common", Takes::Flag, "as `cli`", |settings, value| {
            settings.options.withheld.wasi = !value.flag()?;
            Ok(())
        }),
        Row::apply(
            "preview0",
            Takes::Flag,
            "`wasi_unstable`; `preview0=n` refuses it",
            |settings, value| {
                settings.options.withheld.p0 = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "p3",
            Takes::Flag,
            "WASI 0.3; `p3=n` refuses it",
            |settings, value| {
                settings.options.withheld.p3 = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "http",
            Takes::Flag,
            "requests of HTTP, to anybody or to those of `--allow-host`; `http=n` refuses programs \
             that import `wasi:http`",
            |settings, value| {
                settings.options.policy.http = value.flag()?;
                settings.options.withheld.http = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "network-error-code",
            Takes::Flag,
            "`network-error-code` of `wasi:sockets/network`; `network-error-code=n` refuses it",
            |settings, value| {
                settings.options.withheld.network_error_code = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "threads",
            Takes::Flag,
            "wasi-threads; `threads=n` refuses it",
            |settings, value| {
                settings.options.withheld.threads = !value.flag()?;
                Ok(())
            },
        ),
        Row::always("cli-exit-with-code"),
        Row::refused(
            "tcplisten",
            Takes::Text("ADDRESS"),
            "listening sockets cannot be passed in yet",
        ),
        Row::refused(
            "listenfd",
            Takes::Flag,
            "the sockets of a service manager come with `-S inherit-network`",
        ),
        Row::apply(
            "tcp",
            Takes::Flag,
            "TCP sockets, where the network is granted",
            |settings, value| {
                settings.options.policy.no_tcp = !value.flag()?;
                settings.sockets_named |= value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "udp",
            Takes::Flag,
            "UDP sockets, where the network is granted",
            |settings, value| {
                settings.options.policy.no_udp = !value.flag()?;
                settings.sockets_named |= value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "cwd",
            Takes::Text("DIR"),
            "what a component is told is its directory at the start",
            |settings, value| {
                settings.options.policy.cwd = Some(value.text()?.to_owned());
                Ok(())
            },
        ),
        Row::apply(
            "max-random-size",
            Takes::Bytes,
            "one call gives no more random bytes; 64 MiB by default",
            |settings, value| {
                settings.options.policy.random_bytes_max = Some(value.bytes()?);
                Ok(())
            },
        ),
        Row::refused(
            "max-resources",
            Takes::Number,
            "an executable does not count resources",
        ),
        Row::refused(
            "max-component-handles",
            Takes::Number,
            "an executable does not count handles",
        ),
        Row::refused(
            "hostcall-fuel",
            Takes::Number,
            "an executable does not count what it passes to the host",
        ),
        Row::refused(
            "max-http-fields-size",
            Takes::Bytes,
            "an executable does not count what fields hold",
        ),
        Row::engine("preview2", Takes::Flag),
        Row::engine("http-outgoing-body-buffer-chunks", Takes::Number),
        Row::engine("http-outgoing-body-chunk-size", Takes::Bytes),
        Row::apply(
            "tls",
            Takes::Flag,
            "`wasi:tls`, which may still change, may be imported",
            |settings, value| {
                settings.options.tls = value.flag()?;
                Ok(())
            },
        ),
        Row::missing("nn", Takes::Flag, "`wasi:nn`"),
        Row::missing("nn-graph", Takes::Text("FORMAT::DIR"), "`wasi:nn`"),
        Row::apply(
            "blobstore",
            Takes::Flag,
            "`wasi:blobstore`; `blobstore=n` refuses programs that import it",
            |settings, value| {
                settings.options.withheld.blobstore = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "blobstore-dir",
            Takes::Text("DIR"),
            "containers are directories in this one, and objects files",
            |settings, value| {
                settings.options.policy.blobstore_dir = Some(value.text()?.to_owned());
                Ok(())
            },
        ),
        Row::apply(
            "config",
            Takes::Flag,
            "`wasi:config`; `config=n` refuses programs that import it",
            |settings, value| {
                settings.options.withheld.config = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "config-var",
            Takes::Text("NAME[=VALUE]"),
            "what `wasi:config` gives; without a value, that of the environment when the program \
             runs",
            |settings, value| {
                let variable = variable(value.text()?)?;
                put(&mut settings.options.policy.config, variable);
                Ok(())
            },
        ),
        Row::apply(
            "keyvalue",
            Takes::Flag,
            "`wasi:keyvalue`; `keyvalue=n` refuses programs that import it",
            |settings, value| {
                settings.options.withheld.keyvalue = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "keyvalue-in-memory-data",
            Takes::Text("NAME=VALUE"),
            "a pair that `wasi:keyvalue` has in memory at first",
            |settings, value| {
                let pair = variable(value.text()?)?;
                if pair.value.is_none() {
                    return Err(String::from("takes `NAME=VALUE`"));
                }
                put(&mut settings.options.policy.keyvalue.pairs, pair);
                Ok(())
            },
        ),
        Row::apply(
            "keyvalue-bucket",
            Takes::Text("NAME"),
            "a bucket of this name, beside the one whose name is empty",
            |settings, value| {
                let buckets = &mut settings.options.policy.keyvalue.buckets;
                buckets.push(value.text()?.to_owned());
                Ok(())
            },
        ),
        Row::apply(
            "keyvalue-file",
            Takes::Text("FILE"),
            "buckets are kept in this file, which is made where it is missing",
            |settings, value| {
                settings.options.policy.keyvalue.file = Some(value.text()?.to_owned());
                Ok(())
            },
        ),
        Row::apply(
            "logging",
            Takes::Flag,
            "`wasi:logging`; `logging=n` refuses programs that import it",
            |settings, value| {
                settings.options.withheld.logging = !value.flag()?;
                Ok(())
            },
        ),
        Row::apply(
            "logging-level",
            Takes::OneOf(&LOG_LEVELS),
            "`wasi:logging` writes nothing below it",
            |settings, value| {
                let word = value.word(&LOG_LEVELS)?;
                let position = LOG_LEVELS.iter().position(|known| *known == word);
                settings.options.policy.log.level = LEVELS[position.expect("it is one of them")];
                Ok(())
            },
        ),
        Row::apply(
            "logging-format",
            Takes::OneOf(&["text", "json"]),
            "how `wasi:logging` writes to standard error",
            |settings, value| {
                let word = value.word(&["text", "json"])?;
                settings.options.policy.log.is_json = word == "json";
                Ok(())
            },
        ),
    ],
};

const LOG_LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "critical"];
const LEVELS: [LogLevel; 6] = [
    LogLevel::Trace,
    LogLevel::Debug,
    LogLevel::Info,
    LogLevel::Warn,
    LogLevel::Error,
    LogLevel::Critical,
];

/// `NAME[=VALUE]`.
fn variable(text: &str) -> Result<EnvVar, String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() || text.contains('\0') {
        return Err(String::from("needs a name"));
    }
    Ok(EnvVar {
        name: name.to_owned(),
        value,
    })
}

/// The last one of a name counts.
fn put(variables: &mut Vec<EnvVar>, variable: EnvVar) {
    variables.retain(|other| other.name != variable.name);
    variables.push(variable);
}
