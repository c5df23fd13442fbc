//! The program that initialises a module, and what it writes: a descriptor that has been left open;
//! globals, 16 bytes each; memories, the length before each; and at the end, how much all that is and
//! a mark.

use super::shape::{PREINIT_MODULE, Shape, reference};
use crate::error::{Error, Result};
use std::fmt::Write;
use wasmparser::ValType;

const MARK: &[u8; 8] = b"\0preinit";

const GLOBAL_BYTES: usize = 16;

/// Where in the driver's memory things lie that are written.
const BUFFER: u32 = 1024;
const BUFFER_BYTES: u32 = 1 << 16;

/// The lowest number that a descriptor may have, and how many are looked at.
const DESCRIPTORS_FIRST: u32 = 3;
const DESCRIPTORS: u32 = 1024;

/// The driver as text.
pub(super) fn driver(shape: &Shape) -> String {
    let mut imports = String::new();
    let mut steps = String::new();
    let export = quoted(&shape.export);
    let _ = writeln!(
        imports,
        "(import \"{PREINIT_MODULE}\" {export} (func $initialise))"
    );
    steps.push_str("(call $initialise)\n(call $number (call $left_open))\n");
    for &(index, ty) in &shape.globals {
        let name = quoted(&shape.global_name(index));
        let (ty, store) = global(ty, index);
        let _ = writeln!(
            imports,
            "(import \"{PREINIT_MODULE}\" {name} (global $g{index} (mut {ty})))"
        );
        let _ = writeln!(
            steps,
            "(v128.store $own (i32.const {BUFFER}) (v128.const i64x2 0 0))\n{store}\n\
             (call $put (i32.const {GLOBAL_BYTES}))"
        );
    }
    for (index, memory) in shape.memories.iter().enumerate() {
        let name = quoted(&shape.memory_name(index));
        let address = if memory.memory64 { "i64" } else { "i32" };
        let page = memory.page_size_log2.unwrap_or(16);
        let custom = match memory.page_size_log2 {
            Some(log2) => format!("(pagesize {})", 1u64 << log2),
            None => String::new(),
        };
        let _ = writeln!(
            imports,
            "(import \"{PREINIT_MODULE}\" {name} (memory $m{index} {address} 0 {custom}))"
        );
        let (size, at) = match memory.memory64 {
            true => (format!("(memory.size $m{index})"), "(local.get $at)"),
            false => (
                format!("(i64.extend_i32_u (memory.size $m{index}))"),
                "(i32.wrap_i64 (local.get $at))",
            ),
        };
        let _ = writeln!(
            steps,
            "(local.set $bytes (i64.shl {size} (i64.const {page})))\n\
             (call $number (local.get $bytes))\n\
             (local.set $at (i64.const 0))\n\
             (block $end (loop $more\n\
             (br_if $end (i64.ge_u (local.get $at) (local.get $bytes)))\n\
             (local.set $part (i64.sub (local.get $bytes) (local.get $at)))\n\
             (if (i64.gt_u (local.get $part) (i64.const {BUFFER_BYTES}))\n\
             (then (local.set $part (i64.const {BUFFER_BYTES}))))\n\
             (memory.copy $own $m{index} (i32.const {BUFFER}) {at} (i32.wrap_i64 (local.get $part)))\n\
             (call $put (i32.wrap_i64 (local.get $part)))\n\
             (local.set $at (i64.add (local.get $at) (local.get $part)))\n\
             (br $more)))"
        );
    }
    format!(
        "(module\n{imports}\
         (import \"wasi_snapshot_preview1\" \"fd_write\" (func $fd_write\n\
         (param i32 i32 i32 i32) (result i32)))\n\
         (import \"wasi_snapshot_preview1\" \"fd_prestat_get\" (func $fd_prestat_get\n\
         (param i32 i32) (result i32)))\n\
         (import \"wasi_snapshot_preview1\" \"fd_fdstat_get\" (func $fd_fdstat_get\n\
         (param i32 i32) (result i32)))\n\
         (memory $own (export \"memory\") 2)\n\
         (data $mark \"{mark}\")\n\
         (global $total (mut i64) (i64.const 0))\n\
         (func $put (param $bytes i32) (local $at i32)\n\
         (global.set $total (i64.add (global.get $total) (i64.extend_i32_u (local.get $bytes))))\n\
         (loop $more\n\
         (if (i32.eqz (local.get $bytes)) (then (return)))\n\
         (i32.store $own (i32.const 0) (i32.add (i32.const {BUFFER}) (local.get $at)))\n\
         (i32.store $own (i32.const 4) (local.get $bytes))\n\
         (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))\n\
         (then (unreachable)))\n\
         (local.set $at (i32.add (local.get $at) (i32.load $own (i32.const 8))))\n\
         (local.set $bytes (i32.sub (local.get $bytes) (i32.load $own (i32.const 8))))\n\
         (br $more)))\n\
         (func $left_open (result i64) (local $fd i32)\n\
         (local.set $fd (i32.const {DESCRIPTORS_FIRST}))\n\
         (block $end (loop $next\n\
         (if (call $fd_prestat_get (local.get $fd) (i32.const {BUFFER})) (then\n\
         (if (i32.eqz (call $fd_fdstat_get (local.get $fd) (i32.const {BUFFER})))\n\
         (then (return (i64.extend_i32_u (local.get $fd)))))))\n\
         (local.set $fd (i32.add (local.get $fd) (i32.const 1)))\n\
         (br_if $next (i32.lt_u (local.get $fd) (i32.const {DESCRIPTORS})))))\n\
         (i64.const 0))\n\
         (func $number (param $number i64)\n\
         (i64.store $own (i32.const {BUFFER}) (local.get $number))\n\
         (call $put (i32.const 8)))\n\
         (func (export \"_start\") (local $bytes i64) (local $at i64) (local $part i64)\n\
         {steps}\
         (call $number (global.get $total))\n\
         (memory.init $own $mark (i32.const {BUFFER}) (i32.const 0) (i32.const 8))\n\
         (call $put (i32.const 8))))\n",
        mark = MARK.escape_ascii().to_string().replace("\\x00", "\\00"),
    )
}

/// The type of a global, and what puts its value into the buffer: of a reference, whether it is
/// null.
fn global(ty: ValType, index: u32) -> (String, String) {
    let store = |op: &str| format!("({op}.store $own (i32.const {BUFFER}) (global.get $g{index}))");
    match ty {
        ValType::I32 => ("i32".into(), store("i32")),
        ValType::I64 => ("i64".into(), store("i64")),
        ValType::F32 => ("f32".into(), store("f32")),
        ValType::F64 => ("f64".into(), store("f64")),
        ValType::V128 => ("v128".into(), store("v128")),
        ValType::Ref(ty) => (
            ty.to_string(),
            format!("(i32.store $own (i32.const {BUFFER}) (ref.is_null (global.get $g{index})))"),
        ),
    }
}

/// A name as text.
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => text.push(byte as char),
            _ => {
                let _ = write!(text, "\\{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

/// What has become of a module.
#[derive(Debug)]
pub(super) struct State<'a> {
    pub(super) memories: Vec<&'a [u8]>,
    /// The bytes of each value.
    pub(super) globals: Vec<[u8; GLOBAL_BYTES]>,
}

/// What the module has written before, and what the driver has, without its trailer.
pub(super) fn split(output: &[u8]) -> Option<(&[u8], &[u8])> {
    let body = output.strip_suffix(MARK)?;
    let (body, total) = body.split_last_chunk::<8>()?;
    let total = usize::try_from(u64::from_le_bytes(*total)).ok()?;
    body.split_at_checked(body.len().checked_sub(total)?)
}

impl<'a> State<'a> {
    /// # Errors
    /// Where the output is not all that the driver writes, or a reference cannot be kept.
    pub(super) fn read(output: &'a [u8], shape: &Shape) -> Result<State<'a>> {
        let broken = || Error::usage("the initialisation has ended before its end");
        let (_, rest) = split(output).ok_or_else(broken)?;
        let (descriptor, mut rest) = rest.split_first_chunk().ok_or_else(broken)?;
        let descriptor = u64::from_le_bytes(*descriptor);
        if descriptor != 0 {
            let message = format!("the initialisation has left descriptor {descriptor} open");
            return Err(
                Error::usage(message).note("the program that begins there would not have it")
            );
        }
        let mut globals = Vec::new();
        for &(index, ty) in &shape.globals {
            let (value, behind) = rest.split_first_chunk().ok_or_else(broken)?;
            if reference(ty).is_some() && value[0] == 0 {
                let message = format!("global {index} cannot be kept");
                return Err(
                    Error::usage(message).note("the initialisation has put a reference into it")
                );
            }
            globals.push(*value);
            rest = behind;
        }
        let mut memories = Vec::new();
        for _ in &shape.memories {
            let (bytes, behind) = rest.split_first_chunk().ok_or_else(broken)?;
            let bytes = usize::try_from(u64::from_le_bytes(*bytes)).map_err(|_| broken())?;
            let (memory, behind) = behind.split_at_checked(bytes).ok_or_else(broken)?;
            memories.push(memory);
            rest = behind;
        }
        Ok(State { memories, globals })
    }
}
