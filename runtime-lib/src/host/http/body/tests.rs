//! What bodies do: order, limits, lengths, ends.

use std::cell::Cell;
use std::os::fd::AsFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::state::UNREAD_BYTES_MAX;
use super::*;
use crate::host::chunk::Chunk;
use crate::host::http::parcel::new_parcel;

const REQUEST: Announced = Announced {
    kind: Kind::Request,
    bytes: Some(4),
};

fn size(bytes: u64) -> ErrorCode {
    ErrorCode::HttpRequestBodySize(Some(bytes))
}

#[test]
fn bytes_and_trailers_pass_in_order() {
    let (mut writer, mut reader) = pipe(None);
    assert_eq!(reader.read_now(9), None);
    writer.write(b"one".to_vec()).unwrap();
    writer.write(b"two".to_vec()).unwrap();
    assert_eq!(reader.read_now(4), Some(Ok(b"onet".to_vec())));
    assert!(reader.end_now().is_none());
    let trailers = Fields::received([("a".to_owned(), b"b".to_vec())]);
    writer.finish(Some(trailers)).unwrap();
    assert!(reader.end_now().is_none(), "not all has been read");
    assert_eq!(reader.known_bytes(), Some(6));
    assert_eq!(reader.read_now(9), Some(Ok(b"wo".to_vec())));
    assert_eq!(reader.read_now(9), Some(Ok(vec![])));
    let end = reader.end_now().unwrap().unwrap().unwrap();
    assert!(end.has("a"));
}

#[test]
fn what_is_written_is_limited_and_more_so_once_somebody_reads() {
    let (mut writer, mut reader) = pipe(None);
    assert_eq!(writer.room(), Ok(UNREAD_BYTES_MAX));
    assert_eq!(
        writer.write_some(&[0; UNREAD_BYTES_MAX + 1]),
        Ok(UNREAD_BYTES_MAX)
    );
    assert_eq!(writer.room(), Ok(0));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(writer.poll_room(cx).is_pending());
    let mut left = UNREAD_BYTES_MAX;
    while left >= PIPE_BYTES_MAX {
        assert_eq!(writer.room(), Ok(0));
        left -= reader.read_now(1000).unwrap().unwrap().len();
    }
    assert!(writer.poll_room(cx).is_ready());
    assert_eq!(writer.room(), Ok(PIPE_BYTES_MAX - left));
}

#[test]
fn the_announced_length_is_kept() {
    let (mut writer, reader) = pipe(Some(REQUEST));
    writer.write(b"four".to_vec()).unwrap();
    assert_eq!(writer.finish(None), Ok(()));
    assert!(reader.end_now().is_none(), "not all has been read");

    let (mut writer, mut reader) = pipe(Some(REQUEST));
    writer.write(b"one".to_vec()).unwrap();
    assert_eq!(writer.finish(None), Err(size(3)));
    assert_eq!(reader.read_now(9), Some(Ok(b"one".to_vec())));
    assert_eq!(reader.end_now().unwrap().unwrap_err(), size(3));

    let (mut writer, mut reader) = pipe(Some(REQUEST));
    writer.write(b"one".to_vec()).unwrap();
    assert_eq!(writer.write(b"two".to_vec()), Err(size(6)));
    assert_eq!(reader.read_now(9), Some(Ok(b"one".to_vec())));
    assert_eq!(writer.finish(None), Err(size(6)));
    assert_eq!(reader.end_now().unwrap().unwrap_err(), size(6));

    let (mut writer, _reader) = pipe(Some(REQUEST));
    assert_eq!(writer.write_some(b"seven"), Err(size(5)));
    assert_eq!(writer.room(), Err(size(5)));
}

#[test]
fn a_body_without_an_end_is_cut_short() {
    let (mut writer, mut reader) = pipe(None);
    writer.write(b"one".to_vec()).unwrap();
    drop(writer);
    let error = ErrorCode::ConnectionTerminated;
    assert_eq!(reader.read_now(9), Some(Ok(b"one".to_vec())));
    assert_eq!(reader.read_now(9), Some(Err(error.clone())));
    assert_eq!(reader.end_now().unwrap().unwrap_err(), error);
}

#[test]
fn whoever_writes_hears_that_nobody_reads() {
    let (mut writer, reader) = pipe(None);
    let told = Rc::new(Cell::new(None));
    let heard = Rc::clone(&told);
    writer.on_sent(move |result| heard.set(Some(result)));
    drop(reader);
    let error = ErrorCode::ConnectionTerminated;
    assert!(writer.is_refused());
    assert_eq!(writer.room(), Err(error.clone()));
    assert_eq!(writer.write(b"lost".to_vec()), Ok(()));
    assert_eq!(told.take(), Some(Err(error)));

    let (mut writer, mut reader) = pipe(None);
    let heard = Rc::clone(&told);
    writer.on_sent(move |result| heard.set(Some(result)));
    reader.sent(Ok(()));
    drop(reader);
    assert_eq!(told.take(), Some(Ok(())));
}

#[test]
fn what_nobody_wants_takes_no_room() {
    let (mut writer, mut reader) = pipe(None);
    writer.write(vec![0; PIPE_BYTES_MAX]).unwrap();
    reader.discard();
    writer.write(vec![0; PIPE_BYTES_MAX]).unwrap();
    assert_eq!(writer.room(), Ok(PIPE_BYTES_MAX));
    assert!(reader.end_now().is_none());
    writer.finish(None).unwrap();
    assert!(matches!(reader.end_now(), Some(Ok(None))));
}

#[test]
fn what_is_held_is_let_go_of_when_the_writer_has_no_more_to_do() {
    let held = Rc::new(());
    let (mut writer, reader) = pipe(None);
    reader.hold(Rc::clone(&held));
    writer.write(b"one".to_vec()).unwrap();
    assert_eq!(Rc::strong_count(&held), 2);
    writer.finish(None).unwrap();
    assert_eq!(Rc::strong_count(&held), 1, "the rest is the reader's");
    reader.hold(Rc::clone(&held));
    assert_eq!(Rc::strong_count(&held), 1, "it has ended already");
    let (writer, reader) = pipe(None);
    reader.hold(Rc::clone(&held));
    drop(reader);
    assert_eq!(Rc::strong_count(&held), 1, "nobody reads");
    drop(writer);
}

fn bytes(chunk: Chunk) -> Vec<u8> {
    match chunk {
        Chunk::Bytes(bytes) => bytes,
        Chunk::Parcel(_) => panic!("nobody has written a parcel"),
    }
}

fn large(reader: &mut BodyReader) -> Option<(Vec<u8>, usize)> {
    let (chunk, read) = reader.take_large()?;
    Some((bytes(chunk), read))
}

fn next(reader: &mut BodyReader, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>>> {
    reader.poll_chunk(cx).map_ok(bytes)
}

#[test]
fn large_buffers_pass_as_they_are_and_small_writes_share_one() {
    let (mut writer, mut reader) = pipe(None);
    let buffer = vec![7; 40_000];
    let address = buffer.as_ptr();
    writer.write(buffer).unwrap();
    writer.write(b"small".to_vec()).unwrap();
    assert_eq!(reader.read_now(3), Some(Ok(vec![7; 3])));
    let (taken, read) = large(&mut reader).unwrap();
    assert_eq!((taken.as_ptr(), taken.len(), read), (address, 40_000, 3));
    assert_eq!(large(&mut reader), None, "what is left is small");
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(next(&mut reader, cx), Poll::Ready(Ok(b"small".to_vec())));
    assert_eq!(reader.unread_bytes(), 0);
    for number in 0..20 {
        writer.write_copy(&[number; 3000]).unwrap();
    }
    assert_eq!(
        large(&mut reader),
        None,
        "the first write has waited for no others"
    );
    assert_eq!(reader.read_now(3000), Some(Ok(vec![0; 3000])));
    let (taken, read) = large(&mut reader).unwrap();
    assert_eq!((taken.len(), read), (19 * 3000, 0));
    assert_eq!((taken[0], taken[56_999]), (1, 19));
    writer.finish(None).unwrap();
    assert_eq!(next(&mut reader, cx), Poll::Ready(Ok(vec![])));
}

/// A parcel with these bytes.
fn parcel(bytes: &[u8]) -> Chunk {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let (here, there) = pair.unwrap();
    rustix::io::write(&here, bytes).unwrap();
    let mut parcel = new_parcel().unwrap();
    assert_eq!(parcel.fill(there.as_fd(), bytes.len()), Ok(bytes.len()));
    Chunk::Parcel(parcel)
}

#[test]
fn parcels_pass_as_they_are_and_are_opened_for_whoever_wants_bytes() {
    let (mut writer, mut reader) = pipe(Some(REQUEST));
    assert!(writer.new_parcel().is_none() && !writer.takes_parcels());
    reader.take_parcels();
    reader.give_parcels(new_parcel);
    assert!(writer.new_parcel().is_some() && writer.takes_parcels());
    writer.write_chunk(parcel(b"tw")).unwrap();
    writer.write_chunk(parcel(b"o")).unwrap();
    assert_eq!(reader.unread_bytes(), 3);
    assert_eq!(reader.read_now(1), Some(Ok(b"t".to_vec())));
    let cx = &mut Context::from_waker(Waker::noop());
    assert_eq!(next(&mut reader, cx), Poll::Ready(Ok(b"w".to_vec())));
    let Some((Chunk::Parcel(taken), 0)) = reader.take_large() else {
        panic!("it has not been opened");
    };
    assert_eq!((taken.bytes(), reader.unread_bytes()), (1, 0));
    assert_eq!(writer.write_chunk(parcel(b"xx")), Err(size(5)));
    reader.refuse(ErrorCode::ConnectionTerminated);
    assert!(writer.new_parcel().is_none(), "nobody wants it");
}
