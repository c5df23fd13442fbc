//! What happens when compiled code stops: it continues at the innermost recovery point
//! ([`catch`]), or the trap is reported and the process ends with [`EXIT_CODE`].

use std::cell::Cell;
use std::fmt;
use std::ptr::null_mut;
use std::sync::OnceLock;

use crate::vm::arch::{self, Registers};
use crate::vm::backtrace::{self, Frames};
use crate::vm::code_map;
use crate::vm::landing;
use crate::vm::message::Message;
use crate::vm::note;
use crate::vm::process;
use crate::vm::stacks;
use wasmelt_abi::TrapCode;

/// Exit code of a process whose program trapped: that of an abort.
pub const EXIT_CODE: i32 = 134;

/// Why compiled code stopped. Its text is what [`fmt::Display`] gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrapInfo {
    pub code: TrapCode,
    /// For an access that was out of bounds, where known: what it accessed.
    pub access: Option<Access>,
    /// A text that says more than that of the code, in its place.
    pub text: Option<Text>,
}

/// A text with numbers: its pieces in order, and empty ones after them.
pub type Text = [Piece; 5];

/// A part of a trap's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    Text(&'static str),
    Number(u64),
}

/// An access outside a memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Its address in the memory.
    pub address: u64,
    /// Length of the memory in bytes.
    pub memory_bytes: u64,
}

impl TrapInfo {
    #[must_use]
    pub const fn new(code: TrapCode) -> TrapInfo {
        TrapInfo {
            code,
            access: None,
            text: None,
        }
    }

    /// A trap with a text of its own: up to five pieces.
    #[must_use]
    pub fn with_text(code: TrapCode, pieces: &[Piece]) -> TrapInfo {
        let mut text = [Piece::Text(""); 5];
        for (slot, piece) in text.iter_mut().zip(pieces) {
            *slot = *piece;
        }
        TrapInfo {
            text: Some(text),
            ..TrapInfo::new(code)
        }
    }

    /// The pieces of the text after `wasm trap: `.
    fn pieces(&self) -> Text {
        let of_code = [
            Piece::Text(text_of(self.code)),
            Piece::Text(""),
            Piece::Text(""),
            Piece::Text(""),
            Piece::Text(""),
        ];
        self.text.unwrap_or(of_code)
    }
}

/// The texts of components' traps, where there can be any: other executables do not hold them.
static COMPONENT_TEXTS: OnceLock<fn(TrapCode) -> Option<&'static str>> = OnceLock::new();

/// Makes the texts of components' traps known.
pub(crate) fn know_components() {
    COMPONENT_TEXTS.get_or_init(|| TrapCode::component_message);
}

fn text_of(code: TrapCode) -> &'static str {
    #[cfg(test)]
    know_components();
    let of_components = || COMPONENT_TEXTS.get().and_then(|text| text(code));
    code.core_message().or_else(of_components).unwrap_or("")
}

impl fmt::Display for TrapInfo {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().iter().try_for_each(|piece| match piece {
            Piece::Text(text) => to.write_str(text),
            Piece::Number(number) => write!(to, "{number}"),
        })
    }
}

/// Where to continue after a trap. `arch::enter` fills the first three fields.
#[repr(C)]
#[derive(Debug)]
pub(super) struct RecoveryPoint {
    pub(super) sp: usize,
    pub(super) fp: usize,
    pub(super) pc: usize,
    outer: *mut RecoveryPoint,
    trap: Option<TrapInfo>,
    /// The end of the stack that it is on.
    pub(super) stack_end: usize,
}

impl RecoveryPoint {
    /// A place to continue at that is in no list.
    pub(super) const fn at(sp: usize, fp: usize, pc: usize) -> RecoveryPoint {
        RecoveryPoint {
            sp,
            fp,
            pc,
            outer: null_mut(),
            trap: None,
            stack_end: 0,
        }
    }
}

/// Is told of a trap that is caught, where it has happened: perhaps in a signal handler, which then has the
/// registers.
pub(super) type Observer = fn(TrapInfo, usize, Frames, Option<&Registers<'_>>);

thread_local! {
    static INNERMOST: Cell<*mut RecoveryPoint> = const { Cell::new(null_mut()) };
    static OBSERVER: Cell<Option<Observer>> = const { Cell::new(None) };
}

/// From now on, this is told of traps that are caught in this thread.
pub(super) fn observe(observer: Observer) {
    OBSERVER.set(Some(observer));
}

/// Calls `body`; a trap inside it ends it and is returned. Frames of Rust between this call and
/// the trap are dropped without running destructors: host functions own nothing across a call
/// into compiled code.
///
/// # Errors
/// The trap that ended `body`.
pub fn catch<F: FnOnce()>(body: F) -> Result<(), TrapInfo> {
    unsafe extern "C" fn run<F: FnOnce()>(data: *mut u8) {
        // SAFETY: `catch` passes its own `Option<F>` and does not touch it meanwhile.
        let body = unsafe { &mut *data.cast::<Option<F>>() };
        if let Some(body) = body.take() {
            body();
        }
    }
    let mut body = Some(body);
    let stack_end = backtrace::stack_end();
    let mut point = RecoveryPoint {
        outer: INNERMOST.get(),
        stack_end,
        ..RecoveryPoint::at(0, 0, 0)
    };
    let point_address = &raw mut point;
    INNERMOST.set(point_address);
    // SAFETY: both pointers are those of locals, and the point is out of the list again before
    // this function returns.
    unsafe { arch::enter(point_address, run::<F>, (&raw mut body).cast()) };
    // SAFETY: whoever continued at the point has written to it through the same pointer.
    let (outer, trap) = unsafe { ((*point_address).outer, (*point_address).trap) };
    INNERMOST.set(outer);
    if trap.is_some() {
        // The trap may have been on another stack.
        stacks::recover(stack_end);
    }
    trap.map_or(Ok(()), Err)
}

/// Stops compiled code from a runtime or host function that it called.
pub fn raise(code: TrapCode) -> ! {
    let fp = arch::frame_pointer();
    stop(TrapInfo::new(code), 0, Frames::of_runtime(fp))
}

/// As [`raise`], with all that is known about the trap.
#[cold]
pub fn raise_with(trap: TrapInfo) -> ! {
    let fp = arch::frame_pointer();
    stop(trap, 0, Frames::of_runtime(fp))
}

/// Stops compiled code; `pc` and `frames` say where it is.
pub(super) fn stop(trap: TrapInfo, pc: usize, mut frames: Frames) -> ! {
    if cfg!(feature = "library")
        && let Some(landing) = embedders_call(trap, pc, &mut frames)
    {
        // SAFETY: it is in a frame that waits for this.
        unsafe { arch::continue_at(&landing) }
    }
    let Some(point) = take_point(trap, pc, &frames, None) else {
        report(trap, pc, frames)
    };
    // SAFETY: a point in the list belongs to a `catch` that has not returned.
    unsafe { arch::continue_at(&*point) }
}

/// As [`stop`], for compiled code that a signal interrupted: returns when the handler shall
/// return, to continue at a recovery point.
pub(super) fn stop_interrupted(
    trap: TrapInfo,
    registers: &mut Registers<'_>,
    pc: usize,
    mut frames: Frames,
) {
    if cfg!(feature = "library")
        && let Some(landing) = embedders_call(trap, pc, &mut frames)
    {
        return registers.continue_at(&landing);
    }
    let Some(point) = take_point(trap, pc, &frames, Some(registers)) else {
        report(trap, pc, frames)
    };
    // SAFETY: a point in the list belongs to a `catch` that has not returned.
    registers.continue_at(unsafe { &*point });
}

/// In a library: where the embedder's call continues, if no recovery point is nearer, once it has
/// been noted what happened.
fn embedders_call(trap: TrapInfo, pc: usize, frames: &mut Frames) -> Option<RecoveryPoint> {
    let landing = nearest_landing(pc, frames);
    describe(trap, pc, frames.clone());
    landing
}

/// `pc` is where compiled code stopped, or 0 if that called the runtime.
fn nearest_landing(pc: usize, frames: &mut Frames) -> Option<RecoveryPoint> {
    // SAFETY: a point in the list is a local of a `catch` that has not returned.
    let point = unsafe { INNERMOST.get().as_ref() };
    let point = point.filter(|point| point.stack_end == backtrace::stack_end());
    let below = point.map_or(usize::MAX, |point| point.sp);
    let landing = landing::of_interrupted(pc, frames).or_else(|| landing::find(frames, below))?;
    Some(RecoveryPoint::at(landing.sp, landing.fp, landing.pc))
}

/// In a library: ends the embedder's call, whose program has exited.
pub(crate) fn leave(code: i32) {
    note::set_exit(code);
    let mut frames = Frames::of_runtime(arch::frame_pointer());
    if let Some(landing) = nearest_landing(0, &mut frames) {
        // SAFETY: it is in a frame that waits for this.
        unsafe { arch::continue_at(&landing) }
    }
    if let Some(point) = take_point(TrapInfo::new(TrapCode::Interrupted), 0, &frames, None) {
        // SAFETY: a point in the list belongs to a `catch` that has not returned.
        unsafe { arch::continue_at(&*point) }
    }
}

/// The innermost recovery point, with the trap noted in it.
fn take_point(
    trap: TrapInfo,
    pc: usize,
    frames: &Frames,
    registers: Option<&Registers<'_>>,
) -> Option<*mut RecoveryPoint> {
    let point = INNERMOST.get();
    if point.is_null() {
        return None;
    }
    if let Some(observer) = OBSERVER.get() {
        observer(trap, pc, frames.clone(), registers);
    }
    // SAFETY: a point in the list is a local of a `catch` that has not returned, and the frames
    // below it are not going to run any more.
    unsafe { (*point).trap = Some(trap) };
    Some(point)
}

/// Who tells of a trap that ends the process, where [`report`] is not all.
static REPORTER: OnceLock<Observer> = OnceLock::new();

/// From now on this tells of traps that end the process, and ends it.
#[cfg(target_os = "linux")]
pub(super) fn report_with(reporter: Observer) {
    REPORTER.get_or_init(|| reporter);
}

/// As [`report`], or by who does it instead.
pub(super) fn report_by_whom(
    trap: TrapInfo,
    pc: usize,
    frames: Frames,
    registers: Option<&Registers<'_>>,
) -> ! {
    if let Some(reporter) = REPORTER.get() {
        reporter(trap, pc, frames.clone(), registers);
    }
    report(trap, pc, frames)
}

/// Ends a program that has had its time, wherever it is. The text is Wasmtime's.
pub(super) fn report_timeout(pc: usize, frames: Frames) -> ! {
    let text = [Piece::Text("interrupt")];
    report_by_whom(
        TrapInfo::with_text(TrapCode::Unreachable, &text),
        pc,
        frames,
        None,
    )
}

/// Says what happened and ends the process. What the guest has written so far has long been
/// handed to the system.
pub(super) fn report(trap: TrapInfo, pc: usize, frames: Frames) -> ! {
    describe(trap, pc, frames);
    process::exit(EXIT_CODE)
}

/// Says what happened.
#[inline(always)]
pub(super) fn describe(trap: TrapInfo, pc: usize, frames: Frames) {
    let mut message = Message::new();
    message.text("error: wasm trap: ");
    for piece in trap.pieces() {
        match piece {
            Piece::Text(text) => message.text(text),
            Piece::Number(number) => message.decimal(number, 1),
        };
    }
    let code = code_map::of_program();
    if trap.code == TrapCode::UnknownImport
        && let Some(offset) = code_map::offset_of(code, pc)
    {
        let name = code_map::function_name(code, offset);
        message.text(": `").bytes(name).text("`");
    }
    message.text("\n");
    if let Some(access) = trap.access {
        message.text("  note: address ").hex(access.address);
        message
            .text(" in a memory of ")
            .hex(access.memory_bytes)
            .text(" bytes\n");
    }
    backtrace::write(&mut message, code, trap.code, pc, frames);
    message.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_trap_returns() {
        let mut ran = 0;
        assert_eq!(catch(|| ran += 1), Ok(()));
        assert_eq!(ran, 1);
    }

    #[test]
    fn traps_are_caught_by_the_innermost_point() {
        let mut order = Vec::new();
        let outer = catch(|| {
            let inner = catch(|| raise(TrapCode::NullReference));
            order.push(inner);
            raise(TrapCode::Unreachable);
        });
        assert_eq!(order, [Err(TrapInfo::new(TrapCode::NullReference))]);
        assert_eq!(outer, Err(TrapInfo::new(TrapCode::Unreachable)));
        assert!(INNERMOST.get().is_null());
    }

    #[test]
    fn texts_have_numbers() {
        let plain = TrapInfo::new(TrapCode::UnknownHandle);
        assert_eq!(plain.to_string(), "unknown handle index");
        let pieces = [Piece::Text("unknown handle index "), Piece::Number(7)];
        let exact = TrapInfo::with_text(TrapCode::UnknownHandle, &pieces);
        assert_eq!(exact.to_string(), "unknown handle index 7");
        assert_eq!(catch(|| raise_with(exact)), Err(exact));
    }

    #[test]
    fn registers_survive_a_trap() {
        let values: Vec<u64> = (1..=12)
            .map(|value| std::hint::black_box(value * 3))
            .collect();
        let mut sum = 0;
        for value in &values {
            assert!(catch(|| raise(TrapCode::Unreachable)).is_err());
            sum += value;
        }
        assert_eq!(sum, 234);
    }
}
