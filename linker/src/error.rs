//! Why an executable was not made.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Display gives one line, or several where a tool printed several; no period at the end.
#[derive(Debug)]
pub enum LinkError {
    /// Neither the object nor the pack defines these symbols: the two are of different versions.
    UndefinedSymbols(Vec<String>),
    /// The linker found something else wrong with its inputs; its own words.
    Failed(String),
    /// Code and data reach to the address at which the first memory begins.
    TooLarge { address: u64 },
    /// Code and data are further apart than instructions can say, and how.
    OutOfReach(&'static str),
    /// The linker itself went wrong: a bug in it, or in this crate's use of it.
    Internal(String),
    /// The executable or a temporary file could not be written.
    Write { path: PathBuf, source: io::Error },
    /// The system's linker or C compiler could not be found or started.
    ToolMissing { tool: PathBuf, reason: String },
    /// The system's linker failed; what it printed.
    ToolFailed {
        tool: PathBuf,
        status: String,
        output: String,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::UndefinedSymbols(names) => {
                f.write_str(if names.len() == 1 {
                    "undefined symbol "
                } else {
                    "undefined symbols "
                })?;
                for (position, name) in names.iter().enumerate() {
                    write!(f, "{}`{name}`", if position == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            LinkError::Failed(message) => write!(f, "linking failed: {message}"),
            LinkError::TooLarge { address } => write!(
                f,
                "the program is too large: its code and data end behind {address:#x}, where its first memory begins"
            ),
            LinkError::OutOfReach(how) => write!(f, "the program is too large: {how}"),
            LinkError::Internal(message) => write!(f, "the linker went wrong: {message}"),
            LinkError::Write { path, source } => {
                write!(f, "cannot write `{}`: {source}", path.display())
            }
            LinkError::ToolMissing { tool, reason } => {
                write!(f, "cannot run the linker `{}`: {reason}", tool.display())
            }
            LinkError::ToolFailed {
                tool,
                status,
                output,
            } => {
                write!(f, "the linker `{}` failed ({status})", tool.display())?;
                if output.is_empty() {
                    Ok(())
                } else {
                    write!(f, ":\n{output}")
                }
            }
        }
    }
}

impl std::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LinkError::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}
