//! The handle table of a component instance: `Table` and `ResourceHandle` of the canonical ABI.
//!
//! Comes in: numbers of resource types and reps. Goes out: indices, and traps as the canonical ABI
//! says, which is why a method that fails does not return. Free entries form a list through the
//! table itself, the last freed first, so that nothing is allocated once the table is as large as
//! it gets.
//!
//! Waitables, waitable sets and error contexts have their indices in the same table. Their entries have one of the
//! numbers of [`kind`] for a resource type, and a number of the store's objects for a rep.

use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use wasmelt_abi::{GUEST_RESOURCES, TrapCode};

/// `Table.MAX_LENGTH`: the largest index.
const INDEX_MAX: u32 = (1 << 28) - 1;

/// The resource type of a free entry.
const FREE: u32 = 0;

/// Numbers that no resource type has.
pub mod kind {
    pub const SUBTASK: u32 = u32::MAX;
    pub const STREAM_READABLE: u32 = u32::MAX - 1;
    pub const STREAM_WRITABLE: u32 = u32::MAX - 2;
    pub const FUTURE_READABLE: u32 = u32::MAX - 3;
    pub const FUTURE_WRITABLE: u32 = u32::MAX - 4;
    /// Those from here on are waitables.
    pub const WAITABLES: u32 = FUTURE_WRITABLE;
    pub const WAITABLE_SET: u32 = u32::MAX - 5;
    pub const ERROR_CONTEXT: u32 = u32::MAX - 6;
    /// Those from here on are no resources.
    pub const OBJECTS: u32 = ERROR_CONTEXT;
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Number of the resource type, or [`FREE`].
    resource: u32,
    /// Of a free entry: the index of the next free one, or 0.
    rep: u32,
    /// `num_lends`.
    lends: u32,
    /// `borrow_scope`: the number of the scope in which a borrowed handle has to be dropped, or
    /// [`OWN`].
    scope: u32,
}

/// The scope of an owned handle.
const OWN: u32 = u32::MAX;

/// What a handle stands for once it is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    Own {
        rep: u32,
    },
    Borrow {
        /// The scope that counts it.
        scope: u32,
    },
}

/// Handles that a call has lent: instance and handle each.
pub(super) type Lent = Vec<(u32, u32)>;

#[derive(Debug, Default)]
pub struct HandleTable {
    /// The entry at index 0 is never used.
    entries: Vec<Entry>,
    first_free: u32,
}

impl HandleTable {
    /// `lower_own`, `canon resource.new`: the index of a new owned handle.
    #[inline]
    pub fn add_own(&mut self, resource: u32, rep: u32) -> u32 {
        self.add_borrow(resource, rep, OWN)
    }

    /// `lower_borrow`: the index of a new borrowed handle.
    #[inline]
    pub fn add_borrow(&mut self, resource: u32, rep: u32, scope: u32) -> u32 {
        let entry = Entry {
            resource,
            rep,
            lends: 0,
            scope,
        };
        self.add(entry, INDEX_MAX)
    }

    #[inline]
    fn add(&mut self, entry: Entry, index_max: u32) -> u32 {
        let index = self.first_free;
        if index == 0 {
            return self.push(entry, index_max);
        }
        let slot = &mut self.entries[index as usize];
        self.first_free = slot.rep;
        *slot = entry;
        index
    }

    #[cold]
    fn push(&mut self, entry: Entry, index_max: u32) -> u32 {
        if self.entries.is_empty() {
            self.entries.push(Entry {
                resource: FREE,
                rep: 0,
                lends: 0,
                scope: OWN,
            });
        }
        let index = self.entries.len() as u32;
        if index > index_max {
            raise(TrapCode::HandlesExhausted)
        }
        self.entries.push(entry);
        index
    }

    /// The entry at `index`, which has to be of this resource type.
    #[inline]
    fn entry(&mut self, index: u32, resource: u32) -> &mut Entry {
        match self.entries.get_mut(index as usize) {
            Some(entry) if entry.resource == resource => entry,
            Some(entry) if entry.resource != FREE => wrong_type(index, resource, entry.resource),
            _ => unknown(index),
        }
    }

    #[inline]
    fn free(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        entry.resource = FREE;
        entry.rep = self.first_free;
        self.first_free = index;
    }

    /// `canon resource.rep`.
    #[inline]
    pub fn rep(&mut self, index: u32, resource: u32) -> u32 {
        self.entry(index, resource).rep
    }

    /// The rep of a waitable of any kind.
    pub fn waitable(&mut self, index: u32) -> u32 {
        match self.entries.get(index as usize) {
            Some(entry) if entry.resource >= kind::WAITABLES => entry.rep,
            Some(entry) if entry.resource != FREE => {
                wrong_type(index, kind::WAITABLES, entry.resource)
            }
            _ => unknown(index),
        }
    }

    /// `lift_own`: the rep of an owned handle, which is removed.
    #[inline]
    pub fn lift_own(&mut self, index: u32, resource: u32) -> u32 {
        let entry = self.entry(index, resource);
        if entry.scope != OWN {
            raise(TrapCode::HandleNotOwned)
        }
        if entry.lends != 0 {
            raise(TrapCode::HandleLent)
        }
        let rep = entry.rep;
        self.free(index);
        rep
    }

    /// `lift_borrow`: the rep of any handle, which is lent until [`HandleTable::give_back`].
    #[inline]
    pub fn lift_borrow(&mut self, index: u32, resource: u32) -> u32 {
        let entry = self.entry(index, resource);
        entry.lends += 1;
        entry.rep
    }

    /// Undoes one [`HandleTable::lift_borrow`].
    #[inline]
    pub fn give_back(&mut self, index: u32) {
        self.entries[index as usize].lends -= 1;
    }

    /// `canon resource.drop` without what follows from it.
    #[inline]
    pub fn remove(&mut self, index: u32, resource: u32) -> Removed {
        let Entry {
            rep, lends, scope, ..
        } = *self.entry(index, resource);
        if lends != 0 {
            raise(TrapCode::HandleLent)
        }
        self.free(index);
        if scope == OWN {
            Removed::Own { rep }
        } else {
            Removed::Borrow { scope }
        }
    }
}

#[cold]
fn unknown(index: u32) -> ! {
    let text = [
        Piece::Text("unknown handle index "),
        Piece::Number(index.into()),
    ];
    raise_with(TrapInfo::with_text(TrapCode::UnknownHandle, &text))
}

#[cold]
fn wrong_type(index: u32, expected: u32, found: u32) -> ! {
    const HOST: &str = "host-defined resource";
    const GUEST: &str = "guest-defined resource";
    let (expected, found) = match (expected, found) {
        (kind::OBJECTS.., _) | (_, kind::OBJECTS..) => match (name(expected), name(found)) {
            (expected, "waitable set") => (expected, " but found a waitable set"),
            (expected, "subtask") => (expected, " but found a subtask"),
            (expected, "stream") => (expected, " but found a stream"),
            (expected, "future") => (expected, " but found a future"),
            (expected, "error context") => (expected, " but found an error context"),
            (expected, _) => (expected, " but found a resource"),
        },
        (..GUEST_RESOURCES, ..GUEST_RESOURCES) => {
            (HOST, " but found a different host-defined resource")
        }
        (..GUEST_RESOURCES, _) => (HOST, " but found a guest-defined resource"),
        (_, ..GUEST_RESOURCES) => (GUEST, " but found a host-defined resource"),
        _ => (GUEST, " but found a different guest-defined resource"),
    };
    let text = [
        Piece::Text("handle index "),
        Piece::Number(index.into()),
        Piece::Text(" used with the wrong type, expected "),
        Piece::Text(expected),
        Piece::Text(found),
    ];
    raise_with(TrapInfo::with_text(TrapCode::HandleType, &text))
}

/// What messages call an entry.
fn name(number: u32) -> &'static str {
    match number {
        kind::SUBTASK => "subtask",
        kind::STREAM_READABLE | kind::STREAM_WRITABLE => "stream",
        kind::FUTURE_READABLE | kind::FUTURE_WRITABLE => "future",
        kind::WAITABLE_SET => "waitable set",
        kind::ERROR_CONTEXT => "error context",
        _ => "resource",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::trap::catch;

    fn text(body: impl FnOnce()) -> String {
        catch(body).map_or_else(|trap| trap.to_string(), |()| "no trap".to_owned())
    }

    #[test]
    fn indices_begin_at_1_and_the_last_freed_is_reused_first() {
        let mut table = HandleTable::default();
        assert_eq!(text(|| _ = table.rep(0, 300)), "unknown handle index 0");
        for expected in 1..=3 {
            assert_eq!(table.add_own(300, expected * 10), expected);
        }
        assert_eq!(table.remove(1, 300), Removed::Own { rep: 10 });
        assert_eq!(table.lift_own(3, 300), 30);
        assert_eq!(table.add_own(300, 40), 3);
        assert_eq!(table.add_borrow(301, 50, 7), 1);
        assert_eq!(table.add_own(300, 60), 4);
        assert_eq!(table.rep(1, 301), 50);
        assert_eq!(table.remove(1, 301), Removed::Borrow { scope: 7 });
        assert_eq!(text(|| _ = table.rep(0, 300)), "unknown handle index 0");
        assert_eq!(text(|| _ = table.rep(1, 300)), "unknown handle index 1");
        let all = u32::MAX;
        assert_eq!(
            text(|| _ = table.rep(all, 300)),
            "unknown handle index 4294967295"
        );
    }

    #[test]
    fn types_are_checked() {
        let mut table = HandleTable::default();
        let guest = table.add_own(300, 1);
        let host = table.add_own(2, 1);
        let wrong = |index, expected: &str, found: &str| {
            format!(
                "handle index {index} used with the wrong type, expected {expected} but found {found}"
            )
        };
        assert_eq!(
            text(|| _ = table.rep(guest, 301)),
            wrong(
                1,
                "guest-defined resource",
                "a different guest-defined resource"
            )
        );
        assert_eq!(
            text(|| _ = table.lift_own(guest, 2)),
            wrong(1, "host-defined resource", "a guest-defined resource")
        );
        assert_eq!(
            text(|| _ = table.lift_borrow(host, 3)),
            wrong(
                2,
                "host-defined resource",
                "a different host-defined resource"
            )
        );
        assert_eq!(
            text(|| _ = table.remove(host, 300)),
            wrong(2, "guest-defined resource", "a host-defined resource")
        );
    }

    #[test]
    fn lent_handles_stay() {
        let mut table = HandleTable::default();
        let handle = table.add_own(300, 5);
        assert_eq!(table.lift_borrow(handle, 300), 5);
        assert_eq!(table.lift_borrow(handle, 300), 5);
        table.give_back(handle);
        let lent = TrapCode::HandleLent.message();
        assert_eq!(text(|| _ = table.lift_own(handle, 300)), lent);
        assert_eq!(text(|| _ = table.remove(handle, 300)), lent);
        table.give_back(handle);
        assert_eq!(table.lift_own(handle, 300), 5);
        let borrowed = table.add_borrow(300, 6, 0);
        assert_eq!(
            text(|| _ = table.lift_own(borrowed, 300)),
            TrapCode::HandleNotOwned.message()
        );
    }

    #[test]
    fn the_number_of_handles_is_limited() {
        let mut table = HandleTable::default();
        let entry = Entry {
            resource: 300,
            rep: 0,
            lends: 0,
            scope: OWN,
        };
        for index in 1..=5 {
            assert_eq!(table.add(entry, 5), index);
        }
        assert_eq!(
            text(|| _ = table.add(entry, 5)),
            "resource table has no free keys"
        );
        table.remove(2, 300);
        assert_eq!(table.add(entry, 5), 2);
    }
}
