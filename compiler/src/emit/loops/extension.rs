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
    let mut wide = Wide::default();
    for &(value, _) in &extensions {
        match func.dfg.value_def(value) {
            ValueDef::Param(..) => wide.consider(func, domtree, value),
            _ => {
                wide.loads.insert(value);
            }
        }
    }
    if wide.params.is_empty() && wide.loads.is_empty() {
        return;
    }
    let extended = wide.apply(func);
    for (value, inst) in extensions {
        if let Some(&extended) = extended.get(&value) {
            let result = func.dfg.first_result(inst);
            func.layout.remove_inst(inst);
            func.dfg.clear_results(inst);
            func.dfg.change_to_alias(result, extended);
        }
    }
    func.dfg.resolve_all_aliases();
}

/// The extensions of loads and blocks' parameters from 32 to 64 bits, with what they extend.
fn extensions(func: &Function) -> Vec<(Value, Inst)> {
    let mut found = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            } = func.dfg.insts[inst]
            else {
                continue;
            };
            let arg = func.dfg.resolve_aliases(arg);
            let is_of_interest = match func.dfg.value_def(arg) {
                ValueDef::Result(inst, _) => is_load(func, inst),
                ValueDef::Param(of, _) => Some(of) != func.layout.entry_block(),
                ValueDef::Union(..) => false,
            };
            let result = func.dfg.first_result(inst);
            if is_of_interest
                && func.dfg.value_type(arg) == types::I32
                && func.dfg.value_type(result) == types::I64
            {
                found.push((arg, inst));
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

/// A branch from a block, and which of its destinations is meant.
#[derive(Clone, Copy)]
struct Edge {
    to: Block,
    from: Block,
    branch: Inst,
    destination: usize,
}

/// Values to be made extended.
#[derive(Default)]
struct Wide {
    /// All edges by where they lead to, once they are needed.
    edges: Option<Vec<Edge>>,
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
            let edges = edges_to(edges, block);
            for edge in edges {
                let is_back = domtree.block_dominates(block, edge.from);
                is_carried |= is_back;
                let Some(arg) = argument(func, edge, position) else {
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
            for edge in edges_to(edges, block) {
                extend_argument(func, edge, position, &extended);
            }
        }
        extended
    }
}

fn is_header(domtree: &DominatorTree, block: Block, edges: &[Edge]) -> bool {
    let mut from = edges.iter().map(|edge| edge.from);
    from.any(|from| domtree.block_dominates(block, from))
}

/// All edges by where they lead to.
fn edges(func: &Function) -> Vec<Edge> {
    let mut edges = Vec::new();
    for from in func.layout.blocks() {
        if let Some(branch) = func.layout.last_inst(from) {
            let targets = super::targets(func, branch).enumerate();
            edges.extend(targets.map(|(destination, to)| Edge {
                to,
                from,
                branch,
                destination,
            }));
        }
    }
    edges.sort_by_key(|edge| edge.to);
    edges
}

fn edges_to(edges: &[Edge], block: Block) -> &[Edge] {
    let first = edges.partition_point(|edge| edge.to < block);
    let end = edges.partition_point(|edge| edge.to <= block);
    &edges[first..end]
}

fn argument(func: &Function, edge: &Edge, position: usize) -> Option<Value> {
    super::destination(func, edge.branch, edge.destination)[position]
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
    edge: &Edge,
    position: usize,
    extended: &BTreeMap<Value, Value>,
) {
    let arg = argument(func, edge, position).expect("branches pass values");
    let branch = edge.branch;
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
    calls[edge.destination].update_args(&mut dfg.value_lists, |old| {
        at += 1;
        if at == position + 1 {
            BlockArg::Value(wide)
        } else {
            old
        }
    });
}
