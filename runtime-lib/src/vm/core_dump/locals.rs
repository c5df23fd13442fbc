//! Values of locals for core dumps: what the records of `OnTrap::locals` say of a frame, read from the
//! registers that the trap has interrupted and from the stack.
//!
//! Of the innermost frame all registers are known. Its callers have in them what they had when they called
//! only as far as callees preserve them: those that a callee uses it has saved in its own frame. Functions
//! of the runtime library do so, too, where nobody knows; so of their callers none is known.

use crate::vm::arch::{PRESERVED, Registers};
use crate::vm::places::{Reader, find, signed};
use wasmelt_abi::dump_local::REGISTER;
use wasmelt_abi::{OnTrap, dump_local};

/// A frame of compiled code.
pub(super) struct Frame<'a> {
    /// The number of its function, and where in that it is.
    pub(super) function: usize,
    pub(super) distance: u32,
    pub(super) fp: usize,
    pub(super) registers: &'a Held<'a>,
}

/// What registers have in a frame.
pub(super) struct Held<'a> {
    /// What a signal has interrupted.
    interrupted: Option<&'a Registers<'a>>,
    /// Else by number: what is there again when callees have returned.
    preserved: [Option<u64>; NUMBERS],
}

/// General registers have lower numbers.
const NUMBERS: usize = 32;

impl<'a> Held<'a> {
    pub(super) const NOTHING: Held<'static> = Held {
        interrupted: None,
        preserved: [None; NUMBERS],
    };

    /// Those of the innermost frame.
    pub(super) fn at_trap(interrupted: Option<&'a Registers<'a>>) -> Held<'a> {
        Held {
            interrupted,
            ..Held::NOTHING
        }
    }

    fn get(&self, number: u32) -> Option<u64> {
        match self.interrupted {
            Some(registers) => registers.by_number(number),
            None => *self.preserved.get(number as usize)?,
        }
    }
}

impl Frame<'_> {
    /// What registers have in the frame that has called this one, which has saved what it uses.
    pub(super) fn callers_registers(&self, on_trap: &'static OnTrap) -> Held<'static> {
        let mut held = Held::NOTHING;
        let values = &mut held.preserved;
        for &number in PRESERVED {
            if let Some(value) = values.get_mut(number as usize) {
                *value = self.registers.get(number);
            }
        }
        let mut record = record(on_trap, self.function);
        let saved = record.as_mut().map_or(0, Reader::number);
        for _ in 0..saved {
            let Some(record) = &mut record else {
                break;
            };
            let (number, at) = (record.number(), record.number());
            if let Some(value) = values.get_mut(number as usize) {
                *value = self.slot(at);
            }
        }
        held
    }

    /// What is in the frame so many bytes from the frame pointer.
    fn slot(&self, at: u32) -> Option<u64> {
        let slot = self.fp.checked_add_signed(signed(at) as isize)?;
        let slot: *const u64 = std::ptr::with_exposed_provenance(slot);
        // SAFETY: the frame is on the stack, and the compiler wrote where in it something is.
        Some(unsafe { slot.read_unaligned() })
    }
}

/// What is said of a function.
fn record(on_trap: &'static OnTrap, function: usize) -> Option<Reader> {
    let groups = on_trap.local_groups;
    (!groups.is_null()).then(|| find(&on_trap.locals, groups, function))?
}

/// A value, and the form that it is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub(super) local: u32,
    pub(super) form: u8,
    pub(super) bits: u64,
}

/// What is known of the locals of a function that is at a place in a frame's code, ascending.
pub(super) fn known<'a>(
    on_trap: &'static OnTrap,
    frame: &'a Frame<'a>,
    place: u32,
) -> impl Iterator<Item = Known> + 'a {
    let mut record = record(on_trap, frame.function);
    if let Some(record) = &mut record {
        for _ in 0..record.number() {
            let _ = (record.number(), record.number());
        }
    }
    std::iter::from_fn(move || {
        let record = record.as_mut()?;
        while !record.is_empty() {
            let held = Entry::read(record);
            let is_here = held.place == place
                && frame
                    .distance
                    .checked_sub(held.start)
                    .is_some_and(|at| at < held.bytes);
            if is_here && let Some(bits) = held.bits(frame) {
                return Some(Known {
                    local: held.local,
                    form: held.kind & !REGISTER,
                    bits,
                });
            }
        }
        None
    })
}

/// Something that holds a local in a part of the code.
struct Entry {
    place: u32,
    local: u32,
    start: u32,
    bytes: u32,
    kind: u8,
    at: u32,
}

impl Entry {
    fn read(record: &mut Reader) -> Entry {
        Entry {
            place: record.number(),
            local: record.number(),
            start: record.number(),
            bytes: record.number(),
            kind: record.number() as u8,
            at: record.number(),
        }
    }

    fn bits(&self, frame: &Frame<'_>) -> Option<u64> {
        match self.kind & REGISTER {
            0 => frame.slot(self.at),
            _ => frame.registers.get(self.at),
        }
    }
}

/// The byte that a value of a form begins with in a core dump.
pub(super) fn tag(form: u8) -> u8 {
    match form {
        dump_local::I32 => 0x7f,
        dump_local::I64 => 0x7e,
        dump_local::F32 => 0x7d,
        _ => 0x7c,
    }
}
