//! How an address is formed. The only place that knows that the instance pointer is the address
//! of byte 0 of memory 0 and that all regions of a store lie at constant distances.

use super::clif::{Alias, clif_type, trap_code};
use super::formed::Formed;
use super::translator::FuncTranslator;
use crate::facts;
use crate::index::{GlobalId, GlobalIndex, MemoryId, RegionIndex};
use crate::plan::{self, Bounds, Slot};
use cranelift_codegen::ir::{
    AliasRegionData, InstBuilder, MemFlagsData, Value, condcodes::IntCC, types,
};
use std::borrow::Cow;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{MemoryHeader, TrapCode};
use wasmparser::{MemArg, MemArgTarget};

impl FuncTranslator<'_, '_> {
    /// The instance's own pointer.
    pub(super) fn own_pointer(&mut self) -> Value {
        self.pointer
            .expect("the plan gives it to functions that use it")
    }

    /// The pointer of a region.
    pub(super) fn region_pointer(&mut self, region: RegionIndex) -> Value {
        let distance = self.plan().distance(self.region(), region);
        if distance == 0 {
            return self.own_pointer();
        }
        let pointer = self.own_pointer();
        self.builder.ins().iadd_imm_s(pointer, distance)
    }

    /// The same, for accesses and for several calls.
    pub(super) fn region_base(&mut self, region: RegionIndex) -> Value {
        let pointer = self.region_pointer(region);
        let distance = self.plan().distance(self.region(), region);
        match i32::try_from(distance) {
            Ok(_) => pointer,
            Err(_) => self.kept(pointer),
        }
    }

    /// An address that is computed once and kept. The cast changes nothing; without it, Cranelift
    /// makes a sum part of every access, or computes it anew where it is used, which keeps two
    /// registers alive instead of one.
    ///
    /// ```text
    /// v2 = bitcast.i64 v1
    /// ```
    pub(super) fn kept(&mut self, address: Value) -> Value {
        let flags = MemFlagsData::new();
        self.builder.ins().bitcast(types::I64, flags, address)
    }

    /// The address of byte 0 of a memory of the program.
    pub(super) fn memory_base(&mut self, memory: MemoryId) -> Value {
        let region = self.plan().memories[memory.index()].region;
        self.region_base(region)
    }

    /// The address of byte 0 of a memory of the instance.
    pub(super) fn memory_pointer(&mut self, memory: u32) -> Value {
        let id = self.instance().memories[memory as usize];
        self.memory_base(id)
    }

    /// The memory that host functions called from this instance see.
    pub(super) fn host_memory_pointer(&mut self) -> Value {
        match self.instance().host_memory {
            Some(memory) => self.memory_base(memory),
            None => self.own_pointer(),
        }
    }

    /// Flags of an access that cannot fault.
    pub(super) fn trusted(&mut self, alias: Alias) -> MemFlagsData {
        self.with_alias(MemFlagsData::trusted(), alias)
    }

    pub(super) fn with_alias(&mut self, flags: MemFlagsData, alias: Alias) -> MemFlagsData {
        let known = &mut self.alias_regions[alias as usize];
        if known.is_some() {
            return flags.with_alias_region(*known);
        }
        let description = match alias {
            Alias::Memory => "memory",
            Alias::Context => "context",
            Alias::Table => "table",
            Alias::Profile => "profile",
            Alias::Heap => "heap",
        };
        let data = AliasRegionData {
            user_id: alias as u32,
            description: Cow::Borrowed(description),
        };
        let region = self.builder.func.dfg.alias_regions.insert(data);
        self.alias_regions[alias as usize] = Some(region);
        flags.with_alias_region(Some(region))
    }

    /// A place in a context: base and offset of the access.
    pub(super) fn slot(&mut self, slot: Slot) -> (Value, i32) {
        (self.region_base(slot.region), slot.offset)
    }

    pub(super) fn slot_address(&mut self, slot: Slot) -> Value {
        let (base, offset) = self.slot(slot);
        self.builder.ins().iadd_imm_s(base, i64::from(offset))
    }

    pub(super) fn global_get(&mut self, global: GlobalIndex) -> Value {
        let id = self.instance().globals[global.index()];
        let value = self.global_value(id);
        let ty = self.plan().type_of_global(id);
        self.define_type(value, ty);
        let global = &self.plan().globals[id.index()];
        if global.slot.is_none() {
            self.define_constant(value, global.init);
        }
        value
    }

    /// The value of a global of the program.
    pub(super) fn global_value(&mut self, global: GlobalId) -> Value {
        let global = &self.plan().globals[global.index()];
        match global.slot {
            None => self.constant(global.init),
            Some(slot) => {
                let flags = self.trusted(Alias::Context);
                let (base, offset) = self.slot(slot);
                self.builder
                    .ins()
                    .load(clif_type(global.ty), flags, base, offset)
            }
        }
    }

    pub(super) fn global_set(&mut self, global: GlobalIndex, value: Value) {
        let id = self.instance().globals[global.index()];
        let slot = self.plan().globals[id.index()]
            .slot
            .expect("a written global has a slot");
        let flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        self.builder.ins().store(flags, value, base, offset);
    }

    pub(super) fn constant(&mut self, value: plan::Value) -> Value {
        match value {
            plan::Value::I32(v) => self.builder.ins().iconst(types::I32, i64::from(v)),
            plan::Value::I64(v) => self.builder.ins().iconst(types::I64, v),
            plan::Value::F32(v) => self
                .builder
                .ins()
                .f32const(cranelift_codegen::ir::immediates::Ieee32::with_bits(v)),
            plan::Value::F64(v) => self
                .builder
                .ins()
                .f64const(cranelift_codegen::ir::immediates::Ieee64::with_bits(v)),
            plan::Value::V128(v) => self.v128_const(v),
            plan::Value::RefNull => self.builder.ins().iconst(types::I64, 0),
            plan::Value::RefFunc(func) => self.func_reference(func),
            plan::Value::RefI31(v) => self.word(plan::i31(v).into()),
            plan::Value::RefObject(object) => self.word(self.plan().object_address(object)),
        }
    }

    fn word(&mut self, word: u64) -> Value {
        self.builder.ins().iconst(types::I64, word.cast_signed())
    }

    /// The address of a function's `FuncRef` record: the first record's, which the header holds,
    /// plus a constant. In a program with objects it is known.
    pub(super) fn func_reference(&mut self, func: crate::index::FuncId) -> Value {
        if let Some(address) = self.plan().funcref_address(func) {
            return self.word(address);
        }
        let position = self.plan().funcref_positions[&func];
        let flags = self.trusted(Alias::Context).with_readonly().with_can_move();
        let pointer = self.own_pointer();
        let offset = header_offset(offset_of!(MemoryHeader, funcrefs));
        let first = self.builder.ins().load(types::I64, flags, pointer, offset);
        let bytes = position * size_of::<wasmelt_abi::FuncRef>();
        self.builder
            .ins()
            .iadd_imm_s(first, i64::try_from(bytes).expect("small"))
    }

    /// Current length of a memory in bytes.
    pub(super) fn memory_bytes(&mut self, memory: u32) -> Value {
        let base = self.memory_pointer(memory);
        self.bytes_at(base)
    }

    /// Current length in bytes of the memory whose byte 0 is at `base`.
    pub(super) fn bytes_at(&mut self, base: Value) -> Value {
        let flags = self.trusted(Alias::Context);
        let offset = header_offset(offset_of!(MemoryHeader, bytes));
        self.builder.ins().load(types::I64, flags, base, offset)
    }

    /// As [`FuncTranslator::memory_bytes`], of a memory that other threads have too.
    pub(super) fn memory_bytes_now(&mut self, memory: u32) -> Value {
        let base = self.memory_pointer(memory);
        let flags = self.trusted(Alias::Context);
        let offset = header_offset(offset_of!(MemoryHeader, bytes));
        let address = self.builder.ins().iadd_imm_s(base, i64::from(offset));
        self.builder.ins().atomic_load(types::I64, flags, address)
    }

    /// Pops the index of an access of `access_bytes` bytes; gives flags, address and offset of a
    /// load or store that traps out of bounds.
    ///
    /// A 32-bit index and an offset below 2 GiB stay within the reserved address space, so the
    /// access itself is the check. A 64-bit index is compared with what the memory grows to at most:
    ///
    /// ```text
    /// v2 = load.i64 notrap aligned readonly context pointer-32    ; `bytes_max`
    /// v3 = icmp ugt index, v2
    /// trapnz v3, out of bounds
    /// ```
    ///
    /// A constant is slower there: it is too long for an instruction. So is a shift by the number of
    /// bits that an index may have, and so is the length, which is not the same everywhere.
    pub(super) fn memory_operand(
        &mut self,
        memarg: &MemArg,
        access_bytes: u32,
    ) -> (MemFlagsData, Value, i32) {
        let memory = memory_index(memarg);
        let largest = match self.is_memory64(memory) {
            true => self.largest_operand(),
            false => u32::MAX.into(),
        };
        let value = self.pop1();
        let value = self.builder.func.dfg.resolve_aliases(value);
        if let Some(operand) = self.constant_operand(memarg, value) {
            return operand;
        }
        let block = self.builder.current_block().expect("a block is filled");
        let id = self.instance().memories[memory as usize];
        let formed = self.formed.find(block, value, id);
        let index = match formed {
            Some(formed) => formed.index,
            None => self.extended(value),
        };
        let short = i32::try_from(memarg.offset).ok();
        match self.plan().memories[id.index()].bounds {
            Bounds::Guarded { index_max } if short.is_some() => {
                if largest > index_max && self.is_unchecked(index, id) {
                    self.check_index(memory, index);
                }
            }
            Bounds::Guarded { .. } | Bounds::Length => {
                self.check_length(memory, index, memarg.offset, access_bytes);
            }
        }
        let mut address = match formed {
            Some(formed) => formed.address,
            None => {
                let base = self.memory_base(id);
                let address = self.builder.ins().iadd(base, index);
                self.formed.keep(value, id, Formed { index, address });
                address
            }
        };
        if short.is_none() {
            address = self
                .builder
                .ins()
                .iadd_imm_s(address, memarg.offset.cast_signed());
        }
        (self.memory_flags(), address, short.unwrap_or(0))
    }

    fn memory_flags(&mut self) -> MemFlagsData {
        // Its trap code, by default, is that of what needs no entry among the program's traps.
        let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        self.with_alias(flags, Alias::Memory)
    }

    /// The operand of an access to an address that is known, within what is reserved.
    fn constant_operand(
        &mut self,
        memarg: &MemArg,
        value: Value,
    ) -> Option<(MemFlagsData, Value, i32)> {
        let number = facts::constant(self.builder.func, value)?;
        let memory = memory_index(memarg);
        let id = self.instance().memories[memory as usize];
        let Bounds::Guarded { index_max } = self.plan().memories[id.index()].bounds else {
            return None;
        };
        let offset = i32::try_from(number.checked_add(memarg.offset)?).ok()?;
        if number > index_max {
            return None;
        }
        let base = self.memory_base(id);
        Some((self.memory_flags(), base, offset))
    }

    /// Compares an index with the largest for which address space is reserved.
    fn check_index(&mut self, memory: u32, index: Value) {
        let base = self.memory_pointer(memory);
        let flags = self.trusted(Alias::Context).with_readonly();
        let offset = header_offset(offset_of!(MemoryHeader, bytes_max));
        let max = self.builder.ins().load(types::I64, flags, base, offset);
        let above = IntCC::UnsignedGreaterThan;
        let out = self.builder.ins().icmp(above, index, max);
        self.trap_if(out, TrapCode::MemoryOutOfBounds);
    }

    /// Compares the end of an access with the length:
    ///
    /// ```text
    /// v3 = iadd_imm index, offset + access_bytes          ; of 64 bits: uadd_overflow_trap
    /// v4 = load.i64 notrap aligned context pointer-8      ; length
    /// v5 = icmp ugt v3, v4
    /// trapnz v5, out of bounds
    /// ```
    fn check_length(&mut self, memory: u32, index: Value, offset: u64, access_bytes: u32) {
        // No memory has so many bytes that this is not beyond its end.
        let bytes = offset.saturating_add(u64::from(access_bytes)).cast_signed();
        let end = if self.is_memory64(memory) {
            let bytes = self.builder.ins().iconst(types::I64, bytes);
            let code = trap_code(TrapCode::MemoryOutOfBounds);
            self.builder.ins().uadd_overflow_trap(index, bytes, code)
        } else {
            self.builder.ins().iadd_imm_s(index, bytes)
        };
        let len = self.memory_bytes(memory);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, len);
        self.trap_if(out, TrapCode::MemoryOutOfBounds);
    }

    /// Whether an index is yet to be checked in the block that is being filled; from now on it is
    /// not.
    fn is_unchecked(&mut self, index: Value, memory: MemoryId) -> bool {
        let block = self.builder.current_block().expect("a block is filled");
        let index = self.builder.func.dfg.resolve_aliases(index);
        let known = self.checked_indices.insert((index, memory), block);
        known != Some(block)
    }

    /// Whether a memory of the instance has 64-bit addresses.
    pub(super) fn is_memory64(&self, memory: u32) -> bool {
        let id = self.instance().memories[memory as usize];
        self.plan().memories[id.index()].ty.memory64
    }
}

/// The memory of an access.
pub(super) fn memory_index(memarg: &MemArg) -> u32 {
    match memarg.target {
        MemArgTarget::Memory(memory) => memory,
        MemArgTarget::Array(_) => {
            unreachable!("accesses to arrays are refused before they get here")
        }
    }
}

/// Offset of a header field from the memory's byte 0.
fn header_offset(field: usize) -> i32 {
    i32::try_from(field).expect("small") - i32::try_from(size_of::<MemoryHeader>()).expect("small")
}
