//! `wasmelt man DIR`: a manual page for the command, and one for each of its commands.

use std::fs;
use std::path::Path;

use clap::CommandFactory;

use crate::args::Cli;
use crate::diagnostic::{Diagnostic, Failure};
use crate::input::reason;

/// # Errors
/// When a page cannot be written.
pub(crate) fn write(directory: &Path) -> Result<(), Failure> {
    // `help` describes other commands, which have pages of their own.
    let command = Cli::command().disable_help_subcommand(true);
    let written =
        fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
    written.map_err(|error| {
        let shown = directory.display();
        let message = format!("cannot write into `{shown}`: {}", reason(&error));
        Failure::input(Diagnostic::error(message))
    })
}
