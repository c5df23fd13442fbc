//! Copies of UTF-8, which is checked on the way. What is short and ASCII is copied in place: first
//! and last bytes in registers, which overlap in the middle. The runtime copies the rest.

use crate::translate::{Alias, FuncTranslator};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};

/// Up to two vectors are copied in place.
const IN_PLACE_BYTES_MAX: i64 = 32;

/// Registers that a string can be copied with, and from how many bytes on.
const PIECES: [(Type, i64); 4] = [
    (types::I8X16, 16),
    (types::I64, 8),
    (types::I32, 4),
    (types::I16, 2),
];

impl FuncTranslator<'_, '_> {
    /// `store_string_copy` of UTF-8, between ranges that have been checked.
    ///
    /// ```text
    ///     v4 = icmp_imm ugt bytes, 32
    ///     brif v4, block9, block1
    /// block1:                                             ; likewise for 8, 4 and 2 bytes
    ///     v5 = icmp_imm uge bytes, 16
    ///     brif v5, block2, block3
    /// block2:
    ///     v6 = iadd_imm bytes, -16
    ///     v7 = load.i8x16 from; v8 = load.i8x16 from + v6
    ///     …                                               ; v9: the highest bits of both
    ///     brif v9, block9, block4
    /// block4:
    ///     store v7, to; store v8, to + v6
    ///     jump block10
    /// …
    /// block9: call utf8_copy(to, from, bytes)
    ///     jump block10
    /// block10:
    /// ```
    pub(super) fn copy_utf8(&mut self, to: Value, from: Value, bytes: Value) {
        let rest = self.builder.create_block();
        let end = self.builder.create_block();
        let short = self.builder.create_block();
        self.builder.set_cold_block(rest);
        let long = (IntCC::UnsignedGreaterThan, IN_PLACE_BYTES_MAX);
        self.branch_on(bytes, long, rest, short);
        self.builder.switch_to_block(short);
        self.builder.seal_block(short);
        for (ty, least) in PIECES {
            let here = self.builder.create_block();
            let shorter = self.builder.create_block();
            let enough = (IntCC::UnsignedGreaterThanOrEqual, least);
            self.branch_on(bytes, enough, here, shorter);
            self.enter(here);
            self.copy_ascii_ends(ty, to, from, bytes, rest);
            self.jump(end, &[]);
            self.builder.switch_to_block(shorter);
            self.builder.seal_block(shorter);
        }
        let none: &[BlockArg] = &[];
        self.builder.ins().brif(bytes, rest, none, end, none);
        self.enter(rest);
        self.call_runtime("utf8_copy", &[to, from, bytes]);
        self.jump(end, &[]);
        self.enter(end);
    }

    fn branch_on(&mut self, value: Value, (cc, limit): (IntCC, i64), then: Block, other: Block) {
        let holds = self.builder.ins().icmp_imm_s(cc, value, limit);
        let none: &[BlockArg] = &[];
        self.builder.ins().brif(holds, then, none, other, none);
    }

    /// Copies the first and the last bytes, unless some are not ASCII.
    fn copy_ascii_ends(&mut self, ty: Type, to: Value, from: Value, bytes: Value, rest: Block) {
        let flags = self.with_alias(MemFlagsData::new().with_notrap(), Alias::Memory);
        let last = -i64::from(ty.bytes());
        let last = self.builder.ins().iadd_imm_s(bytes, last);
        let from_last = self.builder.ins().iadd(from, last);
        let head = self.builder.ins().load(ty, flags, from, 0);
        let tail = self.builder.ins().load(ty, flags, from_last, 0);
        let both = self.builder.ins().bor(head, tail);
        let high = match ty {
            types::I8X16 => self.builder.ins().vhigh_bits(types::I32, both),
            _ => self
                .builder
                .ins()
                .band_imm_s(both, 0x8080_8080_8080_8080_u64 as i64),
        };
        let copy = self.builder.create_block();
        let none: &[BlockArg] = &[];
        self.builder.ins().brif(high, rest, none, copy, none);
        self.enter(copy);
        let to_last = self.builder.ins().iadd(to, last);
        self.builder.ins().store(flags, head, to, 0);
        self.builder.ins().store(flags, tail, to_last, 0);
    }
}
