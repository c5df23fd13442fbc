//! Loads, stores and bulk operations on memories.

use super::translator::FuncTranslator;
use crate::index::DataIndex;
use crate::plan::Memory;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmparser::{MemArg, Operator};

/// How the loaded bytes become the value.
#[derive(Clone, Copy)]
enum Extension {
    Whole,
    Signed,
    Unsigned,
}

impl FuncTranslator<'_, '_> {
    /// One arm an instruction.
    pub(super) fn memory_operator(&mut self, op: &Operator<'_>) -> bool {
        use Extension::{Signed, Unsigned, Whole};
        use types::{F32, F64, I8, I16, I32, I64};
        match op {
            Operator::I32Load { memarg } => self.load(memarg, I32, I32, Whole),
            Operator::I64Load { memarg } => self.load(memarg, I64, I64, Whole),
            Operator::F32Load { memarg } => self.load(memarg, F32, F32, Whole),
            Operator::F64Load { memarg } => self.load(memarg, F64, F64, Whole),
            Operator::I32Load8S { memarg } => self.load(memarg, I8, I32, Signed),
            Operator::I32Load8U { memarg } => self.load(memarg, I8, I32, Unsigned),
            Operator::I32Load16S { memarg } => self.load(memarg, I16, I32, Signed),
            Operator::I32Load16U { memarg } => self.load(memarg, I16, I32, Unsigned),
            Operator::I64Load8S { memarg } => self.load(memarg, I8, I64, Signed),
            Operator::I64Load8U { memarg } => self.load(memarg, I8, I64, Unsigned),
            Operator::I64Load16S { memarg } => self.load(memarg, I16, I64, Signed),
            Operator::I64Load16U { memarg } => self.load(memarg, I16, I64, Unsigned),
            Operator::I64Load32S { memarg } => self.load(memarg, I32, I64, Signed),
            Operator::I64Load32U { memarg } => self.load(memarg, I32, I64, Unsigned),
            Operator::I32Store { memarg }
            | Operator::I64Store { memarg }
            | Operator::F32Store { memarg }
            | Operator::F64Store { memarg } => self.store(memarg, None),
            Operator::I32Store8 { memarg } | Operator::I64Store8 { memarg } => {
                self.store(memarg, Some(I8));
            }
            Operator::I32Store16 { memarg } | Operator::I64Store16 { memarg } => {
                self.store(memarg, Some(I16));
            }
            Operator::I64Store32 { memarg } => self.store(memarg, Some(I32)),
            Operator::MemorySize { mem } => self.memory_size(*mem),
            Operator::MemoryGrow { mem } => self.memory_grow(*mem),
            Operator::MemoryFill { mem } => self.memory_fill(*mem),
            Operator::MemoryCopy { dst_mem, src_mem } => self.memory_copy(*dst_mem, *src_mem),
            Operator::MemoryInit { data_index, mem } => self.memory_init(*data_index, *mem),
            Operator::DataDrop { data_index } => self.data_drop(*data_index),
            _ => return false,
        }
        true
    }

    fn load(&mut self, memarg: &MemArg, access: Type, result: Type, extend: Extension) {
        use Extension::{Signed, Unsigned, Whole};
        let (flags, address, offset) = self.memory_operand(memarg, access.bytes());
        let ins = self.builder.ins();
        let value = match (access, extend) {
            (_, Whole) => ins.load(result, flags, address, offset),
            (types::I8, Signed) => ins.sload8(result, flags, address, offset),
            (types::I8, Unsigned) => ins.uload8(result, flags, address, offset),
            (types::I16, Signed) => ins.sload16(result, flags, address, offset),
            (types::I16, Unsigned) => ins.uload16(result, flags, address, offset),
            (_, Signed) => ins.sload32(flags, address, offset),
            (_, Unsigned) => ins.uload32(flags, address, offset),
        };
        self.push1(value);
    }

    fn store(&mut self, memarg: &MemArg, narrow: Option<Type>) {
        let value = self.pop1();
        let value = match narrow {
            Some(ty) => self.builder.ins().ireduce(ty, value),
            None => value,
        };
        let bytes = self.builder.func.dfg.value_type(value).bytes();
        let (flags, address, offset) = self.memory_operand(memarg, bytes);
        self.builder.ins().store(flags, value, address, offset);
    }

    fn memory(&self, memory: u32) -> &Memory {
        let id = self.instance().memories[memory as usize];
        &self.plan().memories[id.index()]
    }

    /// Another thread may have let a shared memory grow, so its length is loaded each time:
    ///
    /// ```text
    /// v2 = iadd_imm pointer, -8
    /// v3 = atomic_load.i64 notrap aligned context v2
    /// ```
    fn memory_size(&mut self, memory: u32) {
        let bytes = match self.memory(memory).shared {
            true => self.memory_bytes_now(memory),
            false => self.memory_bytes(memory),
        };
        let shift = i64::from(self.memory(memory).page_bytes_log2);
        let pages = self.builder.ins().ushr_imm_s(bytes, shift);
        self.push_reduced(pages, self.is_memory64(memory));
    }

    fn memory_grow(&mut self, memory: u32) {
        let delta = self.pop_extended();
        let base = self.memory_pointer(memory);
        let function = match self.memory(memory).is_common {
            true => self.grow_function("common_memory_grow", "common_memory_grow_or_trap"),
            false => self.grow_function("memory_grow", "memory_grow_or_trap"),
        };
        let pages = self.call_runtime(function, &[base, delta]);
        let pages = pages.expect("has a result");
        self.push_reduced(pages, self.is_memory64(memory));
    }

    /// Which of two functions grows: `-W trap-on-grow-failure` decides.
    pub(super) fn grow_function(&self, fails: &'static str, traps: &'static str) -> &'static str {
        match self.translation.options.trap_on_grow_failure {
            true => traps,
            false => fails,
        }
    }

    fn memory_fill(&mut self, memory: u32) {
        if self.fill_constant(memory) {
            return;
        }
        let len = self.pop_extended();
        let value = self.pop1();
        let dst = self.pop_extended();
        let base = self.memory_pointer(memory);
        self.call_runtime("memory_fill", &[base, dst, value, len]);
    }

    fn memory_copy(&mut self, dst_memory: u32, src_memory: u32) {
        if self.copy_constant(dst_memory, src_memory) {
            return;
        }
        let len = self.pop_extended();
        let src = self.pop_extended();
        let dst = self.pop_extended();
        let dst_base = self.memory_pointer(dst_memory);
        let src_base = self.memory_pointer(src_memory);
        self.call_runtime("memory_copy", &[dst_base, src_base, dst, src, len]);
    }

    fn memory_init(&mut self, segment: u32, memory: u32) {
        let len = self.pop_extended();
        let src = self.pop_extended();
        let dst = self.pop_extended();
        let base = self.memory_pointer(memory);
        let slot = self.instance().data[&DataIndex(segment)];
        let segment = self.slot_address(slot);
        self.call_runtime("memory_init", &[base, segment, dst, src, len]);
    }

    fn data_drop(&mut self, segment: u32) {
        let slot = self.instance().data[&DataIndex(segment)];
        self.drop_segment(slot);
    }

    /// Pops an address, length or count, of 32 or 64 bits, as the `i64` that runtime functions
    /// take.
    pub(super) fn pop_extended(&mut self) -> Value {
        let value = self.pop1();
        self.extended(value)
    }

    /// An index in 64 bits.
    pub(super) fn extended(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == types::I64 {
            return value;
        }
        self.builder.ins().uextend(types::I64, value)
    }

    /// Pushes a length, an `i64`, in the width of the addresses that it belongs to.
    pub(super) fn push_reduced(&mut self, len: Value, is_64: bool) {
        let len = match is_64 {
            true => len,
            false => self.builder.ins().ireduce(types::I32, len),
        };
        self.push1(len);
    }
}
