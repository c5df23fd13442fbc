//! The runtime functions of streams and futures: `canon stream.new` and so on. What they do is in
//! `wasmelt_abi::for_each_runtime_fn`. Compiled code has checked that the instance may be left.

use std::rc::Rc;

use super::buffer::Buffer;
use super::model::{End, Shared, Side};
use super::transit::{add_end, family, lift_end, lower_end};
use crate::component::state;
use crate::component::tasks::{self, wait_for_pending_event};
use crate::component::types::Type;
use crate::vm::store::{self, Store};
use crate::vm::trap::raise;
use wasmelt_abi::{BLOCKED, EndType, TrapCode, TypeDesc};

/// A call of a built-in: where it is, and the type in its definition.
struct Builtin {
    memory: *mut u8,
    store: &'static Store,
    definition: &'static EndType,
    ty: Type,
}

impl Builtin {
    /// # Safety
    /// `memory` is an instance pointer, and `ty` the address of an [`EndType`] in read-only data.
    unsafe fn new(memory: *mut u8, ty: *mut u8) -> Builtin {
        // SAFETY: the caller vouches for the address.
        let definition = unsafe { &*ty.cast::<EndType>() };
        Builtin {
            memory,
            // SAFETY: the caller vouches for the pointer.
            store: unsafe { store::of_memory(memory) },
            definition,
            ty: Type::at(definition.ty).expect("a definition names a type"),
        }
    }

    fn instance(&self) -> u32 {
        self.definition.options.instance
    }

    fn is_async(&self) -> bool {
        self.definition.is_async != 0
    }

    /// `canon_stream_new` and `canon_future_new`.
    fn create(&self) -> i64 {
        let shared = Shared::new(family(self.ty), self.ty);
        let readable = End::new(Rc::clone(&shared), Side::Readable);
        let writable = End::new(shared, Side::Writable);
        let readable = add_end(self.store, self.instance(), &readable);
        let writable = add_end(self.store, self.instance(), &writable);
        (u64::from(readable) | u64::from(writable) << 32).cast_signed()
    }

    /// The end with a handle.
    fn end(&self, side: Side, handle: u32) -> Rc<End> {
        let kind = family(self.ty).handle_kind(side);
        let end = state::with(self.store, |state| {
            state.object::<End>(self.instance(), kind, handle)
        });
        self.check_type(&end);
        end
    }

    fn check_type(&self, end: &End) {
        if !end.shared.is_of_type(self.ty) {
            raise(TrapCode::HandleType)
        }
    }

    fn trap_unless_may_block(&self) {
        if !self.is_async() {
            tasks::trap_unless_may_block();
        }
    }

    /// `stream_copy` and `future_copy`.
    fn copy(&self, side: Side, handle: u32, at: u64, count: u64) -> u32 {
        self.trap_unless_may_block();
        let end = self.end(side, handle);
        end.check_idle();
        end.check_waiting(self.is_async());
        let options = &self.definition.options;
        // SAFETY: compiled code passes the memory of the definition's options.
        let buffer = unsafe { Buffer::new(self.memory, options, self.ty.member(0), at, count) };
        end.begin(handle, buffer);
        end.shared.copy(&end);
        self.outcome(&end)
    }

    /// `cancel_copy`.
    fn cancel(&self, side: Side, handle: u32) -> u32 {
        self.trap_unless_may_block();
        let end = self.end(side, handle);
        end.begin_cancel(self.is_async());
        if !end.has_pending_event() {
            end.shared.cancel();
        }
        self.outcome(&end)
    }

    /// What a copy says: its result, or that it goes on.
    fn outcome(&self, end: &Rc<End>) -> u32 {
        if !end.has_pending_event() {
            if self.is_async() {
                return BLOCKED;
            }
            wait_for_pending_event(self.store, &end.as_waitable());
        }
        end.pending_payload()
    }

    /// `drop`.
    fn drop(&self, side: Side, handle: u32) {
        let kind = family(self.ty).handle_kind(side);
        let end = state::with(self.store, |state| {
            state.remove_object::<End>(self.instance(), kind, handle)
        });
        self.check_type(&end);
        end.check_drop();
        end.shared.drop_guest_end();
        end.leave_waitable_set();
    }
}

macro_rules! builtins {
    ($(
        $symbol:literal $name:ident($($param:ident: $type:ty),*) $(-> $result:ty)? = |$call:ident| $body:expr;
    )*) => {
        $(
            /// The built-in of this name.
            ///
            /// # Safety
            /// `memory` is byte 0 of the memory of the definition's options, or any instance
            /// pointer of the store where they have none; `ty` is the address of an [`EndType`] in
            /// read-only data.
            #[unsafe(export_name = $symbol)]
            pub unsafe extern "C" fn $name(
                memory: *mut u8, ty: *mut u8 $(, $param: $type)*
            ) $(-> $result)? {
                // SAFETY: the caller vouches for both pointers.
                let $call = unsafe { Builtin::new(memory, ty) };
                $body
            }
        )*
    };
}

builtins! {
    "wasmelt_stream_new" stream_new() -> i64 = |call| call.create();
    "wasmelt_stream_read" stream_read(end: i32, start: i64, count: i64) -> i32 = |call|
        call.copy(Side::Readable, end as u32, start as u64, count as u64) as i32;
    "wasmelt_stream_write" stream_write(end: i32, start: i64, count: i64) -> i32 = |call|
        call.copy(Side::Writable, end as u32, start as u64, count as u64) as i32;
    "wasmelt_stream_cancel_read" stream_cancel_read(end: i32) -> i32 = |call|
        call.cancel(Side::Readable, end as u32) as i32;
    "wasmelt_stream_cancel_write" stream_cancel_write(end: i32) -> i32 = |call|
        call.cancel(Side::Writable, end as u32) as i32;
    "wasmelt_stream_drop_readable" stream_drop_readable(end: i32) = |call|
        call.drop(Side::Readable, end as u32);
    "wasmelt_stream_drop_writable" stream_drop_writable(end: i32) = |call|
        call.drop(Side::Writable, end as u32);
    "wasmelt_future_new" future_new() -> i64 = |call| call.create();
    "wasmelt_future_read" future_read(end: i32, start: i64) -> i32 = |call|
        call.copy(Side::Readable, end as u32, start as u64, 1) as i32;
    "wasmelt_future_write" future_write(end: i32, start: i64) -> i32 = |call|
        call.copy(Side::Writable, end as u32, start as u64, 1) as i32;
    "wasmelt_future_cancel_read" future_cancel_read(end: i32) -> i32 = |call|
        call.cancel(Side::Readable, end as u32) as i32;
    "wasmelt_future_cancel_write" future_cancel_write(end: i32) -> i32 = |call|
        call.cancel(Side::Writable, end as u32) as i32;
    "wasmelt_future_drop_readable" future_drop_readable(end: i32) = |call|
        call.drop(Side::Readable, end as u32);
    "wasmelt_future_drop_writable" future_drop_writable(end: i32) = |call|
        call.drop(Side::Writable, end as u32);
}

/// `lift_stream` and `lift_future`, for compiled code: the number of the shared object until
/// [`end_lower`].
///
/// # Safety
/// `memory` is an instance pointer, and `ty` the address of a [`TypeDesc`] in read-only data.
#[unsafe(export_name = "wasmelt_end_lift")]
pub unsafe extern "C" fn end_lift(memory: *mut u8, instance: i32, ty: *mut u8, handle: i32) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    let ty = Type::at(ty.cast::<TypeDesc>()).expect("an adapter names a type");
    lift_end(store, instance as u32, ty, handle as u32) as i32
}

/// `lower_stream` and `lower_future`, for compiled code.
///
/// # Safety
/// `memory` is an instance pointer, and `rep` comes from [`end_lift`].
#[unsafe(export_name = "wasmelt_end_lower")]
pub unsafe extern "C" fn end_lower(memory: *mut u8, instance: i32, _: *mut u8, rep: i32) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    lower_end(store, instance as u32, rep as u32) as i32
}
