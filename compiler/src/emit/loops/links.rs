//! Loops that follow links, which are indices of what they lead to. The address of the next one waits for
//! the index to be loaded, and each iteration for that of the one before; so what is between a load and the
//! next one is what such a loop takes. A sum of 32 bits may begin anew at zero, so it is no part of an
//! address, but an instruction of its own. Where an index is so small that it does not, it is part of
//! the address, which is compared meanwhile:
//!
//! ```text
//!     jump block1(v0)                         ;     v7 = iadd v8, (uextend v9)
//! block1(v1: i32):                            ;     v6 = ushr_imm (bnot v9), 3
//!     v2 = iadd v9, (ishl_imm v1, 3)          ;     jump block1(v0)
//!     v3 = iadd v8, (uextend v2)              ; block1(v1: i32):
//!     v4 = load.i32 v3+4                      ;     brif (icmp ugt v1, v6), block3, block2(uextend v1)
//!     brif v5, block1(v4), block9             ; block2(v10: i64):
//!                                             ;     v3 = iadd v7, (ishl_imm v10, 3)
//!                                             ;     v4 = load.i32 v3+4
//!                                             ;     brif v5, block1(v4), block9
//!                                             ; block3 cold:
//!                                             ;     jump block2(the index that leads to the sum)
//! ```
//!
//! The address is the same:
//!
//! - `v1 <= (2^32 - 1 - v9) >> 3` says that `v9 + v1 * 8` is less than `2^32`, so the sum of 32 bits is that of
//!   64, and `v7 + v1 * 8` what it was.
//! - Otherwise `v10` is the difference of the sum and `v9`, which may be negative, divided by 8. Nothing is
//!   left over, as the difference is a multiple of 8 but for multiples of `2^32`.
//!
//! Only in loops that have no other in them, and for one address in each, as the comparison is an
//! instruction more. Linear: each instruction is looked at once, and a limited number of those it is
//! made of.

use super::back_edge::BackEdge;
use crate::facts;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

/// The largest scale of an address is 1 << this.
const SCALE_MAX: u32 = 3;

/// Improves loops that follow links; whether there were any.
pub fn follow(
    func: &mut Function,
    loops: &LoopAnalysis,
    domtree: &DominatorTree,
    back_edges: &[BackEdge],
) -> bool {
    let links = links(func, loops, domtree, back_edges);
    let mut done = HashSet::new();
    for link in &links {
        if done.insert(link.of) {
            improve(func, link);
        }
    }
    !done.is_empty()
}

/// An address in a loop, made of an index that is loaded from such an address.
struct Link {
    of: Loop,
    /// The end of what comes in front of the loop.
    before: Inst,
    /// Of the header.
    index: Value,
    scale: u32,
    base: Value,
    memory: Value,
    /// The extension of the sum.
    extension: Inst,
    /// What adds the memory's address to it.
    sums: Vec<Inst>,
}

/// An address that is made of a sum of 32 bits.
struct Address {
    memory: Value,
    base: Value,
    index: Value,
    scale: u32,
    extension: Inst,
}

/// One address for each index that a loop loads from it, where nothing else uses the sum.
fn links(
    func: &Function,
    loops: &LoopAnalysis,
    domtree: &DominatorTree,
    back_edges: &[BackEdge],
) -> Vec<Link> {
    let mut found: Vec<(Loop, Inst, Address)> = Vec::new();
    for edge in back_edges {
        let Some(of) = loops.innermost_loop(edge.header) else {
            continue;
        };
        let Some(before) = domtree.idom(edge.header) else {
            continue;
        };
        let before = func
            .layout
            .last_inst(before)
            .expect("a block ends with a branch");
        for (next, index) in edge.arguments(func) {
            let is_outside = |value| !is_in(func, loops, of, value);
            if let Some(address) = loaded_from(func, next)
                && address.index == index
                && is_in(func, loops, of, func.dfg.first_result(address.extension))
                && is_outside(address.base)
                && is_outside(address.memory)
            {
                found.push((of, before, address));
            }
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    let has_inner: HashSet<Loop> = back_edges
        .iter()
        .filter_map(|edge| loops.loop_parent(loops.innermost_loop(edge.header)?))
        .collect();
    found.retain(|(of, ..)| !has_inner.contains(of));
    let mut sums = users(func, found.iter().map(|(.., address)| address));
    let links = found.into_iter().filter_map(|(of, before, address)| {
        let Address {
            memory,
            base,
            index,
            scale,
            extension,
        } = address;
        let sums = sums.remove(&extension)?;
        (!sums.is_empty()).then_some(Link {
            of,
            before,
            index,
            scale,
            base,
            memory,
            extension,
            sums,
        })
    });
    links.collect()
}

/// Whether a value is made in a loop, and in none that is in it.
fn is_in(func: &Function, loops: &LoopAnalysis, of: Loop, value: Value) -> bool {
    let block = match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => func.layout.inst_block(inst),
        ValueDef::Param(block, _) => Some(block),
        ValueDef::Union(..) => None,
    };
    block.is_none_or(|block| loops.innermost_loop(block) == Some(of))
}

/// The address from which a value of 32 bits is loaded.
fn loaded_from(func: &Function, value: Value) -> Option<Address> {
    let made = |value| {
        let value = func.dfg.resolve_aliases(value);
        func.dfg.value_def(value).inst()
    };
    let resolve = |value| func.dfg.resolve_aliases(value);
    let InstructionData::Load {
        opcode: Opcode::Load,
        arg,
        ..
    } = func.dfg.insts[made(value)?]
    else {
        return None;
    };
    let [memory, extended] = sum(func, made(arg)?)?;
    let extension = made(extended)?;
    if func.dfg.insts[extension].opcode() != Opcode::Uextend {
        return None;
    }
    let narrow = resolve(func.dfg.inst_args(extension)[0]);
    if func.dfg.value_type(value) != types::I32 || func.dfg.value_type(narrow) != types::I32 {
        return None;
    }
    let [first, second] = sum(func, made(narrow)?)?;
    let scaled = |value| {
        let InstructionData::Binary {
            opcode: Opcode::Ishl,
            args: [index, by],
        } = func.dfg.insts[made(value)?]
        else {
            return None;
        };
        let by = facts::small_constant(func, by).filter(|by| (1..=SCALE_MAX).contains(by))?;
        Some((resolve(index), by))
    };
    let (base, (index, scale)) = match (scaled(first), scaled(second)) {
        (None, Some(scaled)) => (first, scaled),
        (Some(scaled), None) => (second, scaled),
        _ => return None,
    };
    Some(Address {
        memory,
        base,
        index,
        scale,
        extension,
    })
}

/// The operands of a sum.
fn sum(func: &Function, inst: Inst) -> Option<[Value; 2]> {
    match func.dfg.insts[inst] {
        InstructionData::Binary {
            opcode: Opcode::Iadd,
            args,
        } => Some(args.map(|value| func.dfg.resolve_aliases(value))),
        _ => None,
    }
}

/// The sums of addresses' extensions and memories, where these are all that uses an extension.
fn users<'a>(
    func: &Function,
    addresses: impl Iterator<Item = &'a Address>,
) -> HashMap<Inst, Vec<Inst>> {
    let of_extension: HashMap<Value, &Address> = addresses
        .map(|address| (func.dfg.first_result(address.extension), address))
        .collect();
    let mut users: HashMap<Inst, Vec<Inst>> = HashMap::new();
    let mut others = HashSet::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            for value in func.dfg.inst_values(inst) {
                let value = func.dfg.resolve_aliases(value);
                let Some(address) = of_extension.get(&value) else {
                    continue;
                };
                match sum(func, inst) {
                    Some([first, second])
                        if [first, second] == [address.memory, value]
                            || [second, first] == [address.memory, value] =>
                    {
                        users.entry(address.extension).or_default().push(inst);
                    }
                    _ => {
                        others.insert(address.extension);
                    }
                }
            }
        }
    }
    users.retain(|extension, _| !others.contains(extension));
    users
}

/// Makes the index part of the address where it can be.
fn improve(func: &mut Function, link: &Link) {
    let mut cursor = FuncCursor::new(func).at_inst(link.before);
    let base = cursor.ins().uextend(types::I64, link.base);
    let start = cursor.ins().iadd(link.memory, base);
    // So that the sum is made here; see `address.rs`.
    let flags = cranelift_codegen::ir::MemFlagsData::new();
    let start = cursor.ins().bitcast(types::I64, flags, start);
    let rest = cursor.ins().bnot(link.base);
    let by = cursor.ins().iconst(types::I32, i64::from(link.scale));
    let last = cursor.ins().ushr(rest, by);

    let [wide, far] = [(); 2].map(|()| func.dfg.make_block());
    let index = func.dfg.append_block_param(wide, types::I64);
    let block = func
        .layout
        .inst_block(link.extension)
        .expect("it is in a block");
    func.layout.split_block(wide, link.extension);
    let mut cursor = FuncCursor::new(func).at_bottom(block);
    cursor.use_srcloc(link.extension);
    let is_far = cursor
        .ins()
        .icmp(IntCC::UnsignedGreaterThan, link.index, last);
    let near = cursor.ins().uextend(types::I64, link.index);
    cursor
        .ins()
        .brif(is_far, far, &[], wide, &[BlockArg::Value(near)]);

    cursor.func.layout.insert_block_after(far, wide);
    cursor.func.layout.set_cold(far);
    let mut cursor = FuncCursor::new(func).at_bottom(far);
    let by = cursor.ins().iconst(types::I32, i64::from(link.scale));
    let scaled = cursor.ins().ishl(link.index, by);
    let sum = cursor.ins().iadd(link.base, scaled);
    let sum = cursor.ins().uextend(types::I64, sum);
    let base = cursor.ins().uextend(types::I64, link.base);
    let difference = cursor.ins().isub(sum, base);
    let far_index = cursor.ins().sshr(difference, by);
    cursor.ins().jump(wide, &[BlockArg::Value(far_index)]);

    for &sum in &link.sums {
        let mut cursor = FuncCursor::new(func).at_inst(sum);
        let by = cursor.ins().iconst(types::I32, i64::from(link.scale));
        let scaled = cursor.ins().ishl(index, by);
        cursor.func.replace(sum).iadd(start, scaled);
    }
    func.layout.remove_inst(link.extension);
}
