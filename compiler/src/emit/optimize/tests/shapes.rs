//! What is made of one thing each.

use super::optimized;
use crate::emit::optimize::Optimizer;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, AliasRegionData, Block, BlockCall, Function, InstBuilder, JumpTableData,
    MemFlagsData, Signature, UserFuncName, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::borrow::Cow;

/// The instructions of a function of two addresses and two numbers, when it is optimised, without their
/// numbering: a block a line, values by where they are first named.
fn shape(fill: impl FnOnce(&mut FunctionBuilder<'_>, [Value; 4])) -> String {
    let isa = crate::emit::target_isa(&crate::Options::default());
    let signature = Signature::new(isa.default_call_conv());
    let mut func = Function::with_name_signature(UserFuncName::testcase("f"), signature);
    let params = [types::I64, types::I64, types::I32, types::I32];
    func.signature.params.extend(params.map(AbiParam::new));
    func.signature.returns.push(AbiParam::new(types::I32));
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut frontend);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let params = [0, 1, 2, 3].map(|n| builder.block_params(entry)[n]);
    fill(&mut builder, params);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
    let func = optimized(&func, &mut Optimizer::default());
    let mut text = String::new();
    for block in func.layout.blocks() {
        let insts = func.layout.block_insts(block);
        let opcodes = insts.map(|inst| func.dfg.insts[inst].opcode().to_string());
        text += &format!("{block}: {}\n", opcodes.collect::<Vec<_>>().join(" "));
    }
    text
}

/// Accesses to parts of memory of which none is another's.
fn flags(builder: &mut FunctionBuilder<'_>, part: u32) -> MemFlagsData {
    let region = AliasRegionData {
        user_id: part,
        description: Cow::Borrowed("part"),
    };
    let region = builder.func.dfg.alias_regions.insert(region);
    MemFlagsData::new().with_alias_region(Some(region))
}

#[test]
fn what_one_arm_needs_is_made_in_it_and_what_both_need_once() {
    let made = shape(|builder, [_, _, x, y]| {
        let product = builder.ins().imul(x, y);
        let inverse = builder.ins().bnot(x);
        let [yes, no] = [(); 2].map(|()| builder.create_block());
        builder.ins().brif(product, yes, &[], no, &[]);
        builder.switch_to_block(yes);
        let again = builder.ins().imul(x, y);
        let both = builder.ins().bxor(again, inverse);
        builder.ins().return_(&[both]);
        builder.switch_to_block(no);
        builder.ins().return_(&[y]);
    });
    let expected = "block0: imul brif\nblock1: bnot bxor return\nblock2: return\n";
    assert_eq!(made, expected);
}

#[test]
fn what_does_not_change_in_a_loop_is_made_in_front_of_it() {
    let made = shape(|builder, [_, _, x, y]| {
        let [header, out] = [(); 2].map(|()| builder.create_block());
        let carried = builder.append_block_param(header, types::I32);
        builder.ins().jump(header, &[x.into()]);
        builder.switch_to_block(header);
        let product = builder.ins().imul(x, y);
        let next = builder.ins().isub(carried, product);
        builder.ins().brif(next, header, &[next.into()], out, &[]);
        builder.switch_to_block(out);
        builder.ins().return_(&[next]);
    });
    assert_eq!(
        made,
        "block0: imul jump\nblock1: isub brif\nblock2: return\n"
    );
}

#[test]
fn numbers_are_made_in_each_block_and_sums_with_one_too() {
    let made = shape(|builder, [base, _, x, y]| {
        let flags = flags(builder, 0);
        let eight = builder.ins().iconst(types::I64, 8);
        let address = builder.ins().iadd(base, eight);
        builder.ins().store(flags, x, address, 0);
        let next = builder.create_block();
        builder.ins().brif(y, next, &[], next, &[]);
        builder.switch_to_block(next);
        builder.ins().store(flags, y, address, 0);
        builder.ins().return_(&[x]);
    });
    // The number itself is part of the sum in machine code.
    let expected = "block0: iconst iadd store brif\nblock1: iadd store return\n";
    assert_eq!(made, expected);
}

#[test]
fn what_is_in_memory_is_known_until_something_may_change_it() {
    let made = shape(|builder, [a, b, x, y]| {
        let [first, second] = [0, 1].map(|part| flags(builder, part));
        builder.ins().store(first, x, a, 0);
        // Another part, and the same place again.
        builder.ins().store(second, y, b, 0);
        let known = builder.ins().load(types::I32, first, a, 0);
        builder.ins().store(first, known, a, 0);
        // Nobody sees this one.
        builder.ins().store(first, y, a, 4);
        builder.ins().store(first, x, a, 4);
        // What it may have changed is loaded, but only once.
        let loaded = [(); 2].map(|()| builder.ins().load(types::I32, first, a, 0));
        let sum = builder.ins().iadd(loaded[0], loaded[1]);
        builder.ins().return_(&[sum]);
    });
    assert_eq!(made, "block0: store store store load iadd return\n");
}

#[test]
fn who_traps_sees_what_has_been_stored() {
    for traps in [false, true] {
        let made = shape(|builder, [a, b, x, y]| {
            let [first, second] = [0, 1].map(|part| flags(builder, part).with_notrap());
            builder.ins().store(first, x, a, 0);
            let seeing = match traps {
                true => flags(builder, 1),
                false => second,
            };
            let loaded = builder.ins().load(types::I32, seeing, b, 0);
            builder.ins().store(first, y, a, 0);
            builder.ins().return_(&[loaded]);
        });
        let expected = match traps {
            true => "block0: store load store return\n",
            false => "block0: load store return\n",
        };
        assert_eq!(made, expected);
    }
}

#[test]
fn what_others_may_have_done_makes_all_unknown_in_loops_too() {
    let made = shape(|builder, [a, b, x, _]| {
        let [first, second] = [0, 1].map(|part| flags(builder, part));
        builder.ins().store(first, x, a, 0);
        builder.ins().store(second, x, b, 0);
        builder.ins().sequence_point();
        let known = builder.ins().load(types::I32, first, a, 0);
        let [header, out] = [(); 2].map(|()| builder.create_block());
        builder.ins().jump(header, &[]);
        builder.switch_to_block(header);
        let changed = builder.ins().load(types::I32, first, a, 0);
        builder.ins().sequence_point();
        builder.ins().brif(changed, header, &[], out, &[]);
        builder.switch_to_block(out);
        builder.ins().return_(&[known]);
    });
    let expected = "block0: store store sequence_point load jump\n\
                    block1: load sequence_point brif\nblock2: return\n";
    assert_eq!(made, expected);
}

#[test]
fn a_loop_that_stores_makes_what_it_stores_to_unknown() {
    let made = shape(|builder, [a, b, x, y]| {
        let [first, second] = [0, 1].map(|part| flags(builder, part));
        builder.ins().store(first, x, a, 0);
        builder.ins().store(second, x, b, 0);
        let [header, out] = [(); 2].map(|()| builder.create_block());
        builder.ins().jump(header, &[]);
        builder.switch_to_block(header);
        let changed = builder.ins().load(types::I32, first, a, 0);
        let same = builder.ins().load(types::I32, second, b, 0);
        let sum = builder.ins().imul(changed, same);
        builder.ins().store(first, sum, a, 0);
        builder.ins().brif(y, header, &[], out, &[]);
        builder.switch_to_block(out);
        let last = builder.ins().load(types::I32, first, a, 0);
        builder.ins().return_(&[last]);
    });
    let expected = "block0: store store jump\nblock1: load imul store brif\nblock2: return\n";
    assert_eq!(made, expected);
}

#[test]
fn numbers_that_a_table_passes_are_made_on_their_way() {
    let made = shape(|builder, [_, _, x, y]| {
        let to = builder.create_block();
        let passed = builder.append_block_param(to, types::I32);
        let seven = builder.ins().iconst(types::I32, 7);
        let pool = &mut builder.func.dfg.value_lists;
        let calls = [seven, y, seven].map(|value| BlockCall::new(to, [value.into()], pool));
        let table = builder.create_jump_table(JumpTableData::new(calls[0], &calls[1..]));
        builder.ins().br_table(x, table);
        builder.switch_to_block(to);
        builder.ins().return_(&[passed]);
    });
    let expected = "block0: br_table\nblock2: iconst jump\nblock1: return\n";
    assert_eq!(made, expected);
}

#[test]
fn what_is_known_decides_branches_and_what_is_unreachable_goes() {
    let made = shape(|builder, [_, _, x, _]| {
        let [yes, no, after] = [(); 3].map(|()| builder.create_block());
        let result = builder.append_block_param(after, types::I32);
        let never = builder.ins().icmp(IntCC::UnsignedLessThan, x, x);
        builder.ins().brif(never, yes, &[], no, &[]);
        builder.switch_to_block(yes);
        builder.ins().jump(after, &[x.into()]);
        builder.switch_to_block(no);
        let zero = builder.ins().iconst(types::I32, 0);
        builder.ins().jump(after, &[zero.into()]);
        builder.switch_to_block(after);
        builder.ins().return_(&[result]);
    });
    let expected = "block0: jump\nblock2: iconst jump\nblock3: return\n";
    assert_eq!(made, expected);
}

#[test]
fn what_would_be_made_again_too_often_is_made_once_more_and_higher_up() {
    let arms = 400;
    let made = shape(|builder, [a, _, x, y]| {
        let flags = flags(builder, 0);
        let mut long = x;
        for _ in 0..400 {
            long = builder.ins().rotl(long, y);
            long = builder.ins().imul(long, x);
        }
        for _ in 0..arms {
            let [arm, after] = [(); 2].map(|()| builder.create_block());
            builder.ins().brif(y, arm, &[], after, &[]);
            builder.switch_to_block(arm);
            builder.ins().store(flags, long, a, 0);
            builder.ins().jump(after, &[]);
            builder.switch_to_block(after);
        }
        builder.ins().return_(&[y]);
    });
    let products = made.matches("imul").count();
    assert!((400..4000).contains(&products), "{products}");
}

/// A loop of `first` and `second` that the function enters at both.
fn entered_twice(builder: &mut FunctionBuilder<'_>, condition: Value) -> [Block; 3] {
    let [first, second, out] = [(); 3].map(|()| builder.create_block());
    builder.ins().brif(condition, first, &[], second, &[]);
    [first, second, out]
}

#[test]
fn in_a_loop_with_two_entries_nothing_is_known_of_memory() {
    let made = shape(|builder, [a, _, x, y]| {
        let flags = flags(builder, 0);
        builder.ins().store(flags, x, a, 0);
        let [first, second, out] = entered_twice(builder, y);
        builder.switch_to_block(first);
        let loaded = builder.ins().load(types::I32, flags, a, 0);
        builder.ins().brif(loaded, second, &[], out, &[]);
        builder.switch_to_block(second);
        builder.ins().store(flags, y, a, 0);
        builder.ins().jump(first, &[]);
        builder.switch_to_block(out);
        builder.ins().return_(&[x]);
    });
    let expected = "block0: store brif\nblock1: load brif\nblock2: store jump\nblock3: return\n";
    assert_eq!(made, expected);
}

#[test]
fn a_loop_with_two_entries_stays_if_one_of_them_goes() {
    for decided in [0, 1] {
        let made = shape(|builder, [_, _, x, y]| {
            let known = builder.ins().iconst(types::I32, decided);
            let [product, sum] = [builder.ins().imul(x, y), builder.ins().iadd(x, y)];
            let [first, second, out] = entered_twice(builder, known);
            builder.switch_to_block(first);
            builder.ins().brif(product, second, &[], out, &[]);
            builder.switch_to_block(second);
            builder.ins().brif(sum, first, &[], out, &[]);
            builder.switch_to_block(out);
            builder.ins().return_(&[x]);
        });
        let blocks = made
            .lines()
            .map(|line| line.split_once(": ").expect("a block").1);
        let expected = ["jump", "imul brif", "iadd brif", "return"];
        assert!(blocks.eq(expected), "{decided}: {made}");
    }
}

#[test]
fn of_very_many_parts_of_memory_the_last_are_one() {
    let loads = shape(|builder, [a, b, x, _]| {
        let parts: Vec<_> = (0..12).map(|part| flags(builder, part)).collect();
        for (&flags, at) in parts.iter().zip(0..) {
            builder.ins().load(types::I32, flags, a, at * 4);
        }
        builder.ins().store(parts[11], x, b, 0);
        let mut sum = x;
        for (&flags, at) in parts.iter().zip(0..) {
            let loaded = builder.ins().load(types::I32, flags, a, at * 4);
            sum = builder.ins().iadd(sum, loaded);
        }
        builder.ins().return_(&[sum]);
    });
    // Each part once, and those that may be what has been stored to once more.
    assert_eq!(loads.matches("load").count(), 12 + 5, "{loads}");
}

#[test]
fn a_mask_of_a_byte_is_part_of_a_comparison() {
    for (cond, number, expected) in [
        (IntCC::UnsignedLessThan, 10, "ireduce iconst"),
        (IntCC::SignedGreaterThan, 200, "ireduce iconst"),
        (IntCC::NotEqual, 255, "ireduce iconst"),
        (IntCC::UnsignedLessThan, 256, "iconst band iconst"),
    ] {
        let made = shape(|builder, [_, _, x, _]| {
            let byte = builder.ins().band_imm_u(x, 255);
            let is_so = builder.ins().icmp_imm_u(cond, byte, number);
            let is_so = builder.ins().uextend(types::I32, is_so);
            builder.ins().return_(&[is_so]);
        });
        let expected = format!("block0: {expected} icmp uextend return\n");
        assert_eq!(made, expected, "{cond} {number}");
    }
}

#[test]
fn what_differs_in_bits_is_compared() {
    let made = shape(|builder, [_, _, x, y]| {
        let [one, other] = [(); 2].map(|()| builder.create_block());
        let bits = builder.ins().bxor(x, y);
        builder.ins().brif(bits, one, &[], other, &[]);
        builder.switch_to_block(one);
        let bits = builder.ins().bxor_imm_u(x, 5);
        let is_so = builder.ins().icmp_imm_u(IntCC::Equal, bits, 3);
        let is_so = builder.ins().uextend(types::I32, is_so);
        builder.ins().return_(&[is_so]);
        builder.switch_to_block(other);
        let bits = builder.ins().bxor(x, y);
        let is_so = builder.ins().icmp_imm_u(IntCC::Equal, bits, 0);
        let is_so = builder.ins().uextend(types::I32, is_so);
        builder.ins().return_(&[is_so]);
    });
    let expected = "block0: icmp brif\n\
                    block1: iconst icmp uextend return\n\
                    block2: icmp uextend return\n";
    assert_eq!(made, expected);
}
