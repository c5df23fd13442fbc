//! Constant expressions, kept as a short postfix program that `plan` evaluates.

use crate::error::{Error, Result};
use crate::index::{FuncIndex, GlobalIndex, TypeIndex};
use wasmparser::Operator;

/// One instruction of a constant expression.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConstOp {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    RefNull,
    RefFunc(FuncIndex),
    GlobalGet(GlobalIndex),
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
    RefI31,
    StructNew(TypeIndex),
    StructNewDefault(TypeIndex),
    ArrayNew(TypeIndex),
    ArrayNewDefault(TypeIndex),
    ArrayNewFixed(TypeIndex, u32),
}

/// A validated constant expression.
#[derive(Clone, PartialEq, Debug)]
pub struct ConstExpr {
    /// Almost always a single instruction.
    pub ops: Box<[ConstOp]>,
}

impl ConstExpr {
    #[must_use]
    pub fn ref_func(func: FuncIndex) -> ConstExpr {
        ConstExpr {
            ops: Box::new([ConstOp::RefFunc(func)]),
        }
    }

    /// # Errors
    /// `Unsupported` for instructions that the standard does not have here.
    pub fn parse(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        let mut ops = Vec::with_capacity(1);
        let mut reader = expr.get_operators_reader();
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            ops.push(match op {
                Operator::I32Const { value } => ConstOp::I32(value),
                Operator::I64Const { value } => ConstOp::I64(value),
                Operator::F32Const { value } => ConstOp::F32(value.bits()),
                Operator::F64Const { value } => ConstOp::F64(value.bits()),
                Operator::V128Const { value } => ConstOp::V128(value.i128().cast_unsigned()),
                Operator::RefNull { .. } => ConstOp::RefNull,
                Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
                Operator::GlobalGet { global_index } => {
                    ConstOp::GlobalGet(GlobalIndex(global_index))
                }
                Operator::I32Add => ConstOp::I32Add,
                Operator::I32Sub => ConstOp::I32Sub,
                Operator::I32Mul => ConstOp::I32Mul,
                Operator::I64Add => ConstOp::I64Add,
                Operator::I64Sub => ConstOp::I64Sub,
                Operator::I64Mul => ConstOp::I64Mul,
                Operator::RefI31 => ConstOp::RefI31,
                Operator::StructNew { struct_type_index } => {
                    ConstOp::StructNew(TypeIndex(struct_type_index))
                }
                Operator::StructNewDefault { struct_type_index } => {
                    ConstOp::StructNewDefault(TypeIndex(struct_type_index))
                }
                Operator::ArrayNew { array_type_index } => {
                    ConstOp::ArrayNew(TypeIndex(array_type_index))
                }
                Operator::ArrayNewDefault { array_type_index } => {
                    ConstOp::ArrayNewDefault(TypeIndex(array_type_index))
                }
                Operator::ArrayNewFixed {
                    array_type_index,
                    array_size,
                } => ConstOp::ArrayNewFixed(TypeIndex(array_type_index), array_size),
                // References are the same in both hierarchies.
                Operator::End | Operator::AnyConvertExtern | Operator::ExternConvertAny => continue,
                other => {
                    let what = format!("instruction `{other:?}` in a constant expression");
                    return Err(Error::unsupported(what, offset));
                }
            });
        }
        Ok(ConstExpr {
            ops: ops.into_boxed_slice(),
        })
    }
}
