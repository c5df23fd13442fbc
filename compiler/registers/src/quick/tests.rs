//! Random functions, as for the other allocator, and functions for one idea each.

use super::Quick;
use crate::program::{Program, machine};
use crate::tests::small::{call, changing_places, end, int, loop_carried, with_blocks};
use crate::tests::{each_is_right, none_depends_on_others};
use regalloc2::{Allocate, Edit, Operand, Output, RegAllocError, RegClass};

#[test]
fn each_result_is_right() {
    each_is_right(&mut Quick::default(), 6000, |_, _| {});
}

#[test]
fn a_result_does_not_depend_on_functions_before() {
    none_depends_on_others::<Quick>();
}

fn allocate(program: &Program) -> Output {
    crate::tests::allocate(&mut Quick::default(), program).expect("it is right")
}

/// How many moves there are from memory and to memory, and in all.
fn count(output: &Output) -> (usize, usize, usize) {
    let moves = output.edits.iter().map(|(_, edit)| match edit {
        Edit::Move { from, to } => (from.is_stack(), to.is_stack()),
    });
    let (loads, stores): (Vec<bool>, Vec<bool>) = moves.unzip();
    let some = |all: &[bool]| all.iter().filter(|one| **one).count();
    (some(&loads), some(&stores), loads.len())
}

#[test]
fn what_is_in_registers_stays_there_behind_a_branch() {
    let mut program = with_blocks(5);
    let [one, other] = [(); 2].map(|()| int(&mut program));
    program.end_block(0, &[1, 2]);
    program.push(&[Operand::reg_use(one), Operand::reg_use(other)]);
    program.end_block(1, &[3]);
    program.push(&[Operand::reg_use(other)]);
    program.end_block(2, &[4]);
    end(&mut program, 3, one);
    end(&mut program, 4, one);
    assert_eq!(count(&allocate(&program)), (0, 0, 0));
}

#[test]
fn where_ways_meet_what_all_have_stays_in_its_register() {
    let mut program = with_blocks(4);
    let value = int(&mut program);
    program.end_block(0, &[1, 2]);
    program.push(&[Operand::reg_use(value)]);
    program.end_block(1, &[3]);
    int(&mut program);
    program.end_block(2, &[3]);
    end(&mut program, 3, value);
    assert_eq!(count(&allocate(&program)), (0, 0, 0));
}

#[test]
fn a_parameter_that_comes_round_in_its_register_is_not_moved() {
    assert_eq!(count(&allocate(&loop_carried())), (0, 0, 0));
}

/// Calls leave nothing in registers for floats.
#[test]
fn what_is_loaded_is_stored_once_and_what_is_not_never() {
    let mut program = with_blocks(1);
    let [used, unused] = [(); 2].map(|()| program.define(RegClass::Float));
    program.push(&[Operand::reg_use(unused)]);
    for _ in 0..3 {
        program.insts.push(call(Vec::new()));
        program.push(&[Operand::reg_use(used)]);
    }
    program.end_block(0, &[]);
    let output = allocate(&program);
    assert_eq!(count(&output), (3, 1, 4), "{:?}", output.edits);
    assert_eq!(output.num_spillslots, 2, "a float takes two");
}

/// Whole numbers have two registers that calls keep.
#[test]
fn a_number_that_is_used_often_is_moved_to_where_calls_keep_it() {
    let mut program = with_blocks(1);
    let value = int(&mut program);
    for _ in 0..3 {
        program.insts.push(call(Vec::new()));
        program.push(&[Operand::reg_use(value)]);
    }
    program.end_block(0, &[]);
    assert_eq!(count(&allocate(&program)), (0, 0, 1));
}

#[test]
fn hundreds_of_parameters_can_change_places() {
    for program in changing_places() {
        allocate(&program);
    }
}

#[test]
fn what_it_does_not_provide_for_is_an_error() {
    let run = |program: &Program| {
        let mut output = Output::default();
        Quick::default().allocate(program, &machine(), &mut output)
    };
    let mut many = with_blocks(1);
    let operands = [(); 9].map(|()| Operand::reg_use(int(&mut many)));
    many.push(&operands);
    many.end_block(0, &[]);
    let error = run(&many);
    assert!(matches!(error, Err(RegAllocError::TooManyLiveRegs)));
    let mut critical = with_blocks(3);
    critical.end_block(0, &[1, 2]);
    critical.end_block(1, &[2]);
    critical.end_block(2, &[]);
    let error = run(&critical);
    assert!(matches!(error, Err(RegAllocError::CritEdge(..))));
    let mut undefined = with_blocks(1);
    let value = undefined.vreg(RegClass::Int);
    end(&mut undefined, 0, value);
    let error = run(&undefined);
    assert!(matches!(error, Err(RegAllocError::SSA(..))));
}
