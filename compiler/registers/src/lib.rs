//! A register allocator: gives each operand of a function's instructions a register or a slot of the
//! stack frame, and says which moves between them are needed. It has regalloc2's interface, whose
//! data types it uses.
//!
//! The phases, a file each, every one with the results of those before:
//!
//! - `operands`: what instructions read and write; and numbers for values.
//! - `flow`: blocks, dominators, loops, and how often each block runs; `counted`, where a profile
//!   knows that.
//! - `values`: where each value is defined and used; `alive`: in which blocks it is alive,
//!   as `pieces` has it.
//! - `urgency`: how soon each is needed, block by block.
//! - `homes`: a register for each value that is alive in several blocks, as far as there is one.
//! - `scan`: one walk over all instructions, which decides what is in registers: `plain`, `instruction`
//!   and `define`, `choose`, and `enter` where a block begins.
//! - `edges`: moves between blocks. `parallel`: moves that happen at once.
//! - `slots`: where values are in memory.
//!
//! `spills` is no phase of it: it removes what any allocator has left too much. Nor is `locations`,
//! which finds for debuggers where values are.
//!
//! All of them take time and memory by and large in proportion to the number of operands and of
//! values alive in all blocks together.

#![forbid(unsafe_code)]

mod alive;
mod choose;
mod counted;
mod define;
mod edges;
mod enter;
mod flow;
mod homes;
mod instruction;
mod lists;
mod locations;
mod machine;
mod memory;
mod operands;
mod parallel;
mod pieces;
mod place;
mod plain;
mod plan;
#[cfg(test)]
mod program;
mod quick;
mod scan;
mod slots;
mod spills;
#[cfg(test)]
mod tests;
mod urgency;
mod values;

pub use locations::{Labelled, Locations};
pub use quick::Quick;
pub use spills::Spills;

use flow::Flow;
use homes::Homes;
use machine::Machine;
use memory::Memory;
use operands::Operands;
use place::{Move, Needed, Place, STORING, key};
use regalloc2::{
    Allocate, Allocation, Edit, Function, MachineEnv, Output, ProgPoint, RegAllocError, RegClass,
    SpillSlot,
};
use scan::Scan;
use slots::Slots;
use std::cell::RefCell;
use std::rc::Rc;
use urgency::Urgency;
use values::{Value, Values};

/// What is reused from function to function.
#[derive(Default)]
pub struct Allocator {
    operands: Rc<RefCell<Operands>>,
    flow: Flow,
    values: Values,
    urgency: Urgency,
    homes: Homes,
    memory: Memory,
    slots: Slots,
    machine: Option<Machine>,
    counted: Counted,
}

/// How often each block of the next function runs, where somebody has counted it: by its number, for
/// one call of the function, and NaN where that is not known. It is taken for what it is only if there is
/// one for each block.
pub type Counted = Rc<RefCell<Vec<f32>>>;

/// Errors also when a function uses something that is not provided for, or needs more registers at once
/// than there are.
impl Allocate for Allocator {
    fn allocate(
        &mut self,
        func: &dyn Function,
        env: &MachineEnv,
        output: &mut Output,
    ) -> Result<(), RegAllocError> {
        let shared = Rc::clone(&self.operands);
        let operands = &mut *shared.borrow_mut();
        operands.read(func)?;
        self.machine = Machine::of(env, &operands.used);
        let machine = self
            .machine
            .as_ref()
            .ok_or(RegAllocError::TooManyOperands)?;
        operands.number();
        let counted = self.counted.borrow();
        self.flow.read(func, operands, &counted)?;
        drop(counted);
        self.values.read(operands, machine, &self.flow)?;
        let (flow, values) = (&self.flow, &self.values);
        self.homes.find_webs(flow, values);
        self.urgency.find(flow, values, &self.homes.web);
        self.homes.find(machine, flow, values, &self.urgency);
        let mut scan = Scan::new(
            operands,
            machine,
            &self.flow,
            &self.values,
            &self.homes,
            &mut self.urgency,
            &mut self.memory,
        );
        scan.find_pressure();
        scan.run()?;
        scan.resolve_edges();
        self.store_definitions();
        self.write(func, operands, output);
        operands.is_current = true;
        Ok(())
    }
}

impl Allocator {
    /// One that looks here for how often blocks run.
    #[must_use]
    pub fn new(counted: Counted) -> Allocator {
        Allocator {
            counted,
            ..Allocator::default()
        }
    }

    /// Revises what this finds. What it has read of a function is not read again.
    #[must_use]
    pub fn spills(&self) -> Spills {
        Spills::of(Rc::clone(&self.operands))
    }

    /// How often each block of the last function runs, by estimate.
    #[must_use]
    pub fn frequencies(&self) -> &[f32] {
        &self.flow.freq
    }

    /// Stores behind definitions, of values for which that is cheapest.
    fn store_definitions(&mut self) {
        for (value, state) in self.memory.states.iter().enumerate() {
            if !state.is_stored_at_def || state.is_born_in_slot || state.is_stored_on_edges {
                continue;
            }
            let Value { def, block, .. } = self.values.all[value];
            let is_param = state.is_param;
            let key = match is_param {
                true => key(2 * self.flow.first[block as usize], STORING),
                // Behind the instruction, also of what it writes early.
                false => key(def | 1, STORING),
            };
            self.memory.moves.push(Move {
                key,
                from: Place::Register(state.defined_in),
                to: Place::Slot(value as u32),
                needed: Needed::Always,
            });
        }
    }

    fn write(&mut self, func: &dyn Function, operands: &Operands, output: &mut Output) {
        let machine = self.machine.as_ref().expect("made by `allocate`");
        let states = &self.memory.states;
        self.slots.clear();
        // Where the slots of each class begin, and how large one is.
        let mut bases = [(0, 0); 3];
        let mut spares = [0; 8];
        let mut next: usize = 0;
        for class in [RegClass::Int, RegClass::Float, RegClass::Vector] {
            // Not every machine knows a size for what it does not have.
            if machine.of_class[class as usize] == 0 {
                continue;
            }
            let size = func.spillslot_size(class);
            let number = class as u8;
            let count = self
                .slots
                .find(number, &self.flow, &self.values, &self.homes, states);
            next = next.next_multiple_of(size.max(1));
            bases[usize::from(number)] = (next, size);
            next += count as usize * size;
            for id in [number, number | 4].map(usize::from) {
                if self.memory.spare[id] {
                    spares[id] = next;
                    next += size;
                }
            }
        }
        let slot = |value: u32| {
            let (base, size) = bases[usize::from(self.values.of(value).class)];
            base + self.slots.of(&self.homes, value) as usize * size
        };
        let allocation = |place: Place| match place {
            Place::Register(register) => Allocation::reg(machine.registers[usize::from(register)]),
            Place::Slot(value) => Allocation::stack(SpillSlot::new(slot(value))),
            Place::Spare(id) => Allocation::stack(SpillSlot::new(spares[usize::from(id)])),
        };
        for &(operand, value) in &self.memory.in_slots {
            self.memory.allocs[operand as usize] = allocation(Place::Slot(value));
        }
        self.memory.moves.sort_by_key(|one| one.key);
        output.edits.clear();
        let is_needed = |one: &&Move| match one.needed {
            Needed::Always => true,
            Needed::UnlessStored(value) => !states[value as usize].is_stored_at_def,
            Needed::IfStored(value) => states[value as usize].is_stored_at_def,
        };
        let moves = self.memory.moves.iter().filter(is_needed);
        output.edits.extend(moves.map(|one| {
            let edit = Edit::Move {
                from: allocation(one.from),
                to: allocation(one.to),
            };
            (ProgPoint::from_index((one.key >> 2) as u32), edit)
        }));
        output.num_spillslots = next;
        std::mem::swap(&mut output.allocs, &mut self.memory.allocs);
        let starts = &operands.starts;
        output.inst_alloc_offsets.clear();
        output
            .inst_alloc_offsets
            .extend_from_slice(&starts[..starts.len() - 1]);
        output.debug_locations.clear();
        output.stats = Default::default();
    }
}
