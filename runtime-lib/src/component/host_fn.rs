//! Host functions as symbols: the step from a typed function to what compiled code calls.

use crate::component::call::Call;
use crate::component::resource::{Own, Resource};
use crate::component::state;
use crate::component::values::{Lift, Lower, Slots, Value};
use crate::vm::Memory;
use crate::vm::store;
use crate::vm::trap::raise;
use wasmelt_abi::{CanonOptions, FLAT_ASYNC_PARAMS_MAX, FLAT_PARAMS_MAX, SubtaskState};

/// The slots of a call of a host function: see `wasmelt_abi`'s `component`. Only compiled code
/// makes one.
#[repr(transparent)]
#[derive(Debug)]
pub struct RawSlots(*mut u64);

#[cfg(test)]
impl RawSlots {
    pub(super) fn new(slots: *mut u64) -> RawSlots {
        RawSlots(slots)
    }
}

/// A function `fn(&mut Call, …) -> R` whose parameters are those of the tuple `P`.
pub trait HostFn<P, R> {
    fn invoke(&self, call: &mut Call<'_>, params: P) -> R;

    /// Its type, written as in `wasmelt_abi::HostInterface` with names expanded.
    #[cfg(test)]
    fn describe(&self) -> String;
}

macro_rules! host_fn {
    ($( ( $($type:ident $param:ident),* ) )*) => {
        $(
            impl<Function, Output, $($type),*> HostFn<($($type,)*), Output> for Function
            where
                Function: Fn(&mut Call<'_> $(, $type)*) -> Output,
                Output: Value,
                $($type: Value),*
            {
                #[inline]
                fn invoke(&self, call: &mut Call<'_>, params: ($($type,)*)) -> Output {
                    let ($($param,)*) = params;
                    self(call $(, $param)*)
                }

                #[cfg(test)]
                fn describe(&self) -> String {
                    let mut text = String::new();
                    describe(&mut text, &[$($type::describe),*], Output::describe);
                    text
                }
            }
        )*
    };
}

/// Appends the type of a function.
#[cfg(test)]
pub(super) fn describe(
    text: &mut String,
    params: &[fn(&mut String)],
    describe_output: fn(&mut String),
) {
    text.push('(');
    for (index, describe) in params.iter().enumerate() {
        if index != 0 {
            text.push(',');
        }
        describe(text);
    }
    text.push(')');
    let mut output = String::new();
    describe_output(&mut output);
    if output != "_" {
        text.push_str("->");
        text.push_str(&output);
    }
}

host_fn! {
    ()
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, F f)
    (A a, B b, C c, D d, E e, F f, G g)
    (A a, B b, C c, D d, E e, F f, G g, H h)
}

/// `canon_lower` of a host function: lifts the parameters, calls it, lowers the result.
#[inline]
pub fn enter<P: Lift, R: Lower>(
    memory: Memory,
    options: &CanonOptions,
    slots: RawSlots,
    function: impl HostFn<P, R>,
) {
    let shape = CallShape::of_sync::<P, R>();
    let slots = shape.slots(slots);
    let call = &mut Call::new(memory, options);
    let params = shape.lift_params::<P>(call, slots);
    let result = function.invoke(call, params);
    store_result(call, shape, result, slots);
    call.finish();
}

/// Where parameters and result of a call are.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallShape {
    params_in_memory: bool,
    result_in_memory: bool,
    /// Lowered with `async`.
    is_async: bool,
    /// The number of slots.
    count: usize,
}

impl CallShape {
    #[inline]
    fn of_sync<P: Value, R: Value>() -> CallShape {
        CallShape::with_limits::<P, R>(FLAT_PARAMS_MAX, 1)
    }

    /// The shape of a function of async type.
    pub(super) fn new<P: Value, R: Value>(options: &CanonOptions) -> CallShape {
        if options.is_async == 0 {
            return CallShape::of_sync::<P, R>();
        }
        let shape = CallShape::with_limits::<P, R>(FLAT_ASYNC_PARAMS_MAX, 0);
        CallShape {
            is_async: true,
            // The state of the call is in slot 0.
            count: shape.count.max(1),
            ..shape
        }
    }

    #[inline]
    fn with_limits<P: Value, R: Value>(params_max: usize, results_max: usize) -> CallShape {
        let params_in_memory = P::FLAT > params_max;
        let param_slots = if params_in_memory { 1 } else { P::FLAT };
        let result_in_memory = R::FLAT > results_max;
        CallShape {
            params_in_memory,
            result_in_memory,
            is_async: false,
            count: (param_slots + usize::from(result_in_memory)).max(R::FLAT.min(1)),
        }
    }

    #[inline]
    pub(super) fn slots<'s>(self, slots: RawSlots) -> &'s mut [u64] {
        match self.count {
            0 => &mut [],
            // SAFETY: compiled code provides the slots that parameters and result need.
            count => unsafe { std::slice::from_raw_parts_mut(slots.0, count) },
        }
    }

    /// `lift_flat_values`.
    #[inline]
    pub(super) fn lift_params<P: Lift>(self, call: &mut Call<'_>, slots: &mut [u64]) -> P {
        let slots = &mut Slots::new(slots);
        if !self.params_in_memory {
            return P::lift_flat(call, slots);
        }
        let at = call.pointer(*slots.next_slot());
        check_tuple::<P>(call, at);
        P::load(call, at)
    }
}

/// `lower_flat_values` of a result; an async call has returned then.
#[inline]
pub(super) fn store_result<R: Lower>(
    call: &mut Call<'_>,
    shape: CallShape,
    result: R,
    slots: &mut [u64],
) {
    if shape.result_in_memory {
        let at = slots.last().map_or(0, |slot| call.pointer(*slot));
        check_tuple::<R>(call, at);
        result.store(call, at);
    } else {
        result.lower_flat(call, &mut Slots::new(&mut *slots));
    }
    if shape.is_async
        && let Some(slot) = slots.first_mut()
    {
        *slot = SubtaskState::Returned as u64;
    }
}

#[inline]
fn check_tuple<T: Value>(call: &mut Call<'_>, at: u64) {
    let ptr_type = call.ptr_type();
    call.check_tuple(at, T::LAYOUT.bytes(ptr_type), T::LAYOUT.align(ptr_type));
}

/// The destructor of a resource of the host: the last owned handle is gone.
pub fn drop_resource<T: Resource>(memory: &Memory, rep: u32) {
    // SAFETY: a `Memory` comes from compiled code, so a store is in its header.
    let store = unsafe { store::of_memory(memory.start()) };
    // SAFETY: nothing of the guest runs until the reference is gone.
    let state = unsafe { state::of_store(store) };
    let handle = Own::<T>::from_rep(rep);
    if let Some(code) = state.resources.get(&handle).forbids_drop() {
        raise(code)
    }
    let value = state.resources.take(handle);
    // What its destructor does must not meet a borrowed state.
    drop(value);
}

/// Makes the symbols of host functions, one each, and a test that their types are those of
/// `wasmelt_abi`'s tables. Invoked once in a module:
///
/// ```text
/// host_fns! {
///     "wasi:io/streams" {
///         "[method]input-stream.read" => streams::input_stream_read;
///         drop "input-stream" => streams::InputStream;
///     }
/// }
/// ```
///
/// A function is any safe `fn(&mut Call<'_>, …) -> R`, whose parameters are [`Lift`] and whose
/// result is [`Lower`]. One of async type returns a `HostFuture<R>`; its row begins with `async`
/// and comes after the others of its interface.
#[macro_export]
macro_rules! host_fns {
    ($( $interface:literal {
        $( $name:literal => $function:path; )*
        $( async $async_name:literal => $async_function:path; )*
        $( drop $resource:literal => $type:ty; )*
    } )*) => {
        $crate::host_fns! { prefix "wasmelt_p2:"; $( $interface {
            $( $name => $function; )*
            $( async $async_name => $async_function; )*
            $( drop $resource => $type; )*
        } )* }
    };
    (prefix $prefix:literal; $( $interface:literal {
        $( $name:literal => $function:path; )*
        $( async $async_name:literal => $async_function:path; )*
        $( drop $resource:literal => $type:ty; )*
    } )*) => {
        $( $(
            const _: () = {
                #[unsafe(export_name = concat!($prefix, $interface, "#", $name))]
                extern "C" fn entry(
                    memory: $crate::vm::Memory,
                    options: &wasmelt_abi::CanonOptions,
                    slots: $crate::component::RawSlots,
                ) {
                    $crate::component::enter(memory, options, slots, $function);
                }
            };
        )* $(
            const _: () = {
                #[unsafe(export_name = concat!($prefix, $interface, "#", $async_name))]
                extern "C" fn entry(
                    memory: $crate::vm::Memory,
                    options: &'static wasmelt_abi::CanonOptions,
                    slots: $crate::component::RawSlots,
                ) {
                    $crate::component::tasks::enter_async(memory, options, slots, $async_function);
                }
            };
        )* $(
            const _: () = {
                #[unsafe(export_name = concat!(
                    $prefix, $interface, "#[resource-drop]", $resource
                ))]
                extern "C" fn destructor(memory: $crate::vm::Memory, rep: u32) {
                    $crate::component::drop_resource::<$type>(&memory, rep);
                }
            };
        )* )*

        /// The names of all that is above: interface, `#`, function or destructor.
        #[cfg(test)]
        pub(crate) const HOST_FN_NAMES: &[&str] = &[
            $( $( concat!($interface, "#", $name), )* )*
            $( $( concat!($interface, "#", $async_name), )* )*
            $( $( concat!($interface, "#[resource-drop]", $resource), )* )*
        ];

        #[cfg(test)]
        #[test]
        fn host_functions_are_those_of_the_table() {
            use $crate::component::{HostFn, check_host_fns};

            check_host_fns(
                $prefix,
                &[$(
                    $( ($interface, $name, HostFn::describe(&$function)), )*
                    $( (
                        $interface,
                        $async_name,
                        $crate::component::tasks::AsyncHostFn::describe(&$async_function),
                    ), )*
                )*],
                &[$( $( (
                    ($interface, $resource),
                    (
                        <$type as $crate::component::Resource>::INTERFACE,
                        <$type as $crate::component::Resource>::NAME,
                    ),
                ), )* )*],
            );
        }
    };
}
