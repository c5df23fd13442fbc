//! Where labelled values are once registers are allocated, for debuggers. Comes in: a function whose
//! values have labels, and the allocator's output as it is emitted. Goes out: registers and slots that
//! hold them, from where to where.
//!
//! Allocators are not told of labels, so that code is the same with them and without. What they have
//! decided is followed here: an instruction puts the value that it defines into its operand's place,
//! an edit copies what is in one place to another, and a value is where it has been put until
//! something else is put there, whether it is needed any longer or not. Where blocks meet, it is
//! where it is on all ways.
//!
//! A place has a set of values; equal sets are the same number (`sets`), so that a copy is one store
//! and meeting is mostly a comparison. What instructions do to places is read once (`steps`), and
//! gone through again for each time that less is known of a block's start (`walk`).
//!
//! The cost: blocks are looked at again while less is known of their starts; for a function where
//! that takes too long, nothing is known of any value.

mod sets;
mod steps;
#[cfg(test)]
mod tests;
mod values;
mod walk;

use regalloc2::{Allocation, Block, Function, Inst, MachineEnv, Output, PReg, ProgPoint, Revise};
use std::cell::RefCell;
use std::rc::Rc;
use values::Values;
use walk::Walk;

pub use walk::Held;

/// What was found in the last function.
#[derive(Default, Debug)]
pub struct Labelled {
    pub held: Vec<Held>,
    /// Labels, and the numbers of values that have them.
    pub labels: Vec<(u32, u32)>,
    /// Points of the code: `Output::debug_locations` has one for each, from there to the end of the
    /// function, under what [`Labelled::point`] makes the point's number of. One that is not there is
    /// the end.
    pub points: usize,
    /// Slots of the frame.
    pub slots: usize,
}

impl Labelled {
    /// The point that a location stands for which has this label and this register.
    #[must_use]
    pub fn point(label: u32, register: usize) -> usize {
        label as usize * POINTS_PER_LABEL + register
    }
}

/// A location is a label and a register, and there are so many registers: of all classes, as what takes
/// time is the list of a label.
const POINTS_PER_LABEL: usize = CLASSES * (PReg::MAX + 1);
const CLASSES: usize = 3;

/// Finds places of values in what another has revised.
pub struct Locations {
    before: Option<Box<dyn Revise>>,
    found: Rc<RefCell<Labelled>>,
}

impl Locations {
    #[must_use]
    pub fn new(before: Option<Box<dyn Revise>>, found: Rc<RefCell<Labelled>>) -> Locations {
        Locations { before, found }
    }
}

impl Revise for Locations {
    fn revise(&mut self, func: &dyn Function, env: &MachineEnv, output: &mut Output) {
        if let Some(before) = &mut self.before {
            before.revise(func, env, output);
        }
        let mut found = self.found.borrow_mut();
        *found = Labelled {
            slots: output.num_spillslots,
            ..Labelled::default()
        };
        output.debug_locations.clear();
        if func.debug_value_labels().is_empty() {
            return;
        }
        let values = Values::new(func);
        let Some(mut held) = Walk::new(func, output, &values).held() else {
            return;
        };
        found.points = number_points(func, &mut held, output);
        found.held = held;
        found.labels = values.labels;
    }
}

/// Gives the points of all that is held, which are instructions, numbers; and a location each. Where
/// blocks begin, too, is a point.
fn number_points(func: &dyn Function, held: &mut [Held], output: &mut Output) -> usize {
    const UNUSED: u32 = u32::MAX;
    let insts = func.num_insts();
    let mut numbers = vec![UNUSED; insts + 1];
    for block in 0..func.num_blocks() {
        numbers[func.block_insns(Block::new(block)).first().index()] = 0;
    }
    for held in held.iter() {
        numbers[held.from as usize] = 0;
        numbers[held.to as usize] = 0;
    }
    let end = ProgPoint::before(Inst::new(insts));
    let mut count = 0;
    for (inst, number) in numbers.iter_mut().enumerate() {
        if *number == UNUSED {
            continue;
        }
        *number = u32::try_from(count).expect("fewer than instructions");
        if inst < insts {
            let label = u32::try_from(count / POINTS_PER_LABEL).expect("fewer than instructions");
            let register = PReg::from_index(count % POINTS_PER_LABEL);
            let from = ProgPoint::before(Inst::new(inst));
            let location = (label, from, end, Allocation::reg(register));
            output.debug_locations.push(location);
        }
        count += 1;
    }
    for held in held {
        held.from = numbers[held.from as usize];
        held.to = numbers[held.to as usize];
    }
    count
}
