//! Strings between all pairs of encodings, with the calls of `realloc` that the canonical ABI
//! makes for each.

use super::guest::{FIRST_BLOCK, Guest, let_realloc_be_wrong_by, realloc_calls, trap_text};
use crate::component::heap::{Fault, check_len};
use crate::component::runtime_fns::string_transfer;
use crate::vm::store;
use wasmelt_abi::CanonOptions;
use wasmelt_abi::StringEncoding::{self, CompactUtf16, Utf8, Utf16};

const TAG: u32 = 1 << 31;

/// A block: old size, alignment, new size.
type Block = (u32, u32, u32);

/// What became of a string.
#[derive(PartialEq, Debug)]
struct Transferred {
    bytes: Vec<u8>,
    units: u32,
    blocks: Vec<Block>,
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| char as u8).collect()
}

/// Transfers a string of `units` code units that lies at `at`.
fn transfer_at(
    from: StringEncoding,
    to: StringEncoding,
    at: u32,
    bytes: &[u8],
    units: u32,
) -> Transferred {
    let store = store::new_for_tests();
    let mut source = Guest::in_store(store, 0, from);
    let mut target = Guest::in_store(store, 1, to);
    source.write(at, bytes);
    let memory = target.memory().start();
    let options = |options: &mut CanonOptions| std::ptr::from_mut(options).cast();
    let (from_options, to_options) = (options(&mut source.options), options(&mut target.options));
    // SAFETY: both memories are of the store, and the options are those of the memories.
    let packed = unsafe {
        string_transfer(
            memory,
            from_options,
            to_options,
            at.cast_signed(),
            units.cast_signed(),
        )
    } as u64;
    let (at, units) = (packed as u32, (packed >> 32) as u32);
    let len = match to {
        Utf16 => units * 2,
        CompactUtf16 if units & TAG != 0 => (units ^ TAG) * 2,
        _ => units,
    };
    Transferred {
        bytes: target.read(at, len),
        units,
        blocks: realloc_calls(),
    }
}

fn transfer(from: StringEncoding, to: StringEncoding, bytes: &[u8], units: u32) -> Transferred {
    transfer_at(from, to, 16, bytes, units)
}

fn expect(from: (StringEncoding, &[u8], u32), to: (StringEncoding, &[u8], u32), blocks: &[Block]) {
    let expected = Transferred {
        bytes: to.1.to_vec(),
        units: to.2,
        blocks: blocks.to_vec(),
    };
    assert_eq!(transfer(from.0, to.0, from.1, from.2), expected);
}

#[test]
fn to_utf8() {
    expect((Utf8, b"", 0), (Utf8, b"", 0), &[(0, 1, 0)]);
    let text = "aé☃🍰";
    let bytes = text.as_bytes();
    expect((Utf8, bytes, 10), (Utf8, bytes, 10), &[(0, 1, 10)]);
    expect((Utf16, &utf16("abc"), 3), (Utf8, b"abc", 3), &[(0, 1, 3)]);
    expect(
        (Utf16, &utf16(text), 5),
        (Utf8, bytes, 10),
        &[(0, 1, 5), (5, 1, 15), (15, 1, 10)],
    );
    // Three bytes for each unit: nothing to give back.
    expect(
        (Utf16, &utf16("☃☃"), 2),
        (Utf8, "☃☃".as_bytes(), 6),
        &[(0, 1, 2), (2, 1, 6)],
    );
    expect((CompactUtf16, b"abc", 3), (Utf8, b"abc", 3), &[(0, 1, 3)]);
    expect(
        (CompactUtf16, &latin1("aé"), 2),
        (Utf8, "aé".as_bytes(), 3),
        &[(0, 1, 2), (2, 1, 4), (4, 1, 3)],
    );
    expect(
        (CompactUtf16, &utf16(text), 5 | TAG),
        (Utf8, bytes, 10),
        &[(0, 1, 5), (5, 1, 15), (15, 1, 10)],
    );
}

#[test]
fn to_utf16() {
    let text = "aé☃🍰";
    expect(
        (Utf8, text.as_bytes(), 10),
        (Utf16, &utf16(text), 5),
        &[(0, 2, 20), (20, 2, 10)],
    );
    expect((Utf8, b"ab", 2), (Utf16, b"a\0b\0", 2), &[(0, 2, 4)]);
    expect(
        (Utf16, &utf16(text), 5),
        (Utf16, &utf16(text), 5),
        &[(0, 2, 10)],
    );
    expect(
        (CompactUtf16, &latin1("aé"), 2),
        (Utf16, &utf16("aé"), 2),
        &[(0, 2, 4)],
    );
    expect(
        (CompactUtf16, &utf16(text), 5 | TAG),
        (Utf16, &utf16(text), 5),
        &[(0, 2, 10)],
    );
}

#[test]
fn to_compact() {
    expect((Utf8, b"ab", 2), (CompactUtf16, b"ab", 2), &[(0, 2, 2)]);
    expect(
        (Utf8, "aé".as_bytes(), 3),
        (CompactUtf16, &latin1("aé"), 2),
        &[(0, 2, 3), (3, 2, 2)],
    );
    expect(
        (Utf8, "aé☃🍰".as_bytes(), 10),
        (CompactUtf16, &utf16("aé☃🍰"), 5 | TAG),
        &[(0, 2, 10), (10, 2, 20), (20, 2, 10)],
    );
    expect(
        (Utf16, &utf16("aé"), 2),
        (CompactUtf16, &latin1("aé"), 2),
        &[(0, 2, 2)],
    );
    expect(
        (Utf16, &utf16("aé☃"), 3),
        (CompactUtf16, &utf16("aé☃"), 3 | TAG),
        &[(0, 2, 3), (3, 2, 6)],
    );
    expect(
        (CompactUtf16, &latin1("aé"), 2),
        (CompactUtf16, &latin1("aé"), 2),
        &[(0, 2, 2)],
    );
    expect(
        (CompactUtf16, &utf16("aé☃"), 3 | TAG),
        (CompactUtf16, &utf16("aé☃"), 3 | TAG),
        &[(0, 2, 6)],
    );
    // The tag is not needed.
    expect(
        (CompactUtf16, &utf16("aé"), 2 | TAG),
        (CompactUtf16, &latin1("aé"), 2),
        &[(0, 2, 4), (4, 2, 2)],
    );
}

fn refused(from: StringEncoding, to: StringEncoding, at: u32, bytes: &[u8], units: u32) -> String {
    trap_text(|| _ = transfer_at(from, to, at, bytes, units))
}

#[test]
fn invalid_strings_trap() {
    let utf8 = "invalid utf-8 sequence";
    let utf16 = "invalid utf-16 sequence";
    for to in [Utf8, Utf16, CompactUtf16] {
        for bytes in [
            &b"a\xff"[..],
            b"\xc3",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\xf4\x90\x80\x80",
        ] {
            assert_eq!(refused(Utf8, to, 16, bytes, bytes.len() as u32), utf8);
        }
        // A low surrogate first, a high one last, two high ones.
        for bytes in [&b"a\0\x00\xdc"[..], b"a\0\x00\xd8", b"\x00\xd8\x00\xd8"] {
            assert_eq!(refused(Utf16, to, 16, bytes, 2), utf16);
            assert_eq!(refused(CompactUtf16, to, 16, bytes, 2 | TAG), utf16);
        }
    }
}

#[test]
fn strings_are_aligned_and_inside_the_memory() {
    let unaligned = "unaligned pointer";
    let out = "string content out-of-bounds";
    for to in [Utf8, Utf16, CompactUtf16] {
        assert_eq!(refused(Utf8, to, 17, b"", 0), "no trap");
        assert_eq!(refused(Utf16, to, 17, b"", 0), unaligned);
        assert_eq!(refused(CompactUtf16, to, 17, b"", 0), unaligned);
        assert_eq!(refused(CompactUtf16, to, 17, b"", TAG), unaligned);
        let end = 64 << 10;
        assert_eq!(refused(Utf8, to, end, b"", 0), "no trap");
        assert_eq!(refused(Utf8, to, end - 1, b"a", 2), out);
        assert_eq!(refused(Utf16, to, end - 2, b"a\0", 1), "no trap");
        assert_eq!(refused(Utf16, to, end - 2, b"a\0", 2), out);
        assert_eq!(refused(CompactUtf16, to, end - 2, b"a\0", 2 | TAG), out);
        assert_eq!(refused(CompactUtf16, to, end - 2, b"ab", 3), out);
    }
}

#[test]
fn the_length_of_strings_is_limited() {
    assert_eq!(check_len((1 << 28) - 1), Ok((1 << 28) - 1));
    assert_eq!(check_len(1 << 28), Err(Fault::TooLong));
    assert_eq!(check_len(u64::MAX), Err(Fault::TooLong));
    let long = "string content out-of-bounds";
    assert_eq!(refused(Utf8, Utf8, 0, b"", 1 << 28), long);
    assert_eq!(refused(Utf16, Utf8, 0, b"", 1 << 31), long);
    assert_eq!(refused(CompactUtf16, Utf8, 0, b"", 1 << 27 | TAG), long);
}

#[test]
fn what_realloc_gives_is_checked() {
    let mut guest = Guest::in_store(store::new_for_tests(), 0, Utf16);
    let_realloc_be_wrong_by(1);
    assert_eq!(
        trap_text(|| _ = guest.call().store_string("a")),
        "realloc return: result not aligned"
    );
    let_realloc_be_wrong_by(0x8000_0000);
    assert_eq!(
        trap_text(|| _ = guest.call().store_string("")),
        "realloc return: beyond end of memory"
    );
}

#[test]
fn a_memory_that_grows_is_seen_grown() {
    let mut guest = Guest::new();
    guest.set_len(FIRST_BLOCK.into());
    let mut call = guest.call();
    let (at, units) = call.store_string("hello");
    assert_eq!((at, units), (FIRST_BLOCK.into(), 5));
    assert_eq!(call.memory().len(), u64::from(FIRST_BLOCK) + 5);
    assert_eq!(call.memory().bytes(at, 5), Ok(&b"hello"[..]));
}

#[test]
fn the_host_reads_all_encodings() {
    let text = "aé☃🍰";
    for (encoding, bytes, units) in [
        (Utf8, text.as_bytes().to_vec(), 10),
        (Utf16, utf16(text), 5),
        (CompactUtf16, utf16(text), 5 | TAG),
    ] {
        let mut guest = Guest::in_store(store::new_for_tests(), 0, encoding);
        guest.write(32, &bytes);
        assert_eq!(guest.call().load_string((32, u64::from(units))), text);
    }
    let mut guest = Guest::in_store(store::new_for_tests(), 0, CompactUtf16);
    guest.write(32, &latin1("aé"));
    assert_eq!(guest.call().load_string((32, 2)), "aé");
}

#[test]
fn the_host_says_what_is_wrong_with_a_string() {
    let load = |encoding, at, units, bytes: &[u8]| {
        let mut guest = Guest::in_store(store::new_for_tests(), 0, encoding);
        guest.write(32, bytes);
        trap_text(|| _ = guest.call().load_string((at, units)))
    };
    assert_eq!(load(Utf16, 1, 0, b""), "string pointer not aligned to 2");
    assert_eq!(
        load(Utf8, u32::MAX.into(), 0, b""),
        "string pointer/length out of bounds of memory"
    );
    assert_eq!(load(Utf8, 32, 2, b"a\xff"), "invalid utf-8 sequence");
    assert_eq!(load(Utf8, 32, 1, b"\xc3"), "incomplete utf-8 byte sequence");
    assert_eq!(load(Utf16, 32, 1, b"\0\xd8"), "invalid utf-16 sequence");
}
