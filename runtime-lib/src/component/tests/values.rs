//! Values of each type, in memory and flat.

use std::fmt::Debug;

use super::guest::{FIRST_BLOCK, Guest, realloc_calls, trap_text};
use crate::component::{Bytes, Call, Lift, Lower, Own, Resource, Slots, Value};
use crate::{enumeration, flags, record, variant};
use wasmelt_abi::PtrType;
use wasmelt_abi::PtrType::I32;

/// Where values are stored, and how many bytes are shown.
const AT: u32 = 64;
/// The same as the host has it.
const PLACE: u64 = 64;

/// The bytes of a value, and whether it comes back.
fn stored<T: Lift + Lower + Clone + PartialEq + Debug>(value: &T) -> Vec<u8> {
    let mut guest = Guest::new();
    guest.write(AT, &[0xee; 64]);
    value.clone().store(&mut guest.call(), PLACE);
    assert_eq!(T::load(&mut guest.call(), PLACE), *value);
    guest.read(AT, T::LAYOUT.bytes(I32))
}

/// Bytes, alignment and flat values.
fn shape<T: Value>(ptr_type: PtrType) -> (u32, u32, usize) {
    let layout = T::LAYOUT;
    (layout.bytes(ptr_type), layout.align(ptr_type), T::FLAT)
}

/// The slots of a value, and whether it comes back.
fn flat<T: Lift + Lower + Clone + PartialEq + Debug>(value: &T) -> Vec<u64> {
    let mut guest = Guest::new();
    let mut slots = vec![0; T::FLAT];
    value
        .clone()
        .lower_flat(&mut guest.call(), &mut Slots::new(&mut slots));
    let expected = slots.clone();
    let lifted = T::lift_flat(&mut guest.call(), &mut Slots::new(&mut slots));
    assert_eq!(lifted, *value);
    expected
}

/// The text of the trap when these bytes are loaded as a `T`.
fn refused<T: Lift>(bytes: &[u8]) -> String {
    let mut guest = Guest::new();
    guest.write(AT, bytes);
    trap_text(|| _ = T::load(&mut guest.call(), PLACE))
}

fn lift<T: Lift>(slots: &mut [u64]) -> T {
    let mut guest = Guest::new();
    T::lift_flat(&mut guest.call(), &mut Slots::new(slots))
}

fn load<T: Lift>(bytes: &[u8]) -> T {
    let mut guest = Guest::new();
    guest.write(AT, bytes);
    T::load(&mut guest.call(), PLACE)
}

#[test]
fn integers() {
    assert_eq!(stored(&0x12_u8), [0x12]);
    assert_eq!(stored(&-2_i8), [0xfe]);
    assert_eq!(stored(&0x1234_u16), [0x34, 0x12]);
    assert_eq!(stored(&-2_i16), [0xfe, 0xff]);
    assert_eq!(stored(&0x1234_5678_u32), [0x78, 0x56, 0x34, 0x12]);
    assert_eq!(stored(&-2_i32), [0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(stored(&0x0102_0304_0506_0708_u64), [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(stored(&-1_i64), [0xff; 8]);
    assert_eq!(flat(&0xff_u8), [0xff]);
    assert_eq!(flat(&-1_i8), [0xffff_ffff]);
    assert_eq!(flat(&-2_i16), [0xffff_fffe]);
    assert_eq!(flat(&-2_i32), [0xffff_fffe]);
    assert_eq!(flat(&u16::MAX), [0xffff]);
    assert_eq!(flat(&u32::MAX), [0xffff_ffff]);
    assert_eq!(flat(&-2_i64), [u64::MAX - 1]);
    // Bits beyond the type are ignored.
    assert_eq!(lift::<u8>(&mut [0x1_2345_6789]), 0x89);
    assert_eq!(lift::<i16>(&mut [0x1_2345_ffff]), -1);
}

#[test]
fn bool_and_char() {
    assert_eq!(stored(&true), [1]);
    assert_eq!(flat(&false), [0]);
    assert!(load::<bool>(&[2]));
    assert!(lift::<bool>(&mut [0x100]));
    assert!(!lift::<bool>(&mut [1 << 32]));
    assert_eq!(stored(&'☃'), [0x03, 0x26, 0, 0]);
    assert_eq!(flat(&'\u{10ffff}'), [0x10_ffff]);
    let invalid = "invalid `char` bit pattern";
    assert_eq!(refused::<char>(&[0, 0xd8, 0, 0]), invalid);
    assert_eq!(refused::<char>(&[0xff, 0xdf, 0, 0]), invalid);
    assert_eq!(refused::<char>(&[0, 0, 0x11, 0]), invalid);
    assert_eq!(load::<char>(&[0, 0xe0, 0, 0]), '\u{e000}');
}

#[test]
fn floats() {
    assert_eq!(stored(&1.5_f32), [0, 0, 0xc0, 0x3f]);
    assert_eq!(flat(&-0.0_f32), [0x8000_0000]);
    assert_eq!(stored(&-2.0_f64), [0, 0, 0, 0, 0, 0, 0, 0xc0]);
    assert_eq!(flat(&1.0_f64), [0x3ff0_0000_0000_0000]);
    let nan: f32 = load(&[1, 0, 0x80, 0xff]);
    assert_eq!(nan.to_bits(), 0x7fc0_0000);
    let nan: f64 = lift(&mut [0xfff0_0000_0000_0001]);
    assert_eq!(nan.to_bits(), 0x7ff8_0000_0000_0000);
}

#[test]
fn strings_and_lists() {
    let block = FIRST_BLOCK as u8 as u64 | u64::from(FIRST_BLOCK);
    assert_eq!(stored(&"hello".to_owned()), [0, 4, 0, 0, 5, 0, 0, 0]);
    assert_eq!(flat(&"é".to_owned()), [block, 2]);
    assert_eq!(stored(&vec![1_u16, 2, 3]), [0, 4, 0, 0, 3, 0, 0, 0]);
    assert_eq!(realloc_calls(), [(0, 2, 6)]);
    assert_eq!(flat(&Vec::<u64>::new()), [block, 0]);
    assert_eq!(realloc_calls(), [(0, 8, 0)]);
    assert_eq!(flat(&vec![7_u8; 3]), [block, 3]);
    let mut guest = Guest::new();
    vec!["a".to_owned(), "bc".to_owned()].store(&mut guest.call(), PLACE);
    // The list first, then its strings.
    assert_eq!(realloc_calls(), [(0, 4, 16), (0, 1, 1), (0, 1, 2)]);
    assert_eq!(
        guest.read(FIRST_BLOCK, 19),
        [
            16, 4, 0, 0, 1, 0, 0, 0, 17, 4, 0, 0, 2, 0, 0, 0, b'a', b'b', b'c'
        ]
    );
    assert_eq!(Vec::<String>::load(&mut guest.call(), PLACE), ["a", "bc"]);
}

#[test]
fn lists_are_checked() {
    let list = |at: u32, len: u32| [at.to_le_bytes(), len.to_le_bytes()].concat();
    let out = "list pointer/length out of bounds of memory";
    assert_eq!(
        refused::<Vec<u32>>(&list(2, 0)),
        "list pointer is not aligned"
    );
    assert_eq!(refused::<Vec<u32>>(&list(0xfffc, 2)), out);
    assert_eq!(refused::<Vec<u32>>(&list(0xfffc, 1)), "no trap");
    assert_eq!(refused::<Vec<u8>>(&list(u32::MAX, 0)), out);
    assert_eq!(refused::<Bytes>(&list(0xffff, 2)), out);
    let long = "list or string is too long";
    assert_eq!(refused::<Vec<u64>>(&list(0, 1 << 25)), long);
    assert_eq!(refused::<Bytes>(&list(0, 1 << 28)), long);
}

#[test]
fn bytes_stay_in_the_guest() {
    let mut guest = Guest::new();
    guest.write(200, b"stay");
    let mut call = guest.call();
    let mut slots = [200, 4];
    let bytes = Bytes::lift_flat(&mut call, &mut Slots::new(&mut slots));
    assert_eq!(bytes.of(call.memory()), b"stay");
    let mut result = call.allocate_bytes(8);
    result.of_mut(call.memory()).copy_from_slice(b"12345678");
    result = result.truncated(3);
    assert_eq!(result.len(), 3);
    result.store(&mut call, PLACE);
    assert_eq!(
        call.memory().bytes(AT, 8),
        Ok(&[0, 4, 0, 0, 3, 0, 0, 0][..])
    );
}

#[test]
fn options_and_results() {
    assert_eq!(stored(&Some(5_u16)), [1, 0xee, 5, 0]);
    assert_eq!(stored(&None::<u64>)[0], 0);
    assert_eq!(Option::<u64>::LAYOUT.bytes(I32), 16);
    assert_eq!(flat(&Some(5_u64)), [1, 5]);
    assert_eq!(flat(&None::<(u8, u8)>), [0, 0, 0]);
    assert_eq!(
        stored(&Ok::<u8, u32>(9)),
        [0, 0xee, 0xee, 0xee, 9, 0xee, 0xee, 0xee]
    );
    assert_eq!(
        stored(&Err::<u8, u32>(9)),
        [1, 0xee, 0xee, 0xee, 9, 0, 0, 0]
    );
    assert_eq!(stored(&Err::<(), ()>(())), [1]);
    assert_eq!(flat(&Err::<(), ()>(())), [1]);
    // An `f32` and an `s64` share a slot of 64 bits.
    assert_eq!(flat(&Ok::<f32, i64>(1.0)), [0, 0x3f80_0000]);
    assert_eq!(flat(&Err::<f32, i64>(-1)), [1, u64::MAX]);
    assert_eq!(
        lift::<Result<f32, i64>>(&mut [0, 0x1234_5678_3f80_0000]),
        Ok(1.0)
    );
    assert_eq!(
        refused::<Option<u8>>(&[2, 0]),
        "discriminant 2 out of range [0..2)"
    );
    let mut slots = [256, 0];
    assert_eq!(
        trap_text(|| _ = lift::<Option<u8>>(&mut slots)),
        "discriminant 256 out of range [0..2)"
    );
}

#[test]
fn tuples() {
    assert_eq!(
        stored(&(1_u8, 2_u16, 3_u8, 4_u32)),
        [1, 0xee, 2, 0, 3, 0xee, 0xee, 0xee, 4, 0, 0, 0]
    );
    type Odd = (u8, u64, u8);
    assert_eq!(shape::<Odd>(I32), (24, 8, 3));
    assert_eq!(flat(&(1_u8, -1_i8)), [1, 0xffff_ffff]);
    assert_eq!(stored(&(1_u8, 2_u8, 3_u8, 4_u8)), [1, 2, 3, 4]);
    type Ipv6 = (u16, u16, u16, u16, u16, u16, u16, u16);
    assert_eq!(shape::<Ipv6>(I32), (16, 2, 8));
}

record! {
    #[derive(Clone, PartialEq, Debug)]
    struct Entry {
        r#type: Kind,
        link_count: u64,
        name: Option<String>,
    }
}

enumeration! {
    enum Kind { Unknown, BlockDevice, Fifo }
}

flags! {
    struct Rights { READ, WRITE, MUTATE_DIRECTORY }
}

flags! {
    struct Nine { A, B, C, D, E, F, G, H, I }
}

variant! {
    #[derive(Clone, PartialEq, Debug)]
    enum Time {
        NoChange,
        Now,
        Timestamp((u64, u32)),
        LocalName(String),
    }
}

#[test]
fn records() {
    assert_eq!(shape::<Entry>(I32), (32, 8, 5));
    let entry = Entry {
        r#type: Kind::Fifo,
        link_count: 3,
        name: Some("ab".to_owned()),
    };
    let mut expected = [0xee; 32];
    expected[0] = 2;
    expected[8..16].copy_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
    expected[16] = 1;
    expected[20..28].copy_from_slice(&[0, 4, 0, 0, 2, 0, 0, 0]);
    assert_eq!(stored(&entry), expected);
    assert_eq!(flat(&entry), [2, 3, 1, FIRST_BLOCK.into(), 2]);
    assert_eq!(shape::<Entry>(PtrType::I64), (40, 8, 5));
}

#[test]
fn enums_and_flags() {
    assert_eq!(stored(&Kind::BlockDevice), [1]);
    assert_eq!(flat(&Kind::Unknown), [0]);
    assert_eq!(refused::<Kind>(&[3]), "discriminant 3 out of range [0..3)");
    let rights = Rights::READ | Rights::MUTATE_DIRECTORY;
    assert_eq!(stored(&rights), [5]);
    assert_eq!(flat(&rights), [5]);
    assert!(rights.contains(Rights::READ) && !rights.contains(Rights::WRITE));
    assert_eq!(load::<Rights>(&[0xff]), rights | Rights::WRITE);
    assert!(load::<Rights>(&[0xf8]).is_empty());
    assert_eq!(stored(&(Nine::A | Nine::I)), [1, 1]);
    assert_eq!(flat(&Nine::I), [0x100]);
    assert_eq!(shape::<Nine>(I32), (2, 2, 1));
}

#[test]
fn variants() {
    assert_eq!(shape::<Time>(I32), (24, 8, 3));
    assert_eq!(shape::<Time>(PtrType::I64), (24, 8, 3));
    assert_eq!(stored(&Time::Now)[0], 1);
    let mut expected = [0xee; 24];
    expected[0] = 2;
    expected[8..20].copy_from_slice(&[7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(stored(&Time::Timestamp((7, 9))), expected);
    assert_eq!(flat(&Time::Timestamp((1 << 40, 9))), [2, 1 << 40, 9]);
    assert_eq!(flat(&Time::NoChange), [0, 0, 0]);
    assert_eq!(
        flat(&Time::LocalName("x".to_owned())),
        [3, FIRST_BLOCK.into(), 1]
    );
    assert_eq!(refused::<Time>(&[4]), "discriminant 4 out of range [0..4)");
    // What a case does not use is left alone, also of the slots that follow.
    let mut slots = [1, 5, 6, 77];
    assert_eq!(lift::<(Time, u8)>(&mut slots), (Time::Now, 77));
}

struct Stream;

impl Resource for Stream {
    const INTERFACE: &'static str = "wasi:io/streams";
    const NAME: &'static str = "input-stream";
}

#[test]
fn owned_handles() {
    let mut guest = Guest::new();
    let mut call = guest.call();
    let (first, second) = (call.push(Stream), call.push(Stream));
    second.store(&mut call, PLACE);
    assert_eq!(u32::load(&mut call, PLACE), 1);
    let mut slots = [0];
    first.lower_flat(&mut call, &mut Slots::new(&mut slots));
    assert_eq!(slots, [2]);
    let second: Own<Stream> = Own::load(&mut call, PLACE);
    call.take(second);
    let text = trap_text(|| _ = Own::<Stream>::load(&mut call, PLACE));
    assert_eq!(text, "unknown handle index 1");
}

fn described<T: Value>() -> String {
    let mut text = String::new();
    T::describe(&mut text);
    text
}

#[test]
fn types_have_their_names() {
    assert_eq!(
        described::<Entry>(),
        "record{type:enum{unknown,block-device,fifo},link-count:u64,name:option<string>}"
    );
    assert_eq!(
        described::<Result<Bytes, Time>>(),
        "result<list<u8>,variant{no-change,now,timestamp:tuple<u64,u32>,local-name:string}>"
    );
    assert_eq!(
        described::<(Rights, Result<(), ()>, Vec<Own<Stream>>)>(),
        "tuple<flags{read,write,mutate-directory},result<_,_>,\
         list<own<wasi:io/streams.input-stream>>>"
    );
    assert_eq!(described::<(i8, i16, i32, i64)>(), "tuple<s8,s16,s32,s64>");
}

#[test]
fn a_call_gives_the_memory_of_now() {
    let mut guest = Guest::new();
    guest.set_len(u64::from(FIRST_BLOCK));
    let mut call: Call<'_> = guest.call();
    assert!(call.memory().bytes(FIRST_BLOCK, 1).is_err());
    let bytes = call.allocate_bytes(10);
    bytes.of_mut(call.memory()).fill(1);
    assert_eq!(call.memory().len(), u64::from(FIRST_BLOCK) + 10);
}
