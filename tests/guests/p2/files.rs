//! Every function of the filesystem, in the first preopened folder, which must be empty but for
//! what the test puts there: `given`, a file, and `outside`, a link that leads out.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use guests::{Name, outcome, read_all, say};
use wasip2::clocks::wall_clock::Datetime;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorType, ErrorCode, NewTimestamp, OpenFlags,
    PathFlags, filesystem_error_code,
};
use wasip2::io::streams::StreamError;

const NO_FOLLOW: PathFlags = PathFlags::empty();
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
const READ: DescriptorFlags = DescriptorFlags::READ;
const WRITE: DescriptorFlags = DescriptorFlags::WRITE;

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let folders = get_directories();
        for (_, name) in &folders {
            say!("preopened {name:?}");
        }
        let (root, _) = folders.into_iter().next().ok_or(())?;
        if kind(
            &root
                .get_flags()
                .map(|flags| flags.contains(DescriptorFlags::MUTATE_DIRECTORY)),
        ) == "true"
        {
            whole_file(&root);
            streams(&root);
            positions(&root);
            times(&root);
            folders_and_names(&root);
            links(&root);
            identity(&root);
            list(&root, ".");
            clean(&root);
        } else {
            read_only(&root);
        }
        errors(&root);
        Ok(())
    }
}

/// A value or the error's name.
fn kind<T: core::fmt::Debug, E: Name>(result: &Result<T, E>) -> String {
    match result {
        Ok(value) => alloc::format!("{value:?}"),
        Err(error) => String::from(error.text()),
    }
}

fn open(
    root: &Descriptor,
    path: &str,
    how: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Descriptor, ErrorCode> {
    root.open_at(FOLLOW, path, how, flags)
}

fn create(root: &Descriptor, path: &str, content: &[u8]) -> Descriptor {
    let file = open(
        root,
        path,
        OpenFlags::CREATE | OpenFlags::TRUNCATE,
        READ | WRITE,
    );
    let file = file.expect("a file can be made in the folder");
    let written = file.write(content, 0);
    assert!(written.is_ok_and(|count| count == content.len() as u64));
    file
}

/// The names in a folder with their types, in order.
fn list(root: &Descriptor, path: &str) {
    let folder = open(root, path, OpenFlags::DIRECTORY, READ);
    let stream = match folder.and_then(|folder| folder.read_directory()) {
        Ok(stream) => stream,
        Err(error) => return say!("list {path}: {}", error.text()),
    };
    let mut names = Vec::new();
    let end = loop {
        match stream.read_directory_entry() {
            Ok(Some(entry)) => names.push(alloc::format!("{}:{:?}", entry.name, entry.type_)),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    names.sort();
    say!("list {path}: {} {}", names.join(" "), outcome(&end));
    say!(
        "list {path}, after the end: {}",
        outcome(&stream.read_directory_entry())
    );
}

fn whole_file(root: &Descriptor) {
    let file = create(root, "whole", b"0123456789");
    say!("type {}", kind(&file.get_type()));
    let flags = file.get_flags();
    say!(
        "flags {}",
        kind(&flags.map(|flags| (flags.contains(READ), flags.contains(WRITE))))
    );
    say!(
        "read 4 at 3: {}",
        kind(
            &file
                .read(4, 3)
                .map(|(bytes, end)| (String::from_utf8(bytes), end))
        )
    );
    say!(
        "read all: {}",
        kind(&file.read(100, 0).map(|(bytes, _)| bytes.len()))
    );
    say!("read at the end: {}", kind(&file.read(100, 10)));
    say!("read nothing: {}", outcome(&file.read(0, 0)));
    say!("write at 12: {}", kind(&file.write(b"ab", 12)));
    say!("size {}", kind(&file.stat().map(|stat| stat.size)));
    say!("set size {}", outcome(&file.set_size(5)));
    say!(
        "size {}",
        kind(
            &file
                .stat()
                .map(|stat| (stat.type_, stat.link_count, stat.size))
        )
    );
    say!("set a huge size {}", outcome(&file.set_size(u64::MAX)));
    for advice in [
        Advice::Normal,
        Advice::Sequential,
        Advice::Random,
        Advice::WillNeed,
        Advice::DontNeed,
        Advice::NoReuse,
    ] {
        say!("advise {}", outcome(&file.advise(0, 5, advice)));
    }
    say!(
        "sync {} {}",
        outcome(&file.sync()),
        outcome(&file.sync_data())
    );
    say!("no folder: {}", outcome(&file.read_directory()));
}

fn streams(root: &Descriptor) {
    let file = create(root, "stream", b"");
    let out = file.write_via_stream(0).expect("the file is writable");
    for part in ["first\n", "second\n"] {
        say!(
            "stream: {}",
            outcome(&out.blocking_write_and_flush(part.as_bytes()))
        );
    }
    let permit = out.check_write();
    say!("permit {}", permit.is_ok_and(|bytes| bytes > 0));
    say!(
        "write and flush {} {}",
        outcome(&out.write(b"third\n")),
        outcome(&out.blocking_flush())
    );
    drop(out);
    let more = file.append_via_stream().expect("the file is writable");
    say!(
        "append {}",
        outcome(&more.blocking_write_and_flush(b"appended\n"))
    );
    drop(more);
    let middle = file.write_via_stream(6).expect("the file is writable");
    say!(
        "middle {}",
        outcome(&middle.blocking_write_and_flush(b"SECOND"))
    );
    say!(
        "zeroes {}",
        outcome(&middle.blocking_write_zeroes_and_flush(1))
    );
    drop(middle);
    let input = file.read_via_stream(3).expect("the file is readable");
    say!("skipped {}", kind(&input.blocking_skip(3)));
    let ready = input.subscribe();
    ready.block();
    say!("ready {}", ready.ready());
    drop(ready);
    say!("rest {:?}", String::from_utf8(read_all(&input)));
    let copy = create(root, "copy", b"");
    let out = copy.write_via_stream(0).expect("the file is writable");
    let input = file.read_via_stream(0).expect("the file is readable");
    let mut spliced = 0;
    while let Ok(count) = out.blocking_splice(&input, 10) {
        spliced += count;
    }
    drop(out);
    say!(
        "spliced {spliced}, size {}",
        kind(&copy.stat().map(|stat| stat.size))
    );
    say!(
        "beyond the end {}",
        outcome(
            &file
                .read_via_stream(1000)
                .map(|stream| read_all(&stream).len())
        )
    );
    failing(root);
}

/// An error of a stream whose cause is one of the filesystem.
fn failing(root: &Descriptor) {
    let file = open(root, "given", OpenFlags::empty(), READ).expect("the test has made it");
    let error = match file.write_via_stream(0) {
        Err(error) => return say!("write what is read-only: {}", error.text()),
        Ok(stream) => stream.blocking_write_and_flush(b"x"),
    };
    match error {
        Err(StreamError::LastOperationFailed(error)) => {
            let code = filesystem_error_code(&error).map(|code| code.text());
            say!(
                "write what is read-only: {code:?} {}",
                error.to_debug_string().is_empty()
            );
        }
        other => say!("write what is read-only: {}", outcome(&other)),
    }
}

fn positions(root: &Descriptor) {
    let write_only = open(root, "whole", OpenFlags::empty(), WRITE);
    let write_only = write_only.expect("the file is there");
    say!(
        "read what is write-only: {}",
        outcome(&write_only.read(1, 0))
    );
    say!("its stream: {}", outcome(&write_only.read_via_stream(0)));
    let read_only = open(root, "whole", OpenFlags::empty(), READ);
    let read_only = read_only.expect("the file is there");
    say!(
        "write what is read-only: {}",
        outcome(&read_only.write(b"x", 0))
    );
    say!("its size: {}", outcome(&read_only.set_size(0)));
    say!("its end: {}", outcome(&read_only.append_via_stream()));
    say!(
        "exclusive: {}",
        outcome(&open(
            root,
            "whole",
            OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
            WRITE
        ))
    );
    say!(
        "truncated: {}",
        outcome(&open(root, "whole", OpenFlags::TRUNCATE, WRITE))
    );
    say!("size {}", kind(&read_only.stat().map(|stat| stat.size)));
    say!(
        "a file as a folder: {}",
        outcome(&open(root, "whole", OpenFlags::DIRECTORY, READ))
    );
}

fn times(root: &Descriptor) {
    let file = create(root, "times", b"");
    let at = |seconds, nanoseconds| {
        NewTimestamp::Timestamp(Datetime {
            seconds,
            nanoseconds,
        })
    };
    say!(
        "set {}",
        outcome(&file.set_times(at(1_000_000_000, 500), at(1_234_567_890, 123_456_000)))
    );
    let show = |root: &Descriptor| {
        let stat = root.stat_at(FOLLOW, "times");
        kind(&stat.map(|stat| [stat.data_access_timestamp, stat.data_modification_timestamp]))
    };
    say!("times {}", show(root));
    let only_access = root.set_times_at(FOLLOW, "times", at(5, 0), NewTimestamp::NoChange);
    say!("set {}, times {}", outcome(&only_access), show(root));
    say!(
        "now {}",
        outcome(&file.set_times(NewTimestamp::NoChange, NewTimestamp::Now))
    );
    let changed = file.stat().map(|stat| {
        let seconds = |time: Option<Datetime>| time.map_or(0, |time| time.seconds);
        (
            seconds(stat.data_access_timestamp),
            seconds(stat.data_modification_timestamp) > 1_700_000_000,
            seconds(stat.status_change_timestamp) > 1_700_000_000,
        )
    });
    say!("then {}", kind(&changed));
    say!(
        "too late {}",
        outcome(&file.set_times(at(u64::MAX, 0), NewTimestamp::NoChange))
    );
    say!(
        "no nanoseconds {}",
        outcome(&file.set_times(at(0, 1_000_000_000), NewTimestamp::NoChange))
    );
}

fn folders_and_names(root: &Descriptor) {
    say!("make {}", outcome(&root.create_directory_at("folder")));
    say!("again {}", outcome(&root.create_directory_at("folder")));
    say!(
        "below {}",
        outcome(&root.create_directory_at("folder/below"))
    );
    say!(
        "with a slash {}",
        outcome(&root.create_directory_at("folder/slash/"))
    );
    let folder = open(
        root,
        "folder",
        OpenFlags::DIRECTORY,
        READ | DescriptorFlags::MUTATE_DIRECTORY,
    );
    let folder = folder.expect("it was made");
    say!("type {}", kind(&folder.get_type()));
    drop(create(&folder, "one", b"1"));
    drop(create(&folder, "zwei \u{fc}\u{1f600}", b"22"));
    list(root, "folder");
    say!(
        "rename {}",
        outcome(&folder.rename_at("one", root, "moved"))
    );
    say!(
        "onto another {}",
        outcome(&root.rename_at("moved", &folder, "zwei \u{fc}\u{1f600}"))
    );
    say!(
        "a folder onto a file {}",
        outcome(&root.rename_at("folder", root, "copy"))
    );
    say!(
        "into itself {}",
        outcome(&root.rename_at("folder", &folder, "below/self"))
    );
    list(root, "folder");
    say!(
        "remove a full one {}",
        outcome(&root.remove_directory_at("folder"))
    );
    say!(
        "unlink a folder {}",
        outcome(&root.unlink_file_at("folder"))
    );
    say!(
        "remove a file {}",
        outcome(&root.remove_directory_at("copy"))
    );
    say!(
        "remove {}",
        outcome(&root.remove_directory_at("folder/slash"))
    );
    say!(
        "sync {} {}",
        outcome(&folder.sync()),
        outcome(&folder.sync_data())
    );
    say!("read a folder {}", outcome(&folder.read(1, 0)));
    say!("size of a folder {}", outcome(&folder.set_size(0)));
}

fn links(root: &Descriptor) {
    say!("symlink {}", outcome(&root.symlink_at("whole", "link")));
    say!("again {}", outcome(&root.symlink_at("whole", "link")));
    say!("absolute {}", outcome(&root.symlink_at("/etc", "absolute")));
    say!(
        "dangling {}",
        outcome(&root.symlink_at("nowhere", "dangling"))
    );
    say!("circle {}", outcome(&root.symlink_at("circle", "circle")));
    say!("readlink {}", kind(&root.readlink_at("link")));
    say!("readlink of a file {}", outcome(&root.readlink_at("whole")));
    let type_of = |flags, path| kind(&root.stat_at(flags, path).map(|stat| stat.type_));
    say!(
        "stat {} {}",
        type_of(NO_FOLLOW, "link"),
        type_of(FOLLOW, "link")
    );
    say!(
        "stat {} {}",
        type_of(NO_FOLLOW, "dangling"),
        type_of(FOLLOW, "dangling")
    );
    say!(
        "open without following {}",
        outcome(&root.open_at(NO_FOLLOW, "link", OpenFlags::empty(), READ))
    );
    say!(
        "open a circle {}",
        outcome(&open(root, "circle", OpenFlags::empty(), READ))
    );
    say!(
        "hard link {}",
        outcome(&root.link_at(NO_FOLLOW, "whole", root, "hard"))
    );
    say!(
        "links {}",
        kind(&root.stat_at(FOLLOW, "hard").map(|stat| stat.link_count))
    );
    say!(
        "link a folder {}",
        outcome(&root.link_at(NO_FOLLOW, "folder", root, "hard folder"))
    );
    say!(
        "link what a link names {}",
        outcome(&root.link_at(FOLLOW, "link", root, "followed"))
    );
    say!(
        "times of a link {}",
        outcome(&root.set_times_at(NO_FOLLOW, "link", NewTimestamp::Now, NewTimestamp::Now))
    );
}

fn identity(root: &Descriptor) {
    let get = |path| open(root, path, OpenFlags::empty(), READ).expect("the file is there");
    let (whole, hard, copy) = (get("whole"), get("hard"), get("copy"));
    say!(
        "same {} {}",
        whole.is_same_object(&hard),
        whole.is_same_object(&copy)
    );
    let hash = |file: &Descriptor| {
        file.metadata_hash()
            .map(|hash| (hash.lower, hash.upper))
            .ok()
    };
    let hash_at = |flags, path| {
        root.metadata_hash_at(flags, path)
            .map(|hash| (hash.lower, hash.upper))
            .ok()
    };
    say!(
        "hash {} {}",
        hash(&whole) == hash(&hard),
        hash(&whole) == hash(&copy)
    );
    say!("hash at {}", hash(&whole) == hash_at(FOLLOW, "whole"));
    say!(
        "hash through a link {} {}",
        hash(&whole) == hash_at(FOLLOW, "link"),
        hash(&whole) == hash_at(NO_FOLLOW, "link")
    );
    say!(
        "hash of nothing {}",
        outcome(&root.metadata_hash_at(FOLLOW, "missing"))
    );
}

fn clean(root: &Descriptor) {
    for name in [
        "whole", "stream", "copy", "times", "link", "absolute", "dangling", "circle", "hard",
    ] {
        let removed = root.unlink_file_at(name);
        if removed.is_err() {
            say!("unlink {name}: {}", outcome(&removed));
        }
    }
    list(root, ".");
}

fn read_only(root: &Descriptor) {
    list(root, ".");
    say!(
        "read {}",
        kind(&open(root, "given", OpenFlags::empty(), READ).and_then(|file| file.read(3, 0)))
    );
    say!(
        "open to write {}",
        outcome(&open(root, "given", OpenFlags::empty(), WRITE))
    );
    say!(
        "create {}",
        outcome(&open(root, "new", OpenFlags::CREATE, WRITE))
    );
    say!(
        "truncate {}",
        outcome(&open(root, "given", OpenFlags::TRUNCATE, WRITE))
    );
    say!("folder {}", outcome(&root.create_directory_at("new")));
    say!("unlink {}", outcome(&root.unlink_file_at("given")));
    say!("remove {}", outcome(&root.remove_directory_at("given")));
    say!("rename {}", outcome(&root.rename_at("given", root, "new")));
    say!("symlink {}", outcome(&root.symlink_at("given", "new")));
    say!(
        "link {}",
        outcome(&root.link_at(NO_FOLLOW, "given", root, "new"))
    );
    let now = root.set_times_at(FOLLOW, "given", NewTimestamp::Now, NewTimestamp::Now);
    say!("times {}", outcome(&now));
}

fn errors(root: &Descriptor) {
    let try_open = |path| outcome(&open(root, path, OpenFlags::empty(), READ));
    say!("missing: {}", try_open("missing"));
    say!("no name: {}", try_open(""));
    say!("below a file: {}", try_open("given/x"));
    say!("a file with a slash: {}", try_open("given/"));
    say!("absolute: {}", try_open("/given"));
    say!("the folder above: {}", try_open(".."));
    say!("up and down: {}", try_open("../data/given"));
    say!("a link that leads out: {}", try_open("outside"));
    say!("a link in the middle: {}", try_open("outside/data/given"));
    say!("itself: {}", try_open("."));
    say!("a zero byte: {}", try_open("gi\0ven"));
    let long = "x".repeat(300);
    say!("a long name: {}", try_open(&long));
    say!(
        "stat of nothing: {}",
        outcome(&root.stat_at(FOLLOW, "missing"))
    );
    say!(
        "rename nothing: {}",
        outcome(&root.rename_at("missing", root, "other"))
    );
    say!(
        "unlink nothing: {}",
        outcome(&root.unlink_file_at("missing"))
    );
    let kind = root.get_type().unwrap_or(DescriptorType::Unknown);
    say!("the root is {kind:?}");
}
