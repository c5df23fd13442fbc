//! Shapes with state machines.

use crate::shape::{Shape, assemble, each};

pub fn shapes() -> Vec<Shape> {
    vec![
        Shape::built("a machine with thousands of states", || {
            function(&machine(3000, |state| next("", state + 1)))
        }),
        Shape::built("many dispatches on one state", || {
            let arms = each(3000, |state| {
                format!("local.get 1 i32.const {state} i32.eq if i32.const 1 local.set 0 end ")
            });
            let nothing = each(1500, |_| {
                let [begin, end] = ["block ", "end "].map(|text| text.repeat(6));
                format!("{begin} local.get 0 br_table 0 1 2 3 4 5 {end}")
            });
            function(&format!("loop {arms} {nothing} local.get 1 br_if 0 end "))
        }),
        Shape::built("thousands of machines in one function", || {
            function(&machine(6, |state| next("", state + 1)).repeat(2000))
        }),
        Shape::built("machines whose states change many locals", || {
            let change = each(150, |n| {
                format!("local.get {n} i32.const 1 i32.add local.set {} ", n + 2)
            });
            function(&machine(7, |state| next(&change, state + 1)).repeat(12))
        }),
        Shape::built("states that come together in long chains", || {
            let merge = "local.get 1 if i32.const 2 local.set 0 end ".repeat(5000);
            function(&machine(6, |state| next(&merge, state)))
        }),
    ]
}

fn function(body: &str) -> Vec<u8> {
    let locals = "i32 ".repeat(200);
    assemble(&format!(
        "(module (memory 1) (func (export \"_start\") (local {locals}) {body}))"
    ))
}

/// A loop that dispatches on the first local.
fn machine(states: usize, case: impl Fn(usize) -> String) -> String {
    let begin = "block ".repeat(states + 1);
    let table = each(states, |state| format!("{state} "));
    let cases = each(states, |state| {
        format!("end {} br {} ", case(state), states - state)
    });
    format!(
        "i32.const 0 local.set 0 block loop \
         local.get 1 i32.load8_u local.tee 1 i32.eqz br_if 1 \
         {begin} local.get 0 br_table {table} {states} {cases} end end end "
    )
}

/// Does something, and goes on in another state.
fn next(work: &str, state: usize) -> String {
    format!("{work} local.get 1 if i32.const {state} local.set 0 end ")
}
