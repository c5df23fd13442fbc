//! What packs are made of.

use crate::Place;
use std::fmt;

/// A file as the toolchain has it.
#[derive(Debug)]
pub struct Source {
    /// Its name in the pack; `.a` at the end means an archive.
    pub name: String,
    pub place: Place,
    pub bytes: Vec<u8>,
}

impl Source {
    pub(super) fn is_archive(&self) -> bool {
        self.name.ends_with(".a")
    }
}

/// A toolchain's file is not what it should be.
#[derive(Debug)]
pub struct MakeError {
    file: String,
    reason: String,
}

impl MakeError {
    pub(super) fn new(file: &str, reason: impl fmt::Display) -> MakeError {
        MakeError {
            file: file.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for MakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.file, self.reason)
    }
}

impl std::error::Error for MakeError {}

/// An object file: an archive's member, or a source by itself. In memory of its own, because
/// members lie in archives at any even offset.
pub(super) struct Member {
    /// Index of the source.
    pub(super) source: usize,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}
