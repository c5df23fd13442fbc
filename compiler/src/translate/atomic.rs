//! Atomic instructions: every operator of the threads proposal to CLIF.
//!
//! All accesses are sequentially consistent. As the proposal's execution rules have it, an
//! effective address that is not a multiple of the access's width traps before anything else;
//! then the access itself traps when it is out of bounds. Waiting and waking are runtime
//! functions.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value};
use wasmelt_abi::TrapCode;
use wasmparser::{MemArg, Operator as Op};

use super::address::memory_index;
use super::translator::FuncTranslator;
use crate::{Error, Result};

impl FuncTranslator<'_, '_> {
    /// Translates one atomic operator. The length of this function is that of the table.
    ///
    /// # Errors
    /// `unsupported` for an operator that is not of the threads proposal.
    pub(super) fn translate_atomic(&mut self, op: &Op<'_>, offset: u64) -> Result<()> {
        match *op {
            Op::I32AtomicLoad { memarg } => self.atomic_load(memarg, I32, I32),
            Op::I64AtomicLoad { memarg } => self.atomic_load(memarg, I64, I64),
            Op::I32AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I32),
            Op::I32AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I32),
            Op::I64AtomicLoad8U { memarg } => self.atomic_load(memarg, I8, I64),
            Op::I64AtomicLoad16U { memarg } => self.atomic_load(memarg, I16, I64),
            Op::I64AtomicLoad32U { memarg } => self.atomic_load(memarg, I32, I64),
            Op::I32AtomicStore { memarg } => self.atomic_store(memarg, I32),
            Op::I64AtomicStore { memarg } => self.atomic_store(memarg, I64),
            Op::I32AtomicStore8 { memarg } => self.atomic_store(memarg, I8),
            Op::I32AtomicStore16 { memarg } => self.atomic_store(memarg, I16),
            Op::I64AtomicStore8 { memarg } => self.atomic_store(memarg, I8),
            Op::I64AtomicStore16 { memarg } => self.atomic_store(memarg, I16),
            Op::I64AtomicStore32 { memarg } => self.atomic_store(memarg, I32),
            Op::I32AtomicRmwAdd { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Add),
            Op::I64AtomicRmwAdd { memarg } => self.atomic_rmw(memarg, I64, AtomicRmwOp::Add),
            Op::I32AtomicRmw8AddU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Add),
            Op::I32AtomicRmw16AddU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Add),
            Op::I64AtomicRmw8AddU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Add),
            Op::I64AtomicRmw16AddU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Add),
            Op::I64AtomicRmw32AddU { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Add),
            Op::I32AtomicRmwSub { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Sub),
            Op::I64AtomicRmwSub { memarg } => self.atomic_rmw(memarg, I64, AtomicRmwOp::Sub),
            Op::I32AtomicRmw8SubU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Sub),
            Op::I32AtomicRmw16SubU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Sub),
            Op::I64AtomicRmw8SubU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Sub),
            Op::I64AtomicRmw16SubU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Sub),
            Op::I64AtomicRmw32SubU { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Sub),
            Op::I32AtomicRmwAnd { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::And),
            Op::I64AtomicRmwAnd { memarg } => self.atomic_rmw(memarg, I64, AtomicRmwOp::And),
            Op::I32AtomicRmw8AndU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::And),
            Op::I32AtomicRmw16AndU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::And),
            Op::I64AtomicRmw8AndU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::And),
            Op::I64AtomicRmw16AndU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::And),
            Op::I64AtomicRmw32AndU { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::And),
            Op::I32AtomicRmwOr { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Or),
            Op::I64AtomicRmwOr { memarg } => self.atomic_rmw(memarg, I64, AtomicRmwOp::Or),
            Op::I32AtomicRmw8OrU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Or),
            Op::I32AtomicRmw16OrU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Or),
            Op::I64AtomicRmw8OrU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Or),
            Op::I64AtomicRmw16OrU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Or),
            Op::I64AtomicRmw32OrU { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Or),
            Op::I32AtomicRmwXor { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Xor),
            Op::I64AtomicRmwXor { memarg } => self.atomic_rmw(memarg, I64, AtomicRmwOp::Xor),
            Op::I32AtomicRmw8XorU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Xor),
            Op::I32AtomicRmw16XorU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Xor),
            Op::I64AtomicRmw8XorU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Xor),
            Op::I64AtomicRmw16XorU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Xor),
            Op::I64AtomicRmw32XorU { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Xor),
            Op::I32AtomicRmwXchg { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Xchg),
            Op::I64AtomicRmwXchg { memarg } => self.atomic_rmw(memarg, I64, AtomicRmwOp::Xchg),
            Op::I32AtomicRmw8XchgU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Xchg),
            Op::I32AtomicRmw16XchgU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Xchg),
            Op::I64AtomicRmw8XchgU { memarg } => self.atomic_rmw(memarg, I8, AtomicRmwOp::Xchg),
            Op::I64AtomicRmw16XchgU { memarg } => self.atomic_rmw(memarg, I16, AtomicRmwOp::Xchg),
            Op::I64AtomicRmw32XchgU { memarg } => self.atomic_rmw(memarg, I32, AtomicRmwOp::Xchg),
            Op::I32AtomicRmwCmpxchg { memarg } => self.atomic_cmpxchg(memarg, I32),
            Op::I64AtomicRmwCmpxchg { memarg } => self.atomic_cmpxchg(memarg, I64),
            Op::I32AtomicRmw8CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I8),
            Op::I32AtomicRmw16CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I16),
            Op::I64AtomicRmw8CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I8),
            Op::I64AtomicRmw16CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I16),
            Op::I64AtomicRmw32CmpxchgU { memarg } => self.atomic_cmpxchg(memarg, I32),
            Op::MemoryAtomicNotify { memarg } => self.atomic_notify(memarg),
            Op::MemoryAtomicWait32 { memarg } => self.atomic_wait(memarg, I32),
            Op::MemoryAtomicWait64 { memarg } => self.atomic_wait(memarg, I64),
            Op::AtomicFence { .. } => _ = self.builder.ins().fence(),

            _ => {
                return Err(Error::unsupported(
                    format_args!("operator `{op:?}`"),
                    offset,
                ));
            }
        }
        Ok(())
    }

    fn atomic_load(&mut self, memarg: MemArg, access: Type, result: Type) {
        let (flags, address) = self.atomic_operand(memarg, access);
        let loaded = self.builder.ins().atomic_load(access, flags, address);
        self.push_extended(loaded, result);
    }

    fn atomic_store(&mut self, memarg: MemArg, access: Type) {
        let value = self.pop1();
        let (flags, address) = self.atomic_operand(memarg, access);
        let value = self.wrap(value, access);
        self.builder.ins().atomic_store(flags, value, address);
    }

    fn atomic_rmw(&mut self, memarg: MemArg, access: Type, op: AtomicRmwOp) {
        let value = self.pop1();
        let result = self.builder.func.dfg.value_type(value);
        let (flags, address) = self.atomic_operand(memarg, access);
        let value = self.wrap(value, access);
        let loaded = self
            .builder
            .ins()
            .atomic_rmw(access, flags, op, address, value);
        self.push_extended(loaded, result);
    }

    /// The expected value is wrapped to the width of the access, as the replacement is.
    fn atomic_cmpxchg(&mut self, memarg: MemArg, access: Type) {
        let (expected, replacement) = self.pop2();
        let result = self.builder.func.dfg.value_type(expected);
        let (flags, address) = self.atomic_operand(memarg, access);
        let expected = self.wrap(expected, access);
        let replacement = self.wrap(replacement, access);
        let loaded = self
            .builder
            .ins()
            .atomic_cas(flags, address, expected, replacement);
        self.push_extended(loaded, result);
    }

    fn atomic_wait(&mut self, memarg: MemArg, access: Type) {
        let (expected, timeout_ns) = self.pop2();
        let address = self.effective_address(memarg, access);
        let memory = self.memory_pointer(memory_index(&memarg));
        let name = if access == I32 {
            "memory_atomic_wait32"
        } else {
            "memory_atomic_wait64"
        };
        self.push_call(name, &[memory, address, expected, timeout_ns]);
    }

    fn atomic_notify(&mut self, memarg: MemArg) {
        let count = self.pop1();
        let address = self.effective_address(memarg, I32);
        let memory = self.memory_pointer(memory_index(&memarg));
        self.push_call("memory_atomic_notify", &[memory, address, count]);
    }

    /// Calls a runtime function that has a result.
    fn push_call(&mut self, name: &str, args: &[Value]) {
        let result = self
            .call_runtime(name, args)
            .expect("the row of this function has a result");
        self.push1(result);
    }

    /// The native address of an access, aligned. Atomic instructions of CLIF take no offset.
    fn atomic_operand(&mut self, memarg: MemArg, access: Type) -> (MemFlagsData, Value) {
        let checks_index = self.is_memory64(memory_index(&memarg));
        if checks_index {
            let index = self.peek1();
            let sum = self.wrapping_address(index, memarg);
            self.trap_if_misaligned(sum, access);
        }
        let (flags, address, offset) = self.memory_operand(&memarg, access.bytes());
        let address = self.builder.ins().iadd_imm_s(address, i64::from(offset));
        if !checks_index {
            // A memory begins at a page, so the native address is aligned where wasm's is.
            self.trap_if_misaligned(address, access);
        }
        (flags, address)
    }

    /// Pops the index and gives the address within the memory as an `i64`, aligned.
    fn effective_address(&mut self, memarg: MemArg, access: Type) -> Value {
        let index = self.pop_extended();
        let address = self.wrapping_address(index, memarg);
        self.trap_if_misaligned(address, access);
        if self.is_memory64(memory_index(&memarg)) {
            let below = IntCC::UnsignedLessThan;
            let overflow = self.builder.ins().icmp(below, address, index);
            self.trap_if(overflow, TrapCode::MemoryOutOfBounds);
        }
        address
    }

    /// Index and offset added, which only those of 64 bits can be too large for: the low bits are
    /// right then, too.
    fn wrapping_address(&mut self, index: Value, memarg: MemArg) -> Value {
        let offset = memarg.offset.cast_signed();
        self.builder.ins().iadd_imm_u(index, offset)
    }

    fn trap_if_misaligned(&mut self, address: Value, access: Type) {
        if access.bytes() > 1 {
            let low_bits = self
                .builder
                .ins()
                .band_imm_u(address, i64::from(access.bytes() - 1));
            self.trap_if(low_bits, TrapCode::HeapMisaligned);
        }
    }

    fn wrap(&mut self, value: Value, access: Type) -> Value {
        if self.builder.func.dfg.value_type(value) == access {
            value
        } else {
            self.builder.ins().ireduce(access, value)
        }
    }

    fn push_extended(&mut self, loaded: Value, result: Type) {
        let value = if self.builder.func.dfg.value_type(loaded) == result {
            loaded
        } else {
            self.builder.ins().uextend(result, loaded)
        };
        self.push1(value);
    }
}
