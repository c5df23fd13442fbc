//! What is known of a value in a block in which it is alive, and of all its blocks.

use crate::lists::NONE;

/// A value in a block in which it begins, is used, or is passed on.
#[derive(Clone, Copy)]
pub struct Piece {
    pub value: u32,
    pub block: u32,
    /// The first and the last instruction that uses it, or [`NONE`]; edges do not count.
    pub first: u32,
    pub last: u32,
    /// Where it begins and ends, points.
    pub from: u32,
    pub to: u32,
    /// It is alive at the start; otherwise it is defined here.
    pub comes_in: bool,
    pub goes_out: bool,
    /// It becomes a parameter of a block that follows.
    pub is_passed: bool,
}

/// A value that is alive in several blocks, or passed to one.
#[derive(Clone, Copy)]
pub struct Global {
    pub value: u32,
    /// How many points it is alive at.
    pub length: u32,
    /// It goes through a block with a call.
    pub calls_on_way: bool,
    /// From where to where its pieces, ways and chunks reach.
    pub pieces: (u32, u32),
    pub ways: (u32, u32),
    pub chunks: (u32, u32),
}

/// Of sixty-four blocks, those in which a value is alive, a bit each.
#[derive(Clone, Copy, Default)]
pub struct Chunk {
    pub number: u32,
    pub alive: u64,
    /// Of these, those through which it goes.
    pub through: u64,
}

impl Chunk {
    pub fn add(&mut self, other: Chunk) {
        self.alive |= other.alive;
        self.through |= other.through;
    }
}

/// The number of the chunk that a block is in, and its bit.
pub fn split(block: u32) -> (usize, u64) {
    (block as usize / 64, 1 << (block % 64))
}

/// Which value was last seen in a block, and its piece there, as long as it does not go out, or
/// [`NONE`].
#[derive(Clone, Copy)]
pub struct Seen {
    pub value: u32,
    pub piece: u32,
}

pub const UNSEEN: Seen = Seen {
    value: NONE,
    piece: NONE,
};

/// How many points and calls there are in a block.
#[derive(Clone, Copy)]
pub struct Size {
    pub points: u32,
    pub calls: u32,
}

/// What the search for them works on.
#[derive(Default)]
pub struct Search {
    /// By block.
    pub seen: Vec<Seen>,
    pub sizes: Vec<Size>,
    /// The chunks of a value, all there could be.
    pub bits: Vec<Chunk>,
    pub pending: Vec<u32>,
}
