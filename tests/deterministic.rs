//! The same input and options give the same bytes, however functions are spread over threads; with
//! debug information, the same code.

use object::{Object, ObjectSection};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// Functions of the module: enough for every thread to have many, in an order that changes.
const FUNCTIONS: u32 = 1000;

/// Functions of different sizes that call and throw, indirectly and directly, with data, several
/// tables and exports: something for every list that the compiler keeps.
fn module() -> String {
    let mut text = String::from(
        "(module $many
           (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))
           (import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i32) (result i32)))
           (memory (export \"memory\") 2)
           (type $t (func (param i32) (result i32)))
           (tag $even (param i32)) (tag $odd (param i32))
           (table $constant funcref (elem $f0 $f1 $f2 $f3 $f4 $f5))
           (table $changed (export \"table\") 8 64 funcref)
           (elem (table $changed) (i32.const 0) func $f6 $f7 $f8)
           (func (export \"_start\") (call $exit (call $f0 (i32.const 0))))\n",
    );
    for number in 0..FUNCTIONS {
        // Steps through all functions, so that all are compiled.
        let callee = (number * 21 + 1) % FUNCTIONS;
        let tag = if number % 2 == 0 { "$even" } else { "$odd" };
        let _ = writeln!(
            text,
            "(global $g{number} (mut i32) (i32.const {number}))
             (data (i32.const {}) \"{number}\")
             (func $f{number} (type $t) (local i64 f64)
               (if (i32.eq (local.get 0) (i32.const {number})) (then (throw {tag} (local.get 0))))
               (global.set $g{number} (i32.add (local.get 0) (global.get $g{callee})))",
            number * 16
        );
        for step in 0..number % 13 {
            let _ = writeln!(
                text,
                "(local.set 1 (i64.add (i64.load offset={} (local.get 0)) (i64.const {number})))
                 (local.set 2 (f64.mul (local.get 2) (f64.const {step}.5)))
                 (i64.store (local.get 0) (i64.xor (local.get 1) (i64.const {step})))",
                step * 8
            );
        }
        let _ = writeln!(
            text,
            "(block $caught (result i32)
               (try_table (result i32) (catch {tag} $caught)
                 (i32.add (call $f{callee} (i32.const {step}))
                   (i32.add
                     (call_indirect $constant (type $t) (local.get 0) (i32.const {}))
                     (call_indirect $changed (type $t) (call $close (local.get 0))
                       (local.get 0))))))
             (i32.trunc_sat_f64_s (local.get 2))
             i32.add)",
            number % 6,
            step = number % 97
        );
    }
    text.push(')');
    text
}

/// Builds with as many threads as there are processors, or with one.
fn build(folder: &Path, arguments: &[&str], threads: Option<&str>) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmelt"));
    command
        .current_dir(folder)
        .args(["build", "-q", "many.wat", "-o", "many"])
        .args(arguments);
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads);
    }
    let built = command.output().expect("the command runs");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
    std::fs::read(folder.join("many")).expect("the executable is there")
}

#[test]
fn same_input_same_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("many.wat"), module()).expect("it can be written");
    for arguments in [["-g", "-O0"], ["-C", "strip=none"]] {
        let first = build(folder.path(), &arguments, None);
        let has = |name: String| {
            first
                .windows(name.len())
                .any(|part| part == name.as_bytes())
        };
        assert!((1..=10).all(|step| has(format!("many!f{}", step * FUNCTIONS / 10 - 1))));
        for threads in [None, Some("7"), Some("1")] {
            let again = build(folder.path(), &arguments, threads);
            let at = first.iter().zip(&again).position(|(a, b)| a != b);
            assert!(
                first == again,
                "{arguments:?}, threads {threads:?}: executables of {} and {} bytes differ at {at:?}",
                first.len(),
                again.len()
            );
        }
    }
}

/// Debug information is beside the code, and changes none of it.
#[test]
fn debug_information_changes_no_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("many.wat"), module()).expect("it can be written");
    let code = |arguments: &[&str]| {
        let arguments = [&["--emit", "obj"], arguments].concat();
        let object = build(folder.path(), &arguments, None);
        let object = object::File::parse(&*object).expect("an object");
        let text = object.section_by_name(".text").expect("it has code");
        text.data().expect("it is there").to_vec()
    };
    for level in ["-O0", "-O2", "-Os"] {
        assert!(code(&[level]) == code(&[level, "-g"]), "{level}");
    }
}
