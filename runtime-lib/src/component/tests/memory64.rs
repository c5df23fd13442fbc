//! Values in memories with addresses of 64 bits.

use super::guest::{FIRST_BLOCK, Guest, realloc_calls, trap_text};
use crate::component::{Bytes, Lift, Lower, Slots, Value};
use crate::vm::store;
use crate::{record, variant};
use wasmelt_abi::{PtrType, StringEncoding};

const BLOCK: u64 = FIRST_BLOCK as u64;

fn guest(encoding: StringEncoding) -> Guest {
    let mut guest = Guest::in_store(store::new_for_tests(), 0, encoding);
    guest.options.ptr_type = PtrType::I64 as u32;
    guest
}

record! {
    #[derive(Clone, PartialEq, Debug)]
    struct Entry {
        kind: u8,
        name: Option<String>,
        sizes: Vec<(u8, String)>,
    }
}

variant! {
    #[derive(Clone, PartialEq, Debug)]
    enum Place {
        Nowhere,
        Near(f32),
        Named(String),
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let words = bytes.as_chunks::<8>().0.iter();
    words.map(|word| u64::from_le_bytes(*word)).collect()
}

#[test]
fn values_come_back() {
    let entry = Entry {
        kind: 7,
        name: Some("ab".to_owned()),
        sizes: vec![(1, "c".to_owned()), (2, String::new())],
    };
    let layout = Entry::LAYOUT;
    assert_eq!((layout.bytes(PtrType::I64), Entry::FLAT), (48, 6));
    let mut guest = guest(StringEncoding::Utf8);
    entry.clone().store(&mut guest.call(), 64);
    // The name, the list, and the string in it that is not empty; its elements have 24 bytes.
    assert_eq!(
        realloc_calls(),
        [(0, 1, 2), (0, 8, 48), (0, 1, 1), (0, 1, 0)]
    );
    let stored = numbers(&guest.read(64, 48));
    assert_eq!(stored, [7, 1, BLOCK, 2, BLOCK + 8, 2]);
    let list = numbers(&guest.read(FIRST_BLOCK + 8, 48));
    assert_eq!(list, [1, BLOCK + 56, 1, 2, BLOCK + 57, 0]);
    assert_eq!(Entry::load(&mut guest.call(), 64), entry);
    let mut slots = [0; 6];
    let call = &mut guest.call();
    entry.clone().lower_flat(call, &mut Slots::new(&mut slots));
    assert_eq!(slots[..3], [7, 1, BLOCK + 57]);
    let lifted = Entry::lift_flat(call, &mut Slots::new(&mut slots));
    assert_eq!(lifted, entry);
}

#[test]
fn cases_share_flat_values() {
    let mut guest = guest(StringEncoding::Utf8);
    guest.write(100, b"here");
    let mut lift = |slots: [u64; 3]| {
        let mut slots = slots;
        Place::lift_flat(&mut guest.call(), &mut Slots::new(&mut slots))
    };
    assert_eq!(lift([2, 100, 4]), Place::Named("here".to_owned()));
    // Of a number of 32 bits, the others are not looked at.
    let bits = u64::from(1.5_f32.to_bits());
    assert_eq!(lift([1, bits | 9 << 32, 9]), Place::Near(1.5));
    assert_eq!(lift([0, 9, 9]), Place::Nowhere);
    let mut slots = [2, 1 << 32 | 100, 4];
    let text = trap_text(|| _ = Place::lift_flat(&mut guest.call(), &mut Slots::new(&mut slots)));
    assert_eq!(text, "string pointer/length out of bounds of memory");
    // Where addresses have 32 bits, these are all that count.
    guest.options.ptr_type = PtrType::I32 as u32;
    let named = Place::lift_flat(&mut guest.call(), &mut Slots::new(&mut slots));
    assert_eq!(named, Place::Named("here".to_owned()));
}

#[test]
fn strings_of_all_encodings() {
    for (encoding, units) in [
        (StringEncoding::Utf8, 4),
        (StringEncoding::Utf16, 2),
        (StringEncoding::CompactUtf16, 2 | 1 << 63),
    ] {
        let mut guest = guest(encoding);
        let range = guest.call().store_string("a☃");
        assert_eq!(range.1, units);
        assert_eq!(guest.call().load_string(range), "a☃");
    }
    let mut guest = guest(StringEncoding::CompactUtf16);
    let range = guest.call().store_string("aé");
    assert_eq!(range.1, 2);
    assert_eq!(guest.call().load_string(range), "aé");
}

#[test]
fn addresses_and_lengths_are_checked_in_full() {
    let outside = "string pointer/length out of bounds of memory";
    let string = |encoding, range| {
        let mut guest = guest(encoding);
        trap_text(|| _ = guest.call().load_string(range))
    };
    let too_long = string(StringEncoding::Utf8, (0, u64::MAX));
    for (encoding, range, text) in [
        (StringEncoding::Utf8, (u64::MAX, 0), outside),
        (StringEncoding::Utf8, (u64::MAX - 1, 8), outside),
        (StringEncoding::Utf8, (1 << 32, 1), outside),
        (StringEncoding::Utf8, (0, 1 << 32), &too_long),
        // Twice as many bytes would be more than 64 bits, or none.
        (StringEncoding::Utf16, (0, 1 << 63), &too_long),
        (StringEncoding::CompactUtf16, (0, u64::MAX), &too_long),
        (StringEncoding::CompactUtf16, (0, 1 << 62), &too_long),
    ] {
        assert_eq!(string(encoding, range), text);
    }
    let list = |range| {
        let mut guest = guest(StringEncoding::Utf8);
        trap_text(|| _ = guest.call().check_list(range, 8, 8))
    };
    assert_eq!(list((0, 1 << 61)), list((0, u64::MAX)));
    assert_eq!(list((1, 0)), "list pointer is not aligned");
    let outside = "list pointer/length out of bounds of memory";
    assert_eq!(list((1 << 32, 0)), outside);
    assert_eq!(list((u64::MAX - 7, 1)), outside);
    assert_eq!(list((0, 1)), "no trap");
}

#[test]
fn bytes_stay_where_they_are() {
    let mut guest = guest(StringEncoding::Utf8);
    guest.write(200, b"stay");
    let mut call = guest.call();
    let mut slots = [200, 4];
    let bytes = Bytes::lift_flat(&mut call, &mut Slots::new(&mut slots));
    assert_eq!(bytes.of(call.memory()), b"stay");
    call.allocate_bytes(3).store(&mut call, 64);
    assert_eq!(numbers(&guest.read(64, 16)), [BLOCK, 3]);
}
