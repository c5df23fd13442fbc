//! Places in contexts.

use crate::index::RegionIndex;

/// A place in a region's contexts: a negative offset from the region's pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    pub region: RegionIndex,
    pub offset: i32,
}

impl Slot {
    /// Stands for a slot that is wanted, until layout places it.
    pub const UNPLACED: Slot = Slot {
        region: RegionIndex(0),
        offset: 0,
    };
}
