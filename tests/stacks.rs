//! Which programs have stacks of their own for tasks: those whose code can wait in a built-in.

use wasmelt_compiler::{Entry, Gate, Options, Progress, compile};

struct Silent;

impl Progress for Silent {
    fn functions(&self, _: usize, _: usize) {}
}

/// Whether the object of a component does whose `run` has this body, with these built-ins.
fn refers_to_fibers(definitions: &str, imports: &str, exports: &str, body: &str) -> bool {
    let text = format!(
        "(component
           (core module $memory (memory (export \"memory\") 1))
           (core instance $memory (instantiate $memory))
           (core func $return (canon task.return (result (result))))
           (core func $new (canon waitable-set.new))
           {definitions}
           (core module $m
             (import \"\" \"return\" (func $return (param i32)))
             (import \"\" \"new\" (func $new (result i32)))
             {imports}
             (func (export \"run\") (result i32) {body} (call $return (i32.const 0)) (i32.const 0))
             (func (export \"callback\") (param i32 i32 i32) (result i32) (i32.const 0)))
           (core instance $i (instantiate $m (with \"\" (instance
             (export \"return\" (func $return)) (export \"new\" (func $new)) {exports}))))
           (func $run async (result (result))
             (canon lift (core func $i \"run\") async (callback (core func $i \"callback\"))))
           (instance $cli (export \"run\" (func $run)))
           (export \"wasi:cli/run@0.3.0\" (instance $cli)))"
    );
    let options = Options {
        gates: Gate::ALL.into(),
        entry: Entry::Command,
        ..Options::default()
    };
    let compiled = compile(text.as_bytes(), &options, &Silent, None).expect("it compiles");
    let name = b"wasmelt_fiber_run";
    compiled
        .object
        .windows(name.len())
        .any(|bytes| bytes == name)
}

const WAIT: &str =
    "(core func $wait (canon waitable-set.wait (memory (core memory $memory \"memory\"))))";
const IMPORT_WAIT: &str = "(import \"\" \"wait\" (func $wait (param i32 i32) (result i32)))";
const EXPORT_WAIT: &str = "(export \"wait\" (func $wait))";

#[test]
fn code_that_never_waits_has_no_stack() {
    assert!(!refers_to_fibers("", "", "", "(drop (call $new))"));
    // What is imported but never called does not count.
    assert!(!refers_to_fibers(WAIT, IMPORT_WAIT, EXPORT_WAIT, ""));
}

#[test]
fn code_that_waits_has_one() {
    let body = "(drop (call $wait (call $new) (i32.const 0)))";
    assert!(refers_to_fibers(WAIT, IMPORT_WAIT, EXPORT_WAIT, body));
    assert!(refers_to_fibers(
        "(core func $yield (canon thread.yield))",
        "(import \"\" \"yield\" (func $yield (result i32)))",
        "(export \"yield\" (func $yield))",
        "(drop (call $yield))",
    ));
}
