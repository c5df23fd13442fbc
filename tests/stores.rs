//! Several stores of one program: what happens in one, its end and its reset leave others alone.

#[path = "executables/mod.rs"]
mod executables;

use std::collections::HashMap;
use std::time::Duration;

use wasmelt_compiler::{Gate, Options, ScriptItem, ScriptModule};

const LIMIT: Duration = Duration::from_secs(60);

/// Everything in it can be changed, and says how often it was.
const MODULE: &str = r#"
(module
  (memory (export "memory") 1 40)
  (data (i32.const 8) "\07")
  (global $g (mut i32) (i32.const 100))
  (table $t 2 2000 externref)
  (data $later "later")
  (func (export "change") (result i32)
    (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
    (global.set $g (i32.add (global.get $g) (i32.const 10)))
    (drop (memory.grow (i32.const 3)))
    (drop (table.grow $t (ref.null extern) (i32.const 500)))
    (memory.fill (i32.const 4096) (i32.const 1) (i32.const 50000))
    (data.drop $later)
    (global.get $g))
  (func (export "sum") (result i32)
    (local $sum i32) (local $at i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 65536))))
    (local.get $sum))
  (func (export "state") (result i32 i32 i32)
    (global.get $g) (memory.size) (table.size $t))
  (func (export "late") (memory.init $later (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "outside") (result i32) (i32.load (i32.const 65536)))
  (func (export "trap") unreachable))
"#;

/// Makes handles, whose numbers begin again where a store does.
const COMPONENT: &str = r#"
(component
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 5)))
    (func (export "fail") unreachable))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func (export "make") (result u32) (canon lift (core func $i "make")))
  (func (export "fail") (canon lift (core func $i "fail"))))
"#;

/// Has the program obey commands, each with the answer that is expected.
fn check(script: &[(&str, &str)]) {
    let binary = |text: &str| wat::parse_str(text).expect("it is WebAssembly");
    let (module, component) = (binary(MODULE), binary(COMPONENT));
    let items = [
        ScriptItem::Module(ScriptModule {
            wasm: &module,
            name: "module".to_owned(),
            providers: HashMap::new(),
        }),
        ScriptItem::Component {
            wasm: &component,
            name: "component".to_owned(),
        },
    ];
    let options = Options {
        gates: Gate::ALL.into(),
        ..Options::default()
    };
    let compiled = executables::compile(&items, &options).expect("it compiles");
    let folder = tempfile::tempdir().expect("there is a place for temporary files");
    let executable = folder.path().join("stores");
    executables::link(&compiled, &executable).expect("it links");
    let command = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (verb, number) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let name = words.next().map(executables::hex_name);
        format!("{verb} {number} {}", name.unwrap_or_default())
    };
    let commands: Vec<String> = script.iter().map(|(line, _)| command(line)).collect();
    let surroundings = executables::Surroundings::from_ours();
    let session =
        executables::obey(&executable, &surroundings, &commands, LIMIT).expect("it starts");
    assert_eq!(session.fault, None);
    let said: Vec<(&str, &str)> = script
        .iter()
        .zip(&session.answers)
        .map(|((line, _), answer)| (*line, answer.as_str()))
        .collect();
    assert_eq!(said, script);
}

const INITIAL: &str = "ok i32:00000064 i32:00000001 i32:00000002";
const CHANGED: &str = "ok i32:0000006e i32:00000004 i32:000001f6";
/// The sum of the memory's bytes, before and after.
const SUM: &str = "ok i32:00000007";
const SUM_CHANGED: &str = "ok i32:0000c358";

#[test]
fn stores_are_apart() {
    check(&[
        ("stores 3", "ok"),
        ("instantiate 0", "ok"),
        ("invoke 0 change", "ok i32:0000006e"),
        ("store 1", "ok"),
        ("instantiate 0", "ok"),
        ("invoke 0 state", INITIAL),
        ("invoke 0 sum", SUM),
        ("invoke 0 late", "ok"),
        (
            "invoke 0 trap",
            "trap wasm `unreachable` instruction executed",
        ),
        ("store 0", "ok"),
        ("invoke 0 state", CHANGED),
        ("invoke 0 sum", SUM_CHANGED),
        ("invoke 0 outside", "ok i32:00000000"),
        ("store 2", "ok"),
        ("invoke 0 outside", "trap out of bounds memory access"),
        ("store 3", "error no room for another store"),
        ("store 0", "ok"),
        ("invoke 0 state", CHANGED),
    ]);
}

#[test]
fn a_store_begins_again_in_place() {
    check(&[
        ("stores 2", "ok"),
        ("instantiate 0", "ok"),
        ("instantiate-component 0", "ok"),
        ("store 1", "ok"),
        ("instantiate 0", "ok"),
        ("invoke 0 change", "ok i32:0000006e"),
        ("store 0", "ok"),
        ("invoke 0 change", "ok i32:0000006e"),
        ("invoke 0 late", "trap out of bounds memory access"),
        ("call 0 make", "ok 1"),
        ("call 0 make", "ok 2"),
        (
            "call 0 fail",
            "trap wasm `unreachable` instruction executed",
        ),
        ("call 0 make", "trap cannot enter component instance"),
        ("reset 0", "ok"),
        ("invoke 0 state", INITIAL),
        ("invoke 0 sum", SUM),
        ("invoke 0 outside", "trap out of bounds memory access"),
        ("invoke 0 late", "ok"),
        ("instantiate-component 0", "ok"),
        ("call 0 make", "ok 1"),
        ("store 1", "ok"),
        ("invoke 0 state", CHANGED),
        ("invoke 0 sum", SUM_CHANGED),
    ]);
}
