//! A module as it is after its initialisation: what is in its memories and globals is what it
//! begins with, and nothing is left of what has run.

use super::binary::{
    CODE, DATA, DATA_COUNT, EXPORT, FUNCTION, GLOBAL, MEMORY, START, exports_with, extended, list,
    number, put_bytes, put_number, put_section, put_signed, sections,
};
use super::driver::State;
use super::shape::{EmptyFunction, INITIALIZE, Shape};
use crate::error::Result;
use wasmparser::{
    BinaryReader, Data, DataKind, DataSectionReader, GlobalSectionReader, MemoryType, ValType,
};

/// Memory is written in segments; zeros between them are left out from so many on.
const BLOCK_BYTES: usize = 16;

/// Engines, this one too, take 100,000 segments.
const SEGMENTS_MAX: usize = 10_000;

const END: u8 = 0x0b;

/// A function without locals and instructions.
const EMPTY_BODY: [u8; 3] = [2, 0, END];

/// The module. `keep_export`: somebody refers to the function that has initialised it.
pub(super) fn rewritten(
    wasm: &[u8],
    shape: &Shape,
    state: &State<'_>,
    keep_export: bool,
) -> Result<Vec<u8>> {
    let sections = sections(wasm)?;
    let contents = |id: u8| {
        let found = sections.iter().find(|(found, _)| *found == id);
        found.map(|(_, range)| &wasm[range.clone()])
    };
    // `_initialize` has run, and whoever calls it again finds nothing to be done.
    let nothing = shape.initialize.as_ref();
    let data = data(contents(DATA), shape, state)?;
    let mut out = wasm[..8].to_vec();
    for (id, range) in &sections {
        let own = &wasm[range.clone()];
        match *id {
            START => {}
            FUNCTION if let Some(nothing) = nothing => {
                let mut ty = Vec::new();
                put_number(&mut ty, nothing.ty.into());
                put_section(&mut out, FUNCTION, &extended(own, &[ty])?);
            }
            MEMORY => put_section(&mut out, MEMORY, &memories(shape, state)),
            GLOBAL => put_section(&mut out, GLOBAL, &globals(own, shape, state)?),
            EXPORT => {
                let exports = exports(own, shape, nothing, keep_export)?;
                put_section(&mut out, EXPORT, &exports);
            }
            DATA_COUNT => {
                let (count, _) = number(&data, 0)?;
                let mut contents = Vec::new();
                put_number(&mut contents, count);
                put_section(&mut out, DATA_COUNT, &contents);
            }
            CODE => {
                let body = nothing.is_some().then(|| EMPTY_BODY.to_vec());
                let further: Vec<_> = body.into_iter().collect();
                put_section(&mut out, CODE, &extended(own, &further)?);
                if contents(DATA).is_none() {
                    put_section(&mut out, DATA, &data);
                }
            }
            DATA => put_section(&mut out, DATA, &data),
            _ => put_section(&mut out, *id, own),
        }
    }
    Ok(out)
}

fn memories(shape: &Shape, state: &State<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, shape.memories.len() as u64);
    for (memory, bytes) in shape.memories.iter().zip(&state.memories) {
        let MemoryType {
            memory64,
            shared,
            maximum,
            page_size_log2,
            ..
        } = *memory;
        let flags = u8::from(maximum.is_some())
            | (u8::from(shared) << 1)
            | (u8::from(memory64) << 2)
            | (u8::from(page_size_log2.is_some()) << 3);
        out.push(flags);
        put_number(
            &mut out,
            (bytes.len() as u64) >> page_size_log2.unwrap_or(16),
        );
        if let Some(maximum) = maximum {
            put_number(&mut out, maximum);
        }
        if let Some(log2) = page_size_log2 {
            put_number(&mut out, log2.into());
        }
    }
    out
}

/// Globals that cannot change stay as they are, and so do references, which are null.
fn globals(own: &[u8], shape: &Shape, state: &State<'_>) -> Result<Vec<u8>> {
    let reader = GlobalSectionReader::new(BinaryReader::new(own, 0))?;
    let count = reader.count();
    let mut starts = Vec::new();
    let mut types = Vec::new();
    for global in reader.into_iter_with_offsets() {
        let (start, global) = global?;
        starts.push(start as usize);
        types.push(global.init_expr.get_binary_reader().range().start as usize);
    }
    starts.push(own.len());
    let mut out = Vec::new();
    put_number(&mut out, count.into());
    for (index, &ty_end) in types.iter().enumerate() {
        let changed = shape
            .globals
            .iter()
            .position(|(at, _)| *at as usize == index);
        let value = changed.map(|at| (shape.globals[at].1, &state.globals[at]));
        match value {
            Some((ValType::Ref(ty), _)) => {
                out.extend_from_slice(&own[starts[index]..ty_end]);
                out.push(0xd0);
                out.push(if ty.is_func_ref() { 0x70 } else { 0x6f });
                out.push(END);
            }
            Some((ty, value)) => {
                out.extend_from_slice(&own[starts[index]..ty_end]);
                put_constant(&mut out, ty, value);
                out.push(END);
            }
            None => out.extend_from_slice(&own[starts[index]..starts[index + 1]]),
        }
    }
    Ok(out)
}

fn put_constant(out: &mut Vec<u8>, ty: ValType, value: &[u8; 16]) {
    let (long, _) = value.split_first_chunk::<8>().expect("there are 16 bytes");
    let (short, _) = value.split_first_chunk::<4>().expect("there are 16 bytes");
    match ty {
        ValType::I32 => {
            out.push(0x41);
            put_signed(out, i32::from_le_bytes(*short).into());
        }
        ValType::I64 => {
            out.push(0x42);
            put_signed(out, i64::from_le_bytes(*long));
        }
        ValType::F32 => {
            out.push(0x43);
            out.extend_from_slice(short);
        }
        ValType::F64 => {
            out.push(0x44);
            out.extend_from_slice(long);
        }
        ValType::V128 => {
            out.extend_from_slice(&[0xfd, 0x0c]);
            out.extend_from_slice(value);
        }
        ValType::Ref(_) => unreachable!("references have no bytes"),
    }
}

fn exports(
    own: &[u8],
    shape: &Shape,
    nothing: Option<&EmptyFunction>,
    keep_export: bool,
) -> Result<Vec<u8>> {
    let items = exports_with(own, |name, index| match nothing {
        Some(nothing) if name == INITIALIZE => Some(nothing.index),
        _ if name == shape.export && !keep_export => None,
        _ => Some(index),
    })?;
    Ok(list(&items))
}

/// Segments keep their numbers. Active ones are in the memories already.
fn data(own: Option<&[u8]>, shape: &Shape, state: &State<'_>) -> Result<Vec<u8>> {
    let mut items = Vec::new();
    if let Some(own) = own {
        for data in DataSectionReader::new(BinaryReader::new(own, 0))? {
            let Data { kind, data, .. } = data?;
            let mut item = vec![1];
            put_bytes(
                &mut item,
                match kind {
                    DataKind::Passive => data,
                    DataKind::Active { .. } => &[],
                },
            );
            items.push(item);
        }
    }
    for (index, (memory, bytes)) in shape.memories.iter().zip(&state.memories).enumerate() {
        for (start, end) in runs(bytes) {
            let mut item = Vec::new();
            match index {
                0 => item.push(0),
                _ => {
                    item.push(2);
                    put_number(&mut item, index as u64);
                }
            }
            match memory.memory64 {
                true => {
                    item.push(0x42);
                    put_signed(&mut item, start as i64);
                }
                false => {
                    item.push(0x41);
                    put_signed(&mut item, i64::from(start as u32 as i32));
                }
            }
            item.push(END);
            put_bytes(&mut item, &bytes[start..end]);
            items.push(item);
        }
    }
    Ok(list(&items))
}

/// Where there is more than zeros: beginnings and ends, with as few zeros in between as there may be
/// segments for.
fn runs(bytes: &[u8]) -> Vec<(usize, usize)> {
    let blocks = bytes.chunks(BLOCK_BYTES).enumerate();
    let set = blocks.filter(|(_, block)| block.iter().any(|byte| *byte != 0));
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (block, contents) in set {
        let start = block * BLOCK_BYTES;
        let end = start + contents.len();
        match runs.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => runs.push((start, end)),
        }
    }
    let mut gap = BLOCK_BYTES;
    while runs.len() > SEGMENTS_MAX {
        gap *= 2;
        let mut fewer: Vec<(usize, usize)> = Vec::new();
        for (start, end) in runs {
            match fewer.last_mut() {
                Some(last) if start - last.1 <= gap => last.1 = end,
                _ => fewer.push((start, end)),
            }
        }
        runs = fewer;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out() {
        let mut bytes = vec![0; 100];
        assert_eq!(runs(&bytes), []);
        bytes[3] = 1;
        bytes[17] = 1;
        bytes[99] = 1;
        assert_eq!(runs(&bytes), [(0, 32), (96, 100)]);
    }

    #[test]
    fn there_are_not_too_many_segments() {
        let mut bytes = vec![0; 64 * 40_000];
        for block in bytes.chunks_mut(64) {
            block[0] = 1;
        }
        let runs = runs(&bytes);
        assert!(runs.len() <= SEGMENTS_MAX);
        assert_eq!(runs.first().map(|run| run.0), Some(0));
        assert!(runs.last().is_some_and(|run| run.1 > 64 * 39_999));
    }
}
