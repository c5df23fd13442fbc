//! How often blocks of machine code run, by what a profile has counted of the blocks of CLIF.
//!
//! For choosing registers alone: whatever is said here, the code does the same.

use crate::facts::targets;
use crate::translate::BlockCounts;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Opcode};
use foldhash::{HashMap, HashMapExt};
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

fn for_each_way(func: &Function, block: Block, see: impl FnMut(Block)) {
    if let Some(last) = func.layout.last_inst(block) {
        targets(func, last).for_each(see);
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

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::Context;
    use cranelift_codegen::control::ControlPlane;
    use cranelift_codegen::ir::{
        AbiParam, BlockCall, InstBuilder, JumpTableData, Signature, UserFuncName, types,
    };
    use cranelift_codegen::isa::CallConv;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
    use regalloc2::{Allocate, MachineEnv, Output, RegAllocError};
    use std::cell::RefCell;
    use std::rc::Rc;

    /// Notes how many ways there are out of each block of machine code.
    struct Probe(Rc<RefCell<Vec<usize>>>);

    impl Allocate for Probe {
        fn allocate(
            &mut self,
            func: &dyn regalloc2::Function,
            _: &MachineEnv,
            _: &mut Output,
        ) -> Result<(), RegAllocError> {
            let blocks = (0..func.num_blocks()).map(regalloc2::Block::new);
            let ways = blocks.map(|block| func.block_succs(block).len());
            *self.0.borrow_mut() = ways.collect();
            // Somebody else does it.
            Err(RegAllocError::TooManyOperands)
        }
    }

    /// Branches to where others lead too, also by a table and round a loop.
    fn function() -> Function {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params.push(AbiParam::new(types::I32));
        signature.returns.push(AbiParam::new(types::I32));
        let mut func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut frontend);
        let [entry, one, two, three, last] = [(); 5].map(|()| builder.create_block());
        builder.append_block_params_for_function_params(entry);
        let value = builder.block_params(entry)[0];
        builder.switch_to_block(entry);
        builder.ins().brif(value, one, &[], three, &[]);
        builder.switch_to_block(one);
        let pool = &mut builder.func.dfg.value_lists;
        let [to_two, to_three] = [two, three].map(|block| BlockCall::new(block, [], pool));
        let table = JumpTableData::new(to_two, &[to_three, to_two, to_three]);
        let table = builder.create_jump_table(table);
        builder.ins().br_table(value, table);
        builder.switch_to_block(two);
        builder.ins().brif(value, two, &[], three, &[]);
        builder.switch_to_block(three);
        builder.ins().brif(value, three, &[], last, &[]);
        builder.switch_to_block(last);
        builder.ins().return_(&[value]);
        builder.seal_all_blocks();
        let isa = crate::emit::target_isa(&crate::Options::default());
        builder.finalize(isa.frontend_config());
        func
    }

    #[test]
    fn blocks_of_machine_code_are_where_they_are_said_to_be() {
        let isa = crate::emit::target_isa(&crate::Options::default());
        let mut context = Context::for_function(function());
        context.compute_cfg();
        context.compute_domtree();
        let (func, domtree) = (&context.func, &context.domtree);
        let ways = Rc::new(RefCell::new(Vec::new()));
        let mut registers = regalloc2::Ctx::default();
        registers.own = Some(Box::new(Probe(Rc::clone(&ways))));
        let mut control = ControlPlane::default();
        isa.compile_function(func, domtree, &mut registers, false, &mut control)
            .expect("it can be compiled");
        // Each block counts how many ways lead out of it.
        let out = |block| {
            let mut count = 0;
            for_each_way(func, block, |_| count += 1);
            count
        };
        let counts = BlockCounts {
            entry: 1,
            blocks: func
                .layout
                .blocks()
                .map(|block| (block, out(block)))
                .collect(),
        };
        let found = by_block(func, domtree, &counts);
        let ways = ways.borrow();
        assert_eq!(found.len(), ways.len());
        for (&found, &ways) in found.iter().zip(ways.iter()) {
            // Blocks of edges have one, and are not counted.
            assert!(found == ways as f32 || found.is_nan() && ways == 1);
        }
        assert!(found.iter().filter(|count| count.is_nan()).count() >= 5);
    }

    #[test]
    fn what_was_not_counted_has_no_counts() {
        let mut context = Context::for_function(function());
        context.compute_cfg();
        context.compute_domtree();
        let counts = BlockCounts::default();
        assert!(by_block(&context.func, &context.domtree, &counts).is_empty());
    }
}
