//! Random scripts of the async built-ins, compared with a model of the specification ([`world`]):
//! of two instances, one of which calls the other, with streams and futures between and within
//! them, cancellations, back-pressure, timers of the host, and now and then something that traps.
//!
//! Code of guests is this file's, and tells the model of each step; so whatever order the scheduler
//! chooses, nothing goes on that may not, and in the end nothing waits that could go on.

mod actions;
mod copying;
mod sleeping;
mod world;

use std::cell::{Cell, RefCell};
use std::thread;

use super::guests::*;
use crate::component::tasks::abandon_all;
use crate::io::script::Script;
use crate::vm::catch;
use wasmelt_abi::TrapCode;
use world::{State, Task, Wait, World};

const SEEDS: u64 = 1500;
/// Actions of the caller before it comes to an end.
const ACTIONS: u32 = 80;
/// And those of each call of the code of a task.
const CALLEE_ACTIONS_MAX: u64 = 4;

/// What the caller gives.
const DONE: u32 = 77;

/// The buffers of all copies lie here.
const BUFFERS: usize = 2048;
const BUFFERS_END: usize = 3072;

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
    static RANDOM: Cell<u64> = const { Cell::new(0) };
    /// The trap that ends the run.
    static EXPECTED: Cell<Option<TrapCode>> = const { Cell::new(None) };
    /// Nobody begins anything any more.
    static ENDING: Cell<bool> = const { Cell::new(false) };
}

fn with<T>(then: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(then)
}

fn random(below: u64) -> u64 {
    let mut random = RANDOM.get();
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    RANDOM.set(random);
    (random >> 20) % below
}

fn one_in(count: u64) -> bool {
    random(count) == 0
}

fn any<T: Copy>(of: &[T]) -> Option<T> {
    (!of.is_empty()).then(|| of[random(of.len() as u64) as usize])
}

/// Does what traps, which ends the run.
fn trap(code: TrapCode, what: impl FnOnce()) -> ! {
    EXPECTED.set(Some(code));
    what();
    panic!("{code:?} was expected")
}

/// Whoever runs: a task and its instance, whether its code can wait in a built-in, and whether it
/// returns by one.
#[derive(Clone, Copy)]
struct Actor {
    task: usize,
    instance: u32,
    may_block: bool,
    may_return: bool,
}

/// The task of the caller.
const CALLER: usize = 0;

fn new_task(subtask: Option<usize>, exclusive: bool, state: State) -> Task {
    Task {
        subtask,
        exclusive,
        state,
        wait: None,
        cancellable: false,
        told: false,
        over: false,
    }
}

/// Calls, and does most of the rest.
struct Caller;

impl Code for Caller {
    const INSTANCE: u32 = OUTER;
    const FLAGS: u64 = STACKFUL;
    const ON_FIBER: bool = true;

    fn start(_: u32) -> u32 {
        let caller = Actor {
            task: CALLER,
            instance: OUTER,
            may_block: true,
            may_return: false,
        };
        for _ in 0..ACTIONS {
            caller.act();
        }
        caller.end();
        task_return(DONE);
        0
    }
}

/// A task that is called. With `CALLBACK` it is a state machine, whose code is on a fiber or not;
/// otherwise it is lifted with `async`, or not.
struct Callee<const FLAGS: u64, const ON_FIBER: bool>;

impl<const FLAGS: u64, const ON_FIBER: bool> Callee<FLAGS, ON_FIBER> {
    fn actor(task: usize) -> Actor {
        Actor {
            task,
            instance: INNER,
            may_block: ON_FIBER,
            may_return: FLAGS != SYNC,
        }
    }

    /// Does this and that, and returns for something.
    fn go_on(task: usize) -> u32 {
        let actor = Self::actor(task);
        if !ENDING.get() {
            for _ in 0..random(CALLEE_ACTIONS_MAX + 1) {
                actor.act();
            }
        }
        if FLAGS == SYNC {
            let value = random(1000) as u32;
            with(|world| {
                world.resolve(task, true);
                world.exit(task);
            });
            return value;
        }
        let is_machine = FLAGS == CALLBACK;
        if is_machine && !ENDING.get() && !one_in(3) {
            if one_in(4) {
                actor.resolve();
            }
            let set = actor.any_set().filter(|_| one_in(2));
            let wait = Wait::Return(set.map(|(_, set)| set));
            with(|world| world.leave(task, wait));
            return set.map_or(YIELD, |(handle, _)| super::guests::wait(handle));
        }
        actor.resolve();
        with(|world| world.exit(task));
        EXIT
    }
}

impl<const FLAGS: u64, const ON_FIBER: bool> Code for Callee<FLAGS, ON_FIBER> {
    const INSTANCE: u32 = INNER;
    const FLAGS: u64 = FLAGS;
    const ON_FIBER: bool = ON_FIBER;

    fn start(task: u32) -> u32 {
        with(|world| world.start(task as usize));
        context_set(1, !task);
        context_set(0, task);
        Self::go_on(task as usize)
    }

    fn callback(event: u32, index: u32, payload: u32) -> u32 {
        let task = context_get(0);
        assert_eq!(context_get(1), !task);
        with(|world| world.call_back(task as usize, (event, index, payload)));
        Self::go_on(task as usize)
    }
}

impl Actor {
    fn state(self) -> State {
        with(|world| world.tasks[self.task].state)
    }

    /// Returns a value, or is cancelled if it may, unless it has done so.
    fn resolve(self) {
        let state = self.state();
        if state == State::Resolved {
            return;
        }
        let may_cancel = state == State::CancelDelivered;
        if may_cancel && one_in(2) {
            with(|world| world.resolve(self.task, false));
            return task_cancel();
        }
        let value = random(1000) as u32;
        with(|world| world.resolve(self.task, true));
        task_return(value);
        assert_eq!(read_u32(RESULT), value);
    }

    /// What could go on goes on.
    fn end(self) {
        ENDING.set(true);
        for _ in 0..with(|world| std::mem::take(&mut world.backpressure)) {
            backpressure_dec(INNER);
        }
        self.cancel_all();
        let is_ready = |world: &mut World| {
            let mut callees = CALLER + 1..world.tasks.len();
            callees.any(|task| world.is_ready(task))
        };
        for _ in 0..300 {
            if !with(is_ready) {
                return;
            }
            self.yield_with(false);
        }
        panic!("somebody who could go on waits");
    }
}

/// In a thread of its own.
fn run(seed: u64) {
    new_store();
    RANDOM.set(0x9e37_79b9_7f4a_7c15 ^ (seed << 32 | seed));
    let world = World {
        tasks: vec![new_task(None, false, State::Started)],
        memory: vec![0; BUFFERS_END],
        ..World::default()
    };
    WORLD.set(world);
    let _script = Script::start();
    let mut result = None;
    let trap = catch(|| result = invoke::<Caller>()).map_err(|trap| trap.code);
    // Timers say when they go, which they cannot once the thread ends.
    abandon_all(store());
    match (EXPECTED.get(), trap) {
        (Some(expected), trap) => assert_eq!(trap, Err(expected)),
        (None, Err(TrapCode::Deadlock)) => with(|world| {
            let ready: Vec<usize> = (0..world.tasks.len())
                .filter(|task| world.is_ready(*task))
                .collect();
            assert!(ready.is_empty() && !world.has_sleeping(), "{ready:?}");
        }),
        (None, trap) => {
            assert_eq!((trap, result), (Ok(()), Some(DONE)));
            let untold = |task: &Task| task.state == State::CancelDelivered && !task.told;
            assert!(!with(|world| world.tasks.iter().any(untold)));
        }
    }
}

#[test]
fn random_scripts_do_what_the_model_allows() {
    for seed in 1..=SEEDS {
        let thread = thread::Builder::new().name(format!("seed {seed}"));
        let thread = thread.spawn(move || run(seed)).expect("there is room");
        thread.join().expect("it does not panic");
    }
}
