//! Which values the locals of a function have, and in which part of its body, for debuggers.
//!
//! A local that is set at most once has one value, wherever that is. Of others a value is known from
//! where it is set, or read, up to the next `local.set` or the next place where control flow meets;
//! asking for a value there would make it a parameter of the block, and so change the code.
//!
//! For a core dump that is too much: before it is set, such a local is zero, though its value may be
//! there already. Only parameters that are never set have one value then. On the other hand, all locals
//! are followed that code mentions, whether or not a debugger is told of them.
//!
//! Of all that only the parts count where a debugger is told of the local: each value is of one of them. In
//! a core dump, values are there outside of the parts, too, but none is of a part and of what is not.

use crate::dwarf::NamedLocal;
use cranelift_codegen::ir::Value;

/// A local that has a value in a part of the body: bytes from its start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LocalValue {
    pub local: u32,
    pub from: u32,
    pub to: u32,
    pub value: Value,
}

/// The locals of a function that are followed.
#[derive(Default)]
pub(super) struct Tracking {
    /// For core dumps: a local has no value before it is set, and those that are found on the way are
    /// followed.
    is_exact: bool,
    locals: Vec<Tracked>,
    /// Positions in `locals`, by local; [`NONE`] for others.
    positions: Vec<u32>,
    /// Those of which a value is known.
    known: Vec<u32>,
    /// Where control flow has met last.
    met: u32,
    /// The instruction that is translated.
    at: u32,
    found: Vec<LocalValue>,
}

const NONE: u32 = u32::MAX;

/// No function has as many.
const LOCALS_MAX: usize = 1 << 20;

struct Tracked {
    local: u32,
    parts: Vec<(u32, u32)>,
    is_param: bool,
    /// Since where it has which value.
    current: Option<(u32, Value)>,
    sets: u32,
    /// What it was given last.
    set: Option<Value>,
}

impl Tracking {
    /// For debuggers.
    pub(super) fn new(named: &[NamedLocal]) -> Tracking {
        let mut tracking = Tracking::default();
        for named in named {
            tracking.follow(named.local, named.parts.clone());
        }
        tracking
    }

    /// For core dumps.
    pub(super) fn exact(named: &[NamedLocal]) -> Tracking {
        let mut tracking = Tracking {
            is_exact: true,
            ..Tracking::default()
        };
        for named in named {
            tracking.follow(named.local, with_gaps(&named.parts));
        }
        tracking
    }

    fn follow(&mut self, local: u32, parts: Vec<(u32, u32)>) {
        let at = local as usize;
        if at >= LOCALS_MAX {
            return;
        }
        if self.positions.len() <= at {
            self.positions.resize(at + 1, NONE);
        }
        self.positions[at] = u32::try_from(self.locals.len()).expect("fewer than there may be");
        self.locals.push(Tracked {
            local,
            parts,
            is_param: false,
            current: None,
            sets: 0,
            set: None,
        });
    }

    fn is_off(&self) -> bool {
        self.locals.is_empty()
    }

    fn tracked(&mut self, local: u32) -> Option<&mut Tracked> {
        let position = |of: &Tracking| of.positions.get(local as usize).copied();
        if self.is_exact && position(self).is_none_or(|position| position == NONE) {
            self.follow(local, with_gaps(&[]));
        }
        let position = position(self)?;
        self.locals.get_mut(position as usize)
    }

    /// The next instruction is at this distance from the start of the body.
    pub(super) fn begin(&mut self, at: u32, control_meets: bool) {
        self.at = at;
        if !control_meets || self.is_off() {
            return;
        }
        for local in std::mem::take(&mut self.known) {
            self.forget(local, at);
        }
        self.met = at;
    }

    pub(super) fn param(&mut self, local: u32, value: Value) {
        if let Some(tracked) = self.tracked(local) {
            tracked.is_param = true;
            tracked.set = Some(value);
            tracked.current = Some((0, value));
            self.known.push(local);
        }
    }

    pub(super) fn set(&mut self, local: u32, value: Value) {
        if self.tracked(local).is_none() {
            return;
        }
        // The instruction itself sees what was there before.
        let from = self.at + 1;
        self.forget(local, from);
        if let Some(tracked) = self.tracked(local) {
            tracked.sets += 1;
            tracked.set = Some(value);
            tracked.current = Some((from, value));
            self.known.push(local);
        }
    }

    pub(super) fn read(&mut self, local: u32, value: Value) {
        let met = self.met;
        if let Some(tracked) = self.tracked(local)
            && tracked.current.is_none()
        {
            tracked.current = Some((met, value));
            self.known.push(local);
        }
    }

    fn forget(&mut self, local: u32, to: u32) {
        let tracked = self.tracked(local);
        if let Some((from, value)) = tracked.and_then(|tracked| tracked.current.take())
            && from < to
        {
            self.found.push(LocalValue {
                local,
                from,
                to,
                value,
            });
        }
    }

    /// What was found, by local.
    pub(super) fn finish(mut self) -> Vec<LocalValue> {
        for local in std::mem::take(&mut self.known) {
            self.forget(local, u32::MAX);
        }
        self.found
            .sort_unstable_by_key(|found| (found.local, found.from));
        self.locals.sort_unstable_by_key(|tracked| tracked.local);
        let mut values = Vec::with_capacity(self.found.len());
        let mut found = &*self.found;
        for tracked in &self.locals {
            let local = tracked.local;
            let behind = found.partition_point(|found| found.local <= local);
            let (own, others) = found.split_at(behind);
            found = others;
            let sets_max = u32::from(!tracked.is_param && !self.is_exact);
            let is_constant = tracked.sets <= sets_max;
            let whole = tracked.set.filter(|_| is_constant).map(|value| LocalValue {
                local,
                from: 0,
                to: u32::MAX,
                value,
            });
            match is_constant {
                true => add_parts(&mut values, whole.as_slice(), &tracked.parts),
                false => add_parts(&mut values, own, &tracked.parts),
            }
        }
        values
    }
}

/// The parts of a body, and what is between them.
fn with_gaps(parts: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut all = Vec::with_capacity(2 * parts.len() + 1);
    let mut at = 0;
    for &(from, to) in parts {
        if at < from {
            all.push((at, from));
        }
        all.push((from, to));
        at = to;
    }
    if at < u32::MAX {
        all.push((at, u32::MAX));
    }
    all
}

/// Adds what is known in each part; both are ascending.
fn add_parts(to: &mut Vec<LocalValue>, values: &[LocalValue], parts: &[(u32, u32)]) {
    let mut parts = parts.iter().peekable();
    for value in values {
        while parts.next_if(|part| part.1 <= value.from).is_some() {}
        let mut ahead = parts.clone();
        while let Some(part) = ahead.next_if(|part| part.0 < value.to) {
            to.push(LocalValue {
                from: part.0.max(value.from),
                to: part.1.min(value.to),
                ..*value
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locals, from where to where, and the numbers of their values.
    fn found(tracking: Tracking) -> Vec<(u32, u32, u32, u32)> {
        let found = tracking.finish().into_iter();
        found
            .map(|found| (found.local, found.from, found.to, found.value.as_u32()))
            .collect()
    }

    #[test]
    fn values_are_known_in_the_parts_that_are_named() {
        let named = |local, parts: &[(u32, u32)]| NamedLocal {
            local,
            parts: parts.to_vec(),
        };
        let locals = [
            named(1, &[(0, u32::MAX)]),
            named(3, &[(2, 5), (5, 9), (20, 30)]),
            named(4, &[(6, 7)]),
        ];
        let mut tracking = Tracking::new(&locals);
        let value = Value::from_u32;
        tracking.param(1, value(0));
        tracking.param(3, value(1));
        tracking.begin(4, false);
        tracking.set(3, value(2));
        tracking.set(2, value(3));
        tracking.set(4, value(4));
        tracking.begin(8, true);
        tracking.begin(10, false);
        tracking.read(3, value(5));
        let expected = [
            (1, 0, u32::MAX, 0),
            (3, 2, 5, 1),
            (3, 5, 8, 2),
            (3, 8, 9, 5),
            (3, 20, 30, 5),
            (4, 6, 7, 4),
        ];
        assert_eq!(found(tracking), expected);
    }

    #[test]
    fn for_core_dumps_all_locals_are_followed_from_where_they_are_set() {
        let named = [NamedLocal {
            local: 2,
            parts: vec![(6, 12)],
        }];
        let mut tracking = Tracking::exact(&named);
        let value = Value::from_u32;
        tracking.param(0, value(0));
        tracking.begin(4, false);
        tracking.set(9, value(1));
        tracking.set(2, value(2));
        tracking.begin(8, false);
        tracking.read(1, value(3));
        tracking.begin(10, true);
        // What is set is that until control flow meets. What is never set is zero everywhere: nothing
        // holds it.
        let expected = [
            (0, 0, u32::MAX, 0),
            (2, 5, 6, 2),
            (2, 6, 10, 2),
            (9, 5, 10, 1),
        ];
        assert_eq!(found(tracking), expected);
    }
}
