//! Clocks, timers and random numbers.

#![no_std]

extern crate alloc;

use guests::say;
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::io::poll::poll;
use wasip2::random::{insecure, insecure_seed, random};

const MILLISECOND: u64 = 1_000_000;
/// The second in which this program was written, and a far one.
const PLAUSIBLE: core::ops::Range<u64> = 1_760_000_000..10_000_000_000;

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        clocks();
        timers();
        numbers();
        Ok(())
    }
}

fn clocks() {
    let resolution = monotonic_clock::resolution();
    say!(
        "monotonic resolution below a second: {}",
        (1..1_000_000_000).contains(&resolution)
    );
    let first = monotonic_clock::now();
    let mut last = first;
    let mut backwards = false;
    for _ in 0..1000 {
        let now = monotonic_clock::now();
        backwards |= now < last;
        last = now;
    }
    say!("monotonic time went backwards: {backwards}");
    let resolution = wall_clock::resolution();
    say!(
        "wall resolution below a second: {}",
        resolution.seconds == 0 && resolution.nanoseconds > 0
    );
    let now = wall_clock::now();
    say!(
        "wall clock plausible: {}",
        PLAUSIBLE.contains(&now.seconds) && now.nanoseconds < 1_000_000_000
    );
}

fn timers() {
    let start = monotonic_clock::now();
    let past = monotonic_clock::subscribe_instant(start);
    past.block();
    say!("an instant of the past: {}", past.ready());
    let nothing = monotonic_clock::subscribe_duration(0);
    nothing.block();
    say!("no time at all: {}", nothing.ready());
    let later = monotonic_clock::subscribe_instant(start + 30 * MILLISECOND);
    say!("30 ms later, asked now: {}", later.ready());
    later.block();
    let waited = monotonic_clock::now() - start;
    say!(
        "30 ms later, after waiting: {} {}",
        later.ready(),
        waited >= 30 * MILLISECOND
    );
    let never = monotonic_clock::subscribe_duration(u64::MAX);
    say!("u64::MAX ns, asked now: {}", never.ready());
    let sooner = monotonic_clock::subscribe_duration(10 * MILLISECOND);
    let soonest = monotonic_clock::subscribe_duration(MILLISECOND);
    say!(
        "the first of four: {:?}",
        poll(&[&never, &sooner, &soonest])
    );
    sooner.block();
    let mut ready = poll(&[&never, &sooner, &soonest, &past]);
    ready.sort();
    say!("all that are ready: {ready:?}");
}

fn numbers() {
    for length in [0, 1, 33, 70_000] {
        let bytes = random::get_random_bytes(length);
        let insecure = insecure::get_insecure_random_bytes(length);
        say!("{} and {} random bytes", bytes.len(), insecure.len());
    }
    let (left, right) = (random::get_random_bytes(32), random::get_random_bytes(32));
    say!("different bytes: {}", left != right);
    let differ = random::get_random_u64() != random::get_random_u64();
    let insecure = insecure::get_insecure_random_u64() != insecure::get_insecure_random_u64();
    say!("different numbers: {differ} {insecure}");
    let bytes = insecure::get_insecure_random_bytes(32);
    say!(
        "different insecure bytes: {}",
        bytes != insecure::get_insecure_random_bytes(32)
    );
    let (low, high) = insecure_seed::insecure_seed();
    say!("a seed: {}", (low, high) != (0, 0));
}
