//! Files inside the executable (`--embed`): one tree, in the order of breadth, so that what is in
//! a directory lies together.

use crate::slice::{Slice, Str};

/// As many nodes there may be: their numbers take three bytes at run time.
pub const EMBEDDED_NODES_MAX: u64 = (1 << 24) - 2;

/// All that is embedded.
#[repr(C)]
#[derive(Debug)]
pub struct EmbeddedTree {
    /// Lets the program find it: symbol [`crate::EMBEDDED_SYMBOL`], or
    /// [`crate::PACKED_SYMBOL`] where it is compressed.
    pub provide: extern "C" fn(&'static EmbeddedTree),
    pub nodes: Slice<EmbeddedNode>,
    pub names: Str,
    /// Files, and the targets of links: the bytes that nodes count, or what their blocks were
    /// compressed to, one behind the other.
    pub contents: Slice<u8>,
    /// Of compressed contents, where in these each block begins, and where the last one ends; of
    /// others, nothing.
    pub blocks: Slice<u64>,
    /// How many bytes nodes count.
    pub len: u64,
}

/// Bytes of a block, but for the last one: each is a frame of zstd by itself, or what it stands for,
/// where that is no longer.
pub const EMBEDDED_BLOCK_BYTES: u64 = 128 << 10;

/// A file, a symbolic link or a directory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedNode {
    /// Where in the names its own begins.
    pub name_start: u64,
    /// Of a directory, the number of the first node in it, which are in the order of their names;
    /// otherwise, where in the contents its own begin.
    pub start: u64,
    /// How many nodes are in the directory; otherwise, bytes of contents.
    pub len: u64,
    /// When it was changed, in seconds since 1970.
    pub modified_s: i64,
    pub modified_ns: u32,
    pub name_bytes: u32,
    /// An [`EmbeddedKind`].
    pub kind: u64,
}

/// What a node is.
#[derive(Debug)]
pub struct EmbeddedKind;

impl EmbeddedKind {
    pub const DIRECTORY: u64 = 0;
    pub const FILE: u64 = 1;
    pub const LINK: u64 = 2;
    /// A directory of the system, or none, which something is embedded in or below.
    pub const ABOVE: u64 = 3;
}
