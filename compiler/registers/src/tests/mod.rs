//! Random functions, and functions for one idea each, for either allocator.

mod random;
pub mod small;

use crate::program::{Program, machine};
pub use random::program;
use regalloc2::checker::Checker;
use regalloc2::{Allocate, Output};

/// The result for a function. Whether it is right, the symbolic checker of regalloc2 says, which follows
/// values through all places.
pub fn allocate(allocator: &mut dyn Allocate, program: &Program) -> Result<Output, String> {
    let env = machine();
    let mut output = Output::default();
    let result = allocator.allocate(program, &env, &mut output);
    result.map_err(|error| error.to_string())?;
    let mut checker = Checker::new(program, &env);
    checker.prepare(&output);
    checker.run().map_err(|errors| format!("{errors:?}"))?;
    Ok(output)
}

/// Allocates so many random functions, each when something has been done before.
pub fn each_is_right(
    allocator: &mut dyn Allocate,
    count: u64,
    mut before: impl FnMut(u64, &Program),
) {
    let (mut moves, mut slots) = (0, 0);
    for seed in 0..count {
        let program = program(seed);
        before(seed, &program);
        let output = allocate(allocator, &program);
        let output = output.unwrap_or_else(|error| panic!("function {seed}: {error}"));
        let points = output.edits.iter().map(|(point, _)| *point);
        assert!(points.is_sorted(), "function {seed}");
        moves += output.edits.len();
        slots += output.num_spillslots;
    }
    assert!(moves > 50_000 && slots > 5_000, "there was much to do");
}

/// Allocates functions one after the other, and each alone.
pub fn none_depends_on_others<A: Allocate + Default>() {
    let mut allocator = A::default();
    for seed in 0..500 {
        let program = program(seed);
        // The second time, numbers of values are all as they were.
        let _ = allocate(&mut allocator, &program);
        let output = allocate(&mut allocator, &program);
        let alone = allocate(&mut A::default(), &program);
        let [output, alone] = [output, alone].map(|one| format!("{one:?}"));
        assert_eq!(output, alone, "function {seed}");
    }
}
