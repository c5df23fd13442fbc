//! What can go wrong with an input: the user's faults, each with the place and what to do.

use crate::gate::Gate;
use std::fmt;

/// What kind of fault an [`Error`] reports; tools count `Unsupported` apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The bytes are not a valid module or component.
    Invalid,
    /// Valid, but a feature that is not compiled yet.
    Unsupported,
    /// The parts do not fit together: an import that nobody provides, a wrong type.
    Link,
    /// The options cannot be met by this input.
    Usage,
}

/// One fault of the input. `Display` gives the message alone; the rest is for the one place that
/// prints errors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    pub kind: ErrorKind,
    /// Lower case, no period, names in backticks.
    pub message: String,
    /// Byte offset in the input file.
    pub offset: Option<u64>,
    /// Facts that explain the message.
    pub notes: Vec<String>,
    /// What to do.
    pub helps: Vec<String>,
    /// Further faults that were found with this one; those have none.
    pub others: Vec<Error>,
}

/// The result of everything that reads an input.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error {
            kind,
            message: message.into(),
            offset: None,
            notes: Vec::new(),
            helps: Vec::new(),
            others: Vec::new(),
        }
    }

    /// A feature that is valid and not compiled yet.
    #[must_use]
    pub fn unsupported(feature: impl fmt::Display, offset: u64) -> Error {
        Error::new(ErrorKind::Unsupported, format!("unsupported: {feature}")).at(offset)
    }

    #[must_use]
    pub fn invalid(message: impl Into<String>, offset: u64) -> Error {
        Error::new(ErrorKind::Invalid, message).at(offset)
    }

    #[must_use]
    pub fn link(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Link, message)
    }

    #[must_use]
    pub fn usage(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Usage, message)
    }

    #[must_use]
    pub fn at(mut self, offset: u64) -> Error {
        self.offset = Some(offset);
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Error {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Error {
        self.helps.push(help.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(offset) = self.offset {
            write!(f, " (at offset {offset:#x})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Error {
        let message = error.message();
        // An alignment with bits that no standard defines is damage rather than a feature.
        let is_damage = message.contains("multibyte array access");
        let kind = if !is_damage
            && (message.contains("not enabled")
                || message.contains("support is not")
                || message.contains("requires the component model")
                || Gate::of_message(message).is_some())
        {
            ErrorKind::Unsupported
        } else {
            ErrorKind::Invalid
        };
        Error::new(kind, message).at(error.offset())
    }
}
