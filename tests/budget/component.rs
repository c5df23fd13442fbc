//! Shapes of components.

use crate::shape::{Shape, assemble, each};

pub fn shapes() -> Vec<Shape> {
    let shapes = [types()];
    shapes.into_iter().flatten().collect()
}

/// A command whose `run` does nothing, with other definitions.
fn command(fields: &str) -> Vec<u8> {
    assemble(&format!(
        "(component {fields}
           (core module $main (func (export \"run\") (result i32) i32.const 0))
           (core instance $main (instantiate $main))
           (func $run (result (result)) (canon lift (core func $main \"run\")))
           (instance $cli (export \"run\" (func $run)))
           (export \"wasi:cli/run@0.2.0\" (instance $cli)))"
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
