//! The vectors of bytes that a loop looks at.

use super::build::{BYTES, Builder, LANES};
use crate::target::Arch;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstBuilder, InstructionData, MemFlagsData, Value, types};

impl Builder<'_> {
    /// Each byte that is wanted, in all places of a vector.
    pub(super) fn splat_wanted(&mut self) {
        let found = self.found;
        for wanted in &found.wanted {
            let number = wanted.value.map_or(Some(0), |wanted| {
                let value = self.at_first(wanted);
                self.constant(value)
            });
            let splat = match (number, wanted.value) {
                (Some(number), _) => self.same_bytes(number.to_le_bytes()[0]),
                (None, Some(wanted)) => {
                    let value = self.at_first(wanted);
                    let byte = self.cursor.ins().ireduce(types::I8, value);
                    self.cursor.ins().splat(types::I8X16, byte)
                }
                (None, None) => unreachable!("zero is a constant"),
            };
            self.wanted.push(splat);
        }
    }

    /// A vector of the same bytes, which needs no other register.
    fn same_bytes(&mut self, byte: u8) -> Value {
        let bytes = vec![byte; LANES as usize].into();
        let bytes = self.cursor.func.dfg.constants.insert(bytes);
        self.cursor.ins().vconst(types::I8X16, bytes)
    }

    /// What is said of the load of a byte.
    pub(super) fn flags(&self, load: Inst) -> MemFlagsData {
        let InstructionData::Load { flags, .. } = self.cursor.func.dfg.insts[load] else {
            unreachable!("it is a load");
        };
        self.cursor.func.dfg.mem_flags[flags]
    }

    /// Which of the bytes at an address are wanted, as vectors.
    pub(super) fn wanted_at(&mut self, address: Value) -> Vec<Value> {
        let flags = self.flags(self.found.loads[0]);
        let mut parts = Vec::new();
        for offset in (0..BYTES).step_by(LANES as usize) {
            let offset = i32::try_from(offset).expect("small");
            let bytes = self.cursor.ins().load(types::I8X16, flags, address, offset);
            let mut any = None;
            for position in 0..self.wanted.len() {
                let wanted = self.wanted[position];
                let equal = self.cursor.ins().icmp(IntCC::Equal, bytes, wanted);
                any = Some(match any {
                    None => equal,
                    Some(any) => self.cursor.ins().bor(any, equal),
                });
            }
            parts.push(any.expect("something is wanted"));
        }
        parts
    }

    /// A bit for each byte of vectors.
    pub(super) fn bits(&mut self, parts: &[Value]) -> Value {
        let mut all = None;
        for (position, &part) in (0..).zip(parts) {
            let bits = self.cursor.ins().vhigh_bits(types::I64, part);
            all = Some(match all {
                None => bits,
                Some(all) => {
                    let bits = self.cursor.ins().ishl_imm_u(bits, position * LANES);
                    self.cursor.ins().bor(all, bits)
                }
            });
        }
        all.expect("there are bytes")
    }

    /// How far the first bit is behind `start`.
    pub(super) fn first_of(&mut self, bits: Value, start: Value) -> Value {
        let position = self.cursor.ins().ctz(bits);
        self.add(start, position)
    }

    /// Whether a byte of vectors is set.
    pub(super) fn any(&mut self, parts: &[Value]) -> Value {
        let mut any = parts[0];
        for &part in &parts[1..] {
            any = self.cursor.ins().bor(any, part);
        }
        match self.arch {
            Arch::X86_64 => self.cursor.ins().vhigh_bits(types::I64, any),
            _ => self.cursor.ins().vany_true(any),
        }
    }
}
