//! `memory.copy` and `memory.fill` of a few bytes whose number is known: loads and stores in place
//! of a call. Where guard pages check accesses, these check the operation too: nothing is written
//! before everything has been read, and the last bytes are written first, so that a range that does
//! not end inside the memory traps before any byte of it is written.

use super::clif::Alias;
use super::translator::FuncTranslator;
use crate::plan::Bounds;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};

/// With more bytes than this the runtime library is called.
const BYTES_MAX: u64 = 128;

impl FuncTranslator<'_, '_> {
    /// ```text
    /// v3 = uextend.i64 src; v4 = uextend.i64 dst
    /// v5 = iadd pointer, v3; v6 = iadd pointer, v4
    /// v7 = load.i8x16 v5; v8 = load.i8x16 v5+4            ; 20 bytes
    /// store v8, v6+4; store v7, v6
    /// ```
    ///
    /// Whether the operation is of that kind; if not, nothing has been done.
    pub(super) fn copy_constant(&mut self, to_memory: u32, from_memory: u32) -> bool {
        let Some(bytes) = self.constant_bytes(&[to_memory, from_memory]) else {
            return false;
        };
        self.pop1();
        let from = self.pop_extended();
        let to = self.pop_extended();
        let (from_base, to_base) = (
            self.memory_pointer(from_memory),
            self.memory_pointer(to_memory),
        );
        let from = self.builder.ins().iadd(from_base, from);
        let to = self.builder.ins().iadd(to_base, to);
        let flags = self.bulk_flags();
        let read: Vec<_> = chunks(bytes, self.translation.has_vectors)
            .into_iter()
            .map(|(ty, at)| (self.builder.ins().load(ty, flags, from, at), at))
            .collect();
        self.probe(to, bytes);
        for (value, at) in read.into_iter().rev() {
            self.builder.ins().store(flags, value, to, at);
        }
        true
    }

    /// The same of `memory.fill` with a constant.
    pub(super) fn fill_constant(&mut self, memory: u32) -> bool {
        let [.., value, _] = self.stack[..] else {
            return false;
        };
        let (Some(bytes), Some(byte)) =
            (self.constant_bytes(&[memory]), self.constant_value(value))
        else {
            return false;
        };
        self.pop2();
        let to = self.pop_extended();
        let base = self.memory_pointer(memory);
        let to = self.builder.ins().iadd(base, to);
        let flags = self.bulk_flags();
        self.probe(to, bytes);
        for (ty, at) in chunks(bytes, self.translation.has_vectors)
            .into_iter()
            .rev()
        {
            let value = self.repeated(byte as u8, ty);
            self.builder.ins().store(flags, value, to, at);
        }
        true
    }

    /// Reads the last of so many bytes that are going to be written, where a store that traps may
    /// have written its first bytes.
    fn probe(&mut self, to: Value, bytes: u64) {
        if bytes > 1 && self.plan().target.stores_may_be_split() {
            let flags = self.bulk_flags();
            let at = i32::try_from(bytes - 1).expect("a few bytes");
            self.builder.ins().load(types::I8, flags, to, at);
        }
    }

    /// The topmost operand, if it is a number of bytes to which this applies, in memories whose
    /// accesses are not checked in code.
    fn constant_bytes(&self, memories: &[u32]) -> Option<u64> {
        let bytes = self.constant_value(self.peek1())?;
        let guarded = memories.iter().all(|&memory| {
            let id = self.instance().memories[memory as usize];
            let memory = &self.plan().memories[id.index()];
            let bounds = memory.bounds;
            !memory.ty.memory64
                && matches!(bounds, Bounds::Guarded { index_max } if index_max >= u32::MAX.into())
        });
        (guarded && (1..=BYTES_MAX).contains(&bytes)).then_some(bytes)
    }

    fn bulk_flags(&mut self) -> MemFlagsData {
        self.with_alias(MemFlagsData::new(), Alias::Memory)
    }

    fn repeated(&mut self, byte: u8, ty: Type) -> Value {
        if ty == types::I8X16 {
            return self.v128_const(u128::from_ne_bytes([byte; 16]));
        }
        let bits = i64::from_ne_bytes([byte; 8]);
        let bits = match ty {
            types::I64 => bits,
            _ => bits & ((1 << ty.bits()) - 1),
        };
        self.builder.ins().iconst(ty, bits)
    }
}

/// Accesses that together are of so many bytes: type and offset. The last one overlaps the one
/// before it.
fn chunks(bytes: u64, has_vectors: bool) -> Vec<(Type, i32)> {
    let types = [types::I8X16, types::I64, types::I32, types::I16, types::I8];
    let types = &types[usize::from(!has_vectors)..];
    let fits = |ty: &Type| u64::from(ty.bytes()) <= bytes;
    let ty = types.iter().copied().find(fits).expect("at least one byte");
    let size = u64::from(ty.bytes());
    let offsets = (0..bytes / size).map(|position| position * size);
    let last = (!bytes.is_multiple_of(size)).then_some(bytes - size);
    offsets
        .chain(last)
        .map(|at| (ty, i32::try_from(at).expect("a few bytes")))
        .collect()
}
