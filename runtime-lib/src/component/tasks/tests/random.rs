//! Timers, readers of a pipe and cancellations at random, with the clock of a script: whatever
//! the order, times are kept, no byte is lost, nobody who could go on waits, and the same seed
//! gives the same run.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::thread;

use super::guests::*;
use super::host::{bytes_written, call_host, call_sleep, wait_for_byte, write_byte};
use crate::io::script::Script;

const SEEDS: u64 = 200;
const SUBTASKS_MAX: u32 = 60;
const CANCELLED_BEFORE_RETURNED: u32 = 4;

/// What a subtask waits for.
#[derive(Clone, Copy, Debug)]
enum Waits {
    /// This time.
    Until(u64),
    ForByte,
}

#[derive(Default)]
struct World {
    random: u64,
    set: u32,
    begun: u32,
    waiting: BTreeMap<u32, Waits>,
    /// Until then, the clock went on while code ran.
    passed_ms: u64,
    /// When the guest last had its turn, and whether it left a reader something to read.
    turn_ms: u64,
    readable: bool,
    read: u32,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
    static WRITTEN: Cell<u32> = const { Cell::new(0) };
}

impl World {
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) % below
    }

    fn begin(&mut self) {
        self.begun += 1;
        let (status, waits) = if self.random(2) == 0 {
            let ms = 1 + self.random(20);
            let until = Waits::Until(Script::ms() + ms);
            (call_sleep(ms as u32, true), until)
        } else {
            (call_host(wait_for_byte, 0, true), Waits::ForByte)
        };
        if status == RETURNED {
            return self.over(waits);
        }
        assert_eq!(status & 0xf, STARTED);
        waitable_join(OUTER, status >> 4, self.set);
        self.waiting.insert(status >> 4, waits);
    }

    /// A subtask has returned.
    fn over(&mut self, waits: Waits) {
        log(format!("{waits:?} over at {}", Script::ms()));
        match waits {
            Waits::ForByte => self.read += 1,
            Waits::Until(at) => {
                let now = Script::ms();
                assert!(now == at || (at < now && now <= self.passed_ms));
            }
        }
    }

    fn cancel(&mut self, subtask: u32) {
        waitable_join(OUTER, subtask, 0);
        let state = subtask_cancel(OUTER, 0, subtask);
        subtask_drop(OUTER, subtask);
        let waits = self.waiting.remove(&subtask).expect("it was begun");
        match state {
            RETURNED => self.over(waits),
            _ => assert_eq!(state, CANCELLED_BEFORE_RETURNED),
        }
    }

    fn cancel_any(&mut self) {
        if !self.waiting.is_empty() {
            let at = self.random(self.waiting.len() as u64) as usize;
            let subtask = *self.waiting.keys().nth(at).expect("there are as many");
            self.cancel(subtask);
        }
    }

    /// Does this and that; the code that the task returns.
    fn go_on(&mut self) -> u32 {
        for _ in 0..self.random(5) {
            match self.random(8) {
                0 => self.cancel_any(),
                1 => {
                    Script::pass(self.random(4));
                    self.passed_ms = Script::ms();
                }
                2 => write(),
                _ if self.begun < SUBTASKS_MAX => self.begin(),
                _ => {}
            }
        }
        let is_timer = |waits: &Waits| matches!(waits, Waits::Until(_));
        if !self.waiting.values().any(is_timer) {
            if self.begun == SUBTASKS_MAX {
                let readers: Vec<u32> = self.waiting.keys().copied().collect();
                readers.into_iter().for_each(|reader| self.cancel(reader));
                task_return(self.read);
                return EXIT;
            }
            self.turn_ms = u64::MAX;
            return YIELD;
        }
        self.turn_ms = Script::ms();
        let readers = self.waiting.len() - self.waiting.values().filter(|it| is_timer(it)).count();
        self.readable = readers > 0 && bytes_written() > 0;
        if self.random(6) == 0 {
            YIELD
        } else {
            wait(self.set)
        }
    }
}

fn write() {
    WRITTEN.set(WRITTEN.get() + 1);
    write_byte();
}

struct Outer;

impl Code for Outer {
    const INSTANCE: u32 = OUTER;

    fn start(_: u32) -> u32 {
        WORLD.with_borrow_mut(|world| {
            world.set = waitable_set_new(OUTER);
            world.go_on()
        })
    }

    fn callback(event: u32, subtask: u32, payload: u32) -> u32 {
        WORLD.with_borrow_mut(|world| {
            let waited = Script::ms() > world.turn_ms;
            assert!(!(waited && world.readable), "a reader was forgotten");
            if event == SUBTASK {
                assert_eq!(payload, RETURNED);
                subtask_drop(OUTER, subtask);
                let waits = world.waiting.remove(&subtask).expect("it was begun");
                world.over(waits);
            }
            world.go_on()
        })
    }
}

/// In a thread of its own, with a pipe of its own.
fn run(seed: u64) -> Vec<String> {
    new_store();
    let script = Script::start();
    let mut world = World {
        random: 0x9e37_79b9_7f4a_7c15 ^ (seed << 32 | seed),
        ..World::default()
    };
    for _ in 0..world.random(30) {
        script.at(world.random(80), write);
    }
    WORLD.set(world);
    let read = invoke::<Outer>();
    drop(script);
    let world = WORLD.take();
    assert_eq!(read, Some(world.read));
    assert_eq!(world.read + bytes_written(), WRITTEN.get());
    logged()
}

#[test]
fn whatever_the_order_is() {
    for seed in 1..=SEEDS {
        let [first, second] = [(); 2].map(|()| {
            // What panics says in which thread.
            let thread = thread::Builder::new().name(format!("seed {seed}"));
            let thread = thread.spawn(move || run(seed)).expect("there is room");
            thread.join().expect("it does not panic")
        });
        assert!(first.len() > 5);
        assert_eq!(first, second, "seed {seed}");
    }
}
