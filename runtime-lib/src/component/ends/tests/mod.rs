//! Streams and futures as compiled code uses them, between two guests of one store and with ends
//! of the host.

mod elements;
mod futures;
mod host;
mod interleavings;
mod pipes;
mod streams;
mod waiting;

use std::ptr::null;

use super::builtins as runtime;
use crate::component::state;
use crate::component::tests::Guest;
use crate::component::tests::guest::trap_text;
use crate::vm::store::{self, Store};
use wasmelt_abi::{
    BLOCKED, CanonOptions, EndType, EventCode, Slice, StringEncoding, TypeDesc, TypeKind,
    TypeMember,
};

const COMPLETED: u32 = 0;
const DROPPED: u32 = 1;
const CANCELLED: u32 = 2;

/// What a copy of a stream gives.
fn packed(result: u32, count: u32) -> u32 {
    result | count << 4
}

fn leaked<T>(items: Vec<T>) -> Slice<T> {
    let items = Box::leak(items.into_boxed_slice());
    Slice {
        start: items.as_ptr(),
        len: items.len() as u64,
    }
}

/// A type: kind, size, alignment, resource, members.
fn sized(
    kind: TypeKind,
    (bytes, align): (u32, u32),
    resource: u32,
    members: &[Option<&'static TypeDesc>],
) -> &'static TypeDesc {
    let members = members.iter().map(|ty| TypeMember {
        name: leaked(Vec::new()),
        ty: ty.map_or(null(), std::ptr::from_ref),
    });
    Box::leak(Box::new(TypeDesc {
        kind: kind as u32,
        len: resource,
        bytes: [bytes; 2],
        align: [align; 2],
        flat_len: 0,
        definer: 0,
        members: leaked(members.collect()),
    }))
}

fn number(kind: TypeKind, bytes: u32) -> &'static TypeDesc {
    sized(kind, (bytes, bytes), 0, &[])
}

fn stream_of(element: Option<&'static TypeDesc>) -> &'static TypeDesc {
    sized(TypeKind::Stream, (4, 4), 0, &[element])
}

fn future_of(element: Option<&'static TypeDesc>) -> &'static TypeDesc {
    sized(TypeKind::Future, (4, 4), 0, &[element])
}

/// A component instance that uses one type of streams or futures.
struct Instance {
    guest: Guest,
    store: &'static Store,
    ty: &'static TypeDesc,
    /// Of built-ins with and without `async`.
    asynchronous: *mut u8,
    synchronous: *mut u8,
}

fn copied(options: &CanonOptions) -> CanonOptions {
    CanonOptions {
        memory_offset: options.memory_offset,
        realloc: options.realloc,
        ..*options
    }
}

/// Two instances of one store.
fn pair(ty: &'static TypeDesc) -> (Instance, Instance) {
    let store = store::new_for_tests();
    (Instance::new(store, 1, ty), Instance::new(store, 2, ty))
}

macro_rules! methods {
    ($( $name:ident ( $($param:ident),* ) -> $result:ty; )*) => {
        $(
            fn $name(&mut self $(, $param: u32)*) -> $result {
                let memory = self.guest.memory().start();
                // SAFETY: the memory is that of the options of a definition that lives for ever.
                unsafe {
                    runtime::$name(
                        memory,
                        self.asynchronous
                        $(, $param.cast_signed().try_into().expect("it fits"))*
                    ) as $result
                }
            }
        )*
    };
}

impl Instance {
    fn new(store: &'static Store, instance: u32, ty: &'static TypeDesc) -> Instance {
        let guest = Guest::in_store(store, instance, StringEncoding::Utf8);
        let definition = |is_async| {
            let options = copied(&guest.options);
            Box::into_raw(Box::new(EndType {
                ty,
                options,
                is_async,
            }))
            .cast::<u8>()
        };
        let (asynchronous, synchronous) = (definition(1), definition(0));
        Instance {
            guest,
            store,
            ty,
            asynchronous,
            synchronous,
        }
    }

    methods! {
        stream_read(end, start, count) -> u32;
        stream_write(end, start, count) -> u32;
        stream_cancel_read(end) -> u32;
        stream_cancel_write(end) -> u32;
        stream_drop_readable(end) -> ();
        stream_drop_writable(end) -> ();
        future_read(end, start) -> u32;
        future_write(end, start) -> u32;
        future_cancel_read(end) -> u32;
        future_cancel_write(end) -> u32;
        future_drop_readable(end) -> ();
        future_drop_writable(end) -> ();
    }

    /// `stream.new`: the readable and the writable end.
    fn stream(&mut self) -> (u32, u32) {
        let memory = self.guest.memory().start();
        // SAFETY: as in `methods`.
        let ends = unsafe { runtime::stream_new(memory, self.asynchronous) };
        (ends as u32, (ends >> 32) as u32)
    }

    /// `future.new`: the readable and the writable end.
    fn future(&mut self) -> (u32, u32) {
        let memory = self.guest.memory().start();
        // SAFETY: as in `methods`.
        let ends = unsafe { runtime::future_new(memory, self.asynchronous) };
        (ends as u32, (ends >> 32) as u32)
    }

    /// From now on, built-ins are those without `async`.
    fn be_synchronous(&mut self) {
        std::mem::swap(&mut self.asynchronous, &mut self.synchronous);
    }

    fn instance(&self) -> i32 {
        self.guest.options.instance.cast_signed()
    }

    /// `lift_stream` or `lift_future`.
    fn lift(&mut self, handle: u32) -> i32 {
        let ty = std::ptr::from_ref(self.ty).cast_mut().cast();
        let (memory, instance) = (self.guest.memory().start(), self.instance());
        // SAFETY: the memory is that of a store, and the type lives for ever.
        unsafe { runtime::end_lift(memory, instance, ty, handle.cast_signed()) }
    }

    /// Takes the readable end of another instance.
    fn take(&mut self, other: &mut Instance, handle: u32) -> u32 {
        let rep = other.lift(handle);
        let ty = std::ptr::from_ref(self.ty).cast_mut().cast();
        let (memory, instance) = (self.guest.memory().start(), self.instance());
        // SAFETY: as above.
        unsafe { runtime::end_lower(memory, instance, ty, rep) as u32 }
    }

    /// The event that a wait for this end would give: code, handle, payload.
    fn event(&self, handle: u32) -> Option<(EventCode, u32, u32)> {
        let instance = self.guest.options.instance;
        let end = state::with(self.store, |state| state.waitable(instance, handle));
        end.has_pending_event().then(|| {
            let event = end.get_pending_event();
            (event.code, event.index, event.payload)
        })
    }

    /// The payload of that event, which is one of this end.
    #[track_caller]
    fn payload(&self, handle: u32) -> u32 {
        let (_, index, payload) = self.event(handle).expect("an event");
        assert_eq!(index, handle);
        payload
    }
}

fn u8_stream() -> &'static TypeDesc {
    stream_of(Some(number(TypeKind::U8, 1)))
}
