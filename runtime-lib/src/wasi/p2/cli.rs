//! `wasi:cli`: arguments, environment, exit, standard streams and terminals.

use std::rc::Rc;

use super::stdio::{StandardInput, StandardOutput};
use super::streams::{Input, Output};
use crate::component::{Call, Own, Resource};
use crate::host::environment::{args, variables};
use crate::host::{Stream, process};
use crate::vm::process::{optional_text, program, rare};

/// `terminal-input`: a hint that standard input is one.
pub struct TerminalInput;

/// `terminal-output`: a hint that standard output or standard error is one.
pub struct TerminalOutput;

impl Resource for TerminalInput {
    const INTERFACE: &'static str = "wasi:cli/terminal-input";
    const NAME: &'static str = "terminal-input";
}

impl Resource for TerminalOutput {
    const INTERFACE: &'static str = "wasi:cli/terminal-output";
    const NAME: &'static str = "terminal-output";
}

/// `get-environment`.
pub fn get_environment(_: &mut Call<'_>) -> Vec<(String, String)> {
    let variables = variables(&program().policy);
    variables
        .map(|variable| (text(variable.name), text(variable.value)))
        .collect()
}

/// `get-arguments`.
pub fn get_arguments(_: &mut Call<'_>) -> Vec<String> {
    args(&program().policy).map(text).collect()
}

/// `initial-cwd`: the guest sees the directories that it was given, and is in none of them unless
/// the build has said so.
pub fn initial_cwd(_: &mut Call<'_>) -> Option<String> {
    let cwd = &rare(program())?.cwd;
    optional_text(cwd).map(text)
}

/// Text of the system for a guest, whose strings are Unicode: what is not becomes U+FFFD.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `exit`.
pub fn exit(_: &mut Call<'_>, status: Result<(), ()>) {
    process::finish(i32::from(status.is_err()))
}

/// `exit-with-code`.
pub fn exit_with_code(_: &mut Call<'_>, status_code: u8) {
    process::finish(status_code.into())
}

/// `get-stdin`.
pub fn get_stdin(call: &mut Call<'_>) -> Own<Input> {
    call.push(Rc::new(StandardInput) as Input)
}

/// `get-stdout`.
pub fn get_stdout(call: &mut Call<'_>) -> Own<Output> {
    call.push(Rc::new(StandardOutput::new(Stream::Out)) as Output)
}

/// `get-stderr`.
pub fn get_stderr(call: &mut Call<'_>) -> Own<Output> {
    call.push(Rc::new(StandardOutput::new(Stream::Err)) as Output)
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
