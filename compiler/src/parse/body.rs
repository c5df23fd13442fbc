//! Function bodies: validated, and read once for what the closed-world analysis wants to know.

use super::loop_sets::{self, LoopSets};
use super::object_facts::{ObjectFacts, Operands};
use crate::error::Result;
use crate::index::{DataIndex, ElemIndex, FuncIndex, GlobalIndex, TableIndex, TypeIndex};
use std::hash::{Hash, Hasher};
use wasmparser::{FuncValidator, FunctionBody, Operator, ValidatorResources};

/// A validated function body.
#[derive(Debug)]
pub struct Body<'a> {
    pub body: FunctionBody<'a>,
    pub facts: BodyFacts,
}

/// What a body refers to. Lists have no repetitions next to each other but may have others.
#[derive(Clone, Default, Debug)]
pub struct BodyFacts {
    /// Direct calls and tail calls.
    pub calls: Vec<FuncIndex>,
    pub ref_funcs: Vec<FuncIndex>,
    /// Indirect calls and tail calls.
    pub indirect_calls: Vec<(TableIndex, TypeIndex)>,
    /// Tables whose elements are read as values, or copied from.
    pub tables_read: Vec<TableIndex>,
    /// Tables whose elements are written.
    pub tables_written: Vec<TableIndex>,
    pub tables_grown: Vec<TableIndex>,
    pub globals_written: Vec<GlobalIndex>,
    /// Data segments named by an instruction.
    pub data_used: Vec<DataIndex>,
    /// Element segments named by an instruction.
    pub elements_used: Vec<ElemIndex>,
    /// Calls through typed function references, whose targets can be any function that escapes.
    pub calls_refs: bool,
    /// `try_table` or `try` occurs.
    pub catches: bool,
    /// `try` occurs.
    pub tries: bool,
    /// Globals that are read.
    pub globals_read: Vec<GlobalIndex>,
    /// Some instruction needs a memory, a table or the runtime: anything but control flow, locals,
    /// globals, direct calls and arithmetic on scalars.
    pub touches_state: bool,
    /// Some instruction that does not touch state can trap.
    pub computes_with_traps: bool,
    pub operators: u32,
    /// What it does with objects.
    pub objects: ObjectFacts,
    /// What loops do with locals.
    pub loops: LoopSets,
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.last() != Some(&item) {
        list.push(item);
    }
}

impl<'a> Body<'a> {
    /// Validates `body` and gathers its facts in the same reading; those of objects, if the module has
    /// types of such.
    pub(super) fn validate(
        validator: &mut FuncValidator<ValidatorResources>,
        body: FunctionBody<'a>,
        has_objects: bool,
    ) -> Result<Body<'a>> {
        let mut locals = body.get_binary_reader();
        validator.read_locals(&mut locals)?;
        let mut reader = body.get_operators_reader()?;
        let mut facts = BodyFacts::default();
        let mut loops = loop_sets::Reading::default();
        let mut operands = has_objects.then(Operands::default);
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            if let Some(operands) = &mut operands {
                operands.before(&op, validator);
            }
            validator.op(offset, &op)?;
            if let Some(operands) = &mut operands {
                operands.after(&op, validator);
            }
            facts.operator(&op);
            loops.operator(&op);
            facts.touches_state |= touches_state(&op);
            facts.computes_with_traps |= computes_with_traps(&op);
        }
        reader.finish()?;
        facts.loops = loops.finish();
        facts.objects = operands.map(Operands::finish).unwrap_or_default();
        Ok(Body { body, facts })
    }
}

impl BodyFacts {
    /// Everything but the number of operators.
    pub fn hash_without_operators(&self, hasher: &mut impl Hasher) {
        let BodyFacts {
            calls,
            ref_funcs,
            indirect_calls,
            tables_read,
            tables_written,
            tables_grown,
            globals_written,
            data_used,
            elements_used,
            calls_refs,
            catches,
            tries,
            globals_read,
            touches_state,
            computes_with_traps,
            operators: _,
            // What follows from them is in the digest by itself, and so is the body.
            objects: _,
            loops: _,
        } = self;
        (calls, ref_funcs, indirect_calls).hash(hasher);
        (tables_read, tables_written, tables_grown).hash(hasher);
        (globals_read, globals_written, data_used, elements_used).hash(hasher);
        let flags = [
            *calls_refs,
            *catches,
            *tries,
            *touches_state,
            *computes_with_traps,
        ];
        flags.hash(hasher);
    }

    fn operator(&mut self, op: &Operator<'_>) {
        self.operators += 1;
        match *op {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                add(&mut self.calls, FuncIndex(function_index));
            }
            Operator::RefFunc { function_index } => {
                add(&mut self.ref_funcs, FuncIndex(function_index));
            }
            Operator::CallIndirect {
                type_index,
                table_index,
            }
            | Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                add(
                    &mut self.indirect_calls,
                    (TableIndex(table_index), TypeIndex(type_index)),
                );
            }
            Operator::CallRef { .. } | Operator::ReturnCallRef { .. } => self.calls_refs = true,
            Operator::TableGet { table } => add(&mut self.tables_read, TableIndex(table)),
            Operator::TableSet { table } | Operator::TableFill { table } => {
                add(&mut self.tables_written, TableIndex(table));
            }
            Operator::TableGrow { table } => add(&mut self.tables_grown, TableIndex(table)),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                add(&mut self.tables_written, TableIndex(dst_table));
                add(&mut self.tables_read, TableIndex(src_table));
            }
            Operator::TableInit { elem_index, table } => {
                add(&mut self.tables_written, TableIndex(table));
                add(&mut self.elements_used, ElemIndex(elem_index));
            }
            Operator::ElemDrop { elem_index }
            | Operator::ArrayNewElem {
                array_elem_index: elem_index,
                ..
            }
            | Operator::ArrayInitElem {
                array_elem_index: elem_index,
                ..
            } => {
                add(&mut self.elements_used, ElemIndex(elem_index));
            }
            Operator::MemoryInit { data_index, .. }
            | Operator::DataDrop { data_index }
            | Operator::ArrayNewData {
                array_data_index: data_index,
                ..
            }
            | Operator::ArrayInitData {
                array_data_index: data_index,
                ..
            } => {
                add(&mut self.data_used, DataIndex(data_index));
            }
            Operator::GlobalSet { global_index } => {
                add(&mut self.globals_written, GlobalIndex(global_index));
            }
            Operator::GlobalGet { global_index } => {
                add(&mut self.globals_read, GlobalIndex(global_index));
            }
            Operator::TryTable { .. } => self.catches = true,
            Operator::Try { .. } => (self.catches, self.tries) = (true, true),
            _ => {}
        }
    }
}

/// See [`BodyFacts::computes_with_traps`].
fn computes_with_traps(op: &Operator<'_>) -> bool {
    matches!(
        op,
        Operator::Unreachable
            | Operator::I32DivS
            | Operator::I32DivU
            | Operator::I32RemS
            | Operator::I32RemU
            | Operator::I64DivS
            | Operator::I64DivU
            | Operator::I64RemS
            | Operator::I64RemU
            | Operator::I32TruncF32S
            | Operator::I32TruncF32U
            | Operator::I32TruncF64S
            | Operator::I32TruncF64U
            | Operator::I64TruncF32S
            | Operator::I64TruncF32U
            | Operator::I64TruncF64S
            | Operator::I64TruncF64U
    )
}

/// See [`BodyFacts::touches_state`]. What is not listed counts as touching: a new instruction is
/// slower than it could be, never wrong.
fn touches_state(op: &Operator<'_>) -> bool {
    let control = matches!(
        op,
        Operator::Unreachable
            | Operator::Nop
            | Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Call { .. }
            | Operator::ReturnCall { .. }
            | Operator::Drop
            | Operator::Select
            | Operator::TypedSelect { .. }
            | Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::GlobalGet { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::I32Eqz
            | Operator::I64Eqz
            | Operator::I32WrapI64
            | Operator::I64ExtendI32S
            | Operator::I64ExtendI32U
    );
    !control && !is_scalar_arithmetic(op)
}

/// Instructions with two operands of one type, which make up most of what such functions do.
fn is_scalar_arithmetic(op: &Operator<'_>) -> bool {
    macro_rules! any {
        ($($op:ident)*) => { matches!(op, $(Operator::$op)|*) };
    }
    any!(I32Add I32Sub I32Mul I32DivS I32DivU I32RemS I32RemU I32And I32Or I32Xor I32Shl I32ShrS
         I32ShrU I32Rotl I32Rotr I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
         I64Add I64Sub I64Mul I64DivS I64DivU I64RemS I64RemU I64And I64Or I64Xor I64Shl I64ShrS
         I64ShrU I64Rotl I64Rotr I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU
         F32Add F32Sub F32Mul F32Div F32Eq F32Ne F32Lt F32Gt F32Le F32Ge
         F64Add F64Sub F64Mul F64Div F64Eq F64Ne F64Lt F64Gt F64Le F64Ge)
}
