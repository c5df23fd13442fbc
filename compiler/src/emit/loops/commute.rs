//! Operands of commutative operations in the order in which the registers of loop-carried values
//! coalesce: a machine instruction puts its result into the register of its first operand.
//!
//! ```text
//!     block1(v1):                             ; block1(v1):
//!     v3 = fmul v7, v8                        ;     v3 = fmul v7, v8
//!     v2 = fadd v3, v1                        ;     v2 = fadd v1, v3
//!     brif v9, block1(v2), block2             ;     brif v9, block1(v2), block2
//! ```
//!
//! Linear: one pass notes which headers' parameters, of a few, each value is made of; from each
//! argument of a back edge a path of limited length is then followed.

use super::back_edge::BackEdge;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::{EntitySet, SecondaryMap};
use cranelift_codegen::ir::{Block, Function, Inst, Opcode, Value};
use cranelift_codegen::loop_analysis::LoopAnalysis;

/// Sums have few parts.
const DEPTH_MAX: u32 = 16;
/// Of more parameters, the first ones are noted.
const PARAMS_MAX: usize = 4;

/// The parameters that each value is made of by commutative operations, and by how many of them.
#[derive(Default)]
struct Sources {
    /// The first of a value's, and how many there are.
    places: SecondaryMap<Value, (u32, u32)>,
    all: Vec<(Value, u32)>,
}

impl Sources {
    fn of(&self, value: Value) -> &[(Value, u32)] {
        let (first, count) = self.places[value];
        &self.all[first as usize..][..count as usize]
    }

    fn add(&mut self, value: Value, found: &[(Value, u32)]) {
        let [first, count] = [self.all.len(), found.len()].map(|number| number as u32);
        self.places[value] = (first, count);
        self.all.extend_from_slice(found);
    }
}

/// Puts operands of commutative operations that lead to a loop's parameter first, where the result
/// is the parameter's next value.
pub fn carried_first(
    func: &mut Function,
    (loops, domtree): (&LoopAnalysis, &DominatorTree),
    back_edges: &[BackEdge],
) {
    let sources = sources(func, loops, domtree, back_edges);
    if sources.all.is_empty() {
        return;
    }
    for edge in back_edges {
        for (value, param) in edge.arguments(func) {
            commute(func, &sources, value, param);
        }
    }
}

fn sources(
    func: &Function,
    loops: &LoopAnalysis,
    domtree: &DominatorTree,
    back_edges: &[BackEdge],
) -> Sources {
    let mut params = EntitySet::with_capacity(func.dfg.num_values());
    for edge in back_edges {
        for &param in func.dfg.block_params(edge.header) {
            params.insert(param);
        }
    }
    let mut sources = Sources::default();
    sources.places.resize(func.dfg.num_values());
    let mut found: Vec<(Value, u32)> = Vec::with_capacity(PARAMS_MAX);
    // What is made of a header's parameter outside of all loops comes back to none.
    let is_in_loop = |block: &&Block| loops.innermost_loop(**block).is_some();
    for &block in domtree.cfg_rpo().filter(is_in_loop) {
        for inst in func.layout.block_insts(block) {
            let Some(operands) = commutative_operands(func, inst) else {
                continue;
            };
            found.clear();
            for operand in operands {
                let itself = params.contains(operand).then_some((operand, 0));
                let made_of = sources.of(operand).iter().copied();
                for (param, depth) in itself.into_iter().chain(made_of) {
                    let is_new = found.iter().all(|&(known, _)| known != param);
                    if is_new && depth < DEPTH_MAX && found.len() < PARAMS_MAX {
                        found.push((param, depth + 1));
                    }
                }
            }
            if !found.is_empty() {
                sources.add(func.dfg.first_result(inst), &found);
            }
        }
    }
    sources
}

/// The operands of an instruction that gives the same with both swapped.
fn commutative_operands(func: &Function, inst: Inst) -> Option<[Value; 2]> {
    let is_commutative = matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Imul
            | Opcode::Band
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Fadd
            | Opcode::Fmul
            | Opcode::Iadd
    );
    if !is_commutative {
        return None;
    }
    let &[first, second] = func.dfg.inst_args(inst) else {
        return None;
    };
    Some([first, second].map(|value| func.dfg.resolve_aliases(value)))
}

/// Puts the operands first that lead from a value to a parameter that it is made of.
fn commute(func: &mut Function, sources: &Sources, mut value: Value, param: Value) {
    let leads = |value: Value| {
        let mut made_of = sources.of(value).iter();
        value == param || made_of.any(|&(source, _)| source == param)
    };
    if !leads(value) {
        return;
    }
    while value != param {
        let inst = func.dfg.value_def(value).unwrap_inst();
        let [first, second] = commutative_operands(func, inst).expect("it is made of a parameter");
        value = first;
        if !leads(first) {
            func.dfg
                .inst_args_mut(inst)
                .copy_from_slice(&[second, first]);
            value = second;
        }
    }
}
