//! What is in an object file, in no format's terms.

use super::super::native::DebugSection;
use cranelift_codegen::binemit::Reloc;
use std::borrow::Cow;

/// An object file of no format.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    pub(super) code: &'a [u8],
    /// Ascending.
    pub(super) functions: Vec<Function<'a>>,
    /// Of the code, ascending.
    pub(super) code_relocs: Vec<Relocation>,
    pub(super) data: Vec<Data<'a>>,
    /// Functions that others define, by position.
    pub(super) imports: Vec<String>,
    /// Ascending in each section.
    pub(super) exports: Vec<Export>,
    /// Functions that an embedder of a library calls, with their places in the code.
    pub(super) entries: Vec<(&'a str, u32)>,
    /// The code and its data may lie anywhere.
    pub(super) is_library: bool,
    /// What nothing loads, for debuggers.
    pub(super) debug: Vec<DebugSection>,
}

/// A function's place in the code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Function<'a> {
    /// Empty for generated ones. Not unique.
    pub(super) name: &'a str,
    pub(super) start: u32,
    pub(super) bytes: u32,
}

/// A section without code.
#[derive(Debug)]
pub(super) struct Data<'a> {
    /// Its section, where others have to find it by name.
    pub(super) section: Option<&'static str>,
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) align: u64,
    pub(super) is_writable: bool,
    /// Kept although nothing refers to it.
    pub(super) is_kept: bool,
    pub(super) relocs: Vec<Relocation>,
}

/// Where a section refers to a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relocation {
    pub(super) offset: usize,
    pub(super) kind: Reloc,
    pub(super) place: Place,
    pub(super) addend: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// An offset in the code: its start, or that of a function.
    Code(u32),
    /// The start of `Contents::data` with this position.
    Data(usize),
    /// `Contents::imports` with this position.
    Import(usize),
}

/// A name for others, in `Contents::data` with the position `data`.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) name: &'static str,
    pub(super) data: usize,
    pub(super) offset: usize,
}
