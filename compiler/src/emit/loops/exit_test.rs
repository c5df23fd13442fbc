//! A loop that compares its induction variable's next value with a limit comes out of the
//! optimisation comparing the old value, with a limit that is less. Then both values are alive at
//! the branch and need a register each, so that the back edge is a move and a jump where the branch
//! alone would do: nine instructions instead of seven in a loop over bytes.
//!
//! ```text
//!     v3 = icmp ne v1, 199                    ;     v2 = iadd_imm v1, 1
//!     v2 = iadd_imm v1, 1                     ;     v3 = icmp ne v2, 200
//!     brif v3, block1(v2), block2             ;     brif v3, block1(v2), block2
//! ```
//!
//! Linear: each block's branch is looked at once, with its arguments.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockCall, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
};

/// Makes back edges that test the old value of an induction variable test the next one.
pub fn compare_next(func: &mut Function) {
    let tests: Vec<ExitTest> = func
        .layout
        .blocks()
        .filter_map(|block| exit_test(func, block))
        .collect();
    for test in &tests {
        test_next(func, test);
    }
}

/// A back edge that is taken depending on whether the old value of an induction variable is
/// `base + offset`.
struct ExitTest {
    branch: Inst,
    code: IntCC,
    /// The induction variable's next value: the header's parameter plus `increment`.
    next: Value,
    increment: i64,
    base: Option<Value>,
    offset: i64,
}

/// The test of the branch at the end of a block.
fn exit_test(func: &Function, block: Block) -> Option<ExitTest> {
    let branch = func.layout.last_inst(block)?;
    let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[branch] else {
        return None;
    };
    let InstructionData::IntCompare {
        cond: code @ (IntCC::Equal | IntCC::NotEqual),
        args,
        ..
    } = func.dfg.insts[func.dfg.value_def(arg).inst()?]
    else {
        return None;
    };
    let [variable, limit] = args.map(|value| func.dfg.resolve_aliases(value));
    let ValueDef::Param(header, position) = func.dfg.value_def(variable) else {
        return None;
    };
    // A block whose parameter is used here dominates this one: a branch to it is a back edge.
    let is_back = |call: &&BlockCall| call.block(&func.dfg.value_lists) == header;
    let back = blocks.iter().find(is_back)?;
    let next = back.args(&func.dfg.value_lists).nth(position)?.as_value()?;
    let (from, increment) = sum(func, next)?;
    let (base, offset) = match constant(func, limit) {
        Some(offset) => (None, offset),
        None => sum(func, limit).map(|(base, offset)| (Some(base), offset))?,
    };
    (from == variable).then_some(ExitTest {
        branch,
        code,
        next,
        increment,
        base,
        offset,
    })
}

/// The parts of a value that is another one plus a constant.
fn sum(func: &Function, value: Value) -> Option<(Value, i64)> {
    match func.dfg.insts[func.dfg.value_def(value).inst()?] {
        InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [base, offset],
        } => Some((func.dfg.resolve_aliases(base), constant(func, offset)?)),
        _ => None,
    }
}

fn constant(func: &Function, value: Value) -> Option<i64> {
    match func.dfg.insts[func.dfg.value_def(value).inst()?] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => Some(imm.bits()),
        _ => None,
    }
}

/// Makes the branch test the next value.
fn test_next(func: &mut Function, test: &ExitTest) {
    let ty = func.dfg.value_type(test.next);
    let mask = u64::MAX >> (64 - ty.bits());
    let offset = test.offset.wrapping_add(test.increment).cast_unsigned() & mask;
    let mut cursor = FuncCursor::new(func).at_inst(test.branch);
    let offset_value = cursor.ins().iconst(ty, offset.cast_signed());
    let end = match test.base {
        None => offset_value,
        Some(base) if offset == 0 => base,
        Some(base) => cursor.ins().iadd(base, offset_value),
    };
    let condition = cursor.ins().icmp(test.code, test.next, end);
    func.dfg.inst_args_mut(test.branch)[0] = condition;
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::Context;
    use cranelift_codegen::ir::{AbiParam, Type, types};
    use cranelift_codegen::verify_function;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// A loop whose induction variable is incremented until its next value is `end`, or `end` more than the
    /// function's parameter; optimised and improved.
    fn improved(ty: Type, increment: i64, end: i64, from_param: bool) -> String {
        let options = crate::Options::default();
        let isa = crate::emit::target_isa(&options);
        let mut context = Context::new();
        context.func.signature.params.push(AbiParam::new(ty));
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        let [entry, header, exit] = [(); 3].map(|()| builder.create_block());
        builder.append_block_params_for_function_params(entry);
        let variable = builder.append_block_param(header, ty);
        builder.switch_to_block(entry);
        let param = builder.block_params(entry)[0];
        builder.ins().jump(header, &[param.into()]);
        builder.switch_to_block(header);
        let next = builder.ins().iadd_imm_s(variable, increment);
        let end = match from_param {
            true => builder.ins().iadd_imm_s(param, end),
            false => builder.ins().iconst(ty, end),
        };
        let is_last = builder.ins().icmp(IntCC::Equal, next, end);
        builder
            .ins()
            .brif(is_last, exit, &[], header, &[next.into()]);
        builder.switch_to_block(exit);
        builder.ins().return_(&[]);
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
        let mut control = cranelift_codegen::control::ControlPlane::default();
        context.optimize(&*isa, &mut control).expect("it is valid");
        compare_next(&mut context.func);
        verify_function(&context.func, isa.flags()).expect("it is still valid");
        context.func.display().to_string()
    }

    /// The line that makes the condition of the only branch, and its right operand's.
    fn condition(clif: &str) -> (&str, &str) {
        let made = |name: &str| {
            let start = format!("{name} = ");
            let line = clif.lines().map(str::trim).find(|l| l.starts_with(&start));
            line.unwrap_or_default()
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
        };
        let branch = clif
            .lines()
            .find(|line| line.contains("brif"))
            .expect("a branch");
        let condition = made(
            branch.trim()["brif ".len()..]
                .split(',')
                .next()
                .unwrap_or_default(),
        );
        (
            condition,
            made(condition.rsplit(' ').next().unwrap_or_default()),
        )
    }

    #[test]
    fn the_next_value_is_compared() {
        for (ty, increment, end, limit) in [
            (types::I32, 1, 200, "200"),
            (types::I32, -1, 7, "7"),
            (types::I64, 8, 0, "0"),
            (types::I32, 4, 0xffff_fffc, "-4"),
        ] {
            let clif = improved(ty, increment, end, false);
            let (condition, operand) = condition(&clif);
            let next = clif
                .lines()
                .find(|line| line.contains("iadd"))
                .expect("an increment");
            let next = next.trim().split(' ').next().unwrap_or_default();
            assert!(condition.contains(&format!(" {next}, ")), "{clif}");
            assert!(operand.ends_with(&format!("iconst.{ty} {limit}")), "{clif}");
        }
    }

    #[test]
    fn a_limit_may_be_relative() {
        let clif = improved(types::I64, 8, 24, true);
        let (condition, operand) = condition(&clif);
        assert!(
            condition.contains("icmp") && operand.contains("iadd.i64 v0"),
            "{clif}"
        );
        assert!(clif.contains("iconst.i64 24"), "{clif}");
    }
}
