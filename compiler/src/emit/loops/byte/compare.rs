//! The code in front of a loop that compares bytes of two places.
//!
//! ```text
//!     v0, v1 = addresses of the first bytes, v2 = iterations before a limit, at most
//!     brif icmp uge v2, 8, block1, header(...)
//! block1:                                     ; 16 bytes of each are on one page, or the loop goes on alone
//!     brif icmp ugt (band v0, 4095), 4080, header(...), block2
//! block2:
//!     brif icmp ugt (band v1, 4095), 4080, header(...), block3
//! block3:
//!     v3 = icmp eq (load.i8x16 v0), (load.i8x16 v1)
//!     brif all bytes of v3, block4(0), block6
//! block4(v4: i64):
//!     v5 = iadd v4, 16
//!     v6 = how far the 16 bytes at v5 of either go on to another page: those before are looked at again
//!     brif icmp ult v5, v2, block5(isub v5, v6), block8(v2)
//! block5(v7: i64):                            ; 16 bytes at a time
//!     v8 = icmp eq (load.i8x16 (iadd v0, v7)), (load.i8x16 (iadd v1, v7))
//!     brif all bytes of v8, block4(v7), block7
//! block6:
//!     jump block8(umin (ctz (bnot (bits of v3))), v2)
//! block7:
//!     jump block8(umin (iadd v7, ctz (bnot (bits of v8))), v2)
//! block8(v9: i64):                            ; iterations that are left out
//!     jump header(...)
//! ```
//!
//! Where the bytes of one place go on to another page, those of the other are moved back as far. These
//! may then lie on two pages themselves: on both are bytes that have been loaded before, or on the second
//! the byte that comes next.

use super::build::{Builder, LANES, PAGE_BYTES};
use crate::target::Arch;
use cranelift_codegen::cursor::Cursor;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};

/// With a limit that is nearer, the loop is faster as it is.
const ITERATIONS_MIN: i64 = 8;

impl Builder<'_> {
    /// Finds the first iteration in which the bytes at two addresses differ or one is wanted, or a later
    /// one that comes to a limit; gives the block whose parameter its number is.
    pub fn compare(&mut self, firsts: [Value; 2], iterations: Value) -> Block {
        let [start, miss, more, after] = [(); 4].map(|()| self.block());
        let [compared, done] = [miss, more].map(|block| self.param(block));
        self.param(after);
        self.splat_wanted();
        self.go_on_if_worth_it(iterations, ITERATIONS_MIN, start);

        self.begin(start);
        let (header, initial) = (self.found.path.header(), self.initial());
        for first in firsts {
            let crosses = self.crosses_page(first, LANES);
            let within = self.block();
            self.cursor
                .ins()
                .brif(crosses, header, &initial, within, &[]);
            self.begin(within);
        }
        let none = self.word(0);
        let found = self.go_on_if_same(firsts, none, miss);
        let found = self.cursor.ins().umin(found, iterations);
        self.cursor.ins().jump(after, &[found.into()]);

        self.begin(miss);
        let firsts = self.first_addresses();
        let next = self.cursor.ins().iadd_imm_s(compared, LANES);
        let position = self.last_position(firsts, next);
        let last = self.word(PAGE_BYTES - LANES);
        let position = self.cursor.ins().umax(position, last);
        let beyond = self.cursor.ins().isub(position, last);
        let again = self.cursor.ins().isub(next, beyond);
        let is_before = self
            .cursor
            .ins()
            .icmp(IntCC::UnsignedLessThan, next, iterations);
        let (goes_on, ends) = ([again.into()], [iterations.into()]);
        self.cursor
            .ins()
            .brif(is_before, more, &goes_on, after, &ends);

        self.begin(more);
        let found = self.go_on_if_same(firsts, done, miss);
        let found = self.cursor.ins().umin(found, iterations);
        self.cursor.ins().jump(after, &[found.into()]);
        after
    }

    /// Goes to a block with a number of iterations that are done, if the loop is not left in the 16 behind them;
    /// else gives the number of those before the one in which it is.
    fn go_on_if_same(&mut self, firsts: [Value; 2], done: Value, all_same: Block) -> Value {
        let same = self.same(firsts, done);
        let left = self.block();
        let (are_same, bits) = match self.arch {
            Arch::X86_64 => {
                let bits = self.bits(&[same]);
                let all_bits = self.word((1 << LANES) - 1);
                let are_same = self.cursor.ins().icmp(IntCC::Equal, bits, all_bits);
                (are_same, Some(bits))
            }
            _ => (self.cursor.ins().vall_true(same), None),
        };
        self.cursor
            .ins()
            .brif(are_same, all_same, &[done.into()], left, &[]);
        self.begin(left);
        let bits = bits.unwrap_or_else(|| self.bits(&[same]));
        let bits = self.cursor.ins().bnot(bits);
        self.first_of(bits, done)
    }

    /// In which of 16 iterations the loop is not left, as a vector.
    fn same(&mut self, firsts: [Value; 2], done: Value) -> Value {
        let found = self.found;
        let loads = found.loads.iter().zip(firsts);
        let bytes: Vec<Value> = loads
            .map(|(&load, first)| {
                let address = self.add(first, done);
                let srcloc = self.cursor.func.srcloc(load);
                self.cursor.set_srcloc(srcloc);
                let flags = self.flags(load);
                self.cursor.ins().load(types::I8X16, flags, address, 0)
            })
            .collect();
        let mut same = self.cursor.ins().icmp(IntCC::Equal, bytes[0], bytes[1]);
        for (position, wanted) in found.wanted.iter().enumerate() {
            let (bytes, wanted) = (bytes[wanted.load], self.wanted[position]);
            let equal = self.cursor.ins().icmp(IntCC::Equal, bytes, wanted);
            let other = self.cursor.ins().bnot(equal);
            same = self.cursor.ins().band(same, other);
        }
        same
    }

    /// Where on their pages two addresses are, with a number added: the larger of both.
    fn last_position(&mut self, firsts: [Value; 2], added: Value) -> Value {
        let positions = firsts.map(|first| {
            let address = self.add(first, added);
            self.cursor.ins().band_imm_s(address, PAGE_BYTES - 1)
        });
        self.cursor.ins().umax(positions[0], positions[1])
    }
}
