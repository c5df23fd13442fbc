//! Constant expressions, evaluated: everything they can refer to is known when compiling.

use super::value::Contents;
use super::{Callee, FuncKind, LinkPlan, Value};
use crate::index::{FuncId, FuncIndex, InstanceIndex};
use crate::parse::{ConstExpr, ConstOp};

impl LinkPlan<'_> {
    /// Evaluates a constant expression. Every immutable global is known: nothing of the host's
    /// can be imported but functions.
    pub(super) fn evaluate(&mut self, index: InstanceIndex, expr: &ConstExpr) -> Value {
        let mut stack: Vec<Value> = Vec::with_capacity(2);
        for &op in &expr.ops {
            let value = match op {
                ConstOp::I32(v) => Value::I32(v),
                ConstOp::I64(v) => Value::I64(v),
                ConstOp::F32(v) => Value::F32(v),
                ConstOp::F64(v) => Value::F64(v),
                ConstOp::V128(v) => Value::V128(v),
                ConstOp::RefNull => Value::RefNull,
                ConstOp::RefFunc(func) => Value::RefFunc(self.func_value(index, func)),
                ConstOp::GlobalGet(global) => {
                    let id = self.instances[index.index()].globals[global.index()];
                    self.globals[id.index()].init
                }
                ConstOp::RefI31 => match stack.pop() {
                    Some(Value::I32(value)) => Value::RefI31(value),
                    _ => unreachable!("validated: a number"),
                },
                ConstOp::StructNew(_)
                | ConstOp::StructNewDefault(_)
                | ConstOp::ArrayNew(_)
                | ConstOp::ArrayNewDefault(_)
                | ConstOp::ArrayNewFixed(..) => self.evaluate_object(index, op, &mut stack),
                arithmetic => {
                    let right = stack.pop().expect("validated: two operands");
                    let left = stack.pop().expect("validated: two operands");
                    arithmetic_value(arithmetic, left, right)
                }
            };
            stack.push(value);
        }
        stack.pop().expect("validated: one value")
    }

    /// Makes an object of the image; each evaluation makes another.
    fn evaluate_object(
        &mut self,
        index: InstanceIndex,
        op: ConstOp,
        stack: &mut Vec<Value>,
    ) -> Value {
        let (ConstOp::StructNew(ty)
        | ConstOp::StructNewDefault(ty)
        | ConstOp::ArrayNew(ty)
        | ConstOp::ArrayNewDefault(ty)
        | ConstOp::ArrayNewFixed(ty, _)) = op
        else {
            unreachable!("it makes an object")
        };
        let ty = self.type_sig(index, ty);
        let len = |stack: &mut Vec<Value>| match stack.pop() {
            Some(Value::I32(len)) => len.cast_unsigned(),
            _ => unreachable!("validated: a length"),
        };
        let fields = self.fields(ty);
        let contents = match op {
            ConstOp::StructNew(_) => {
                let first = stack.len() - fields.len();
                Contents::Values(stack.split_off(first).into())
            }
            ConstOp::StructNewDefault(_) => {
                Contents::Default(u32::try_from(fields.len()).expect("fields are limited"))
            }
            ConstOp::ArrayNewFixed(_, len) => {
                let first = stack.len() - len as usize;
                Contents::Values(stack.split_off(first).into())
            }
            ConstOp::ArrayNewDefault(_) => Contents::Default(len(stack)),
            _ => {
                let len = len(stack);
                let value = stack.pop().expect("validated: an element");
                Contents::Repeated(value, len)
            }
        };
        self.add_object(ty, contents)
    }

    /// The function as a value; imports get a function of their own.
    pub(super) fn func_value(&mut self, index: InstanceIndex, func: FuncIndex) -> FuncId {
        let sig = self.func_sig(index, func);
        let kind = match self.instances[index.index()].funcs[func.index()] {
            Callee::Defined(id) => return id,
            Callee::Host(host) => FuncKind::HostEntry {
                instance: index,
                host,
                sig,
            },
        };
        self.func_of_kind(kind)
    }

    /// The generated function of this kind, made at the first request.
    pub(super) fn func_of_kind(&mut self, kind: FuncKind) -> FuncId {
        if let Some(&id) = self.entries.get(&kind) {
            return id;
        }
        let id = self.add_func(kind.clone());
        self.entries.insert(kind, id);
        id
    }
}

fn arithmetic_value(op: ConstOp, left: Value, right: Value) -> Value {
    match (op, left, right) {
        (ConstOp::I32Add, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_add(b)),
        (ConstOp::I32Sub, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_sub(b)),
        (ConstOp::I32Mul, Value::I32(a), Value::I32(b)) => Value::I32(a.wrapping_mul(b)),
        (ConstOp::I64Add, Value::I64(a), Value::I64(b)) => Value::I64(a.wrapping_add(b)),
        (ConstOp::I64Sub, Value::I64(a), Value::I64(b)) => Value::I64(a.wrapping_sub(b)),
        (ConstOp::I64Mul, Value::I64(a), Value::I64(b)) => Value::I64(a.wrapping_mul(b)),
        _ => unreachable!("validated: operands of the instruction's type"),
    }
}
