//! What is easily known of CLIF's values, for passes over optimised CLIF: constants, how many bits there
//! are, how often each is used.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstructionData, Opcode, Value, ValueDef, types,
};

/// How many instructions are looked through for the bits of a value.
const DEPTH_MAX: u32 = 4;

/// A constant's bits, as many as its type has.
pub fn constant(func: &Function, value: Value) -> Option<u64> {
    let value = func.dfg.resolve_aliases(value);
    match func.dfg.insts[func.dfg.value_def(value).inst()?] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => {
            let mask = u64::MAX >> (64 - func.dfg.value_type(value).bits());
            Some(imm.bits().cast_unsigned() & mask)
        }
        _ => None,
    }
}

/// A constant that is a small number, such as of bits to shift by.
pub fn small_constant(func: &Function, value: Value) -> Option<u32> {
    u32::try_from(constant(func, value)?).ok()
}

/// A constant with the sign that its type gives it.
pub fn signed_constant(func: &Function, value: Value) -> Option<i64> {
    let bits = constant(func, value)?;
    // A vector is no constant, so this type has 64 bits at most.
    let unused = 64 - func.dfg.value_type(value).bits();
    Some((bits << unused).cast_signed() >> unused)
}

/// So many of the lower bits of a value may be set.
pub fn bits(func: &Function, value: Value) -> u32 {
    bits_at(func, value, 0)
}

fn bits_at(func: &Function, value: Value, depth: u32) -> u32 {
    let value = func.dfg.resolve_aliases(value);
    let all = func.dfg.value_type(value).bits();
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return all;
    };
    let of = |value| match depth {
        DEPTH_MAX => func.dfg.value_type(value).bits(),
        _ => bits_at(func, value, depth + 1),
    };
    match (func.dfg.insts[inst].opcode(), func.dfg.inst_args(inst)) {
        (Opcode::Band, &[first, second]) => of(first).min(of(second)),
        (Opcode::Bor | Opcode::Bxor, &[first, second]) => of(first).max(of(second)),
        (Opcode::Select, &[_, first, second]) => of(first).max(of(second)),
        (Opcode::Ushr, &[shifted, by]) => match small_constant(func, by) {
            Some(by) if by < all => of(shifted).saturating_sub(by),
            _ => all,
        },
        (Opcode::Uload8, _) => 8,
        (Opcode::Uload16, _) => 16,
        (Opcode::Uload32, _) => 32,
        (Opcode::Icmp | Opcode::Fcmp, _) if func.dfg.value_type(value) == types::I8 => 1,
        (Opcode::Uextend, &[narrow]) => of(narrow),
        (Opcode::Iconst, _) => {
            constant(func, value).map_or(all, |number| 64 - number.leading_zeros())
        }
        _ => all,
    }
}

/// How often each value is used.
pub type Uses = SecondaryMap<Value, u32>;

pub fn uses(func: &Function) -> Uses {
    let mut uses = Uses::new();
    uses.resize(func.dfg.num_values());
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            each_use(func, inst, |value| {
                uses[func.dfg.resolve_aliases(value)] += 1
            });
        }
    }
    uses
}

/// Tells of each value that an instruction uses or passes on, as often as it does. Values may be other names of
/// others.
pub fn each_use(func: &Function, inst: Inst, mut used: impl FnMut(Value)) {
    let dfg = &func.dfg;
    match dfg.insts[inst] {
        // As most are.
        InstructionData::UnaryImm { .. } => {}
        InstructionData::Unary { arg, .. } | InstructionData::Load { arg, .. } => used(arg),
        InstructionData::Binary { args, .. }
        | InstructionData::IntCompare { args, .. }
        | InstructionData::Store { args, .. } => args.into_iter().for_each(used),
        InstructionData::Jump { .. }
        | InstructionData::Brif { .. }
        | InstructionData::BranchTable { .. }
        | InstructionData::TryCall { .. }
        | InstructionData::TryCallIndirect { .. } => dfg.inst_values(inst).for_each(used),
        _ => dfg.inst_args(inst).iter().copied().for_each(used),
    }
}

/// The destinations of an instruction that may branch, with what they are given.
pub fn destinations(func: &Function, branch: Inst) -> &[BlockCall] {
    let dfg = &func.dfg;
    dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables)
}

/// The blocks that an instruction may branch to.
pub fn targets(func: &Function, branch: Inst) -> impl Iterator<Item = Block> {
    let calls = destinations(func, branch).iter();
    calls.map(|call| call.block(&func.dfg.value_lists))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::InstBuilder;

    #[test]
    fn bits_are_those_that_may_be_set() {
        let mut func = Function::new();
        let block = func.dfg.make_block();
        let any = func.dfg.append_block_param(block, types::I32);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(block);
        let [minus, four, mask] =
            [0xffff_ffff, 4, 0xff0].map(|number| cursor.ins().iconst(types::I32, number));
        let masked = cursor.ins().band(any, mask);
        let shifted = cursor.ins().ushr(masked, four);
        let joined = cursor.ins().bor(shifted, four);
        let wide = cursor.ins().uextend(types::I64, joined);
        let sum = cursor.ins().iadd(joined, joined);
        let found = [any, minus, masked, shifted, wide, sum].map(|value| bits(&func, value));
        assert_eq!(found, [32, 32, 12, 8, 8, 32]);
        assert_eq!(constant(&func, minus), Some(0xffff_ffff));
        assert_eq!(signed_constant(&func, minus), Some(-1));
        assert_eq!(constant(&func, any), None);
        let uses = uses(&func);
        assert_eq!([joined, four, sum].map(|value| uses[value]), [3, 2, 0]);
    }
}
