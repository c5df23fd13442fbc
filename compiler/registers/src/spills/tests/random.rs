//! Random functions: what is left of the allocator's moves must be enough. Whether it is, the
//! symbolic checker of regalloc2 says, which follows values through all places.

use crate::Spills;
use crate::program::{Body, CLASSES, Instruction, Program, Random, caller_saved, machine};
use regalloc2::checker::Checker;
use regalloc2::{Ctx, Operand, PReg, RegClass, RegallocOptions, VReg, run_with_ctx};

/// A function of blocks in a row, some with an arm that is jumped over and some with a way to an
/// earlier block. Edges from a branch lead to blocks of their own.
fn program(random: &mut Random) -> Program {
    let mut program = Program::default();
    let rows = 2 + random.below(6);
    // A row is a block, and the blocks of the two edges behind it.
    program.blocks.resize_with(rows * 3 + 1, Body::default);
    for row in 0..rows {
        for _ in 0..random.below(3) {
            let param = program.vreg(random.one_of(&CLASSES));
            // Nothing may come into the first block.
            if row > 0 {
                program.blocks[row * 3].params.push(param);
            }
        }
    }
    // What is defined in the blocks that are always passed.
    let mut values = Vec::new();
    for row in 0..rows {
        let block = row * 3;
        values.extend(program.blocks[block].params.clone());
        let count = if row == 0 { 12 } else { random.below(8) };
        for _ in 0..count {
            instruction(&mut program, random, &mut values);
        }
        program.end_block(block, &[block + 1, block + 2]);
        for edge in [block + 1, block + 2] {
            let mut here = values.clone();
            for _ in 0..random.below(4) {
                instruction(&mut program, random, &mut here);
            }
            let is_back = edge == block + 2 && row > 0 && random.below(2) == 0;
            let target = if is_back {
                (1 + random.below(row)) * 3
            } else {
                block + 3
            };
            let params = program.blocks[target].params.clone();
            let args = params
                .iter()
                .map(|param| value(&mut program, random, &mut here, param.class()))
                .collect();
            program.blocks[edge].args.push(args);
            program.end_block(edge, &[target]);
        }
    }
    let last = rows * 3;
    for _ in 0..4 {
        instruction(&mut program, random, &mut values);
    }
    program.end_block(last, &[]);
    program
}

/// A value of a class: one that there is, or a new one.
fn value(
    program: &mut Program,
    random: &mut Random,
    values: &mut Vec<VReg>,
    class: RegClass,
) -> VReg {
    let of_class: Vec<VReg> = values
        .iter()
        .copied()
        .filter(|v| v.class() == class)
        .collect();
    if !of_class.is_empty() {
        return random.one_of(&of_class);
    }
    let new = program.define(class);
    values.push(new);
    new
}

fn instruction(program: &mut Program, random: &mut Random, values: &mut Vec<VReg>) {
    let class = random.one_of(&CLASSES);
    let input = value(program, random, values, class);
    let other_class = random.one_of(&CLASSES);
    let other = value(program, random, values, other_class);
    let result = program.vreg(class);
    let mut instruction = Instruction::default();
    let operands = &mut instruction.operands;
    match random.below(6) {
        0 => {
            instruction.clobbers = caller_saved();
            operands.extend([Operand::any_use(input), Operand::any_use(other)]);
            operands.push(Operand::any_def(result));
        }
        1 => {
            operands.extend([Operand::reg_use(input), Operand::any_use(other)]);
            operands.push(Operand::reg_reuse_def(result, 0));
        }
        2 => {
            operands.push(Operand::reg_fixed_use(input, PReg::new(1, class)));
            operands.push(Operand::reg_fixed_def(result, PReg::new(0, class)));
        }
        3 => {
            let temp = program.vreg(class);
            operands.extend([Operand::reg_use(input), Operand::reg_temp(temp)]);
            operands.push(Operand::any_def(result));
        }
        _ => {
            operands.extend([Operand::reg_use(input), Operand::reg_use(other)]);
            operands.push(Operand::reg_def(result));
        }
    }
    program.insts.push(instruction);
    values.push(result);
}

#[test]
fn what_is_left_is_enough() {
    let env = machine();
    let mut random = Random(1);
    let options = RegallocOptions::default();
    let (mut all, mut cleaned) = (Ctx::default(), Ctx::default());
    cleaned.reviser = Some(Box::new(Spills::default()));
    let (mut before, mut after) = (0, 0);
    for seed in 0..2000 {
        let program = program(&mut random);
        before += run_with_ctx(&program, &env, &options, &mut all)
            .expect("it can be allocated")
            .edits
            .len();
        let output = run_with_ctx(&program, &env, &options, &mut cleaned).expect("as before");
        after += output.edits.len();
        let mut checker = Checker::new(&program, &env);
        checker.prepare(output);
        if let Err(errors) = checker.run() {
            panic!("function {seed}: {errors:?}\n{:?}", output.edits);
        }
    }
    assert!(
        after * 10 < before * 9,
        "{after} moves of {before} are left"
    );
}
