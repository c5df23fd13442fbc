//! Expressions become values. Comes in: an instruction without effects, as data, whose operands are values
//! that stand for themselves. Goes out: a value that is the same, made in as simple a way as the rules know;
//! an expression that has been made before, where it can be used, is that value (value numbering). Nothing
//! is placed in the code here.

use super::pass::{Made, NOTHING, Pass, become_of, constant, is_above};
use super::table::truncated;
use crate::numbers::bits_of;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, Type, Value};
use std::hash::BuildHasher;

/// What a rule makes of an instruction.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rewrite {
    /// It stays.
    Keep,
    /// It is this value.
    Value(Value),
    /// It is what this instruction makes, with its controlling type. Further rules may know better.
    As(InstructionData, Type),
}

/// So often the rules are asked about what they have made of an instruction.
const REWRITES_MAX: u32 = 8;
/// Rules form operands, by rules, so deep.
const NESTING_MAX: u32 = 4;

impl Pass<'_> {
    /// What has become of the value that an instruction makes.
    pub(super) fn form_inst(&mut self, inst: Inst) {
        let dfg = &mut self.func.dfg;
        let known = &self.state.known;
        let mut data = dfg.insts[inst];
        let value = dfg.first_result(inst);
        let ty = match &mut data {
            InstructionData::Binary { args, .. } => {
                *args = args.map(|arg| become_of(known, arg));
                let ty = dfg.value_type(value);
                // Some make wider values, and vectors of fewer lanes.
                match bits_of(ty) {
                    Some(_) => ty,
                    None => dfg.ctrl_typevar(inst),
                }
            }
            InstructionData::UnaryImm { .. } => dfg.value_type(value),
            InstructionData::IntCompare { args, .. } => {
                *args = args.map(|arg| become_of(known, arg));
                dfg.value_type(args[0])
            }
            other => {
                for arg in other.arguments_mut(&mut dfg.value_lists) {
                    *arg = become_of(known, *arg);
                }
                dfg.ctrl_typevar(inst)
            }
        };
        let formed = self.settle(data, ty, Some(value));
        if formed != value {
            self.known_mut(value).to = formed;
        }
    }

    /// The value of an instruction without effects, with its controlling type.
    pub(super) fn form(&mut self, data: InstructionData, ty: Type) -> Value {
        self.settle(data, ty, None)
    }

    /// An integer; further bits than its type has do not count.
    pub(super) fn integer(&mut self, ty: Type, bits: u64) -> Value {
        self.number_of(constant(ty, bits), ty, None)
    }

    pub(super) fn unary(&mut self, opcode: Opcode, ty: Type, arg: Value) -> Value {
        self.form(InstructionData::Unary { opcode, arg }, ty)
    }

    pub(super) fn binary(&mut self, opcode: Opcode, ty: Type, args: [Value; 2]) -> Value {
        self.form(InstructionData::Binary { opcode, args }, ty)
    }

    /// A comparison of values of a type.
    pub(super) fn compare(&mut self, cond: IntCC, ty: Type, args: [Value; 2]) -> Value {
        self.form(comparison(cond, args), ty)
    }

    /// `own` is the value that it has in the code, if it has one.
    fn settle(&mut self, mut data: InstructionData, mut ty: Type, own: Option<Value>) -> Value {
        if self.state.nesting < NESTING_MAX {
            self.state.nesting += 1;
            let mut value = None;
            for _ in 0..REWRITES_MAX {
                match self.simplify(&data, ty) {
                    Rewrite::Keep => break,
                    Rewrite::Value(same) => {
                        value = Some(same);
                        break;
                    }
                    Rewrite::As(other, other_type) => (data, ty) = (other, other_type),
                }
            }
            self.state.nesting -= 1;
            if let Some(value) = value {
                return value;
            }
        }
        if let InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } = data
        {
            data = constant(ty, imm.bits().cast_unsigned());
        }
        self.number_of(data, ty, own)
    }

    /// The value of an instruction that is as simple as it gets.
    fn number_of(&mut self, data: InstructionData, ty: Type, own: Option<Value>) -> Value {
        let hash = self.hash(&data);
        let state = &mut *self.state;
        let (known, path, depths) = (&state.known, &state.path, &state.depths);
        let found = state.expressions.find(hash, |made| {
            let known = &known[made.value.index()];
            known.data == data && known.ty == ty
        });
        // An entry whose scope has been left is never right again.
        let free = match found {
            Ok(made) if is_above(path, depths, made.scope) => return made.value,
            Ok(made) => Err(made),
            Err(free) => Ok(free),
        };
        let args = data.arguments(&self.func.dfg.value_lists);
        let depth = args.iter().map(|arg| known[arg.index()].depth);
        let depth = depth.max().unwrap_or(0);
        let scope = path[depth as usize];
        let value = match own {
            Some(own) => own,
            None => {
                let dfg = &mut self.func.dfg;
                let inst = dfg.make_inst(data);
                dfg.make_inst_results(inst, ty);
                dfg.first_result(inst)
            }
        };
        let made = Made { value, scope };
        match free {
            Ok(free) => state.expressions.add(free, hash, made),
            Err(old) => *old = made,
        }
        let known = self.known_mut(value);
        known.data = data;
        known.ty = ty;
        known.depth = depth;
        value
    }

    /// What differs in its type alone has the same: that is seldom.
    fn hash(&self, data: &InstructionData) -> u32 {
        let both =
            |args: &[Value; 2]| u64::from(args[0].as_u32()) | u64::from(args[1].as_u32()) << 32;
        let (operation, operands) = match data {
            InstructionData::Binary { opcode, args } => (*opcode as u64, both(args)),
            InstructionData::IntCompare { opcode, args, cond } => {
                (*opcode as u64 | (*cond as u64) << 8, both(args))
            }
            InstructionData::Unary { opcode, arg } => (*opcode as u64, u64::from(arg.as_u32())),
            InstructionData::UnaryImm { opcode, imm } => {
                (*opcode as u64, imm.bits().cast_unsigned())
            }
            other => return truncated(self.state.hashes.hash_one(other)),
        };
        truncated(self.state.hashes.hash_one((operation, operands)))
    }

    /// What an operand is made by, if an instruction with one operand.
    pub(super) fn as_unary(&self, value: Value) -> Option<(Opcode, Value)> {
        match self.made_by(value) {
            InstructionData::Unary { opcode, arg } => Some((opcode, arg)),
            _ => None,
        }
    }

    /// The operand of what makes a value, if that has this opcode.
    pub(super) fn operand_of(&self, value: Value, expected: Opcode) -> Option<Value> {
        match self.as_unary(value)? {
            (opcode, arg) if opcode == expected => Some(arg),
            _ => None,
        }
    }

    /// The operands of what makes a value, if that has this opcode.
    pub(super) fn operands_of(&self, value: Value, expected: Opcode) -> Option<[Value; 2]> {
        match self.made_by(value) {
            InstructionData::Binary { opcode, args } if opcode == expected => Some(args),
            _ => None,
        }
    }

    /// The comparison that makes a value.
    pub(super) fn as_comparison(&self, value: Value) -> Option<(IntCC, [Value; 2])> {
        match self.made_by(value) {
            InstructionData::IntCompare { cond, args, .. } => Some((cond, args)),
            _ => None,
        }
    }

    /// Whether nothing but other values makes this one.
    pub(super) fn is_pure(&self, value: Value) -> bool {
        self.made_by(value) != NOTHING
    }
}

pub(super) fn comparison(cond: IntCC, args: [Value; 2]) -> InstructionData {
    InstructionData::IntCompare {
        opcode: Opcode::Icmp,
        args,
        cond,
    }
}
