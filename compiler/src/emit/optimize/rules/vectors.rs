//! Rules of vectors, and of scalars that are wider than integers of WebAssembly.

use super::super::form::Rewrite;
use super::super::pass::Pass;
use cranelift_codegen::ir::{ConstantData, InstructionData, Opcode, Type, Value};

const VECTOR_BYTES: usize = 16;

impl Pass<'_> {
    pub(super) fn simplify_wide(
        &mut self,
        opcode: Opcode,
        ty: Type,
        [x, y]: [Value; 2],
    ) -> Rewrite {
        match opcode {
            Opcode::Band | Opcode::Bor if x == y => Rewrite::Value(x),
            // A vector is shifted by a scalar.
            Opcode::Ishl | Opcode::Ushr | Opcode::Sshr if ty.is_vector() => match self.number(y) {
                Some(by) if by % u64::from(ty.lane_bits()) == 0 => Rewrite::Value(x),
                _ => Rewrite::Keep,
            },
            _ => Rewrite::Keep,
        }
    }

    /// A number in every lane is a constant.
    pub(super) fn simplify_splat(&mut self, ty: Type, arg: Value) -> Rewrite {
        let bits = match self.made_by(arg) {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => imm.bits().cast_unsigned(),
            InstructionData::UnaryIeee32 { imm, .. } => imm.bits().into(),
            InstructionData::UnaryIeee64 { imm, .. } => imm.bits(),
            _ => return Rewrite::Keep,
        };
        if ty.bytes() as usize != VECTOR_BYTES {
            return Rewrite::Keep;
        }
        let lane = (ty.lane_bits() / 8) as usize;
        let bytes: Vec<u8> = bits.to_le_bytes()[..lane]
            .iter()
            .copied()
            .cycle()
            .take(VECTOR_BYTES)
            .collect();
        let constant_handle = self
            .func
            .dfg
            .constants
            .insert(ConstantData::from(&bytes[..]));
        let vector = InstructionData::UnaryConst {
            opcode: Opcode::Vconst,
            constant_handle,
        };
        Rewrite::As(vector, ty)
    }
}
