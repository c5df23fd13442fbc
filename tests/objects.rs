//! Objects for other linkers than ours (`--emit obj`): they say the same as those that ours gets.

#[path = "objects/other_systems.rs"]
mod other_systems;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use wasmelt_compiler::{
    Compiled, IMAGE_SECTION, Options, POLICY_SECTION, Progress, Target, TargetCpu,
};
use wasmelt_linker::{ImageSection, LinkRequest, Linker, RuntimePack, Strip};

/// The runtime library for the host, packed by the build script.
static PACK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/", env!("WASMELT_OWN_PACK")));

/// Nobody watches tests compile.
struct Silent;

impl Progress for Silent {
    fn functions(&self, _done: usize, _total: usize) {}
}

/// Functions without names and of the same name; a table of them that can change; an instruction
/// that old processors lack; memory that is mapped from the file; calls of WASI.
const MODULE: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 3)
  (data (i32.const 0) "\00\00\02\00\06\00\00\00")
  (data (i32.const 131072) "hello\n")
  (type $t (func (param i32) (result i32)))
  (table $t (export "table") 8 16 funcref)
  (elem (table $t) (i32.const 0) func $one $two $three $four $five)
  (func $one (@name "twice") (type $t) (i32.add (call $far (local.get 0)) (i32.const 1)))
  (func $two (@name "twice") (type $t) (i32.add (call $far (local.get 0)) (i32.const 2)))
  (func $three (@name "wasmelt_program") (type $t) (i32.add (local.get 0) (i32.const 3)))
  (func $four (@name "twice.2") (type $t) (memory.grow (local.get 0)))
  (func $five (@name "a b\00c é") (type $t) (f64.store (i32.const 64) (f64.ceil (f64.load
    (i32.const 72)))) (i32.const 5))
  (func $far (type $t)
    (loop $l (br_if $l (i32.lt_s (i32.load (i32.const 4)) (local.get 0))))
    (i32.mul (local.get 0) (i32.const 7)))
  (func (export "_start") (local $i i32) (local $sum i32)
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
    (loop $next
      (local.set $sum (i32.add (local.get $sum)
        (call_indirect $t (type $t) (i32.const 0) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_s (local.get $i) (i32.const 5))))
    ;; 1 + 2 + 3 + 3 pages + 5
    (call $exit (local.get $sum))))"#;

fn compile(portable_object: bool) -> Compiled {
    let options = Options {
        // Old processors call the runtime library to round.
        target_cpu: TargetCpu::Level("x86-64"),
        policy_note: Some("a note\n".to_owned()),
        portable_object,
        ..Options::default()
    };
    wasmelt_compiler::compile(MODULE.as_bytes(), &options, &Silent, None).expect("it compiles")
}

/// An object for other linkers, for the oldest processors of the target.
fn compile_for(target: &'static Target) -> Compiled {
    let options = Options {
        target,
        target_cpu: TargetCpu::Level(target.levels[0].name),
        policy_note: Some("a note\n".to_owned()),
        portable_object: true,
        ..Options::default()
    };
    wasmelt_compiler::compile(MODULE.as_bytes(), &options, &Silent, None).expect("it compiles")
}

fn link_and_run(compiled: &Compiled, executable: &Path) -> (Option<i32>, String) {
    let pack = RuntimePack::from_bytes(PACK).expect("the build script has written it");
    let bytes = wasmelt_linker::link(LinkRequest {
        object: Arc::new(compiled.object.clone()),
        pack: &pack,
        image: compiled.image.as_ref().map(|image| ImageSection {
            section: IMAGE_SECTION.to_owned(),
            address: image.address,
            memory_bytes: image.memory_bytes,
            parts: &image.parts,
        }),
        linker: Linker::InProcess,
        strip: Strip::None,
        build_id: None,
        stack_bytes: None,
    })
    .expect("it links");
    fs::write(executable, bytes).expect("it is written");
    fs::set_permissions(executable, Permissions::from_mode(0o700)).expect("it may run");
    let output = Command::new(executable).output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

fn undefined<'a>(object: &object::File<'a>) -> BTreeSet<&'a str> {
    let symbols = object.symbols().filter(|symbol| symbol.is_undefined());
    symbols
        .filter_map(|symbol| symbol.name().ok().filter(|name| !name.is_empty()))
        .collect()
}

#[test]
fn it_is_the_same_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let expected = (Some(14), "hello\n".to_owned());
    for portable in [false, true] {
        let executable = folder.path().join(format!("portable-{portable}"));
        let ran = link_and_run(&compile(portable), &executable);
        assert_eq!(ran, expected, "portable: {portable}");
    }
}

#[test]
fn it_needs_the_same_and_has_the_same_code() {
    let (ours, theirs) = (compile(false), compile(true).object);
    let beside = ours.image.expect("it is mapped").parts;
    assert!(!beside.is_empty());
    let ours = ours.object;
    let ours = object::File::parse(&*ours).expect("an object");
    let theirs = object::File::parse(&*theirs).expect("an object");
    assert!(undefined(&theirs).contains("wasmelt_ceil_f64"));
    assert_eq!(undefined(&ours), undefined(&theirs));
    let code = |file: &object::File<'_>| {
        let text = file.section_by_name(".text").expect("code");
        let relocations: BTreeSet<u64> = text.relocations().map(|(at, _)| at).collect();
        (text.data().expect("bytes").to_vec(), relocations)
    };
    assert_eq!(code(&ours), code(&theirs));
    let section = |file: &object::File<'_>, name| {
        let section = file.section_by_name(name).expect("the section");
        (section.data().expect("bytes").to_vec(), section.flags())
    };
    assert_eq!(
        section(&ours, POLICY_SECTION),
        section(&theirs, POLICY_SECTION)
    );
    // Our own linker gets what is behind the contexts beside the object.
    let (mut image, flags) = section(&ours, IMAGE_SECTION);
    for (start, part) in beside {
        image.resize(usize::try_from(start).expect("64-bit host"), 0);
        image.extend(part);
    }
    assert_eq!((image, flags), section(&theirs, IMAGE_SECTION));
}

#[test]
fn names_are_unique() {
    let object = compile(true).object;
    let file = object::File::parse(&*object).expect("an object");
    let defined = file.symbols().filter(|symbol| symbol.is_definition());
    let mut names: Vec<&str> = defined
        .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data))
        .map(|symbol| symbol.name().expect("it is text"))
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
    for name in [
        "module!twice",
        "module!twice.2",
        "module!twice.2.2",
        "module!wasmelt_program",
        "wasmelt_program",
    ] {
        assert!(names.contains(&name), "`{name}` is not in {names:?}");
    }
}
