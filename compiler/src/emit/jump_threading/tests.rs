//! State machines, and what becomes of them.

use super::fold::{fold, inverse};
use super::*;
use crate::emit::inlined::{KnownValue, Origin};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, BlockArg, InstBuilder, JumpTableData, MemFlagsData, Signature, UserFuncName, Value,
    types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// Where a machine goes from a state, if a byte is not zero and if it is.
#[derive(Clone, Copy)]
enum Next {
    To(i64, i64),
    /// By one branch that passes either.
    Select(i64, i64),
    /// To where it is, or to another.
    Stay(i64),
    /// What is loaded.
    Loaded,
}

/// A machine as a loop with a dispatch, of an address and a number; the state that it begins in may be the number.
fn machine(first: Option<i64>, states: &[Next]) -> (Context, Value) {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = [types::I64, types::I32].map(AbiParam::new).to_vec();
    signature.returns = vec![AbiParam::new(types::I32)];
    let mut func = Function::with_name_signature(UserFuncName::default(), signature);
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut frontend);
    let [entry, header, dispatch, end] = [(); 4].map(|()| builder.create_block());
    builder.append_block_params_for_function_params(entry);
    let [address, number] = [0, 1].map(|at| builder.block_params(entry)[at]);
    let state = builder.append_block_param(header, types::I32);
    let result = builder.append_block_param(end, types::I32);
    builder.switch_to_block(entry);
    let first = first.map_or(number, |first| builder.ins().iconst(types::I32, first));
    builder.ins().jump(header, &[first.into()]);
    builder.switch_to_block(header);
    let byte = builder
        .ins()
        .uload8(types::I32, MemFlagsData::new(), address, 0);
    builder
        .ins()
        .brif(byte, dispatch, &[], end, &[BlockArg::Value(state)]);
    builder.switch_to_block(dispatch);
    let cases: Vec<Block> = states.iter().map(|_| builder.create_block()).collect();
    let calls: Vec<_> = cases
        .iter()
        .map(|&case| builder.func.dfg.block_call(case, &[]))
        .collect();
    let minus = builder.ins().iconst(types::I32, 0xffff_ffff);
    let default = builder.func.dfg.block_call(end, &[BlockArg::Value(minus)]);
    let table = builder.create_jump_table(JumpTableData::new(default, &calls));
    builder.ins().br_table(state, table);
    for (case, next) in cases.into_iter().zip(states) {
        builder.switch_to_block(case);
        let give = |builder: &mut FunctionBuilder<'_>, one: Value, other: Value| {
            let args = [one, other].map(BlockArg::Value);
            builder
                .ins()
                .brif(byte, header, &args[..1], header, &args[1..]);
        };
        let constant =
            |builder: &mut FunctionBuilder<'_>, number| builder.ins().iconst(types::I32, number);
        match *next {
            Next::To(one, other) => {
                let [one, other] = [one, other].map(|number| constant(&mut builder, number));
                give(&mut builder, one, other);
            }
            Next::Stay(other) => {
                let other = constant(&mut builder, other);
                give(&mut builder, state, other);
            }
            Next::Select(one, other) => {
                let [one, other] = [one, other].map(|number| constant(&mut builder, number));
                let either = builder.ins().select(byte, one, other);
                builder.ins().jump(header, &[either.into()]);
            }
            Next::Loaded => {
                builder.ins().jump(header, &[byte.into()]);
            }
        }
    }
    builder.switch_to_block(end);
    let sum = builder.ins().iadd(result, byte);
    builder.ins().return_(&[sum]);
    builder.seal_all_blocks();
    let isa = crate::emit::target_isa(&crate::Options::default());
    builder.finalize(isa.frontend_config());
    let mut context = Context::for_function(func);
    context.flowgraph();
    (context, byte)
}

/// The function without its dispatch, or as it was: the text, and whether a dispatch is left.
fn threaded(first: Option<i64>, states: &[Next]) -> (String, bool) {
    let (mut context, _) = machine(first, states);
    thread(&mut context, &mut Inlined::default());
    let isa = crate::emit::target_isa(&crate::Options::default());
    cranelift_codegen::verify_function(&context.func, &*isa).expect("it is still valid");
    let text = context.func.display().to_string();
    let is_left = text.contains("br_table");
    (text, is_left)
}

#[test]
fn states_lead_to_what_is_done_in_them() {
    let (text, is_left) = threaded(
        Some(0),
        &[Next::To(0, 1), Next::Select(1, 2), Next::Stay(2)],
    );
    assert!(!is_left, "{text}");
    // One for each state, and one for the state that there is no case for.
    assert_eq!(text.matches("uload8").count(), 3, "{text}");
    assert_eq!(text.matches("select").count(), 1, "{text}");
}

#[test]
fn a_state_without_a_case_is_the_default() {
    let (text, is_left) = threaded(Some(0), &[Next::To(0, 7), Next::To(1, 1)]);
    assert!(!is_left, "{text}");
    // The second case is never reached.
    assert_eq!(text.matches("uload8").count(), 2, "{text}");
}

#[test]
fn loops_with_several_entries_are_not_made() {
    let circle = [Next::To(1, 2), Next::To(2, 1), Next::To(1, 2)];
    assert!(threaded(Some(0), &circle).1);
    // All through the first one is a loop of the first one.
    assert!(!threaded(Some(0), &[Next::To(1, 2), Next::To(0, 0), Next::To(0, 0)]).1);
}

#[test]
fn states_that_nobody_knows_are_dispatched_on() {
    assert!(threaded(None, &[Next::To(0, 1), Next::To(1, 1)]).1);
    assert!(threaded(Some(0), &[Next::To(0, 1), Next::Loaded]).1);
    let many: Vec<Next> = (0..200).map(|state| Next::To(state, state + 1)).collect();
    assert!(threaded(Some(0), &many).1);
}

/// Whether the dispatch goes if a block of the region passes on what it is told apart by, and not only its state, and
/// so many numbers more.
fn passes_what_is_told_apart(more: usize) -> bool {
    let mut func = Function::new();
    func.signature.params.push(AbiParam::new(types::I32));
    let mut frontend = FunctionBuilderContext::new();
    let mut builder = FunctionBuilder::new(&mut func, &mut frontend);
    let [entry, first, told, header, end] = [(); 5].map(|()| builder.create_block());
    builder.append_block_params_for_function_params(entry);
    let any = builder.block_params(entry)[0];
    let [number, state] = [(); 2].map(|()| builder.append_block_param(first, types::I32));
    let index = builder.append_block_param(header, types::I32);
    for _ in 0..more {
        builder.append_block_param(header, types::I32);
    }
    builder.switch_to_block(entry);
    let [zero, one, five] = [0, 1, 5].map(|number| builder.ins().iconst(types::I32, number));
    let args = [[one.into(), zero.into()], [five.into(), one.into()]];
    builder.ins().brif(any, first, &args[0], first, &args[1]);
    builder.switch_to_block(first);
    let is_five = builder.ins().icmp(IntCC::Equal, number, five);
    builder.ins().brif(is_five, told, &[], end, &[]);
    builder.switch_to_block(told);
    let [of_number, of_state] = [number, state].map(|given| {
        let more = std::iter::repeat_n(any, more);
        let args = std::iter::once(given).chain(more);
        args.map(BlockArg::Value).collect::<Vec<_>>()
    });
    builder
        .ins()
        .brif(any, header, &of_number, header, &of_state);
    builder.switch_to_block(header);
    let call = builder.func.dfg.block_call(end, &[]);
    let table = builder.create_jump_table(JumpTableData::new(call, &[call; 6]));
    builder.ins().br_table(index, table);
    builder.switch_to_block(end);
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
    let isa = crate::emit::target_isa(&crate::Options::default());
    builder.finalize(isa.frontend_config());
    let mut context = Context::for_function(func);
    context.flowgraph();
    thread(&mut context, &mut Inlined::default());
    cranelift_codegen::verify_function(&context.func, &*isa).expect("it is still valid");
    !context.func.display().to_string().contains("br_table")
}

#[test]
fn what_is_told_apart_is_passed_on_by_copies() {
    assert!(passes_what_is_told_apart(0));
}

#[test]
fn what_has_very_many_values_is_not_copied() {
    assert!(passes_what_is_told_apart(400));
    assert!(!passes_what_is_told_apart(600));
}

#[test]
fn what_is_known_of_locals_is_known_of_copies() {
    let (mut context, byte) = machine(Some(0), &[Next::To(0, 1), Next::To(1, 1)]);
    let mut inlined = Inlined::default();
    inlined.values.push(KnownValue {
        origin: Origin::Itself,
        local: 0,
        from: 0,
        to: 9,
        value: byte,
    });
    thread(&mut context, &mut inlined);
    let dfg = &context.func.dfg;
    let is_there = |value: Value| {
        let inst = dfg.value_def(value).inst();
        inst.is_some_and(|inst| context.func.layout.inst_block(inst).is_some())
    };
    let loads = inlined.copies.iter().filter(|copy| is_there(copy.0));
    assert_eq!(loads.count(), 2);
    assert!(inlined.copies.iter().all(|copy| copy.1 == 0));
}

#[test]
fn copies_run_as_often_as_their_states_are_given() {
    let counted = |blocks: &[(Block, u64)]| BlockCounts {
        entry: 1,
        blocks: blocks.iter().copied().collect(),
    };
    let [from, other, original, first, second] = [0, 1, 2, 3, 4].map(Block::from_u32);
    let mut counts = counted(&[(from, 30), (other, 20), (original, 60)]);
    let copies = Copies {
        blocks: vec![(original, first, 0), (original, second, 1)],
        ways_in: vec![(from, 1, 0), (other, 2, 0), (other, 2, 1)],
        ..Copies::default()
    };
    count(&mut counts, &copies);
    assert_eq!([first, second].map(|copy| counts.blocks[&copy]), [48, 12]);
    // Where one is not known, none is.
    let mut counts = counted(&[(from, 30), (original, 60)]);
    count(&mut counts, &copies);
    assert_eq!(counts.blocks.len(), 2);
}

#[test]
fn what_is_computed_from_a_state_is_known() {
    let mut func = Function::new();
    let block = func.dfg.make_block();
    let state = func.dfg.append_block_param(block, types::I32);
    let mut cursor = FuncCursor::new(&mut func);
    cursor.insert_block(block);
    let [two, mask] = [2, 255].map(|number| cursor.ins().iconst(types::I32, number));
    let less = cursor.ins().isub(state, two);
    let more = cursor.ins().iadd(state, two);
    let masked = cursor.ins().band(less, mask);
    let wide = cursor.ins().uextend(types::I64, less);
    let narrow = cursor.ins().ireduce(types::I8, less);
    let comparisons = [
        IntCC::Equal,
        IntCC::NotEqual,
        IntCC::UnsignedLessThan,
        IntCC::UnsignedGreaterThanOrEqual,
        IntCC::UnsignedGreaterThan,
        IntCC::UnsignedLessThanOrEqual,
        IntCC::SignedLessThan,
        IntCC::SignedGreaterThanOrEqual,
        IntCC::SignedGreaterThan,
        IntCC::SignedLessThanOrEqual,
    ]
    .map(|cond| cursor.ins().icmp(cond, less, two));
    let squared = cursor.ins().imul(state, state);
    let in_state = |value, number| fold(&func, value, state, number);
    let found = [less, masked, wide, narrow].map(|value| in_state(value, 1));
    assert_eq!(found, [0xffff_ffff, 255, 0xffff_ffff, 255].map(Some));
    let found = comparisons.map(|value| in_state(value, 1).expect("it is known") == 1);
    let expected = [
        false, true, false, true, true, false, true, false, false, true,
    ];
    assert_eq!(found, expected);
    assert_eq!(in_state(squared, 1), None);
    let before = [less, more, state].map(|computed| inverse(&func, computed, state, 1));
    assert_eq!(before, [3, 0xffff_ffff, 1].map(Some));
    assert_eq!(inverse(&func, masked, state, 1), None);
}
