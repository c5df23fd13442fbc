//! Sections and numbers of the binary format. Specification: core, "Binary Format / Modules".

use crate::error::{Error, Result};
use std::ops::Range;
use wasmparser::{BinaryReader, ExportSectionReader, ExternalKind};

/// Section identifiers.
pub(super) const FUNCTION: u8 = 3;
pub(super) const MEMORY: u8 = 5;
pub(super) const GLOBAL: u8 = 6;
pub(super) const EXPORT: u8 = 7;
pub(super) const START: u8 = 8;
pub(super) const CODE: u8 = 10;
pub(super) const DATA: u8 = 11;
pub(super) const DATA_COUNT: u8 = 12;

/// In a component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// Of a module and of a component.
const HEADER_BYTES: usize = 8;

/// Sections of a module or component: identifier, and where the contents are.
pub(super) fn sections(wasm: &[u8]) -> Result<Vec<(u8, Range<usize>)>> {
    let mut found = Vec::new();
    let mut at = HEADER_BYTES;
    while let Some(&id) = wasm.get(at) {
        let (size, start) = number(wasm, at + 1)?;
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| start.checked_add(size))
            .filter(|end| *end <= wasm.len())
            .ok_or_else(|| truncated(at))?;
        found.push((id, start..end));
        at = end;
    }
    Ok(found)
}

/// An unsigned number, and where it ends.
pub(super) fn number(bytes: &[u8], mut at: usize) -> Result<(u64, usize)> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at).ok_or_else(|| truncated(at))?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value, at));
        }
    }
    Err(truncated(at))
}

fn truncated(at: usize) -> Error {
    Error::invalid("the section does not end within the file", at as u64)
}

pub(super) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        let sign = byte & 0x40 != 0;
        if (value == 0 && !sign) || (value == -1 && sign) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn put_section(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    put_bytes(out, contents);
}

pub(super) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, items.len() as u64);
    out.extend(items.concat());
    out
}

/// The items of an export section, with what `choose` makes of a function's name and index.
pub(super) fn exports_with(
    section: &[u8],
    choose: impl Fn(&str, u32) -> Option<u32>,
) -> Result<Vec<Vec<u8>>> {
    let mut items = Vec::new();
    for export in ExportSectionReader::new(BinaryReader::new(section, 0))? {
        let export = export?;
        let (kind, index) = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                match choose(export.name, export.index) {
                    Some(index) => (0, index),
                    None => continue,
                }
            }
            ExternalKind::Table => (1, export.index),
            ExternalKind::Memory => (2, export.index),
            ExternalKind::Global => (3, export.index),
            ExternalKind::Tag => (4, export.index),
        };
        let mut item = Vec::new();
        put_bytes(&mut item, export.name.as_bytes());
        item.push(kind);
        put_number(&mut item, index.into());
        items.push(item);
    }
    Ok(items)
}

/// A list with further items behind its own.
pub(super) fn extended(list: &[u8], further: &[Vec<u8>]) -> Result<Vec<u8>> {
    let (count, start) = number(list, 0)?;
    let mut out = Vec::with_capacity(list.len() + 16);
    put_number(&mut out, count + further.len() as u64);
    out.extend_from_slice(&list[start..]);
    for item in further {
        out.extend_from_slice(item);
    }
    Ok(out)
}

/// A component in which core modules are replaced: where each begins, `base` being where this
/// component does, and what comes in its place.
pub(super) fn spliced(wasm: &[u8], base: usize, replaced: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut out = wasm[..HEADER_BYTES].to_vec();
    for (id, range) in sections(wasm).expect("the component was parsed before") {
        let contents = &wasm[range.clone()];
        let at = base + range.start;
        let new = replaced.iter().find(|(start, _)| *start == at);
        match (id, new) {
            (CORE_MODULE, Some((_, new))) => put_section(&mut out, id, new),
            (COMPONENT, _) => put_section(&mut out, id, &spliced(contents, at, replaced)),
            _ => put_section(&mut out, id, contents),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for value in [0, 1, 63, 64, 127, 128, 300, 1 << 35, u64::MAX] {
            let mut out = Vec::new();
            put_number(&mut out, value);
            assert_eq!(number(&out, 0).unwrap(), (value, out.len()));
        }
        let signed = |value| {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            out
        };
        assert_eq!(signed(0), [0]);
        assert_eq!(signed(-1), [0x7f]);
        assert_eq!(signed(63), [0x3f]);
        assert_eq!(signed(64), [0xc0, 0]);
        assert_eq!(signed(-65), [0xbf, 0x7f]);
        assert_eq!(signed(i64::MIN).len(), 10);
    }

    #[test]
    fn sections_that_do_not_end_are_errors() {
        assert!(sections(b"\0asm\x01\0\0\0\x01\x05ab").is_err());
        assert!(sections(b"\0asm\x01\0\0\0\x01").is_err());
        assert_eq!(
            sections(b"\0asm\x01\0\0\0\x01\x01a").unwrap(),
            [(1, 10..11)]
        );
    }
}
