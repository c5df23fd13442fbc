//! Host functions as symbols: the step from a typed function to what compiled code calls.

use crate::component::call::Call;
use crate::component::resource::{Own, Resource};
use crate::component::state;
use crate::component::values::{Lift, Lower, Slots, Value};
use crate::vm::Memory;
use crate::vm::store;
use wasmelt_abi::{CanonOptions, FLAT_PARAMS_MAX};

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
                    let params: &[fn(&mut String)] = &[$($type::describe),*];
                    let mut text = "(".to_owned();
                    for (index, describe) in params.iter().enumerate() {
                        if index != 0 {
                            text.push(',');
                        }
                        describe(&mut text);
                    }
                    text.push(')');
                    let mut output = String::new();
                    Output::describe(&mut output);
                    if output != "_" {
                        text.push_str("->");
                        text.push_str(&output);
                    }
                    text
                }
            }
        )*
    };
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
    let params_in_memory = P::FLAT > FLAT_PARAMS_MAX;
    let param_slots = if params_in_memory { 1 } else { P::FLAT };
    let result_in_memory = R::FLAT > 1;
    let count = (param_slots + usize::from(result_in_memory)).max(R::FLAT.min(1));
    let slots = match count {
        0 => &mut [],
        // SAFETY: compiled code provides the slots that parameters and result need.
        _ => unsafe { std::slice::from_raw_parts_mut(slots.0, count) },
    };
    let call = &mut Call::new(memory, options);
    let params = lift_flat_values::<P>(call, &mut Slots::new(&mut *slots), params_in_memory);
    let result = function.invoke(call, params);
    if result_in_memory {
        let at = slots.last().map_or(0, |slot| *slot as u32);
        call.check_tuple(at, R::SIZE, R::ALIGN);
        result.store(call, at);
    } else {
        result.lower_flat(call, &mut Slots::new(slots));
    }
    call.finish();
}

#[inline]
fn lift_flat_values<P: Lift>(call: &mut Call<'_>, slots: &mut Slots<'_>, in_memory: bool) -> P {
    if !in_memory {
        return P::lift_flat(call, slots);
    }
    let at = slots.take_u32();
    call.check_tuple(at, P::SIZE, P::ALIGN);
    P::load(call, at)
}

/// The destructor of a resource of the host: the last owned handle is gone.
pub fn drop_resource<T: Resource>(memory: &Memory, rep: u32) {
    // SAFETY: a `Memory` comes from compiled code, so a store is in its header.
    let store = unsafe { store::of_memory(memory.start()) };
    // SAFETY: nothing of the guest runs until the reference is gone.
    let state = unsafe { state::of_store(store) };
    let value = state.resources.take(Own::<T>::from_rep(rep));
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
/// result is [`Lower`].
#[macro_export]
macro_rules! host_fns {
    ($( $interface:literal {
        $( $name:literal => $function:path; )*
        $( drop $resource:literal => $type:ty; )*
    } )*) => {
        $crate::host_fns! { prefix "wasmelt_p2:"; $( $interface {
            $( $name => $function; )*
            $( drop $resource => $type; )*
        } )* }
    };
    (prefix $prefix:literal; $( $interface:literal {
        $( $name:literal => $function:path; )*
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
            $( $( concat!($interface, "#[resource-drop]", $resource), )* )*
        ];

        #[cfg(test)]
        #[test]
        fn host_functions_are_those_of_the_table() {
            use $crate::component::{HostFn, check_host_fns};

            check_host_fns(
                $prefix,
                &[$( $( ($interface, $name, HostFn::describe(&$function)), )* )*],
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
