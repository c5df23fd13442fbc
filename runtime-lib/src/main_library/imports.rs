//! Functions that the embedder provides to a component: `canon lower` of them.
//!
//! Parameters are lifted to C, and belong to this call. What a result refers to comes from the
//! embedder's `malloc`, and is freed here once it has been lowered.

use super::record;
use super::values::{self, Checked, HERE};
use super::{lift, lower};
use crate::component::Call;
use crate::component::types::Type;
use crate::vm::Memory;
use crate::vm::process::items;
use crate::vm::store::{Store, of_memory};
use crate::vm::trap::{Piece, TrapInfo, raise_with};
use wasmelt_abi::{
    CanonOptions, FLAT_ASYNC_PARAMS_MAX, FLAT_PARAMS_MAX, LibraryImport, SubtaskState, TrapCode,
};

/// What blocks of `malloc` are aligned to, and everything in C.
const ALIGN: usize = 16;

/// The runtime function `library_lower`.
///
/// # Safety
/// As `wasmelt_abi::for_each_runtime_fn` says.
#[unsafe(export_name = "wasmelt_library_lower")]
pub(crate) unsafe extern "C" fn library_lower(
    memory: *mut u8,
    record: *mut u8,
    options: *mut u8,
    slots: *mut u8,
) {
    // SAFETY: records and options are constants of the program.
    let (import, options): (&'static LibraryImport, &CanonOptions) =
        unsafe { (&*record.cast(), &*options.cast()) };
    // SAFETY: the caller vouches for the pointer.
    let call = &mut Call::new(unsafe { Memory::at(memory) }, options);
    let store = call.store();
    let is_async = options.is_async != 0;
    let shape = Shape::of(import, is_async);
    // SAFETY: compiled code provides the slots that parameters and result need.
    let slots = unsafe { std::slice::from_raw_parts_mut(slots.cast::<u64>(), shape.slots) };
    let begin = record::with(store, |record| record.blocks.len());
    let room = record::with(store, |record| record.blocks.allocate(shape.bytes));
    if room.is_null() {
        refuse(import, " has no memory for its arguments");
    }
    let result_at = room.wrapping_add(shape.result_at);
    // SAFETY: the room is as large as the shape says.
    unsafe { lift_params(call, &shape, slots, room) };
    let (function, user) = provided(store, import.position);
    if function.is_null() {
        refuse(import, " is not provided");
    }
    // SAFETY: the compiler wrote the function for the import; the embedder vouches for its own.
    let status = unsafe { (import.call)(function, user, room, result_at) };
    if status != 0 {
        failed(status)
    }
    if let Some(ty) = Type::at(import.result) {
        // SAFETY: the embedder's function has written the result.
        if unsafe { Checked::of(store).check(ty, result_at) }.is_err() {
            refuse(import, " has given what is not of its type");
        }
        // SAFETY: as above.
        unsafe { values::claim(ty, result_at, store) };
        let out = slots.get(shape.params).copied().unwrap_or(0);
        if ty.flat_len() <= 1 && !is_async {
            // SAFETY: as above.
            unsafe { lower::lower_flat(call, ty, result_at, slots) };
        } else {
            let (at, ptr_type) = (call.pointer(out), call.ptr_type());
            call.check_tuple(at, ty.bytes(ptr_type), ty.align(ptr_type));
            // SAFETY: as above.
            unsafe { lower::store(call, ty, result_at, at) };
        }
    }
    if is_async && let Some(slot) = slots.first_mut() {
        *slot = SubtaskState::Returned as u64;
    }
    call.finish();
    record::with(store, |record| record.blocks.free_from(begin));
}

/// Where parameters and result of a call are.
struct Shape {
    import: &'static LibraryImport,
    /// Flat parameters, or one with the address of all of them.
    params: usize,
    params_in_memory: bool,
    /// Of compiled code.
    slots: usize,
    /// Of the room for all that C gets: slots, parameters, and the result behind them.
    bytes: usize,
    result_at: usize,
}

impl Shape {
    fn of(import: &'static LibraryImport, is_async: bool) -> Shape {
        let params_max = match is_async {
            true => FLAT_ASYNC_PARAMS_MAX,
            false => FLAT_PARAMS_MAX,
        };
        let flat: usize = types(import).map(Type::flat_len).sum();
        let params_in_memory = flat > params_max;
        let params = if params_in_memory { 1 } else { flat };
        let result = Type::at(import.result);
        let has_out = result.is_some_and(|ty| is_async || ty.flat_len() > 1);
        let slot_bytes = types(import).count() * size_of::<u64>();
        let result_at = types(import).fold(slot_bytes.next_multiple_of(ALIGN), |end, ty| {
            end + room_of(ty)
        });
        Shape {
            import,
            params,
            params_in_memory,
            slots: (params + usize::from(has_out)).max(1),
            bytes: result_at + result.map_or(0, room_of).max(1),
            result_at,
        }
    }
}

fn types(import: &'static LibraryImport) -> impl Iterator<Item = Type> {
    let params = items(&import.params).iter();
    params.filter_map(|param| Type::at(*param))
}

fn room_of(ty: Type) -> usize {
    (ty.bytes(HERE) as usize).next_multiple_of(ALIGN)
}

/// Lifts the parameters to slots of C, or to places behind them whose addresses are in the slots.
///
/// # Safety
/// The room is as large as the shape says.
unsafe fn lift_params(call: &mut Call<'_>, shape: &Shape, slots: &[u64], room: *mut u8) {
    let count = types(shape.import).count();
    let mut behind = (count * size_of::<u64>()).next_multiple_of(ALIGN);
    let places = types(shape.import).enumerate().map(move |(position, ty)| {
        let slot = room.wrapping_add(position * size_of::<u64>());
        if values::is_passed_by_value(ty) {
            return (ty, slot.cast_const());
        }
        let place = room.wrapping_add(behind);
        behind += room_of(ty);
        // SAFETY: the caller vouches for the slot, which is aligned as the block is.
        unsafe { slot.cast::<*mut u8>().write(place) };
        (ty, place.cast_const())
    });
    if !shape.params_in_memory {
        let mut flat = slots.iter();
        for (ty, place) in places {
            // SAFETY: the caller vouches for the room.
            unsafe { lift::lift(call, ty, &mut flat, place.cast_mut()) };
        }
        return;
    }
    let at = call.pointer(slots.first().copied().unwrap_or(0));
    let ptr_type = call.ptr_type();
    let align = types(shape.import).map(|ty| ty.align(ptr_type)).max();
    let end = types(shape.import).fold(0, |end: u32, ty| {
        end.next_multiple_of(ty.align(ptr_type)) + ty.bytes(ptr_type)
    });
    call.check_tuple(at, end, align.unwrap_or(1));
    // SAFETY: as above.
    unsafe { lift::load_members(call, places, at) };
}

/// A function of the embedder, which may be null, and its first parameter.
fn provided(store: &'static Store, position: u64) -> (*const u8, *mut u8) {
    let imports = record::with(store, |record| record.imports).cast::<*mut u8>();
    if imports.is_null() {
        return (imports.cast(), imports.cast_mut().cast());
    }
    // SAFETY: the embedder vouches for the structure of its header: a word, and the functions.
    unsafe { (imports.add(position as usize + 1).read(), imports.read()) }
}

/// The runtime function `library_dropped`.
///
/// # Safety
/// `memory` is byte 0 of a memory of an instance.
#[unsafe(export_name = "wasmelt_library_dropped")]
pub(crate) unsafe extern "C" fn library_dropped(memory: *mut u8, import: i32, rep: i32) {
    // SAFETY: the caller vouches for it.
    let store = unsafe { of_memory(memory) };
    let (function, user) = provided(store, import as u64);
    // SAFETY: the header has it as a function of this type, which may be left out.
    let function: Option<unsafe extern "C" fn(*mut u8, i32)> =
        unsafe { std::mem::transmute(function) };
    if let Some(function) = function {
        // SAFETY: the embedder vouches for it.
        unsafe { function(user, rep) };
    }
}

/// The runtime function `library_imports`.
///
/// # Safety
/// `memory` is byte 0 of a memory of an instance.
#[unsafe(export_name = "wasmelt_library_imports")]
pub(crate) unsafe extern "C" fn library_imports(memory: *mut u8) -> *mut u8 {
    // SAFETY: the caller vouches for it.
    let imports = record::with(unsafe { of_memory(memory) }, |record| record.imports);
    if imports.is_null() {
        let text = [Piece::Text(
            "nothing has been said about what the program imports",
        )];
        raise_with(TrapInfo::with_text(TrapCode::UnknownImport, &text))
    }
    imports.cast_mut()
}

/// The runtime function `library_failed`.
#[unsafe(export_name = "wasmelt_library_failed")]
pub(crate) extern "C" fn library_failed(_memory: *mut u8, status: i32) -> ! {
    failed(status)
}

fn failed(status: i32) -> ! {
    let text = [
        Piece::Text("a function of the embedder has failed with status "),
        Piece::Text(if status < 0 { "-" } else { "" }),
        Piece::Number(status.unsigned_abs().into()),
    ];
    raise_with(TrapInfo::with_text(TrapCode::Interrupted, &text))
}

/// The trap of a call of an import that cannot be gone on with.
fn refuse(import: &'static LibraryImport, why: &'static str) -> ! {
    let name = crate::component::text(items(&import.name));
    let text = [
        Piece::Text("the embedder's `"),
        Piece::Text(name),
        Piece::Text("`"),
        Piece::Text(why),
    ];
    raise_with(TrapInfo::with_text(TrapCode::Interrupted, &text))
}
