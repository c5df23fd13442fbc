//! The options of a server, which its own command line takes, and which can be baked in.

/// What the value of an option is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerValue {
    /// An address with a port, or `unix:PATH`.
    Address,
    /// From 1.
    Number,
    /// `10s`, `500ms`, `2m`; seconds without a unit.
    Time,
    /// The path of a file.
    Path,
    /// `common` or `json`, which is the first if there is none.
    LogFormat,
    /// An address with a port.
    TcpAddress,
    /// `NAME: VALUE`.
    Header,
    /// There is none.
    Nothing,
}

/// By name, without dashes.
pub const SERVER_OPTIONS: [(&str, ServerValue); 20] = [
    ("addr", ServerValue::Address),
    ("workers", ServerValue::Number),
    ("reuse", ServerValue::Number),
    ("at-once", ServerValue::Number),
    ("instance-idle", ServerValue::Time),
    ("timeout", ServerValue::Time),
    ("grace", ServerValue::Time),
    ("max-requests", ServerValue::Number),
    ("max-connections", ServerValue::Number),
    ("max-body", ServerValue::Number),
    ("head-timeout", ServerValue::Time),
    ("body-timeout", ServerValue::Time),
    ("idle-timeout", ServerValue::Time),
    ("tls-cert", ServerValue::Path),
    ("tls-key", ServerValue::Path),
    ("access-log", ServerValue::LogFormat),
    ("access-log-file", ServerValue::Path),
    ("header", ServerValue::Header),
    ("shutdown-addr", ServerValue::TcpAddress),
    ("no-logging-prefix", ServerValue::Nothing),
];
