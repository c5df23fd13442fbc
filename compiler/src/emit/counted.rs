//! How often blocks of machine code run, by what a profile has counted of the blocks of CLIF.
//!
//! For choosing registers alone: whatever is said here, the code does the same.

use crate::translate::BlockCounts;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Opcode};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

/// How often each block runs for one call, as [`wasmelt_registers::Counted`] has it. Nothing for a
/// function that has not been counted.
///
/// Cranelift numbers blocks of machine code as those of CLIF come in reverse postorder, and behind each
/// one those of its edges that need a block: where it has several ways out, and others lead there too.
/// If it ever does otherwise, numbers will differ, and the allocator estimates as without counts; or
/// they will not, and it chooses worse.
pub fn by_block(func: &Function, domtree: &DominatorTree, counts: &BlockCounts) -> Vec<f32> {
    if counts.entry == 0 {
        return Vec::new();
    }
    let mut ways_in: HashMap<Block, u32> = HashMap::new();
    for block in func.layout.blocks() {
        for_each_way(func, block, |to| *ways_in.entry(to).or_default() += 1);
    }
    let mut list = Vec::new();
    for &block in domtree.cfg_rpo() {
        let count = counts.blocks.get(&block);
        list.push(count.map_or(f32::NAN, |&count| count as f32 / counts.entry as f32));
        let mut ways_out = 0;
        for_each_way(func, block, |_| ways_out += 1);
        let last = func.layout.last_inst(block);
        let opcode = last.map(|last| func.dfg.insts[last].opcode());
        if let Some(Opcode::BrTable | Opcode::TryCall | Opcode::TryCallIndirect) = opcode {
            ways_out = ways_out.max(2);
        }
        if ways_out > 1 {
            for_each_way(func, block, |to| {
                if ways_in[&to] > 1 {
                    list.push(f32::NAN);
                }
            });
        }
    }
    list
}

fn for_each_way(func: &Function, block: Block, mut see: impl FnMut(Block)) {
    let Some(last) = func.layout.last_inst(block) else {
        return;
    };
    let (tables, handlers) = (&func.dfg.jump_tables, &func.dfg.exception_tables);
    for call in func.dfg.insts[last].branch_destination(tables, handlers) {
        see(call.block(&func.dfg.value_lists));
    }
}

/// Adds what code depends on.
pub fn digest(func: &Function, counts: &BlockCounts, to: &mut impl Hasher) {
    if counts.entry > 0 {
        counts.entry.hash(to);
        for block in func.layout.blocks() {
            counts.blocks.get(&block).hash(to);
        }
    }
}
