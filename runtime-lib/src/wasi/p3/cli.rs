//! `wasi:cli`: arguments, environment, exit, standard streams and terminals.

use super::outcome::Ended;
use super::stdio::{self, ErrorCode};
use crate::component::ends::StreamReader;
use crate::component::{Call, Own, Resource};
use crate::host::Stream;

pub use crate::wasi::p2::cli::{exit, exit_with_code, get_arguments, get_environment, initial_cwd};

/// `terminal-input`: a hint that standard input is one.
pub struct TerminalInput;

/// `terminal-output`: a hint that standard output or standard error is one.
pub struct TerminalOutput;

impl Resource for TerminalInput {
    const INTERFACE: &'static str = "wasi:cli/terminal-input";
    const NAME: &'static str = "terminal-input";
    const IS_P3: bool = true;
}

impl Resource for TerminalOutput {
    const INTERFACE: &'static str = "wasi:cli/terminal-output";
    const NAME: &'static str = "terminal-output";
    const IS_P3: bool = true;
}

/// `stdin.read-via-stream`.
pub fn read_stdin(_: &mut Call<'_>) -> (StreamReader<u8>, Ended<ErrorCode>) {
    stdio::read()
}

/// `stdout.write-via-stream`.
pub fn write_stdout(_: &mut Call<'_>, data: StreamReader<u8>) -> Ended<ErrorCode> {
    stdio::write(Stream::Out, data)
}

/// `stderr.write-via-stream`.
pub fn write_stderr(_: &mut Call<'_>, data: StreamReader<u8>) -> Ended<ErrorCode> {
    stdio::write(Stream::Err, data)
}

/// `get-terminal-stdin`.
pub fn get_terminal_stdin(call: &mut Call<'_>) -> Option<Own<TerminalInput>> {
    Stream::In.is_terminal().then(|| call.push(TerminalInput))
}

/// `get-terminal-stdout`.
pub fn get_terminal_stdout(call: &mut Call<'_>) -> Option<Own<TerminalOutput>> {
    Stream::Out.is_terminal().then(|| call.push(TerminalOutput))
}

/// `get-terminal-stderr`.
pub fn get_terminal_stderr(call: &mut Call<'_>) -> Option<Own<TerminalOutput>> {
    Stream::Err.is_terminal().then(|| call.push(TerminalOutput))
}
