//! Tests of `wasi:filesystem`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use super::*;
use crate::host::stat::{FileType, SetTime};
use crate::host::{self, Error, directory};
use crate::wasi::p2::clocks::Datetime;
use crate::wasi::p2::poll;
use crate::wasi::p2::streams::StreamError;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
const NO_FOLLOW: PathFlags = PathFlags::empty();

/// A directory of the host, and as the guest has it.
fn preopened(read_only: bool) -> (TempDir, File) {
    let host = tempfile::tempdir().unwrap();
    let directory = directory::tests::open(host.path(), read_only);
    let directory = host::Descriptor::Directory(directory);
    (host, Rc::new(Descriptor::preopened(directory)))
}

fn open(directory: &Descriptor, path: &str, flags: DescriptorFlags) -> Result<File> {
    let opened = directory.open_at(FOLLOW, path, OpenFlags::empty(), flags, false);
    Ok(Rc::new(opened?))
}

fn create(directory: &Descriptor, path: &str) -> File {
    let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
    let opened = directory.open_at(NO_FOLLOW, path, OpenFlags::CREATE, flags, false);
    Rc::new(opened.unwrap())
}

#[test]
fn reads_and_writes_are_at_offsets() {
    let (_host, directory) = preopened(false);
    let file = create(&directory, "a");
    assert_eq!(file.write(b"0123456789", 0), Ok(10));
    assert_eq!(file.write(b"ab", 3), Ok(2));
    assert_eq!(file.read(4, 2), Ok((b"2ab5".to_vec(), false)));
    assert_eq!(file.read(u64::MAX, 8), Ok((b"89".to_vec(), false)));
    assert_eq!(file.read(1, 10), Ok((vec![], true)));
    file.set_size(3).unwrap();
    assert_eq!(file.stat().unwrap().size, 3);
    file.advise(0, 0, Advice::Sequential).unwrap();
    file.sync().unwrap();
    file.sync_data().unwrap();
    directory.sync().unwrap();
    directory.sync_data().unwrap();
}

#[test]
fn streams_have_their_own_offsets() {
    let (_host, directory) = preopened(false);
    let file = create(&directory, "a");
    let writer = streams::writer(&file, Some(2)).unwrap();
    assert!(writer.check_write().unwrap() > 0);
    writer.write(b"abc").unwrap();
    writer.blocking_write_and_flush(b"def").unwrap();
    let appender = streams::writer(&file, None).unwrap();
    appender.write(b"end").unwrap();
    writer.write(b"XY").unwrap();
    appender.write(b"!").unwrap();

    let reader = streams::reader(&file, 1).unwrap();
    assert!(poll::is_ready(&*reader));
    assert_eq!(reader.read(0), Ok(vec![]));
    assert_eq!(reader.read(4), Ok(b"\0abc".to_vec()));
    assert_eq!(reader.blocking_read(100), Ok(b"defXYd!".to_vec()));
    assert_eq!(reader.read(1), Err(StreamError::Closed));
    assert_eq!(reader.read(0), Err(StreamError::Closed));
}

#[test]
fn streams_fail_once() {
    let (_host, directory) = preopened(false);
    let file = create(&directory, "a");
    // No file has such positions.
    let writer = streams::writer(&file, Some(u64::MAX)).unwrap();
    let failed = StreamError::Failed(Error::Invalid);
    assert_eq!(writer.write(b"x"), Err(failed.clone()));
    assert_eq!(writer.check_write(), Err(StreamError::Closed));
    assert_eq!(writer.write(b"x"), Err(StreamError::Closed));
    let reader = streams::reader(&file, u64::MAX).unwrap();
    assert_eq!(reader.read(1), Err(failed));
    assert_eq!(reader.read(1), Err(StreamError::Closed));
}

#[test]
fn flags_say_how_it_was_opened() {
    let (host, directory) = preopened(false);
    fs::create_dir(host.path().join("d")).unwrap();
    let both = DescriptorFlags::READ | DescriptorFlags::WRITE;
    assert_eq!(create(&directory, "a").flags(), Ok(both));
    for flags in [DescriptorFlags::READ, DescriptorFlags::WRITE, both] {
        assert_eq!(open(&directory, "a", flags).unwrap().flags(), Ok(flags));
    }
    let none = DescriptorFlags::empty();
    let opened = open(&directory, "a", none).unwrap();
    assert_eq!(opened.flags(), Ok(DescriptorFlags::READ));
    let change = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
    assert_eq!(directory.flags(), Ok(change));
    let below = open(&directory, "d", change).unwrap();
    assert_eq!(below.flags(), Ok(DescriptorFlags::READ));
    assert_eq!(below.file_type(), Ok(FileType::Directory));
    assert_eq!(opened.file_type(), Ok(FileType::RegularFile));
}

#[test]
fn what_is_opened_wrongly_is_not_opened() {
    let (host, directory) = preopened(false);
    create(&directory, "a");
    fs::create_dir(host.path().join("d")).unwrap();
    symlink("/etc/passwd", host.path().join("absolute")).unwrap();
    symlink("../x", host.path().join("outside")).unwrap();
    symlink("a", host.path().join("link")).unwrap();
    let read = DescriptorFlags::READ;
    let with = |path: &str, path_flags, open_flags, flags| {
        let opened = directory.open_at(path_flags, path, open_flags, flags, false);
        opened.err()
    };
    let none = OpenFlags::empty();
    let cases = [
        ("none", FOLLOW, none, read, Error::NoEntry),
        ("a/", FOLLOW, none, read, Error::NotDirectory),
        ("a", FOLLOW, OpenFlags::DIRECTORY, read, Error::NotDirectory),
        (
            "d",
            FOLLOW,
            none,
            DescriptorFlags::WRITE,
            Error::IsDirectory,
        ),
        ("link", NO_FOLLOW, none, read, Error::Loop),
        ("../x", FOLLOW, none, read, Error::NotPermitted),
        ("/etc", FOLLOW, none, read, Error::NotPermitted),
        ("absolute", FOLLOW, none, read, Error::NotPermitted),
        ("outside", FOLLOW, none, read, Error::NotPermitted),
        ("", FOLLOW, none, read, Error::NoEntry),
        (
            "a",
            FOLLOW,
            OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
            read,
            Error::Exist,
        ),
        (
            "x",
            FOLLOW,
            OpenFlags::CREATE | OpenFlags::DIRECTORY,
            read,
            Error::Invalid,
        ),
    ];
    for (path, path_flags, open_flags, flags, expected) in cases {
        let error = with(path, path_flags, open_flags, flags);
        assert_eq!(error, Some(expected), "{path:?} {open_flags:?} {flags:?}");
    }
    assert_eq!(with("link", FOLLOW, OpenFlags::TRUNCATE, read), None);
    assert_eq!(directory.readlink_at("link").as_deref(), Ok("a"));
    assert_eq!(directory.readlink_at("absolute"), Err(Error::NotPermitted));
}

#[test]
fn files_are_no_directories_and_directories_no_files() {
    let (_host, directory) = preopened(false);
    let file = create(&directory, "a");
    assert_eq!(file.stat_at(FOLLOW, "b").err(), Some(Error::NotDirectory));
    assert_eq!(file.list().err(), Some(Error::NotDirectory));
    assert_eq!(file.unlink_file_at("b"), Err(Error::NotDirectory));
    assert_eq!(directory.read(1, 0), Err(Error::BadDescriptor));
    assert_eq!(directory.write(b"x", 0), Err(Error::BadDescriptor));
    assert_eq!(directory.set_size(1), Err(Error::BadDescriptor));
    let advised = directory.advise(0, 1, Advice::Normal);
    assert_eq!(advised, Err(Error::BadDescriptor));
    let reader = streams::reader(&directory, 0);
    assert_eq!(reader.err(), Some(Error::IsDirectory));
    let writer = streams::writer(&directory, None);
    assert_eq!(writer.err(), Some(Error::BadDescriptor));
}

#[test]
fn names_are_made_moved_and_removed() {
    let (host, directory) = preopened(false);
    create(&directory, "a");
    directory.create_directory_at("d").unwrap();
    let below = open(&directory, "d", DescriptorFlags::READ).unwrap();
    directory.link_at(NO_FOLLOW, "a", &below, "b").unwrap();
    assert_eq!(directory.stat_at(FOLLOW, "a").unwrap().links, 2);
    let followed = directory.link_at(FOLLOW, "a", &below, "c");
    assert_eq!(followed, Err(Error::Invalid));
    below.rename_at("b", &directory, "c").unwrap();
    assert_eq!(
        directory.rename_at("c", &below, "e/"),
        Err(Error::NotDirectory)
    );
    directory.symlink_at("a", "link").unwrap();
    let absolute = directory.symlink_at("/a", "x");
    assert_eq!(absolute, Err(Error::NotPermitted));
    assert_eq!(directory.remove_directory_at("c"), Err(Error::NotDirectory));
    assert_eq!(directory.unlink_file_at("d"), Err(Error::IsDirectory));
    directory.unlink_file_at("link").unwrap();
    directory.unlink_file_at("c").unwrap();
    directory.remove_directory_at("d").unwrap();
    let left: Vec<_> = fs::read_dir(host.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[test]
fn directories_are_listed() {
    let (host, directory) = preopened(false);
    create(&directory, "a");
    directory.create_directory_at("d").unwrap();
    directory.symlink_at("nowhere", "l").unwrap();
    let mut stream = DirectoryEntryStream::of(directory.list().unwrap());
    let mut found = Vec::new();
    while let Some(entry) = stream.next_entry().unwrap() {
        found.push((entry.name, entry.r#type));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("a", DescriptorType::RegularFile),
        ("d", DescriptorType::Directory),
        ("l", DescriptorType::SymbolicLink),
    ];
    assert_eq!(found, expected.map(|(name, ty)| (name.to_owned(), ty)));

    let below = open(&directory, "d", DescriptorFlags::READ).unwrap();
    let name = OsStr::from_bytes(b"\xff");
    fs::write(host.path().join("d").join(name), "").unwrap();
    let mut stream = DirectoryEntryStream::of(below.list().unwrap());
    let entry = stream.next_entry();
    assert_eq!(entry.err(), Some(ErrorCode::IllegalByteSequence));
    assert!(stream.next_entry().unwrap().is_none());
}

#[test]
fn streams_are_of_what_the_file_is_open_for() {
    let (host, directory) = preopened(false);
    fs::write(host.path().join("a"), "a").unwrap();
    let reading = Rc::new(open(&directory, "a", DescriptorFlags::READ).unwrap());
    let writing = Rc::new(open(&directory, "a", DescriptorFlags::WRITE).unwrap());
    let refused = Err(Error::BadDescriptor);
    assert_eq!(streams::reader(&writing, 0).map(drop), refused);
    assert_eq!(streams::writer(&reading, Some(0)).map(drop), refused);
    assert_eq!(streams::writer(&reading, None).map(drop), refused);
    assert!(streams::reader(&reading, 0).is_ok());
    assert!(streams::writer(&writing, None).is_ok());
}

#[test]
fn nothing_below_a_read_only_directory_is_changed() {
    let (host, directory) = preopened(true);
    fs::write(host.path().join("a"), "a").unwrap();
    fs::create_dir(host.path().join("d")).unwrap();
    let (_writable_host, writable) = preopened(false);
    create(&writable, "w");
    let file = open(&directory, "a", DescriptorFlags::READ).unwrap();
    let open_with = |path, open, flags| {
        directory
            .open_at(FOLLOW, path, open, flags, false)
            .map(drop)
    };
    let (read, write) = (DescriptorFlags::READ, DescriptorFlags::WRITE);
    let refused = [
        open_with("a", OpenFlags::empty(), write),
        open_with("x", OpenFlags::CREATE, read),
        open_with("a", OpenFlags::TRUNCATE, read),
        directory.create_directory_at("x"),
        directory.remove_directory_at("d"),
        directory.unlink_file_at("a"),
        directory.symlink_at("a", "x"),
        directory.link_at(NO_FOLLOW, "a", &directory, "x"),
        directory.link_at(FOLLOW, "a", &writable, "x"),
        writable.link_at(NO_FOLLOW, "w", &directory, "x"),
        directory.rename_at("a", &writable, "x"),
        writable.rename_at("w", &directory, "x"),
        directory.set_times_at(FOLLOW, "a", SetTime::Keep, SetTime::Now),
        directory.set_times(SetTime::Keep, SetTime::Now),
        file.set_times(SetTime::Keep, SetTime::Now),
        file.set_size(0),
        file.write(b"x", 0).map(drop),
        streams::writer(&file, Some(0)).map(drop),
        streams::writer(&file, None).map(drop),
    ];
    for (index, result) in refused.into_iter().enumerate() {
        assert_eq!(result, Err(Error::NotPermitted), "{index}");
    }
    assert_eq!(directory.flags(), Ok(DescriptorFlags::READ));
    assert_eq!(file.read(9, 0), Ok((b"a".to_vec(), false)));
    assert_eq!(fs::read(host.path().join("a")).unwrap(), b"a");
}

#[test]
fn times_are_set_and_told() {
    let (_host, directory) = preopened(false);
    let file = create(&directory, "a");
    let time = |seconds, nanoseconds| {
        let time = Datetime {
            seconds,
            nanoseconds,
        };
        NewTimestamp::Timestamp(time).checked()
    };
    let (accessed, modified) = (time(1, 2).unwrap(), time(3, 1_000_000_004).unwrap());
    file.set_times(accessed, modified).unwrap();
    let stat = DescriptorStat::from(file.stat().unwrap());
    let expected = |seconds, nanoseconds| {
        Some(Datetime {
            seconds,
            nanoseconds,
        })
    };
    assert_eq!(stat.data_access_timestamp, expected(1, 2));
    assert_eq!(stat.data_modification_timestamp, expected(4, 4));
    let keep = NewTimestamp::NoChange.checked().unwrap();
    directory
        .set_times_at(FOLLOW, "a", keep, time(5, 0).unwrap())
        .unwrap();
    let stat = DescriptorStat::from(directory.stat_at(FOLLOW, "a").unwrap());
    assert_eq!(stat.data_access_timestamp, expected(1, 2));
    assert_eq!(stat.data_modification_timestamp, expected(5, 0));
    assert_eq!(time(u64::MAX, 0), Err(Error::Overflow));
}

#[test]
fn hashes_tell_objects_apart() {
    let (_host, directory) = preopened(false);
    let (a, b) = (create(&directory, "a"), create(&directory, "b"));
    directory.symlink_at("a", "link").unwrap();
    let again = open(&directory, "link", DescriptorFlags::READ).unwrap();
    let hash = a.metadata_hash().unwrap();
    assert_ne!(hash, b.metadata_hash().unwrap());
    a.write(b"changed", 0).unwrap();
    assert_eq!(hash, again.metadata_hash().unwrap());
    assert_eq!(Ok(hash), directory.metadata_hash_at(FOLLOW, "link"));
    assert_ne!(Ok(hash), directory.metadata_hash_at(NO_FOLLOW, "link"));
    assert!(a.is_same_object(&again) && !a.is_same_object(&b));
}

#[test]
fn errors_have_codes() {
    let code = ErrorCode::of_filesystem;
    assert_eq!(
        code(Error::InsufficientSpace),
        Some(ErrorCode::InsufficientSpace)
    );
    assert_eq!(code(Error::CrossDevice), Some(ErrorCode::CrossDevice));
    assert_eq!(code(Error::ConnectionReset), None);
    assert_eq!(ErrorCode::from(Error::ConnectionReset), ErrorCode::Io);
}
