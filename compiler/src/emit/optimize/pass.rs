//! What a walk over a function has at hand: the function, where the walk is, and what is known of values.

use super::kinds::Kinds;
use super::memory::Memory;
use super::table::Table;
use crate::numbers::{mask, signed};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::entity::packed_option::ReservedValue;
use cranelift_codegen::ir::immediates::Imm64;
use cranelift_codegen::ir::{Block, Function, InstructionData, Opcode, Type, Value, types};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};
use foldhash::HashMap;
use foldhash::fast::RandomState;

/// What is known of a value.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// What makes it, of values that are not to become others. What has an effect makes nothing here.
    pub(super) data: InstructionData,
    /// The type that tells what `data` is, as Cranelift has it.
    pub(super) ty: Type,
    /// It could be made where the path is so deep.
    pub(super) depth: u32,
    /// What it has become, if it is not itself.
    pub(super) to: Value,
    /// Its value where it stands in the code, if it does.
    pub(super) placed: Value,
    pub(super) block: Block,
    /// The last copy of that, which is for one block.
    pub(super) copy: Value,
    pub(super) copied: Block,
}

/// Nothing.
pub(super) const NOTHING: InstructionData = InstructionData::NullAry {
    opcode: Opcode::Nop,
};

impl Known {
    fn nothing() -> Known {
        Known {
            data: NOTHING,
            ty: types::INVALID,
            depth: 0,
            to: Value::reserved_value(),
            placed: Value::reserved_value(),
            block: Block::reserved_value(),
            copy: Value::reserved_value(),
            copied: Block::reserved_value(),
        }
    }
}

/// A loop around the block that the walk is in.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) number: Loop,
    /// That of its header.
    pub(super) depth: u32,
}

/// An expression that has been made: the value, and the block in whose subtree of the dominator tree it
/// may be used.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) value: Value,
    pub(super) scope: Block,
}

/// What is used again from function to function.
pub(super) struct State {
    pub(super) kinds: Kinds,
    pub(super) hashes: RandomState,
    pub(super) known: Vec<Known>,
    pub(super) expressions: Table<Made>,
    /// Checks that have been made, with the result.
    pub(super) checks: HashMap<(InstructionData, Type), (Option<Value>, Block)>,
    pub(super) memory: Memory,
    /// The blocks that dominate the one where the walk is, with that at the end.
    pub(super) path: Vec<Block>,
    /// The position of each block in its path.
    pub(super) depths: Vec<u32>,
    /// The loops that the walk is in, the outermost first.
    pub(super) loops: Vec<Around>,
    /// Values that are being placed.
    pub(super) pending: Vec<Value>,
    /// How many more times a value may be made again.
    pub(super) copies: usize,
    /// How deep rules have used rules.
    pub(super) nesting: u32,
    /// Branches have changed, so blocks may be unreachable.
    pub(super) has_new_flow: bool,
    /// What is not kept longer than for an instruction.
    pub(super) arguments: Vec<Value>,
    pub(super) blocks: Vec<Block>,
}

impl Default for State {
    fn default() -> State {
        State {
            kinds: Kinds::new(),
            hashes: RandomState::default(),
            known: Vec::new(),
            expressions: Table::default(),
            checks: HashMap::default(),
            memory: Memory::default(),
            path: Vec::new(),
            depths: Vec::new(),
            loops: Vec::new(),
            pending: Vec::new(),
            copies: 0,
            nesting: 0,
            has_new_flow: false,
            arguments: Vec::new(),
            blocks: Vec::new(),
        }
    }
}

pub(super) struct Pass<'a> {
    pub(super) func: &'a mut Function,
    pub(super) domtree: &'a DominatorTree,
    pub(super) loops: &'a LoopAnalysis,
    pub(super) state: &'a mut State,
}

impl State {
    /// Forgets all; what comes is about this function.
    pub(super) fn clear(&mut self, func: &Function) {
        let values = func.dfg.num_values();
        self.known.clear();
        self.known.resize(values, Known::nothing());
        self.expressions.clear(func.dfg.num_insts());
        self.checks.clear();
        self.memory.clear(func);
        self.path.clear();
        self.depths.clear();
        self.depths.resize(func.dfg.num_blocks(), 0);
        self.loops.clear();
        self.pending.clear();
        self.copies = 2 * values + 1000;
        self.nesting = 0;
        self.has_new_flow = false;
    }
}

impl Pass<'_> {
    /// What is known of a value.
    pub(super) fn known(&self, value: Value) -> &Known {
        &self.state.known[value.index()]
    }

    /// The same, to be changed. The value may be new.
    pub(super) fn known_mut(&mut self, value: Value) -> &mut Known {
        let known = &mut self.state.known;
        if known.len() <= value.index() {
            known.resize(value.index() + 1, Known::nothing());
        }
        &mut known[value.index()]
    }

    /// What makes a value, if nothing but values does.
    pub(super) fn made_by(&self, value: Value) -> InstructionData {
        self.known(value).data
    }

    pub(super) fn type_of(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    /// Whether a block dominates that where the walk is.
    pub(super) fn is_above(&self, block: Block) -> bool {
        is_above(&self.state.path, &self.state.depths, block)
    }

    /// How deep the walk is.
    pub(super) fn depth(&self) -> u32 {
        u32::try_from(self.state.path.len() - 1).expect("fewer than blocks")
    }

    pub(super) fn depth_of(&self, block: Block) -> u32 {
        self.state.depths[block.index()]
    }

    /// Has what an instruction with an effect makes stand for itself.
    pub(super) fn define(&mut self, value: Value, block: Block) {
        let depth = self.depth();
        let known = self.known_mut(value);
        known.depth = depth;
        known.placed = value;
        known.block = block;
    }

    /// The bits of an integer that is known, as many as its type has.
    pub(super) fn number(&self, value: Value) -> Option<u64> {
        match self.known(value) {
            Known {
                data:
                    InstructionData::UnaryImm {
                        opcode: Opcode::Iconst,
                        imm,
                    },
                ty,
                ..
            } => Some(imm.bits().cast_unsigned() & mask(*ty)),
            _ => None,
        }
    }

    /// The same with the sign that its type gives it.
    pub(super) fn signed_number(&self, value: Value) -> Option<i64> {
        let bits = self.number(value)?;
        Some(signed(bits, self.known(value).ty))
    }
}

/// What has become of a value of the function as it came.
pub(super) fn become_of(known: &[Known], value: Value) -> Value {
    let to = known[value.index()].to;
    match to.is_reserved_value() {
        true => value,
        false => to,
    }
}

pub(super) fn is_above(path: &[Block], depths: &[u32], block: Block) -> bool {
    match depths.get(block.index()) {
        Some(&depth) => path.get(depth as usize) == Some(&block),
        None => false,
    }
}

/// An integer as an instruction.
pub(super) fn constant(ty: Type, bits: u64) -> InstructionData {
    InstructionData::UnaryImm {
        opcode: Opcode::Iconst,
        imm: Imm64::new((bits & mask(ty)).cast_signed()),
    }
}
