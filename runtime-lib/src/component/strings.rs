//! Strings in guest memory: `load_string_from_range` and `store_string_into_range` of the
//! canonical ABI, for all pairs of encodings, with exactly its calls of `realloc`.
//!
//! Differs from the spec: what is wrong with a string's code units is found when they are written,
//! so after the first `realloc` and not before. The program ends either way.

use crate::component::heap::{Fault, Heap, check_len};
use crate::vm::GuestMemory;
use wasmelt_abi::{PtrType, StringEncoding};

/// `utf16_tag`: the bit of a length in `latin1+utf16` that says UTF-16.
#[inline]
const fn utf16_tag(ptr_type: PtrType) -> u64 {
    1 << (8 * ptr_type.bytes() - 1)
}

/// The code units of a string and what they mean.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Utf8(&'a [u8]),
    /// Two bytes a unit.
    Utf16(&'a [u8]),
    Latin1(&'a [u8]),
}

/// Address and length of a string, the latter with its tag.
pub(super) type Range = (u64, u64);

/// The encoding of canonical options.
#[inline]
pub(super) fn encoding(number: u32) -> StringEncoding {
    match number {
        0 => StringEncoding::Utf8,
        1 => StringEncoding::Utf16,
        _ => StringEncoding::CompactUtf16,
    }
}

/// `load_string_from_range` up to the decoding.
#[inline]
pub(super) fn source(
    memory: &GuestMemory,
    (encoding, ptr_type): (StringEncoding, PtrType),
    (at, units): Range,
) -> Result<Source<'_>, Fault> {
    let tag = utf16_tag(ptr_type);
    let tagged = units & tag != 0;
    let (align, bytes) = match encoding {
        StringEncoding::Utf8 => (1, units),
        StringEncoding::Utf16 => (2, units.saturating_mul(2)),
        StringEncoding::CompactUtf16 if tagged => (2, (units ^ tag).saturating_mul(2)),
        StringEncoding::CompactUtf16 => (2, units),
    };
    let bytes = check_len(bytes)?;
    if !at.is_multiple_of(align.into()) {
        return Err(Fault::Misaligned(align));
    }
    let bytes = memory.bytes(at, bytes).map_err(|_| Fault::OutOfBounds)?;
    Ok(match encoding {
        StringEncoding::Utf8 => Source::Utf8(bytes),
        StringEncoding::CompactUtf16 if !tagged => Source::Latin1(bytes),
        _ => Source::Utf16(bytes),
    })
}

impl Source<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        let (Source::Utf8(bytes) | Source::Utf16(bytes) | Source::Latin1(bytes)) = *self;
        bytes
    }

    /// The same kind of code units, elsewhere.
    pub(super) fn with_bytes(self, bytes: &[u8]) -> Source<'_> {
        match self {
            Source::Utf8(_) => Source::Utf8(bytes),
            Source::Utf16(_) => Source::Utf16(bytes),
            Source::Latin1(_) => Source::Latin1(bytes),
        }
    }

    /// The string.
    pub(super) fn decode(self) -> Result<String, Fault> {
        match self {
            Source::Utf8(bytes) => utf8(bytes).map(str::to_owned),
            Source::Utf16(bytes) => utf16_chars(bytes).collect(),
            Source::Latin1(bytes) => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
        }
    }
}

/// `store_string_into_range`.
#[inline]
pub(super) fn store(
    heap: &mut Heap,
    source: Source<'_>,
    encoding: StringEncoding,
) -> Result<Range, Fault> {
    match (encoding, source) {
        (StringEncoding::Utf8, Source::Utf8(bytes)) => copy_utf8(heap, bytes),
        (StringEncoding::Utf8, Source::Utf16(bytes)) => {
            let units = bytes.len() as u32 / 2;
            to_utf8(heap, units, units * 3, utf16_chars(bytes))
        }
        (StringEncoding::Utf8, Source::Latin1(bytes)) => {
            let units = bytes.len() as u32;
            to_utf8(heap, units, units * 2, latin1_chars(bytes))
        }
        (StringEncoding::Utf16, Source::Utf8(bytes)) => utf8_to_utf16(heap, bytes),
        (StringEncoding::Utf16, Source::Utf16(bytes)) => copy_utf16(heap, bytes),
        (StringEncoding::Utf16, Source::Latin1(bytes)) => widen_latin1(heap, bytes),
        (StringEncoding::CompactUtf16, Source::Utf8(bytes)) => {
            to_compact(heap, bytes.len() as u32, utf8(bytes)?.chars().map(Ok))
        }
        (StringEncoding::CompactUtf16, Source::Latin1(bytes)) => {
            let at = heap.allocate(2, bytes.len() as u64)?;
            heap.block(at, bytes.len() as u32).copy_from_slice(bytes);
            Ok((at, bytes.len() as u64))
        }
        (StringEncoding::CompactUtf16, Source::Utf16(bytes)) => {
            to_compact(heap, bytes.len() as u32 / 2, utf16_chars(bytes))
        }
    }
}

/// `store_string_into_range` between two memories: as [`store`], but a string in UTF-16 that says
/// so with its tag is taken to need it.
#[inline]
pub(super) fn transfer(
    heap: &mut Heap,
    source: Source<'_>,
    from: StringEncoding,
    to: StringEncoding,
) -> Result<Range, Fault> {
    match (from, to, source) {
        (StringEncoding::CompactUtf16, StringEncoding::CompactUtf16, Source::Utf16(bytes)) => {
            probably_utf16_to_compact(heap, bytes)
        }
        _ => store(heap, source, to),
    }
}

/// `store_string_copy` of UTF-8.
#[inline]
fn copy_utf8(heap: &mut Heap, bytes: &[u8]) -> Result<Range, Fault> {
    let at = heap.allocate(1, bytes.len() as u64)?;
    utf8(bytes)?;
    heap.block(at, bytes.len() as u32).copy_from_slice(bytes);
    Ok((at, bytes.len() as u64))
}

/// `store_string_copy` of UTF-16.
fn copy_utf16(heap: &mut Heap, bytes: &[u8]) -> Result<Range, Fault> {
    let at = heap.allocate(2, bytes.len() as u64)?;
    utf16_chars(bytes).try_for_each(|char| char.map(drop))?;
    heap.block(at, bytes.len() as u32).copy_from_slice(bytes);
    Ok((at, bytes.len() as u64 / 2))
}

/// `store_string_copy` of Latin-1 to UTF-16.
fn widen_latin1(heap: &mut Heap, bytes: &[u8]) -> Result<Range, Fault> {
    let at = heap.allocate(2, bytes.len() as u64 * 2)?;
    let target = heap.block(at, bytes.len() as u32 * 2);
    for (unit, &byte) in target.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *unit = [byte, 0];
    }
    Ok((at, bytes.len() as u64))
}

/// `store_string_to_utf8`.
fn to_utf8(
    heap: &mut Heap,
    units: u32,
    worst_case: u32,
    mut chars: impl Iterator<Item = Result<char, Fault>>,
) -> Result<Range, Fault> {
    let mut at = heap.allocate(1, units.into())?;
    let target = heap.block(at, units);
    let mut len = 0;
    let first_long = loop {
        match chars.next().transpose()? {
            Some(char) if char.is_ascii() => {
                target[len as usize] = char as u8;
                len += 1;
            }
            Some(char) => break char,
            None => return Ok((at, units.into())),
        }
    };
    at = heap.realloc(at, units, 1, worst_case)?;
    let target = heap.block(at, worst_case);
    for char in std::iter::once(Ok(first_long)).chain(chars) {
        len += char?.encode_utf8(&mut target[len as usize..]).len() as u32;
    }
    if worst_case > len {
        at = heap.realloc(at, worst_case, 1, len)?;
    }
    Ok((at, len.into()))
}

/// `store_utf8_to_utf16`.
fn utf8_to_utf16(heap: &mut Heap, bytes: &[u8]) -> Result<Range, Fault> {
    let worst_case = bytes.len() as u32 * 2;
    let mut at = heap.allocate(2, worst_case.into())?;
    let target = heap.block(at, worst_case);
    let mut len = 0;
    for unit in utf8(bytes)?.encode_utf16() {
        target[len..len + 2].copy_from_slice(&unit.to_le_bytes());
        len += 2;
    }
    let len = len as u32;
    if len < worst_case {
        at = heap.realloc(at, worst_case, 2, len)?;
    }
    Ok((at, u64::from(len / 2)))
}

/// `store_string_to_latin1_or_utf16`.
fn to_compact(
    heap: &mut Heap,
    units: u32,
    mut chars: impl Iterator<Item = Result<char, Fault>>,
) -> Result<Range, Fault> {
    let mut at = heap.allocate(2, units.into())?;
    let target = heap.block(at, units);
    let mut len = 0;
    let first_long = loop {
        match chars.next().transpose()? {
            Some(char) if u32::from(char) < 1 << 8 => {
                target[len] = char as u8;
                len += 1;
            }
            Some(char) => break char,
            None => {
                let len = len as u32;
                if len < units {
                    at = heap.realloc(at, units, 2, len)?;
                }
                return Ok((at, len.into()));
            }
        }
    };
    let worst_case = units.checked_mul(2).ok_or(Fault::TooLong)?;
    at = heap.realloc(at, units, 2, worst_case)?;
    let target = heap.block(at, worst_case);
    for index in (0..len).rev() {
        target[2 * index] = target[index];
        target[2 * index + 1] = 0;
    }
    len *= 2;
    for char in std::iter::once(Ok(first_long)).chain(chars) {
        for unit in char?.encode_utf16(&mut [0; 2]) {
            target[len..len + 2].copy_from_slice(&unit.to_le_bytes());
            len += 2;
        }
    }
    let len = len as u32;
    if worst_case > len {
        at = heap.realloc(at, worst_case, 2, len)?;
    }
    Ok((at, u64::from(len / 2) | utf16_tag(heap.ptr_type())))
}

/// `store_probably_utf16_to_latin1_or_utf16`. Differs from the spec, as Wasmtime does: the block
/// that shrinks stays aligned, without which the string could not be lifted again.
fn probably_utf16_to_compact(heap: &mut Heap, bytes: &[u8]) -> Result<Range, Fault> {
    let units = bytes.len() as u32 / 2;
    let at = heap.allocate(2, bytes.len() as u64)?;
    let mut long = false;
    for char in utf16_chars(bytes) {
        long |= u32::from(char?) >= 1 << 8;
    }
    let target = heap.block(at, bytes.len() as u32);
    if long {
        target.copy_from_slice(bytes);
        return Ok((at, u64::from(units) | utf16_tag(heap.ptr_type())));
    }
    for (byte, unit) in target.iter_mut().zip(bytes.as_chunks::<2>().0) {
        *byte = unit[0];
    }
    let at = heap.realloc(at, bytes.len() as u32, 2, units)?;
    Ok((at, units.into()))
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| match error.error_len() {
        Some(_) => Fault::InvalidUtf8,
        None => Fault::IncompleteUtf8,
    })
}

fn utf16_chars(bytes: &[u8]) -> impl Iterator<Item = Result<char, Fault>> {
    let units = bytes.as_chunks::<2>().0.iter();
    char::decode_utf16(units.map(|unit| u16::from_le_bytes(*unit)))
        .map(|char| char.map_err(|_| Fault::InvalidUtf16))
}

fn latin1_chars(bytes: &[u8]) -> impl Iterator<Item = Result<char, Fault>> {
    bytes.iter().map(|&byte| Ok(char::from(byte)))
}
