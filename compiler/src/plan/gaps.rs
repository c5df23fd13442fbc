//! How much may be written out that the input does not say: what lies between segments, and
//! elements that a table is filled with. A segment behind a larger gap is applied when the program
//! starts, and a table with more such elements is made then.

/// Slots of tables, of all tables together.
const SLOTS_MAX: u64 = 1 << 18;
/// Bytes of memories, of all memories together.
const BYTES_MAX: u64 = 64 << 20;

/// What is left of both.
#[derive(Debug)]
pub(super) struct Gaps {
    slots: u64,
    bytes: u64,
}

impl Gaps {
    pub(super) fn new() -> Gaps {
        Gaps {
            slots: SLOTS_MAX,
            bytes: BYTES_MAX,
        }
    }

    /// Takes room for slots that nothing in the input stands for; whether there was as much.
    pub(super) fn take_slots(&mut self, slots: u64) -> bool {
        take(&mut self.slots, slots)
    }

    /// The same for bytes.
    pub(super) fn take_bytes(&mut self, bytes: u64) -> bool {
        take(&mut self.bytes, bytes)
    }
}

fn take(left: &mut u64, wanted: u64) -> bool {
    match left.checked_sub(wanted) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}
