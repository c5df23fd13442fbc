//! Shapes of modules with garbage-collected objects.

use crate::shape::{Shape, assemble, each};

pub fn shapes() -> Vec<Shape> {
    let shapes = [types(), constants(), instructions()];
    shapes.into_iter().flatten().collect()
}

/// A module with types and globals, whose `_start` is `body`.
fn module(fields: &str, body: &str) -> Vec<u8> {
    assemble(&format!(
        "(module {fields} (func (export \"_start\") {body}))"
    ))
}

fn types() -> Vec<Shape> {
    vec![
        Shape::built("a recursion group of 20,000 types", || {
            let types = each(20_000, |n| {
                let next = (n + 1) % 20_000;
                format!("(type $t{n} (struct (field (ref null $t{next}))))")
            });
            module(
                &format!("(rec {types})"),
                "struct.new_default $t0 ref.test (ref $t19999) drop",
            )
        }),
        Shape::built("30,000 equal recursion groups", || {
            let groups = each(30_000, |n| {
                format!(
                    "(rec (type $a{n} (struct (field (ref null $b{n})))) (type $b{n} (struct (field (ref null $a{n})))))"
                )
            });
            module(
                &groups,
                "struct.new_default $a0 ref.test (ref $a29999) drop",
            )
        }),
        Shape::built("a chain of 60 supertypes, and 3,000 below its end", || {
            let chain = each(60, |n| {
                format!("(type $c{} (sub $c{n} (struct (field i32))))", n + 1)
            });
            let leaves = each(3000, |n| {
                format!("(type $l{n} (sub $c60 (struct (field i32) (field i64))))")
            });
            module(
                &format!("(type $c0 (sub (struct (field i32)))) {chain} {leaves}"),
                "struct.new_default $l2999 ref.cast (ref $c60) ref.cast (ref $c30) drop",
            )
        }),
    ]
}

fn constants() -> Vec<Shape> {
    vec![
        Shape::refused(
            "large arrays in many globals",
            "so large objects in constant expressions",
            || {
                let global = "(global (ref $a) (array.new_default $a (i32.const 100000)))";
                module(
                    &format!("(type $a (array (mut i64))) {}", global.repeat(2000)),
                    "",
                )
            },
        ),
        Shape::refused(
            "structs with many fields in many globals",
            "so large objects in constant expressions",
            || {
                let fields = "(field i64)".repeat(10_000);
                let global = "(global (ref $s) (struct.new_default $s))";
                module(
                    &format!("(type $s (struct {fields})) {}", global.repeat(10_000)),
                    "",
                )
            },
        ),
        Shape::built("globals that each refer to the one before twice", || {
            let ty = "(type $p (struct (field (ref null $p)) (field (ref null $p))))";
            let globals = each(20_000, |n| {
                format!(
                    "(global $g{} (ref $p) (struct.new $p (global.get $g{n}) (global.get $g{n})))",
                    n + 1
                )
            });
            let first = "(global $g0 (ref $p) (struct.new_default $p))";
            module(
                &format!("{ty} {first} {globals}"),
                "global.get $g20000 struct.get $p 0 drop",
            )
        }),
        Shape::built("a deep constant expression", || {
            let ty = "(type $p (struct (field (ref null $p))))";
            let deep = "struct.new $p ".repeat(5000);
            module(
                &format!("{ty} (global $g (ref $p) ref.null $p {deep})"),
                "global.get $g drop",
            )
        }),
    ]
}

fn instructions() -> Vec<Shape> {
    vec![
        Shape::built("an array of 10,000 elements that code makes", || {
            let elements = "local.get 0 ".repeat(10_000);
            module(
                "(type $a (array (mut i32)))",
                &format!("(local i32) {elements} array.new_fixed $a 10000 drop"),
            )
        }),
        Shape::built("3,000 casts, allocations and reads in one function", || {
            let types = each(50, |n| {
                format!(
                    "(type $t{n} (sub (struct (field (mut anyref)) (field i{}))))",
                    32 << (n % 2)
                )
            });
            let casts = each(3000, |n| {
                format!(
                    "struct.new_default $t{0} local.set 0 local.get 0 ref.cast (ref $t{0}) struct.get $t{0} 0 drop ",
                    n % 50
                )
            });
            module(&types, &format!("(local anyref) {casts}"))
        }),
    ]
}
