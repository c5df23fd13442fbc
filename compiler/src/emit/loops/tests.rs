//! Loops, and what becomes of them.

use super::improve;
use crate::emit::survey::Survey;
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, MemFlagsData, TrapCode, Type, Value, types,
};
use cranelift_codegen::verify_function;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// A function of an address (`v0`) and a number with a loop: the header's parameter begins as the
/// number, `body` fills the header, and `exit` ends the function. Gives its CLIF when improved.
fn improved(
    carried: Type,
    body: impl FnOnce(&mut FunctionBuilder<'_>, Parts),
    exit: impl FnOnce(&mut FunctionBuilder<'_>, Parts),
) -> String {
    let isa = crate::emit::target_isa(&crate::Options::default());
    let mut context = Context::new();
    let params = [types::I64, carried].map(AbiParam::new);
    context.func.signature.params.extend(params);
    context.func.signature.returns.push(AbiParam::new(carried));
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
    let [entry, header, out] = [(); 3].map(|()| builder.create_block());
    builder.append_block_params_for_function_params(entry);
    let value = builder.append_block_param(header, carried);
    builder.switch_to_block(entry);
    let [base, first] = [0, 1].map(|n| builder.block_params(entry)[n]);
    builder.ins().jump(header, &[first.into()]);
    let parts = Parts {
        base,
        value,
        header,
        out,
    };
    builder.switch_to_block(header);
    body(&mut builder, parts);
    builder.switch_to_block(out);
    exit(&mut builder, parts);
    builder.seal_all_blocks();
    builder.finalize(isa.frontend_config());
    context.flowgraph();
    let mut survey = Survey::of(&context.func);
    improve(&mut context, &mut survey, true, None);
    verify_function(&context.func, isa.flags()).expect("it is still valid");
    context.func.display().to_string()
}

#[derive(Clone, Copy)]
struct Parts {
    base: Value,
    value: Value,
    header: Block,
    out: Block,
}

impl Parts {
    /// Loads a byte at the base and a 32-bit index.
    fn byte(self, builder: &mut FunctionBuilder<'_>, index: Value) -> Value {
        let index = builder.ins().uextend(types::I64, index);
        let address = builder.ins().iadd(self.base, index);
        let flags = MemFlagsData::trusted();
        builder.ins().uload8(types::I32, flags, address, 0)
    }
}

fn gives_value(builder: &mut FunctionBuilder<'_>, parts: Parts) {
    builder.ins().return_(&[parts.value]);
}

fn gives_base(builder: &mut FunctionBuilder<'_>, parts: Parts) {
    builder.ins().return_(&[parts.base]);
}

/// The lines of CLIF from a block's on, without comments.
fn lines_of<'c>(clif: &'c str, block: &str) -> Vec<&'c str> {
    let lines = clif.lines().map(str::trim);
    let lines = lines.map(|line| line.split(';').next().unwrap_or_default().trim());
    lines.skip_while(|line| !line.starts_with(block)).collect()
}

#[test]
fn an_index_is_widened() {
    let clif = improved(
        types::I32,
        |builder, parts| {
            let byte = parts.byte(builder, parts.value);
            let next = builder.ins().iadd_imm_s(parts.value, 1);
            let (header, out) = (parts.header, parts.out);
            builder.ins().brif(byte, header, &[next.into()], out, &[]);
        },
        gives_value,
    );
    let header = lines_of(&clif, "block1(");
    assert!(header[0].contains(": i64)"), "{clif}");
    let before = clif.split("block1(").next().unwrap_or_default();
    assert!(before.contains("uextend.i64 v1"), "{clif}");
}

#[test]
fn what_meets_before_a_back_edge_is_widened() {
    let clif = improved(
        types::I32,
        |builder, parts| {
            let byte = parts.byte(builder, parts.value);
            let [other, last] = [(); 2].map(|()| builder.create_block());
            let next = builder.append_block_param(last, types::I32);
            let near = builder.ins().iadd_imm_s(parts.value, 1);
            builder.ins().brif(byte, last, &[near.into()], other, &[]);
            builder.switch_to_block(other);
            let far = builder.ins().iadd_imm_s(parts.value, 9);
            builder.ins().jump(last, &[far.into()]);
            builder.switch_to_block(last);
            let (header, out) = (parts.header, parts.out);
            builder.ins().brif(next, header, &[next.into()], out, &[]);
        },
        gives_value,
    );
    assert!(lines_of(&clif, "block1(")[0].contains(": i64)"), "{clif}");
    assert!(lines_of(&clif, "block4(")[0].contains(": i64)"), "{clif}");
}

#[test]
fn an_index_whose_extension_is_a_move_is_not_widened() {
    let clif = improved(
        types::I32,
        |builder, parts| {
            let byte = parts.byte(builder, parts.value);
            let next = builder.ins().ctz(byte);
            let (header, out) = (parts.header, parts.out);
            builder.ins().brif(byte, header, &[next.into()], out, &[]);
        },
        gives_value,
    );
    assert!(lines_of(&clif, "block1(")[0].contains(": i32)"), "{clif}");
}

#[test]
fn a_pointer_that_is_loaded_is_loaded_extended() {
    let clif = improved(
        types::I32,
        |builder, parts| {
            let index = builder.ins().uextend(types::I64, parts.value);
            let address = builder.ins().iadd(parts.base, index);
            let flags = MemFlagsData::trusted();
            let next = builder.ins().load(types::I32, flags, address, 8);
            let (header, out) = (parts.header, parts.out);
            builder.ins().brif(next, header, &[next.into()], out, &[]);
        },
        gives_value,
    );
    let header = lines_of(&clif, "block1(");
    assert!(header.iter().any(|line| line.contains("uload32")), "{clif}");
    assert!(
        !header.iter().any(|line| line.contains("uextend")),
        "{clif}"
    );
}

#[test]
fn a_loop_carried_value_is_the_first_operand() {
    let clif = improved(
        types::I64,
        |builder, parts| {
            let flags = MemFlagsData::trusted();
            let loaded = builder.ins().load(types::I64, flags, parts.base, 0);
            let product = builder.ins().imul(loaded, parts.value);
            let next = builder.ins().bxor(loaded, product);
            let (header, out) = (parts.header, parts.out);
            builder.ins().brif(loaded, header, &[next.into()], out, &[]);
        },
        gives_base,
    );
    let header = lines_of(&clif, "block1(");
    assert!(header.contains(&"v4 = imul v2, v3"), "{clif}");
    assert!(header.contains(&"v5 = bxor v4, v3"), "{clif}");
}

/// A loop that compares the old value of its counter with a constant.
fn counted(is_used_behind: bool) -> String {
    improved(
        types::I64,
        |builder, parts| {
            let next = builder.ins().iadd_imm_s(parts.value, 1);
            let compared = if is_used_behind { next } else { parts.value };
            let limit = builder.ins().iconst(types::I64, 100);
            let goes_on = builder.ins().icmp(IntCC::SignedLessThan, compared, limit);
            let (header, out) = (parts.header, parts.out);
            builder
                .ins()
                .brif(goes_on, header, &[next.into()], out, &[]);
        },
        gives_base,
    )
}

#[test]
fn an_increment_is_sunk_behind_the_branch() {
    let clif = counted(false);
    let header = lines_of(&clif, "block1(");
    let branch = header.iter().position(|line| line.starts_with("brif"));
    let increment = header.iter().position(|line| line.contains("iadd"));
    assert!(branch < increment, "{clif}");
    // The loop goes on behind its branch.
    assert!(clif.contains("icmp sge"), "{clif}");
    assert!(clif.contains(", block2, block3"), "{clif}");
}

#[test]
fn an_increment_whose_result_is_compared_stays() {
    let clif = counted(true);
    let header = lines_of(&clif, "block1(");
    let branch = header.iter().position(|line| line.starts_with("brif"));
    let increment = header.iter().position(|line| line.contains("iadd"));
    assert!(increment < branch, "{clif}");
}

#[test]
fn a_loop_goes_on_behind_a_branch_out_of_it() {
    let clif = improved(
        types::I64,
        |builder, parts| {
            let body = builder.create_block();
            builder.ins().brif(parts.value, body, &[], parts.out, &[]);
            builder.switch_to_block(body);
            let flags = MemFlagsData::trusted();
            let next = builder.ins().load(types::I64, flags, parts.value, 0);
            builder.ins().jump(parts.header, &[next.into()]);
        },
        gives_base,
    );
    assert!(clif.contains("icmp eq v2, "), "{clif}");
    assert!(clif.contains(", block2, block3"), "{clif}");
}

#[test]
fn what_differs_by_a_constant_is_carried_once() {
    // A second parameter is where the loop goes on: 4 more.
    let rotated = |further: i64| {
        improved(
            types::I32,
            |builder, parts| {
                let again = builder.create_block();
                let at = builder.append_block_param(again, types::I32);
                let next = builder.append_block_param(again, types::I32);
                let first = builder.ins().iadd_imm_s(parts.value, 4);
                let args = [parts.value.into(), first.into()];
                builder.ins().jump(again, &args);
                builder.switch_to_block(again);
                let byte = parts.byte(builder, at);
                let after = builder.ins().iadd_imm_s(next, further);
                let args = [next.into(), after.into()];
                builder
                    .ins()
                    .brif(byte, again, &args, parts.header, &[next.into()]);
            },
            gives_value,
        )
    };
    let header = |clif: &str| lines_of(clif, "block3(")[0].matches(": i").count();
    let clif = rotated(4);
    assert_eq!(header(&clif), 1, "{clif}");
    let clif = rotated(8);
    assert_eq!(header(&clif), 2, "{clif}");
}

#[test]
fn what_does_not_change_is_made_in_front_of_a_loop() {
    let clif = improved(
        types::I32,
        |builder, parts| {
            let byte = parts.byte(builder, parts.value);
            let base = builder.ins().ireduce(types::I32, parts.base);
            let first = builder.func.dfg.block_params(Block::from_u32(0))[1];
            let wanted = builder.ins().band_imm_u(first, 0xffff);
            let is_found = builder.ins().icmp(IntCC::Equal, byte, wanted);
            let next = builder.ins().iadd(parts.value, base);
            let (header, out) = (parts.header, parts.out);
            builder
                .ins()
                .brif(is_found, out, &[], header, &[next.into()]);
        },
        gives_value,
    );
    let before = clif.split("block1(").next().unwrap_or_default();
    assert!(before.contains("band"), "{clif}");
}

#[test]
fn a_condition_that_a_branch_has_decided_is_a_constant() {
    let decided = |is_used_before: bool| {
        improved(
            types::I32,
            |builder, parts| {
                let byte = parts.byte(builder, parts.value);
                let is_found = builder.ins().icmp_imm_s(IntCC::Equal, byte, 7);
                let number = builder.ins().uextend(types::I32, is_found);
                if is_used_before {
                    let flags = MemFlagsData::trusted();
                    builder.ins().store(flags, number, parts.base, 0);
                }
                let (header, out) = (parts.header, parts.out);
                let other = builder.create_block();
                builder
                    .ins()
                    .brif(is_found, header, &[number.into()], other, &[]);
                builder.switch_to_block(other);
                let flags = MemFlagsData::trusted();
                builder.ins().store(flags, number, parts.base, 8);
                builder.ins().jump(out, &[]);
            },
            gives_value,
        )
    };
    let clif = decided(false);
    let header = lines_of(&clif, "block1(");
    assert!(clif.contains("iconst.i32 0"), "{clif}");
    assert!(
        header.iter().all(|line| !line.starts_with("store v6")),
        "{clif}"
    );
    let clif = decided(true);
    assert!(!clif.contains("iconst.i32 0"), "{clif}");
}

#[test]
fn a_mask_that_takes_nothing_away_is_left_out() {
    let masked = |number: i64| {
        improved(
            types::I32,
            |builder, parts| {
                let again = builder.create_block();
                let state = builder.append_block_param(again, types::I32);
                let first = builder.ins().iconst(types::I32, 3);
                builder.ins().jump(again, &[first.into()]);
                builder.switch_to_block(again);
                let byte = parts.byte(builder, parts.value);
                let other = builder.create_block();
                let number = builder.ins().iconst(types::I32, number);
                builder.ins().brif(byte, again, &[state.into()], other, &[]);
                builder.switch_to_block(other);
                let masked = builder.ins().band_imm_u(state, 255);
                builder
                    .ins()
                    .brif(masked, again, &[number.into()], parts.out, &[]);
            },
            gives_value,
        )
    };
    let clif = masked(255);
    assert!(!clif.contains("band"), "{clif}");
    let clif = masked(256);
    assert!(clif.contains("band"), "{clif}");
}

#[test]
fn what_follows_links_has_them_in_addresses() {
    let followed = |from_index: bool| {
        improved(
            types::I32,
            |builder, parts| {
                let first = builder.func.dfg.block_params(Block::from_u32(0))[1];
                let scaled = builder.ins().ishl_imm_u(parts.value, 3);
                let sum = builder.ins().iadd(first, scaled);
                let extended = builder.ins().uextend(types::I64, sum);
                let address = builder.ins().iadd(parts.base, extended);
                let flags = MemFlagsData::new();
                let next = match from_index {
                    true => builder.ins().load(types::I32, flags, address, 4),
                    false => builder.ins().iadd_imm_s(parts.value, 1),
                };
                let byte = builder.ins().uload8(types::I32, flags, address, 0);
                let (header, out) = (parts.header, parts.out);
                builder.ins().brif(byte, header, &[next.into()], out, &[]);
            },
            gives_value,
        )
    };
    let clif = followed(true);
    let before = clif.split("block1(").next().unwrap_or_default();
    assert!(before.contains("bnot") && clif.contains("cold"), "{clif}");
    // An index that is there at once is compared with nothing.
    let clif = followed(false);
    assert!(!clif.contains("cold"), "{clif}");
}

/// A loop of two ways out, of which one passes a constant on, and the other a constant or a value.
fn leaving(is_constant: bool) -> String {
    improved(
        types::I32,
        |builder, parts| {
            let more = builder.create_block();
            let last = builder.create_block();
            let result = builder.append_block_param(last, types::I32);
            let five = builder.ins().iconst(types::I32, 5);
            let byte = parts.byte(builder, parts.value);
            builder.ins().brif(byte, more, &[], last, &[five.into()]);
            builder.switch_to_block(more);
            let next = builder.ins().iadd_imm_s(parts.value, 1);
            let given = match is_constant {
                true => builder.ins().iconst(types::I32, 6),
                false => byte,
            };
            builder
                .ins()
                .brif(next, parts.header, &[next.into()], last, &[given.into()]);
            builder.switch_to_block(last);
            builder.ins().return_(&[result]);
        },
        |builder, _| {
            builder.ins().trap(TrapCode::unwrap_user(1));
        },
    )
}

#[test]
fn constants_are_made_behind_the_branch_out_of_a_loop() {
    // Each is passed by a jump of its own.
    let clif = leaving(true);
    let jumps = clif.lines().filter(|line| line.contains("jump block4(v"));
    assert_eq!(jumps.count(), 2, "{clif}");
    let clif = leaving(false);
    let jumps = clif.lines().filter(|line| line.contains("jump block4(v"));
    assert_eq!(jumps.count(), 1, "{clif}");
}

#[test]
fn constants_are_made_behind_the_branch_to_what_is_rare() {
    for is_rare in [true, false] {
        let clif = improved(
            types::I32,
            |builder, parts| {
                let [more, last] = [(); 2].map(|()| builder.create_block());
                let result = builder.append_block_param(last, types::I32);
                let five = builder.ins().iconst(types::I32, 5);
                let byte = parts.byte(builder, parts.value);
                builder.ins().brif(byte, more, &[], last, &[five.into()]);
                builder.switch_to_block(more);
                if is_rare {
                    builder.set_cold_block(more);
                }
                let next = parts.byte(builder, byte);
                builder.ins().jump(last, &[next.into()]);
                builder.switch_to_block(last);
                let (header, out) = (parts.header, parts.out);
                let condition = parts.byte(builder, result);
                let back = [result.into()];
                builder.ins().brif(condition, header, &back, out, &[]);
            },
            gives_value,
        );
        let jumps = clif.lines().filter(|line| line.contains("jump block4(v"));
        assert_eq!(jumps.count(), 1 + usize::from(is_rare), "{clif}");
    }
}
