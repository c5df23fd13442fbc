//! Widening of induction variables. A 32-bit index becomes an address when it is extended. An
//! instruction that makes a 32-bit value clears the other half of the register, so that the
//! extension of its result is free; of a header's parameter it is a move for each iteration. Such a
//! parameter is passed extended:
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
//!
//! n log n: what a search from one parameter finds out is kept for those from others, and what
//! searches that come to nothing may look at together has a limit.

use super::edges::{Edge, Edges};
use crate::emit::renamed::Renamed;
use crate::emit::survey::Survey;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};
use foldhash::{HashSet, HashSetExt};
use std::collections::{BTreeMap, BTreeSet};

/// Searches that come to nothing look at together as many arguments as the function has, times
/// this.
const VAIN_FACTOR: usize = 8;

/// Has loads and parameters of loops extended where they are made.
pub fn widen(
    func: &mut Function,
    domtree: &DominatorTree,
    mut edges: Option<Edges>,
    survey: &mut Survey,
    renamed: &mut Renamed,
) {
    let extensions = extensions(func, survey);
    let is_param = |value| matches!(func.dfg.value_def(value), ValueDef::Param(..));
    let mut wide = Wide::default();
    let mut search = None;
    for &(value, _) in &extensions {
        if is_param(value) && search.is_none() {
            search = Some(Search::new(
                edges.take().unwrap_or_else(|| Edges::of(func, domtree)),
            ));
        }
        match &mut search {
            Some(search) if is_param(value) => search.consider(func, &mut wide, value),
            _ => {
                wide.loads.insert(value);
            }
        }
    }
    if wide.params.is_empty() && wide.loads.is_empty() {
        return;
    }
    let edges = search.map(|search| search.edges);
    let extended = wide.apply(func, edges.as_ref(), &mut survey.extensions, renamed);
    for (value, inst) in extensions {
        if let Some(&extended) = extended.get(&value) {
            let result = func.dfg.first_result(inst);
            func.layout.remove_inst(inst);
            func.dfg.clear_results(inst);
            renamed.rename(func, result, extended);
        }
    }
}

/// The extensions of loads and blocks' parameters from 32 to 64 bits, with what they extend.
fn extensions(func: &Function, survey: &Survey) -> Vec<(Value, Inst)> {
    let mut found = Vec::new();
    for &inst in &survey.extensions {
        let arg = func.dfg.resolve_aliases(func.dfg.inst_args(inst)[0]);
        let is_of_interest = match func.dfg.value_def(arg) {
            ValueDef::Result(inst, _) => is_load(func, inst),
            ValueDef::Param(of, _) => Some(of) != func.layout.entry_block(),
            ValueDef::Union(..) => false,
        };
        if is_of_interest
            && func.dfg.value_type(arg) == types::I32
            && func.layout.inst_block(inst).is_some()
            && func.dfg.value_type(func.dfg.first_result(inst)) == types::I64
        {
            found.push((arg, inst));
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

/// Values to be made extended.
#[derive(Default)]
struct Wide {
    params: BTreeSet<Value>,
    loads: BTreeSet<Value>,
}

/// The search for parameters that can be passed extended.
struct Search {
    edges: Edges,
    /// Where a search has begun before.
    begun: HashSet<Value>,
    /// Parameters that cannot be passed extended.
    refused: HashSet<Value>,
    /// Arguments that searches in vain may still look at.
    left: usize,
}

/// Why a search ends in vain.
enum Refusal {
    /// The parameter can never be passed extended.
    Always,
    /// It can only be where a search begins at it.
    NotFirst,
}

/// What a search has come across.
#[derive(Default)]
struct Found {
    params: Vec<FoundParam>,
    known: HashSet<Value>,
    arguments_seen: usize,
}

struct FoundParam {
    param: Value,
    /// Position of the one to which it is passed.
    from: usize,
    /// Loads that come to it.
    loads: Vec<Value>,
}

impl Search {
    fn new(edges: Edges) -> Search {
        Search {
            left: edges.arguments() * VAIN_FACTOR,
            edges,
            begun: HashSet::new(),
            refused: HashSet::new(),
        }
    }

    /// Takes in a parameter of a block and what it is made of, if all that comes to it on back
    /// edges is extended for free.
    fn consider(&mut self, func: &Function, wide: &mut Wide, first: Value) {
        if wide.params.contains(&first) || self.left == 0 || !self.begun.insert(first) {
            return;
        }
        let mut found = Found::default();
        found.add(first, 0);
        let mut at = 0;
        while at < found.params.len() {
            if let Err(refusal) = self.look_at(func, wide, &mut found, at) {
                if matches!(refusal, Refusal::Always) {
                    self.refuse(&found, at);
                }
                self.left = self.left.saturating_sub(found.arguments_seen);
                return;
            }
            at += 1;
        }
        for FoundParam { param, loads, .. } in found.params {
            wide.params.insert(param);
            wide.loads.extend(loads);
        }
    }

    /// Looks at what comes to a parameter.
    fn look_at(
        &self,
        func: &Function,
        wide: &Wide,
        found: &mut Found,
        at: usize,
    ) -> Result<(), Refusal> {
        let param = found.params[at].param;
        if self.refused.contains(&param) {
            return Err(Refusal::Always);
        }
        let ValueDef::Param(block, position) = func.dfg.value_def(param) else {
            unreachable!("only parameters are looked at")
        };
        let edges = self.edges.to(block);
        let is_header = edges.iter().any(|edge| edge.is_back);
        found.arguments_seen += edges.len();
        for edge in edges {
            let Some(arg) = edge.argument(func, position) else {
                return Err(Refusal::Always);
            };
            match func.dfg.value_def(arg) {
                ValueDef::Result(inst, _) if clears_upper_half(func, inst) => {}
                ValueDef::Result(inst, _) if is_load(func, inst) => {
                    found.params[at].loads.push(arg);
                }
                ValueDef::Param(of, _) if Some(of) != func.layout.entry_block() => {
                    if !wide.params.contains(&arg) {
                        found.add(arg, at);
                    }
                }
                // Before a loop an extension costs less than in it.
                _ if !edge.is_back && is_header && at == 0 => {}
                _ if !edge.is_back && is_header => return Err(Refusal::NotFirst),
                _ => return Err(Refusal::Always),
            }
        }
        Ok(())
    }

    /// Keeps that a parameter, and so each on the path to it, cannot be passed extended.
    fn refuse(&mut self, found: &Found, mut at: usize) {
        loop {
            let FoundParam { param, from, .. } = found.params[at];
            self.refused.insert(param);
            if at == 0 {
                return;
            }
            at = from;
        }
    }
}

impl Found {
    fn add(&mut self, param: Value, from: usize) {
        if self.known.insert(param) {
            self.params.push(FoundParam {
                param,
                from,
                loads: Vec::new(),
            });
        }
    }
}

impl Wide {
    /// Rewrites the function; gives each value's extension, and adds the instructions that extend.
    fn apply(
        &self,
        func: &mut Function,
        edges: Option<&Edges>,
        extensions: &mut Vec<Inst>,
        renamed: &mut Renamed,
    ) -> BTreeMap<Value, Value> {
        let mut extended = BTreeMap::new();
        for &value in &self.loads {
            let (narrow, wide) = extend_load(func, value, renamed);
            extended.extend([(value, wide), (narrow, wide)]);
        }
        let mut positions = Vec::with_capacity(self.params.len());
        for &param in &self.params {
            let ValueDef::Param(block, position) = func.dfg.value_def(param) else {
                unreachable!("only parameters are taken in")
            };
            positions.push((block, position));
            let wide = func.dfg.replace_block_param(param, types::I64);
            let mut cursor = FuncCursor::new(func).at_first_insertion_point(block);
            let narrow = cursor.ins().ireduce(types::I32, wide);
            renamed.rename(func, param, narrow);
            extended.extend([(param, wide), (narrow, wide)]);
        }
        let Some(edges) = edges else {
            return extended;
        };
        positions.sort_unstable();
        for of_block in positions.chunk_by(|(a, _), (b, _)| a == b) {
            for edge in edges.to(of_block[0].0) {
                extend_arguments(func, edge, of_block, &extended, extensions);
            }
        }
        extended
    }
}

/// Makes a load one that extends; gives the 32-bit and the 64-bit value.
fn extend_load(func: &mut Function, value: Value, renamed: &mut Renamed) -> (Value, Value) {
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
    renamed.rename(func, value, narrow);
    (narrow, wide)
}

/// Extends arguments of a branch: those at the positions given, which are sorted.
fn extend_arguments(
    func: &mut Function,
    edge: &Edge,
    positions: &[(Block, usize)],
    extended: &BTreeMap<Value, Value>,
    extensions: &mut Vec<Inst>,
) {
    let mut wide = Vec::with_capacity(positions.len());
    for &(_, position) in positions {
        let arg = edge.argument(func, position).expect("it is a value");
        wide.push(match extended.get(&arg) {
            Some(&wide) => wide,
            None => extend(func, edge.branch, arg, extensions),
        });
    }
    let dfg = &mut func.dfg;
    let calls = dfg.insts[edge.branch]
        .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    let mut wide = positions.iter().map(|&(_, position)| position).zip(wide);
    let mut next = wide.next();
    let mut at = 0;
    calls[edge.destination].update_args(&mut dfg.value_lists, |old| {
        let position = at;
        at += 1;
        match next {
            Some((changed, value)) if changed == position => {
                next = wide.next();
                BlockArg::Value(value)
            }
            _ => old,
        }
    });
}

/// The extension of a value before a branch.
fn extend(func: &mut Function, branch: Inst, value: Value, extensions: &mut Vec<Inst>) -> Value {
    let constant = func.dfg.value_def(value).inst().and_then(|inst| {
        let InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } = func.dfg.insts[inst]
        else {
            return None;
        };
        Some(imm.bits() & 0xffff_ffff)
    });
    let mut cursor = FuncCursor::new(func).at_inst(branch);
    match constant {
        Some(constant) => cursor.ins().iconst(types::I64, constant),
        None => {
            let extended = cursor.ins().uextend(types::I64, value);
            extensions.push(cursor.func.dfg.value_def(extended).unwrap_inst());
            extended
        }
    }
}
