//! The code in front of a loop that compares bytes of two places.
//!
//! ```text
//!     v0, v1 = addresses of the first bytes, v2 = iterations before a limit, at most
//!     brif icmp uge v2, 8, block1, header(...)
//! block1:                                     ; 16 bytes of either are on one page, or the loop goes on alone
//!     v3 = umax (band v0, 4095), (band v1, 4095)
//!     brif icmp ugt v3, 4080, header(...), block2(0)
//! block2(v4: i64):                            ; 16 bytes at a time
//!     v5 = icmp ne (load.i8x16 (iadd v0, v4)), (load.i8x16 (iadd v1, v4))
//!     brif any byte of v5, block4, block3
//! block3:
//!     v6 = iadd v4, 16
//!     v7 = how far the 16 bytes at v6 of either go on to another page: those before are looked at again
//!     brif icmp ult v6, v2, block2(isub v6, v7), block5(v2)
//! block4:
//!     jump block5(iadd v4, ctz (bits of v5))
//! block5(v8: i64):                            ; iterations that are left out
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
    pub fn compare(&mut self, firsts: &[Value], iterations: Value) -> Block {
        let [start, more, miss, hit, after] = [(); 5].map(|()| self.block());
        let done = self.param(more);
        self.param(after);
        self.splat_wanted();
        self.go_on_if_worth_it(iterations, ITERATIONS_MIN, start);

        self.begin(start);
        let position = self.last_position(firsts, None);
        let last = self.word(PAGE_BYTES - LANES);
        let above = IntCC::UnsignedGreaterThan;
        let crosses = self.cursor.ins().icmp(above, position, last);
        let (header, initial) = (self.found.path.header(), self.initial());
        let none = self.word(0);
        self.cursor
            .ins()
            .brif(crosses, header, &initial, more, &[none.into()]);

        self.begin(more);
        let leaves = self.leaving(firsts, done);
        let any = self.any(&[leaves]);
        self.cursor.ins().brif(any, hit, &[], miss, &[]);

        self.begin(miss);
        let next = self.cursor.ins().iadd_imm_s(done, LANES);
        let position = self.last_position(firsts, Some(next));
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

        self.begin(hit);
        let bits = match self.arch {
            Arch::X86_64 => any,
            _ => self.bits(&[leaves]),
        };
        let found = self.first_of(bits, done);
        self.cursor.ins().jump(after, &[found.into()]);
        after
    }

    /// In which of 16 iterations the loop is left, as a vector.
    fn leaving(&mut self, firsts: &[Value], done: Value) -> Value {
        let found = self.found;
        let loads = found.loads.iter().zip(firsts);
        let bytes: Vec<Value> = loads
            .map(|(&load, &first)| {
                let address = self.add(first, done);
                let srcloc = self.cursor.func.srcloc(load);
                self.cursor.set_srcloc(srcloc);
                let flags = self.flags(load);
                self.cursor.ins().load(types::I8X16, flags, address, 0)
            })
            .collect();
        let mut leaves = self.cursor.ins().icmp(IntCC::NotEqual, bytes[0], bytes[1]);
        for (position, wanted) in found.wanted.iter().enumerate() {
            let (bytes, wanted) = (bytes[wanted.load], self.wanted[position]);
            let equal = self.cursor.ins().icmp(IntCC::Equal, bytes, wanted);
            leaves = self.cursor.ins().bor(leaves, equal);
        }
        leaves
    }

    /// Where on their pages two addresses are, with a number added: the larger of both.
    fn last_position(&mut self, firsts: &[Value], added: Option<Value>) -> Value {
        let positions: Vec<Value> = firsts
            .iter()
            .map(|&first| {
                let address = added.map_or(first, |added| self.add(first, added));
                self.cursor.ins().band_imm_s(address, PAGE_BYTES - 1)
            })
            .collect();
        self.cursor.ins().umax(positions[0], positions[1])
    }
}
