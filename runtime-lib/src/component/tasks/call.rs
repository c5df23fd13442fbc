//! Calls of lifted functions by the host: `wasi:cli/run`, `--invoke`, and test scripts.
//! `Store.invoke` of the spec, with the loop of ticks after it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::model::{CalleeSlots, Caller, Entered, HostCaller, Task};
use super::scheduler;
use crate::vm::store::{self, Store};
use crate::vm::trap::raise;
use wasmelt_abi::{AsyncLift, TrapCode};

/// What the host gives to a function and takes from it.
pub struct ExportCall<S, R> {
    /// Lowers the parameters to the callee's slots.
    pub lower: S,
    /// Lifts the result from the callee's slots.
    pub lift: R,
}

/// An [`ExportCall`] that goes on.
struct Ongoing<S, R, T> {
    call: ExportCall<S, R>,
    result: RefCell<Option<T>>,
    resolved: Cell<bool>,
}

impl<S: Fn(&mut [u64]), R: Fn(&[u64]) -> T, T> HostCaller for Ongoing<S, R, T> {
    fn on_start(&self, slots: &mut CalleeSlots) {
        (self.call.lower)(slots);
    }

    fn on_resolve(&self, slots: Option<&[u64]>) {
        let result = slots.map(|slots| (self.call.lift)(slots));
        drop(self.result.replace(result));
        self.resolved.set(true);
    }
}

/// Calls a lifted function and runs until it is resolved: what `lift` has made of its result. The
/// rest of the task, and others that it has begun, run when the scheduler does next.
pub fn call_export<S, R, T>(
    store: &'static Store,
    lift: &'static AsyncLift,
    call: ExportCall<S, R>,
) -> Option<T>
where
    S: Fn(&mut [u64]) + 'static,
    R: Fn(&[u64]) -> T + 'static,
    T: 'static,
{
    let ongoing = Rc::new(Ongoing {
        call,
        result: RefCell::new(None),
        resolved: Cell::new(false),
    });
    let outer = store::set_current(store);
    begin(store, lift, ongoing.clone());
    scheduler::run_until(|| ongoing.resolved.get());
    store::set_current(outer);
    ongoing.result.take()
}

/// Calls a lifted function, up to where it waits for the first time. What the call holds is dropped
/// when the task has ended.
pub fn begin_export<S, R>(store: &'static Store, lift: &'static AsyncLift, call: ExportCall<S, R>)
where
    S: Fn(&mut [u64]) + 'static,
    R: Fn(Option<&[u64]>) + 'static,
{
    let outer = store::set_current(store);
    begin(store, lift, Rc::new(Begun(call)));
    store::set_current(outer);
}

/// An [`ExportCall`] whose result its `lift` sees to.
struct Begun<S, R>(ExportCall<S, R>);

impl<S: Fn(&mut [u64]), R: Fn(Option<&[u64]>)> HostCaller for Begun<S, R> {
    fn on_start(&self, slots: &mut CalleeSlots) {
        (self.0.lower)(slots);
    }

    fn on_resolve(&self, slots: Option<&[u64]>) {
        (self.0.lift)(slots);
    }
}

/// `Store.lift`: calls the function up to where it waits for the first time.
fn begin(store: &'static Store, lift: &'static AsyncLift, caller: Rc<dyn HostCaller>) {
    let entered = Entered::new(store, &lift.entered);
    if !entered.may_enter() {
        raise(TrapCode::CannotEnter)
    }
    let task = Task::new(store, lift, Caller::Host(caller));
    let before = entered.enter();
    scheduler::begin(&task);
    entered.leave_as(before);
}

/// Calls `wasi:cli/run` and runs until it has returned: the exit code. What it has left behind ends
/// with the process; bytes whose write has been completed are the system's already.
///
/// # Safety
/// `memory` is an instance pointer, `lift` an [`AsyncLift`] of the program whose function takes
/// nothing and gives a `result`.
#[unsafe(export_name = "wasmelt_run_async")]
pub(crate) unsafe extern "C" fn run_async(memory: *mut u8, lift: *mut u8) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    // SAFETY: records are constants of the program.
    let lift: &'static AsyncLift = unsafe { &*lift.cast() };
    let call = ExportCall {
        lower: |_: &mut [u64]| {},
        lift: |slots: &[u64]| slots.first().map_or(0, |slot| i32::from(*slot as u32 != 0)),
    };
    call_export(store, lift, call).unwrap_or(1)
}
