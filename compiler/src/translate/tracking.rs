//! Which values the locals of a function have, and in which part of its body, for debuggers.
//!
//! A local that is set at most once has one value, wherever that is. Of others a value is known from
//! where it is set, or read, up to the next `local.set` or the next place where control flow meets;
//! asking for a value there would make it a parameter of the block, and so change the code.

use cranelift_codegen::ir::Value;
use std::collections::HashMap;

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
    locals: HashMap<u32, Tracked>,
    /// Those of which a value is known.
    known: Vec<u32>,
    /// Where control flow has met last.
    met: u32,
    /// The instruction that is translated.
    at: u32,
    found: Vec<LocalValue>,
}

#[derive(Default)]
struct Tracked {
    is_param: bool,
    /// Since where it has which value.
    current: Option<(u32, Value)>,
    sets: u32,
    /// What it was given last.
    set: Option<Value>,
}

impl Tracking {
    pub(super) fn new(locals: &[u32]) -> Tracking {
        Tracking {
            locals: locals
                .iter()
                .map(|&local| (local, Tracked::default()))
                .collect(),
            ..Tracking::default()
        }
    }

    fn is_off(&self) -> bool {
        self.locals.is_empty()
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
        if let Some(tracked) = self.locals.get_mut(&local) {
            tracked.is_param = true;
            tracked.set = Some(value);
            tracked.current = Some((0, value));
            self.known.push(local);
        }
    }

    pub(super) fn set(&mut self, local: u32, value: Value) {
        if self.is_off() || !self.locals.contains_key(&local) {
            return;
        }
        // The instruction itself sees what was there before.
        let from = self.at + 1;
        self.forget(local, from);
        if let Some(tracked) = self.locals.get_mut(&local) {
            tracked.sets += 1;
            tracked.set = Some(value);
            tracked.current = Some((from, value));
            self.known.push(local);
        }
    }

    pub(super) fn read(&mut self, local: u32, value: Value) {
        if self.is_off() {
            return;
        }
        if let Some(tracked) = self.locals.get_mut(&local)
            && tracked.current.is_none()
        {
            tracked.current = Some((self.met, value));
            self.known.push(local);
        }
    }

    fn forget(&mut self, local: u32, to: u32) {
        let tracked = self.locals.get_mut(&local);
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
        let locals = &self.locals;
        let is_constant = |local: u32| {
            let tracked = &locals[&local];
            tracked.sets <= u32::from(!tracked.is_param)
        };
        self.found.retain(|found| !is_constant(found.local));
        for (&local, tracked) in &self.locals {
            if is_constant(local)
                && let Some(value) = tracked.set
            {
                self.found.push(LocalValue {
                    local,
                    from: 0,
                    to: u32::MAX,
                    value,
                });
            }
        }
        self.found
            .sort_unstable_by_key(|found| (found.local, found.from));
        self.found
    }
}
