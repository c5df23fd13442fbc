//! `Store.tick`: one queue of threads that can go on, and which of them runs now.

use std::rc::Rc;
use std::task::{Context, Poll};

use super::model::{Entered, Instance, Position, Task, TaskState, Thread, Wait, Waitable};
use super::running::{Running, current_thread};
use super::{futures, lift, running, turns};
use crate::component::state;
use crate::io::{self, Ended};
use crate::vm::store::{self, Store};
use crate::vm::trap::raise;
use wasmelt_abi::{LiftFlags, TrapCode};

/// `Thread.resume`: runs a thread until it waits or ends, and those that it switches to.
pub(super) fn resume(thread: &Thread, cancelled: bool) {
    let mut next = run(thread, cancelled, None);
    while let Some(thread) = next {
        next = run(&thread, false, None);
    }
}

/// The end of `canon_lift`: runs a new task until it waits, or, where the type of the function is
/// not `async`, until it has returned.
pub(super) fn begin(task: &Rc<Task>) {
    if task.is(LiftFlags::ASYNC_TYPE) {
        resume_exclusive_before(task);
        resume(&Thread::Implicit(task.clone()), false);
    } else {
        run_sync(task);
    }
}

/// If what a task has to wait for is a thread that can go on because of an event, that thread goes
/// on first.
///
/// Differs from the spec, whose test of synchronous streams counts on this all the same; Wasmtime
/// looks later whether a task can start.
fn resume_exclusive_before(task: &Rc<Task>) {
    if task.has_backpressure() && !task.instance.is_awaited() {
        let exclusive = task.instance.exclusive().map(Thread::Implicit);
        if let Some(other) = exclusive.filter(Thread::has_event) {
            resume(&other, false);
        }
    }
}

/// Runs a task, and threads of its instance that it waits for, until it has returned.
fn run_sync(task: &Rc<Task>) {
    let instance = &task.instance;
    let mut next = Some(Thread::Implicit(task.clone()));
    while task.state.get() != TaskState::Resolved {
        let thread = next.or_else(|| take_ready(instance));
        let Some(thread) = thread else {
            raise(TrapCode::CannotBlock)
        };
        next = run(&thread, false, Some(instance));
    }
}

/// The first of the threads that can go on within a synchronous call into this instance.
fn take_ready(instance: &Rc<Instance>) -> Option<Thread> {
    running::with(|scheduler| {
        let queue = &scheduler.queue;
        let thread = queue.find(|thread| is_ready_in(thread, instance))?;
        queue.leave(&thread.queued);
        Some(thread)
    })
}

fn is_ready_in(thread: &Thread, instance: &Rc<Instance>) -> bool {
    Rc::ptr_eq(&thread.task().instance, instance) && thread.may_run_in_sync_call() && thread.ready()
}

/// Runs a thread until it waits, switches or ends; gives the thread that it switches to.
fn run(thread: &Thread, cancelled: bool, sync_instance: Option<&Rc<Instance>>) -> Option<Thread> {
    thread.cancelled.set(cancelled);
    if thread.nested.get() {
        // It goes on when the scheduler that runs on top of it sees this.
        return None;
    }
    let outer_store = store::set_current(thread.task().store);
    let running = Running {
        thread: Some(thread.clone()),
        sync_instance: sync_instance.cloned(),
        ..Running::default()
    };
    let (outer, outer_context) = running::with(|scheduler| {
        (
            scheduler.running.replace(running),
            scheduler.context.replace(thread.context.get()),
        )
    });
    thread.running.set(true);
    match thread.task().lift.fiber {
        // SAFETY: this is `fiber_run`, which wants a thread.
        Some(fiber_run) => unsafe { fiber_run(std::ptr::from_ref(thread).cast_mut().cast()) },
        None => lift::advance(thread),
    }
    thread.running.set(false);
    let switch_to = running::with(|scheduler| {
        let inner = scheduler.running.replace(outer);
        thread.context.set(scheduler.context.replace(outer_context));
        inner.switch_to
    });
    store::set_current(outer_store);
    switch_to
}

impl Task {
    /// `request_cancellation`; `entered` are the instances that the canceller enters.
    pub(super) fn request_cancellation(self: &Rc<Self>, entered: &Entered) {
        if self.state.get() == TaskState::Initial {
            self.state.set(TaskState::CancelDelivered);
            resume(&Thread::Implicit(self.clone()), true);
            return;
        }
        // No explicit thread is cancellable: the option for that is gone.
        let thread = Thread::Implicit(self.clone());
        let is_candidate = thread.cancellable.get()
            && thread.waiting()
            && (!self.needs_exclusive() || self.instance.is_free_for(self));
        if is_candidate && entered.may_enter() {
            self.state.set(TaskState::CancelDelivered);
            let before = entered.enter();
            resume(&thread, true);
            entered.leave_as(before);
        } else {
            self.state.set(TaskState::PendingCancel);
        }
    }
}

/// Traps unless the current thread may block.
///
/// Differs from the spec: a synchronous call that would not block after all traps as well. Suites
/// and Wasmtime ask before they do anything else.
pub(in crate::component) fn trap_unless_may_block() {
    let may_block = running::with(|scheduler| {
        let running = scheduler.running.borrow();
        match (&running.thread, &running.sync_instance) {
            (Some(_), None) => running.sync_calls == 0,
            (Some(_), Some(instance)) if running.sync_calls == 0 => {
                let is_ready = |thread: &Thread| is_ready_in(thread, instance);
                scheduler.queue.find(is_ready).is_some()
            }
            _ => false,
        }
    });
    if !may_block {
        raise(TrapCode::CannotBlock)
    }
}

/// Before a guest's attempt at what may be ready at once: whether it is made now, rather than in a
/// later tick. Inside a synchronous call it always is: there, nothing else could go on meanwhile.
pub(in crate::component) fn may_attempt_now(is_output: bool) -> bool {
    let is_free = running::with(|scheduler| {
        let running = scheduler.running.borrow();
        running.thread.is_some() && running.sync_instance.is_none() && running.sync_calls == 0
    });
    let is_time = match is_output {
        true => turns::may_attempt_output(),
        false => turns::may_attempt(),
    };
    is_time || !is_free
}

/// `Thread.wait_until`, of the current thread: whether it has been cancelled.
pub(super) fn wait_until(store: &'static Store, wait: Wait, cancellable: bool) -> bool {
    let Some(thread) = current_thread() else {
        if !wait.is_over(None) {
            raise(TrapCode::CannotBlock)
        }
        return false;
    };
    debug_assert!(std::ptr::eq(thread.task().store, store));
    if thread.task().deliver_pending_cancel(cancellable) {
        return true;
    }
    let is_yield = matches!(wait, Wait::Yield);
    if !is_yield && wait.is_over(Some(&thread)) {
        return false;
    }
    let position = begin_block(&thread);
    thread.start_waiting(wait, cancellable);
    block(&thread, is_yield);
    thread.position.set(position);
    thread.cancelled.get()
}

/// `Waitable.wait_for_pending_event`: it is in no set, and nobody else waits for it.
pub fn wait_for_pending_event(store: &'static Store, waitable: &Rc<dyn Waitable>) {
    wait_until(store, Wait::Waitable(waitable.clone()), false);
}

/// `Thread.suspend`, and what switches to another thread: the current thread waits for nothing,
/// or, if it `yields`, for its next turn.
pub(super) fn suspend(yields: bool, switch_to: Option<Thread>) {
    let Some(thread) = current_thread() else {
        raise(TrapCode::CannotBlock)
    };
    if !yields && switch_to.is_none() {
        trap_unless_may_block();
    }
    let position = begin_block(&thread);
    thread.cancellable.set(false);
    if yields {
        thread.start_waiting(Wait::Yield, false);
    }
    running::with(|scheduler| scheduler.running.borrow_mut().switch_to = switch_to);
    block(&thread, false);
    thread.position.set(position);
}

fn begin_block(thread: &Thread) -> Position {
    thread.cancelled.set(false);
    thread.position.replace(Position::InCode)
}

/// `block`: leaves the stack of the current thread until it is resumed.
fn block(thread: &Thread, is_yield: bool) {
    let suspend = running::with(|scheduler| scheduler.running.borrow().suspend);
    match suspend {
        // SAFETY: the current thread runs on the fiber that has set this.
        Some(suspend) => unsafe { (suspend.function)(suspend.yielder) },
        None => run_nested(thread, is_yield),
    }
    thread.stop_waiting();
}

/// Runs other threads until this one, which is below on the stack, can go on.
fn run_nested(thread: &Thread, is_yield: bool) {
    thread.nested.set(true);
    let next = running::with(|scheduler| scheduler.running.borrow_mut().switch_to.take());
    if let Some(next) = next {
        resume(&next, false);
    }
    if is_yield {
        let turns = running::with(|scheduler| scheduler.queue.len());
        for _ in 0..turns {
            tick();
        }
    }
    run_until(|| thread.cancelled.get() || thread.ready());
    thread.nested.set(false);
}

/// Runs until it is `done`; that nothing can ever go on is a trap.
pub(super) fn run_until(done: impl Fn() -> bool) {
    while !done() {
        if !tick() {
            raise(TrapCode::Deadlock)
        }
    }
}

/// One tick, of whoever has more to do than tasks have: waits no longer than until `news` is ready.
pub fn tick_until(mut news: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    if !tick_once() {
        or_end(io::block_on(|cx| match futures::poll_woken(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => news(cx),
        }));
    }
}

/// Whether something is left in the store that may go on by itself.
#[must_use]
pub fn can_go_on() -> bool {
    futures::has_any() || running::with(|scheduler| scheduler.queue.len() > 0)
}

fn or_end<T>(waited: Result<T, Ended>) -> T {
    waited.unwrap_or_else(|why| {
        raise(match why {
            Ended::Deadlock => TrapCode::Deadlock,
            Ended::Stopped => TrapCode::Interrupted,
        })
    })
}

/// `Store.tick`: whether anything can go on.
fn tick() -> bool {
    if tick_once() {
        return true;
    }
    if !io::can_leave() {
        return io::turn(true);
    }
    // What goes on beside this store does not concern it.
    let any = futures::has_any();
    if any {
        or_end(io::block_on(futures::poll_woken));
    }
    any
}

/// Lets one task go on, or one future of the host: whether there was one that could.
fn tick_once() -> bool {
    // Futures of the host and tasks take turns.
    let polled = futures::run_woken();
    if turns::is_over() {
        turns::begin();
        match io::can_leave() {
            true => or_end(io::take_turns()),
            false => drop(io::turn(false)),
        }
    }
    let next = running::with(|scheduler| scheduler.queue.pop());
    let Some(thread) = next else {
        // The event loop may just have found something, which it does not tell twice.
        if polled || futures::has_woken() {
            return true;
        }
        turns::begin();
        return false;
    };
    if thread.nested.get() {
        return true;
    }
    if thread.ready() {
        let entered = thread.task().entered_by_scheduler();
        let before = entered.enter();
        resume(&thread, false);
        entered.leave_as(before);
    } else {
        thread.await_turn();
    }
    true
}

/// After a trap has been caught, which has ended whatever ran in the store: forgets its tasks.
pub(in crate::component) fn abandon_all(store: &'static Store) {
    let outer = store::set_current(store);
    running::with(running::Scheduler::clear);
    futures::abandon_all(store);
    state::with(store, state::State::forget_instances);
    store::set_current(outer);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::component::tasks::spawn;
    use crate::io::script::Script;
    use crate::io::sleep_until;

    #[test]
    fn what_the_event_loop_has_woken_goes_on_at_once() {
        let _script = Script::start();
        let (short, long) = (sleep_until(Script::ns(1)), sleep_until(Script::ns(3000)));
        let over = Rc::new(Cell::new(false));
        let done = Rc::clone(&over);
        let _short = spawn(async move {
            short.await;
            done.set(true);
        });
        let _long = spawn(long);
        assert!(tick() && tick());
        Script::pass(2);
        // The next tick asks the event loop before it looks for tasks.
        turns::end();
        assert!(tick() && tick());
        assert!(over.get());
        assert_eq!(Script::ms(), 2);
    }
}
