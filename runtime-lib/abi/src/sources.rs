//! The source that code is from, for backtraces of programs with `-g` whose modules have DWARF.
//!
//! [`Sources::records`] is a list of records in groups, as that of [`crate::places`]. Numbers are
//! LEB128, those that may be negative in zigzag:
//!
//! ```text
//! contents: rows
//! row: bytes of the body in the input since the last row; scope;
//!      0 for no position, or 1 + file; line less that of the last row (may be negative), column
//! ```
//!
//! The last two are there for known positions alone. Scope 0 is the function itself, 1 + n is
//! [`Sources::scopes`] with position n. A row is true from its offset in the body on.

use crate::{Slice, Str};

/// All that is known of a program's source.
#[repr(C)]
#[derive(Debug)]
pub struct Sources {
    pub records: Str,
    /// Where each group begins in `records`, and the end.
    pub groups: *const u32,
    pub scopes: Slice<Scope>,
    pub files: Slice<Text>,
    /// Names of scopes and paths of files.
    pub texts: Str,
}

/// A function that the compiler of the module has inlined.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    pub name: Text,
    /// The scope in which it is called.
    pub parent: u32,
    /// The call: 1 + file or 0, line, column.
    pub call: [u32; 3],
}

/// A part of [`Sources::texts`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Text {
    pub start: u32,
    pub len: u32,
}
