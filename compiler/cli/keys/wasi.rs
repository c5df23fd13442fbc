//! The keys of `-S`: what the program may do, and which of WASI's interfaces there are.

use super::row::{Flag, Row, Settings};
use super::value::{Takes, Value};

/// Why a standard stream stays.
const STREAM: &str = "cannot be switched off; redirect the stream instead";

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
        Row::apply("inherit-stdin", Takes::Flag, "always so", standard_stream),
        Row::apply("inherit-stdout", Takes::Flag, "always so", standard_stream),
        Row::apply("inherit-stderr", Takes::Flag, "always so", standard_stream),
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
        Row::apply("tcp", Takes::Flag, "part of `inherit-network`", socket),
        Row::apply("udp", Takes::Flag, "part of `inherit-network`", socket),
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
            "max-random-size",
            Takes::Bytes,
            "one call gives at most 64 MiB, which cannot be changed",
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
        Row::refused(
            "cwd",
            Takes::Text("DIR"),
            "the program starts in the directory where it is run",
        ),
        Row::engine("preview2", Takes::Flag),
        Row::engine("http-outgoing-body-buffer-chunks", Takes::Number),
        Row::engine("http-outgoing-body-chunk-size", Takes::Bytes),
        Row::missing("tls", Takes::Flag, "`wasi:tls`"),
        Row::missing("threads", Takes::Flag, "`wasi-threads`"),
        Row::missing("nn", Takes::Flag, "`wasi:nn`"),
        Row::missing("nn-graph", Takes::Text("FORMAT::DIR"), "`wasi:nn`"),
        Row::missing("config", Takes::Flag, "`wasi:config`"),
        Row::missing("config-var", Takes::Text("NAME=VALUE"), "`wasi:config`"),
        Row::missing("keyvalue", Takes::Flag, "`wasi:keyvalue`"),
        Row::missing(
            "keyvalue-in-memory-data",
            Takes::Text("NAME=VALUE"),
            "`wasi:keyvalue`",
        ),
    ],
};

fn standard_stream(_: &mut Settings, value: Value<'_>) -> Result<(), String> {
    match value.flag()? {
        true => Ok(()),
        false => Err(String::from(STREAM)),
    }
}

fn socket(_: &mut Settings, value: Value<'_>) -> Result<(), String> {
    match value.flag()? {
        true => Ok(()),
        false => Err(String::from(
            "cannot be switched off: the network is granted as a whole, by `-S inherit-network`",
        )),
    }
}
