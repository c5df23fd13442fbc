//! Where values are made. Comes in: a value that an instruction of the code needs, and that instruction.
//! Goes out: a value that is there at that point; what makes it, and what that needs, has been put into the
//! code where none of it was.
//!
//! A value is made where it is first needed, so what one arm of a branch needs is made in that arm only. If
//! nothing that it is made of is from within a loop, it is made before the loop. It is then there wherever
//! the block dominates; elsewhere it is made again. Integers, and sums and differences with one, which are part
//! of addresses, are made again in each block: that costs less than a register. With bits that are masked it was
//! not so: Lua executed 1.01 of the instructions.
//!
//! Making again is bounded: once the values of a function have been made twice over, what is not there is
//! made as far up as can be, from where it reaches all that needs it. So each value is made once more at
//! most.

use super::pass::Pass;
use crate::facts::targets;
use cranelift_codegen::entity::packed_option::ReservedValue;
use cranelift_codegen::ir::{Block, Inst, InstructionData, Opcode, Value};

/// In front of which instruction something is put, and its block.
#[derive(Clone, Copy)]
struct Spot {
    before: Inst,
    block: Block,
}

impl Pass<'_> {
    /// Has an instruction that stays in the code use values that are there. Its operands stand for themselves.
    pub(super) fn place_operands(&mut self, inst: Inst, block: Block) {
        let spot = Spot {
            before: inst,
            block,
        };
        let mut values = std::mem::take(&mut self.state.arguments);
        values.extend(self.func.dfg.inst_values(inst));
        let args = self.func.dfg.inst_args(inst).len();
        let begins_loop = values.len() > args && self.enters_loop(inst);
        let mut has_changed = false;
        for (position, value) in values.iter_mut().enumerate() {
            let there = match position < args || begins_loop {
                true => self.place(*value, spot),
                false => self.place_passed(*value, spot),
            };
            has_changed |= there != *value;
            *value = there;
        }
        if has_changed {
            let values = values.iter().copied();
            self.func.dfg.overwrite_inst_values(inst, values);
        }
        values.clear();
        self.state.arguments = values;
    }

    /// The value to be passed on by a branch.
    pub(super) fn place_at(&mut self, value: Value, before: Inst, block: Block) -> Value {
        self.place_passed(value, Spot { before, block })
    }

    /// Makes a number in front of an instruction, for that alone.
    pub(super) fn make_again(&mut self, value: Value, before: Inst) -> Value {
        let block = self.func.layout.inst_block(before);
        let block = block.expect("it stands in the code");
        self.insert(value, self.known(value).data, Spot { before, block })
    }

    /// Whether a branch leads into a loop that it is not in.
    fn enters_loop(&self, branch: Inst) -> bool {
        let is_header = |to| self.loops.is_loop_header(to).is_some();
        targets(self.func, branch).any(|to| is_header(to) && !self.is_above(to))
    }

    /// The value as it is there at a spot.
    fn place(&mut self, value: Value, spot: Spot) -> Value {
        if !self.is_placed(value) {
            self.place_all(value, spot);
        }
        self.usable(value, spot)
    }

    /// The same for a value that is passed to a block. It is moved anyway, so a sum is not made again for that.
    /// (Unless a loop begins with it: that may be the only reason for it to have been kept.)
    fn place_passed(&mut self, value: Value, spot: Spot) -> Value {
        if is_number(&self.known(value).data) {
            return self.place(value, spot);
        }
        if !self.is_placed(value) {
            self.place_all(value, spot);
        }
        self.known(value).placed
    }

    fn is_placed(&self, value: Value) -> bool {
        self.is_above(self.known(value).block)
    }

    /// The value in the block of a spot, of one that is placed: a copy of its own if it is to have one.
    fn usable(&mut self, value: Value, spot: Spot) -> Value {
        let known = *self.known(value);
        if known.block == spot.block {
            if known.placed.is_reserved_value() {
                return self.put(value, spot, known.data);
            }
            return known.placed;
        }
        if !self.is_copied(&known.data) {
            return known.placed;
        }
        if known.copied == spot.block {
            return known.copy;
        }
        let data = match known.placed.is_reserved_value() {
            true => known.data,
            false => {
                let dfg = &self.func.dfg;
                dfg.insts[dfg.value_def(known.placed).unwrap_inst()]
            }
        };
        let copy = self.insert(value, data, spot);
        let known = self.known_mut(value);
        known.copy = copy;
        known.copied = spot.block;
        copy
    }

    /// Whether a value is made in each block that uses it.
    fn is_copied(&self, data: &InstructionData) -> bool {
        match data {
            InstructionData::Binary {
                opcode: Opcode::Iadd | Opcode::Isub,
                args,
            } => args.iter().any(|&arg| self.number(arg).is_some()),
            data => is_number(data),
        }
    }

    /// Places a value that is not there, and what it is made of.
    fn place_all(&mut self, value: Value, spot: Spot) {
        let mut pending = std::mem::take(&mut self.state.pending);
        pending.push(value);
        while let Some(&value) = pending.last() {
            // It may be an operand of several.
            if self.is_placed(value) {
                pending.pop();
                continue;
            }
            let data = self.known(value).data;
            let count = pending.len();
            let args = data.arguments(&self.func.dfg.value_lists);
            let mut deepest = None;
            for &arg in args.iter().rev() {
                let block = self.known(arg).block;
                match self.is_above(block) {
                    true => deepest = deepest.max(Some(self.depth_of(block))),
                    false => pending.push(arg),
                }
            }
            if pending.len() == count {
                pending.pop();
                self.place_one(value, data, deepest, spot);
            }
        }
        self.state.pending = pending;
    }

    /// Places a value whose operands are placed, the deepest of them at this depth.
    fn place_one(
        &mut self,
        value: Value,
        mut data: InstructionData,
        deepest: Option<u32>,
        spot: Spot,
    ) {
        let spot = self.spot_for(value, deepest, spot);
        if is_number(&data) && spot.block != *self.state.path.last().expect("the walk is somewhere")
        {
            // Every block has its own.
            let known = self.known_mut(value);
            known.placed = Value::reserved_value();
            known.block = spot.block;
            return;
        }
        match &mut data {
            InstructionData::Binary { args, .. } | InstructionData::IntCompare { args, .. } => {
                *args = args.map(|arg| self.usable(arg, spot));
            }
            InstructionData::Unary { arg, .. } => *arg = self.usable(*arg, spot),
            other => {
                let mut at = 0;
                while let Some(&arg) = other.arguments(&self.func.dfg.value_lists).get(at) {
                    let arg = self.usable(arg, spot);
                    other.arguments_mut(&mut self.func.dfg.value_lists)[at] = arg;
                    at += 1;
                }
            }
        }
        self.put(value, spot, data);
    }

    /// Where a value is made: before the outermost loop that has nothing to do with it.
    fn spot_for(&self, value: Value, deepest: Option<u32>, spot: Spot) -> Spot {
        let known = self.known(value);
        let is_made_again = !known.block.is_reserved_value();
        if is_made_again && self.state.copies == 0 {
            return self.spot_at_end(known.depth.max(deepest.unwrap_or(0)), spot);
        }
        let loops = &self.state.loops;
        let around = match deepest {
            Some(deepest) => {
                let outermost = loops.partition_point(|around| around.depth <= deepest);
                loops.get(outermost)
            }
            // What is made of nothing leaves one loop, so that it does not keep a register everywhere.
            None => loops.last(),
        };
        match around {
            Some(around) => self.spot_at_end(around.depth - 1, spot),
            None => spot,
        }
    }

    /// The end of a block of the path; the spot itself if that is in this block.
    fn spot_at_end(&self, depth: u32, spot: Spot) -> Spot {
        let block = self.state.path[depth as usize];
        if block == spot.block {
            return spot;
        }
        let before = self.func.layout.last_inst(block);
        Spot {
            before: before.expect("every block ends with a branch"),
            block,
        }
    }

    /// Puts what makes a value into the code, and says that it is there.
    fn put(&mut self, value: Value, spot: Spot, data: InstructionData) -> Value {
        let inst = self.func.dfg.value_def(value).unwrap_inst();
        let placed = match self.func.layout.inst_block(inst) {
            None => {
                self.func.dfg.insts[inst] = data;
                self.func.layout.insert_inst(inst, spot.before);
                value
            }
            Some(_) => {
                self.state.copies = self.state.copies.saturating_sub(1);
                self.insert(value, data, spot)
            }
        };
        let known = self.known_mut(value);
        known.placed = placed;
        known.block = spot.block;
        placed
    }

    /// Inserts another instruction that makes a value.
    fn insert(&mut self, value: Value, data: InstructionData, spot: Spot) -> Value {
        let ty = self.known(value).ty;
        let dfg = &mut self.func.dfg;
        let inst = dfg.make_inst(data);
        dfg.make_inst_results(inst, ty);
        self.func.layout.insert_inst(inst, spot.before);
        self.func.dfg.first_result(inst)
    }
}

/// Whether it is a number that machine code makes at once.
fn is_number(data: &InstructionData) -> bool {
    matches!(
        data,
        InstructionData::UnaryImm { .. }
            | InstructionData::UnaryIeee32 { .. }
            | InstructionData::UnaryIeee64 { .. }
    )
}
