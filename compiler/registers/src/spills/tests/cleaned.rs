//! Small cases of what is removed, and of what has to stay.

use crate::Spills;
use crate::program::{Body, Instruction, Program, caller_saved, machine};
use Step::{Add, Call, Load, Move, Read, Store, Use, Want, Write};
use regalloc2::{
    Allocation, Block, Edit, Function, Inst, InstOrEdit, Operand, OperandConstraint, OperandKind,
    Output, PReg, PRegSet, ProgPoint, RegClass, Revise, SpillSlot, VReg,
};

/// What a block does. Registers and slots by their numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Store(usize, usize),
    Load(usize, usize),
    Move(usize, usize),
    /// An instruction writes a register.
    Write(usize),
    /// An instruction reads a register.
    Use(usize),
    /// An instruction reads a register, which has to be that one.
    Want(usize),
    /// An instruction reads a register and writes it.
    Add(usize),
    /// An instruction reads a slot.
    Read(usize),
    Call,
}

fn register(number: usize) -> Allocation {
    Allocation::reg(PReg::new(number, RegClass::Int))
}

fn slot(number: usize) -> Allocation {
    Allocation::stack(SpillSlot::new(number))
}

/// Blocks with their steps and the numbers of those that follow. A block whose last step is a call
/// is ended by it.
fn clean(blocks: &[(&[Step], &[usize])]) -> Vec<Vec<Step>> {
    let mut program = Program::default();
    let mut output = Output::default();
    program.blocks.resize_with(blocks.len(), Body::default);
    for (number, (steps, succs)) in blocks.iter().enumerate() {
        let is_ended_by_call = steps.last() == Some(&Call) && succs.len() > 1;
        let plain = &steps[..steps.len() - usize::from(is_ended_by_call)];
        for &step in plain {
            add(step, &mut program, &mut output);
        }
        output.inst_alloc_offsets.push(output.allocs.len() as u32);
        program.end_block(number, succs);
        if is_ended_by_call {
            program.insts.last_mut().expect("it was ended").clobbers = caller_saved();
        }
    }
    let names_slots = |step: &Step| matches!(step, Store(..) | Load(..) | Read(_));
    let mut steps = blocks.iter().flat_map(|(steps, _)| steps.iter());
    output.num_spillslots = if steps.any(names_slots) { 8 } else { 0 };
    Spills::default().revise(&program, &machine(), &mut output);
    (0..blocks.len())
        .map(|block| left(&program, &output, block))
        .collect()
}

fn add(step: Step, program: &mut Program, output: &mut Output) {
    let point = ProgPoint::before(Inst::new(program.insts.len()));
    let mut edit = |from, to| output.edits.push((point, Edit::Move { from, to }));
    let start = output.allocs.len() as u32;
    let value = VReg::new(0, RegClass::Int);
    let mut instruction = Instruction::default();
    let allocation = match step {
        Store(from, to) => return edit(register(from), slot(to)),
        Load(from, to) => return edit(slot(from), register(to)),
        Move(from, to) => return edit(register(from), register(to)),
        Write(to) => {
            instruction.operands.push(Operand::any_def(value));
            Some(register(to))
        }
        Use(from) => {
            instruction.operands.push(Operand::any_use(value));
            Some(register(from))
        }
        Want(from) => {
            let wanted = PReg::new(from, RegClass::Int);
            instruction
                .operands
                .push(Operand::reg_fixed_use(value, wanted));
            Some(register(from))
        }
        Add(at) => {
            instruction.operands.push(Operand::any_use(value));
            instruction.operands.push(Operand::reg_reuse_def(value, 0));
            output.allocs.push(register(at));
            Some(register(at))
        }
        Read(from) => {
            instruction.operands.push(Operand::any_use(value));
            Some(slot(from))
        }
        Call => {
            instruction.clobbers = caller_saved();
            None
        }
    };
    program.insts.push(instruction);
    output.inst_alloc_offsets.push(start);
    output.allocs.extend(allocation);
}

/// What a block does in the end.
fn left(program: &Program, output: &Output, block: usize) -> Vec<Step> {
    let items = output.block_insts_and_edits(program, Block::new(block));
    let steps = items.filter_map(|item| match item {
        InstOrEdit::Inst(inst) => instruction(program, output, inst),
        InstOrEdit::Edit(Edit::Move { from, to }) => Some(
            match (from.as_reg(), from.as_stack(), to.as_reg(), to.as_stack()) {
                (Some(from), _, _, Some(to)) => Store(from.hw_enc(), to.index()),
                (_, Some(from), Some(to), _) => Load(from.index(), to.hw_enc()),
                (Some(from), _, Some(to), _) => Move(from.hw_enc(), to.hw_enc()),
                other => panic!("no such move: {other:?}"),
            },
        ),
    });
    steps.collect()
}

/// None for what only ends a block.
fn instruction(program: &Program, output: &Output, inst: Inst) -> Option<Step> {
    if program.inst_clobbers(inst) != PRegSet::empty() {
        return Some(Call);
    }
    let operands = program.inst_operands(inst);
    let [.., operand] = operands else {
        return None;
    };
    let at = output.inst_allocs(inst)[operands.len() - 1];
    Some(match (at.as_reg(), at.as_stack(), operand.constraint()) {
        (Some(at), _, OperandConstraint::FixedReg(_)) => Want(at.hw_enc()),
        (Some(at), _, OperandConstraint::Reuse(_)) => Add(at.hw_enc()),
        (Some(at), ..) if operand.kind() == OperandKind::Use => Use(at.hw_enc()),
        (Some(at), ..) => Write(at.hw_enc()),
        (_, Some(at), _) => Read(at.index()),
        other => panic!("no such operand: {other:?}"),
    })
}

/// One block.
fn expect(steps: &[Step], left: &[Step]) {
    assert_eq!(clean(&[(steps, &[])]), [left]);
}

#[test]
fn a_load_of_what_the_register_holds_is_removed() {
    expect(
        &[Write(0), Store(0, 1), Load(1, 0), Use(0), Read(1)],
        &[Write(0), Store(0, 1), Use(0), Read(1)],
    );
}

#[test]
fn a_load_of_what_another_register_holds_is_a_move() {
    expect(
        &[Write(0), Store(0, 1), Load(1, 2), Want(2), Want(0), Read(1)],
        &[Write(0), Store(0, 1), Move(0, 2), Want(2), Want(0), Read(1)],
    );
}

#[test]
fn a_second_store_to_the_same_slot_is_removed() {
    expect(
        &[
            Write(0),
            Store(0, 1),
            Call,
            Load(1, 6),
            Use(6),
            Store(6, 1),
            Read(1),
        ],
        &[Write(0), Store(0, 1), Call, Load(1, 6), Use(6), Read(1)],
    );
}

#[test]
fn a_move_between_registers_that_hold_the_same_is_removed() {
    expect(
        &[
            Write(0),
            Store(0, 1),
            Move(0, 2),
            Want(2),
            Move(2, 0),
            Want(0),
            Read(1),
        ],
        &[Write(0), Store(0, 1), Move(0, 2), Want(2), Want(0), Read(1)],
    );
}

#[test]
fn what_nothing_reads_is_removed() {
    expect(
        &[Write(0), Store(0, 1), Store(0, 2), Move(0, 3), Read(2)],
        &[Write(0), Store(0, 2), Read(2)],
    );
    // Something is written there before it is read.
    expect(
        &[Write(0), Store(0, 1), Write(0), Store(0, 1), Read(1)],
        &[Write(0), Write(0), Store(0, 1), Read(1)],
    );
    // What reads it is removed itself.
    expect(
        &[Write(0), Store(0, 1), Write(0), Load(1, 2), Write(2)],
        &[Write(0), Write(0), Write(2)],
    );
}

#[test]
fn a_slot_that_is_read_keeps_its_store() {
    let steps = [Write(0), Store(0, 1), Write(0), Load(1, 2), Use(2)];
    expect(&steps, &steps);
}

#[test]
fn what_an_instruction_writes_is_known_no_longer() {
    for change in [Write(0), Add(0), Call] {
        let steps = [Write(0), Store(0, 1), change, Load(1, 0), Use(0)];
        expect(&steps, &steps);
    }
}

#[test]
fn a_register_that_a_call_leaves_is_known_after_it() {
    expect(
        &[Write(6), Store(6, 1), Call, Load(1, 6), Use(6), Read(1)],
        &[Write(6), Store(6, 1), Call, Use(6), Read(1)],
    );
}

#[test]
fn what_reads_a_copy_reads_its_source() {
    expect(
        &[Write(0), Move(0, 2), Use(2), Store(2, 1), Read(1), Use(0)],
        &[Write(0), Use(0), Store(0, 1), Read(1), Use(0)],
    );
    // Not if the source is written before.
    let steps = [Write(0), Move(0, 2), Write(0), Use(2), Use(0)];
    expect(&steps, &[Write(2), Write(0), Use(2), Use(0)]);
    let steps = [Write(0), Move(0, 2), Add(0), Use(2), Use(0)];
    expect(&steps, &steps);
    // Nor if the copy is changed.
    let steps = [Write(0), Move(0, 2), Add(2), Use(2), Use(0)];
    expect(&steps, &steps);
}

#[test]
fn what_is_only_copied_is_written_to_where_it_is_read() {
    expect(
        &[Write(0), Add(0), Use(0), Move(0, 2), Want(2)],
        &[Write(2), Add(2), Use(2), Want(2)],
    );
    // Not if that is in use until then.
    let steps = [Write(2), Write(0), Use(2), Move(0, 2), Want(2)];
    expect(&steps, &steps);
    // Nor if an instruction wants the source.
    let steps = [Write(0), Want(0), Move(0, 2), Want(2)];
    expect(&steps, &steps);
}

#[test]
fn a_copy_that_another_block_reads_stays() {
    let blocks: [(&[Step], &[usize]); 2] = [
        (&[Write(0), Move(0, 2), Use(2), Want(0)], &[1]),
        (&[Use(2)], &[]),
    ];
    assert_eq!(clean(&blocks)[0], blocks[0].0);
}

#[test]
fn after_a_call_that_may_land_elsewhere_nothing_is_known() {
    let blocks: [(&[Step], &[usize]); 3] = [
        (&[Write(6), Store(6, 1), Call], &[1, 2]),
        (&[Load(1, 6), Use(6)], &[]),
        (&[Load(1, 6), Use(6)], &[]),
    ];
    assert_eq!(clean(&blocks), blocks.map(|(steps, _)| steps));
}

#[test]
fn what_is_read_after_a_call_that_may_land_elsewhere_stays() {
    let blocks: [(&[Step], &[usize]); 3] = [
        (&[Load(1, 6), Load(2, 7), Call], &[1, 2]),
        (&[Use(6)], &[]),
        (&[Use(7)], &[]),
    ];
    assert_eq!(clean(&blocks), blocks.map(|(steps, _)| steps));
}

#[test]
fn only_what_holds_on_every_way_is_known() {
    // One of two ways to the last block writes the register, or does not.
    for (arm, is_known) in [(Write(1), true), (Write(0), false)] {
        let blocks: [(&[Step], &[usize]); 4] = [
            (&[Write(0), Store(0, 1)], &[1, 2]),
            (&[], &[3]),
            (&[arm], &[3]),
            (&[Load(1, 0), Use(0), Read(1)], &[]),
        ];
        let left = [Load(1, 0), Use(0), Read(1)];
        assert_eq!(clean(&blocks)[3], left[usize::from(is_known)..]);
    }
}

#[test]
fn a_loop_is_a_way_too() {
    for (body, is_known) in [(Write(1), true), (Write(0), false)] {
        let blocks: [(&[Step], &[usize]); 4] = [
            (&[Write(0), Store(0, 1)], &[1]),
            (&[Load(1, 0), Use(0), Read(1)], &[2, 3]),
            (&[body], &[1]),
            (&[], &[]),
        ];
        let left = [Load(1, 0), Use(0), Read(1)];
        assert_eq!(clean(&blocks)[1], left[usize::from(is_known)..]);
    }
}

#[test]
fn a_store_that_another_way_reads_stays() {
    let blocks: [(&[Step], &[usize]); 3] = [
        (&[Write(0), Store(0, 1), Store(0, 2)], &[1, 2]),
        (&[Write(0)], &[]),
        (&[Write(0), Load(2, 0), Use(0)], &[]),
    ];
    assert_eq!(clean(&blocks)[0], [Write(0), Store(0, 2)]);
}
