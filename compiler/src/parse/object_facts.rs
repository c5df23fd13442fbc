//! What a body does with objects: which it makes and of what, which fields it reads and writes.
//!
//! Operands that are constants are told from others while the body is validated: the stack of the
//! validator is followed, with nothing but constants in it.

use super::const_expr::ConstOp;
use crate::index::{FuncIndex, GlobalIndex, TypeIndex};
use wasmparser::{FuncValidator, Operator, ValidatorResources};

/// The objects of a body. Lists may have repetitions.
#[derive(Clone, Default, Debug)]
pub struct ObjectFacts {
    pub structs: Vec<NewStruct>,
    /// Types of arrays that are made.
    pub arrays: Vec<TypeIndex>,
    pub reads: Vec<(TypeIndex, u32)>,
    /// What is written to fields.
    pub writes: Vec<(TypeIndex, u32, Operand)>,
}

/// An operand: a constant, or what is not known.
pub type Operand = Option<ConstOp>;

/// A struct that is made.
#[derive(Clone, PartialEq, Debug)]
pub struct NewStruct {
    pub ty: TypeIndex,
    pub fields: NewFields,
}

#[derive(Clone, PartialEq, Debug)]
pub enum NewFields {
    /// Each has its default.
    Default,
    /// Those that get constants.
    Constants(Box<[(u32, ConstOp)]>),
}

/// Follows the operands of a body.
#[derive(Default)]
pub(super) struct Operands {
    stack: Vec<Operand>,
    facts: ObjectFacts,
}

impl Operands {
    /// An instruction that is about to be validated, so that what it takes is still there.
    pub(super) fn before(&mut self, op: &Operator<'_>, at: &FuncValidator<ValidatorResources>) {
        // Where there is none the instruction is invalid.
        let arity = op.operator_arity(at);
        let taken = arity.map_or(self.stack.len(), |(taken, _)| taken as usize);
        self.note(op, taken);
        let left = self.stack.len().saturating_sub(taken);
        self.stack.truncate(left);
    }

    /// The same instruction once it is validated. Where nothing can be reached, there may be fewer
    /// operands than it takes; what is beyond those that were left is not known.
    pub(super) fn after(&mut self, op: &Operator<'_>, at: &FuncValidator<ValidatorResources>) {
        self.stack.resize(at.operand_stack_height() as usize, None);
        if let (Some(top), Some(constant)) = (self.stack.last_mut(), constant(op)) {
            *top = Some(constant);
        }
    }

    pub(super) fn finish(self) -> ObjectFacts {
        self.facts
    }

    fn top(&self) -> Operand {
        self.stack.last().copied().flatten()
    }

    /// Notes an instruction that takes so many operands.
    fn note(&mut self, op: &Operator<'_>, taken: usize) {
        let facts = &mut self.facts;
        match *op {
            Operator::StructNew { struct_type_index } => facts.structs.push(NewStruct {
                ty: TypeIndex(struct_type_index),
                fields: NewFields::Constants(constants(&self.stack, taken)),
            }),
            Operator::StructNewDefault { struct_type_index } => facts.structs.push(NewStruct {
                ty: TypeIndex(struct_type_index),
                fields: NewFields::Default,
            }),
            Operator::StructGet {
                struct_type_index,
                field_index,
            }
            | Operator::StructGetS {
                struct_type_index,
                field_index,
            }
            | Operator::StructGetU {
                struct_type_index,
                field_index,
            } => {
                let read = (TypeIndex(struct_type_index), field_index);
                if facts.reads.last() != Some(&read) {
                    facts.reads.push(read);
                }
            }
            Operator::StructSet {
                struct_type_index,
                field_index,
            } => {
                let value = self.top();
                let write = (TypeIndex(struct_type_index), field_index, value);
                self.facts.writes.push(write);
            }
            Operator::ArrayNew { array_type_index }
            | Operator::ArrayNewDefault { array_type_index }
            | Operator::ArrayNewFixed {
                array_type_index, ..
            }
            | Operator::ArrayNewData {
                array_type_index, ..
            }
            | Operator::ArrayNewElem {
                array_type_index, ..
            } => facts.arrays.push(TypeIndex(array_type_index)),
            _ => {}
        }
    }
}

/// The constants among so many topmost operands, by their positions in these.
fn constants(stack: &[Operand], taken: usize) -> Box<[(u32, ConstOp)]> {
    // Where nothing can be reached the lowest ones may not be there.
    let missing = taken.saturating_sub(stack.len());
    let there = &stack[stack.len() - (taken - missing)..];
    let positions = (missing as u32..).zip(there);
    positions
        .filter_map(|(position, operand)| operand.map(|constant| (position, constant)))
        .collect()
}

/// The constant that an instruction gives.
fn constant(op: &Operator<'_>) -> Option<ConstOp> {
    Some(match *op {
        Operator::I32Const { value } => ConstOp::I32(value),
        Operator::I64Const { value } => ConstOp::I64(value),
        Operator::F32Const { value } => ConstOp::F32(value.bits()),
        Operator::F64Const { value } => ConstOp::F64(value.bits()),
        Operator::RefNull { .. } => ConstOp::RefNull,
        Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
        Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
        _ => return None,
    })
}
