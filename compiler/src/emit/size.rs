//! How much a function is, for who decides whether it is worth inlining.
//!
//! An address that was formed once for several accesses (`translate/formed.rs`) counts with each: in
//! machine code, forming it is a part of the access. A constant counts where it is used, too, however many
//! uses `translate/constants.rs` has one instruction for, and so does one that is an address. A condition
//! counts as if it were made a number where it is used (`translate/condition.rs`). What a loop
//! uses and does not change counts once more: it takes a register for as long as the loop runs. A loop that
//! may look for a byte counts as what `loops/byte` puts in front of it, if many would have a copy: SQLite
//! would have ten of each and be 3 % larger, of which none saves more than a call. So does one that compares bytes,
//! if more would: Rust's programs would have a hundred and be 9 % larger. SQLite's has fewer callers, and executes
//! 2 % more with calls in place of copies.

use cranelift_codegen::entity::{EntitySet, SecondaryMap};
use cranelift_codegen::ir::{Block, Function, InstructionData, Opcode, Value, ValueDef};

/// A call has arguments to move, and registers to save.
const CALL_SIZE: usize = 4;
/// An address is formed by an extension and a sum.
const FORMING_SIZE: usize = 2;
/// What is in front of a loop that looks for a byte, or compares some.
const BYTE_LOOP_SIZE: usize = 70;
/// With more copies, a loop that looks for a byte counts as that.
const SEARCHES_MAX: usize = 8;
/// The same of one that compares bytes.
const COMPARISONS_MAX: usize = 17;
/// Loops around each other, beyond which what they use is not looked for.
const LOOPS_MAX: usize = 16;

pub struct Size {
    /// Its instructions and blocks, calls as what they cost.
    pub code: usize,
    pub values: usize,
}

impl Size {
    /// The size of a function with so many conditions that are not made numbers, of which there might be so many
    /// copies. With none, loops that look for a byte count as they are.
    pub fn of(func: &Function, conditions: usize, copies: usize) -> Size {
        let mut formed = EntitySet::with_capacity(func.dfg.num_values());
        let in_loops = in_loops(func);
        let counted = |loops: usize, most| if copies > most { loops } else { 0 };
        let byte_loops = BYTE_LOOP_SIZE
            * (counted(in_loops.searches, SEARCHES_MAX)
                + counted(in_loops.comparisons, COMPARISONS_MAX));
        let mut size = Size {
            code: conditions + byte_loops,
            values: func.dfg.num_values() + conditions + in_loops.used + byte_loops,
        };
        for block in func.layout.blocks() {
            size.code += 1;
            for inst in func.layout.block_insts(block) {
                let data = &func.dfg.insts[inst];
                size.code += match data.opcode() {
                    Opcode::Iconst => {
                        size.values -= 1;
                        continue;
                    }
                    opcode if opcode.is_call() => CALL_SIZE,
                    _ => 1,
                };
                let constants = func
                    .dfg
                    .inst_values(inst)
                    .filter(|&value| is_constant(func, value));
                let constants = constants.count();
                size.code += constants;
                size.values += constants;
                let (address, offset) = match *data {
                    InstructionData::Load { arg, offset, .. } => (arg, offset),
                    InstructionData::Store { args, offset, .. } => (args[1], offset),
                    _ => continue,
                };
                let address = func.dfg.resolve_aliases(address);
                let sum = func.dfg.value_def(address).inst();
                let is_formed = sum.is_some_and(|sum| func.dfg.insts[sum].opcode() == Opcode::Iadd);
                // What is below the memory is the context.
                let is_constant = !is_formed && i32::from(offset) >= 0;
                let more = match is_formed && !formed.insert(address) {
                    true => FORMING_SIZE,
                    false if is_constant => FORMING_SIZE + 1,
                    false => 0,
                };
                size.code += more;
                size.values += more;
            }
        }
        size
    }
}

#[derive(Default)]
struct InLoops {
    /// Values that they use and that are from before these, for each loop.
    used: usize,
    /// Loops that may look for a byte: they load one, store nothing and call nobody.
    searches: usize,
    /// Loops that may compare bytes: they load two.
    comparisons: usize,
}

/// In the order of blocks, a loop is from its header to the last branch back.
fn in_loops(func: &Function) -> InLoops {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    let mut positions: SecondaryMap<Block, usize> = SecondaryMap::new();
    let mut ends: Vec<Option<usize>> = vec![None; blocks.len()];
    for (at, &block) in blocks.iter().enumerate() {
        positions[block] = at;
        for to in func.block_successors(block) {
            // Those that come later have no position yet.
            if positions[to] <= at && blocks[positions[to]] == to {
                ends[positions[to]] = Some(at);
            }
        }
    }
    let mut found = InLoops::default();
    let mut looked_at = 0;
    for (header, end) in ends.iter().enumerate() {
        let Some(end) = *end else { continue };
        looked_at += end + 1 - header;
        if looked_at > LOOPS_MAX * blocks.len() {
            break;
        }
        let mut used = EntitySet::new();
        let (mut loads, mut others) = (0, 0);
        for &block in &blocks[header..=end] {
            for inst in func.layout.block_insts(block) {
                let opcode = func.dfg.insts[inst].opcode();
                loads += usize::from(opcode == Opcode::Uload8);
                others += usize::from(opcode.is_call() || opcode.can_store());
                for value in func.dfg.inst_values(inst) {
                    let value = func.dfg.resolve_aliases(value);
                    let from = match func.dfg.value_def(value) {
                        ValueDef::Param(block, _) => Some(block),
                        ValueDef::Result(inst, _) => func.layout.inst_block(inst),
                        ValueDef::Union(..) => None,
                    };
                    let is_before = from.is_some_and(|from| positions[from] < header);
                    if is_before && !is_constant(func, value) && used.insert(value) {
                        found.used += 1;
                    }
                }
            }
        }
        match (loads, others) {
            (1, 0) => found.searches += 1,
            (2, 0) => found.comparisons += 1,
            _ => {}
        }
    }
    found
}

fn is_constant(func: &Function, value: Value) -> bool {
    let inst = func.dfg.value_def(value).inst();
    inst.is_some_and(|inst| func.dfg.insts[inst].opcode() == Opcode::Iconst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};

    /// Three loads from one sum, each of a sum of its own if `apart`.
    fn loads(apart: bool) -> Function {
        let mut func = Function::new();
        let block = func.dfg.make_block();
        let base = func.dfg.append_block_param(block, types::I64);
        let index = func.dfg.append_block_param(block, types::I32);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(block);
        let mut address = None;
        for offset in 0..3 {
            let formed = match address {
                Some(address) if !apart => address,
                _ => {
                    let wide = cursor.ins().uextend(types::I64, index);
                    cursor.ins().iadd(base, wide)
                }
            };
            address = Some(formed);
            let flags = MemFlagsData::new();
            cursor.ins().load(types::I32, flags, formed, 4 * offset);
        }
        func
    }

    #[test]
    fn what_is_formed_once_counts_with_each_access() {
        let [once, apart] = [false, true].map(|apart| Size::of(&loads(apart), 0, usize::MAX));
        assert_eq!(once.code, 1 + 9);
        assert_eq!(once.code, apart.code);
        assert_eq!(once.values, apart.values);
    }

    /// A block that uses a value of the one before, twice, and leads to itself if `repeats`.
    fn used(repeats: bool) -> Function {
        let mut func = Function::new();
        let [first, next, last] = [(); 3].map(|()| func.dfg.make_block());
        let value = func.dfg.append_block_param(first, types::I32);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(first);
        cursor.ins().jump(next, &[]);
        cursor.insert_block(next);
        let sum = cursor.ins().iadd(value, value);
        let other = if repeats { next } else { last };
        cursor.ins().brif(sum, other, &[], last, &[]);
        cursor.insert_block(last);
        cursor.ins().return_(&[]);
        func
    }

    #[test]
    fn what_a_loop_uses_and_does_not_change_counts_once_more() {
        let [once, often] = [false, true].map(|repeats| Size::of(&used(repeats), 0, usize::MAX));
        assert_eq!((once.values, often.values), (2, 3));
        assert_eq!(once.code, often.code);
    }

    /// A loop that loads so many bytes, and stores the last if `stores`.
    fn loading(bytes: i32, stores: bool) -> Function {
        let mut func = Function::new();
        let [first, next, last] = [(); 3].map(|()| func.dfg.make_block());
        let address = func.dfg.append_block_param(first, types::I64);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(first);
        cursor.ins().jump(next, &[]);
        cursor.insert_block(next);
        let flags = MemFlagsData::new();
        for offset in 1..bytes {
            cursor.ins().uload8(types::I32, flags, address, offset);
        }
        let byte = cursor.ins().uload8(types::I32, flags, address, 0);
        if stores {
            cursor.ins().istore8(flags, byte, address, 1);
        }
        cursor.ins().brif(byte, next, &[], last, &[]);
        cursor.insert_block(last);
        cursor.ins().return_(&[]);
        func
    }

    #[test]
    fn a_loop_that_may_look_for_a_byte_counts_as_what_it_becomes() {
        for (bytes, stores, copies_max) in [
            (1, false, Some(SEARCHES_MAX)),
            (1, true, None),
            (2, false, Some(COMPARISONS_MAX)),
            (3, false, None),
        ] {
            let func = loading(bytes, stores);
            let as_it_is = Size::of(&func, 0, 0);
            let counted = |copies| {
                let size = Size::of(&func, 0, copies);
                let [code, values] = [size.code - as_it_is.code, size.values - as_it_is.values];
                assert_eq!(code, values);
                code
            };
            let [few, many] = [counted(copies_max.unwrap_or(8)), counted(usize::MAX)];
            assert_eq!(few, 0);
            let more = copies_max.map_or(0, |_| BYTE_LOOP_SIZE);
            assert_eq!(many, more, "{bytes} {stores}");
            if let Some(most) = copies_max {
                assert_eq!(counted(most + 1), more, "{bytes}");
            }
        }
    }

    /// Three sums with the same number, each with one of its own if `apart`.
    fn sums(apart: bool) -> Function {
        let mut func = Function::new();
        let block = func.dfg.make_block();
        let value = func.dfg.append_block_param(block, types::I32);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(block);
        let mut number = cursor.ins().iconst(types::I32, 5);
        for at in 0..3 {
            if apart && at > 0 {
                number = cursor.ins().iconst(types::I32, 5);
            }
            cursor.ins().iadd(value, number);
        }
        func
    }

    #[test]
    fn a_constant_counts_with_each_use() {
        let [once, apart] = [false, true].map(|apart| Size::of(&sums(apart), 0, usize::MAX));
        assert_eq!(once.code, 1 + 6);
        assert_eq!(once.code, apart.code);
        assert_eq!(once.values, 7);
        assert_eq!(once.values, apart.values);
    }
}
