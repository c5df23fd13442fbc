//! Every function of the filesystem, in the first preopened folder, which must hold nothing but
//! what the test puts there: `given`, a file, and `outside`, a link that leads out.

#![no_std]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use futures::future::{join, join_all};
use guests::files::{FOLLOW, READ, Result, WRITE, create, kind, list, open, read, write};
use guests::say;
use wasip3::cli::{environment, stdin};
use wasip3::clocks::system_clock::Instant;
use wasip3::filesystem::preopens::get_directories;
use wasip3::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, NewTimestamp, OpenFlags,
    PathFlags,
};

const NO_FOLLOW: PathFlags = PathFlags::empty();
const NONE: OpenFlags = OpenFlags::empty();
const CHANGE: DescriptorFlags = DescriptorFlags::MUTATE_DIRECTORY;

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> core::result::Result<(), ()> {
        let folders = get_directories();
        let arguments = environment::get_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let root = &folders.first().ok_or(())?.0;
        match arguments.get(1..).unwrap_or_default() {
            [] => {
                for (_, name) in &folders {
                    say!("preopened {name:?}");
                }
                streams(root).await;
                sizes(root).await;
                flags(root).await;
                times(root).await;
                names(root).await;
                links(root).await;
                identity(root).await;
                errors(root).await;
            }
            ["read-only"] => read_only(root).await,
            ["pipe", path] => pipe(root, path).await,
            ["many", path] => many(root, path).await,
            ["write", path, count] => fill(root, path, count.parse().map_err(|_| ())?).await,
            ["read", path, count] => take(root, path, count.parse().map_err(|_| ())?).await,
            ["pass", path, offset] => pass(root, path, offset.parse().ok()).await,
            ["list", path] => list(root, path).await,
            _ => return Err(()),
        }
        Ok(())
    }
}

async fn streams(root: &Descriptor) {
    let file = create(root, "stream", b"0123456789").await;
    say!("read {:?}", read(&file, 0, 100).await);
    say!("a part {:?}", read(&file, 3, 4).await);
    say!("beyond {:?}", read(&file, 20, 4).await);
    say!("far {:?}", read(&file, u64::MAX, 4).await);
    let at_once = [write(&file, Some(2), b"ab"), write(&file, Some(6), b"cd")];
    say!("write {:?}", join_all(at_once).await);
    say!("append {:?}", write(&file, None, b"end").await);
    let (two, other) = join(read(&file, 0, 5), read(&file, 5, 100)).await;
    say!("read {two:?} {other:?}");
    let copy = create(root, "copy", b"copy of ").await;
    let (input, outcome) = file.read_via_stream(8);
    let copied = copy.append_via_stream(input);
    say!("copied {:?} {:?}", copied.await, outcome.await);
    say!("read {:?}", read(&copy, 0, 100).await);

    let (mut nothing, outcome) = file.read_via_stream(0);
    let (result, bytes) = nothing.read(Vec::with_capacity(0)).await;
    drop(nothing);
    say!("no bytes {result:?} {} {:?}", bytes.len(), outcome.await);

    let reading = open(root, "stream", NONE, READ).await.unwrap();
    say!("write {:?}", write(&reading, Some(0), b"x").await);
    say!("append {:?}", write(&reading, None, b"x").await);
    let writing = open(root, "stream", NONE, WRITE).await.unwrap();
    say!("read {:?}", read(&writing, 0, 1).await);
    say!("read a folder {:?}", read(root, 0, 1).await);
    say!("write a folder {:?}", write(root, None, b"x").await);
    let (_, outcome) = file.read_directory();
    say!("list a file {:?}", outcome.await);
}

async fn sizes(root: &Descriptor) {
    let file = create(root, "sizes", b"0123456789").await;
    let size = async || {
        file.stat()
            .await
            .map(|stat| (stat.type_, stat.link_count, stat.size))
    };
    say!("size {}", kind(&size().await));
    say!(
        "set {}, {}",
        kind(&file.set_size(4).await),
        kind(&size().await)
    );
    say!(
        "set {}, {}",
        kind(&file.set_size(6).await),
        kind(&size().await)
    );
    say!("read {:?}", read(&file, 0, 9).await);
    say!("huge {}", kind(&file.set_size(u64::MAX).await));
    say!("a folder's {}", kind(&root.set_size(1).await));
    let advices = [
        Advice::Normal,
        Advice::Sequential,
        Advice::Random,
        Advice::WillNeed,
        Advice::DontNeed,
        Advice::NoReuse,
    ];
    for advice in advices {
        assert!(file.advise(0, 0, advice).await.is_ok());
    }
    say!(
        "advise a folder {}",
        kind(&root.advise(0, 0, Advice::Normal).await)
    );
    let (all, data) = join(file.sync(), file.sync_data()).await;
    say!("sync {all:?} {data:?}");
    say!(
        "a folder {:?} {:?}",
        root.sync().await,
        root.sync_data().await
    );
}

async fn flags(root: &Descriptor) {
    say!("root {}", kind(&root.get_flags().await));
    let cases = [
        (".", DescriptorFlags::empty()),
        (".", READ | CHANGE),
        (".", WRITE),
        ("sizes", DescriptorFlags::empty()),
        ("sizes", WRITE),
        ("sizes", READ | WRITE),
        ("sizes", WRITE | DescriptorFlags::FILE_INTEGRITY_SYNC),
    ];
    for (path, flags) in cases {
        let opened = open(root, path, NONE, flags).await;
        let told = match &opened {
            Ok(opened) => opened.get_flags().await,
            Err(error) => Err(error.clone()),
        };
        say!("{path} {flags:?}: {}", kind(&told));
    }
    let opened = open(root, ".", NONE, READ).await.unwrap();
    say!(
        "types {} {}",
        kind(&opened.get_type().await),
        kind(&root.get_type().await)
    );
}

async fn times(root: &Descriptor) {
    let file = create(root, "times", b"times").await;
    let at = |seconds, nanoseconds| {
        NewTimestamp::Timestamp(Instant {
            seconds,
            nanoseconds,
        })
    };
    let told = |stat: Result<DescriptorStat>| {
        let times = |stat: DescriptorStat| {
            let times = [stat.data_access_timestamp, stat.data_modification_timestamp];
            times.map(|time| time.map(|time| (time.seconds, time.nanoseconds)))
        };
        kind(&stat.map(times))
    };
    let set = file
        .set_times(at(1_000_000_000, 500), at(-2, 999_999_999))
        .await;
    say!("times {} {}", kind(&set), told(file.stat().await));
    let path = || "times".to_string();
    let set = root
        .set_times_at(FOLLOW, path(), NewTimestamp::NoChange, at(-7, 0))
        .await;
    let stat = root.stat_at(FOLLOW, path()).await;
    say!("times {} {}", kind(&set), told(stat));
    let set = root
        .set_times_at(NO_FOLLOW, path(), at(5, 0), NewTimestamp::NoChange)
        .await;
    say!("times {} {}", kind(&set), told(file.stat().await));
    let set = file
        .set_times(NewTimestamp::Now, NewTimestamp::NoChange)
        .await;
    let stat = file.stat().await.unwrap();
    let recent = stat
        .data_access_timestamp
        .is_some_and(|time| time.seconds > 1_600_000_000);
    say!("now {} {recent}", kind(&set));
    let late = file
        .set_times(at(i64::MAX, 1_000_000_000), NewTimestamp::Now)
        .await;
    say!("too late {}", kind(&late));
}

async fn names(root: &Descriptor) {
    let make = async |path: &str| kind(&root.create_directory_at(path.to_string()).await);
    say!(
        "make {} {} {}",
        make("folder").await,
        make("folder/below").await,
        make("folder").await
    );
    let folder = open(root, "folder", OpenFlags::DIRECTORY, READ | CHANGE)
        .await
        .unwrap();
    create(&folder, "one", b"1").await;
    create(&folder, "zwei ü😀", b"2").await;
    list(root, "folder").await;
    let rename = async |from: &str, to: &str| {
        kind(
            &root
                .rename_at(from.to_string(), &folder, to.to_string())
                .await,
        )
    };
    say!(
        "rename {} {}",
        rename("folder/one", "two").await,
        rename("folder/one", "x").await
    );
    say!("onto another {}", rename("folder/two", "zwei ü😀").await);
    say!("into itself {}", rename("folder", "below/x").await);
    list(root, "folder").await;
    let remove = async |path: &str| kind(&root.remove_directory_at(path.to_string()).await);
    let unlink = async |path: &str| kind(&root.unlink_file_at(path.to_string()).await);
    say!(
        "remove {} {}",
        remove("folder").await,
        remove("sizes").await
    );
    say!(
        "unlink {} {}",
        unlink("folder").await,
        unlink("nothing").await
    );
    say!("unlink {}", unlink("folder/zwei ü😀").await);
    say!(
        "remove {} {}",
        remove("folder/below").await,
        remove("folder").await
    );
}

async fn links(root: &Descriptor) {
    let link =
        async |to: &str, path: &str| kind(&root.symlink_at(to.to_string(), path.to_string()).await);
    say!(
        "symlink {} {}",
        link("sizes", "link").await,
        link("sizes", "link").await
    );
    say!("absolute {}", link("/etc", "absolute").await);
    say!("circle {}", link("circle", "circle").await);
    let target = async |path: &str| kind(&root.readlink_at(path.to_string()).await);
    say!(
        "readlink {} {}",
        target("link").await,
        target("circle").await
    );
    say!(
        "readlink {} {}",
        target("sizes").await,
        target("nothing").await
    );
    let stat = async |flags, path: &str| {
        let stat = root.stat_at(flags, path.to_string()).await;
        kind(&stat.map(|stat| stat.type_))
    };
    say!(
        "stat {} {}",
        stat(NO_FOLLOW, "link").await,
        stat(FOLLOW, "link").await
    );
    let circle = stat(NO_FOLLOW, "circle").await;
    say!("stat {circle} {}", stat(FOLLOW, "circle").await);
    let path = "link".to_string();
    let opened = root.open_at(NO_FOLLOW, path, NONE, READ).await;
    say!("not followed {}", kind(&opened.map(drop)));
    let hard = async |flags, from: &str, to: &str| {
        kind(
            &root
                .link_at(flags, from.to_string(), root, to.to_string())
                .await,
        )
    };
    say!(
        "hard {} {}",
        hard(NO_FOLLOW, "sizes", "hard").await,
        hard(NO_FOLLOW, ".", "x").await
    );
    say!(
        "hard {} {}",
        hard(FOLLOW, "link", "x").await,
        hard(NO_FOLLOW, "sizes", "hard").await
    );
    let file = open(root, "hard", NONE, READ).await.unwrap();
    say!(
        "links {}",
        kind(&file.stat().await.map(|stat| stat.link_count))
    );
}

async fn identity(root: &Descriptor) {
    let sizes = open(root, "sizes", NONE, READ).await.unwrap();
    let hard = open(root, "hard", NONE, READ).await.unwrap();
    say!(
        "same {} {}",
        sizes.is_same_object(&hard).await,
        sizes.is_same_object(root).await
    );
    let hash = sizes.metadata_hash().await;
    let at = async |flags, path: &str| root.metadata_hash_at(flags, path.to_string()).await;
    let same = async |flags, path: &str| match (&hash, at(flags, path).await) {
        (Ok(a), Ok(b)) => (a.lower, a.upper) == (b.lower, b.upper),
        _ => false,
    };
    say!(
        "hash {} {}",
        same(FOLLOW, "hard").await,
        same(FOLLOW, "times").await
    );
    say!(
        "hash {} {}",
        same(FOLLOW, "link").await,
        same(NO_FOLLOW, "link").await
    );
    say!(
        "hash of nothing {}",
        kind(&at(FOLLOW, "nothing").await.map(|_| ()))
    );
}

async fn errors(root: &Descriptor) {
    let long = "x".repeat(300);
    let paths = [
        ("no name", ""),
        ("below a file", "sizes/x"),
        ("a file with a slash", "sizes/"),
        ("absolute", "/etc"),
        ("above", ".."),
        ("out", "outside"),
        ("further out", "outside/etc"),
        ("zero byte", "a\0b"),
        ("long", long.as_str()),
    ];
    for (what, path) in paths {
        let opened = open(root, path, NONE, READ).await.map(drop);
        say!("{what}: {}", kind(&opened));
    }
    let exclusive = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let opened = open(root, "given", exclusive, READ).await.map(drop);
    say!("exclusive: {}", kind(&opened));
    let both = OpenFlags::CREATE | OpenFlags::DIRECTORY;
    let opened = open(root, "x", both, READ).await.map(drop);
    say!("both: {}", kind(&opened));
}

async fn read_only(root: &Descriptor) {
    let file = open(root, "given", NONE, READ).await.unwrap();
    let flags = kind(&root.get_flags().await);
    say!("read {:?} {flags}", read(&file, 0, 5).await);
    let (keep, truncate) = (NewTimestamp::NoChange, OpenFlags::TRUNCATE);
    let path = || "given".to_string();
    let to = || "x".to_string();
    let refused = [
        open(root, "given", NONE, WRITE).await.map(drop),
        open(root, "given", truncate, READ).await.map(drop),
        open(root, "x", OpenFlags::CREATE, READ).await.map(drop),
        open(root, ".", NONE, CHANGE).await.map(drop),
        root.create_directory_at(to()).await,
        root.symlink_at(path(), to()).await,
        root.link_at(NO_FOLLOW, path(), root, to()).await,
        root.rename_at(path(), root, to()).await,
        root.unlink_file_at(path()).await,
        root.remove_directory_at(path()).await,
        root.set_times_at(FOLLOW, path(), keep, keep).await,
        root.set_times(keep, keep).await,
        file.set_times(keep, keep).await,
        file.set_size(0).await,
        write(&file, Some(0), b"x").await.1,
        write(&file, None, b"x").await.1,
    ];
    for result in refused {
        assert!(matches!(result, Err(ErrorCode::NotPermitted)));
    }
    list(root, ".").await;
}

/// Both ends of a named pipe at the same time: each waits for the other.
async fn pipe(root: &Descriptor, path: &str) {
    let reader = async {
        let pipe = open(root, path, NONE, READ).await.unwrap();
        let kind = kind(&pipe.get_type().await);
        (kind, read(&pipe, 0, 1 << 20).await, read(&pipe, 7, 1).await)
    };
    let writer = async {
        let pipe = open(root, path, NONE, WRITE).await.unwrap();
        let text = "x".repeat(200_000);
        write(&pipe, Some(0), text.as_bytes()).await
    };
    let ((kind, (text, end), elsewhere), written) = join(reader, writer).await;
    say!("{kind}: {} bytes, {end:?}, {elsewhere:?}", text.len());
    say!("written {written:?}");
    let (gone, pipe) = join(open(root, path, NONE, READ), open(root, path, NONE, WRITE)).await;
    drop(gone);
    let written = write(&pipe.unwrap(), None, b"for nobody").await;
    say!("nobody reads {written:?}");
}

/// Opens until no more can be opened.
async fn many(root: &Descriptor, path: &str) {
    let mut files = Vec::new();
    let error = loop {
        match open(root, path, NONE, READ).await {
            Ok(file) => files.push(file),
            Err(error) => break error,
        }
    };
    say!("one too many: {error:?}");
    files.pop();
    let again = open(root, path, NONE, READ).await;
    say!("again: {}", kind(&again.map(drop)));
    files.clear();
    list(root, ".").await;
}

async fn fill(root: &Descriptor, path: &str, count: usize) {
    let file = open(root, path, OpenFlags::CREATE, WRITE).await.unwrap();
    let bytes = "x".repeat(count);
    let (rest, outcome) = write(&file, Some(0), bytes.as_bytes()).await;
    let size = file.stat().await.map(|stat| stat.size);
    let whole = rest + size.clone().unwrap_or_default() as usize == count;
    say!(
        "write {outcome:?}, none left {}, the rest is there {whole}",
        rest == 0
    );
    say!("append {:?}", write(&file, None, b"x").await);
}

/// Standard input to an offset of a file, or to its end, without looking.
async fn pass(root: &Descriptor, path: &str, offset: Option<u64>) {
    let file = open(root, path, OpenFlags::CREATE, WRITE).await.unwrap();
    let (input, read) = stdin::read_via_stream();
    let written = match offset {
        Some(offset) => file.write_via_stream(input, offset),
        None => file.append_via_stream(input),
    };
    say!("written {:?}, read {:?}", written.await, read.await);
}

async fn take(root: &Descriptor, path: &str, count: usize) {
    let file = open(root, path, NONE, READ).await.unwrap();
    let (text, outcome) = read(&file, 0, count).await;
    say!(
        "read {} bytes {outcome:?}, {}",
        text.len(),
        kind(&file.get_type().await)
    );
}
