//! Removes moves between registers and spill slots that are not needed. Comes in: the allocator's
//! output. Goes out: the same with fewer moves, and with some operands in other registers.
//!
//! The allocator splits the range of a value and gives each piece a place of its own, without asking
//! what a register still holds from an earlier piece. It looks for moves that change nothing within
//! a block only. Here the whole graph is looked at:
//!
//! - `known`: which register holds the same as which slot. A load of what the register holds already
//!   is removed, and so is a store of what the slot holds already; what another register holds is
//!   moved from there.
//! - `live`: which registers and slots are read later. A move to any other is removed.
//! - `copies`: of the moves between registers that are left then, those that instructions can do
//!   without.
//!
//! Why that is sound: it follows what the machine does, not what the allocator meant. Slots can be
//! reached by nothing but the moves and operands seen here; guest code has no address of them. An
//! instruction writes no allocatable register that is neither an operand of kind `Def` nor a
//! clobber, and reads none that is not an operand, which are rules of the allocator's interface.
//! Each move is looked at in its order and stays at its point. Where a call can land elsewhere than
//! behind it, nothing is known of registers afterwards: they are what the unwinder has made of them.
//! An exception that is looked for on the stack is in a slot that is read later, or in a register
//! that callees save.
//!
//! The cost: an instruction is read once, or not at all where the allocator has read it; then there are
//! events, one a move and at most one between two moves (`events`). `known` visits a block again only when a register is known no longer, so
//! as often as there are registers at most. `live` stops when blocks were visited too often, and
//! then removes nothing. `copies` looks a limited way ahead and back from each move.

mod copies;
mod events;
mod known;
mod live;
mod places;

use crate::operands::Operands;
use copies::Copies;
use events::Events;
use known::Known;
use live::Live;
use places::{Move, NO_SLOT, Registers, is_removed};
use regalloc2::{Function, MachineEnv, Output, Revise};
use std::cell::RefCell;
use std::rc::Rc;

/// What is reused from function to function.
#[derive(Default)]
pub struct Spills {
    /// What the allocator has read, too.
    operands: Rc<RefCell<Operands>>,
    events: Events,
    /// What each edit moves.
    moves: Vec<Move>,
    known: Known,
    live: Live,
    copies: Copies,
}

impl Spills {
    pub(crate) fn of(operands: Rc<RefCell<Operands>>) -> Spills {
        Spills {
            operands,
            ..Spills::default()
        }
    }
}

impl Revise for Spills {
    fn revise(&mut self, func: &dyn Function, env: &MachineEnv, output: &mut Output) {
        // The number of a slot has 16 bits here.
        let slots = output.num_spillslots;
        let operands = &mut *self.operands.borrow_mut();
        let is_read = std::mem::take(&mut operands.is_current);
        if output.edits.is_empty() || slots >= usize::from(NO_SLOT) {
            return;
        }
        if !is_read {
            // Several definitions of a value do not matter here.
            let _ = operands.read(func);
        }
        let registers = Registers::of(env, &output.edits);
        self.events.read(func, operands, &registers, output);
        let all = output.edits.iter();
        self.moves.clear();
        self.moves
            .extend(all.map(|(_, edit)| Move::of(edit, &registers)));
        let (events, moves) = (&self.events, &mut self.moves);
        self.known.remove_repeated(func, &registers, events, moves);
        let is_known = self.live.remove_unread(func, events, moves, slots);
        for (edit, one) in output.edits.iter_mut().zip(moves) {
            one.apply(edit, &registers);
        }
        if is_known {
            self.copies
                .remove_needless(func, operands, &registers, &self.live, output);
        }
        output.edits.retain(|(_, edit)| !is_removed(edit));
    }
}

#[cfg(test)]
mod tests;
