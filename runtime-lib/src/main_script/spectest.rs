//! What test scripts import from their driver: the functions of the module `spectest`, and those
//! of `wasmelt_abi::SPECTEST` for components, which Wasmtime's driver has as well.

use std::future::{pending, poll_fn, ready};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::Poll;

use crate::component::tasks::HostFuture;
use crate::component::{Borrow, Call, Own, Resource};
use crate::host_fns;
use crate::vm::Memory;
use wasmelt_abi::TrapCode;

/// The functions of the module print nothing: standard output carries the answers.
macro_rules! spectest {
    ($( $symbol:ident ( $($param:ident : $type:ty),* ) )*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $symbol(_memory: Memory $(, $param: $type)*) {}
        )*
    };
}

spectest! {
    wasmelt_spectest_print()
    wasmelt_spectest_print_i32(_a: i32)
    wasmelt_spectest_print_i64(_a: i64)
    wasmelt_spectest_print_f32(_a: f32)
    wasmelt_spectest_print_f64(_a: f64)
    wasmelt_spectest_print_i32_f32(_a: i32, _b: f32)
    wasmelt_spectest_print_f64_f64(_a: f64, _b: f64)
}

host_fns! {
    prefix "wasmelt_spectest:";
    "" {
        "host-return-two" => host_return_two;
        async "host-echo-u32" => host_echo_u32;
    }
    "host" {
        "return-three" => return_three;
        "return-hi" => return_hi;
        "[constructor]resource1" => resource1;
        "[static]resource1.assert" => resource1_assert;
        "[static]resource1.last-drop" => resource1_last_drop;
        "[static]resource1.drops" => resource1_drops;
        "[method]resource1.simple" => resource1_simple;
        "[method]resource1.take-borrow" => resource1_take_borrow;
        "[method]resource1.take-own" => resource1_take_own;
        async "return-two-slowly" => return_two_slowly;
        async "echo-slowly" => echo_slowly;
        async "never-return" => never_return;
        async "[method]resource1.never-return" => resource1_never_return;
        drop "resource1" => Resource1;
        drop "resource2" => Resource2;
    }
    "host/nested" {
        "return-four" => return_four;
    }
}

/// The number that scripts made it of. Its destructor tells `last-drop` and `drops`.
struct Resource1(u32);

/// Scripts only name it.
struct Resource2;

impl Resource for Resource1 {
    const INTERFACE: &'static str = "host";
    const NAME: &'static str = "resource1";
}

impl Resource for Resource2 {
    const INTERFACE: &'static str = "host";
    const NAME: &'static str = "resource2";
}

static LAST_DROP: AtomicU32 = AtomicU32::new(0);
static DROPS: AtomicU32 = AtomicU32::new(0);

impl Drop for Resource1 {
    fn drop(&mut self) {
        LAST_DROP.store(self.0, Relaxed);
        DROPS.fetch_add(1, Relaxed);
    }
}

/// The number of a resource that the guest gives away: this is not what `drops` counts.
fn given(call: &mut Call<'_>, resource: Own<Resource1>) -> u32 {
    let resource = call.take(resource);
    let number = resource.0;
    std::mem::forget(resource);
    number
}

/// Scripts do not get further when the driver is given something else than they say.
fn check(call: &Call<'_>, is_so: bool) {
    if !is_so {
        call.trap(TrapCode::Unreachable);
    }
}

fn host_echo_u32(_: &mut Call<'_>, value: u32) -> HostFuture<u32> {
    Box::pin(ready(value))
}

fn host_return_two(_: &mut Call<'_>) -> u32 {
    2
}

fn return_three(_: &mut Call<'_>) -> u32 {
    3
}

fn return_hi(_: &mut Call<'_>) -> String {
    "hi".to_owned()
}

fn return_four(_: &mut Call<'_>) -> u32 {
    4
}

fn resource1(call: &mut Call<'_>, number: u32) -> Own<Resource1> {
    call.push(Resource1(number))
}

fn resource1_assert(call: &mut Call<'_>, resource: Own<Resource1>, number: u32) {
    let is_so = given(call, resource) == number;
    check(call, is_so);
}

fn resource1_last_drop(_: &mut Call<'_>) -> u32 {
    LAST_DROP.load(Relaxed)
}

fn resource1_drops(_: &mut Call<'_>) -> u32 {
    DROPS.load(Relaxed)
}

fn resource1_simple(call: &mut Call<'_>, resource: Borrow<Resource1>, number: u32) {
    let is_so = call.resource(&resource).0 == number;
    check(call, is_so);
}

fn resource1_take_borrow(call: &mut Call<'_>, first: Borrow<Resource1>, second: Borrow<Resource1>) {
    let _ = (call.resource(&first).0, call.resource(&second).0);
}

fn resource1_take_own(call: &mut Call<'_>, first: Borrow<Resource1>, second: Own<Resource1>) {
    let _ = call.resource(&first).0;
    let _ = given(call, second);
}

/// Is ready when it is polled for the second time, by a later tick.
fn later() -> impl Future<Output = ()> {
    let mut is_later = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut is_later, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

fn return_two_slowly(_: &mut Call<'_>) -> HostFuture<i32> {
    Box::pin(async {
        later().await;
        2
    })
}

fn echo_slowly(_: &mut Call<'_>, value: u32) -> HostFuture<u32> {
    Box::pin(async move {
        later().await;
        value
    })
}

fn never_return(_: &mut Call<'_>) -> HostFuture<()> {
    Box::pin(pending())
}

fn resource1_never_return(call: &mut Call<'_>, resource: Borrow<Resource1>) -> HostFuture<()> {
    let _ = call.resource(&resource).0;
    Box::pin(pending())
}

#[cfg(test)]
#[test]
fn every_function_is_there() {
    crate::component::check_complete(wasmelt_abi::SPECTEST, &[HOST_FN_NAMES]);
}
