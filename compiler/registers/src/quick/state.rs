//! What the allocator works on: values, blocks, registers, slots, and its result.

use super::machine::{Machine, Masks};
use regalloc2::{Allocation, Edit, Function, Inst, ProgPoint, RegClass};

pub const NONE: u32 = u32::MAX;
/// The point of values that are in their slot without a store.
pub const IN_SLOT: u32 = NONE - 1;
/// In place of a register: none.
pub const NOWHERE: u8 = u8::MAX;

/// What is known of a value.
#[derive(Clone, Copy)]
pub struct Value {
    /// Uses that are still to come.
    pub(super) uses: u32,
    pub(super) slot: u32,
    /// Where it is stored if it has a slot, once it is defined.
    pub(super) point: u32,
    /// The register that it is in, and the one that it was defined in.
    pub(super) place: u8,
    pub(super) born: u8,
    /// Where it is best made.
    pub(super) hint: u8,
}

pub const UNKNOWN: Value = Value {
    uses: 0,
    slot: NONE,
    point: NONE,
    place: NOWHERE,
    born: NOWHERE,
    hint: NOWHERE,
};

/// What is reused from function to function.
#[derive(Default)]
pub struct Quick {
    pub(super) machine: Machine,
    pub(super) values: Vec<Value>,
    pub(super) blocks: Vec<Entry>,
    pub(super) registers: Registers,
    /// What is in registers where blocks begin, a range for each of them.
    pub(super) entries: Vec<(u8, u32)>,
    pub(super) edits: Vec<(ProgPoint, Edit)>,
    pub(super) allocs: Vec<Allocation>,
    pub(super) offsets: Vec<u32>,
    pub(super) stores: Stores,
    pub(super) slots: Slots,
    pub(super) fixed: Fixed,
    pub(super) pass: Pass,
}

/// What is known of a block before the walk comes to it.
#[derive(Clone, Copy, Default)]
pub struct Entry {
    /// A way to it comes from behind.
    pub is_head: bool,
    /// The walk has come along a way to it.
    pub is_seen: bool,
    /// What is in registers, a range of `entries`.
    pub start: u32,
    pub count: u32,
    /// Which of the ways out of the block before it is the one here, if there is one.
    pub way: u32,
}

pub struct Registers {
    /// Those with a value that is still used. It says so itself.
    pub busy: Masks,
    /// Those that were ever used.
    pub opened: Masks,
    /// The value of each.
    pub(super) held: [u32; 256],
    /// The instruction that used it last.
    pub(super) used: [u32; 256],
}

impl Default for Registers {
    fn default() -> Registers {
        Registers {
            busy: Masks::default(),
            opened: Masks::default(),
            held: [NONE; 256],
            used: [0; 256],
        }
    }
}

impl Registers {
    pub fn clear(&mut self) {
        self.busy = Masks::default();
        self.opened = Masks::default();
    }

    #[inline]
    pub fn held(&self, register: u8) -> u32 {
        self.held[usize::from(register)]
    }

    #[inline]
    pub fn touch(&mut self, register: u8, inst: Inst) {
        self.used[usize::from(register)] = inst.index() as u32;
    }
}

/// Slots of the frame.
#[derive(Default)]
pub struct Slots {
    pub end: u32,
    pub(super) sizes: [u32; 3],
}

impl Slots {
    pub fn clear(&mut self) {
        *self = Slots::default();
    }

    /// A new one.
    pub fn add(&mut self, func: &dyn Function, class: RegClass) -> u32 {
        let size = &mut self.sizes[class as usize];
        if *size == 0 {
            *size = (func.spillslot_size(class) as u32).max(1);
        }
        let slot = self.end.next_multiple_of(*size);
        self.end = slot + *size;
        slot
    }
}

#[derive(Default)]
pub struct Stores {
    /// Points, and behind them values.
    pub(super) all: Vec<u64>,
    /// Points behind instructions that end a block and define values, and their blocks, ascending.
    pub(super) ends: Vec<(u32, u32)>,
}

impl Stores {
    pub fn clear(&mut self) {
        self.all.clear();
        self.ends.clear();
    }

    pub fn add(&mut self, point: u32, value: u32) {
        self.all.push(u64::from(point) << 32 | u64::from(value));
    }
}

pub struct Fixed {
    /// Values that are not where the instruction reads them: registers and values.
    pub(super) pending: Vec<(u8, u32)>,
    /// The value that the instruction reads in each register, of those that have one.
    pub(super) wanted: [u32; 256],
}

impl Default for Fixed {
    fn default() -> Fixed {
        Fixed {
            pending: Vec::new(),
            wanted: [NONE; 256],
        }
    }
}

#[derive(Clone, Copy)]
pub struct Step {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) class: RegClass,
}

#[derive(Default)]
pub struct Pass {
    pub(super) steps: Vec<Step>,
    /// By place: how many steps still read it, and one more than the number of the one that writes it.
    pub(super) reads: Vec<u32>,
    pub(super) writer: Vec<u32>,
    /// Steps that write what no other reads any longer.
    pub(super) ready: Vec<u32>,
    /// Registers for parameters.
    pub(super) claimed: Masks,
    /// Registers that hold nothing, and are in none of the steps.
    pub(super) idle: Masks,
}
