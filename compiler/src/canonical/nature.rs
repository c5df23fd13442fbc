//! What passing a value from one component to another takes.
//!
//! Types share their parts, so that the code for a type written out in full can be exponentially
//! longer than the type. A type whose code would be long is therefore passed by a function of its
//! own, which all uses share.

/// What passing a value of a type takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nature {
    /// Every bit pattern of its bytes is a value, and none of them is padding: values in memory
    /// are passed by copying bytes.
    pub plain: bool,
    /// There are borrowed handles in it.
    pub borrows: bool,
    /// There are strings in it.
    pub strings: bool,
    /// There is something in it that is allocated.
    pub allocates: bool,
    /// There are streams or futures in it.
    pub ends: bool,
    /// Length of the code, in instructions or so.
    pub(super) cost: u32,
}

/// Types whose code is longer than this have a helper.
const INLINE_COST_MAX: u32 = 120;
const CALL_COST: u32 = 8;
pub(super) const LIST_COST: u32 = 20;
/// Fixed-length lists in memory with up to this many elements are passed without a loop.
pub const UNROLLED_MAX: u32 = 16;

impl Nature {
    pub(super) fn scalar(plain: bool, cost: u32) -> Nature {
        Nature {
            plain,
            borrows: false,
            strings: false,
            allocates: false,
            ends: false,
            cost,
        }
    }

    /// All that is in several parts; `plain` when all of them are.
    pub(super) fn of_parts(parts: impl IntoIterator<Item = Nature>) -> Nature {
        let none = Nature::scalar(true, 0);
        parts.into_iter().fold(none, |all, part| Nature {
            plain: all.plain && part.plain,
            borrows: all.borrows || part.borrows,
            strings: all.strings || part.strings,
            allocates: all.allocates || part.allocates,
            ends: all.ends || part.ends,
            cost: all.cost.saturating_add(part.inline_cost()),
        })
    }

    pub(super) fn and(self, plain: bool, cost: u32) -> Nature {
        Nature {
            plain: self.plain && plain,
            cost: self.cost.saturating_add(cost),
            ..self
        }
    }

    /// Whether values are passed by a [`Helper`].
    #[must_use]
    pub fn is_outlined(self) -> bool {
        self.cost > INLINE_COST_MAX
    }

    pub(super) fn inline_cost(self) -> u32 {
        if self.is_outlined() {
            CALL_COST
        } else {
            self.cost
        }
    }
}
