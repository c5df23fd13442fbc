//! How [`Places`] says which functions code is from: for backtraces, where functions are inlined or
//! offsets in the input are kept (`-g`).
//!
//! Functions are numbered by their position in [`crate::CodeMap::function_offsets`], and
//! [`GROUP`] of them are a group. A group is a list of records; functions of which there is
//! nothing to say have none. All numbers are LEB128, those that may be negative in zigzag:
//!
//! ```text
//! record: position in the group (a byte), bytes of what follows, contents
//! contents: (start of the body in the input)ᵍ, number of frames, frames, points
//! frame: place that calls it, number of its function minus that of the record's (may be negative)
//! point: bytes of code since the last point, place that the code from there on is from
//! place: 0 for nowhere, 1 for the function itself, 2 + n for frame n;
//!        (bytes behind the last offset + 1 in zigzag, or 0 for unknown)ᵍ
//! ```
//!
//! What is marked with ᵍ is there with [`Flags::OFFSETS`] alone. Offsets count from the start of the
//! body that the place is in, and the first of a record's frames and that of its points are behind 0.

use crate::Str;
use crate::sources::Sources;

/// All that is known of where code is from.
#[repr(C)]
#[derive(Debug)]
pub struct Places {
    /// The function that reads this, a `FindFrame`: symbol [`FRAME_SYMBOL`], or [`SOURCE_FRAME_SYMBOL`] where
    /// there are sources.
    pub frame: *const u8,
    /// Bits of [`Flags`].
    pub flags: u64,
    pub records: Str,
    /// Where each group begins in `records`, and the end.
    pub groups: *const u32,
    /// The source that bodies are from; null where that is not known.
    pub sources: *const Sources,
}

/// The symbol of what finds functions.
pub const FRAME_SYMBOL: &str = "wasmelt_frame";

/// The symbol of what finds functions and lines of the source.
pub const SOURCE_FRAME_SYMBOL: &str = "wasmelt_source_frame";

/// A line of a backtrace.
#[derive(Clone, Copy, Default, Debug)]
pub struct Frame {
    pub name: &'static [u8],
    /// The offset in the input, if it is known.
    pub wasm_offset: Option<u32>,
    /// The path of the source, or nothing.
    pub file: &'static [u8],
    /// 0 where it is not known.
    pub line: u32,
    /// 0 where it is not known.
    pub column: u32,
}

/// Functions in a group.
pub const GROUP: usize = 64;

/// Bits of [`Places::flags`].
#[derive(Debug)]
pub struct Flags;

impl Flags {
    /// Offsets in the input are known.
    pub const OFFSETS: u64 = 1;
}

/// Place of no function that is still there.
pub const NOWHERE: u32 = 0;
/// Place in the function itself.
pub const ITSELF: u32 = 1;
/// Place in the first frame.
pub const FIRST_FRAME: u32 = 2;
