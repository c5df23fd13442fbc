//! Error contexts: values that hold a message and pass from one instance to another as handles.
//!
//! Specification: canonical ABI, "`canon error-context.new`" and those behind it,
//! `lift_error_context` and `lower_error_context`. A host may shorten messages; here they stay as
//! they are. Compiled code has checked that the instance may be left.

use std::rc::Rc;

use super::call::Call;
use super::handles::kind;
use super::layout::Layout;
use super::state;
use crate::vm::Memory;
use crate::vm::store::{self, Store};
use crate::vm::trap::{Piece, TrapInfo, raise_with};
use wasmelt_abi::{CanonOptions, TrapCode};

struct ErrorContext {
    debug_message: String,
}

fn error_context(store: &'static Store, instance: u32, handle: u32) -> Rc<ErrorContext> {
    state::with(store, |state| {
        state.object(instance, kind::ERROR_CONTEXT, handle)
    })
}

fn add(store: &'static Store, instance: u32, context: Rc<ErrorContext>) -> u32 {
    state::with(store, |state| {
        state.add_object(instance, kind::ERROR_CONTEXT, context)
    })
}

/// `lift_error_context` by one instance and `lower_error_context` by another: the new handle.
pub(super) fn pass(store: &'static Store, (from, to): (u32, u32), handle: u32) -> u32 {
    add(store, to, error_context(store, from, handle))
}

/// `lift_error_context` by the host, which has no use for what it gets.
pub(super) fn check(store: &'static Store, instance: u32, handle: u32) -> u32 {
    let _ = error_context(store, instance, handle);
    handle
}

/// The context of a built-in's call.
///
/// # Safety
/// `memory` is byte 0 of the memory of the options, which are a program's.
unsafe fn call_of(memory: *mut u8, options: *mut u8) -> Call<'static> {
    // SAFETY: the caller vouches for the options, which live as long as the program.
    let options = unsafe { &*options.cast::<CanonOptions>() };
    // SAFETY: the caller vouches for the memory.
    Call::new(unsafe { Memory::at(memory) }, options)
}

/// `canon_error_context_new`.
///
/// # Safety
/// `memory` is byte 0 of the memory of the options, which are a program's.
#[unsafe(export_name = "wasmelt_error_context_new")]
pub unsafe extern "C" fn error_context_new(
    memory: *mut u8,
    options: *mut u8,
    start: i64,
    units: i64,
) -> i32 {
    // SAFETY: the caller vouches for both.
    let mut call = unsafe { call_of(memory, options) };
    let range = (start.cast_unsigned(), units.cast_unsigned());
    let debug_message = call.load_string(range);
    let context = Rc::new(ErrorContext { debug_message });
    add(call.store(), call.instance(), context) as i32
}

/// `canon_error_context_debug_message`.
///
/// # Safety
/// `memory` is byte 0 of the memory of the options, which are a program's.
#[unsafe(export_name = "wasmelt_error_context_debug_message")]
pub unsafe extern "C" fn error_context_debug_message(
    memory: *mut u8,
    options: *mut u8,
    handle: i32,
    out: i64,
) {
    // SAFETY: the caller vouches for both.
    let mut call = unsafe { call_of(memory, options) };
    let context = error_context(call.store(), call.instance(), handle as u32);
    let out = out.cast_unsigned();
    let ptr_type = call.ptr_type();
    if !out.is_multiple_of(Layout::RANGE.align(ptr_type).into()) {
        refuse_pointer(TrapCode::PointerMisaligned)
    }
    // Memory does not shrink: what is inside now is so when the string has been stored.
    let bytes = Layout::RANGE.bytes(ptr_type);
    if call.memory().bytes(out, bytes).is_err() {
        refuse_pointer(TrapCode::MemoryOutOfBounds)
    }
    let range = call.store_string(&context.debug_message);
    call.store_range(range, out);
}

#[cold]
fn refuse_pointer(code: TrapCode) -> ! {
    let text = [Piece::Text("invalid debug message pointer")];
    raise_with(TrapInfo::with_text(code, &text))
}

/// `canon_error_context_drop`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_error_context_drop")]
pub unsafe extern "C" fn error_context_drop(memory: *mut u8, instance: i32, handle: i32) {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    let context: Rc<ErrorContext> = state::with(store, |state| {
        state.remove_object(instance as u32, kind::ERROR_CONTEXT, handle as u32)
    });
    drop(context);
}

/// [`pass`], for compiled code.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_error_context_pass")]
pub unsafe extern "C" fn error_context_pass(
    memory: *mut u8,
    from: i32,
    to: i32,
    handle: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    pass(store, (from as u32, to as u32), handle as u32) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::tests::Guest;
    use crate::component::tests::guest::trap_text;
    use wasmelt_abi::StringEncoding;

    /// Two instances of one store whose memories hold strings differently.
    fn pair() -> (Guest, Guest) {
        let store = crate::vm::store::new_for_tests();
        let first = Guest::in_store(store, 1, StringEncoding::Utf8);
        (first, Guest::in_store(store, 2, StringEncoding::Utf16))
    }

    fn new(guest: &mut Guest, start: i64, units: i64) -> i32 {
        let options = std::ptr::from_mut(&mut guest.options).cast();
        // SAFETY: the memory is that of the options, which outlive the call.
        unsafe { error_context_new(guest.memory().start(), options, start, units) }
    }

    fn debug_message(guest: &mut Guest, handle: i32, out: i64) {
        let options = std::ptr::from_mut(&mut guest.options).cast();
        // SAFETY: the memory is that of the options, which outlive the call.
        unsafe { error_context_debug_message(guest.memory().start(), options, handle, out) }
    }

    fn forget(guest: &mut Guest, handle: i32) {
        let instance = guest.options.instance.cast_signed();
        // SAFETY: it is an instance pointer.
        unsafe { error_context_drop(guest.memory().start(), instance, handle) }
    }

    fn number(guest: &mut Guest, at: u32) -> u32 {
        u32::from_le_bytes(guest.read(at, 4).try_into().unwrap())
    }

    #[test]
    fn messages_pass_between_instances() {
        let (mut a, mut b) = pair();
        a.write(16, "zu groß".as_bytes());
        let handle = new(&mut a, 16, 8);
        // SAFETY: it is an instance pointer.
        let passed = unsafe { error_context_pass(a.memory().start(), 1, 2, handle) };
        // Both have it, until both have dropped it.
        forget(&mut a, handle);
        debug_message(&mut b, passed, 8);
        let (at, units) = (number(&mut b, 8), number(&mut b, 12));
        let expected: Vec<u8> = "zu groß"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(units, 7);
        assert_eq!(b.read(at, 14), expected);
        forget(&mut b, passed);
        assert_eq!(
            trap_text(|| forget(&mut b, passed)),
            "unknown handle index 1"
        );
        assert_eq!(
            trap_text(|| forget(&mut a, handle)),
            "unknown handle index 1"
        );
    }

    #[test]
    fn what_is_given_is_checked() {
        let (mut a, _) = pair();
        let end = 64 << 10;
        let outside = "string pointer/length out of bounds of memory";
        assert_eq!(trap_text(|| _ = new(&mut a, end - 3, 4)), outside);
        let handle = new(&mut a, end - 4, 4);
        let wrong = "invalid debug message pointer";
        assert_eq!(trap_text(|| debug_message(&mut a, handle, end - 4)), wrong);
        assert_eq!(trap_text(|| debug_message(&mut a, handle, 2)), wrong);
        assert_eq!(
            trap_text(|| debug_message(&mut a, 7, 8)),
            "unknown handle index 7"
        );
        let set = state::with(a.call().store(), |state| {
            state.add_object(1, kind::WAITABLE_SET, Rc::new(()))
        });
        let kinds = "expected error context but found a waitable set";
        assert!(trap_text(|| forget(&mut a, set.cast_signed())).ends_with(kinds));
    }
}
