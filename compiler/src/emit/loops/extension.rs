//! A 32-bit index becomes an address when it is extended. An instruction that makes a 32-bit value
//! clears the other half of the register, so that the extension of its result is free; of a loop's
//! parameter it is a move for each iteration. Such a parameter is passed extended:
//!
//! ```text
//!     jump block1(v0)                         ;     v7 = uextend.i64 v0
//! block1(v1: i32):                            ;     jump block1(v7)
//!     v2 = uextend.i64 v1                     ; block1(v8: i64):
//!     v3 = iadd v2, v4                        ;     v1 = ireduce.i32 v8
//!     v5 = iadd_imm v1, 1                     ;     v3 = iadd v8, v4
//!     brif v6, block1(v5), block2             ;     v5 = iadd_imm v1, 1
//!                                             ;     v9 = uextend.i64 v5
//!                                             ;     brif v6, block1(v9), block2
//! ```
//!
//! A load that is extended, too, is one that extends.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};
use std::collections::{BTreeMap, BTreeSet};

/// Has loads and parameters of loops extended where they are made.
pub fn extend_once(func: &mut Function, domtree: &DominatorTree) {
    let extensions = extensions(func);
    if extensions.is_empty() {
        return;
    }
    let mut wide = Wide {
        edges: None,
        params: BTreeSet::new(),
        loads: BTreeSet::new(),
    };
    for &value in extensions.keys() {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) if is_load(func, inst) => {
                wide.loads.insert(value);
            }
            ValueDef::Param(..) => wide.consider(func, domtree, value),
            _ => {}
        }
    }
    let extended = wide.apply(func);
    for (value, insts) in extensions {
        if let Some(&extended) = extended.get(&value) {
            for inst in insts {
                let result = func.dfg.first_result(inst);
                func.layout.remove_inst(inst);
                func.dfg.clear_results(inst);
                func.dfg.change_to_alias(result, extended);
            }
        }
    }
    func.dfg.resolve_all_aliases();
}

/// The extensions of 32-bit values to 64 bits, by the value.
fn extensions(func: &Function) -> BTreeMap<Value, Vec<Inst>> {
    let mut found: BTreeMap<Value, Vec<Inst>> = BTreeMap::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            if let InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            } = func.dfg.insts[inst]
            {
                let is_address = func.dfg.value_type(func.dfg.first_result(inst)) == types::I64;
                if is_address && func.dfg.value_type(arg) == types::I32 {
                    let arg = func.dfg.resolve_aliases(arg);
                    found.entry(arg).or_default().push(inst);
                }
            }
        }
    }
    found
}

fn is_load(func: &Function, inst: Inst) -> bool {
    matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Load | Opcode::Uload8 | Opcode::Uload16
    )
}

/// Whether the extension of an instruction's 32-bit result is free.
fn clears_upper_half(func: &Function, inst: Inst) -> bool {
    matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Iadd
            | Opcode::Isub
            | Opcode::Imul
            | Opcode::Band
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Ishl
            | Opcode::Ushr
            | Opcode::Iconst
    )
}

/// A branch's instruction and the position of the block among its destinations.
type Edges = BTreeMap<Block, Vec<(Block, Inst, usize)>>;

/// Values to be made extended.
struct Wide {
    edges: Option<Edges>,
    params: BTreeSet<Value>,
    loads: BTreeSet<Value>,
}

impl Wide {
    /// Takes in a parameter of a block and what it is made of, if all that comes to it on the way
    /// back is extended for free.
    fn consider(&mut self, func: &Function, domtree: &DominatorTree, param: Value) {
        if self.params.contains(&param) {
            return;
        }
        let edges = self.edges.get_or_insert_with(|| edges(func));
        let mut tried = BTreeSet::new();
        let mut loads = BTreeSet::new();
        let mut pending = vec![param];
        let mut is_carried = false;
        while let Some(value) = pending.pop() {
            if self.params.contains(&value) || self.loads.contains(&value) || !tried.insert(value) {
                continue;
            }
            let ValueDef::Param(block, position) = func.dfg.value_def(value) else {
                unreachable!("only parameters are tried")
            };
            let Some(edges) = edges.get(&block) else {
                return;
            };
            for &(from, branch, destination) in edges {
                let is_back = domtree.block_dominates(block, from);
                is_carried |= is_back;
                let Some(arg) = super::destination(func, branch, destination)[position] else {
                    return;
                };
                match func.dfg.value_def(arg) {
                    ValueDef::Result(inst, _) if clears_upper_half(func, inst) => {}
                    ValueDef::Result(inst, _) if is_load(func, inst) => {
                        loads.insert(arg);
                    }
                    ValueDef::Param(of, _) if Some(of) != func.layout.entry_block() => {
                        pending.push(arg);
                    }
                    // Before a loop an extension costs less than in it.
                    _ if !is_back && tried.len() == 1 && is_header(domtree, block, edges) => {}
                    _ => return,
                }
            }
        }
        if is_carried {
            self.params.append(&mut tried);
            self.loads.append(&mut loads);
        }
    }

    /// Rewrites the function; gives each value's extension.
    fn apply(&self, func: &mut Function) -> BTreeMap<Value, Value> {
        let mut extended = BTreeMap::new();
        for &value in &self.loads {
            let (narrow, wide) = extend_load(func, value);
            extended.extend([(value, wide), (narrow, wide)]);
        }
        for &param in &self.params {
            let ValueDef::Param(block, _) = func.dfg.value_def(param) else {
                unreachable!("only parameters are taken in")
            };
            let wide = func.dfg.replace_block_param(param, types::I64);
            let mut cursor = FuncCursor::new(func).at_first_insertion_point(block);
            let narrow = cursor.ins().ireduce(types::I32, wide);
            func.dfg.change_to_alias(param, narrow);
            extended.extend([(param, wide), (narrow, wide)]);
        }
        let Some(edges) = &self.edges else {
            return extended;
        };
        for &param in &self.params {
            let ValueDef::Param(block, position) = func.dfg.value_def(extended[&param]) else {
                unreachable!("it has been replaced by one")
            };
            for &(_, branch, destination) in &edges[&block] {
                extend_argument(func, branch, destination, position, &extended);
            }
        }
        extended
    }
}

fn is_header(domtree: &DominatorTree, block: Block, edges: &[(Block, Inst, usize)]) -> bool {
    let mut from = edges.iter().map(|&(from, ..)| from);
    from.any(|from| domtree.block_dominates(block, from))
}

/// The branches to each block.
fn edges(func: &Function) -> Edges {
    let mut edges = Edges::new();
    for block in func.layout.blocks() {
        if let Some(branch) = func.layout.last_inst(block) {
            for (position, target) in super::targets(func, branch).enumerate() {
                let to = edges.entry(target).or_default();
                to.push((block, branch, position));
            }
        }
    }
    edges
}

/// Makes a load one that extends; gives the 32-bit and the 64-bit value.
fn extend_load(func: &mut Function, value: Value) -> (Value, Value) {
    let inst = func.dfg.value_def(value).unwrap_inst();
    let InstructionData::Load {
        opcode,
        arg,
        flags,
        offset,
    } = func.dfg.insts[inst]
    else {
        unreachable!("it is a load")
    };
    let flags = func.dfg.mem_flags[flags];
    let mut cursor = FuncCursor::new(func).at_inst(inst);
    cursor.use_srcloc(inst);
    let ins = cursor.ins();
    let wide = match opcode {
        Opcode::Uload8 => ins.uload8(types::I64, flags, arg, offset),
        Opcode::Uload16 => ins.uload16(types::I64, flags, arg, offset),
        _ => ins.uload32(flags, arg, offset),
    };
    let narrow = cursor.ins().ireduce(types::I32, wide);
    cursor.remove_inst();
    func.dfg.clear_results(inst);
    func.dfg.change_to_alias(value, narrow);
    (narrow, wide)
}

/// Extends one argument of a branch.
fn extend_argument(
    func: &mut Function,
    branch: Inst,
    destination: usize,
    position: usize,
    extended: &BTreeMap<Value, Value>,
) {
    let arg = super::destination(func, branch, destination)[position];
    let arg = arg.expect("branches pass values");
    let wide = match (extended.get(&arg), func.dfg.value_def(arg)) {
        (Some(&wide), _) => wide,
        (None, ValueDef::Result(inst, _)) => {
            let constant = match func.dfg.insts[inst] {
                InstructionData::UnaryImm {
                    opcode: Opcode::Iconst,
                    imm,
                } => Some(imm.bits() & 0xffff_ffff),
                _ => None,
            };
            let mut cursor = FuncCursor::new(func).at_inst(branch);
            match constant {
                Some(constant) => cursor.ins().iconst(types::I64, constant),
                None => cursor.ins().uextend(types::I64, arg),
            }
        }
        (None, _) => {
            let mut cursor = FuncCursor::new(func).at_inst(branch);
            cursor.ins().uextend(types::I64, arg)
        }
    };
    let dfg = &mut func.dfg;
    let calls =
        dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    let mut at = 0;
    calls[destination].update_args(&mut dfg.value_lists, |old| {
        at += 1;
        if at == position + 1 {
            BlockArg::Value(wide)
        } else {
            old
        }
    });
}
