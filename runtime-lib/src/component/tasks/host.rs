//! Host functions of async type: Rust futures, polled by the scheduler.
//!
//! A future is polled once at the call. If it is ready, the call has returned; otherwise it
//! becomes a task of the host, and the caller has a subtask. A result is lowered, which runs the
//! guest's `realloc`, when the future has ended, by the same tick.

use std::task::{Context, Poll};

use super::futures::{HostFuture, insert, new_waker};
use super::lower;
use super::model::{Callee, Subtask};
use crate::component::call::Call;
use crate::component::host_fn::{CallShape, RawSlots, store_result};
use crate::component::layout::Layout;
use crate::component::resource::{Own, Resource};
use crate::component::values::{Lift, Lower, Slots, Value};
use crate::vm::Memory;
use wasmelt_abi::CanonOptions;

/// A function `fn(&mut Call, …) -> HostFuture<R>` whose parameters are those of the tuple `P`. It
/// takes out of the call what it needs: the future outlives it.
pub trait AsyncHostFn<P, R> {
    fn invoke(&self, call: &mut Call<'_>, params: P) -> HostFuture<R>;

    /// As `HostFn::describe`.
    #[cfg(test)]
    fn describe(&self) -> String;
}

/// A resource of the host that changes hands, as `own<T>`: it gets its place in the table when it
/// is lowered, and leaves it when it is lifted.
#[derive(Debug)]
pub struct New<T>(pub T);

impl<T: Resource> Value for New<T> {
    const LAYOUT: Layout = <Own<T> as Value>::LAYOUT;

    #[cfg(test)]
    fn describe(text: &mut String) {
        <Own<T> as Value>::describe(text);
    }
}

impl<T: Resource> Lift for New<T> {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> New<T> {
        let own = <Own<T> as Lift>::lift_flat(call, slots);
        New(call.take(own))
    }

    fn load(call: &mut Call<'_>, at: u64) -> New<T> {
        let own = <Own<T> as Lift>::load(call, at);
        New(call.take(own))
    }
}

impl<T: Resource> Lower for New<T> {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        call.push(self.0).lower_flat(call, slots);
    }

    fn store(self, call: &mut Call<'_>, at: u64) {
        call.push(self.0).store(call, at);
    }
}

/// `canon_lower` of a host function of async type.
pub fn enter_async<P: Lift, R: Lower + 'static>(
    memory: Memory,
    options: &'static CanonOptions,
    slots: RawSlots,
    function: impl AsyncHostFn<P, R>,
) {
    let shape = CallShape::new::<P, R>(options);
    let slots = shape.slots(slots);
    let mut call = Call::new(memory, options);
    let store = call.store();
    let params = shape.lift_params::<P>(&mut call, slots);
    let mut future = function.invoke(&mut call, params);
    let (number, waker) = new_waker();
    if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
        store_result(&mut call, shape, result, slots);
        call.finish();
        return;
    }
    let lent = call.take_lent();
    let subtask = Subtask::new(store, slots);
    subtask.start();
    subtask.add_lenders(lent);
    let resolved = subtask.clone();
    let whole = async move {
        let result = future.await;
        let mut call = Call::of_export(store, options);
        let mut slots: Vec<u64> = resolved.values().collect();
        store_result(&mut call, shape, result, &mut slots);
        resolved.set_values(&slots);
        resolved.resolve(true);
    };
    let task = insert(number, waker, Box::pin(whole));
    drop(subtask.callee.replace(Some(Callee::Host(task))));
    let status = lower::finish(store, options, &subtask, slots);
    if options.is_async != 0 {
        slots[0] = u64::from(status as u32);
    }
}

macro_rules! async_host_fn {
    ($( ( $($type:ident $param:ident),* ) )*) => {
        $(
            impl<Function, Output, $($type),*> AsyncHostFn<($($type,)*), Output> for Function
            where
                Function: Fn(&mut Call<'_> $(, $type)*) -> HostFuture<Output>,
                Output: Value,
                $($type: Value),*
            {
                #[inline]
                fn invoke(&self, call: &mut Call<'_>, params: ($($type,)*)) -> HostFuture<Output> {
                    let ($($param,)*) = params;
                    self(call $(, $param)*)
                }

                #[cfg(test)]
                fn describe(&self) -> String {
                    let mut text = "async".to_owned();
                    crate::component::host_fn::describe(
                        &mut text,
                        &[$($type::describe),*],
                        Output::describe,
                    );
                    text
                }
            }
        )*
    };
}

async_host_fn! {
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
