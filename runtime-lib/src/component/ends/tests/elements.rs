//! Elements of every kind: what is copied as bytes, and what is lifted and lowered.

use super::*;
use crate::component::runtime_fns::{resource_new, resource_rep};

/// A resource type of a guest.
const RESOURCE: i32 = 300;

/// A stream of elements from one instance to another, and its ends there.
fn connected(element: Option<&'static TypeDesc>) -> (Instance, Instance, u32, u32) {
    let (mut a, mut b) = pair(stream_of(element));
    let (readable, writable) = a.stream();
    let readable = b.take(&mut a, readable);
    (a, b, writable, readable)
}

#[test]
fn numbers_of_every_size() {
    use TypeKind::{F32, F64, S8, S16, S32, S64, U8, U16, U32, U64};
    let bytes: Vec<u8> = (1..=48).collect();
    for (kind, size) in [
        (S8, 1),
        (U8, 1),
        (S16, 2),
        (U16, 2),
        (S32, 4),
        (U32, 4),
        (F32, 4),
        (S64, 8),
        (U64, 8),
        (F64, 8),
    ] {
        let (mut a, mut b, writable, readable) = connected(Some(number(kind, size)));
        a.guest.write(8, &bytes);
        assert_eq!(b.stream_read(readable, 16, 5), BLOCKED);
        assert_eq!(a.stream_write(writable, 8, 2), packed(COMPLETED, 2));
        assert_eq!(
            a.stream_write(writable, 8 + 2 * size, 4),
            packed(COMPLETED, 3)
        );
        assert_eq!(b.payload(readable), packed(COMPLETED, 5));
        let (copied, behind) = (5 * size, &[0; 8]);
        assert_eq!(b.guest.read(16, copied), bytes[..copied as usize]);
        assert_eq!(b.guest.read(16 + copied, 8), behind);
    }
}

#[test]
fn numbers_within_one_instance() {
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    a.guest.write(0, b"abcdef");
    assert_eq!(a.stream_read(readable, 2, 6), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 6), packed(COMPLETED, 6));
    assert_eq!(a.guest.read(0, 8), b"ababcdef");
}

#[test]
fn nothing_at_all() {
    let (mut a, mut b, writable, readable) = connected(None);
    assert_eq!(b.stream_read(readable, u32::MAX, 3), BLOCKED);
    assert_eq!(a.stream_write(writable, u32::MAX, 2), packed(COMPLETED, 2));
    assert_eq!(a.stream_write(writable, 0, 2), packed(COMPLETED, 1));
    assert_eq!(b.payload(readable), packed(COMPLETED, 3));
    // Also within one instance.
    let (mut a, _) = pair(stream_of(None));
    let (readable, writable) = a.stream();
    assert_eq!(a.stream_read(readable, 0, 3), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 3), packed(COMPLETED, 3));
}

/// `record { text: string, handle: own<…> }`.
fn record() -> &'static TypeDesc {
    let string = sized(TypeKind::String, (8, 4), 0, &[]);
    let own = sized(TypeKind::Own, (4, 4), RESOURCE as u32, &[]);
    sized(TypeKind::Record, (12, 4), 0, &[Some(string), Some(own)])
}

#[test]
fn strings_and_handles() {
    let (mut a, mut b, writable, readable) = connected(Some(record()));
    let memory = a.guest.memory().start();
    // SAFETY: the memory is that of a store.
    let handle = |rep| unsafe { resource_new(memory, 1, RESOURCE, rep) };
    for (at, text, handle) in [(0_u32, 40_u8, handle(7)), (12, 43, handle(8))] {
        a.guest.write(at, &[text, 0, 0, 0, 3, 0, 0, 0]);
        a.guest.write(at + 8, &handle.to_le_bytes());
    }
    a.guest.write(40, b"onetwo");
    assert_eq!(a.stream_write(writable, 0, 2), BLOCKED);
    assert_eq!(b.stream_read(readable, 100, 1), packed(COMPLETED, 1));
    assert_eq!(b.stream_read(readable, 112, 5), packed(COMPLETED, 1));
    assert_eq!(a.payload(writable), packed(COMPLETED, 2));
    let word = |b: &mut Instance, at| {
        let bytes = b.guest.read(at, 4).try_into();
        u32::from_le_bytes(bytes.expect("four bytes"))
    };
    for (at, text, rep) in [(100, b"one", 7), (112, b"two", 8)] {
        let start = word(&mut b, at);
        assert_eq!(word(&mut b, at + 4), 3);
        assert_eq!(b.guest.read(start, 3), text);
        let handle = word(&mut b, at + 8).cast_signed();
        // SAFETY: the memory is that of a store.
        assert_eq!(unsafe { resource_rep(memory, 2, RESOURCE, handle) }, rep);
    }
    // The handles have left the writer.
    // SAFETY: as above.
    let gone = trap_text(|| _ = unsafe { resource_rep(memory, 1, RESOURCE, 3) });
    assert_eq!(gone, "unknown handle index 3");
}

#[test]
fn what_is_lifted_is_checked() {
    let (mut a, mut b, writable, readable) = connected(Some(number(TypeKind::Char, 4)));
    a.guest.write(0, &0x11_0000_u32.to_le_bytes());
    assert_eq!(a.stream_write(writable, 0, 1), BLOCKED);
    let text = trap_text(|| _ = b.stream_read(readable, 0, 1));
    assert_eq!(text, "invalid `char` bit pattern");

    let (mut a, mut b, writable, readable) = connected(Some(number(TypeKind::Bool, 1)));
    a.guest.write(0, &[7, 0]);
    assert_eq!(a.stream_write(writable, 0, 2), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 2), packed(COMPLETED, 2));
    assert_eq!(b.guest.read(0, 2), [1, 0]);
}

#[test]
fn only_numbers_are_copied_within_one_instance() {
    let text =
        "cannot read from and write to intra-component future/stream with non-numeric payload";
    let (mut a, _) = pair(stream_of(Some(number(TypeKind::Bool, 1))));
    let (readable, writable) = a.stream();
    assert_eq!(a.stream_read(readable, 0, 1), BLOCKED);
    assert_eq!(trap_text(|| _ = a.stream_write(writable, 0, 1)), text);

    let (mut a, _) = pair(future_of(Some(number(TypeKind::Char, 4))));
    let (readable, writable) = a.future();
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    assert_eq!(trap_text(|| _ = a.future_read(readable, 0)), text);
}

#[test]
fn streams_of_streams() {
    let inner = u8_stream();
    let (mut a, mut b, writable, readable) = connected(Some(inner));
    let mut inner_a = Instance::new(a.store, 1, inner);
    let mut inner_b = Instance::new(a.store, 2, inner);
    let (inner_readable, inner_writable) = inner_a.stream();
    a.guest.write(0, &inner_readable.to_le_bytes());
    assert_eq!(a.stream_write(writable, 0, 1), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 1), packed(COMPLETED, 1));
    let bytes = b.guest.read(0, 4).try_into();
    let moved = u32::from_le_bytes(bytes.expect("four bytes"));
    assert_eq!(inner_b.stream_read(moved, 0, 4), BLOCKED);
    assert_eq!(
        inner_a.stream_write(inner_writable, 0, 4),
        packed(COMPLETED, 4)
    );
    assert_eq!(inner_b.payload(moved), packed(COMPLETED, 4));
}
