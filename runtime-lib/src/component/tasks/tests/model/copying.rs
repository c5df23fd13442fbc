//! The built-ins of streams and futures of bytes, as the code of each guest has them.

use super::*;
use crate::component::ends::builtins as ends;
use wasmelt_abi::{EndType, Slice, TypeDesc, TypeKind, TypeMember};

/// The built-ins of streams or futures of bytes, as an instance has them.
#[derive(Clone, Copy)]
pub(super) struct Builtins {
    pub(super) is_stream: bool,
    definition: *mut u8,
    pub(super) ty: &'static TypeDesc,
}

/// Instance, whether they are of streams, and whether they are async.
type Key = (u32, bool, bool);

thread_local! {
    static BUILTINS: RefCell<Vec<(Key, Builtins)>> = const { RefCell::new(Vec::new()) };
}

fn leaked<T>(items: Vec<T>) -> Slice<T> {
    let items = Box::leak(items.into_boxed_slice());
    Slice {
        start: items.as_ptr(),
        len: items.len() as u64,
    }
}

fn type_of(kind: TypeKind, bytes: u32, members: Vec<TypeMember>) -> &'static TypeDesc {
    Box::leak(Box::new(TypeDesc {
        kind: kind as u32,
        len: 0,
        bytes: [bytes; 2],
        align: [bytes; 2],
        flat_len: 1,
        definer: 0,
        members: leaked(members),
    }))
}

pub(super) fn builtins(instance: u32, is_stream: bool, is_async: bool) -> Builtins {
    let key = (instance, is_stream, is_async);
    let find = |is_it: &dyn Fn(&Key) -> bool| {
        BUILTINS.with_borrow(|all| all.iter().find(|it| is_it(&it.0)).map(|it| it.1))
    };
    if let Some(known) = find(&|it| *it == key) {
        return known;
    }
    // The types of an adapter are the same object.
    let ty = find(&|it| it.1 == is_stream).map_or_else(|| type_of_ends(is_stream), |it| it.ty);
    let definition = Box::into_raw(Box::new(EndType {
        ty,
        options: options(instance, false),
        is_async: is_async.into(),
    }));
    let builtins = Builtins {
        is_stream,
        definition: definition.cast(),
        ty,
    };
    BUILTINS.with_borrow_mut(|all| all.push((key, builtins)));
    builtins
}

fn type_of_ends(is_stream: bool) -> &'static TypeDesc {
    let member = TypeMember {
        name: leaked(Vec::new()),
        ty: type_of(TypeKind::U8, 1, Vec::new()),
    };
    let kind = match is_stream {
        true => TypeKind::Stream,
        false => TypeKind::Future,
    };
    type_of(kind, 4, vec![member])
}

macro_rules! ends {
    ($( $name:ident ( $($param:ident),* ) -> $result:ty = $stream:ident | $future:ident ( $($of_future:ident),* ); )*) => {
        impl Builtins {
            $(
                pub(super) fn $name(self $(, $param: u32)*) -> $result {
                    $( let $param = $param.cast_signed(); )*
                    // SAFETY: the memory is that of a guest, and definitions live for ever.
                    unsafe {
                        match self.is_stream {
                            true => ends::$stream(memory(), self.definition $(, $param.into())*) as $result,
                            false => ends::$future(memory(), self.definition $(, $of_future.into())*) as $result,
                        }
                    }
                }
            )*
        }
    };
}

ends! {
    new_ends() -> u64 = stream_new | future_new();
    read(end, at, count) -> u32 = stream_read | future_read(end, at);
    write(end, at, count) -> u32 = stream_write | future_write(end, at);
    cancel_read(end) -> u32 = stream_cancel_read | future_cancel_read(end);
    cancel_write(end) -> u32 = stream_cancel_write | future_cancel_write(end);
    drop_readable(end) -> () = stream_drop_readable | future_drop_readable(end);
    drop_writable(end) -> () = stream_drop_writable | future_drop_writable(end);
}
