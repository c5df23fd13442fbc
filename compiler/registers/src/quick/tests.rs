//! Random functions, as for the other allocator, on a machine with few registers. Whether a result is
//! right, the symbolic checker of regalloc2 says, which follows values through all places.

use super::Quick;
use crate::program::machine;
use crate::tests::random::program;
use regalloc2::Output;
use regalloc2::checker::Checker;

#[test]
fn each_result_is_right() {
    let env = machine();
    let mut quick = Quick::default();
    let mut output = Output::default();
    let (mut moves, mut slots) = (0, 0);
    for seed in 0..6000 {
        let program = program(seed);
        if let Err(error) = quick.run(&program, &env, &mut output) {
            panic!("function {seed}: {error}");
        }
        let mut checker = Checker::new(&program, &env);
        checker.prepare(&output);
        if let Err(errors) = checker.run() {
            panic!("function {seed}: {errors:?}");
        }
        let points = output.edits.iter().map(|(point, _)| *point);
        assert!(points.is_sorted(), "function {seed}");
        moves += output.edits.len();
        slots += output.num_spillslots;
    }
    assert!(moves > 50_000 && slots > 5_000, "there was much to do");
}

#[test]
fn a_result_does_not_depend_on_functions_before() {
    let env = machine();
    let mut quick = Quick::default();
    let [mut output, mut alone] = [Output::default(), Output::default()];
    for seed in 0..500 {
        let program = program(seed);
        for _ in 0..2 {
            quick.run(&program, &env, &mut output).expect("seen above");
        }
        let mut other = Quick::default();
        other.run(&program, &env, &mut alone).expect("seen above");
        let [output, alone] = [&output, &alone].map(|one| format!("{one:?}"));
        assert_eq!(output, alone, "function {seed}");
    }
}
