//! Which loops look for a byte, and what comes in front of them.

use super::super::improve;
use crate::emit::survey::Survey;
use crate::target::Arch;
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, Block, InstBuilder, MemFlagsData, Value, types};
use cranelift_codegen::verify_function;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

#[derive(Clone, Copy)]
struct Parts {
    base: Value,
    /// Of 32 bits, and the parameter of the header.
    index: Value,
    limit: Value,
    header: Block,
    out: Block,
}

impl Parts {
    fn byte(self, builder: &mut FunctionBuilder<'_>) -> Value {
        let index = builder.ins().uextend(types::I64, self.index);
        let address = builder.ins().iadd(self.base, index);
        let flags = MemFlagsData::new();
        builder.ins().uload8(types::I32, flags, address, 0)
    }

    /// Goes on with the index that is so much larger, or leaves the loop.
    fn branch(self, builder: &mut FunctionBuilder<'_>, leaves: Value, step: i64) {
        let next = builder.ins().iadd_imm_s(self.index, step);
        let (header, out) = (self.header, self.out);
        builder.ins().brif(leaves, out, &[], header, &[next.into()]);
    }
}

/// The CLIF of a function with a loop, improved for a processor.
fn improved(arch: Arch, body: impl FnOnce(&mut FunctionBuilder<'_>, Parts)) -> String {
    let isa = crate::emit::target_isa(&crate::Options::default());
    let mut context = Context::new();
    let params = [types::I64, types::I32, types::I32].map(AbiParam::new);
    context.func.signature.params.extend(params);
    context
        .func
        .signature
        .returns
        .push(AbiParam::new(types::I32));
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    let [entry, header, out] = [(); 3].map(|()| builder.create_block());
    builder.append_block_params_for_function_params(entry);
    let index = builder.append_block_param(header, types::I32);
    builder.switch_to_block(entry);
    let [base, first, limit] = [0, 1, 2].map(|n| builder.block_params(entry)[n]);
    builder.ins().jump(header, &[first.into()]);
    let parts = Parts {
        base,
        index,
        limit,
        header,
        out,
    };
    builder.switch_to_block(header);
    body(&mut builder, parts);
    builder.switch_to_block(out);
    builder.ins().return_(&[index]);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
    context.flowgraph();
    let mut survey = Survey::of(&context.func);
    improve(&mut context, &mut survey, true, Some(arch));
    verify_function(&context.func, isa.flags()).expect("it is still valid");
    context.func.display().to_string()
}

fn is_searched(clif: &str) -> bool {
    clif.contains("load.i8x16")
}

/// Looks for a byte that is equal to a number.
fn looks_for(number: i64) -> impl Fn(&mut FunctionBuilder<'_>, Parts) {
    move |builder, parts| {
        let byte = parts.byte(builder);
        let is_found = builder.ins().icmp_imm_s(IntCC::Equal, byte, number);
        parts.branch(builder, is_found, 1);
    }
}

#[test]
fn a_byte_is_looked_for_in_vectors() {
    for (arch, test) in [
        (Arch::X86_64, "vhigh_bits.i64"),
        (Arch::Aarch64, "vany_true"),
    ] {
        let clif = improved(arch, looks_for(10));
        assert!(is_searched(&clif) && clif.contains(test), "{clif}");
        // The loop is there, with its load; the first byte is loaded before it.
        assert_eq!(clif.matches("uload8").count(), 2, "{clif}");
    }
}

#[test]
fn what_no_byte_is_equal_to_is_not_looked_for() {
    for number in [-1, 256] {
        let clif = improved(Arch::X86_64, looks_for(number));
        assert!(!is_searched(&clif), "{clif}");
    }
}

#[test]
fn a_limit_is_computed_from_both_sides_of_a_comparison() {
    for (code, swapped) in [
        (IntCC::Equal, false),
        (IntCC::UnsignedGreaterThanOrEqual, false),
        (IntCC::SignedLessThan, true),
    ] {
        let clif = improved(Arch::X86_64, |builder, parts| {
            let byte = parts.byte(builder);
            let is_found = builder.ins().icmp_imm_s(IntCC::Equal, byte, 0);
            let is_end = match swapped {
                false => builder.ins().icmp(code, parts.index, parts.limit),
                true => builder.ins().icmp(code, parts.limit, parts.index),
            };
            let leaves = builder.ins().bor(is_found, is_end);
            parts.branch(builder, leaves, 1);
        });
        assert!(
            is_searched(&clif) && clif.contains("isub.i32 v2, v1"),
            "{clif}"
        );
    }
}

#[test]
fn a_limit_that_is_passed_at_first_is_none() {
    let clif = improved(Arch::X86_64, |builder, parts| {
        let byte = parts.byte(builder);
        let is_found = builder.ins().icmp_imm_s(IntCC::Equal, byte, 0);
        let below = IntCC::UnsignedLessThan;
        let is_end = builder.ins().icmp(below, parts.index, parts.limit);
        let leaves = builder.ins().bor(is_found, is_end);
        parts.branch(builder, leaves, 1);
    });
    assert!(!is_searched(&clif), "{clif}");
}

#[test]
fn a_loop_that_does_more_stays_as_it_is() {
    let stores = improved(Arch::X86_64, |builder, parts| {
        let byte = parts.byte(builder);
        let flags = MemFlagsData::new();
        builder.ins().istore8(flags, byte, parts.base, 0);
        let is_found = builder.ins().icmp_imm_s(IntCC::Equal, byte, 0);
        parts.branch(builder, is_found, 1);
    });
    let steps = improved(Arch::X86_64, |builder, parts| {
        let byte = parts.byte(builder);
        let is_found = builder.ins().icmp_imm_s(IntCC::Equal, byte, 0);
        parts.branch(builder, is_found, 2);
    });
    let other = improved(Arch::X86_64, |builder, parts| {
        let byte = parts.byte(builder);
        let is_other = builder.ins().icmp_imm_s(IntCC::NotEqual, byte, 32);
        parts.branch(builder, is_other, 1);
    });
    let jumps = improved(Arch::X86_64, |builder, parts| {
        let byte = parts.byte(builder);
        let next = builder.ins().iadd(parts.index, byte);
        let (header, out) = (parts.header, parts.out);
        builder.ins().brif(byte, header, &[next.into()], out, &[]);
    });
    for clif in [stores, steps, other, jumps] {
        assert!(!is_searched(&clif), "{clif}");
    }
}

/// Compares bytes of two places; `loads` gives both, and may do something between.
fn compares(
    differ: impl Fn(&mut FunctionBuilder<'_>, Value, Value) -> Value,
    between: impl Fn(&mut FunctionBuilder<'_>, Parts, Value),
) -> impl Fn(&mut FunctionBuilder<'_>, Parts) {
    move |builder, parts| {
        let one = parts.byte(builder);
        between(builder, parts, one);
        let other = Parts {
            index: builder.ins().iadd_imm_s(parts.index, 500),
            ..parts
        };
        let other = other.byte(builder);
        let differs = differ(builder, one, other);
        let is_end = builder.ins().icmp(IntCC::Equal, parts.index, parts.limit);
        let differs = match builder.func.dfg.value_type(differs) {
            types::I8 => differs,
            _ => builder.ins().icmp_imm_s(IntCC::NotEqual, differs, 0),
        };
        let leaves = builder.ins().bor(differs, is_end);
        parts.branch(builder, leaves, 1);
    }
}

#[test]
fn bytes_of_two_places_are_compared_in_vectors() {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        for form in 0..3 {
            let differ = move |builder: &mut FunctionBuilder<'_>, one, other| match form {
                0 => builder.ins().icmp(IntCC::NotEqual, one, other),
                1 => builder.ins().isub(one, other),
                _ => builder.ins().bxor(other, one),
            };
            let clif = improved(arch, compares(differ, |_, _, _| {}));
            assert_eq!(clif.matches("load.i8x16").count(), 4, "{clif}");
        }
    }
}

#[test]
fn a_loop_that_may_be_left_before_its_second_load_stays_as_it_is() {
    let differ = |builder: &mut FunctionBuilder<'_>, one, other| builder.ins().isub(one, other);
    let is_zero = |builder: &mut FunctionBuilder<'_>, parts: Parts, byte: Value| {
        let next = builder.create_block();
        builder.ins().brif(byte, next, &[], parts.out, &[]);
        builder.switch_to_block(next);
    };
    let clif = improved(Arch::X86_64, compares(differ, is_zero));
    assert!(!is_searched(&clif), "{clif}");
}

#[test]
fn a_loop_that_is_left_when_bytes_are_equal_stays_as_it_is() {
    let equal = |builder: &mut FunctionBuilder<'_>, one, other| {
        builder.ins().icmp(IntCC::Equal, one, other)
    };
    let clif = improved(Arch::X86_64, compares(equal, |_, _, _| {}));
    assert!(!is_searched(&clif), "{clif}");
}
