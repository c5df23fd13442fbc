//! Tables: elements as values, and bulk operations.

use super::clif::Alias;
use super::translator::FuncTranslator;
use crate::index::{ElemIndex, FuncIndex, TableId};
use crate::plan::{self, Slot, TableStorage};
use cranelift_codegen::ir::{
    InstBuilder, InstructionData, Opcode, Value, ValueDef, condcodes::IntCC, types,
};
use std::mem::offset_of;
use wasmelt_abi::{DataSegment, Table, TrapCode};
use wasmparser::{Operator, ValType};

impl FuncTranslator<'_, '_> {
    pub(super) fn table_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::RefNull { .. } => {
                let null = self.builder.ins().iconst(types::I64, 0);
                self.push1(null);
            }
            Operator::RefIsNull => {
                let value = self.pop1();
                let null = self.is_null(value);
                self.push_bool(null);
            }
            Operator::RefFunc { function_index } => {
                let func = self
                    .plan()
                    .func_reference(self.instance, FuncIndex(function_index));
                let value = self.func_reference(func);
                self.define_constant(value, plan::Value::RefFunc(func));
                self.push1(value);
            }
            Operator::TableGet { table } => self.table_get(self.table(table)),
            Operator::TableSet { table } => self.table_set(self.table(table)),
            Operator::TableSize { table } => {
                let table = self.table(table);
                let len = self.table_len(table);
                self.push_reduced(len, self.is_table64(table));
            }
            Operator::TableGrow { table } => self.table_grow(self.table(table)),
            Operator::TableFill { table } => self.table_fill(self.table(table)),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => {
                self.table_copy(self.table(dst_table), self.table(src_table));
            }
            Operator::TableInit { elem_index, table } => {
                self.table_init(ElemIndex(elem_index), self.table(table));
            }
            Operator::ElemDrop { elem_index } => {
                let slot = self.instance().elements[&ElemIndex(elem_index)];
                self.drop_segment(slot);
            }
            _ => return false,
        }
        true
    }

    fn table(&self, table: u32) -> TableId {
        self.instance().tables[table as usize]
    }

    fn is_table64(&self, table: TableId) -> bool {
        self.plan().tables[table.index()].ty.table64
    }

    /// Number of elements, as `i64`; a constant unless the table can grow.
    pub(super) fn table_len(&mut self, table: TableId) -> Value {
        let table = &self.plan().tables[table.index()];
        match table.storage {
            TableStorage::None | TableStorage::Fixed(_) => self
                .builder
                .ins()
                .iconst(types::I64, table.len.cast_signed()),
            TableStorage::Growable(slot) => self.load_field(slot, offset_of!(Table, len)),
        }
    }

    /// Address of the first element.
    pub(super) fn table_elements(&mut self, table: TableId) -> Value {
        match self.plan().tables[table.index()].storage {
            // A table without storage is only ever operated on with a length of zero.
            TableStorage::None => self.builder.ins().iconst(types::I64, 0),
            TableStorage::Fixed(slot) => self.slot_address(slot),
            TableStorage::Growable(slot) => self.load_field(slot, offset_of!(Table, elements)),
        }
    }

    fn load_field(&mut self, slot: Slot, field: usize) -> Value {
        let flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        let offset = offset + i32::try_from(field).expect("small");
        self.builder.ins().load(types::I64, flags, base, offset)
    }

    /// Address and offset of an element whose index, an `i64`, has been checked.
    pub(super) fn element_address(&mut self, table: TableId, index: Value) -> (Value, i32) {
        let scaled = self.builder.ins().ishl_imm_s(index, 3);
        match self.plan().tables[table.index()].storage {
            TableStorage::Fixed(slot) => {
                let (base, offset) = self.slot(slot);
                (self.builder.ins().iadd(base, scaled), offset)
            }
            TableStorage::None | TableStorage::Growable(_) => {
                let elements = self.table_elements(table);
                (self.builder.ins().iadd(elements, scaled), 0)
            }
        }
    }

    /// Pops an index; traps with `code` if there is no such element.
    pub(super) fn pop_element_index(&mut self, table: TableId, code: TrapCode) -> Value {
        let largest = self.largest_operand();
        let index = self.pop_extended();
        // Tables never shrink.
        let shortest = self.plan().tables[table.index()].len;
        if largest < shortest {
            return index;
        }
        let len = self.table_len(table);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(out, code);
        index
    }

    /// A bound on the topmost operand, an integer, when it is a constant, has just been masked with
    /// one, or has been extended from 32 bits: `i32.and` with a power of two less one is how
    /// dispatch loops index tables.
    pub(super) fn largest_operand(&self) -> u64 {
        let dfg = &self.builder.func.dfg;
        let value = dfg.resolve_aliases(self.peek1());
        if let Some(constant) = self.constant_value(value) {
            return constant;
        }
        let ValueDef::Result(inst, _) = dfg.value_def(value) else {
            return u64::MAX;
        };
        match dfg.insts[inst] {
            InstructionData::Binary {
                opcode: Opcode::Band,
                args,
            } => args
                .iter()
                .filter_map(|&arg| self.constant_value(arg))
                .min()
                .unwrap_or(u64::MAX),
            InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            } if dfg.value_type(arg) == types::I32 => u32::MAX.into(),
            _ => u64::MAX,
        }
    }

    /// The value of an `i32.const` or `i64.const`.
    pub(super) fn constant_value(&self, value: Value) -> Option<u64> {
        let dfg = &self.builder.func.dfg;
        let value = dfg.resolve_aliases(value);
        let ValueDef::Result(inst, _) = dfg.value_def(value) else {
            return None;
        };
        let mask = match dfg.value_type(value) {
            types::I32 => u32::MAX.into(),
            types::I64 => u64::MAX,
            _ => return None,
        };
        match dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits().cast_unsigned() & mask),
            _ => None,
        }
    }

    fn table_get(&mut self, table: TableId) {
        let index = self.pop_element_index(table, TrapCode::TableAccessOutOfBounds);
        let flags = self.trusted(Alias::Table);
        let (address, offset) = self.element_address(table, index);
        let value = self.builder.ins().load(types::I64, flags, address, offset);
        let ty = self.plan().tables[table.index()].ty.element_type;
        self.define_type(value, ValType::Ref(ty));
        self.push1(value);
    }

    fn table_set(&mut self, table: TableId) {
        let value = self.pop1();
        let index = self.pop_element_index(table, TrapCode::TableAccessOutOfBounds);
        let flags = self.trusted(Alias::Table);
        let (address, offset) = self.element_address(table, index);
        self.builder.ins().store(flags, value, address, offset);
    }

    fn table_grow(&mut self, table: TableId) {
        let delta = self.pop_extended();
        let init = self.pop1();
        let TableStorage::Growable(slot) = self.plan().tables[table.index()].storage else {
            unreachable!("a table that is grown is growable")
        };
        let address = self.slot_address(slot);
        let old = self
            .call_runtime(
                self.grow_function("table_grow", "table_grow_or_trap"),
                &[address, init, delta],
            )
            .expect("has a result");
        self.push_reduced(old, self.is_table64(table));
    }

    fn table_fill(&mut self, table: TableId) {
        let len = self.pop_extended();
        let value = self.pop1();
        let dst = self.pop_extended();
        let elements = self.table_elements(table);
        let table_len = self.table_len(table);
        self.call_runtime("table_fill", &[elements, table_len, dst, value, len]);
    }

    fn table_copy(&mut self, dst_table: TableId, src_table: TableId) {
        let len = self.pop_extended();
        let src = self.pop_extended();
        let dst = self.pop_extended();
        let dst_elements = self.table_elements(dst_table);
        let dst_len = self.table_len(dst_table);
        let src_elements = self.table_elements(src_table);
        let src_len = self.table_len(src_table);
        let args = [dst_elements, dst_len, src_elements, src_len, dst, src, len];
        self.call_runtime("table_copy", &args);
    }

    fn table_init(&mut self, segment: ElemIndex, table: TableId) {
        let len = self.pop_extended();
        let src = self.pop_extended();
        let dst = self.pop_extended();
        let elements = self.table_elements(table);
        let table_len = self.table_len(table);
        let slot = self.instance().elements[&segment];
        let segment = self.slot_address(slot);
        self.call_runtime("table_init", &[elements, table_len, segment, dst, src, len]);
    }

    /// A dropped segment has no elements.
    pub(super) fn drop_segment(&mut self, slot: Slot) {
        let zero = self.builder.ins().iconst(types::I64, 0);
        let flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        let offset = offset + i32::try_from(offset_of!(DataSegment, len)).expect("small");
        self.builder.ins().store(flags, zero, base, offset);
    }

    /// Pushes the `i32` of a comparison.
    pub(super) fn push_bool(&mut self, condition: Value) {
        let value = self.builder.ins().uextend(types::I32, condition);
        self.push1(value);
    }
}
