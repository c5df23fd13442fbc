//! Function bodies: validated, and read once for what the closed-world analysis wants to know.

use crate::error::Result;
use crate::index::{DataIndex, ElemIndex, FuncIndex, GlobalIndex, TableIndex, TypeIndex};
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
    /// Data segments named by `memory.init` or `data.drop`.
    pub data_used: Vec<DataIndex>,
    /// Element segments named by `table.init` or `elem.drop`.
    pub elements_used: Vec<ElemIndex>,
    /// Calls through typed function references, whose targets can be any function that escapes.
    pub calls_refs: bool,
    /// `try_table` occurs.
    pub catches: bool,
    pub operators: u32,
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if list.last() != Some(&item) {
        list.push(item);
    }
}

impl<'a> Body<'a> {
    /// Validates `body` and gathers its facts in the same reading.
    pub(super) fn validate(
        validator: &mut FuncValidator<ValidatorResources>,
        body: FunctionBody<'a>,
    ) -> Result<Body<'a>> {
        let mut locals = body.get_binary_reader();
        validator.read_locals(&mut locals)?;
        let mut reader = body.get_operators_reader()?;
        let mut facts = BodyFacts::default();
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            validator.op(offset, &op)?;
            facts.operator(&op);
        }
        reader.finish()?;
        Ok(Body { body, facts })
    }
}

impl BodyFacts {
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
            Operator::ElemDrop { elem_index } => {
                add(&mut self.elements_used, ElemIndex(elem_index));
            }
            Operator::MemoryInit { data_index, .. } | Operator::DataDrop { data_index } => {
                add(&mut self.data_used, DataIndex(data_index));
            }
            Operator::GlobalSet { global_index } => {
                add(&mut self.globals_written, GlobalIndex(global_index));
            }
            Operator::TryTable { .. } => self.catches = true,
            _ => {}
        }
    }
}
