//! Random functions with all kinds of operands.

use super::{each_is_right, none_depends_on_others};
use crate::program::{Body, CLASSES, Instruction, Program, Random, caller_saved};
use crate::{Allocator, Counted};
use regalloc2::{
    Operand, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet, RegClass, VReg,
};
use std::rc::Rc;

struct Maker {
    program: Program,
    random: Random,
    /// How many values there are about at a time.
    values_max: usize,
}

pub fn program(seed: u64) -> Program {
    Maker::make(seed)
}

impl Maker {
    /// Rows of blocks, one after the other: some branch into arms, some have a way to an earlier
    /// row. Edges from branches lead to blocks of their own.
    fn make(seed: u64) -> Program {
        let mut maker = Maker {
            program: Program::default(),
            random: Random(seed),
            values_max: 0,
        };
        maker.values_max = 4 + maker.random.below(30);
        let rows = 1 + maker.random.below(7);
        // The first block and the arms of each row, then the end.
        let mut heads = vec![0];
        for _ in 0..rows {
            let arms = 2 + maker.random.below(3);
            heads.push(heads[heads.len() - 1] + 1 + arms);
        }
        let blocks = heads[rows] + 1;
        maker.program.blocks.resize_with(blocks, Body::default);
        for &head in &heads[1..] {
            for _ in 0..maker.random.below(5) {
                let class = maker.random.one_of(&CLASSES);
                let param = maker.program.vreg(class);
                maker.program.blocks[head].params.push(param);
            }
        }
        // What is defined in the blocks that are always passed.
        let mut values = Vec::new();
        for row in 0..rows {
            maker.row(&heads, row, &mut values);
        }
        let last = heads[rows];
        values.extend(maker.program.blocks[last].params.clone());
        maker.instructions(&mut values, 5);
        maker.program.end_block(last, &[]);
        maker.program
    }

    fn row(&mut self, heads: &[usize], row: usize, values: &mut Vec<VReg>) {
        let (head, next) = (heads[row], heads[row + 1]);
        values.extend(self.program.blocks[head].params.clone());
        self.instructions(values, 12);
        let arms: Vec<usize> = (head + 1..next).collect();
        let mut of_arm = vec![Vec::new(); arms.len()];
        if self.random.chance(3) {
            self.end_with_call(head, &arms, values, &mut of_arm);
        } else {
            self.program.end_block(head, &arms);
        }
        for (arm, own) in arms.iter().zip(of_arm) {
            let mut here = values.clone();
            here.extend(own);
            here.extend(self.program.blocks[*arm].params.clone());
            self.instructions(&mut here, 6);
            let is_back = *arm > head + 1 && row > 0 && self.random.chance(2);
            let target = match is_back {
                true => heads[1 + self.random.below(row)],
                false => next,
            };
            let args = self.args(target, &mut here);
            self.program.blocks[*arm].args.push(args);
            self.program.end_block(*arm, &[target]);
        }
    }

    /// A call that ends its block, and whose results the blocks behind it take.
    fn end_with_call(
        &mut self,
        head: usize,
        arms: &[usize],
        values: &mut Vec<VReg>,
        of_arm: &mut [Vec<VReg>],
    ) {
        let mut call = self.call(values);
        for (number, (&arm, own)) in arms.iter().zip(of_arm).enumerate() {
            let result = self.program.vreg(RegClass::Int);
            let register = PReg::new(number, RegClass::Int);
            call.operands.push(Operand::reg_fixed_def(result, register));
            call.clobbers.remove(register);
            if self.random.chance(2) {
                own.push(result);
                self.program.blocks[head].args.push(Vec::new());
            } else {
                let param = self.program.vreg(RegClass::Int);
                self.program.blocks[arm].params.push(param);
                self.program.blocks[head].args.push(vec![result]);
            }
        }
        self.program.end_block_with(head, arms, call);
    }

    fn args(&mut self, target: usize, values: &mut Vec<VReg>) -> Vec<VReg> {
        let params = self.program.blocks[target].params.clone();
        params
            .iter()
            .map(|&param| {
                // What comes round unchanged is common.
                let is_same = values.contains(&param) && self.random.chance(3);
                if is_same {
                    param
                } else {
                    self.value(values, param.class())
                }
            })
            .collect()
    }

    /// A value of a class: one that there is, or a new one.
    fn value(&mut self, values: &mut Vec<VReg>, class: RegClass) -> VReg {
        let of_class = values.iter().copied().filter(|v| v.class() == class);
        let of_class: Vec<VReg> = of_class.collect();
        if of_class.is_empty() {
            let new = self.program.define(class);
            values.push(new);
            return new;
        }
        // Often what was defined last, so that others are not needed any longer.
        let recent = of_class.len().saturating_sub(self.values_max);
        self.random.one_of(&of_class[recent..])
    }

    fn instructions(&mut self, values: &mut Vec<VReg>, most: usize) {
        for _ in 0..self.random.below(most + 1) {
            match self.random.below(8) {
                0 | 1 => {
                    let call = self.call(values);
                    self.program.insts.push(call);
                    let class = self.random.one_of(&CLASSES);
                    if self.random.chance(2) {
                        let last = self.program.insts.len() - 1;
                        let result = self.program.vreg(class);
                        let register = PReg::new(0, class);
                        let call = &mut self.program.insts[last];
                        call.operands.push(Operand::reg_fixed_def(result, register));
                        call.clobbers.remove(register);
                        values.push(result);
                    }
                }
                2 => self.division(values),
                3 => self.mixed(values),
                _ => self.arithmetic(values),
            }
        }
    }

    /// Fixed uses, of which several can be the same value, and others anywhere.
    fn call(&mut self, values: &mut Vec<VReg>) -> Instruction {
        let mut call = Instruction {
            clobbers: caller_saved(),
            ..Instruction::default()
        };
        for class in [RegClass::Int, RegClass::Float] {
            for number in 0..self.random.below(5) {
                let value = self.value(values, class);
                let register = PReg::new(5 - number, class);
                call.operands.push(Operand::reg_fixed_use(value, register));
            }
        }
        for _ in 0..self.random.below(4) {
            let class = self.random.one_of(&CLASSES);
            let value = self.value(values, class);
            let constraint = match self.random.below(3) {
                0 => OperandConstraint::Stack,
                _ => OperandConstraint::Any,
            };
            let (kind, pos) = (OperandKind::Use, OperandPos::Early);
            let operand = Operand::new(value, constraint, kind, pos);
            call.operands.push(operand);
        }
        if self.random.chance(4) {
            let result = self.program.vreg(RegClass::Float);
            call.operands.push(Operand::any_def(result));
            values.push(result);
        }
        call
    }

    /// A value in a fixed register, two results in fixed ones, of which one is what was read.
    fn division(&mut self, values: &mut Vec<VReg>) {
        let class = self.random.one_of(&CLASSES);
        let [low, high, by] = [(); 3].map(|()| self.value(values, class));
        let [quotient, rest] = [(); 2].map(|()| self.program.vreg(class));
        let [first, second] = [0, 2].map(|number| PReg::new(number, class));
        let by = match self.random.chance(2) {
            true => Operand::reg_use(by),
            false => Operand::any_use(by),
        };
        self.program.push(&[
            Operand::reg_fixed_use(low, first),
            Operand::reg_fixed_use(high, second),
            by,
            Operand::reg_fixed_def(quotient, first),
            Operand::reg_fixed_def(rest, second),
        ]);
        values.push(quotient);
        if self.random.chance(2) {
            values.push(rest);
        }
    }

    fn arithmetic(&mut self, values: &mut Vec<VReg>) {
        let class = self.random.one_of(&CLASSES);
        let input = self.value(values, class);
        let other_class = self.random.one_of(&CLASSES);
        let other = self.value(values, other_class);
        let result = self.program.vreg(class);
        match self.random.below(5) {
            0 => self.program.push(&[
                Operand::reg_use(input),
                Operand::any_use(other),
                Operand::reg_reuse_def(result, 0),
            ]),
            1 => {
                let same = self.value(values, class);
                self.program.push(&[
                    Operand::reg_use(same),
                    Operand::reg_use(input),
                    Operand::reg_reuse_def(result, 1),
                ]);
            }
            2 => {
                // A shift by a register.
                let by = self.value(values, RegClass::Int);
                self.program.push(&[
                    Operand::reg_use(input),
                    Operand::reg_fixed_use(by, PReg::new(1, RegClass::Int)),
                    Operand::reg_reuse_def(result, 0),
                ]);
            }
            _ => self.program.push(&[
                Operand::reg_use(input),
                Operand::reg_use(other),
                Operand::reg_def(result),
            ]),
        }
        values.push(result);
    }

    /// Early definitions, late uses, limits, slots, temporaries and a few clobbers.
    fn mixed(&mut self, values: &mut Vec<VReg>) {
        let class = self.random.one_of(&CLASSES);
        let mut instruction = Instruction::default();
        let operands = &mut instruction.operands;
        let constraints = [
            OperandConstraint::Any,
            OperandConstraint::Reg,
            OperandConstraint::Stack,
            OperandConstraint::Limit(4),
        ];
        // Of four registers, three others can be in the way.
        let mut limits = usize::from(self.random.chance(2));
        for _ in 0..1 + self.random.below(2) {
            let of_class = values.iter().copied().filter(|v| v.class() == class);
            let of_class: Vec<VReg> = of_class.collect();
            if of_class.is_empty() {
                break;
            }
            let value = self.random.one_of(&of_class);
            let constraint = self.random.one_of(&constraints[..3 + limits]);
            limits -= usize::from(constraint == OperandConstraint::Limit(4));
            let pos = self.random.one_of(&[OperandPos::Early, OperandPos::Late]);
            operands.push(Operand::new(value, constraint, OperandKind::Use, pos));
        }
        let result = self.program.vreg(class);
        let constraint = self.random.one_of(&constraints[..3 + limits]);
        let pos = self.random.one_of(&[OperandPos::Early, OperandPos::Late]);
        operands.push(Operand::new(result, constraint, OperandKind::Def, pos));
        if self.random.chance(2) {
            let temp = self.program.vreg(class);
            operands.push(Operand::reg_temp(temp));
        }
        if self.random.chance(3) {
            let clobbers = [6, 7].map(|number| PReg::new(number, class));
            instruction.clobbers = clobbers.into_iter().fold(PRegSet::empty(), PRegSet::with);
        }
        self.program.insts.push(instruction);
        values.push(result);
    }
}

/// How often blocks run, for every second function: anything, and of some it is not known.
fn counts(seed: u64, blocks: usize) -> Vec<f32> {
    let mut random = Random(seed);
    let mut count = || match random.below(4) {
        0 => f32::NAN,
        1 => 0.0,
        _ => random.below(1000) as f32 / 100.0,
    };
    match seed % 2 {
        0 => Vec::new(),
        _ => (0..blocks).map(|_| count()).collect(),
    }
}

#[test]
fn each_result_is_right() {
    let counted = Counted::default();
    let mut allocator = Allocator::new(Rc::clone(&counted));
    each_is_right(&mut allocator, 3000, |seed, program| {
        *counted.borrow_mut() = counts(seed, program.blocks.len());
    });
}

#[test]
fn a_result_does_not_depend_on_functions_before() {
    none_depends_on_others::<Allocator>();
}
