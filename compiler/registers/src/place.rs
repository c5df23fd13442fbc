//! Places, and moves between them.

/// A place that a value is in: a register, or the slot of a value's web.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Place {
    Register(u8),
    /// The slot of this value.
    Slot(u32),
    /// A slot for nothing but moves, of a class.
    Spare(u8),
}

/// A move from place to place.
#[derive(Clone, Copy)]
pub struct Move {
    /// Its point, and behind it the order at the same point.
    pub key: u64,
    pub from: Place,
    pub to: Place,
    pub needed: Needed,
}

/// Whether a move is needed, which may turn out later.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    Always,
    /// A store that is not needed if this value is stored where it is defined.
    UnlessStored(u32),
    /// A store in place of the one where this value is defined, if there is to be one.
    IfStored(u32),
}

/// The order of moves at one point.
pub const COMING_IN: u64 = 0;
pub const STORING: u64 = 1;
pub const BEFORE: u64 = 2;
pub const GOING_OUT: u64 = 3;

pub fn key(point: u32, order: u64) -> u64 {
    u64::from(point) << 2 | order
}
