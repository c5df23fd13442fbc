//! Traps of programs that go on, in a line each: what was the last, and where. It is written where
//! the trap happens, perhaps in a signal handler: nothing is allocated.

use std::cell::RefCell;
use std::fmt::{self, Write};

use crate::vm::arch::Registers;
use crate::vm::backtrace::{self, Frames};
use crate::vm::trap::{self, TrapInfo};

/// Bytes of a line; what is longer is cut.
const LINE_BYTES: usize = 1024;

/// Functions that a line names, innermost first.
const NAMES_MAX: usize = 12;

struct Line {
    bytes: [u8; LINE_BYTES],
    len: usize,
}

thread_local! {
    static LINE: RefCell<Line> = const {
        RefCell::new(Line {
            bytes: [0; LINE_BYTES],
            len: 0,
        })
    };
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *place = *byte;
            self.len += 1;
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// From now on, traps of this thread that are caught are noted.
pub fn note_traps() {
    trap::observe(note);
}

fn note(trap: TrapInfo, pc: usize, frames: Frames, _: Option<&Registers<'_>>) {
    LINE.with_borrow_mut(|line| {
        line.len = 0;
        // A line takes whatever is written to it.
        let _ = write!(line, "wasm trap: {trap}");
        let mut before: &[u8] = b" in ";
        backtrace::names(pc, frames, NAMES_MAX, |name| {
            line.push(std::mem::replace(&mut before, b" < "));
            line.push(name);
        });
    });
}

/// The last trap.
#[must_use]
pub fn last_trap() -> String {
    LINE.with_borrow(|line| {
        let bytes = line.bytes.get(..line.len).unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::trap::{Piece, catch, raise_with};
    use wasmelt_abi::TrapCode;

    #[test]
    fn the_last_trap_is_told() {
        note_traps();
        let pieces = [Piece::Text("number "), Piece::Number(7)];
        let trap = TrapInfo::with_text(TrapCode::Interrupted, &pieces);
        assert!(catch(|| raise_with(trap)).is_err());
        assert_eq!(last_trap(), "wasm trap: number 7");
        let mut line = Line {
            bytes: [0; LINE_BYTES],
            len: 0,
        };
        line.push(&[b'x'; LINE_BYTES + 1]);
        assert_eq!(line.len, LINE_BYTES);
    }
}
