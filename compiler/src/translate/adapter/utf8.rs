//! Copies of UTF-8, which is checked on the way. What is short and ASCII is copied in place: first
//! and last bytes in registers, which overlap in the middle. The runtime copies the rest.

use crate::translate::clif::Alias;
use crate::translate::translator::FuncTranslator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};

/// Up to two vectors are copied in place.
const IN_PLACE_BYTES_MAX: i64 = 32;

/// A copy of so many bytes, with the block for what cannot be copied in place, and the one behind.
#[derive(Clone, Copy)]
struct Transfer {
    to: Value,
    from: Value,
    bytes: Value,
    rest: Block,
    end: Block,
}

impl FuncTranslator<'_, '_> {
    /// `store_string_copy` of UTF-8, between ranges that have been checked.
    ///
    /// ```text
    ///     v4 = icmp_imm uge bytes, 8
    ///     brif v4, block1, block2
    /// block1:
    ///     v5 = icmp_imm uge bytes, 16
    ///     brif v5, block3, block4
    /// block4:                                             ; likewise with vectors, for 4 and 2 bytes
    ///     v6 = iadd_imm bytes, -8
    ///     v7 = load.i64 from; v8 = load.i64 from + v6
    ///     …                                               ; v9: the highest bits of both
    ///     brif v9, block9, block5
    /// block5:
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
        self.builder.set_cold_block(rest);
        let copy = Transfer {
            to,
            from,
            bytes,
            rest,
            end,
        };
        let short = self.branch_at_least(bytes, 8);
        let none: &[BlockArg] = &[];
        let (ty, max) = match self.translation.has_vectors {
            true => (types::I8X16, IN_PLACE_BYTES_MAX),
            false => (types::I64, IN_PLACE_BYTES_MAX / 2),
        };
        let eight = (ty != types::I64).then(|| self.branch_at_least(bytes, 16));
        let vector = self.builder.create_block();
        let is_long = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThan, bytes, max);
        self.builder.ins().brif(is_long, rest, none, vector, none);
        self.enter(vector);
        self.copy_ascii_ends(ty, copy);
        if let Some(eight) = eight {
            self.enter(eight);
            self.copy_ascii_ends(types::I64, copy);
        }
        self.enter(short);
        let shorter = self.branch_at_least(bytes, 4);
        self.copy_ascii_ends(types::I32, copy);
        self.enter(shorter);
        let one = self.branch_at_least(bytes, 2);
        self.copy_ascii_ends(types::I16, copy);
        self.enter(one);
        self.builder.ins().brif(bytes, rest, none, end, none);
        self.enter(rest);
        self.call_runtime("utf8_copy", &[to, from, bytes]);
        self.jump(end, &[]);
        self.enter(end);
    }

    /// Goes on where it is at least that; gives the block where it is not.
    fn branch_at_least(&mut self, value: Value, least: i64) -> Block {
        let (then, other) = (self.builder.create_block(), self.builder.create_block());
        let holds = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, value, least);
        let none: &[BlockArg] = &[];
        self.builder.ins().brif(holds, then, none, other, none);
        self.enter(then);
        other
    }

    /// Copies the first and the last bytes, unless some are not ASCII.
    fn copy_ascii_ends(&mut self, ty: Type, copy: Transfer) {
        let Transfer {
            to,
            from,
            bytes,
            rest,
            end,
        } = copy;
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
        self.jump(end, &[]);
    }
}
