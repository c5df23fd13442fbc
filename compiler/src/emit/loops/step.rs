//! A parameter whose old value is still of use when the loop branches back or out should get its
//! next value behind the branch: before it, both are alive and need a register each, and the way back
//! is a move.
//!
//! ```text
//!     block1(v1: i32):                        ; block1(v1: i32):
//!     v2 = iadd_imm v1, 1                     ;     v3 = icmp sge v1, v4
//!     v3 = icmp slt v1, v4                    ;     brif v3, block2, block3
//!     brif v3, block1(v2), block2             ; block3:
//!                                             ;     v2 = iadd_imm v1, 1
//!                                             ;     jump block1(v2)
//! ```

use super::{WayBack, layout};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Block, BlockArg, Function, Inst, InstBuilder, Opcode, Value};

/// Blocks looked through for a use of an old value. With more, it is taken to be of no use.
const BLOCKS_MAX: usize = 32;

/// Moves steps behind the branches; whether there were any.
pub fn after_branch(func: &mut Function, domtree: &DominatorTree) -> bool {
    let ways: Vec<(WayBack, Vec<Step>)> = super::ways_back(func, domtree)
        .into_iter()
        .map(|way| (steps(func, &way), way))
        .filter(|(steps, _)| !steps.is_empty())
        .map(|(steps, way)| (way, steps))
        .collect();
    if ways.is_empty() {
        return false;
    }
    let uses = Uses::of(func, ways.iter().flat_map(|(_, steps)| steps));
    let mut moved = false;
    for (way, steps) in ways {
        let late: Vec<Inst> = steps
            .iter()
            .filter(|step| {
                uses.users(step.next).count() == 1 && is_alive(func, &way, step.old, &uses)
            })
            .map(|step| step.inst)
            .collect();
        if !late.is_empty() {
            branch_before(func, &way, &late);
            moved = true;
        }
    }
    moved
}

/// An instruction that makes the next value of a loop's parameter from the old one.
struct Step {
    inst: Inst,
    old: Value,
    next: Value,
}

/// The steps of a conditional branch back that lie in its block.
fn steps(func: &Function, way: &WayBack) -> Vec<Step> {
    if func.dfg.insts[way.branch].opcode() != Opcode::Brif {
        return Vec::new();
    }
    let steps = way.arguments(func).into_iter().filter_map(|(next, old)| {
        let inst = func.dfg.value_def(next).inst()?;
        let is_step = func.layout.inst_block(inst) == Some(way.block)
            && matches!(
                func.dfg.insts[inst].opcode(),
                Opcode::Iadd | Opcode::Isub | Opcode::Ishl | Opcode::Ushr | Opcode::Sshr
            )
            && func.dfg.resolve_aliases(func.dfg.inst_args(inst)[0]) == old;
        is_step.then_some(Step { inst, old, next })
    });
    steps.collect()
}

/// Where the values of some steps are used.
struct Uses {
    /// By value.
    users: Vec<(Value, Inst)>,
}

impl Uses {
    fn of<'s>(func: &Function, steps: impl Iterator<Item = &'s Step>) -> Uses {
        let mut wanted = EntitySet::with_capacity(func.dfg.num_values());
        for step in steps {
            wanted.insert(step.old);
            wanted.insert(step.next);
        }
        let mut users = Vec::new();
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                let values = func.dfg.inst_values(inst);
                let values = values.map(|value| func.dfg.resolve_aliases(value));
                let wanted = values.filter(|&value| wanted.contains(value));
                users.extend(wanted.map(|value| (value, inst)));
            }
        }
        users.sort_by_key(|&(value, _)| value);
        Uses { users }
    }

    fn users(&self, value: Value) -> impl Iterator<Item = Inst> + Clone {
        let first = self.users.partition_point(|&(of, _)| of < value);
        let of = self.users[first..].iter();
        of.take_while(move |&&(of, _)| of == value)
            .map(|&(_, user)| user)
    }
}

/// Whether a value is used by a branch's condition or on another way from it than the one back.
fn is_alive(func: &Function, way: &WayBack, value: Value, uses: &Uses) -> bool {
    let users = uses.users(value);
    let condition = func.dfg.value_def(func.dfg.inst_args(way.branch)[0]).inst();
    if users.clone().any(|user| Some(user) == condition) {
        return true;
    }
    let mut seen = EntitySet::new();
    let mut pending: Vec<Block> = Vec::new();
    for (position, target) in super::targets(func, way.branch).enumerate() {
        if position != way.destination {
            if super::destination(func, way.branch, position).contains(&Some(value)) {
                return true;
            }
            pending.push(target);
        }
    }
    let mut left = BLOCKS_MAX;
    while let Some(block) = pending.pop() {
        if block == way.header || !seen.insert(block) {
            continue;
        }
        if users
            .clone()
            .any(|user| func.layout.inst_block(user) == Some(block))
        {
            return true;
        }
        let Some(rest) = left.checked_sub(1) else {
            return false;
        };
        left = rest;
        if let Some(branch) = func.layout.last_inst(block) {
            pending.extend(super::targets(func, branch));
        }
    }
    false
}

/// Moves instructions into a block of their own on the way back.
fn branch_before(func: &mut Function, way: &WayBack, insts: &[Inst]) {
    let arguments: Vec<BlockArg> = super::destination(func, way.branch, way.destination)
        .into_iter()
        .map(|value| BlockArg::Value(value.expect("branches pass values")))
        .collect();
    let between = func.dfg.make_block();
    func.layout.insert_block_after(between, way.block);
    for &inst in insts {
        func.layout.remove_inst(inst);
        func.layout.append_inst(inst, between);
    }
    FuncCursor::new(func)
        .at_bottom(between)
        .ins()
        .jump(way.header, &arguments);
    let call = func.dfg.block_call(between, &[]);
    let dfg = &mut func.dfg;
    let calls = dfg.insts[way.branch]
        .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    calls[way.destination] = call;
    // The way back follows the branch.
    if way.destination == 0 {
        layout::swap(func, way.branch);
    }
}
