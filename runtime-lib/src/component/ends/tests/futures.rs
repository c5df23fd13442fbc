//! `SharedFutureImpl` and its ends: every state, on numbers.

use super::*;

const OVER: &str = "cannot write to future after previous write succeeded or readable end dropped";

/// A future that passes from one instance to another, and its ends there.
fn connected() -> (Instance, Instance, u32, u32) {
    let (mut a, mut b) = pair(future_of(Some(number(TypeKind::U32, 4))));
    let (readable, writable) = a.future();
    let readable = b.take(&mut a, readable);
    a.guest.write(0, &[1, 2, 3, 4]);
    (a, b, writable, readable)
}

#[test]
fn the_reader_comes_first() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.future_read(readable, 8), BLOCKED);
    assert_eq!(a.future_write(writable, 0), COMPLETED);
    assert_eq!(b.guest.read(8, 4), [1, 2, 3, 4]);
    let event = (EventCode::FutureRead, readable, COMPLETED);
    assert_eq!(b.event(readable), Some(event));
    let text = "cannot read from future after previous read succeeded";
    assert_eq!(trap_text(|| _ = b.future_read(readable, 8)), text);
    assert_eq!(trap_text(|| _ = a.future_write(writable, 0)), OVER);
    a.future_drop_writable(writable);
    b.future_drop_readable(readable);
}

#[test]
fn the_writer_comes_first() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    assert_eq!(b.future_read(readable, 8), COMPLETED);
    assert_eq!(b.guest.read(8, 4), [1, 2, 3, 4]);
    let event = (EventCode::FutureWrite, writable, COMPLETED);
    assert_eq!(a.event(writable), Some(event));
    assert_eq!(trap_text(|| _ = a.future_write(writable, 0)), OVER);
    let text = "cannot lift future after previous read succeeded";
    assert_eq!(trap_text(|| _ = b.lift(readable)), text);
}

#[test]
fn cancelled_copies() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.future_read(readable, 8), BLOCKED);
    assert_eq!(b.future_cancel_read(readable), CANCELLED);
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    assert_eq!(a.future_cancel_write(writable), CANCELLED);
    // Both are as before.
    assert_eq!(b.future_read(readable, 8), BLOCKED);
    assert_eq!(a.future_write(writable, 0), COMPLETED);
    assert_eq!(b.future_cancel_read(readable), COMPLETED);
    let text = "no read or write of the future/stream to cancel";
    assert_eq!(trap_text(|| _ = b.future_cancel_read(readable)), text);

    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    assert_eq!(b.future_read(readable, 8), COMPLETED);
    assert_eq!(a.future_cancel_write(writable), COMPLETED);
}

#[test]
fn the_reader_leaves() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    b.future_drop_readable(readable);
    assert_eq!(a.future_cancel_write(writable), DROPPED);
    let text = "cannot write after being notified that the readable end dropped";
    assert_eq!(trap_text(|| _ = a.future_write(writable, 0)), text);
    a.future_drop_writable(writable);

    let (mut a, mut b, writable, readable) = connected();
    b.future_drop_readable(readable);
    assert_eq!(a.future_write(writable, 0), DROPPED);
    a.future_drop_writable(writable);
}

#[test]
fn a_future_has_to_be_written() {
    let text = "cannot drop future write end without first writing a value";
    let (mut a, mut b, writable, readable) = connected();
    b.future_drop_readable(readable);
    assert_eq!(trap_text(|| a.future_drop_writable(writable)), text);

    let (mut a, _, writable, _) = connected();
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    assert_eq!(a.future_cancel_write(writable), CANCELLED);
    assert_eq!(trap_text(|| a.future_drop_writable(writable)), text);
}

#[test]
fn ends_that_copy_are_busy() {
    let twice = "cannot have concurrent operations active on a future/stream";
    let (mut a, _, writable, _) = connected();
    assert_eq!(a.future_write(writable, 0), BLOCKED);
    assert_eq!(trap_text(|| _ = a.future_write(writable, 0)), twice);
    let busy = "cannot drop busy future";
    assert_eq!(trap_text(|| a.future_drop_writable(writable)), busy);

    let (_, mut b, _, readable) = connected();
    assert_eq!(b.future_read(readable, 8), BLOCKED);
    assert_eq!(trap_text(|| _ = b.future_read(readable, 8)), twice);
    let busy = "cannot remove busy future";
    assert_eq!(trap_text(|| b.future_drop_readable(readable)), busy);
}

#[test]
fn buffers_are_checked() {
    let (mut a, mut b, writable, readable) = connected();
    let outside = "pointer out of bounds of memory";
    assert_eq!(trap_text(|| _ = a.future_write(writable, 65536)), outside);
    let text = "pointer not aligned";
    assert_eq!(trap_text(|| _ = b.future_read(readable, 9)), text);
}

#[test]
fn a_future_is_no_stream() {
    let (mut a, _) = pair(future_of(None));
    let (readable, _) = a.future();
    let mut other = Instance::new(a.store, 1, stream_of(None));
    let text = trap_text(|| _ = other.stream_read(readable, 0, 0));
    assert!(text.contains("used with the wrong type"), "{text}");
}

#[test]
fn futures_of_nothing() {
    let (mut a, mut b) = pair(future_of(None));
    let (readable, writable) = a.future();
    let readable = b.take(&mut a, readable);
    // There is no memory to be inside of.
    assert_eq!(b.future_read(readable, u32::MAX), BLOCKED);
    assert_eq!(a.future_write(writable, u32::MAX), COMPLETED);
    assert_eq!(b.payload(readable), COMPLETED);
}
