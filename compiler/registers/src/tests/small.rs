//! Small functions, each for one idea.

use crate::Allocator;
use crate::program::{Body, Instruction, Program, caller_saved, machine};
use regalloc2::{
    Allocate, Allocation, Block, Edit, Function, Operand, Output, PReg, PRegSet, ProgPoint,
    RegAllocError, RegClass, VReg,
};

fn allocate(program: &Program) -> Output {
    super::allocate(&mut Allocator::default(), program).expect("it is right")
}

/// The moves in a block.
fn moves(program: &Program, output: &Output, block: usize) -> Vec<(Allocation, Allocation)> {
    let insts = program.block_insns(Block::new(block));
    let range = ProgPoint::before(insts.first())..=ProgPoint::after(insts.last());
    let edits = output.edits.iter().filter(|edit| range.contains(&edit.0));
    edits
        .map(|(_, Edit::Move { from, to })| (*from, *to))
        .collect()
}

pub fn int(program: &mut Program) -> VReg {
    program.define(RegClass::Int)
}

pub fn call(operands: Vec<Operand>) -> Instruction {
    Instruction {
        operands,
        clobbers: caller_saved(),
        ..Instruction::default()
    }
}

pub fn with_blocks(blocks: usize) -> Program {
    let mut program = Program::default();
    program.blocks.resize_with(blocks, Body::default);
    program
}

/// Uses a value at the end of a function.
pub fn end(program: &mut Program, block: usize, value: VReg) {
    program.push(&[Operand::reg_use(value)]);
    program.end_block(block, &[]);
}

/// A loop with one parameter, of which the next is made in its place.
pub fn loop_carried() -> Program {
    let mut program = with_blocks(4);
    let start = int(&mut program);
    program.blocks[0].args = vec![vec![start]];
    program.end_block(0, &[1]);
    let param = program.vreg(RegClass::Int);
    program.blocks[1].params.push(param);
    let next = program.vreg(RegClass::Int);
    program.push(&[Operand::reg_use(param), Operand::reg_reuse_def(next, 0)]);
    program.end_block(1, &[2, 3]);
    program.blocks[2].args = vec![vec![next]];
    program.end_block(2, &[1]);
    end(&mut program, 3, next);
    program
}

#[test]
fn what_is_loop_carried_needs_no_move() {
    let output = allocate(&loop_carried());
    assert_eq!(output.edits.len(), 0, "{:?}", output.edits);
}

#[test]
fn what_is_computed_in_place_begins_where_the_loop_wants_the_end() {
    // Twice `param ^= param << 1`, in two-operand instructions.
    let mut program = with_blocks(4);
    let start = program.vreg(RegClass::Int);
    let register = PReg::new(2, RegClass::Int);
    program.push(&[Operand::reg_fixed_def(start, register)]);
    program.blocks[0].args = vec![vec![start]];
    program.end_block(0, &[1]);
    let param = program.vreg(RegClass::Int);
    program.blocks[1].params.push(param);
    let mut last = param;
    for _ in 0..2 {
        let [shifted, sum] = [(); 2].map(|()| program.vreg(RegClass::Int));
        program.push(&[Operand::reg_use(last), Operand::reg_reuse_def(shifted, 0)]);
        program.push(&[
            Operand::reg_use(shifted),
            Operand::reg_use(last),
            Operand::reg_reuse_def(sum, 0),
        ]);
        last = sum;
    }
    program.end_block(1, &[2, 3]);
    program.blocks[2].args = vec![vec![last]];
    program.end_block(2, &[1]);
    end(&mut program, 3, last);
    let output = allocate(&program);
    assert_eq!(output.edits.len(), 2, "{:?}", output.edits);
}

#[test]
fn a_loop_with_a_call_leaves_in_memory_what_it_does_not_use() {
    let mut program = with_blocks(4);
    let used = [(); 2].map(|()| int(&mut program));
    let start = int(&mut program);
    program.blocks[0].args = vec![vec![start]];
    program.end_block(0, &[1]);
    let param = program.vreg(RegClass::Int);
    program.blocks[1].params.push(param);
    program.insts.push(call(Vec::new()));
    program.push(&used.map(Operand::reg_use));
    program.end_block(1, &[2, 3]);
    program.blocks[2].args = vec![vec![param]];
    program.end_block(2, &[1]);
    end(&mut program, 3, param);
    let output = allocate(&program);
    for block in [1, 2] {
        assert_eq!(moves(&program, &output, block), [], "block {block}");
    }
}

#[test]
fn where_calls_leave_their_results_nothing_else_outlives_them() {
    let mut program = with_blocks(2);
    let value = int(&mut program);
    program.end_block(0, &[1]);
    for _ in 0..3 {
        let result = program.vreg(RegClass::Int);
        let register = PReg::new(0, RegClass::Int);
        let mut call = call(vec![Operand::reg_fixed_def(result, register)]);
        call.clobbers.remove(register);
        program.insts.push(call);
        program.push(&[Operand::reg_use(result)]);
        program.push(&[Operand::reg_use(value)]);
    }
    program.end_block(1, &[]);
    let output = allocate(&program);
    assert_eq!(output.edits.len(), 0, "{:?}", output.edits);
}

#[test]
fn what_is_read_beside_a_fixed_operand_is_elsewhere_from_the_start() {
    let mut program = with_blocks(1);
    let [value, fixed] = [(); 2].map(|()| int(&mut program));
    program.push(&[
        Operand::reg_use(value),
        Operand::reg_fixed_use(fixed, PReg::new(0, RegClass::Int)),
    ]);
    program.end_block(0, &[]);
    let output = allocate(&program);
    assert_eq!(output.edits.len(), 0, "{:?}", output.edits);
}

#[test]
fn what_outlives_calls_in_a_loop_stays_in_a_register() {
    let mut program = with_blocks(4);
    let value = int(&mut program);
    program.end_block(0, &[1]);
    program.insts.push(call(Vec::new()));
    program.push(&[Operand::reg_use(value)]);
    program.end_block(1, &[2, 3]);
    program.end_block(2, &[1]);
    end(&mut program, 3, value);
    let output = allocate(&program);
    assert_eq!(output.edits.len(), 0, "{:?}", output.edits);
    assert_eq!(output.num_spillslots, 0);
}

#[test]
fn a_value_is_stored_once_and_loaded_for_each_use() {
    let mut program = with_blocks(1);
    // Nothing of this class outlives a call.
    let value = program.define(RegClass::Float);
    for _ in 0..3 {
        program.insts.push(call(Vec::new()));
        program.push(&[Operand::reg_use(value)]);
    }
    program.end_block(0, &[]);
    let output = allocate(&program);
    let moves = moves(&program, &output, 0);
    let stores = moves.iter().filter(|(_, to)| to.is_stack()).count();
    assert_eq!((stores, moves.len()), (1, 4), "{moves:?}");
    assert_eq!(output.num_spillslots, 2, "a float takes two");
}

#[test]
fn a_store_is_where_it_is_seldom_made() {
    // A loop whose value goes to memory in one arm that is left for good.
    let mut program = with_blocks(6);
    let start = program.define(RegClass::Float);
    program.blocks[0].args = vec![vec![start]];
    program.end_block(0, &[1]);
    let param = program.vreg(RegClass::Float);
    program.blocks[1].params.push(param);
    let next = program.vreg(RegClass::Float);
    program.push(&[Operand::reg_use(param), Operand::reg_reuse_def(next, 0)]);
    program.end_block(1, &[2, 3]);
    program.blocks[2].args = vec![vec![next]];
    program.end_block(2, &[1]);
    program.end_block(3, &[4]);
    program.insts.push(call(Vec::new()));
    program.end_block(4, &[5]);
    end(&mut program, 5, next);
    let output = allocate(&program);
    for block in [1, 2] {
        assert_eq!(moves(&program, &output, block), [], "block {block}");
    }
    let stores = output.edits.iter();
    let stores = stores.filter(|(_, Edit::Move { to, .. })| to.is_stack());
    assert_eq!(stores.count(), 1);
}

#[test]
fn one_value_can_be_in_several_registers_for_a_call() {
    let mut program = with_blocks(1);
    let value = int(&mut program);
    let fixed = |number| Operand::reg_fixed_use(value, PReg::new(number, RegClass::Int));
    program.insts.push(call(vec![fixed(1), fixed(2), fixed(3)]));
    end(&mut program, 0, value);
    let output = allocate(&program);
    // It is made in one of them, and copied; a store and a load take it over the call.
    let moves = moves(&program, &output, 0);
    let in_memory = moves
        .iter()
        .filter(|(from, to)| from.is_stack() || to.is_stack());
    assert_eq!((in_memory.count(), moves.len()), (2, 4), "{moves:?}");
}

#[test]
fn registers_that_change_places_need_one_more_move_each_circle() {
    let mut program = with_blocks(1);
    let [one, other] = [1, 2].map(|number| {
        let new = program.vreg(RegClass::Int);
        let register = PReg::new(number, RegClass::Int);
        program.push(&[Operand::reg_fixed_def(new, register)]);
        new
    });
    program.push(&[
        Operand::reg_fixed_use(one, PReg::new(2, RegClass::Int)),
        Operand::reg_fixed_use(other, PReg::new(1, RegClass::Int)),
    ]);
    program.end_block(0, &[]);
    let output = allocate(&program);
    assert_eq!(output.edits.len(), 3, "{:?}", output.edits);
    assert_eq!(output.num_spillslots, 0);
}

#[test]
fn hundreds_of_parameters_can_change_places() {
    for program in changing_places() {
        allocate(&program);
    }
}

/// Parameters of a loop that change places: in circles of all lengths, in a chain, and some from one.
pub fn changing_places() -> impl Iterator<Item = Program> {
    let shapes = [(60, 1), (200, 7), (300, 60), (300, 0)].into_iter();
    shapes.map(|(count, step)| {
        let mut program = with_blocks(4);
        let class = |number: usize| match number % 3 {
            0 => RegClass::Float,
            _ => RegClass::Int,
        };
        let starts = (0..count).map(|number| program.define(class(number)));
        let starts: Vec<VReg> = starts.collect();
        program.blocks[0].args = vec![starts];
        program.end_block(0, &[1]);
        let params: Vec<VReg> = (0..count).map(|n| program.vreg(class(n))).collect();
        program.blocks[1].params = params.clone();
        for &param in &params {
            program.push(&[Operand::reg_use(param)]);
        }
        program.end_block(1, &[2, 3]);
        let from = |number: usize| match step {
            0 if number < 150 => number % 3,
            0 => number - 3,
            _ => (number + 3 * step) % count,
        };
        let args = (0..count).map(|number| params[from(number)]).collect();
        program.blocks[2].args = vec![args];
        program.end_block(2, &[1]);
        program.end_block(3, &[]);
        program
    })
}

#[test]
fn too_many_operands_are_an_error() {
    let mut program = with_blocks(1);
    let operands: Vec<Operand> = (0..9)
        .map(|_| Operand::reg_use(int(&mut program)))
        .collect();
    program.push(&operands);
    program.end_block(0, &[]);
    let result = Allocator::default().allocate(&program, &machine(), &mut Output::default());
    assert!(matches!(result, Err(RegAllocError::TooManyLiveRegs)));
}

#[test]
fn an_edge_without_a_place_for_moves_is_an_error() {
    let mut program = with_blocks(3);
    program.end_block(0, &[1, 2]);
    program.end_block(1, &[2]);
    program.end_block(2, &[]);
    let result = Allocator::default().allocate(&program, &machine(), &mut Output::default());
    assert!(matches!(result, Err(RegAllocError::CritEdge(..))));
}

/// What leaves nothing in registers.
fn taking_all() -> Instruction {
    let env = machine();
    let registers = env.preferred_regs_by_class.iter();
    let registers = registers.chain(&env.non_preferred_regs_by_class);
    let clobbers = registers.fold(PRegSet::empty(), |mut all, some| {
        all.union_from(*some);
        all
    });
    Instruction {
        clobbers,
        ..Instruction::default()
    }
}

/// A value comes round a loop in its slot, as its register is taken in the loop, in a block of its own if `apart`: how
/// many stores there are in front of the loop, and in it.
fn stores_around(apart: bool) -> [usize; 2] {
    let back = if apart { 3 } else { 2 };
    let mut program = with_blocks(back + 2);
    let start = int(&mut program);
    program.blocks[0].args = vec![vec![start]];
    program.end_block(0, &[1]);
    let carried = program.vreg(RegClass::Int);
    program.blocks[1].params = vec![carried];
    for _ in 0..6 {
        program.push(&[Operand::reg_use(carried)]);
    }
    if apart {
        program.end_block(1, &[2, 4]);
        program.insts.push(taking_all());
        program.end_block(2, &[3]);
    } else {
        program.insts.push(taking_all());
        program.end_block(1, &[2, 3]);
    }
    program.blocks[back].args = vec![vec![carried]];
    program.end_block(back, &[1]);
    end(&mut program, back + 1, carried);
    let output = allocate(&program);
    let stores = |block| {
        let moves = moves(&program, &output, block).into_iter();
        moves.filter(|(_, to)| to.is_stack()).count()
    };
    [stores(0), (1..=back).map(stores).sum()]
}

#[test]
fn what_comes_round_in_its_slot_is_not_stored_again() {
    assert_eq!(stores_around(false), [1, 0]);
}

#[test]
fn what_comes_round_in_its_slot_is_not_stored_where_it_leaves_its_register() {
    assert_eq!(stores_around(true), [1, 0]);
}
