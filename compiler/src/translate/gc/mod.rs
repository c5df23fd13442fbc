//! Structs, arrays, numbers of 31 bits, and casts.
//!
//! A reference is the address of an object, which lies below 4 GiB; null is 0, a number of 31 bits has
//! bit 0 set, and what a test script's host refers to has bit 1 set. So an access to a field of null
//! faults, and that is the null check. How objects lie in memory is in `plan::heap`.

mod allocation;
mod arrays;
mod calls;
mod casts;
mod contents;
mod exceptions;
mod fields;
mod known;
mod segments;
mod structs;

use super::clif::{Alias, trap_code};
use super::translator::FuncTranslator;
use crate::index::{DataIndex, ElemIndex, SigId, TypeIndex};
use crate::plan::heap_type;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlagsData, condcodes::IntCC, types};
use fields::Extension;
use wasmelt_abi::TrapCode;
use wasmparser::{HeapType, Operator, RefType};

impl FuncTranslator<'_, '_> {
    /// One arm an instruction.
    pub(super) fn gc_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::StructNew { struct_type_index } => {
                self.struct_new(self.type_id(struct_type_index));
            }
            Operator::StructNewDefault { struct_type_index } => {
                self.struct_new_default(self.type_id(struct_type_index));
            }
            Operator::StructGet {
                struct_type_index,
                field_index,
            }
            | Operator::StructGetU {
                struct_type_index,
                field_index,
            } => {
                let ty = self.type_id(struct_type_index);
                self.struct_get(ty, field_index, Extension::Unsigned);
            }
            Operator::StructGetS {
                struct_type_index,
                field_index,
            } => {
                let ty = self.type_id(struct_type_index);
                self.struct_get(ty, field_index, Extension::Signed);
            }
            Operator::StructSet {
                struct_type_index,
                field_index,
            } => self.struct_set(self.type_id(struct_type_index), field_index),
            Operator::RefI31 => {
                let value = self.pop1();
                let doubled = self.builder.ins().ishl_imm_s(value, 1);
                let tagged = self.builder.ins().bor_imm_s(doubled, 1);
                let value = self.builder.ins().uextend(types::I64, tagged);
                self.push1(value);
            }
            Operator::I31GetS => self.i31_get(Extension::Signed),
            Operator::I31GetU => self.i31_get(Extension::Unsigned),
            Operator::RefEq => {
                let (first, second) = self.pop2();
                let same = self.builder.ins().icmp(IntCC::Equal, first, second);
                self.push_bool(same);
            }
            Operator::RefTestNonNull { hty } => self.ref_test(self.target_type(hty, false)),
            Operator::RefTestNullable { hty } => self.ref_test(self.target_type(hty, true)),
            Operator::RefCastNonNull { hty } => self.ref_cast(self.target_type(hty, false)),
            Operator::RefCastNullable { hty } => self.ref_cast(self.target_type(hty, true)),
            Operator::BrOnCast {
                relative_depth,
                from_ref_type,
                to_ref_type,
            } => self.br_on_cast(relative_depth, from_ref_type, to_ref_type, true),
            Operator::BrOnCastFail {
                relative_depth,
                from_ref_type,
                to_ref_type,
            } => self.br_on_cast(relative_depth, from_ref_type, to_ref_type, false),
            // What the host refers to and what the program does are told apart by their bits.
            Operator::AnyConvertExtern | Operator::ExternConvertAny => {}
            _ => return self.array_operator(op),
        }
        true
    }

    /// One arm an instruction.
    fn array_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::ArrayNew { array_type_index } => {
                self.array_new(self.type_id(array_type_index));
            }
            Operator::ArrayNewDefault { array_type_index } => {
                self.array_new_default(self.type_id(array_type_index));
            }
            Operator::ArrayNewFixed {
                array_type_index,
                array_size,
            } => self.array_new_fixed(self.type_id(array_type_index), array_size),
            Operator::ArrayNewData {
                array_type_index,
                array_data_index,
            } => {
                let ty = self.type_id(array_type_index);
                self.array_new_data(ty, DataIndex(array_data_index));
            }
            Operator::ArrayNewElem {
                array_type_index,
                array_elem_index,
            } => {
                let ty = self.type_id(array_type_index);
                self.array_new_elem(ty, ElemIndex(array_elem_index));
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.array_get(self.type_id(array_type_index), Extension::Unsigned);
            }
            Operator::ArrayGetS { array_type_index } => {
                self.array_get(self.type_id(array_type_index), Extension::Signed);
            }
            Operator::ArraySet { array_type_index } => {
                self.array_set(self.type_id(array_type_index));
            }
            Operator::ArrayLen => {
                let array = self.pop1();
                let len = self.array_len(array);
                self.push1(len);
            }
            Operator::ArrayFill { array_type_index } => {
                self.array_fill(self.type_id(array_type_index));
            }
            Operator::ArrayCopy {
                array_type_index_dst,
                ..
            } => self.array_copy(self.type_id(array_type_index_dst)),
            Operator::ArrayInitData {
                array_type_index,
                array_data_index,
            } => {
                let ty = self.type_id(array_type_index);
                self.array_init_data(ty, DataIndex(array_data_index));
            }
            Operator::ArrayInitElem {
                array_type_index,
                array_elem_index,
            } => {
                let ty = self.type_id(array_type_index);
                self.array_init_elem(ty, ElemIndex(array_elem_index));
            }
            _ => return false,
        }
        true
    }

    /// The program's number of a type of the module.
    fn type_id(&self, index: u32) -> SigId {
        self.plan().type_sig(self.instance, TypeIndex(index))
    }

    /// The numbers of the types of the module.
    fn type_ids(&self) -> &[SigId] {
        &self.plan().type_sigs[self.instance().unit]
    }

    fn target_type(&self, ty: HeapType, nullable: bool) -> RefType {
        let ty = heap_type(ty, self.type_ids());
        RefType::new(nullable, ty).expect("a type of a module has few enough bits")
    }

    fn i31_get(&mut self, extension: Extension) {
        let reference = self.pop1();
        self.trap_unless(reference, TrapCode::NullReference);
        let bits = self.builder.ins().ireduce(types::I32, reference);
        let ins = self.builder.ins();
        let value = match extension {
            Extension::Signed => ins.sshr_imm_s(bits, 1),
            Extension::Unsigned => ins.ushr_imm_s(bits, 1),
        };
        self.push1(value);
    }

    /// Flags of an access to an object; a fault at null is this trap, if there is one.
    fn heap_flags(&mut self, null: Option<TrapCode>) -> MemFlagsData {
        let flags = MemFlagsData::new()
            .with_endianness(Endianness::Little)
            .with_trap_code(null.map(trap_code));
        self.with_alias(flags, Alias::Heap)
    }
}
