//! Whole calls of host functions, through their entries.

use super::guest::{Guest, trap_text};
use crate::component::{
    Borrow, Bytes, Call, HostFn, Lift, Lower, Own, RawSlots, Resource, drop_resource, enter,
};
use crate::{host_fns, record, variant};

struct Input(Vec<u8>);
struct Failure;

impl Resource for Input {
    const INTERFACE: &'static str = "wasi:io/streams";
    const NAME: &'static str = "input-stream";
}

impl Resource for Failure {
    const INTERFACE: &'static str = "wasi:io/error";
    const NAME: &'static str = "error";
}

variant! {
    enum StreamError {
        LastOperationFailed(Own<Failure>),
        Closed,
    }
}

record! {
    #[derive(Clone, Copy)]
    struct Datetime { seconds: u64, nanoseconds: u32 }
}

fn read(call: &mut Call<'_>, this: Borrow<Input>, len: u64) -> Result<Bytes, StreamError> {
    let there = call.resource(&this).0.len() as u64;
    if len == 0 {
        return Err(StreamError::LastOperationFailed(call.push(Failure)));
    }
    if there == 0 {
        return Err(StreamError::Closed);
    }
    let bytes = call.allocate_bytes(there.min(len) as u32);
    let (resources, memory) = call.resources_and_memory();
    let rest = &mut resources.get_mut(&this).0;
    let read = rest.drain(..bytes.len() as usize);
    bytes.of_mut(memory).copy_from_slice(read.as_slice());
    drop(read);
    Ok(bytes)
}

fn now(_: &mut Call<'_>) -> Datetime {
    Datetime {
        seconds: 7,
        nanoseconds: 9,
    }
}

fn exit_with_code(call: &mut Call<'_>, code: u8) {
    *call.resources().singleton::<u8>() = code;
}

fn random(_: &mut Call<'_>) -> u64 {
    0x0102_0304_0506_0708
}

host_fns! {
    prefix "wasmelt_test:";
    "wasi:io/streams" {
        "[method]input-stream.read" => read;
        drop "input-stream" => Input;
    }
    "wasi:clocks/wall-clock" {
        "now" => now;
    }
    "wasi:cli/exit" {
        "exit-with-code" => exit_with_code;
    }
    "wasi:random/random" {
        "get-random-u64" => random;
    }
    "wasi:io/error" {
        drop "error" => Failure;
    }
}

#[test]
fn rows_have_their_names() {
    assert_eq!(HOST_FN_NAMES.len(), 6);
    assert_eq!(
        HOST_FN_NAMES[0],
        "wasi:io/streams#[method]input-stream.read"
    );
    assert_eq!(HOST_FN_NAMES[5], "wasi:io/error#[resource-drop]error");
}

fn invoke<P: Lift, R: Lower>(guest: &mut Guest, slots: &mut [u64], function: impl HostFn<P, R>) {
    let memory = guest.memory();
    enter(
        memory,
        &guest.options,
        RawSlots::new(slots.as_mut_ptr()),
        function,
    );
}

fn input(guest: &mut Guest, bytes: &[u8]) -> u32 {
    let mut call = guest.call();
    let own = call.push(Input(bytes.to_vec()));
    let mut slots = [0];
    own.lower_flat(&mut call, &mut crate::component::Slots::new(&mut slots));
    slots[0] as u32
}

#[test]
fn results_lie_in_memory_or_in_slot_0() {
    let mut guest = Guest::new();
    let mut slots = [64];
    invoke(&mut guest, &mut slots, now);
    assert_eq!(guest.read(64, 12), [7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]);
    invoke(&mut guest, &mut slots, random);
    assert_eq!(slots, [0x0102_0304_0506_0708]);
    invoke(&mut guest, &mut [0x1ff], exit_with_code);
    assert_eq!(*guest.call().resources().singleton::<u8>(), 0xff);
}

#[test]
fn a_result_has_to_fit_where_the_guest_wants_it() {
    let mut guest = Guest::new();
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [4], now)),
        "pointer not aligned"
    );
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [(64 << 10) - 8], now)),
        "pointer out of bounds of memory"
    );
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [(64 << 10) - 16], now)),
        "no trap"
    );
}

#[test]
fn resources_are_lent_for_the_call_alone() {
    let mut guest = Guest::new();
    let handle = input(&mut guest, b"abcdef");
    let mut slots = [u64::from(handle), 4, 16];
    invoke(&mut guest, &mut slots, read);
    // The result: `ok`, address, length.
    assert_eq!(guest.read(16, 1), [0]);
    assert_eq!(guest.read(20, 8), [0, 4, 0, 0, 4, 0, 0, 0]);
    assert_eq!(guest.read(0x400, 4), b"abcd");
    invoke(&mut guest, &mut slots, read);
    assert_eq!(guest.read(24, 4), [2, 0, 0, 0]);
    invoke(&mut guest, &mut slots, read);
    // `err`, and the case `closed`.
    assert_eq!(guest.read(16, 1), [1]);
    assert_eq!(guest.read(20, 1), [1]);
    slots[1] = 0;
    invoke(&mut guest, &mut slots, read);
    assert_eq!(guest.read(20, 1), [0]);
    assert_eq!(guest.read(24, 4), [handle as u8 + 1, 0, 0, 0]);
    // Nothing is lent any more.
    assert_eq!(guest.call().lift_own(Input::NUMBER, handle), 0);
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut slots, read)),
        format!("unknown handle index {handle}")
    );
}

#[test]
fn what_is_lent_to_a_call_cannot_be_given_in_it() {
    fn both(call: &mut Call<'_>, _: Borrow<Input>, given: Own<Input>) {
        call.take(given);
    }
    let mut guest = Guest::new();
    let (a, b) = (input(&mut guest, b""), input(&mut guest, b""));
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [a.into(), a.into()], both)),
        "cannot remove owned resource while borrowed"
    );
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [b.into(), a.into()], both)),
        "cannot remove owned resource while borrowed"
    );
    let c = input(&mut guest, b"");
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [b.into(), c.into()], both)),
        "no trap"
    );
}

#[test]
fn a_destructor_drops_the_resource() {
    struct Counted(std::rc::Rc<()>);
    impl Resource for Counted {
        const INTERFACE: &'static str = "wasi:io/poll";
        const NAME: &'static str = "pollable";
    }
    let mut guest = Guest::new();
    let count = std::rc::Rc::new(());
    let own = guest.call().push(Counted(count.clone()));
    assert!(std::rc::Rc::ptr_eq(&guest.call().resource(&own).0, &count));
    let rep = crate::component::Rep::rep(&own);
    drop_resource::<Counted>(&guest.memory(), rep);
    assert_eq!(std::rc::Rc::strong_count(&count), 1);
}

#[test]
fn more_than_16_flat_parameters_lie_in_memory() {
    type Many = (u64, u64, u64, u64, u64, u64, u64, u8);
    fn sum(_: &mut Call<'_>, a: Many, b: Many, last: u16) -> u64 {
        a.0 + a.6 + u64::from(a.7) + b.0 + b.6 + u64::from(b.7) + u64::from(last)
    }
    fn sum_of_16(_: &mut Call<'_>, a: Many, b: Many) -> u64 {
        a.0 + u64::from(b.7)
    }
    let mut guest = Guest::new();
    for (at, value) in [
        (0, 1),
        (48, 2),
        (56, 3),
        (64, 10),
        (112, 20),
        (120, 30),
        (128, 100),
    ] {
        guest.write(8 + at, &[value]);
    }
    let mut slots = [8];
    invoke(&mut guest, &mut slots, sum);
    assert_eq!(slots, [166]);
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [12], sum)),
        "pointer not aligned"
    );
    assert_eq!(
        trap_text(|| invoke(&mut guest, &mut [65408], sum)),
        "pointer out of bounds of memory"
    );
    let mut slots = [0; 16];
    (slots[0], slots[15]) = (5, 0x107);
    invoke(&mut guest, &mut slots, sum_of_16);
    assert_eq!(slots[0], 12);
}
