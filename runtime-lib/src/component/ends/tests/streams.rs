//! `SharedStreamImpl` and its ends: every state, on bytes.

use super::waiting::as_task;
use super::*;

/// A stream from one instance to another, and its ends there.
fn connected() -> (Instance, Instance, u32, u32) {
    let (mut a, mut b) = pair(u8_stream());
    let (readable, writable) = a.stream();
    let readable = b.take(&mut a, readable);
    (a, b, writable, readable)
}

#[test]
fn a_reader_waits_for_a_writer() {
    let (mut a, mut b, writable, readable) = connected();
    a.guest.write(0, b"abcdef");
    assert_eq!(b.stream_read(readable, 100, 4), BLOCKED);
    assert_eq!(b.event(readable), None);
    assert_eq!(a.stream_write(writable, 0, 6), packed(COMPLETED, 4));
    assert_eq!(b.guest.read(100, 5), b"abcd\0");
    let event = (EventCode::StreamRead, readable, packed(COMPLETED, 4));
    assert_eq!(b.event(readable), Some(event));
    assert_eq!(b.event(readable), None);
    // The reader does not wait any more.
    assert_eq!(a.stream_write(writable, 4, 2), BLOCKED);
    assert_eq!(b.stream_read(readable, 104, 9), packed(COMPLETED, 2));
    assert_eq!(b.guest.read(100, 6), b"abcdef");
    let event = (EventCode::StreamWrite, writable, packed(COMPLETED, 2));
    assert_eq!(a.event(writable), Some(event));
}

#[test]
fn a_buffer_is_filled_until_its_event_is_delivered() {
    let (mut a, mut b, writable, readable) = connected();
    a.guest.write(0, b"abcdefghijklmnop");
    assert_eq!(b.stream_read(readable, 8, 10), BLOCKED);
    for at in [0, 4] {
        assert_eq!(a.stream_write(writable, at, 4), packed(COMPLETED, 4));
    }
    assert_eq!(a.stream_write(writable, 8, 4), packed(COMPLETED, 2));
    // It is full: the writer waits, and the reader's event stays what it is.
    assert_eq!(a.stream_write(writable, 10, 4), BLOCKED);
    assert_eq!(b.payload(readable), packed(COMPLETED, 10));
    assert_eq!(b.guest.read(8, 11), b"abcdefghij\0");
    assert_eq!(b.stream_read(readable, 18, 1), packed(COMPLETED, 1));
    assert_eq!(b.stream_read(readable, 19, 10), packed(COMPLETED, 3));
    assert_eq!(b.guest.read(8, 15), b"abcdefghijklmn\0");
    assert_eq!(a.payload(writable), packed(COMPLETED, 4));
}

#[test]
fn a_buffer_is_emptied_until_its_event_is_delivered() {
    let (mut a, mut b, writable, readable) = connected();
    a.guest.write(0, b"abcdef");
    assert_eq!(a.stream_write(writable, 0, 6), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 2), packed(COMPLETED, 2));
    assert_eq!(b.stream_read(readable, 2, 2), packed(COMPLETED, 2));
    assert_eq!(a.payload(writable), packed(COMPLETED, 4));
    // What was not read is the writer's again.
    assert_eq!(b.stream_read(readable, 4, 2), BLOCKED);
    assert_eq!(a.stream_write(writable, 4, 2), packed(COMPLETED, 2));
    assert_eq!(b.payload(readable), packed(COMPLETED, 2));
    assert_eq!(b.guest.read(0, 6), b"abcdef");
}

#[test]
fn nothing_is_read_when_something_is_written() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 0), packed(COMPLETED, 0));
    assert_eq!(a.event(writable), None);
    assert_eq!(b.stream_read(readable, 0, 4), packed(COMPLETED, 4));
    assert_eq!(a.payload(writable), packed(COMPLETED, 4));
}

#[test]
fn nothing_is_written_when_something_is_read() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.stream_read(readable, 0, 4), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 0), packed(COMPLETED, 0));
    assert_eq!(b.event(readable), None);
    assert_eq!(a.stream_write(writable, 0, 4), packed(COMPLETED, 4));
    assert_eq!(b.payload(readable), packed(COMPLETED, 4));
}

#[test]
fn a_reader_of_nothing_hears_of_a_writer() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.stream_read(readable, 0, 0), BLOCKED);
    // Whoever writes nothing comes first.
    assert_eq!(a.stream_write(writable, 0, 0), packed(COMPLETED, 0));
    assert_eq!(b.event(readable), None);
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(b.payload(readable), packed(COMPLETED, 0));
    assert_eq!(b.stream_read(readable, 0, 9), packed(COMPLETED, 4));
    assert_eq!(a.payload(writable), packed(COMPLETED, 4));
}

#[test]
fn a_writer_of_nothing_hears_of_a_reader() {
    for count in [0, 9] {
        let (mut a, mut b, writable, readable) = connected();
        assert_eq!(a.stream_write(writable, 0, 0), BLOCKED);
        assert_eq!(b.stream_read(readable, 0, count), BLOCKED);
        assert_eq!(a.payload(writable), packed(COMPLETED, 0));
        assert_eq!(b.event(readable), None);
    }
}

#[test]
fn cancelled_copies() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.stream_read(readable, 0, 4), BLOCKED);
    assert_eq!(b.stream_cancel_read(readable), packed(CANCELLED, 0));
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(a.stream_cancel_write(writable), packed(CANCELLED, 0));
    // Both are as before.
    assert_eq!(b.stream_read(readable, 0, 4), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 3), packed(COMPLETED, 3));
    // What has been copied has been copied, and the guest has not been told of it.
    assert_eq!(b.stream_cancel_read(readable), packed(CANCELLED, 3));
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 1), packed(COMPLETED, 1));
    assert_eq!(a.stream_cancel_write(writable), packed(CANCELLED, 1));
    assert_eq!(a.stream_write(writable, 0, 2), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 2), packed(COMPLETED, 2));
    assert_eq!(a.stream_cancel_write(writable), packed(CANCELLED, 2));
    assert_eq!(b.stream_read(readable, 0, 2), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 1), packed(COMPLETED, 1));
    a.stream_drop_writable(writable);
    assert_eq!(b.stream_cancel_read(readable), packed(DROPPED, 1));
    b.stream_drop_readable(readable);
}

#[test]
fn there_has_to_be_something_to_cancel() {
    let text = "no read or write of the future/stream to cancel";
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(trap_text(|| _ = a.stream_cancel_write(writable)), text);
    assert_eq!(trap_text(|| _ = b.stream_cancel_read(readable)), text);
    assert_eq!(a.stream_write(writable, 0, 1), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 1), packed(COMPLETED, 1));
    assert_eq!(trap_text(|| _ = b.stream_cancel_read(readable)), text);
    assert_eq!(a.payload(writable), packed(COMPLETED, 1));
    assert_eq!(trap_text(|| _ = a.stream_cancel_write(writable)), text);
}

#[test]
fn the_writer_leaves() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.stream_read(readable, 0, 4), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 1), packed(COMPLETED, 1));
    a.stream_drop_writable(writable);
    assert_eq!(b.payload(readable), packed(DROPPED, 1));
    let text = "cannot read after being notified that the writable end dropped";
    assert_eq!(trap_text(|| _ = b.stream_read(readable, 0, 4)), text);
    b.stream_drop_readable(readable);
    let unknown = format!("unknown handle index {readable}");
    assert_eq!(trap_text(|| b.stream_drop_readable(readable)), unknown);
}

#[test]
fn the_writer_has_left() {
    let (mut a, mut b, writable, readable) = connected();
    a.stream_drop_writable(writable);
    assert_eq!(b.stream_read(readable, 0, 4), packed(DROPPED, 0));
    let text = "cannot lift stream after being notified that the writable end dropped";
    assert_eq!(trap_text(|| _ = b.lift(readable)), text);
}

#[test]
fn the_reader_leaves() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(b.stream_read(readable, 0, 3), packed(COMPLETED, 3));
    b.stream_drop_readable(readable);
    assert_eq!(a.payload(writable), packed(DROPPED, 3));
    let text = "cannot write after being notified that the readable end dropped";
    assert_eq!(trap_text(|| _ = a.stream_write(writable, 0, 4)), text);
    a.stream_drop_writable(writable);
}

#[test]
fn the_reader_has_left() {
    let (mut a, mut b, writable, readable) = connected();
    b.stream_drop_readable(readable);
    assert_eq!(a.stream_write(writable, 0, 0), packed(DROPPED, 0));
    a.stream_drop_writable(writable);
}

#[test]
fn ends_that_copy_are_busy() {
    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(b.stream_read(readable, 0, 4), BLOCKED);
    let twice = "cannot have concurrent operations active on a future/stream";
    assert_eq!(trap_text(|| _ = b.stream_read(readable, 0, 4)), twice);
    assert_eq!(a.stream_write(writable, 0, 4), packed(COMPLETED, 4));
    // Also as long as the event has not been delivered.
    assert_eq!(trap_text(|| _ = b.stream_read(readable, 0, 4)), twice);
    let busy = "cannot remove busy stream";
    assert_eq!(trap_text(|| b.stream_drop_readable(readable)), busy);

    let (mut a, mut b, writable, readable) = connected();
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(trap_text(|| _ = a.stream_write(writable, 0, 4)), twice);
    assert_eq!(b.stream_read(readable, 0, 2), packed(COMPLETED, 2));
    let busy = "cannot drop busy stream";
    assert_eq!(trap_text(|| a.stream_drop_writable(writable)), busy);

    let (_, mut b, _, readable) = connected();
    assert_eq!(b.stream_read(readable, 0, 4), BLOCKED);
    let busy = "cannot remove busy stream";
    assert_eq!(trap_text(|| _ = b.lift(readable)), busy);
}

#[test]
fn handles_are_checked() {
    let (mut a, _, writable, _) = connected();
    let unknown = "unknown handle index 77";
    assert_eq!(trap_text(|| _ = a.stream_read(77, 0, 0)), unknown);
    for misuse in [
        trap_text(|| _ = a.stream_read(writable, 0, 0)),
        trap_text(|| _ = a.stream_cancel_read(writable)),
        trap_text(|| a.stream_drop_readable(writable)),
        trap_text(|| _ = a.lift(writable)),
    ] {
        assert!(misuse.contains("used with the wrong type"), "{misuse}");
    }
}

#[test]
fn types_are_checked() {
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    let mut other = Instance::new(a.store, 1, stream_of(Some(number(TypeKind::U16, 2))));
    let text = "handle index used with the wrong type";
    assert_eq!(trap_text(|| _ = other.stream_read(readable, 0, 1)), text);
    assert_eq!(trap_text(|| _ = other.stream_write(writable, 0, 1)), text);
    assert_eq!(trap_text(|| _ = other.stream_cancel_read(readable)), text);
    assert_eq!(trap_text(|| other.stream_drop_writable(writable)), text);
    assert_eq!(trap_text(|| _ = other.lift(readable)), text);
}

#[test]
fn buffers_are_checked() {
    let memory_bytes = 64 << 10;
    let (mut a, _) = pair(stream_of(Some(number(TypeKind::U32, 4))));
    let (readable, writable) = a.stream();
    let outside = "pointer out of bounds of memory";
    let read = |a: &mut Instance, at, count| trap_text(|| _ = a.stream_read(readable, at, count));
    assert_eq!(read(&mut a, memory_bytes - 4, 2), outside);
    assert_eq!(read(&mut a, memory_bytes, 1), outside);
    assert_eq!(read(&mut a, 0, (1 << 28) - 1), outside);
    assert_eq!(read(&mut a, u32::MAX - 3, 1), outside);
    assert_eq!(read(&mut a, 2, 1), "pointer not aligned");
    let long = "stream read/write count too large";
    assert_eq!(read(&mut a, 0, 1 << 28), long);
    assert_eq!(trap_text(|| _ = a.stream_write(writable, 0, 1 << 28)), long);
    // Of nothing, the address does not matter.
    assert_eq!(a.stream_read(readable, memory_bytes + 1, 0), BLOCKED);
    assert_eq!(a.stream_write(writable, memory_bytes - 4, 1), BLOCKED);
}

#[test]
fn synchronous_copies_do_not_say_that_they_wait() {
    let (mut a, mut b, writable, readable) = connected();
    b.be_synchronous();
    a.guest.write(0, b"ab");
    assert_eq!(a.stream_write(writable, 0, 2), BLOCKED);
    // Outside of a task, nothing may block, not even what would not.
    let text = "cannot block a synchronous task before returning";
    assert_eq!(trap_text(|| _ = b.stream_read(readable, 0, 9)), text);
    assert_eq!(trap_text(|| _ = b.stream_cancel_read(readable)), text);
    let (store, options) = (b.store, copied(&b.guest.options));
    as_task(store, options, move || {
        assert_eq!(b.stream_read(readable, 0, 9), packed(COMPLETED, 2));
        assert_eq!(b.guest.read(0, 2), b"ab");
        assert_eq!(a.payload(writable), packed(COMPLETED, 2));
    });
}

#[test]
fn streams_pass_through_instances() {
    let (mut a, mut b) = pair(u8_stream());
    let mut c = Instance::new(a.store, 3, a.ty);
    let (readable, writable) = a.stream();
    assert_eq!(a.stream_write(writable, 0, 1), BLOCKED);
    let through = b.take(&mut a, readable);
    let at_last = c.take(&mut b, through);
    let unknown = format!("unknown handle index {through}");
    assert_eq!(trap_text(|| _ = b.stream_read(through, 0, 1)), unknown);
    assert_eq!(c.stream_read(at_last, 0, 1), packed(COMPLETED, 1));
    assert_eq!(a.payload(writable), packed(COMPLETED, 1));
    // And back to where it came from.
    let home = a.take(&mut c, at_last);
    assert_eq!(a.stream_read(home, 8, 4), BLOCKED);
    a.guest.write(0, b"wxyz");
    assert_eq!(a.stream_write(writable, 0, 4), packed(COMPLETED, 4));
    assert_eq!(a.payload(home), packed(COMPLETED, 4));
    assert_eq!(a.guest.read(8, 4), b"wxyz");
}
