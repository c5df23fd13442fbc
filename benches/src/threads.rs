//! Threads of a module of WASI 0.1: a sum that two compute, what a shared memory costs one, and what
//! it costs to start one and to wait for its end.

use std::fs;

use crate::figures::Figures;
use crate::measure::{Cost, Invocation, interleaved, median};
use crate::options::{Options, Result};
use crate::tools::Tools;

/// Threads that are started one after the other.
const STARTED: u32 = 2000;

/// 64 MiB of numbers, which are added up so often.
const PAGES: u32 = 1024;
const TIMES: u32 = 40;

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    let rounds = options.rounds.unwrap_or(5);
    let build = |name: &str, wat: String| -> Result<Invocation> {
        let path = tools.path(&format!("{name}.wat"));
        fs::write(&path, wat).map_err(|error| error.to_string())?;
        Ok(Invocation::new(tools.wasmelt(&path)?, &[]))
    };
    let unshared = build("sum-unshared", sum(false, 1))?;
    let one = build("sum-one", sum(true, 1))?;
    let two = build("sum-two", sum(true, 2))?;
    let start = build("start", start())?;
    let costs = interleaved(&[&unshared, &one, &two, &start], rounds)?;
    let [unshared, one, two, start] = &costs[..] else {
        unreachable!("as many costs as programs");
    };
    let cpu = |costs: &[Cost]| median(costs, Cost::cpu);
    let wall = |costs: &[Cost]| median(costs, |cost| cost.wall);
    let rows = [
        (
            "one thread, shared against unshared memory, CPU time",
            cpu(one) / cpu(unshared),
            "x",
        ),
        (
            "a sum on two threads against one, as fast",
            wall(one) / wall(two),
            "x",
        ),
        (
            "to start a thread and wait for its end",
            wall(start) / f64::from(STARTED) * 1e6,
            "us",
        ),
    ];
    for (name, value, unit) in rows {
        figures.add("threads", name, unit, value);
        println!("{name:54} {value:8.3} {unit}");
    }
    Ok(())
}

/// Threads that fill and add up their parts of the memory.
fn sum(is_shared: bool, threads: u32) -> String {
    let part = PAGES * 65536 / threads;
    let (head, start) = match is_shared {
        true => (
            format!(
                "(import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))
                 (import \"env\" \"memory\" (memory {0} {0} shared))",
                PAGES + 1
            ),
            "(if (i32.lt_s (call $spawn (local.get $part)) (i32.const 0)) (then unreachable))",
        ),
        false => (format!("(memory {})", PAGES + 1), "unreachable"),
    };
    let wait = match is_shared {
        true => "(drop (memory.atomic.wait32 (i32.const 0) (local.get $done) (i64.const -1)))",
        false => "",
    };
    format!(
        "(module
          {head}
          (func $sum (param $part i32)
            (local $at i32) (local $end i32) (local $times i32) (local $sum i64)
            (local.set $at
              (i32.add (i32.const 65536) (i32.mul (local.get $part) (i32.const {part}))))
            (local.set $end (i32.add (local.get $at) (i32.const {part})))
            (loop $fill
              (i64.store (local.get $at) (i64.extend_i32_u (local.get $at)))
              (br_if $fill (i32.lt_u
                (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
            (loop $again
              (local.set $at (i32.sub (local.get $end) (i32.const {part})))
              (loop $more
                (local.set $sum (i64.xor (i64.mul (local.get $sum) (i64.const 31))
                  (i64.load (local.get $at))))
                (br_if $more (i32.lt_u
                  (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))
              (br_if $again (i32.lt_u
                (local.tee $times (i32.add (local.get $times) (i32.const 1)))
                (i32.const {TIMES}))))
            (drop (i64.atomic.rmw.add (i32.const 8) (local.get $sum)))
            (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
            (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
          (func (export \"wasi_thread_start\") (param i32 i32) (call $sum (local.get 1)))
          (func (export \"_start\") (local $part i32) (local $done i32)
            (local.set $part (i32.const {last}))
            (block $started
              (loop $more
                (br_if $started (i32.eqz (local.get $part)))
                {start}
                (local.set $part (i32.sub (local.get $part) (i32.const 1)))
                (br $more)))
            (call $sum (i32.const 0))
            (loop $rest
              (local.set $done (i32.atomic.load (i32.const 0)))
              (if (i32.lt_u (local.get $done) (i32.const {threads}))
                (then {wait} (br $rest))))))",
        last = threads - 1
    )
}

/// Threads that do nothing, each started when the one before has ended.
fn start() -> String {
    format!(
        "(module
          (import \"wasi\" \"thread-spawn\" (func $spawn (param i32) (result i32)))
          (import \"env\" \"memory\" (memory 1 1 shared))
          (func (export \"wasi_thread_start\") (param i32 i32)
            (i32.atomic.store (i32.const 0) (local.get 1))
            (drop (memory.atomic.notify (i32.const 0) (i32.const 1))))
          (func (export \"_start\") (local $count i32)
            (loop $more
              (local.set $count (i32.add (local.get $count) (i32.const 1)))
              (if (i32.lt_s (call $spawn (local.get $count)) (i32.const 0)) (then unreachable))
              (loop $wait
                (drop (memory.atomic.wait32 (i32.const 0)
                  (i32.sub (local.get $count) (i32.const 1)) (i64.const -1)))
                (br_if $wait (i32.ne (i32.atomic.load (i32.const 0)) (local.get $count))))
              (br_if $more (i32.lt_u (local.get $count) (i32.const {STARTED}))))))"
    )
}
