//! Which lines of which source code is from: what `wasmelt_abi::sources` says. Only programs that
//! have it link this.

use crate::vm::places::{self, Origin, find, signed};
use crate::vm::process::items;
use wasmelt_abi::CodeMap;
use wasmelt_abi::places::Frame;
use wasmelt_abi::sources::{Scope, Sources, Text};

/// See `wasmelt_abi::FindFrame`: between functions are those that the module's compiler has
/// inlined.
#[unsafe(no_mangle)]
fn wasmelt_source_frame(
    code: &'static CodeMap,
    offset: u32,
    number: usize,
    frame: &mut Frame,
) -> bool {
    let found = source_frame(code, offset, number);
    if let Some(found) = found {
        *frame = found;
    }
    found.is_some()
}

fn source_frame(code: &'static CodeMap, offset: u32, mut number: usize) -> Option<Frame> {
    let places = places::known(code)?;
    // SAFETY: where it is not null, the compiler wrote it.
    let sources = unsafe { places.sources.as_ref() }?;
    for outer in 0.. {
        let origin = places::origin(code, places, offset, outer)?;
        let (mut scope, mut position) = row(sources, origin).unwrap_or_default();
        let mut frame = places::frame_of(code, origin);
        let mut is_innermost = true;
        loop {
            let inner = scope_at(sources, scope);
            if number == 0 {
                let [file, line, column] = position;
                let path = items(&sources.files).get((file as usize).wrapping_sub(1));
                (frame.line, frame.column) = (line, column);
                frame.file = path.map_or(&[], |&path| text(sources, path));
                if let Some(inner) = inner {
                    frame.name = text(sources, inner.name);
                }
                // The others are at the same one.
                frame.wasm_offset = frame.wasm_offset.filter(|_| is_innermost);
                return Some(frame);
            }
            number -= 1;
            let Some(inner) = inner else {
                break;
            };
            (scope, position) = (inner.parent, inner.call);
            is_innermost = false;
        }
    }
    None
}

/// The scope and the position at an offset of a function's body.
fn row(sources: &'static Sources, origin: Origin) -> Option<(u32, [u32; 3])> {
    let offset = origin.offset?;
    let mut reader = find(&sources.records, sources.groups, origin.function)?;
    let mut found = None;
    let (mut at, mut line) = (0, 0_u32);
    while !reader.is_empty() {
        at += reader.number();
        let scope = reader.number();
        let file = reader.number();
        let mut position = [0; 3];
        if file != 0 {
            line = line.wrapping_add_signed(signed(reader.number()));
            position = [file, line, reader.number()];
        }
        if at > offset {
            break;
        }
        found = Some((scope, position));
    }
    found
}

fn scope_at(sources: &'static Sources, scope: u32) -> Option<&'static Scope> {
    items(&sources.scopes).get((scope as usize).wrapping_sub(1))
}

fn text(sources: &'static Sources, text: Text) -> &'static [u8] {
    let (start, end) = (text.start as usize, (text.start + text.len) as usize);
    items(&sources.texts).get(start..end).unwrap_or(&[])
}
