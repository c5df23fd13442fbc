//! The chain of frames, and its names.

use std::cell::Cell;
use std::ops::Range;
#[cfg(windows)]
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::vm::arch;
use crate::vm::code_map;
use crate::vm::message::Message;
use crate::vm::process;
use wasmelt_abi::{CodeMap, TrapCode};

/// Frames that a backtrace shows at most: the innermost ones, and as many of the outermost. Of an
/// exhausted stack, the innermost are mostly the same function.
const FIRST_MAX: u64 = 54;
const FIRST_OF_EXHAUSTED_MAX: u64 = 10;
const LAST_MAX: u64 = 10;

thread_local! {
    /// An address above every frame that can be walked: each stack has its own.
    /// In a library it is 0 where only generated code lies between an embedder and compiled code,
    /// which ends a walk by itself.
    static STACK_END: Cell<usize> = const { Cell::new(0) };
}

/// Remembers the frame that everything to be walked is called from.
pub(crate) fn set_stack_end(address: usize) {
    #[cfg(windows)]
    let _ = MAIN_STACK_END.compare_exchange(0, address, Ordering::Relaxed, Ordering::Relaxed);
    STACK_END.set(address);
}

/// That of the main thread.
#[cfg(windows)]
static MAIN_STACK_END: AtomicUsize = AtomicUsize::new(0);

/// That of the main thread, once it has begun.
#[cfg(windows)]
pub(super) fn main_stack_end() -> usize {
    MAIN_STACK_END.load(Ordering::Relaxed)
}

/// The end of the stack that can be walked.
pub(crate) fn stack_end() -> usize {
    STACK_END.get()
}

/// Walks frame pointers upwards. It reads nothing outside the bounds of the stack, whatever the
/// frame pointer it begins with, so that it cannot fault.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    fp: usize,
    /// An address in the function whose frame pointer that is.
    address: usize,
    /// The next frame record lies at this address or above.
    low: usize,
    /// And ends at this one or below.
    high: usize,
    /// The stack pointer, where frames are not walked by their records alone.
    #[cfg(windows)]
    sp: usize,
}

/// One frame of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// Where its callee returns to.
    pub(super) return_address: usize,
    /// Its own frame pointer.
    pub(super) fp: usize,
}

impl Frames {
    /// The callers of the frame whose frame pointer is `fp`, of the function that `address` is in
    /// or right behind; the stack is mapped from `low` on.
    pub(super) fn new(fp: usize, low: usize, address: usize) -> Frames {
        let high = match stack_end() {
            0 if cfg!(feature = "library") => usize::MAX,
            end => end,
        };
        Frames {
            fp,
            address,
            low,
            high,
            #[cfg(windows)]
            sp: low,
        }
    }

    /// The frame pointer of where the walk begins.
    pub(super) fn innermost_fp(&self) -> usize {
        self.fp
    }

    /// Nothing from this address on is to be walked.
    pub(super) fn end_at(&mut self, high: usize) {
        self.high = self.high.min(high);
    }

    /// The callers of a function of this library.
    #[cfg(unix)]
    pub(super) fn of_runtime(fp: usize) -> Frames {
        Frames::new(fp, arch::frame_record(fp, || false), 0)
    }

    /// The callers of the function that calls this.
    #[cfg(windows)]
    #[inline(never)]
    pub(super) fn of_runtime(_fp: usize) -> Frames {
        let place = arch::place_above(arch::place_of_caller());
        Frames::new(place.fp, place.sp, place.pc)
    }

    /// The caller of a function that is not compiled code, where it is on the stack.
    #[cfg(windows)]
    fn above_runtime(&self) -> Option<arch::Place> {
        let is_inside = |address: &usize| (self.low..=self.high).contains(address);
        let place = arch::Place {
            pc: self.address,
            sp: self.sp,
            fp: self.fp,
        };
        // Of the frame pointer the caller's place is found, too.
        let found = [place.sp, place.fp].iter().all(is_inside);
        let above = found.then(|| arch::place_above(place))?;
        (above.sp > place.sp && is_inside(&above.sp)).then_some(above)
    }

    fn is_compiled(&self) -> bool {
        code_map::offset_of(code_map::of_program(), self.address).is_some()
    }
}

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        #[cfg(windows)]
        if !self.is_compiled() {
            let above = self.above_runtime()?;
            (self.sp, self.low, self.fp) = (above.sp, above.sp, above.fp);
            self.address = above.pc.wrapping_sub(1);
            return Some(Frame {
                return_address: above.pc,
                fp: above.fp,
            });
        }
        #[cfg(unix)]
        let start = arch::frame_record(self.fp, || self.is_compiled());
        #[cfg(windows)]
        let start = self.fp;
        let end = start.checked_add(16)?;
        if start < self.low || end > self.high || !start.is_multiple_of(8) {
            return None;
        }
        let record: *const [usize; 2] = std::ptr::with_exposed_provenance(start);
        // SAFETY: the record lies between the stack's bounds, where everything is mapped.
        let [caller_fp, return_address] = unsafe { record.read() };
        self.low = end;
        #[cfg(windows)]
        {
            self.sp = end;
        }
        self.fp = caller_fp;
        // A return address may be that of the next function: the call is before it.
        self.address = return_address.wrapping_sub(1);
        Some(Frame {
            return_address,
            fp: caller_fp,
        })
    }
}

/// Writes the names of the compiled functions among the frames, innermost first. `pc` is where
/// the innermost frame stopped; it counts only if it is compiled code.
pub(super) fn write(
    message: &mut Message,
    code: &'static CodeMap,
    trap: TrapCode,
    pc: usize,
    frames: Frames,
) {
    if process::environ().any(|variable| variable == b"WASM_BACKTRACE=0") {
        return;
    }
    let first_max = match trap {
        TrapCode::StackOverflow => FIRST_OF_EXHAUSTED_MAX,
        _ => FIRST_MAX,
    };
    // First they are counted.
    let mut total: u64 = 0;
    for shows in [false, true] {
        let skipped = first_max..total.saturating_sub(LAST_MAX);
        let mut number = 0;
        let mut address = pc;
        let mut callers = frames.clone();
        loop {
            if let Some(offset) = code_map::offset_of(code, address) {
                for inner in 0.. {
                    let Some(frame) = code_map::frame(code, offset, inner) else {
                        break;
                    };
                    if !frame.name.is_empty() {
                        if shows {
                            show(message, &frame, number, &skipped);
                        }
                        number += 1;
                    }
                }
            }
            let Some(frame) = callers.next() else {
                break;
            };
            // A return address may be that of the next function: the call is before it.
            address = frame.return_address.wrapping_sub(1);
        }
        total = number;
    }
}

/// As [`write`], in one line and without where in the functions: at most `max` names.
pub(super) fn names(pc: usize, frames: Frames, max: usize, mut each: impl FnMut(&'static [u8])) {
    let code = code_map::of_program();
    let callers = frames.map(|frame| frame.return_address.wrapping_sub(1));
    std::iter::once(pc)
        .chain(callers)
        .filter_map(|address| code_map::offset_of(code, address))
        .flat_map(|offset| (0..).map_while(move |inner| code_map::frame(code, offset, inner)))
        .filter(|frame| !frame.name.is_empty())
        .take(max)
        .for_each(|frame| each(frame.name));
}

#[inline(never)]
fn show(
    message: &mut Message,
    frame: &wasmelt_abi::places::Frame,
    number: u64,
    skipped: &Range<u64>,
) {
    if number == 0 {
        message.text("  wasm backtrace:\n");
    }
    if number == skipped.start && !skipped.is_empty() {
        let more = skipped.end - skipped.start;
        message.text("     … ").decimal(more, 1).text(" more\n");
    }
    if skipped.contains(&number) {
        return;
    }
    message
        .text("  ")
        .decimal(number, 4)
        .text(": ")
        .bytes(frame.name);
    if let Some(wasm_offset) = frame.wasm_offset {
        message.text(" at ").hex(u64::from(wasm_offset));
    }
    message.text("\n");
    if !frame.file.is_empty() {
        message.text("          at ").bytes(frame.file);
        for number in [frame.line, frame.column] {
            if number == 0 {
                break;
            }
            message.text(":").decimal(number.into(), 1);
        }
        message.text("\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up stack: records at words 2 and 6, the second of which leads nowhere useful.
    fn walk(second_fp: impl Fn(usize) -> usize, words: usize) -> Vec<Frame> {
        let mut stack = [0_usize; 12];
        let stack = stack.as_mut_ptr();
        let start = stack.expose_provenance();
        let records = [
            (2, start + 6 * 8),
            (3, 0x1111),
            (6, second_fp(start)),
            (7, 0x2222),
        ];
        for (word, value) in records {
            // SAFETY: the word is one of the array's.
            unsafe { stack.add(word).write(value) };
        }
        Frames {
            fp: start + 16,
            address: 0,
            low: start,
            high: start + words * 8,
        }
        .collect()
    }

    #[test]
    fn ends_where_the_chain_leaves_the_stack() {
        for second_fp in [0, 1, usize::MAX, usize::MAX - 7] {
            let frames = walk(|_| second_fp, 12);
            let returns: Vec<usize> = frames.iter().map(|frame| frame.return_address).collect();
            assert_eq!(returns, [0x1111, 0x2222]);
        }
        assert_eq!(walk(|_| 0, 7).len(), 1);
        assert_eq!(walk(|_| 0, 3).len(), 0);
    }

    #[test]
    fn never_goes_down_or_round() {
        assert_eq!(walk(|start| start + 16, 12).len(), 2);
        assert_eq!(walk(|start| start + 6 * 8, 12).len(), 2);
        assert_eq!(walk(|start| start + 8 * 8 + 1, 12).len(), 2);
        assert_eq!(walk(|start| start + 8 * 8, 12).len(), 3);
    }
}
