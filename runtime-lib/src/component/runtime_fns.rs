//! The runtime functions of the component model: what compiled code calls for handles, for calls
//! between component instances, and for strings and lists that pass between them. What they do is
//! in `wasmelt_abi::for_each_runtime_fn`.

use crate::component::handles::Removed;
use crate::component::heap::Heap;
use crate::component::state::{self, State};
use crate::component::strings;
use crate::vm::store;
use crate::vm::trap::raise;
use crate::vm::{GuestMemory, Memory};
use wasmelt_abi::{CanonOptions, LIST_BYTES_MAX, TrapCode};

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
    let (from, to) = (
        strings::encoding(from.encoding),
        strings::encoding(to.encoding),
    );
    let range = (start as u32, units as u32);
    let result = strings::source(&source_memory, from, range).and_then(|source| {
        if is_same {
            // `realloc` may then write to the memory that the string is in.
            let copy = source.bytes().to_vec();
            return strings::transfer(&mut heap, source.with_bytes(&copy), from, to);
        }
        strings::transfer(&mut heap, source, from, to)
    });
    match result {
        Ok((at, units)) => (u64::from(units) << 32 | u64::from(at)) as i64,
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

/// `trap_if`s of `load_list_from_range`.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_list_check")]
pub unsafe extern "C" fn list_check(memory: *mut u8, start: i32, bytes: i64, align: i32) {
    let (start, bytes) = (start as u32, bytes as u64);
    if bytes > LIST_BYTES_MAX.into() {
        raise(TrapCode::ListTooLong)
    }
    if !start.is_multiple_of(align as u32) {
        raise(TrapCode::UnalignedPointer)
    }
    // SAFETY: the caller vouches for the pointer.
    let memory = GuestMemory::from_header(unsafe { Memory::at(memory) });
    if memory.bytes(start, bytes as u32).is_err() {
        raise(TrapCode::ListOutOfBounds)
    }
}

/// `allocate`, checked.
///
/// # Safety
/// `memory` is an instance pointer, `options` are options of its store.
#[unsafe(export_name = "wasmelt_canon_realloc")]
pub unsafe extern "C" fn canon_realloc(
    memory: *mut u8,
    options: *mut u8,
    align: i32,
    bytes: i64,
) -> i32 {
    // SAFETY: the caller vouches for both pointers.
    let (store_base, options) = unsafe {
        (
            store::of_memory(memory).base(),
            &*options.cast::<CanonOptions>(),
        )
    };
    // SAFETY: the memory of options is that of the store.
    let memory = unsafe { memory_of(store_base, options) };
    let mut heap = Heap::new(memory, store_base, options);
    match heap.allocate(align as u32, bytes as u64) {
        Ok(at) => at as i32,
        Err(fault) => match fault.between_guests() {
            TrapCode::StringOutOfBounds => raise(TrapCode::ListOutOfBounds),
            code => raise(code),
        },
    }
}
