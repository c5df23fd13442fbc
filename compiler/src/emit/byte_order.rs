//! Numbers whose bytes are loaded one by one are loaded at once. Comes in: optimised CLIF. Goes out:
//! CLIF that is to be lowered as it is.
//!
//! WebAssembly has no instruction that reverses bytes, so programs read numbers that begin with their
//! highest byte, as files and networks have them, byte by byte:
//!
//! ```text
//!     v2 = uload8.i32 v1                      ; v8 = load.i16 v1
//!     v3 = uload8.i32 v1+1                    ; v9 = bswap v8
//!     v4 = ishl_imm v2, 8                     ; v5 = uextend.i32 v9
//!     v5 = bor v3, v4                         ;
//! ```
//!
//! Why the program cannot tell:
//!
//! - All bytes are loaded in one block, from places that follow each other, and between the first load and
//!   the last, nothing writes, calls, or traps but other loads from memory. So either none of them
//!   faults, and what is loaded at once, where the first was, are the same bytes; or one of them faults, and so
//!   does what is loaded at once, with the same code, from the same function, before anything else has been
//!   done. The address that is told of such a fault is that of the first byte of the number that is not
//!   there, whichever the program would have come to first.
//! - Bytes that another thread writes meanwhile may be old or new in either case: nothing orders
//!   loads that are not atomic.
//! - A bit of the result comes from one byte alone, as the bytes' places in it are all different, and
//!   those of the number are all there.
//!
//! Where a byte is of use by itself, it stays loaded; the number is only loaded at once if that leaves
//! fewer instructions. Not on RISC-V, where loads that are not aligned may be slow.
//!
//! Linear: what a number is made of is looked at once, and has a limit.

use super::survey::Survey;
use crate::facts::{self, Uses};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, ValueDef,
    types,
};

/// Bytes of the largest number.
const BYTES_MAX: usize = 8;
/// Instructions that one is made of: loads, extensions, shifts and what joins them.
const PARTS_MAX: usize = 4 * BYTES_MAX;
/// Instructions between the first load of a byte and the last.
const BETWEEN_MAX: usize = 64;

/// Loads numbers at once; whether there were any.
pub fn improve(func: &mut Function, survey: &Survey) -> bool {
    let mut uses = None;
    let mut is_changed = false;
    // What joins all of a number's bytes comes after what joins some.
    for &inst in survey.joins.iter().rev() {
        if func.layout.inst_block(inst).is_none() {
            continue;
        }
        let Some(number) = number(func, inst) else {
            continue;
        };
        let uses = uses.get_or_insert_with(|| survey.uses.clone());
        if number.saves(func, uses)
            && let Some(first) = number.first_of_all(func)
        {
            load(func, &number, first, uses);
            is_changed = true;
        }
    }
    if is_changed {
        func.dfg.resolve_all_aliases();
    }
    is_changed
}

/// A byte that is loaded, and where it is in what is made of it.
struct Byte {
    load: Inst,
    offset: i32,
    shift: u32,
}

/// A number that is made of bytes.
struct Number {
    /// What makes it.
    inst: Inst,
    ty: Type,
    /// What it is made by, those that use others first.
    parts: Vec<Inst>,
    /// In the order of their addresses.
    bytes: Vec<Byte>,
    address: Value,
    flags: MemFlagsData,
    /// The lowest bit of the number in the value.
    shift: u32,
    is_reversed: bool,
}

/// The number that an instruction makes of all its bytes.
fn number(func: &Function, inst: Inst) -> Option<Number> {
    let value = func.dfg.first_result(inst);
    let mut parts = Vec::new();
    let mut bytes = gather(func, value, &mut parts)?;
    bytes.sort_unstable_by_key(|byte| byte.offset);
    let count = u32::try_from(bytes.len()).ok()?;
    if !matches!(count, 2 | 4 | 8) {
        return None;
    }
    let shift = bytes.iter().map(|byte| byte.shift).min()?;
    let is_reversed = bytes[0].shift != shift;
    let (address, flags) = source(func, bytes[0].load);
    for (position, byte) in (0..).zip(&bytes) {
        let place = match is_reversed {
            true => count - 1 - position,
            false => position,
        };
        let is_next = i64::from(byte.offset) - i64::from(bytes[0].offset) == i64::from(position);
        let is_of_it = source(func, byte.load) == (address, flags);
        if !is_next || !is_of_it || byte.shift != shift + 8 * place {
            return None;
        }
    }
    Some(Number {
        inst,
        ty: func.dfg.value_type(value),
        parts,
        bytes,
        address,
        flags,
        shift,
        is_reversed,
    })
}

/// The bytes that a value is made of, if it is made of nothing else; notes by what.
fn gather(func: &Function, value: Value, parts: &mut Vec<Inst>) -> Option<Vec<Byte>> {
    let value = func.dfg.resolve_aliases(value);
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    if parts.len() == PARTS_MAX {
        return None;
    }
    parts.push(inst);
    match func.dfg.insts[inst] {
        InstructionData::Load {
            opcode: Opcode::Uload8,
            offset,
            ..
        } => Some(vec![Byte {
            load: inst,
            offset: offset.into(),
            shift: 0,
        }]),
        InstructionData::Unary {
            opcode: Opcode::Uextend,
            arg,
        } => gather(func, arg, parts),
        InstructionData::Binary {
            opcode: Opcode::Bor,
            args: [first, second],
        } => {
            let mut bytes = gather(func, first, parts)?;
            bytes.extend(gather(func, second, parts)?);
            (bytes.len() <= BYTES_MAX).then_some(bytes)
        }
        InstructionData::Binary {
            opcode: Opcode::Ishl,
            args: [shifted, by],
        } => {
            let by = facts::small_constant(func, by)?;
            let bits = func.dfg.value_type(value).bits();
            let mut bytes = gather(func, shifted, parts)?;
            for byte in &mut bytes {
                byte.shift = byte.shift.checked_add(by)?;
                // No bit is shifted out.
                if byte.shift > bits - 8 {
                    return None;
                }
            }
            Some(bytes)
        }
        _ => None,
    }
}

/// Where from and how an instruction loads.
fn source(func: &Function, load: Inst) -> (Value, MemFlagsData) {
    match func.dfg.insts[load] {
        InstructionData::Load { arg, flags, .. } => {
            (func.dfg.resolve_aliases(arg), func.dfg.mem_flags[flags])
        }
        _ => unreachable!("it is a load"),
    }
}

impl Number {
    /// Whether there are fewer instructions if it is loaded at once.
    fn saves(&self, func: &Function, uses: &Uses) -> bool {
        // Load, reversal, extension and shift.
        let is_narrow = 8 * self.bytes.len() < self.ty.bits() as usize;
        let added = [true, self.is_reversed, is_narrow, self.shift != 0];
        let added = added.into_iter().filter(|&is| is).count();
        let mut used_by_removed = Uses::new();
        let mut removed = 0;
        for &part in &self.parts {
            let value = func.dfg.first_result(part);
            if part != self.inst && uses[value] != used_by_removed[value] {
                continue;
            }
            removed += 1;
            for &arg in func.dfg.inst_args(part) {
                used_by_removed[func.dfg.resolve_aliases(arg)] += 1;
            }
        }
        removed > added
    }

    /// The first of the loads, if they are in one block, with nothing between them that matters.
    fn first_of_all(&self, func: &Function) -> Option<Inst> {
        let block = func.layout.inst_block(self.bytes[0].load)?;
        let loads = || self.bytes.iter().map(|byte| byte.load);
        if loads().any(|load| func.layout.inst_block(load) != Some(block)) {
            return None;
        }
        let first = loads().min_by(|&a, &b| func.layout.pp_cmp(a, b))?;
        let mut left = self.bytes.len();
        let mut next = Some(first);
        for _ in 0..BETWEEN_MAX {
            let inst = next?;
            if loads().any(|load| load == inst) {
                left -= 1;
                if left == 0 {
                    return Some(first);
                }
            } else if !self.may_be_between(func, inst) {
                return None;
            }
            next = func.layout.next_inst(inst);
        }
        None
    }

    /// Whether an instruction does nothing, or only faults as the loads do.
    fn may_be_between(&self, func: &Function, inst: Inst) -> bool {
        let opcode = func.dfg.insts[inst].opcode();
        if let InstructionData::Load { flags, .. } = func.dfg.insts[inst] {
            let flags = func.dfg.mem_flags[flags];
            return flags == self.flags || flags.notrap();
        }
        !(opcode.can_load()
            || opcode.can_store()
            || opcode.can_trap()
            || opcode.other_side_effects()
            || opcode.is_call()
            || opcode.is_terminator())
    }
}

/// Makes a number by one load, in front of the first that there was.
fn load(func: &mut Function, number: &Number, first: Inst, uses: &mut Uses) {
    let mut cursor = FuncCursor::new(func).at_inst(first);
    cursor.use_srcloc(first);
    let bits = u16::try_from(8 * number.bytes.len()).expect("there are few");
    let ty = Type::int(bits).expect("a type has as many bits");
    let (address, offset) = (number.address, number.bytes[0].offset);
    let mut value = cursor.ins().load(ty, number.flags, address, offset);
    uses[address] += 1;
    if number.is_reversed {
        value = cursor.ins().bswap(value);
    }
    if ty != number.ty {
        value = cursor.ins().uextend(number.ty, value);
    }
    if number.shift != 0 {
        let by = cursor.ins().iconst(types::I32, i64::from(number.shift));
        value = cursor.ins().ishl(value, by);
    }
    let result = func.dfg.first_result(number.inst);
    uses[value] = std::mem::take(&mut uses[result]);
    for &part in &number.parts {
        if uses[func.dfg.first_result(part)] == 0 {
            for &arg in func.dfg.inst_args(part) {
                uses[func.dfg.resolve_aliases(arg)] -= 1;
            }
            func.layout.remove_inst(part);
        }
    }
    func.dfg.clear_results(number.inst);
    func.dfg.change_to_alias(result, value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::Context;
    use cranelift_codegen::ir::AbiParam;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    /// A function of an address that gives what `body` makes of it.
    fn improved(ty: Type, body: impl FnOnce(&mut FunctionBuilder<'_>, Value) -> Value) -> String {
        let isa = crate::emit::target_isa(&crate::Options::default());
        let mut context = Context::new();
        let signature = &mut context.func.signature;
        signature.params.push(AbiParam::new(types::I64));
        signature.returns.push(AbiParam::new(ty));
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let address = builder.block_params(block)[0];
        let value = body(&mut builder, address);
        builder.ins().return_(&[value]);
        builder.seal_all_blocks();
        builder.finalize(isa.frontend_config());
        let survey = Survey::of(&context.func);
        improve(&mut context.func, &survey);
        cranelift_codegen::verify_function(&context.func, isa.flags()).expect("it is still valid");
        context.func.display().to_string()
    }

    /// Bytes at offsets from an address, each shifted by so many bits.
    fn joined(
        builder: &mut FunctionBuilder<'_>,
        ty: Type,
        address: Value,
        bytes: &[(i32, i64)],
    ) -> Value {
        let flags = MemFlagsData::new();
        let bytes: Vec<Value> = bytes
            .iter()
            .map(|&(offset, shift)| {
                let byte = builder.ins().uload8(ty, flags, address, offset);
                builder.ins().ishl_imm_u(byte, shift)
            })
            .collect();
        let joined = bytes.into_iter().reduce(|a, b| builder.ins().bor(a, b));
        joined.expect("there are some")
    }

    #[test]
    fn numbers_are_loaded_at_once() {
        for (ty, bytes, made) in [
            (types::I32, &[(5, 8), (6, 0)][..], "load.i16 v0+5"),
            (
                types::I32,
                &[(3, 0), (1, 16), (0, 24), (2, 8)],
                "load.i32 v0",
            ),
            (types::I64, &[(1, 8), (2, 0)], "uextend.i64"),
            (types::I32, &[(0, 24), (1, 16)], "ishl"),
        ] {
            let clif = improved(ty, |builder, address| joined(builder, ty, address, bytes));
            assert!(clif.contains("bswap") && clif.contains(made), "{clif}");
            assert!(!clif.contains("uload8"), "{clif}");
        }
    }

    #[test]
    fn what_is_no_number_is_loaded_as_it_was() {
        for bytes in [
            &[(0, 8), (2, 0)][..],
            &[(0, 8), (1, 4)],
            &[(0, 16), (1, 0)],
            &[(0, 24), (1, 8), (2, 16), (3, 0)],
        ] {
            let clif = improved(types::I32, |builder, address| {
                joined(builder, types::I32, address, bytes)
            });
            assert_eq!(clif.matches("uload8").count(), bytes.len(), "{clif}");
        }
    }

    #[test]
    fn what_is_stored_between_is_loaded() {
        let clif = improved(types::I32, |builder, address| {
            let high = joined(builder, types::I32, address, &[(0, 8)]);
            builder.ins().store(MemFlagsData::new(), high, address, 1);
            let low = joined(builder, types::I32, address, &[(1, 0)]);
            builder.ins().bor(high, low)
        });
        assert_eq!(clif.matches("uload8").count(), 2, "{clif}");
    }

    #[test]
    fn bytes_that_are_used_stay() {
        let clif = improved(types::I32, |builder, address| {
            let flags = MemFlagsData::new();
            let low = builder.ins().uload8(types::I32, flags, address, 1);
            let high = builder.ins().uload8(types::I32, flags, address, 0);
            let shifted = builder.ins().ishl_imm_u(high, 8);
            let number = builder.ins().bor(shifted, low);
            let more = builder.ins().iadd(low, high);
            builder.ins().imul(number, more)
        });
        assert_eq!(clif.matches("uload8").count(), 2, "{clif}");
    }
}
