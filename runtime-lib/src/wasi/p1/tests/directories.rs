//! `path_*` and `fd_readdir`.

use super::super::{
    fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times, fd_readdir,
    path_create_directory, path_filestat_get, path_filestat_set_times, path_link, path_readlink,
    path_remove_directory, path_rename, path_symlink, path_unlink_file,
};
use super::*;

impl Guest {
    fn make_dir(&mut self, path: &str) -> i32 {
        let (root, len) = (self.root, self.put(PATH, path));
        path_create_directory(&mut self.memory(), root, PATH, len)
    }

    fn symlink(&mut self, target: &str, path: &str) -> i32 {
        let (len, path_len) = (self.put(PATH, target), self.put(OTHER_PATH, path));
        let root = self.root;
        path_symlink(&mut self.memory(), PATH, len, root, OTHER_PATH, path_len)
    }

    fn rename(&mut self, from: &str, to: &str) -> i32 {
        let (len, to_len) = (self.put(PATH, from), self.put(OTHER_PATH, to));
        let root = self.root;
        path_rename(
            &mut self.memory(),
            root,
            PATH,
            len,
            root,
            OTHER_PATH,
            to_len,
        )
    }

    fn link(&mut self, flags: i32, from: &str, to: &str) -> i32 {
        let (len, to_len) = (self.put(PATH, from), self.put(OTHER_PATH, to));
        let root = self.root;
        path_link(
            &mut self.memory(),
            root,
            flags,
            PATH,
            len,
            root,
            OTHER_PATH,
            to_len,
        )
    }

    fn unlink(&mut self, path: &str) -> i32 {
        let (root, len) = (self.root, self.put(PATH, path));
        path_unlink_file(&mut self.memory(), root, PATH, len)
    }

    fn remove_dir(&mut self, path: &str) -> i32 {
        let (root, len) = (self.root, self.put(PATH, path));
        path_remove_directory(&mut self.memory(), root, PATH, len)
    }

    /// The file type, or the error.
    fn stat(&mut self, flags: i32, path: impl AsRef<[u8]>) -> Result<u8, i32> {
        let (root, len) = (self.root, self.put(PATH, path));
        let errno = path_filestat_get(&mut self.memory(), root, flags, PATH, len, OUT);
        if errno == SUCCESS {
            Ok(self.get(OUT + 16, 1)[0])
        } else {
            Err(errno)
        }
    }

    /// One call of `fd_readdir`: whole entries (next cookie, type, name), and whether that was
    /// the end.
    fn list(&mut self, fd: i32, cookie: i64, len: i32) -> (Vec<(u64, u8, String)>, bool) {
        assert_eq!(
            fd_readdir(&mut self.memory(), fd, DATA, len, cookie, OUT),
            SUCCESS
        );
        let used = self.u32_at(OUT);
        let bytes = self.get(DATA, used);
        let mut entries = Vec::new();
        let mut rest = &bytes[..];
        while let Some((header, names)) = rest.split_at_checked(24) {
            let name_len = u32::from_le_bytes(header[16..20].try_into().unwrap()) as usize;
            let Some((name, others)) = names.split_at_checked(name_len) else {
                break;
            };
            let next = u64::from_le_bytes(header[..8].try_into().unwrap());
            entries.push((next, header[20], String::from_utf8(name.to_vec()).unwrap()));
            rest = others;
        }
        (entries, used < len.cast_unsigned())
    }
}

#[test]
fn opening_follows_the_flags() {
    let mut guest = Guest::new();
    assert_eq!(guest.open("f", 0, READ), Err(NOENT));
    assert_eq!(guest.open("f", CREAT | DIRECTORY, READ), Err(INVAL));
    assert_eq!(guest.open("", CREAT, READ), Err(NOENT));
    guest.open("f", CREAT | EXCL, WRITE).unwrap();
    assert_eq!(guest.open("f", CREAT | EXCL, WRITE), Err(EXIST));
    assert_eq!(guest.open("f", DIRECTORY, READ), Err(NOTDIR));
    assert_eq!(guest.open("f/", 0, READ), Err(NOTDIR));
    assert_eq!(guest.open("f", 16, READ), Err(INVAL));
    assert_eq!(guest.open_with(guest.root, 2, "f", 0, READ, 0), Err(INVAL));
    assert_eq!(guest.open_with(guest.root, 0, "f", 0, READ, 32), Err(INVAL));
    assert_eq!(guest.open_with(0, 0, "f", 0, READ, 0), Err(BADF));
    let file = guest.open("f", 0, WRITE).unwrap();
    assert_eq!(guest.open_with(file, 0, "f", 0, READ, 0), Err(NOTDIR));
    assert_eq!(guest.write(file, b"text"), Ok(4));
    let truncated = guest.open("f", TRUNC, READ).unwrap();
    assert_eq!(guest.read(truncated, 9), Ok(vec![]));
    assert_eq!(guest.make_dir("d"), SUCCESS);
    assert_eq!(guest.open("d", 0, WRITE), Err(ISDIR));
    let dir = guest.open("d", DIRECTORY, READ).unwrap();
    guest.open_with(dir, 0, "g", CREAT, WRITE, 1).unwrap();
    assert!(guest.dir.path().join("d/g").is_file());
}

#[test]
fn nothing_outside_is_reached() {
    let mut guest = Guest::new();
    let outside = TempDir::new().unwrap();
    std::fs::write(outside.path().join("secret"), "x").unwrap();
    let absolute = outside.path().join("secret");
    let absolute = absolute.to_str().unwrap();
    let link = guest.dir.path().join("link");
    std::os::unix::fs::symlink(absolute, &link).unwrap();
    std::os::unix::fs::symlink("../../../../../../../../etc", guest.dir.path().join("up")).unwrap();
    assert_eq!(guest.make_dir("d"), SUCCESS);
    for path in [absolute, "link", "..", "d/../..", "up/passwd", "/"] {
        assert_eq!(guest.open(path, 0, READ), Err(PERM), "{path}");
        assert_eq!(guest.stat(1, path), Err(PERM), "{path}");
    }
    for path in [absolute, "../f", "d/../../f", "up/f"] {
        assert_eq!(guest.open(path, CREAT, WRITE), Err(PERM), "{path}");
        assert_eq!(guest.make_dir(path), PERM, "{path}");
        assert_eq!(guest.unlink(path), PERM, "{path}");
        assert_eq!(guest.rename("d", path), PERM, "{path}");
        assert_eq!(guest.symlink("d", path), PERM, "{path}");
    }
    assert_eq!(guest.symlink(absolute, "l"), PERM);
    let (root, len) = (guest.root, guest.put(PATH, "link"));
    assert_eq!(
        path_readlink(&mut guest.memory(), root, PATH, len, DATA, 99, OUT),
        PERM
    );
    assert_eq!(guest.stat(0, "link"), Ok(7));
    assert_eq!(guest.open("d/../d", DIRECTORY, READ).map(|_| ()), Ok(()));
    assert_eq!(std::fs::read(absolute).unwrap(), b"x");
}

#[test]
fn symbolic_links() {
    let mut guest = Guest::new();
    guest.open("target", CREAT, WRITE).unwrap();
    assert_eq!(guest.symlink("target", "link"), SUCCESS);
    assert_eq!(guest.symlink("target", "link"), EXIST);
    assert_eq!(guest.symlink("loop", "loop"), SUCCESS);
    assert_eq!(
        (guest.stat(0, "link"), guest.stat(1, "link")),
        (Ok(7), Ok(4))
    );
    assert_eq!(guest.stat(2, "link"), Err(INVAL));
    assert_eq!(
        guest.open_with(guest.root, 0, "link", 0, READ, 0),
        Err(LOOP)
    );
    assert_eq!(guest.open("loop", 0, READ), Err(LOOP));
    let (root, len) = (guest.root, guest.put(PATH, "link"));
    for (room, used) in [(99, "target"), (3, "tar"), (0, "")] {
        guest.put(DATA, [b'!'; 10]);
        let errno = path_readlink(&mut guest.memory(), root, PATH, len, DATA, room, OUT);
        assert_eq!((errno, guest.u32_at(OUT) as usize), (SUCCESS, used.len()));
        assert_eq!(
            guest.get(DATA, 10)[..=used.len()],
            *[used, "!"].concat().as_bytes()
        );
    }
    let len = guest.put(PATH, "target");
    assert_eq!(
        path_readlink(&mut guest.memory(), root, PATH, len, DATA, 9, OUT),
        INVAL
    );
    assert_eq!(guest.link(1, "link", "hard"), INVAL);
    assert_eq!(guest.link(0, "target", "hard"), SUCCESS);
    assert_eq!(guest.link(0, "target", "hard"), EXIST);
    assert_eq!(guest.stat(0, "hard"), Ok(4));
    assert_eq!(guest.u64_at(OUT + 24), 2);
}

#[test]
fn removing_and_renaming() {
    let mut guest = Guest::new();
    assert_eq!(guest.make_dir("d/"), SUCCESS);
    assert_eq!(guest.make_dir("d"), EXIST);
    guest.open("d/f", CREAT, WRITE).unwrap();
    guest.open("g", CREAT, WRITE).unwrap();
    assert_eq!(guest.remove_dir("d"), NOTEMPTY);
    assert_eq!(guest.remove_dir("g"), NOTDIR);
    assert_eq!(guest.unlink("d"), ISDIR);
    assert_eq!(guest.unlink("g/"), NOTDIR);
    assert_eq!(guest.rename("g", "d"), ISDIR);
    assert_eq!(guest.rename("d", "g"), NOTDIR);
    assert_eq!(guest.rename("g", "h/"), NOTDIR);
    assert_eq!(guest.rename("none", "h/"), NOENT);
    assert_eq!(guest.rename("g", "d/g"), SUCCESS);
    assert_eq!(guest.rename("d/", "e/"), SUCCESS);
    assert_eq!(guest.unlink("e/f"), SUCCESS);
    assert_eq!(guest.unlink("e/g"), SUCCESS);
    assert_eq!(guest.unlink("e/g"), NOENT);
    assert_eq!(guest.remove_dir("e"), SUCCESS);
    assert_eq!(std::fs::read_dir(guest.dir.path()).unwrap().count(), 0);
}

#[test]
fn paths_are_text() {
    let mut guest = Guest::new();
    assert_eq!(guest.stat(0, b"\xff"), Err(ILSEQ));
    assert_eq!(guest.stat(0, b"a\0b"), Err(INVAL));
    assert_eq!(guest.stat(0, "x".repeat(300)), Err(NAMETOOLONG));
    assert_eq!(guest.make_dir("ümläut ☃"), SUCCESS);
    assert_eq!(guest.stat(0, "ümläut ☃"), Ok(3));
    let names = guest.list(guest.root, 2, 999).0;
    assert_eq!(names, [(3, 3, "ümläut ☃".to_owned())]);
}

#[test]
fn times_by_path() {
    let mut guest = Guest::new();
    guest.open("f", CREAT, WRITE).unwrap();
    assert_eq!(guest.symlink("f", "link"), SUCCESS);
    let (root, len) = (guest.root, guest.put(PATH, "link"));
    for (flags, time) in [(0, 1_000_000_007), (1, 5)] {
        let memory = &mut guest.memory();
        let errno = path_filestat_set_times(memory, root, flags, PATH, len, time, time, 5);
        assert_eq!(errno, SUCCESS);
    }
    assert_eq!(guest.stat(0, "link"), Ok(7));
    assert_eq!(guest.u64_at(OUT + 48), 1_000_000_007);
    assert_eq!(guest.stat(0, "f"), Ok(4));
    assert_eq!(guest.u64_at(OUT + 40), 5);
    let memory = &mut guest.memory();
    assert_eq!(
        path_filestat_set_times(memory, 63, 0, PATH, len, 0, 0, 3),
        INVAL
    );
}

#[test]
fn a_directory_is_listed_in_parts() {
    let mut guest = Guest::new();
    let root = guest.root;
    let (entries, end) = guest.list(root, 0, 999);
    assert_eq!(entries, [(1, 3, ".".to_owned()), (2, 3, "..".to_owned())]);
    assert!(end);
    for index in 0..100 {
        guest
            .open(&format!("file{index:03}"), CREAT, WRITE)
            .unwrap();
        guest.close(4);
    }
    // Whole names appear once each, whatever the size of the buffer cuts off.
    let mut names = Vec::new();
    let mut cookie = 0;
    loop {
        let (entries, end) = guest.list(root, cookie, 130);
        for (next, _, name) in entries {
            if name.starts_with("file") {
                // What is removed or created meanwhile does not disturb the listing.
                assert_eq!(guest.unlink(&name), SUCCESS);
                let new = name.replace("file", "new");
                guest.open(&new, CREAT, WRITE).unwrap();
                guest.close(4);
            }
            names.push(name);
            cookie = next.cast_signed();
        }
        if end {
            break;
        }
    }
    names.sort();
    let expected: Vec<String> = (0..100).map(|index| format!("file{index:03}")).collect();
    assert_eq!(names[..2], [".", ".."]);
    assert_eq!(names[2..], expected);
    assert_eq!(guest.list(root, cookie, 130), (vec![], true));
    assert_eq!(guest.list(root, i64::MAX, 130), (vec![], true));
    assert!(
        guest
            .list(root, 0, 9999)
            .0
            .iter()
            .any(|(_, kind, name)| *kind == 4 && name == "new042")
    );
}

#[test]
fn entries_are_cut_off_at_the_end_of_the_buffer() {
    let mut guest = Guest::new();
    let root = guest.root;
    for len in 0..60 {
        guest.put(DATA, [0xaa; 100]);
        assert_eq!(
            fd_readdir(&mut guest.memory(), root, DATA, len, 0, OUT),
            SUCCESS
        );
        assert_eq!(guest.u32_at(OUT), len.min(51).cast_unsigned());
        assert_eq!(guest.get(DATA + len.min(51), 1), [0xaa]);
    }
    assert_eq!(fd_filestat_get(&mut guest.memory(), root, OUT), SUCCESS);
    let inode = guest.u64_at(OUT + 8);
    assert_eq!(guest.u64_at(DATA + 8), inode);
    let file = guest.open("f", CREAT, READ).unwrap();
    assert_eq!(fd_readdir(&mut guest.memory(), file, DATA, 9, 0, OUT), BADF);
    std::os::unix::net::UnixListener::bind(guest.dir.path().join("socket")).unwrap();
    let (entries, _) = guest.list(root, 0, 999);
    assert!(
        entries
            .iter()
            .any(|(_, kind, name)| *kind == 0 && name == "socket")
    );
}

#[test]
fn listings_of_many_directories_are_kept_apart() {
    let mut guest = Guest::new();
    let mut dirs = Vec::new();
    for index in 0..20 {
        assert_eq!(guest.make_dir(&format!("d{index}")), SUCCESS);
        let dir = guest.open(&format!("d{index}"), DIRECTORY, READ).unwrap();
        guest
            .open(&format!("d{index}/only{index}"), CREAT, WRITE)
            .unwrap();
        dirs.push(dir);
        assert_eq!(guest.list(dir, 0, 27).0.len(), 1);
    }
    for (index, dir) in dirs.into_iter().enumerate() {
        assert_eq!(guest.list(dir, 2, 99).0, [(3, 4, format!("only{index}"))]);
    }
}

#[test]
fn a_read_only_directory_stays_as_it_is() {
    let mut guest = Guest::with_permission(true);
    std::fs::create_dir(guest.dir.path().join("d")).unwrap();
    std::fs::write(guest.dir.path().join("d/f"), "text").unwrap();
    let file = guest.open("d/f", 0, READ).unwrap();
    assert_eq!(guest.read(file, 9), Ok(b"text".to_vec()));
    assert_eq!(fd_filestat_set_size(&mut guest.memory(), file, 0), PERM);
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), file, 0, 0, 2),
        PERM
    );
    let dir = guest.open("d", DIRECTORY, READ).unwrap();
    assert_eq!(
        fd_filestat_set_times(&mut guest.memory(), dir, 0, 0, 2),
        PERM
    );
    assert_eq!(guest.open_with(dir, 0, "f", 0, WRITE, 0), Err(PERM));
    assert_eq!(guest.open("d/f", TRUNC, READ), Err(PERM));
    assert_eq!(guest.open("g", CREAT, READ), Err(PERM));
    for errno in [
        guest.make_dir("e"),
        guest.unlink("d/f"),
        guest.remove_dir("d"),
        guest.rename("d/f", "g"),
        guest.link(0, "d/f", "g"),
        guest.symlink("d/f", "g"),
    ] {
        assert_eq!(errno, PERM);
    }
    assert_eq!(
        std::fs::read(guest.dir.path().join("d/f")).unwrap(),
        b"text"
    );
}
