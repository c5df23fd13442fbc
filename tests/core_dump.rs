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
    /// The values of each frame's locals; nothing where one is missing.
    locals: Vec<Vec<Option<String>>>,
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
                assert!(frame.stack.is_empty());
                dump.locals.push(frame.locals.iter().map(known).collect());
                let locals = u32::try_from(frame.locals.len()).expect("few");
                dump.frames
                    .push([frame.instanceidx, frame.funcidx, frame.codeoffset, locals]);
            }
        }
        other => panic!("there is no section `{other}`"),
    }
}

fn known(value: &CoreDumpValue) -> Option<String> {
    match value {
        CoreDumpValue::Missing => None,
        CoreDumpValue::I32(value) => Some(format!("i32 {value}")),
        CoreDumpValue::I64(value) => Some(format!("i64 {value}")),
        CoreDumpValue::F32(value) => Some(format!("f32 {}", f32::from_bits(value.bits()))),
        CoreDumpValue::F64(value) => Some(format!("f64 {}", f64::from_bits(value.bits()))),
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

/// What is in locals where `$inner` traps is what is told of them, or nothing is. Each frame has other
/// values, some of which were there before the locals were set to them.
const VALUES: &str = r#"(module $values
  (memory 1)
  (global $never (mut i32) (i32.const 0))
  (func $inner (param i32 i64 f32 f64) (result i32) (local $late i32) (local $sum i32)
    (local.set $sum (i32.add (local.get 0) (i32.const 10)))
    (if (i32.eqz (local.get 0)) (then
      (i64.store (i32.mul (local.get $sum) (i32.const 100000000)) (local.get 1))))
    (local.set $late (local.get $sum))
    (local.set $sum (call $inner (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 1)) (f32.add (local.get 2) (f32.const 1))
      (f64.add (local.get 3) (f64.const 1))))
    (i32.store (i32.const 0) (local.get $late))
    (f64.store (i32.const 8) (local.get 3))
    (f32.store (i32.const 16) (local.get 2))
    (i64.store (i32.const 24) (local.get 1))
    (i32.add (local.get 0) (local.get $sum)))
  (func $small (param i32) (result i32) (local $twice i32)
    (local.set $twice (i32.mul (local.get 0) (i32.const 2)))
    (i32.add (call $inner (local.get 0) (i64.const 100) (f32.const 0.5) (f64.const 0.25))
      (local.get $twice)))
  (func (export "_start")
    (if (global.get $never) (then (drop (call $small (i32.const 9)))))
    (drop (call $small (i32.const 3)))))"#;

#[test]
fn locals_have_their_values_or_none() {
    let mut known = 0;
    for flags in [&[][..], &["-O", "inline=0"], &["-O0"], &["-g"]] {
        let dump = dump_of(VALUES, flags);
        assert_eq!(dump.frames.len(), 6, "{flags:?}");
        for (depth, locals) in dump.locals[..4].iter().enumerate() {
            // The innermost one has none of `$late` yet, nor the one that it is called with.
            let late = if depth == 0 { 0 } else { depth + 10 };
            let expected = [
                format!("i32 {depth}"),
                format!("i64 {}", 103 - depth),
                format!("f32 {}", 3.5 - depth as f32),
                format!("f64 {}", 3.25 - depth as f64),
                format!("i32 {late}"),
                format!("i32 {}", depth + 10),
            ];
            assert_eq!(locals.len(), expected.len());
            for (local, (found, expected)) in locals.iter().zip(&expected).enumerate() {
                let is_right = found.as_ref().is_none_or(|found| found == expected);
                assert!(
                    is_right,
                    "{flags:?}, frame {depth}, local {local}: {found:?}, not {expected}"
                );
            }
        }
        let of_small = [String::from("i32 3"), String::from("i32 6")];
        let found = dump.locals[4].iter().zip(&of_small);
        let mut found = found.filter_map(|(found, expected)| Some((found.as_ref()?, expected)));
        assert!(
            found.all(|(found, expected)| found == expected),
            "{flags:?}: {:?}",
            dump.locals[4]
        );
        known += dump.locals.iter().flatten().flatten().count();
    }
    assert!(known > 40, "{known}");
}

/// A program that sets locals at random, and stores each in memory as soon as it is set, until it traps
/// after so many steps. Each call has a line of the memory.
struct Shadowed {
    random: u32,
    text: String,
}

const SHADOWED_LOCALS: u32 = 8;
const SHADOW_BYTES: u32 = 4 * SHADOWED_LOCALS;

impl Shadowed {
    fn next(&mut self, below: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random % below
    }

    fn program(seed: u32) -> String {
        let mut it = Shadowed {
            random: seed.wrapping_mul(2_654_435_761) | 1,
            text: String::new(),
        };
        it.statements(4);
        let steps = it.next(60);
        format!(
            "(module (memory 1) (global $steps (mut i32) (i32.const {steps}))
             (global $turns (mut i32) (i32.const 20)) (global $depth (mut i32) (i32.const -1))
             (func $step (if (i32.eqz (global.get $steps)) (then unreachable))
               (global.set $steps (i32.sub (global.get $steps) (i32.const 1))))
             (func $f (param i32 i32 i32) (local i32 i32 i32 i32 i32)
               (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
               {stores} {body}
               (global.set $depth (i32.sub (global.get $depth) (i32.const 1))))
             (func (export \"_start\")
               (call $f (i32.const 1) (i32.const 2) (i32.const 3)) unreachable))",
            stores = (0..SHADOWED_LOCALS).map(store).collect::<String>(),
            body = it.text,
        )
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..2 + self.next(4) {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        let [to, a, b] = [(); 3].map(|()| self.next(SHADOWED_LOCALS));
        match self.next(if depth == 0 { 4 } else { 8 }) {
            0 => self.text.push_str("(call $step)\n"),
            1..=3 => {
                let op = ["add", "sub", "xor", "mul"][self.next(4) as usize];
                let number = self.next(7);
                let other = match number {
                    0..3 => format!("(i32.const {number})"),
                    _ => format!("(local.get {b})"),
                };
                self.text += &format!("(local.set {to} (i32.{op} (local.get {a}) {other}))\n");
                self.text += &store(to);
            }
            4 | 5 => {
                self.text += &format!("(if (i32.and (local.get {a}) (i32.const 1)) (then\n");
                self.statements(depth - 1);
                self.text += ") (else\n";
                self.statements(depth - 1);
                self.text += "))\n";
            }
            6 => {
                self.text +=
                    "(loop (global.set $turns (i32.sub (global.get $turns) (i32.const 1)))\n";
                self.statements(depth - 1);
                self.text += "(br_if 0 (i32.gt_s (global.get $turns) (i32.const 0))))\n";
            }
            _ => {
                self.text += "(if (i32.lt_s (global.get $depth) (i32.const 3)) (then";
                self.text +=
                    &format!("(call $f (local.get {to}) (local.get {a}) (local.get {b}))))\n");
            }
        }
    }
}

fn store(local: u32) -> String {
    format!(
        "(i32.store offset={} (i32.mul (global.get $depth) (i32.const {SHADOW_BYTES})) (local.get {local}))\n",
        4 * local
    )
}

#[test]
fn locals_are_what_was_stored_of_them() {
    let mut known = 0;
    for seed in 1..=24 {
        let text = Shadowed::program(seed);
        for flags in [&[][..], &["-O", "inline=0"], &["-O0"]] {
            let dump = dump_of(&text, flags);
            let mut memory = vec![0; 65_536];
            for (_, at, bytes) in &dump.data {
                memory[*at as usize..][..bytes.len()].copy_from_slice(bytes);
            }
            // Those of `$f`, the outermost first.
            let frames = dump.locals.iter().filter(|locals| locals.len() == 8);
            for (depth, locals) in frames.rev().enumerate() {
                for (local, value) in locals.iter().enumerate() {
                    let at = depth * SHADOW_BYTES as usize + 4 * local;
                    let stored: [u8; 4] = memory[at..at + 4].try_into().expect("four");
                    let stored = format!("i32 {}", i32::from_le_bytes(stored));
                    let is_right = value.as_ref().is_none_or(|value| *value == stored);
                    assert!(
                        is_right,
                        "{flags:?}, local {local} at depth {depth}: {value:?}, not {stored}\n{text}"
                    );
                    known += usize::from(value.is_some());
                }
            }
        }
    }
    assert!(known > 100, "{known}");
}
