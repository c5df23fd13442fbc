//! Shapes of core modules.

use crate::shape::{Shape, assemble, each};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, TypeSection, ValType,
};

pub fn shapes() -> Vec<Shape> {
    let shapes = [
        calls(),
        loops(),
        branches(),
        tables(),
        many(),
        locals(),
        expressions(),
    ];
    shapes.into_iter().flatten().collect()
}

/// A module whose `_start` is `body`.
fn module(fields: &str, body: &str) -> Vec<u8> {
    assemble(&format!(
        "(module {fields} (func (export \"_start\") {body}))"
    ))
}

/// What optimising looks for again and again.
fn expressions() -> Vec<Shape> {
    vec![
        Shape::built("a long computation that many arms need", || {
            let steps = format!("{STEP} local.set 0 ").repeat(4000);
            computing(2, &format!("{steps} {}", arm("local.get 0").repeat(4000)))
        }),
        Shape::built("many computations that many arms need", || {
            let some = each(2000, |n| {
                format!("local.get 0 i32.const {n} i32.mul local.set {n} ")
            });
            let sum = each(2000, |n| format!("local.get {n} i32.add "));
            let arms = arm(&format!("i32.const 0 {sum}")).repeat(20);
            computing(2000, &format!("{some} {arms}"))
        }),
        Shape::built("a long computation in many loops", || {
            let begin = "loop ".repeat(3000);
            let end = "local.get 1 br_if 0 end ".repeat(3000);
            let steps = format!("{STEP} local.tee 0 i32.const 8 i32.store8 ").repeat(3000);
            computing(2, &format!("{begin} {steps} {end}"))
        }),
        Shape::built("conditions that are rotated over and over", || {
            let step = "local.get 0 local.get 1 i32.rotl local.tee 0 if i32.const 4 i32.load local.set 1 end ";
            computing(2, &step.repeat(1000))
        }),
        Shape::built("a table whose entries each pass two numbers", || {
            let begin = "block (result i32 i32) ".repeat(300);
            let end = "end local.set 0 local.set 0 ".repeat(299);
            let numbers = "i32.const 1 i32.const 2";
            let to = each(3000, |n| format!("{} ", n % 300));
            let end = end.replace("local.set 0 local.set 0", &format!("drop drop {numbers}"));
            computing(
                2,
                &format!("{begin} {numbers} local.get 0 br_table {to} 0 {end} end drop drop"),
            )
        }),
    ]
}

/// What cannot be known of two locals.
const STEP: &str = "local.get 0 local.get 1 i32.rotl i32.const 7 i32.mul local.get 1 i32.xor";

/// Stores a value if a local is not 0 that nothing is known of.
fn arm(value: &str) -> String {
    format!("local.get 1 if i32.const 8 {value} i32.store end i32.const 4 i32.load local.set 1 ")
}

/// A module whose `_start` has locals, the first two from memory.
fn computing(locals: usize, body: &str) -> Vec<u8> {
    let locals = "i32 ".repeat(locals);
    let load = "i32.const 0 i32.load local.set 0 i32.const 4 i32.load local.set 1";
    module("(memory 1)", &format!("(local {locals}) {load} {body}"))
}

/// A dump of the core may have the value of each local.
fn locals() -> Vec<Shape> {
    let declared = "functions that declare many locals and set one";
    let set = "functions that set all of their locals";
    vec![
        Shape::built(declared, || with_locals(1000, 49_000, 1)).with(&["-D", "coredump"]),
        Shape::built(set, || with_locals(50, 1000, 1000)).with(&["-D", "coredump"]),
        Shape::built("a local that is set where a function returns", || {
            let arms = "local.get 1 if i32.const 1 local.set 0 return end local.get 1 br_if 0 ";
            let arms = arms.repeat(10_000);
            let body = format!("block {arms} end local.get 0 drop");
            module("", &format!("(local i32 i32) {body}"))
        }),
        Shape::built("locals that loops in loops set", || {
            let begin = "loop ".repeat(500);
            let end = "local.get 0 br_if 0 end ".repeat(500);
            let sets = each(1000, |n| format!("i32.const 1 local.set {n} "));
            let locals = "i32 ".repeat(1000);
            module("", &format!("(local {locals}) {begin} {sets} {end}"))
        }),
        Shape::built(
            "conditions that set a local in a loop, which is read behind it",
            || {
                let step = "local.get 1 if i32.const 1 local.set 0 end local.get 1 br_if 1 ";
                let steps = step.repeat(5000);
                let body =
                    format!("block loop {steps} local.get 1 br_if 0 end end local.get 0 drop");
                module("", &format!("(local i32 i32) {body}"))
            },
        ),
        Shape::built("locals that blocks in blocks set and nothing reads", || {
            let begin = "block ".repeat(5000);
            let end = "local.get 0 br_if 0 end ".repeat(5000);
            let sets = each(5000, |n| format!("i32.const 1 local.set {n} "));
            let locals = "i32 ".repeat(5000);
            module("", &format!("(local {locals}) {begin} {sets} {end}"))
        }),
    ]
}

/// Functions that declare locals, set some, and trap.
fn with_locals(functions: u32, locals: u32, set: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut of_type = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    of_type.function(0);
    exports.export("_start", ExportKind::Func, 0);
    let mut start = Function::new([]);
    for function in 1..=functions {
        start.instructions().call(function);
        of_type.function(0);
    }
    start.instructions().end();
    code.function(&start);
    for _ in 0..functions {
        let mut body = Function::new([(locals, ValType::I32)]);
        for local in 0..set {
            body.instructions().i32_const(5).local_set(local);
        }
        body.instructions().unreachable().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&of_type);
    module.section(&exports).section(&code);
    module.finish()
}

fn calls() -> Vec<Shape> {
    vec![
        Shape::built("functions that each call the one before twice", || {
            let functions = each(22, |n| format!("(func $f{} call $f{n} call $f{n})", n + 1));
            module(&format!("(func $f0) {functions}"), "call $f22")
        }),
        Shape::built("functions that each call the one before 79 times", || {
            let calls = |n| each(79, |_| format!("call $f{n} "));
            let functions = each(4, |n| format!("(func $f{} {})", n + 1, calls(n)));
            module(&format!("(func $f0) {functions}"), "call $f4")
        }),
        Shape::built("stores in functions that call the one before twice", || {
            let store = "(i32.store (local.get 0) (i32.const 1))";
            let functions = each(22, |n| {
                let call = format!("(call $f{n} (local.get 0))");
                format!("(func $f{} (param i32) {store} {call} {call})", n + 1)
            });
            let first = format!("(memory 1) (func $f0 (param i32) {store})");
            module(&format!("{first} {functions}"), "i32.const 0 call $f22")
        }),
        Shape::built("a chain of 1,000 wrappers", || wrappers(1000)),
        Shape::built("a chain of 10,000 wrappers", || wrappers(10_000)),
        Shape::built("small functions that call themselves", || {
            let functions = each(3000, |n| {
                let next = (n + 1) % 3000;
                format!(
                    "(func $f{n} (param i32) local.get 0 if local.get 0 call $f{n} local.get 0 call $f{next} end)"
                )
            });
            module(&functions, "i32.const 0 call $f0")
        }),
        Shape::built("many calls of a tiny function in one block", || {
            let calls = each(50_000, |_| "call $f ".to_owned());
            module("(func $f)", &calls)
        }),
        Shape::built("calls with many parameters and results", || {
            let types = "i32 ".repeat(500);
            let ty = format!("(type $t (func (param {types}) (result {types})))");
            let calls = "call $f ".repeat(200);
            let zeros = "i32.const 0 ".repeat(500);
            let drops = "drop ".repeat(500);
            let gets = each(500, |n| format!("local.get {n} "));
            let function = format!("{ty} (func $f (type $t) {gets})");
            module(&function, &format!("{zeros} {calls} {drops}"))
        }),
    ]
}

fn wrappers(count: usize) -> Vec<u8> {
    let functions = each(count, |n| {
        format!(
            "(func $f{} (param i32) (result i32) local.get 0 call $f{n})",
            n + 1
        )
    });
    let first = "(func $f0 (param i32) (result i32) local.get 0)";
    let last = format!("i32.const 1 call $f{count} drop");
    module(&format!("{first} {functions}"), &last)
}

fn loops() -> Vec<Shape> {
    vec![
        Shape::built("a loop with many sums that come back often", || {
            let locals = "(local ".to_owned() + &"i32 ".repeat(200) + ")";
            let sums = each(200, |n| {
                let gets = each(16, |m| format!("local.get {} i32.add ", (n + m * 7) % 200));
                format!("local.get {n} {gets} local.set {n} ")
            });
            let back = "local.get 0 br_if 0 ".repeat(20);
            module("", &format!("{locals} loop {sums} {back} end"))
        }),
        Shape::built("sums of sums of sums", || {
            let doubled = "local.get 0 local.get 0 i32.add local.set 0 ".repeat(60);
            let back = "local.get 1 br_if 0 ".repeat(400);
            module("", &format!("(local i32 i32) loop {doubled} {back} end"))
        }),
        Shape::built("many loops side by side", || {
            let one = "loop local.get 0 i32.const 1 i32.add local.tee 0 i32.const 9 i32.lt_u br_if 0 end ";
            module("", &format!("(local i32) {}", one.repeat(5000)))
        }),
        Shape::built("loops in loops", || {
            let begin = "loop ".repeat(700);
            let end = "local.get 0 i32.const 1 i32.add local.tee 0 br_if 0 end ".repeat(700);
            module("", &format!("(local i32) {begin} {end}"))
        }),
        Shape::built("pointers that meet again and again", || {
            let step = "local.get 0 i32.load if local.get 0 i32.const 4 i32.add local.set 0 end ";
            let steps = step.repeat(3000);
            let back = "local.get 0 i32.load br_if 0";
            module(
                "(memory 1)",
                &format!("(local i32) loop {steps} {back} end"),
            )
        }),
        Shape::built("pointers whose extension is not free", || {
            let step = "local.get 0 i32.load if local.get 0 i32.ctz local.set 1 local.get 1 local.set 0 end local.get 0 i32.load drop ";
            let steps = step.repeat(3000);
            module(
                "(memory 1)",
                &format!("(local i32 i32) loop {steps} local.get 0 br_if 0 end"),
            )
        }),
        Shape::built(
            "a counter that is used everywhere and comes back often",
            || {
                let use_it = "local.get 0 i32.const 3 i32.xor local.get 1 i32.add local.set 1 local.get 0 i32.const 1 i32.add local.tee 0 local.get 1 i32.lt_u br_if 0 ";
                module(
                    "",
                    &format!("(local i32 i32) loop {} end", use_it.repeat(4000)),
                )
            },
        ),
    ]
}

fn branches() -> Vec<Shape> {
    vec![
        Shape::built("blocks in blocks", || {
            let begin = "block ".repeat(20_000);
            let end = "local.get 0 br_if 0 end ".repeat(20_000);
            module("", &format!("(local i32) {begin} {end}"))
        }),
        Shape::built("ifs in ifs", || {
            let begin = "local.get 0 if ".repeat(10_000);
            let end = "end ".repeat(10_000);
            module("", &format!("(local i32) {begin} {end}"))
        }),
        Shape::built("a branch table with few targets", || {
            branch_table(160_000, 20, "")
        }),
        Shape::built("a branch table with many targets", || {
            branch_table(20_000, 20_000, "")
        }),
        Shape::built("a branch table to whoever reads a local", || {
            let count = "local.get 0 i32.const 1 i32.add local.set 0 ";
            branch_table(100_000, 25_000, count)
        }),
        Shape::built("many branch tables", || {
            let targets = each(500, |n| format!("{} ", n % 7));
            let one = format!(
                "{} local.get 0 br_table {targets} {}",
                "block ".repeat(7),
                "end ".repeat(7)
            );
            module("", &format!("(local i32) {}", one.repeat(200)))
        }),
        Shape::built("branches that carry values", || {
            let values = "i32 ".repeat(50);
            let zeros = "i32.const 7 ".repeat(50);
            let branches = "local.get 0 br_if 0 ".repeat(3000);
            let drops = "drop ".repeat(50);
            module(
                "",
                &format!("(local i32) block (result {values}) {zeros} {branches} end {drops}"),
            )
        }),
        Shape::built("a deep operand stack", || {
            let constants = "local.get 0 ".repeat(60_000);
            let sums = "i32.add ".repeat(59_999);
            module("", &format!("(local i32) {constants} {sums} drop"))
        }),
        Shape::built("handlers around handlers", || handlers(150)),
        Shape::refused(
            "more handlers around handlers",
            "so many exception handlers",
            || handlers(300),
        ),
        Shape::built("handlers of the older kind around each other", || {
            let begin = "try ".repeat(300);
            let end = "call $f catch $t end ".repeat(300);
            module("(tag $t) (func $f throw $t)", &format!("{begin} {end}"))
        }),
        Shape::built("handlers that delegate far outwards", || {
            let begin = "try ".repeat(1000);
            let end = each(999, |n| format!("call $f delegate {} ", 998 - n));
            let body = format!("{begin} {end} call $f catch $t end");
            module("(tag $t) (func $f throw $t)", &body)
        }),
    ]
}

/// So many handlers around each other, each with a call.
fn handlers(count: usize) -> Vec<u8> {
    let begin = each(count, |n| format!("block try_table (catch {n} 0) "));
    let end = "call $f end end ".repeat(count);
    let tags = "(tag) ".repeat(count);
    module(
        &format!("{tags} (func $f throw 0)"),
        &format!("{begin} {end}"),
    )
}

/// A table with so many entries, that goes to so many places where this is done.
fn branch_table(entries: usize, targets: usize, there: &str) -> Vec<u8> {
    let begin = "block ".repeat(targets);
    let entries = each(entries, |n| format!("{} ", n * 7919 % targets));
    let end = format!("end {there}").repeat(targets);
    let function = format!("(func $f (param i32) {begin} local.get 0 br_table {entries} 0 {end})");
    module(&function, "i32.const 1 call $f")
}

fn tables() -> Vec<Shape> {
    vec![
        Shape::built("functions that each read a table", || {
            let functions = each(3000, |n| {
                format!("(func $f{n} (drop (table.get (i32.const {n}))))")
            });
            let names = each(3000, |n| format!("$f{n} "));
            let calls = each(3000, |n| format!("call $f{n} "));
            module(
                &format!("{functions} (table funcref (elem {names}))"),
                &calls,
            )
        }),
        Shape::built("a table that is called through many types", || {
            let types = each(1000, |n| {
                let params = each(10, |bit| ["i32 ", "i64 "][n >> bit & 1].to_owned());
                format!("(type $t{n} (func (param {params})))")
            });
            let functions = each(4000, |n| format!("(func $f{n} (type $t{}))", n % 1000));
            let names = each(4000, |n| format!("$f{n} "));
            let calls = each(1000, |n| {
                let args = each(10, |bit| {
                    ["i32.const 0 ", "i64.const 0 "][n >> bit & 1].to_owned()
                });
                format!("{args} local.get 0 call_indirect (type $t{n}) ")
            });
            let table = format!("(table funcref (elem {names}))");
            module(
                &format!("{types} {functions} {table}"),
                &format!("(local i32) {calls}"),
            )
        }),
        Shape::built("a huge table", || huge_tables(1)),
        Shape::built("many huge tables", || huge_tables(100)),
        Shape::built("a huge table that is read", || {
            let table = "(table $t 10000000 funcref) (elem (i32.const 9999990) $f)";
            let read = "local.get 0 table.get $t drop";
            module(
                &format!("(func $f) {table}"),
                &format!("(local i32) {read}"),
            )
        }),
        Shape::built("a huge table that is filled", || {
            let table = "(table $t 10000000 funcref (ref.func $f))";
            let call = "local.get 0 call_indirect $t";
            module(
                &format!("(func $f) {table}"),
                &format!("(local i32) {call}"),
            )
        }),
        Shape::built("many tables with a gap", || {
            let tables = each(2000, |n| {
                format!(
                    "(table $t{n} 65000 funcref) (elem (table $t{n}) (i32.const 64000) func $f)"
                )
            });
            let uses = each(2000, |n| {
                format!("local.get 0 call_indirect $t{n} local.get 0 table.get $t{n} drop ")
            });
            module(
                &format!("(func $f) {tables}"),
                &format!("(local i32) {uses}"),
            )
        }),
        Shape::built("data behind gaps", || {
            let memories = each(50, |n| {
                format!(
                    "(memory $m{n} 4000) (data (memory $m{n}) (i32.const 1) \"a\") (data (memory $m{n}) (i32.const 260000000) \"b\")"
                )
            });
            module(&memories, "")
        }),
        Shape::built("many tables", || {
            let tables = each(3000, |n| format!("(table $t{n} funcref (elem $f))"));
            let calls = each(3000, |n| format!("local.get 0 call_indirect $t{n} "));
            module(
                &format!("(func $f) {tables}"),
                &format!("(local i32) {calls}"),
            )
        }),
    ]
}

/// Tables of ten million elements, of which a few are there.
fn huge_tables(count: usize) -> Vec<u8> {
    let tables = each(count, |n| {
        let first = format!("(elem (table $t{n}) (i32.const 0) func $f)");
        let last = format!("(elem (table $t{n}) (i32.const 9999999) func $f)");
        format!("(table $t{n} 10000000 funcref) {first} {last}")
    });
    let calls = each(count, |n| format!("local.get 0 call_indirect $t{n} "));
    module(
        &format!("(func $f) {tables}"),
        &format!("(local i32) {calls}"),
    )
}

fn many() -> Vec<Shape> {
    vec![
        Shape::built("many functions", || {
            let functions = each(20_000, |n| format!("(func $f{n})"));
            let calls = each(20_000, |n| format!("call $f{n} "));
            module(&functions, &calls)
        }),
        Shape::built("many functions that nothing calls", || {
            module(&"(func)".repeat(200_000), "")
        }),
        Shape::built("many types", || {
            let types = each(100_000, |n| {
                let params = each(17, |bit| ["i32 ", "f64 "][n >> bit & 1].to_owned());
                format!("(type (func (param {params})))")
            });
            module(&types, "")
        }),
        Shape::built("many locals", || {
            let function = format!("(func $f{{}} (local {}))", "i64 ".repeat(40_000));
            let functions = each(10, |n| function.replace("{}", &n.to_string()));
            let calls = each(10, |n| format!("call $f{n} "));
            module(&functions, &calls)
        }),
        Shape::built("many exports", || {
            let exports = each(50_000, |n| format!("(export \"e{n}\" (func $f))"));
            module(&format!("(func $f) {exports}"), "")
        }),
        Shape::built("many imports", || {
            let import = "(import \"wasi_snapshot_preview1\" \"sched_yield\" (func (result i32)))";
            module(&import.repeat(10_000), "call 0 drop")
        }),
        Shape::built("many globals", || {
            let globals = each(50_000, |n| {
                format!("(global $g{n} (mut i32) (i32.const {n}))")
            });
            let sets = each(50_000, |n| format!("i32.const 1 global.set $g{n} "));
            module(&globals, &sets)
        }),
        Shape::built("globals that are made of the one before", || {
            let globals = each(20_000, |n| {
                format!(
                    "(global $g{} i32 (i32.add (global.get $g{n}) (i32.const 1)))",
                    n + 1
                )
            });
            module(
                &format!("(global $g0 i32 (i32.const 0)) {globals}"),
                "global.get $g20000 drop",
            )
        }),
        Shape::built("a long constant expression", || {
            let sums = "i32.const 1 i32.add ".repeat(100_000);
            module(
                &format!("(global $g i32 i32.const 0 {sums})"),
                "global.get $g drop",
            )
        }),
        Shape::built("many data segments", || {
            let data = each(50_000, |n| format!("(data (i32.const {}) \"abc\")", n * 4));
            module(&format!("(memory 4) {data}"), "")
        }),
        Shape::built("many segments that code uses", || {
            let data = "(data \"abc\")".repeat(20_000);
            let uses = each(20_000, |n| format!("data.drop {n} "));
            module(&format!("(memory 4) {data}"), &uses)
        }),
        Shape::built("many element segments", || {
            let elements = each(50_000, |n| format!("(elem (i32.const {n}) func $f)"));
            let table = "(func $f) (table 50000 funcref)";
            module(&format!("{table} {elements}"), "i32.const 1 call_indirect")
        }),
        Shape::built("many memories", || {
            let memories = each(90, |n| {
                format!("(memory $m{n} 65536) (data (memory $m{n}) (i32.const -8) \"abcdefgh\")")
            });
            let loads = each(90, |n| format!("(drop (i32.load $m{n} (i32.const 0)))"));
            module(&memories, &loads)
        }),
        Shape::built("long names", || {
            let functions = each(30, |n| {
                format!("(func $f{n}{} (call {}))", "x".repeat(90_000), n + 2)
            });
            module(&format!("{functions} (func $last)"), "call 0")
        }),
        Shape::built("many names", || {
            let functions = each(30_000, |n| {
                format!("(func $a_rather_long_name_of_a_function_{n})")
            });
            let calls = each(30_000, |n| format!("call {n} "));
            module(&functions, &calls)
        }),
        Shape::built("copies of known length", || {
            let copy = "(memory.copy (i32.const 0) (i32.const 512) (i32.const 128))";
            module("(memory 1)", &copy.repeat(3000))
        }),
        Shape::built("vectors", || {
            let vectors = each(20_000, |n| format!("v128.const i64x2 {n} 7 i8x16.add "));
            module("", &format!("v128.const i64x2 0 0 {vectors} drop"))
        }),
    ]
}
