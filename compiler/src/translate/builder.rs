//! A function that is being filled, block by block. Comes in: instructions, by the methods that Cranelift
//! generates for whoever can append one ([`InstBuilderBase`]). Goes out: the function; and for
//! [`Locals`] the edges of its control flow, as branches are appended.
//!
//! A block is begun when every branch to it has been made: by [`Builder::begin`], or by
//! [`Builder::begin_loop`] if branches from within it lead back to it. What runs before a block is begun
//! was begun before it.

use super::locals::Locals;
use crate::parse::LoopSets;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{
    Block, DataFlowGraph, ExtFuncData, FuncRef, Function, Inst, InstBuilderBase, InstructionData,
    JumpTable, JumpTableData, SigRef, Signature, SourceLoc, StackSlot, StackSlotData, Type, Value,
};
use std::iter;

pub(super) struct Builder<'f> {
    pub(super) func: &'f mut Function,
    locals: &'f mut Locals,
    /// The block that is being filled, if one is.
    block: Option<Block>,
    /// Where the instructions are from.
    location: SourceLoc,
}

impl<'f> Builder<'f> {
    /// `func` is empty. Of `locals` only the memory is used again.
    pub(super) fn new(func: &'f mut Function, locals: &'f mut Locals) -> Builder<'f> {
        locals.clear();
        Builder {
            func,
            locals,
            block: None,
            location: SourceLoc::default(),
        }
    }

    pub(super) fn current_block(&self) -> Option<Block> {
        self.block
    }

    /// Of the instructions that come next.
    pub(super) fn set_srcloc(&mut self, location: SourceLoc) {
        self.location = location;
    }

    pub(super) fn create_block(&mut self) -> Block {
        self.func.dfg.make_block()
    }

    pub(super) fn append_block_param(&mut self, block: Block, ty: Type) -> Value {
        self.func.dfg.append_block_param(block, ty)
    }

    pub(super) fn append_block_params_for_function_params(&mut self, block: Block) {
        let func = &mut *self.func;
        for param in &func.stencil.signature.params {
            func.stencil.dfg.append_block_param(block, param.value_type);
        }
    }

    /// Those that it was given, and those that have been made of locals.
    pub(super) fn block_params(&self, block: Block) -> &[Value] {
        self.func.dfg.block_params(block)
    }

    pub(super) fn inst_results(&self, inst: Inst) -> &[Value] {
        self.func.dfg.inst_results(inst)
    }

    pub(super) fn set_cold_block(&mut self, block: Block) {
        self.func.layout.set_cold(block);
    }

    /// Fills a block that is begun elsewhere. Until then no local may be used.
    pub(super) fn switch_to_block(&mut self, block: Block) {
        if !self.func.layout.is_block_inserted(block) {
            self.func.layout.append_block(block);
        }
        self.block = Some(block);
    }

    /// Goes on in a block to which every branch has been made.
    pub(super) fn begin(&mut self, block: Block) {
        self.locals.begin(block);
        self.switch_to_block(block);
    }

    /// Goes on in the header of a loop. Every branch to it has been made that is not within the loop.
    /// The number is that which the loop has in the body, if it is there.
    pub(super) fn begin_loop(&mut self, header: Block, number: Option<u32>) {
        self.locals.begin_loop(header, number);
        self.switch_to_block(header);
    }

    /// Ends the innermost loop: every branch to its header has been made.
    pub(super) fn end_loop(&mut self) {
        self.locals.end_loop(self.func);
    }

    /// Says that every branch to a block has been made that is filled already.
    pub(super) fn place(&mut self, block: Block) {
        self.locals.begin(block);
    }

    /// About so many instructions will come. Their list would grow by one for each of them, which takes as
    /// long as appending it.
    pub(super) fn expect_insts(&mut self, count: usize) {
        let block = self.block.expect("a block is being filled");
        let far = Inst::new(self.func.dfg.num_insts() + count);
        self.func.layout.append_inst(far, block);
        self.func.layout.remove_inst(far);
    }

    /// What is known of the loops of the body. Locals are declared after this.
    pub(super) fn look_ahead(&mut self, loops: &LoopSets) {
        self.locals.look_ahead(loops);
    }

    /// The next local, and what it is at the start of the function.
    pub(super) fn declare_local(&mut self, value: Value) {
        self.locals.declare(value);
    }

    pub(super) fn local(&mut self, local: u32) -> Value {
        self.locals.read(self.func, local)
    }

    pub(super) fn set_local(&mut self, local: u32, value: Value) {
        self.locals.set(local, value);
    }

    /// Has the edges of a branch that lead to one block lead to another.
    pub(super) fn change_target(&mut self, branch: Inst, from: Block, to: Block) {
        let block = self.func.layout.inst_block(branch);
        let block = block.expect("it was appended to one");
        let dfg = &mut self.func.dfg;
        let calls = dfg.insts[branch]
            .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        for (call, destination) in calls.iter_mut().zip(0..) {
            if call.block(&dfg.value_lists) == from {
                call.set_block(to, &mut dfg.value_lists);
                self.locals.add_edge(block, branch, destination, to);
            }
        }
    }

    pub(super) fn import_signature(&mut self, signature: Signature) -> SigRef {
        self.func.import_signature(signature)
    }

    pub(super) fn import_function(&mut self, data: ExtFuncData) -> FuncRef {
        self.func.import_function(data)
    }

    pub(super) fn create_jump_table(&mut self, data: JumpTableData) -> JumpTable {
        self.func.create_jump_table(data)
    }

    pub(super) fn create_sized_stack_slot(&mut self, data: StackSlotData) -> StackSlot {
        self.func.create_sized_stack_slot(data)
    }

    /// Appends an instruction to the block that is being filled.
    pub(super) fn ins<'s>(&'s mut self) -> Append<'s, 'f> {
        let block = self.block.expect("a block is being filled");
        Append {
            builder: self,
            block,
        }
    }
}

/// Appends one instruction, and what has to stand before it.
pub(super) struct Append<'s, 'f> {
    builder: &'s mut Builder<'f>,
    block: Block,
}

impl<'s> InstBuilderBase<'s> for Append<'s, '_> {
    fn data_flow_graph(&self) -> &DataFlowGraph {
        &self.builder.func.dfg
    }

    fn data_flow_graph_mut(&mut self) -> &mut DataFlowGraph {
        &mut self.builder.func.dfg
    }

    fn build(self, data: InstructionData, ty: Type) -> (Inst, &'s mut DataFlowGraph) {
        let inst = self.builder.append(self.block, data, ty);
        (inst, &mut self.builder.func.dfg)
    }

    fn build_aux_inst(&mut self, data: InstructionData, ty: Type) -> Inst {
        self.builder.append(self.block, data, ty)
    }
}

impl Builder<'_> {
    fn append(&mut self, block: Block, data: InstructionData, ty: Type) -> Inst {
        let func = &mut *self.func;
        let opcode = data.opcode();
        let inst = func.dfg.make_inst(data);
        if opcode.is_call() || opcode.constraints().num_fixed_results() > 0 {
            func.dfg.make_inst_results_reusing(inst, ty, iter::empty());
        }
        func.layout.append_inst(inst, block);
        if !self.location.is_default() {
            func.set_srcloc(inst, self.location);
        }
        if opcode.is_branch() {
            let dfg = &func.dfg;
            let calls = data.branch_destination(&dfg.jump_tables, &dfg.exception_tables);
            for (call, destination) in calls.iter().zip(0..) {
                let to = call.block(&dfg.value_lists);
                self.locals.add_edge(block, inst, destination, to);
            }
        }
        inst
    }
}
