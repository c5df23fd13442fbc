//! Core dumps of programs that trap (`-D coredump`), as wasmparser reads them.

use std::fs;
use std::path::Path;
use std::process::Command;

use wasmparser::{
    BinaryReader, CoreDumpInstancesSection, CoreDumpModulesSection, CoreDumpSection,
    CoreDumpStackSection, CoreDumpValue, DataKind, MemoryType, Operator, Parser, Payload,
};

/// All that is in a dump.
#[derive(Default, Debug)]
struct Dump {
    program: String,
    memories: Vec<MemoryType>,
    /// The type, and the constant of the value.
    globals: Vec<String>,
    /// Memory, offset, contents.
    data: Vec<(u32, u64, Vec<u8>)>,
    modules: Vec<String>,
    /// Module, memories, globals.
    instances: Vec<(u32, Vec<u32>, Vec<u32>)>,
    /// Instance, function, offset, locals.
    frames: Vec<[u32; 4]>,
}

/// Builds a program of text with the flags, runs it, and reads what it leaves behind.
fn dump_of(text: &str, flags: &[&str]) -> Dump {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("program.wat"), text).expect("to write");
    let built = Command::new(env!("CARGO_BIN_EXE_wasmelt"))
        .args(["-q", "-D", "coredump", "program.wat"])
        .args(flags)
        .current_dir(folder.path())
        .status();
    assert!(built.expect("it starts").success());
    let run = Command::new(folder.path().join("program"))
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    assert_eq!(run.status.code(), Some(134), "{run:?}");
    read(&folder.path().join("program.coredump"))
}

fn read(path: &Path) -> Dump {
    let bytes = fs::read(path).expect("it is there");
    let mut dump = Dump::default();
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload.expect("it is a module") {
            Payload::MemorySection(memories) => {
                dump.memories = memories
                    .into_iter()
                    .map(|it| it.expect("a memory"))
                    .collect();
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global.expect("a global");
                    let mut init = global.init_expr.get_operators_reader();
                    let value = shown(&init.read().expect("a constant"));
                    assert!(matches!(init.read(), Ok(Operator::End)));
                    let mutable = if global.ty.mutable { "mut " } else { "" };
                    let ty = global.ty.content_type;
                    dump.globals.push(format!("{mutable}{ty} {value}"));
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment.expect("a segment");
                    let DataKind::Active {
                        memory_index,
                        offset_expr,
                    } = segment.kind
                    else {
                        panic!("it has a place");
                    };
                    let offset = match offset_expr.get_operators_reader().read() {
                        Ok(Operator::I32Const { value }) => u64::from(value.cast_unsigned()),
                        Ok(Operator::I64Const { value }) => value.cast_unsigned(),
                        other => panic!("{other:?}"),
                    };
                    dump.data
                        .push((memory_index, offset, segment.data.to_vec()));
                }
            }
            Payload::CustomSection(custom) => {
                let reader = BinaryReader::new(custom.data(), custom.data_offset());
                read_custom(&mut dump, custom.name(), reader);
            }
            _ => {}
        }
    }
    dump
}

fn read_custom(dump: &mut Dump, name: &str, reader: BinaryReader<'_>) {
    match name {
        "core" => {
            let section = CoreDumpSection::new(reader).expect("it is one");
            dump.program = section.name.to_owned();
        }
        "coremodules" => {
            let section = CoreDumpModulesSection::new(reader).expect("it is one");
            dump.modules = section.modules.iter().map(|it| (*it).to_owned()).collect();
        }
        "coreinstances" => {
            let section = CoreDumpInstancesSection::new(reader).expect("it is one");
            let instances = section.instances.into_iter();
            dump.instances = instances
                .map(|it| (it.module_index, it.memories, it.globals))
                .collect();
        }
        "corestack" => {
            let section = CoreDumpStackSection::new(reader).expect("it is one");
            assert_eq!(section.name, "main");
            for frame in section.frames {
                let is_missing = |value: &CoreDumpValue| matches!(value, CoreDumpValue::Missing);
                assert!(frame.locals.iter().all(is_missing) && frame.stack.is_empty());
                let locals = u32::try_from(frame.locals.len()).expect("few");
                dump.frames
                    .push([frame.instanceidx, frame.funcidx, frame.codeoffset, locals]);
            }
        }
        other => panic!("there is no section `{other}`"),
    }
}

fn shown(value: &Operator<'_>) -> String {
    match value {
        Operator::I32Const { value } => value.to_string(),
        Operator::I64Const { value } => value.to_string(),
        Operator::F32Const { value } => f32::from_bits(value.bits()).to_string(),
        Operator::F64Const { value } => f64::from_bits(value.bits()).to_string(),
        Operator::V128Const { value } => value.i128().to_string(),
        Operator::RefNull { hty } => format!("null {hty:?}"),
        other => panic!("no constant: {other:?}"),
    }
}

/// The offsets were compared with those of a dump by Wasmtime.
const NESTED: &str = r#"(module $nested
  (memory (export "memory") 1 3)
  (memory $wide i64 1)
  (global $count (mut i32) (i32.const 7))
  (global i64 (i64.const -9))
  (global $half (mut f32) (f32.const 0.5))
  (global f64 (f64.const -1.5))
  (global $pair (mut v128) (v128.const i64x2 3 0))
  (global $function (mut funcref) (ref.func $inner))
  (table 1 funcref)
  (elem (i32.const 0) func $inner)
  (data (i32.const 100) "hello")
  (data (memory $wide) (i64.const 65530) "wide")
  (func $inner (param i32) (result i32) (local f64 f64)
    (i32.div_u (local.get 0) (i32.const 0)))
  (func $middle (param i32) (result i32)
    nop local.get 0 call $inner i32.const 1 i32.add)
  (func (export "_start")
    (global.set $count (i32.const -55))
    (global.set $half (f32.const 0.25))
    (global.set $pair (v128.const i64x2 4 0))
    (global.set $function (ref.null func))
    (drop (memory.grow (i32.const 1)))
    (i32.store (i32.const 70000) (i32.const 1))
    (i64.store $wide (i64.const 0) (i64.const 2))
    (drop (call $middle (i32.const 5)))))"#;

#[test]
fn memories_globals_and_frames_are_as_they_were() {
    for flags in [&[][..], &["-O", "inline=0"], &["-O0"], &["-g", "--harden"]] {
        let dump = dump_of(NESTED, flags);
        assert_eq!(dump.program, "program");
        assert_eq!(dump.modules, ["nested"]);
        let instance = (0, vec![0, 1], vec![0, 1, 2, 3, 4, 5]);
        assert_eq!(dump.instances, [instance]);
        let memories: Vec<_> = dump
            .memories
            .iter()
            .map(|it| (it.memory64, it.initial, it.maximum))
            .collect();
        assert_eq!(memories, [(false, 2, Some(3)), (true, 1, None)]);
        let expected = [
            "mut i32 -55",
            "i64 -9",
            "mut f32 0.25",
            "f64 -1.5",
            "mut v128 4",
        ];
        assert_eq!(dump.globals[..5], expected);
        assert!(dump.globals[5].starts_with("mut funcref null"));
        let data = [
            (0, 100, b"hello".to_vec()),
            (0, 70_000, vec![1]),
            (1, 0, vec![2]),
            (1, 65_530, b"wide".to_vec()),
        ];
        assert_eq!(dump.data, data, "{flags:?}");
        assert_eq!(
            dump.frames,
            [[0, 0, 7, 3], [0, 1, 4, 1], [0, 2, 60, 0]],
            "{flags:?}"
        );
    }
}

/// Two instances of one module.
const COMPONENT: &str = r#"(component
  (core module $library
    (memory (export "memory") 1)
    (global $calls (mut i32) (i32.const 0))
    (func (export "fail") (param i32) (local i32)
      (global.set $calls (i32.add (global.get $calls) (local.get 0)))
      (i32.store8 (i32.const 9) (local.get 0))
      unreachable))
  (core instance $first (instantiate $library))
  (core instance $second (instantiate $library))
  (core module $main
    (import "second" "fail" (func $fail (param i32)))
    (memory (export "memory") 2)
    (func (export "run") (result i32) (call $fail (i32.const 6)) (i32.const 0)))
  (core instance $main (instantiate $main (with "second" (instance $second))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))"#;

#[test]
fn instances_of_one_module_have_memories_and_globals_of_their_own() {
    let dump = dump_of(COMPONENT, &[]);
    assert_eq!(dump.modules.len(), 2);
    let instances = [
        (0, vec![0], vec![0]),
        (0, vec![1], vec![1]),
        (1, vec![2], vec![]),
    ];
    assert_eq!(dump.instances, instances);
    assert_eq!(dump.globals, ["mut i32 0", "mut i32 6"]);
    assert_eq!(dump.data, [(1, 9, vec![6])]);
    let pages: Vec<u64> = dump.memories.iter().map(|it| it.initial).collect();
    assert_eq!(pages, [1, 1, 2]);
    let frames: Vec<_> = dump.frames.iter().map(|it| (it[0], it[1], it[3])).collect();
    assert_eq!(frames, [(1, 0, 2), (2, 1, 0)]);
}

#[test]
fn an_exhausted_stack_has_all_its_frames() {
    let text = "(module (func (export \"_start\") (call 0) nop (call 0)))";
    let dump = dump_of(text, &["-W", "max-wasm-stack=1048576"]);
    assert!(dump.frames.len() > 10_000, "{}", dump.frames.len());
    let (innermost, callers) = dump.frames.split_first().expect("there are some");
    assert_eq!(innermost[..2], [0, 0]);
    assert!(callers.iter().all(|frame| *frame == [0, 0, 1, 0]));
}
