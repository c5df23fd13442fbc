//! Shapes of components.

use crate::shape::{Shape, assemble, each};

pub fn shapes() -> Vec<Shape> {
    let shapes = [types(), instances()];
    shapes.into_iter().flatten().collect()
}

/// The `run` of a command, which does nothing.
const MAIN: &str = "
           (core module $main (func (export \"run\") (result i32) i32.const 0))
           (core instance $main (instantiate $main))
           (func $run (result (result)) (canon lift (core func $main \"run\")))
           (instance $cli (export \"run\" (func $run)))
           (export \"wasi:cli/run@0.2.0\" (instance $cli))";

/// A command whose `run` does nothing, with other definitions.
fn command(fields: &str) -> Vec<u8> {
    assemble(&format!("(component {fields} {MAIN})"))
}

fn instances() -> Vec<Shape> {
    vec![
        Shape::built("a component that doubles its instances 10 times", || {
            doubled(10)
        }),
        Shape::refused(
            "a component that doubles its instances 18 times",
            "more than 10000 instances",
            || doubled(18),
        ),
        Shape::refused(
            "very many functions in instances",
            "more than 2000000 functions",
            || {
                let functions = "(func)".repeat(5000);
                let instances = "(core instance (instantiate $m))".repeat(900);
                command(&format!("(core module $m {functions}) {instances}"))
            },
        ),
    ]
}

/// Each component has two instances of the one before.
fn doubled(levels: usize) -> Vec<u8> {
    let body = "(func $f (result i32) global.get 0 i32.const 1 i32.add global.set 0 global.get 0)";
    let module = format!(
        "(core module $m (memory 1) (global (mut i32) (i32.const 0)) {body} (func $s call $f drop) (start $s))"
    );
    let first = format!("(component $c0 {module} (core instance (instantiate $m)))");
    let components = each(levels, |n| {
        let instance = format!("(instance (instantiate $c{n}))");
        let outer = format!("(alias outer $root $c{n} (component $c{n}))");
        format!("(component $c{} {outer} {instance} {instance})", n + 1)
    });
    let last = format!("(instance (instantiate $c{levels}))");
    assemble(&format!(
        "(component $root {first} {components} {last} {MAIN})"
    ))
}

fn types() -> Vec<Shape> {
    vec![
        Shape::built("a tuple of a tuple, twice, and so on", || {
            let tuples = each(14, |n| format!("(type $t{} (tuple $t{n} $t{n}))", n + 1));
            command(&format!(
                "(type $t0 (tuple u8 u32)) {tuples} (type (func (param \"x\" $t14)))"
            ))
        }),
        Shape::built("a record with many fields", || {
            let fields = each(9000, |n| format!("(field \"f{n}\" u8)"));
            command(&format!("(type (record {fields}))"))
        }),
        Shape::built("a variant with many cases", || {
            let cases = each(9000, |n| format!("(case \"c{n}\" u64)"));
            command(&format!("(type (variant {cases}))"))
        }),
        Shape::built("many types of a component", || {
            command(&each(50_000, |n| {
                format!("(type (tuple u{} u8))", [8, 16, 32, 64][n % 4])
            }))
        }),
        Shape::built("components in components", || {
            command(&format!("{}{}", "(component ".repeat(90), ")".repeat(90)))
        }),
        Shape::built("many modules", || {
            command(&"(core module (func (export \"f\")))".repeat(900))
        }),
    ]
}
