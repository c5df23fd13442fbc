//! The allocator for who would rather have the code soon: one walk over the instructions in their
//! order. Comes in: a function whose edges from branches lead to blocks of their own. Goes out: a
//! register or slot for each operand, and moves, in order.
//!
//! Before the walk, `count` reads the operands once, from the end: how often each value is used, and
//! where it is best made. So the walk knows when a register is free again, and needs no other
//! liveness.
//!
//! - A value that leaves its register costs nothing then. It is loaded from its slot when it is used
//!   next; only when one is loaded is it known that it has a slot. It is stored where it is defined
//!   then, once, which `stores` puts between the other moves at the end. So slots are right
//!   everywhere, and nothing has to be brought to them where blocks meet.
//! - A block with one way to it goes on with what was in registers there; a block where several meet
//!   with what all have in the same register. At the head of a loop, one of them is not known yet,
//!   so that all there is in registers are its parameters (`blocks`, `pass`).
//! - `plain` is for instructions that read registers and write others, as nearly all do; `mixed` for
//!   all others, `fixed` for operands that have to be in certain registers.
//!
//! Why it is sound: what is in a register is known from one instruction to the next, and between
//! blocks only if all ways to one say the same. What is in no register is in its slot, which is
//! written where the value is defined, so before all that reads it, and never again.
//!
//! The cost: each operand is read twice; an instruction with fixed operands compares each with each,
//! of which there are as many as registers; on each edge what is in registers is looked at. Stores are
//! sorted.

mod blocks;
mod count;
mod fixed;
mod machine;
mod mixed;
mod pass;
mod place;
mod plain;
mod state;
mod stores;
#[cfg(test)]
mod tests;

use regalloc2::{Allocate, Block, Function, MachineEnv, Output, RegAllocError};

pub use state::Quick;

/// Errors also when it uses something that is not provided for, or needs more registers at once than
/// there are.
impl Allocate for Quick {
    fn allocate(
        &mut self,
        func: &dyn Function,
        env: &MachineEnv,
        output: &mut Output,
    ) -> Result<(), RegAllocError> {
        if !env.fixed_stack_slots.is_empty() {
            return Err(RegAllocError::TooManyOperands);
        }
        self.machine.read(env);
        self.edits.clear();
        self.allocs.clear();
        self.offsets.clear();
        self.stores.clear();
        self.slots.clear();
        self.entries.clear();
        self.registers.clear();
        self.count(func)?;
        for block in (0..func.num_blocks()).map(Block::new) {
            self.enter(func, block)?;
            for inst in func.block_insns(block).iter() {
                self.instruction(func, inst)?;
            }
            self.leave(func, block)?;
        }
        self.put_stores(func);
        std::mem::swap(&mut output.edits, &mut self.edits);
        std::mem::swap(&mut output.allocs, &mut self.allocs);
        std::mem::swap(&mut output.inst_alloc_offsets, &mut self.offsets);
        output.num_spillslots = self.slots.end as usize;
        output.debug_locations.clear();
        output.stats = Default::default();
        Ok(())
    }
}
