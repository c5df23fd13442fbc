//! `fd_*` on files and on the standard streams.

use super::super::{
    fd_advise, fd_allocate, fd_datasync, fd_fdstat_get, fd_fdstat_set_flags, fd_fdstat_set_rights,
    fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times, fd_pread, fd_prestat_dir_name,
    fd_prestat_get, fd_pwrite, fd_read, fd_renumber, fd_seek, fd_sync, fd_tell, fd_write,
    random_get,
};
use super::*;
use crate::vm::catch;
use wasmelt_abi::TrapCode;

#[test]
fn buffers_are_gathered_and_scattered() {
    let mut guest = Guest::new();
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    guest.put(DATA, "hello world");
    let count = guest.put_list(&[(DATA, 5), (0, 0), (DATA + 5, 6)]);
    assert_eq!(fd_write(&mut guest.memory(), fd, LIST, count, OUT), SUCCESS);
    assert_eq!(guest.u32_at(OUT), 11);
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    let count = guest.put_list(&[(DATA + 100, 3), (DATA + 200, 20)]);
    assert_eq!(fd_read(&mut guest.memory(), fd, LIST, count, OUT), SUCCESS);
    assert_eq!(guest.u32_at(OUT), 11);
    assert_eq!(guest.get(DATA + 100, 3), b"hel");
    assert_eq!(guest.get(DATA + 200, 8), b"lo world");
    assert_eq!(guest.read(fd, 10), Ok(vec![]));
    assert_eq!(fd_tell(&mut guest.memory(), fd, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT), 11);
    assert_eq!(
        std::fs::read(guest.dir.path().join("f")).unwrap(),
        b"hello world"
    );
}

#[test]
fn positions_are_kept_apart() {
    let mut guest = Guest::new();
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    assert_eq!(guest.write(fd, b"0123456789"), Ok(10));
    guest.put(DATA, "ab");
    let count = guest.put_list(&[(DATA, 2)]);
    assert_eq!(
        fd_pwrite(&mut guest.memory(), fd, LIST, count, 4, OUT),
        SUCCESS
    );
    assert_eq!(
        fd_pread(&mut guest.memory(), fd, LIST, count, 3, OUT),
        SUCCESS
    );
    assert_eq!(guest.get(DATA, 2), b"3a");
    assert_eq!(guest.seek(fd, -3, 1), Ok(7));
    assert_eq!(guest.seek(fd, -1, 2), Ok(9));
    assert_eq!(guest.seek(fd, -11, 2), Err(INVAL));
    assert_eq!(guest.seek(fd, -1, 0), Err(INVAL));
    assert_eq!(guest.seek(fd, 0, 3), Err(INVAL));
    assert_eq!(guest.seek(0, 0, 1), Err(SPIPE));
    assert_eq!(guest.seek(guest.root, 0, 1), Err(BADF));
}

#[test]
fn append_and_other_flags() {
    let mut guest = Guest::new();
    let fd = guest
        .open_with(guest.root, 0, "f", CREAT, READ | WRITE, 1)
        .unwrap();
    let flags = |guest: &mut Guest| {
        assert_eq!(fd_fdstat_get(&mut guest.memory(), fd, OUT), SUCCESS);
        (guest.get(OUT, 1)[0], guest.get(OUT + 2, 2)[0])
    };
    assert_eq!(flags(&mut guest), (4, 1));
    assert_eq!(guest.write(fd, b"aaa"), Ok(3));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.write(fd, b"bb"), Ok(2));
    assert_eq!(fd_fdstat_set_flags(&mut guest.memory(), fd, 4), SUCCESS);
    assert_eq!(flags(&mut guest), (4, 4));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.write(fd, b"c"), Ok(1));
    assert_eq!(std::fs::read(guest.dir.path().join("f")).unwrap(), b"caabb");
    for (on, set, errno) in [
        (fd, 2, INVAL),
        (fd, 16, INVAL),
        (fd, 32, INVAL),
        (guest.root, 1, BADF),
        (0, 4, BADF),
    ] {
        assert_eq!(fd_fdstat_set_flags(&mut guest.memory(), on, set), errno);
    }
    let synced = guest
        .open_with(guest.root, 0, "g", CREAT, WRITE, 16)
        .unwrap();
    assert_eq!(fd_fdstat_get(&mut guest.memory(), synced, OUT), SUCCESS);
    assert_eq!(guest.get(OUT + 2, 2), [2 | 16, 0]);
}

#[test]
fn sizes_times_and_attributes() {
    let mut guest = Guest::new();
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    assert_eq!(fd_filestat_set_size(&mut guest.memory(), fd, 100), SUCCESS);
    assert_eq!(fd_allocate(&mut guest.memory(), fd, 90, 20), SUCCESS);
    assert_eq!(fd_advise(&mut guest.memory(), fd, 0, 10, 3), SUCCESS);
    assert_eq!(fd_advise(&mut guest.memory(), fd, 0, 10, 6), INVAL);
    assert_eq!(fd_advise(&mut guest.memory(), guest.root, 0, 10, 3), BADF);
    assert_eq!(fd_sync(&mut guest.memory(), fd), SUCCESS);
    assert_eq!(fd_datasync(&mut guest.memory(), fd), SUCCESS);
    assert_eq!(fd_datasync(&mut guest.memory(), guest.root), BADF);
    let (atim, mtim) = (1_500_000_000_123_456_789, 7);
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), fd, atim, mtim, 5),
        SUCCESS
    );
    assert_eq!(fd_filestat_get(&mut guest.memory(), fd, OUT), SUCCESS);
    let words: Vec<u64> = (0..8).map(|index| guest.u64_at(OUT + 8 * index)).collect();
    assert_eq!(words[2..7], [4, 1, 110, atim.cast_unsigned(), 7]);
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), fd, 0, 0, 3),
        INVAL
    );
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), fd, 0, 0, 12),
        INVAL
    );
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), fd, 0, 0, 16),
        INVAL
    );
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), fd, 0, 0, 8),
        SUCCESS
    );
    assert_eq!(fd_filestat_get(&mut guest.memory(), fd, OUT), SUCCESS);
    assert!(guest.u64_at(OUT + 48) > 1_600_000_000_000_000_000);
    assert_eq!(guest.u64_at(OUT + 40), atim.cast_unsigned());
    assert_eq!(
        fd_filestat_set_size(&mut guest.memory(), guest.root, 0),
        BADF
    );
}

#[test]
fn what_cannot_be_read_or_written_is_bad() {
    let mut guest = Guest::new();
    std::fs::write(guest.dir.path().join("f"), "x").unwrap();
    let reader = guest.open("f", 0, READ).unwrap();
    assert_eq!(guest.write(reader, b"y"), Err(BADF));
    assert_eq!(guest.write(guest.root, b"y"), Err(BADF));
    assert_eq!(guest.write(0, b"y"), Err(BADF));
    assert_eq!(guest.read(1, 1), Err(BADF));
    assert_eq!(guest.read(guest.root, 1), Err(BADF));
    assert_eq!(guest.read(63, 1), Err(BADF));
    let writer = guest.open("f", 0, WRITE).unwrap();
    assert_eq!(guest.read(writer, 1), Err(BADF));
    let created = guest.open("g", CREAT, READ).unwrap();
    assert_eq!(guest.write(created, b"y"), Err(NOTCAPABLE));
    assert_eq!(guest.read(created, 1), Ok(vec![]));
    let count = guest.put_list(&[(DATA, 1)]);
    for (fd, read, write) in [(0, SPIPE, BADF), (1, BADF, SPIPE), (guest.root, BADF, BADF)] {
        assert_eq!(fd_pread(&mut guest.memory(), fd, LIST, count, 0, OUT), read);
        assert_eq!(
            fd_pwrite(&mut guest.memory(), fd, LIST, count, 0, OUT),
            write
        );
    }
}

#[test]
fn pointers_outside_the_memory_trap() {
    let mut guest = Guest::new();
    let end = 65_536;
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    let mut traps = |body: &mut dyn FnMut(&mut GuestMemory) -> i32| {
        let mut memory = guest.memory();
        let trap = catch(|| {
            body(&mut memory);
        });
        trap.expect_err("the pointer is outside").code
    };
    let expected = TrapCode::MemoryOutOfBounds;
    assert_eq!(
        traps(&mut |memory| fd_write(memory, fd, end, 1, OUT)),
        expected
    );
    assert_eq!(
        traps(&mut |memory| fd_write(memory, fd, 0, 0, end)),
        expected
    );
    assert_eq!(
        traps(&mut |memory| fd_read(memory, 63, -8, 1, OUT)),
        expected
    );
    assert_eq!(
        traps(&mut |memory| fd_seek(memory, fd, 0, 0, end - 7)),
        expected
    );
    assert_eq!(traps(&mut |memory| random_get(memory, end, 1)), expected);
    assert_eq!(random_get(&mut guest.memory(), end, 0), SUCCESS);
    // Nothing is left locked.
    assert_eq!(guest.write(fd, b"x"), Ok(1));
}

#[test]
fn rights_can_only_be_given_up() {
    let mut guest = Guest::new();
    let rights = |guest: &mut Guest, fd| {
        assert_eq!(fd_fdstat_get(&mut guest.memory(), fd, OUT), SUCCESS);
        (
            guest.u64_at(OUT + 8).cast_signed(),
            guest.u64_at(OUT + 16).cast_signed(),
        )
    };
    let set = |guest: &mut Guest, fd, (base, inheriting)| {
        fd_fdstat_set_rights(&mut guest.memory(), fd, base, inheriting)
    };
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    let (base, inheriting) = rights(&mut guest, fd);
    assert_ne!(base & WRITE, 0);
    assert_eq!(set(&mut guest, fd, (base & !WRITE, inheriting)), SUCCESS);
    assert_eq!(rights(&mut guest, fd), (base & !WRITE, inheriting));
    assert_eq!(guest.write(fd, b"x"), Err(NOTCAPABLE));
    assert_eq!(guest.read(fd, 1), Ok(vec![]));
    assert_eq!(set(&mut guest, fd, (base, inheriting)), NOTCAPABLE);
    assert_eq!(set(&mut guest, fd, (1 << 40, 0)), INVAL);
    assert_eq!(set(&mut guest, 63, (0, 0)), BADF);

    let root = guest.root;
    let (base, inheriting) = rights(&mut guest, root);
    assert_eq!(set(&mut guest, root, (base, inheriting & !WRITE)), SUCCESS);
    assert_eq!(guest.open("f", 0, READ | WRITE), Err(NOTCAPABLE));
    let fd = guest.open("f", 0, READ).unwrap();
    assert_eq!(rights(&mut guest, fd).0 & WRITE, 0);
    let create_file = 1 << 10;
    assert_eq!(
        set(&mut guest, root, (base & !create_file, inheriting & !WRITE)),
        SUCCESS
    );
    assert_eq!(guest.open("g", CREAT, READ), Err(NOTCAPABLE));
}

#[test]
fn numbers_are_used_again() {
    let mut guest = Guest::new();
    // Other tests may have left free numbers, which come from the top down.
    let mut first = guest.open("f", CREAT, WRITE).unwrap();
    loop {
        let next = guest.open("f", CREAT, WRITE).unwrap();
        if next > first {
            first = next;
            break;
        }
        first = next;
    }
    for index in 1..4 {
        assert_eq!(guest.open("f", CREAT, WRITE), Ok(first + index));
    }
    assert_eq!(guest.close(first + 1), SUCCESS);
    assert_eq!(guest.close(first + 2), SUCCESS);
    assert_eq!(guest.close(first + 2), BADF);
    assert_eq!(guest.open("f", 0, READ), Ok(first + 2));
    assert_eq!(guest.open("f", 0, READ), Ok(first + 1));
    assert_eq!(guest.open("f", 0, READ), Ok(first + 4));

    assert_eq!(guest.write(first, b"text"), Ok(4));
    let mut renumber = |fd, to| fd_renumber(&mut guest.memory(), first + fd, first + to);
    assert_eq!(renumber(2, 1000), BADF);
    assert_eq!(renumber(1000, 2), BADF);
    assert_eq!(renumber(2, 2), SUCCESS);
    assert_eq!(renumber(2, 3), SUCCESS);
    assert_eq!(renumber(4, 1), SUCCESS);
    assert_eq!(guest.read(first + 2, 1), Err(BADF));
    assert_eq!(guest.read(first + 3, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.read(first + 1, 9), Ok(b"text".to_vec()));
    assert_eq!(guest.open("f", 0, READ), Ok(first + 4));
}

#[test]
fn preopens_have_names() {
    let mut guest = Guest::new();
    let root = guest.root;
    assert_eq!(fd_prestat_get(&mut guest.memory(), root, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT), 1 << 32);
    assert_eq!(
        fd_prestat_dir_name(&mut guest.memory(), root, DATA, 0),
        NAMETOOLONG
    );
    assert_eq!(
        fd_prestat_dir_name(&mut guest.memory(), root, DATA, 5),
        SUCCESS
    );
    assert_eq!(guest.get(DATA, 2), b"/\0");
    for (fd, get, name) in [(0, BADF, NOTDIR), (63, BADF, BADF)] {
        assert_eq!(fd_prestat_get(&mut guest.memory(), fd, OUT), get);
        assert_eq!(fd_prestat_dir_name(&mut guest.memory(), fd, DATA, 5), name);
    }
    assert_eq!(guest.close(root), SUCCESS);
    assert_eq!(guest.open("f", CREAT, WRITE), Err(BADF));
}

#[test]
fn standard_streams_tell_little() {
    let mut guest = Guest::new();
    assert_eq!(fd_filestat_get(&mut guest.memory(), 2, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT + 32), 0);
    assert_eq!(fd_fdstat_get(&mut guest.memory(), 0, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT + 8).cast_signed(), READ);
    assert_eq!(fd_fdstat_get(&mut guest.memory(), 2, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT + 8).cast_signed(), WRITE);
    assert_eq!(fd_sync(&mut guest.memory(), 1), BADF);
    assert_eq!(fd_filestat_set_times(&mut guest.memory(), 1, 0, 0, 2), BADF);
}

#[test]
fn the_layouts_of_wasi_unstable() {
    use crate::wasi::p0;

    let mut guest = Guest::new();
    let fd = guest.open("f", CREAT, READ | WRITE).unwrap();
    assert_eq!(guest.write(fd, b"hello"), Ok(5));
    assert_eq!(p0::fd_seek(&mut guest.memory(), fd, -1, 0, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT), 4);
    assert_eq!(p0::fd_seek(&mut guest.memory(), fd, 0, 1, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT), 5);
    assert_eq!(p0::fd_seek(&mut guest.memory(), fd, 2, 2, OUT), SUCCESS);
    assert_eq!(guest.u64_at(OUT), 2);
    assert_eq!(p0::fd_seek(&mut guest.memory(), fd, 0, 3, OUT), INVAL);
    assert_eq!(p0::fd_filestat_get(&mut guest.memory(), fd, OUT), SUCCESS);
    assert_eq!((guest.get(OUT + 16, 1)[0], guest.u32_at(OUT + 20)), (4, 1));
    assert_eq!(guest.u64_at(OUT + 24), 5);
    let modified = guest.u64_at(OUT + 40);
    let (root, len) = (guest.root, guest.put(PATH, "f"));
    let errno = p0::path_filestat_get(&mut guest.memory(), root, 0, PATH, len, OUT + 64);
    assert_eq!(errno, SUCCESS);
    assert_eq!(guest.u64_at(OUT + 64 + 40), modified);
}
