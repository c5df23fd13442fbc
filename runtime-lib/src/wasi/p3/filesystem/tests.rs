//! Tests of what `wasi:filesystem` of 0.3 does not share with 0.2.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::task::{Context, Poll, Waker};

use tempfile::TempDir;

use super::streams::{Cursor, Place};
use super::*;
use crate::component::Guest;
use crate::host::directory;
use crate::wasi::p3::clocks::Instant;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
const NONE: OpenFlags = OpenFlags::empty();
const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;
const CHANGE: DescriptorFlags = DescriptorFlags::MUTATE_DIRECTORY;

/// A directory of the host, and as the guest has it.
fn preopen(call: &mut Call<'_>, read_only: bool) -> (TempDir, Fd) {
    let host = tempfile::tempdir().unwrap();
    let directory = directory::tests::open(host.path(), read_only);
    let directory = Descriptor::preopened(host::Descriptor::Directory(directory));
    let file = File::new(Rc::new(directory), false);
    (host, call.push(file).borrow())
}

/// The value of a future that does not wait.
fn now<T>(mut future: HostFuture<T>) -> T {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

fn open_with(
    call: &mut Call<'_>,
    fd: Fd,
    path: &str,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Fd> {
    let opened = now(open_at(
        call,
        fd,
        FOLLOW,
        path.to_owned(),
        open_flags,
        flags,
    ));
    opened.map(|New(file)| call.push(file).borrow())
}

fn open(call: &mut Call<'_>, fd: Fd, path: &str, flags: DescriptorFlags) -> Fd {
    open_with(call, fd, path, NONE, flags).unwrap()
}

fn create(call: &mut Call<'_>, fd: Fd, path: &str) -> Fd {
    open_with(call, fd, path, OpenFlags::CREATE, READ | WRITE).unwrap()
}

fn cursor(call: &mut Call<'_>, fd: Fd, place: Place) -> Cursor {
    let (outcome, _ended) = Outcome::new();
    Cursor::new(call.resource(&fd), place, outcome)
}

fn mkfifo(host: &TempDir, name: &str) {
    let made = Command::new("mkfifo").arg(host.path().join(name)).status();
    assert!(made.unwrap().success());
}

#[test]
fn streams_have_their_own_positions() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (_host, directory) = preopen(call, false);
    let file = create(call, directory, "a");
    let mut writer = cursor(call, file, Place::At(2));
    let mut appender = cursor(call, file, Place::End);
    assert_eq!(writer.write(b"abc"), Ok(3));
    assert_eq!(appender.write(b"end"), Ok(3));
    assert_eq!(writer.write(b"XY"), Ok(2));
    assert_eq!(appender.write(b"!"), Ok(1));
    let mut reader = cursor(call, file, Place::At(1));
    let mut bytes = [0; 100];
    assert_eq!(reader.read(&mut bytes[..4]), Ok(4));
    assert_eq!(reader.read(&mut bytes[4..]), Ok(4));
    assert_eq!(&bytes[..8], b"\0abcXYd!");
    assert_eq!(reader.read(&mut bytes), Ok(0));
}

#[test]
fn streams_fail() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (_host, directory) = preopen(call, false);
    create(call, directory, "a");
    let reading = open(call, directory, "a", READ);
    let writing = open(call, directory, "a", WRITE);
    let mut bytes = [0; 4];
    let read = cursor(call, writing, Place::At(0)).read(&mut bytes);
    assert_eq!(read, Err(Error::BadDescriptor));
    let read = cursor(call, reading, Place::At(u64::MAX)).read(&mut bytes);
    assert_eq!(read, Err(Error::Invalid));
    let read = cursor(call, directory, Place::At(0)).read(&mut bytes);
    assert_eq!(read, Err(Error::IsDirectory));
    for place in [Place::At(0), Place::End] {
        let written = cursor(call, reading, place).write(b"x");
        assert_eq!(written, Err(Error::BadDescriptor));
        let written = cursor(call, directory, place).write(b"x");
        assert_eq!(written, Err(Error::BadDescriptor));
    }
}

#[test]
fn a_pipe_waits_for_its_other_end() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (host, directory) = preopen(call, false);
    mkfifo(&host, "pipe");
    let cx = &mut Context::from_waker(Waker::noop());
    let path = || "pipe".to_owned();
    let mut writing = open_at(call, directory, FOLLOW, path(), NONE, WRITE);
    assert!(writing.as_mut().poll(cx).is_pending());

    let reading = open(call, directory, "pipe", READ);
    assert_eq!(now(get_type(call, reading)), Ok(DescriptorType::Fifo));
    let writing = loop {
        match writing.as_mut().poll(cx) {
            Poll::Ready(opened) => break call.push(opened.unwrap().0).borrow(),
            Poll::Pending => assert!(crate::io::turn(true)),
        }
    };
    let mut reader = cursor(call, reading, Place::At(0));
    let mut writer = cursor(call, writing, Place::End);
    let mut bytes = [0; 4];
    assert_eq!(reader.read(&mut bytes), Err(Error::WouldBlock));
    assert_eq!(reader.read(&mut bytes), Err(Error::WouldBlock));
    assert_eq!(writer.write(b"abcdef"), Ok(6));
    assert_eq!(reader.read(&mut bytes), Ok(4));
    // No event tells another stream of what is there already.
    let mut second = cursor(call, reading, Place::At(0));
    assert_eq!(second.read(&mut bytes), Ok(2));
    let elsewhere = cursor(call, reading, Place::At(1)).read(&mut bytes);
    assert_eq!(elsewhere, Err(Error::InvalidSeek));
    let full = loop {
        match writer.write(&[0; 4096]) {
            Ok(count) => assert!(count > 0),
            full => break full,
        }
    };
    assert_eq!(full, Err(Error::WouldBlock));
}

#[test]
fn nothing_below_a_read_only_directory_is_changed() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (host, fd) = preopen(call, true);
    fs::write(host.path().join("a"), "a").unwrap();
    fs::create_dir(host.path().join("d")).unwrap();
    let (_other_host, other) = preopen(call, false);
    create(call, other, "w");
    let file = open(call, fd, "a", READ);
    let name = str::to_owned;
    let keep = NewTimestamp::NoChange;
    let refused = [
        open_with(call, fd, "a", NONE, WRITE).map(drop),
        open_with(call, fd, "d", NONE, CHANGE).map(drop),
        open_with(call, fd, "x", OpenFlags::CREATE, READ).map(drop),
        open_with(call, fd, "a", OpenFlags::TRUNCATE, READ).map(drop),
        now(create_directory_at(call, fd, name("x"))),
        now(remove_directory_at(call, fd, name("d"))),
        now(unlink_file_at(call, fd, name("a"))),
        now(symlink_at(call, fd, name("a"), name("x"))),
        now(link_at(call, fd, FOLLOW, name("a"), other, name("x"))),
        now(link_at(call, other, FOLLOW, name("w"), fd, name("x"))),
        now(rename_at(call, fd, name("a"), other, name("x"))),
        now(rename_at(call, other, name("w"), fd, name("x"))),
        now(set_times_at(call, fd, FOLLOW, name("a"), keep, keep)),
        now(set_times(call, fd, keep, keep)),
        now(set_times(call, file, keep, keep)),
        now(set_size(call, file, 0)),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert_eq!(result, Err(ErrorCode::NotPermitted), "{index}");
    }
    assert_eq!(now(get_flags(call, fd)), Ok(READ));
    assert_eq!(fs::read(host.path().join("a")).unwrap(), b"a");
}

#[test]
fn flags_say_how_it_was_opened() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (host, directory) = preopen(call, false);
    fs::create_dir(host.path().join("d")).unwrap();
    create(call, directory, "a");
    let empty = DescriptorFlags::empty();
    // Each means both.
    let data_sync = DescriptorFlags::DATA_INTEGRITY_SYNC;
    let sync = DescriptorFlags::FILE_INTEGRITY_SYNC | data_sync;
    let cases = [
        (directory, ".", empty, READ),
        (directory, ".", CHANGE, READ | CHANGE),
        (directory, "d", READ | CHANGE, READ | CHANGE),
        (directory, "a", empty, READ),
        (directory, "a", WRITE | sync, WRITE | sync),
        (
            directory,
            "a",
            READ | WRITE | data_sync,
            READ | WRITE | sync,
        ),
    ];
    for (directory, path, flags, expected) in cases {
        let opened = open(call, directory, path, flags);
        assert_eq!(
            now(get_flags(call, opened)),
            Ok(expected),
            "{path} {flags:?}"
        );
    }
    assert_eq!(now(get_flags(call, directory)), Ok(READ | CHANGE));
    let below = open(call, directory, "d", READ);
    assert_eq!(
        now(create_directory_at(call, below, "e".to_owned())),
        Ok(())
    );
}

#[test]
fn files_are_older_than_1970() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (_host, directory) = preopen(call, false);
    let file = create(call, directory, "a");
    let instant = |seconds, nanoseconds| Instant {
        seconds,
        nanoseconds,
    };
    let to = |seconds, nanoseconds| NewTimestamp::Timestamp(instant(seconds, nanoseconds));
    let told = |call: &mut Call<'_>| {
        let stat = now(stat(call, file)).unwrap();
        (stat.data_access_timestamp, stat.data_modification_timestamp)
    };
    let set = now(set_times(call, file, to(-2, 1), to(-1, 2_000_000_003)));
    assert_eq!(set, Ok(()));
    let expected = (Some(instant(-2, 1)), Some(instant(1, 3)));
    assert_eq!(told(call), expected);
    let (path, keep) = ("a".to_owned(), NewTimestamp::NoChange);
    let set = now(set_times_at(call, directory, FOLLOW, path, keep, to(-5, 7)));
    assert_eq!(set, Ok(()));
    assert_eq!(told(call), (Some(instant(-2, 1)), Some(instant(-5, 7))));
    let far = now(set_times(call, file, keep, to(i64::MAX, 1_000_000_000)));
    assert_eq!(far, Err(ErrorCode::Overflow));
}

#[test]
fn kinds_and_errors_have_names() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (host, directory) = preopen(call, false);
    let _socket = UnixListener::bind(host.path().join("socket")).unwrap();
    let socket = now(stat_at(call, directory, FOLLOW, "socket".to_owned()));
    assert_eq!(socket.unwrap().r#type, DescriptorType::Socket);
    assert_eq!(
        ErrorCode::from(Error::InsufficientSpace),
        ErrorCode::InsufficientSpace
    );
    let other = ErrorCode::Other(Some("TooManyOpenFiles".to_owned()));
    assert_eq!(ErrorCode::from(Error::TooManyOpenFiles), other);
}
