//! What tasks are made of: calls, their threads, what these wait for, and the instances that they
//! run in. Each of these refers to others; what they do is in the files of their names.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use super::futures::HostTask;
use super::queue::{Mark, Queue};
use crate::component::handles::Lent;
use crate::vm::store::Store;
use wasmelt_abi::{AsyncCall, AsyncLift, EventCode, FLAT_PARAMS_MAX, SubtaskState, ThreadStart};

/// The slots of a callee: flat parameters or results, or an address.
pub(super) type CalleeSlots = [u64; FLAT_PARAMS_MAX + 1];

/// `Task.State`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TaskState {
    Initial,
    Started,
    PendingCancel,
    CancelDelivered,
    Resolved,
}

/// Who called.
pub(super) enum Caller {
    Guest {
        record: &'static AsyncCall,
        subtask: Rc<Subtask>,
    },
    Host(Rc<dyn HostCaller>),
}

/// The host as the caller of a guest's function.
pub(super) trait HostCaller {
    /// `on_start`: lowers the parameters.
    fn on_start(&self, slots: &mut CalleeSlots);
    /// `on_resolve`: lifts the result; `None` if the task has been cancelled.
    fn on_resolve(&self, slots: Option<&[u64]>);
}

pub(super) struct Task {
    pub(super) store: &'static Store,
    pub(super) lift: &'static AsyncLift,
    /// `inst`.
    pub(super) instance: Rc<Instance>,
    pub(super) caller: Caller,
    pub(super) state: Cell<TaskState>,
    /// Under which the state of the store counts `num_borrows`.
    pub(super) borrows: u32,
    /// `implicit_thread`.
    pub(super) thread: ThreadState,
    /// The number of `threads`.
    pub(super) threads: Cell<u32>,
}

/// `entering_set`: the flags of the instances that a call enters.
#[derive(Clone, Copy)]
pub(super) struct Entered {
    pub(super) store: &'static Store,
    pub(super) offsets: &'static [u64],
}

/// Where a thread goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    Initial,
    /// It waits to enter.
    Entering,
    /// It waits to call its callback.
    Returning,
    /// Its core code waits in a built-in.
    InCode,
    Exited,
}

/// `ready_func`: what a thread waits for.
#[derive(Clone)]
pub(super) enum Wait {
    /// Nothing; others go first.
    Yield,
    /// The instance has no back-pressure.
    Enter,
    /// Nobody runs exclusively.
    Return,
    /// An event of the set.
    Set(Rc<WaitableSet>),
    /// An event of the set, and nobody runs exclusively.
    ReturnWith(Rc<WaitableSet>),
    /// An event of this waitable, which has no other.
    Waitable(Rc<dyn Waitable>),
    /// The subtask is resolved.
    Subtask(Rc<Subtask>),
}

pub(super) struct ThreadState {
    pub(super) position: Cell<Position>,
    /// What the thread waits for; nothing while it runs or is suspended.
    pub(super) wait: RefCell<Option<Wait>>,
    pub(super) running: Cell<bool>,
    pub(super) cancellable: Cell<bool>,
    /// What waiting has given: whether it ended by cancellation.
    pub(super) cancelled: Cell<bool>,
    /// Its places in the scheduler's queue, in those of the instance, and in that of a set.
    pub(super) queued: Mark,
    pub(super) entering: Mark,
    pub(super) returning: Mark,
    pub(super) waiting_for_set: Mark,
    /// Whether it waits on a stack that the scheduler runs on top of.
    pub(super) nested: Cell<bool>,
    /// `storage`, while it does not run.
    pub(super) context: Cell<[u64; 2]>,
    /// The fiber that its code is suspended on, which belongs to `fiber`; or null.
    pub(super) fiber: Cell<*mut u8>,
    /// Its place in the instance's table of threads, or 0 where nobody has asked for it.
    pub(super) index: Cell<u32>,
}

impl Default for ThreadState {
    fn default() -> ThreadState {
        ThreadState {
            position: Cell::new(Position::Initial),
            wait: RefCell::new(None),
            running: Cell::new(false),
            cancellable: Cell::new(false),
            cancelled: Cell::new(false),
            queued: Mark::new(0),
            entering: Mark::new(0),
            returning: Mark::new(0),
            waiting_for_set: Mark::new(0),
            nested: Cell::new(false),
            context: Cell::new([0; 2]),
            fiber: Cell::new(std::ptr::null_mut()),
            index: Cell::new(0),
        }
    }
}

/// A thread that a built-in has made.
pub(super) struct Explicit {
    pub(super) task: Rc<Task>,
    state: ThreadState,
    pub(super) code: Code,
}

/// What an explicit thread runs: a function of a table, its instance pointer and its argument.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) record: &'static ThreadStart,
    pub(super) function: *mut u8,
    pub(super) pointer: *mut u8,
    pub(super) argument: u64,
}

#[derive(Clone)]
pub(super) enum Thread {
    /// That of the task.
    Implicit(Rc<Task>),
    Explicit(Rc<Explicit>),
}

impl Deref for Thread {
    type Target = ThreadState;

    fn deref(&self) -> &ThreadState {
        match self {
            Thread::Implicit(task) => &task.thread,
            Thread::Explicit(thread) => &thread.state,
        }
    }
}

impl Thread {
    /// A thread that is suspended.
    pub(super) fn explicit(task: Rc<Task>, code: Code) -> Thread {
        let state = ThreadState::default();
        Thread::Explicit(Rc::new(Explicit { task, state, code }))
    }

    pub(super) fn task(&self) -> &Rc<Task> {
        match self {
            Thread::Implicit(task) => task,
            Thread::Explicit(thread) => &thread.task,
        }
    }
}

/// What tasks need of a `ComponentInstance`: back-pressure, and who runs exclusively.
pub(in crate::component) struct Instance {
    pub(super) backpressure: Cell<u32>,
    /// `exclusive_thread`.
    pub(super) exclusive: RefCell<Option<Rc<Task>>>,
    /// Threads that wait to enter, `num_waiting_to_enter` of them: those that are going to run
    /// exclusively, and the others, which need not wait until they can.
    pub(super) entering: Queue<Thread>,
    pub(super) entering_shared: Queue<Thread>,
    /// Threads whose callback could be called if nobody ran exclusively.
    pub(super) returning: Queue<Thread>,
    /// `threads`: those that code knows by an index, from 1.
    pub(super) threads: RefCell<Vec<Option<Thread>>>,
    /// Indices that no thread has.
    pub(super) free_threads: RefCell<Vec<u32>>,
}

impl Instance {
    /// Nothing refers to threads any more, which may refer to this.
    pub(in crate::component) fn forget(&self) {
        drop(self.exclusive.take());
        self.entering.clear();
        self.returning.clear();
        drop(self.threads.take());
    }
}

impl Default for Instance {
    fn default() -> Instance {
        Instance {
            backpressure: Cell::new(0),
            exclusive: RefCell::default(),
            entering: Queue::new(|thread| &thread.entering),
            entering_shared: Queue::new(|thread| &thread.entering),
            returning: Queue::new(|thread| &thread.returning),
            threads: RefCell::default(),
            free_threads: RefCell::default(),
        }
    }
}

/// Who does the work, and can be asked to stop.
pub(super) enum Callee {
    Guest(Rc<Task>, Entered),
    Host(HostTask),
}

pub(super) struct Subtask {
    pub(super) store: &'static Store,
    pub(super) waitable: WaitableState,
    pub(super) state: Cell<SubtaskState>,
    /// Its index in the caller's table, once it has one.
    pub(super) handle: Cell<u32>,
    /// Itself, once it has a handle: `on_progress` is to be called.
    pub(super) this: RefCell<Option<Rc<Subtask>>>,
    /// Until resolved, what `on_cancel` is about.
    pub(super) callee: RefCell<Option<Callee>>,
    /// `None` once the resolution is delivered.
    pub(super) lenders: RefCell<Option<Lent>>,
    pub(super) cancellation_requested: Cell<bool>,
    /// The caller's slots: parameters and, of a synchronous call, the flat result.
    pub(super) slots: Box<[Cell<u64>]>,
}

impl Subtask {
    pub(super) fn resolved(&self) -> bool {
        !matches!(
            self.state.get(),
            SubtaskState::Starting | SubtaskState::Started
        )
    }
}

/// `EventTuple`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    pub code: EventCode,
    pub index: u32,
    pub payload: u32,
}

impl Event {
    /// An event without a payload.
    pub(super) const fn of(code: EventCode) -> Event {
        Event {
            code,
            index: 0,
            payload: 0,
        }
    }
}

/// What has events that tasks can wait for.
pub trait Waitable: 'static {
    fn state(&self) -> &WaitableState;

    /// The pending event, computed when it is delivered so that it says what is true then. Called
    /// once for each event.
    fn deliver(&self) -> Event;

    /// The same object, for whoever knows its type.
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
}

/// What every waitable has.
#[derive(Default)]
pub struct WaitableState {
    /// Whether there is a `pending_event`.
    pub(super) pending: Cell<bool>,
    /// `wset`.
    pub(super) set: RefCell<Option<Rc<WaitableSet>>>,
    /// Its place among those of the set that have a pending event.
    pub(super) noticed: Mark,
    /// The thread that waits for it alone: `has_sync_waiter`.
    pub(super) waiter: RefCell<Option<Thread>>,
}

/// `WaitableSet`.
pub(super) struct WaitableSet {
    /// The number of `elems`.
    pub(super) len: Cell<u32>,
    /// Those that have a pending event, the oldest event first.
    pub(super) ready: Queue<Rc<dyn Waitable>>,
    /// Threads that wait for an event of this set: `num_waiting`.
    pub(super) waiting: Queue<Thread>,
}

impl Default for WaitableSet {
    fn default() -> WaitableSet {
        WaitableSet {
            len: Cell::new(0),
            ready: Queue::new(|waitable| &waitable.state().noticed),
            waiting: Queue::new(|thread| &thread.waiting_for_set),
        }
    }
}

/// Nothing that the waitable refers to refers to it any more.
pub(in crate::component) fn unlink(waitable: &Rc<dyn Waitable>) {
    drop(waitable.state().set.take());
    drop(waitable.state().waiter.take());
    if let Ok(subtask) = waitable.clone().as_any().downcast::<Subtask>() {
        drop(subtask.this.take());
        drop(subtask.callee.take());
    }
}
