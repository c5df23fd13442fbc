//! Indices of tables with fewer instructions. Comes in: optimised CLIF. Goes out: CLIF that is to be
//! lowered as it is.
//!
//! What is subtracted from the index of a branch table becomes entries of the table. Compilers subtract
//! the least of the cases:
//!
//! ```text
//!     v3 = iadd v1, -2                        ; br_table v1, default, [default, default, block1, block2]
//!     br_table v3, default, [block1, block2]
//! ```
//!
//! `v3` is out of range for `v1` of 0 and 1, as it is then among the largest numbers, and for those
//! that are out of range of the longer table; for all others, the same entry is taken.
//!
//! An index of a table in memory is extended before it is scaled, so that the scale becomes part of
//! the address:
//!
//! ```text
//!     v3 = ishl v1, 2                         ; v3 = uextend.i64 v1
//!     v4 = uextend.i64 v3                     ; v4 = ishl v3, 2
//! ```
//!
//! That is the same where `v1` has as many bits less than 32, which is looked for in how it is made.
//!
//! Linear: each instruction is looked at twice, and a limited number of those it is made of.

use super::survey::Survey;
use crate::facts;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, JumpTableData, Opcode, Value, ValueDef, types,
};

/// The most that is put into a table as entries.
const SUBTRACTED_MAX: u32 = 16;
/// The largest scale of an address is 1 << this.
const SCALE_MAX: u32 = 3;

/// Improves the indices of an optimised function.
pub fn improve(func: &mut Function, survey: &Survey) {
    let is_scaled =
        |&inst: &Inst| func.layout.inst_block(inst).is_some() && scaled(func, inst).is_some();
    let extensions = survey.extensions.iter().copied().filter(is_scaled);
    let extensions: Vec<Inst> = extensions.collect();
    for &inst in &survey.tables {
        lengthen(func, inst);
    }
    if extensions.is_empty() {
        return;
    }
    let uses = facts::uses(func);
    for inst in extensions {
        let (shifted, index, scale) = scaled(func, inst).expect("it was found before");
        if uses[shifted] == 1 {
            let mut cursor = FuncCursor::new(func).at_inst(inst);
            cursor.use_srcloc(inst);
            let index = cursor.ins().uextend(types::I64, index);
            let scale = cursor.ins().iconst(types::I32, i64::from(scale));
            cursor.func.replace(inst).ishl(index, scale);
        }
    }
}

/// Puts what is subtracted from the index of a branch table into the table.
fn lengthen(func: &mut Function, inst: Inst) {
    let InstructionData::BranchTable { arg, table, .. } = func.dfg.insts[inst] else {
        unreachable!("it is a branch table");
    };
    let Some((Opcode::Iadd, [index, added])) = binary(func, arg) else {
        return;
    };
    let Some(subtracted) = facts::small_constant(func, added).map(u32::wrapping_neg) else {
        return;
    };
    if !(1..=SUBTRACTED_MAX).contains(&subtracted) || func.dfg.value_type(index) != types::I32 {
        return;
    }
    let data = &func.dfg.jump_tables[table];
    let default = data.default_block();
    let before = std::iter::repeat_n(default, subtracted as usize);
    let entries: Vec<_> = before.chain(data.as_slice().iter().copied()).collect();
    let table = func
        .dfg
        .jump_tables
        .push(JumpTableData::new(default, &entries));
    func.dfg.insts[inst] = InstructionData::BranchTable {
        opcode: Opcode::BrTable,
        arg: index,
        table,
    };
}

/// What `uextend.i64` of an index that is shifted by a scale of addresses extends, if the index has no
/// bits that are lost: the shifted value, the index and the scale.
fn scaled(func: &Function, inst: Inst) -> Option<(Value, Value, u32)> {
    let shifted = func.dfg.resolve_aliases(func.dfg.inst_args(inst)[0]);
    let extends = |value, ty| func.dfg.value_type(value) == ty;
    if !extends(func.dfg.first_result(inst), types::I64) || !extends(shifted, types::I32) {
        return None;
    }
    let Some((Opcode::Ishl, [index, scale])) = binary(func, shifted) else {
        return None;
    };
    let scale =
        facts::small_constant(func, scale).filter(|scale| (1..=SCALE_MAX).contains(scale))?;
    let fits = facts::bits(func, index) + scale <= 32;
    fits.then_some((shifted, index, scale))
}

fn binary(func: &Function, value: Value) -> Option<(Opcode, [Value; 2])> {
    let value = func.dfg.resolve_aliases(value);
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    match func.dfg.insts[inst] {
        InstructionData::Binary { opcode, args } => Some((opcode, args)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::Context;
    use cranelift_codegen::ir::{AbiParam, Block, MemFlagsData};
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// A function of an address and an index, of which `body` makes another index; the block that it
    /// ends is followed by two that return.
    fn improved(body: impl FnOnce(&mut FunctionBuilder<'_>, [Value; 2])) -> String {
        let isa = crate::emit::target_isa(&crate::Options::default());
        let mut context = Context::new();
        let params = [types::I64, types::I32].map(AbiParam::new);
        context.func.signature.params.extend(params);
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        let blocks = [(); 3].map(|()| builder.create_block());
        builder.append_block_params_for_function_params(blocks[0]);
        builder.switch_to_block(blocks[0]);
        let params = [0, 1].map(|n| builder.block_params(blocks[0])[n]);
        body(&mut builder, params);
        for block in &blocks[1..] {
            builder.switch_to_block(*block);
            builder.ins().return_(&[]);
        }
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
        let survey = Survey::of(&context.func);
        improve(&mut context.func, &survey);
        cranelift_codegen::verify_function(&context.func, isa.flags()).expect("it is still valid");
        context.func.display().to_string()
    }

    /// `br_table index - subtracted, block2, [block1, block2]`
    fn branch(builder: &mut FunctionBuilder<'_>, index: Value, subtracted: i64) {
        let [first, second] = [1, 2].map(Block::from_u32);
        let number = builder.ins().iconst(types::I32, -subtracted & 0xffff_ffff);
        let index = builder.ins().iadd(index, number);
        let calls = [first, second].map(|block| builder.func.dfg.block_call(block, &[]));
        let table = builder.create_jump_table(JumpTableData::new(calls[1], &calls));
        builder.ins().br_table(index, table);
    }

    #[test]
    fn what_is_subtracted_becomes_entries() {
        let text = improved(|builder, [_, index]| branch(builder, index, 2));
        let expected = "br_table v1, block2, [block2, block2, block1, block2]";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn what_would_be_many_entries_stays_subtracted() {
        for subtracted in [17, 0, -1] {
            let text = improved(|builder, [_, index]| branch(builder, index, subtracted));
            assert!(
                text.contains("br_table v3, block2, [block1, block2]"),
                "{text}"
            );
        }
    }

    /// Loads from an index that is masked and scaled.
    fn scaled(mask: i64, scale: i64) -> String {
        improved(|builder, [base, index]| {
            let index = builder.ins().band_imm_u(index, mask);
            let index = builder.ins().ishl_imm_u(index, scale);
            let index = builder.ins().uextend(types::I64, index);
            let address = builder.ins().iadd(base, index);
            let flags = MemFlagsData::new();
            let loaded = builder.ins().load(types::I32, flags, address, 16);
            branch(builder, loaded, 17);
        })
    }

    #[test]
    fn what_fits_is_extended_before_it_is_scaled() {
        for (mask, scale, fits) in [
            (127, 2, true),
            (0x3fff_ffff, 2, true),
            (0x4000_0000, 2, false),
            (127, 4, false),
        ] {
            let text = scaled(mask, scale);
            let masked = text
                .lines()
                .find(|line| line.contains("band"))
                .expect("a mask");
            let masked = masked.trim().split(' ').next().expect("its result");
            let extends = format!("uextend.i64 {masked}");
            assert_eq!(text.contains(&extends), fits, "{text}");
        }
    }
}
