//! The runtime functions of the component model: what compiled code calls for handles, for calls
//! between component instances, and for strings that pass between them. What they do is
//! in `wasmelt_abi::for_each_runtime_fn`.

use crate::component::handles::Removed;
use crate::component::heap::Heap;
use crate::component::state::{self, State};
use crate::component::strings;
use crate::vm::bytes;
use crate::vm::store;
use crate::vm::trap::raise;
use crate::vm::{GuestMemory, Memory};
use wasmelt_abi::{CanonOptions, PtrType, TrapCode};

/// The state of the store that `memory` is in.
///
/// # Safety
/// As [`state::of_store`]; `memory` is an instance pointer.
#[inline]
unsafe fn state_of<'a>(memory: *mut u8) -> &'a mut State {
    // SAFETY: the caller vouches for the pointer, and for using the state alone.
    unsafe { state::of_store(store::of_memory(memory)) }
}

/// `canon resource.new`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_resource_new")]
pub unsafe extern "C" fn resource_new(
    memory: *mut u8,
    instance: i32,
    resource: i32,
    rep: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state
        .table(instance as u32)
        .add_own(resource as u32, rep as u32) as i32
}

/// `canon resource.rep`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_resource_rep")]
pub unsafe extern "C" fn resource_rep(
    memory: *mut u8,
    instance: i32,
    resource: i32,
    handle: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state
        .table(instance as u32)
        .rep(handle as u32, resource as u32) as i32
}

/// `canon resource.drop` up to the destructor: the rep that it is to be called with, or -1.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_resource_drop")]
pub unsafe extern "C" fn resource_drop(
    memory: *mut u8,
    instance: i32,
    resource: i32,
    handle: i32,
) -> i64 {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    let table = state.table(instance as u32);
    match table.remove(handle as u32, resource as u32) {
        Removed::Own { rep } => rep.into(),
        Removed::Borrow { scope } => {
            state.borrow_dropped(scope);
            -1
        }
    }
}

/// `lift_own`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_own_lift")]
pub unsafe extern "C" fn own_lift(
    memory: *mut u8,
    instance: i32,
    resource: i32,
    handle: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state
        .table(instance as u32)
        .lift_own(handle as u32, resource as u32) as i32
}

/// `lower_own`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_own_lower")]
pub unsafe extern "C" fn own_lower(memory: *mut u8, instance: i32, resource: i32, rep: i32) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    unsafe { resource_new(memory, instance, resource, rep) }
}

/// `lift_borrow`.
///
/// # Safety
/// `memory` is an instance pointer, and a scope has been entered.
#[unsafe(export_name = "wasmelt_borrow_lift")]
pub unsafe extern "C" fn borrow_lift(
    memory: *mut u8,
    instance: i32,
    resource: i32,
    handle: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state.lift_borrow(instance as u32, resource as u32, handle as u32) as i32
}

/// `lower_borrow`.
///
/// # Safety
/// `memory` is an instance pointer, and a scope has been entered.
#[unsafe(export_name = "wasmelt_borrow_lower")]
pub unsafe extern "C" fn borrow_lower(
    memory: *mut u8,
    instance: i32,
    resource: i32,
    rep: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state.lower_borrow(instance as u32, resource as u32, rep as u32) as i32
}

/// The beginning of a call between component instances.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_scope_enter")]
pub unsafe extern "C" fn scope_enter(memory: *mut u8) {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state.scope_enter();
}

/// The end of a call between component instances.
///
/// # Safety
/// `memory` is an instance pointer, and a scope has been entered.
#[unsafe(export_name = "wasmelt_scope_exit")]
pub unsafe extern "C" fn scope_exit(memory: *mut u8) {
    // SAFETY: the caller vouches for the pointer, and nothing of the guest runs meanwhile.
    let state = unsafe { state_of(memory) };
    state.scope_exit();
}

/// Copies a string from one memory to another: the new address, and in the upper half the new
/// length.
///
/// # Safety
/// `memory` is an instance pointer, `from` and `to` are options of its store.
#[unsafe(export_name = "wasmelt_string_transfer")]
pub unsafe extern "C" fn string_transfer(
    memory: *mut u8,
    from: *mut u8,
    to: *mut u8,
    start: i32,
    units: i32,
) -> i64 {
    let range = (u64::from(start as u32), u64::from(units as u32));
    // SAFETY: the caller vouches for all three pointers.
    let (at, units) = unsafe { transfer(memory, from, to, range) };
    (units << 32 | at).cast_signed()
}

/// As [`string_transfer`], where one of the memories has addresses of 64 bits: writes the address
/// and the length to `out`.
///
/// # Safety
/// As there; two numbers of 64 bits can be written to `out`.
#[unsafe(export_name = "wasmelt_string_transfer64")]
pub unsafe extern "C" fn string_transfer64(
    memory: *mut u8,
    from: *mut u8,
    to: *mut u8,
    start: i64,
    units: i64,
    out: *mut u8,
) {
    let range = (start.cast_unsigned(), units.cast_unsigned());
    // SAFETY: the caller vouches for all three pointers.
    let (at, units) = unsafe { transfer(memory, from, to, range) };
    // SAFETY: the caller vouches for the place.
    unsafe { out.cast::<[u64; 2]>().write_unaligned([at, units]) };
}

/// Copies a string: its address and its length.
///
/// # Safety
/// `memory` is an instance pointer, `from` and `to` are options of its store.
#[inline]
unsafe fn transfer(memory: *mut u8, from: *mut u8, to: *mut u8, range: (u64, u64)) -> (u64, u64) {
    // SAFETY: the caller vouches for all three pointers.
    let (store_base, from, to) = unsafe {
        (
            store::of_memory(memory).base(),
            &*from.cast::<CanonOptions>(),
            &*to.cast::<CanonOptions>(),
        )
    };
    // SAFETY: the memories of options are those of the store.
    let source_memory = unsafe { memory_of(store_base, from) };
    // SAFETY: as above.
    let target_memory = unsafe { memory_of(store_base, to) };
    let is_same = source_memory.start() == target_memory.start();
    let source_memory = GuestMemory::from_header(source_memory);
    let mut heap = Heap::new(target_memory, store_base, to);
    let ptr_type = PtrType::of(from.ptr_type);
    let (from, to) = (
        strings::encoding(from.encoding),
        strings::encoding(to.encoding),
    );
    let result = strings::source(&source_memory, (from, ptr_type), range).and_then(|source| {
        if is_same {
            // `realloc` may then write to the memory that the string is in.
            let copy = source.bytes().to_vec();
            return strings::transfer(&mut heap, source.with_bytes(&copy), from, to);
        }
        strings::transfer(&mut heap, source, from, to)
    });
    match result {
        Ok(range) => range,
        Err(fault) => raise(fault.between_guests()),
    }
}

/// The memory of options.
///
/// # Safety
/// They are those of a store with this base, and have a memory.
#[inline]
unsafe fn memory_of(store_base: *mut u8, options: &CanonOptions) -> Memory {
    // SAFETY: the compiler wrote the offset of a memory of the store.
    unsafe { Memory::at(store_base.wrapping_add(options.memory_offset as usize)) }
}

/// `store_string_copy` of UTF-8 to a place that has been allocated.
///
/// # Safety
/// Both ranges are inside memories.
#[unsafe(export_name = "wasmelt_utf8_copy")]
pub unsafe extern "C" fn utf8_copy(to: *mut u8, from: *mut u8, bytes: i64) {
    let len = bytes as usize;
    // SAFETY: the caller vouches for the ranges.
    unsafe {
        if len > bytes::ASCII_SHORT_MAX {
            long_utf8_copy(to, from, len);
        } else if !bytes::copy_short_ascii(to, from, len) {
            checked_utf8_copy(to, from, len);
        }
    }
}

/// [`utf8_copy`] of more than a few bytes. Apart, so that short ASCII pays for no saved registers.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn long_utf8_copy(to: *mut u8, from: *mut u8, len: usize) {
    // SAFETY: the caller vouches for the ranges.
    let ascii = unsafe { bytes::copy_long_ascii(to, from, len) };
    // SAFETY: this is the rest of both ranges.
    unsafe { checked_utf8_copy(to.add(ascii), from.add(ascii), len - ascii) };
}

/// [`utf8_copy`] of what is not all ASCII.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn checked_utf8_copy(to: *mut u8, from: *mut u8, len: usize) {
    // SAFETY: nothing writes to the memory meanwhile.
    let text = unsafe { std::slice::from_raw_parts(from, len) };
    if std::str::from_utf8(text).is_err() {
        raise(TrapCode::InvalidString)
    }
    // SAFETY: the caller vouches for the ranges.
    unsafe { bytes::copy(to, from, len) };
}
