//! Calls the functions of WASI 0.1 as a guest does: numbers and a memory, nothing else.

mod directories;
mod files;
mod polling;
mod sockets;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use super::table::{self, Entry};
use crate::host::Descriptor;
use crate::vm::GuestMemory;
use crate::vm::memory_view::test_memory::TestMemory;

pub(super) const SUCCESS: i32 = 0;
pub(super) const AGAIN: i32 = 6;
pub(super) const BADF: i32 = 8;
pub(super) const EXIST: i32 = 20;
pub(super) const ILSEQ: i32 = 25;
pub(super) const INVAL: i32 = 28;
pub(super) const ISDIR: i32 = 31;
pub(super) const LOOP: i32 = 32;
pub(super) const NAMETOOLONG: i32 = 37;
pub(super) const NOENT: i32 = 44;
pub(super) const NOTDIR: i32 = 54;
pub(super) const NOTEMPTY: i32 = 55;
pub(super) const NOTSOCK: i32 = 57;
pub(super) const PERM: i32 = 63;
pub(super) const SPIPE: i32 = 70;
pub(super) const NOTCAPABLE: i32 = 76;

pub(super) const READ: i64 = 1 << 1;
pub(super) const WRITE: i64 = 1 << 6;
pub(super) const CREAT: i32 = 1;
pub(super) const DIRECTORY: i32 = 2;
pub(super) const EXCL: i32 = 4;
pub(super) const TRUNC: i32 = 8;

/// Where tests put results, buffer lists, strings and data in the guest's memory.
pub(super) const OUT: i32 = 0;
pub(super) const LIST: i32 = 256;
pub(super) const PATH: i32 = 1024;
pub(super) const OTHER_PATH: i32 = 2048;
pub(super) const DATA: i32 = 4096;
const MEMORY_BYTES: usize = 65_536;

/// A guest with one directory open. The table of descriptors is the process's, so there is one
/// guest at a time.
pub(super) struct Guest {
    memory: TestMemory,
    pub(super) root: i32,
    pub(super) dir: TempDir,
    _only: MutexGuard<'static, ()>,
}

impl Guest {
    pub(super) fn new() -> Guest {
        Guest::with_permission(false)
    }

    pub(super) fn with_permission(read_only: bool) -> Guest {
        static ONLY: Mutex<()> = Mutex::new(());
        let only = ONLY.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = TempDir::new().unwrap();
        let directory = crate::host::directory::tests::open(dir.path(), read_only);
        let entry = Entry {
            preopen: Some(b"/"),
            ..Entry::new(Descriptor::Directory(directory))
        };
        let root = table::insert(entry).unwrap().cast_signed();
        Guest {
            memory: TestMemory::new(MEMORY_BYTES),
            root,
            dir,
            _only: only,
        }
    }

    pub(super) fn memory(&mut self) -> GuestMemory {
        self.memory.view()
    }

    /// Puts text into the memory and returns its length.
    pub(super) fn put(&mut self, at: i32, bytes: impl AsRef<[u8]>) -> i32 {
        let bytes = bytes.as_ref();
        self.memory()
            .write_bytes(at.cast_unsigned(), bytes)
            .unwrap();
        i32::try_from(bytes.len()).unwrap()
    }

    pub(super) fn get(&mut self, at: i32, len: u32) -> Vec<u8> {
        self.memory()
            .bytes(at.cast_unsigned(), len)
            .unwrap()
            .to_vec()
    }

    pub(super) fn u32_at(&mut self, at: i32) -> u32 {
        self.memory().read_u32(at.cast_unsigned()).unwrap()
    }

    pub(super) fn u64_at(&mut self, at: i32) -> u64 {
        self.memory().read_u64(at.cast_unsigned()).unwrap()
    }

    /// Puts a list of buffers at [`LIST`] and returns how many they are.
    pub(super) fn put_list(&mut self, buffers: &[(i32, u32)]) -> i32 {
        for (index, (at, len)) in (0..).zip(buffers) {
            self.put(LIST + 8 * index, at.to_le_bytes());
            self.put(LIST + 8 * index + 4, len.to_le_bytes());
        }
        i32::try_from(buffers.len()).unwrap()
    }

    /// `path_open` from the root.
    pub(super) fn open(&mut self, path: &str, oflags: i32, rights: i64) -> Result<i32, i32> {
        self.open_with(self.root, 1, path, oflags, rights, 0)
    }

    pub(super) fn open_with(
        &mut self,
        fd: i32,
        dirflags: i32,
        path: &str,
        oflags: i32,
        rights: i64,
        fdflags: i32,
    ) -> Result<i32, i32> {
        let len = self.put(PATH, path);
        let memory = &mut self.memory();
        let errno = super::path_open(
            memory, fd, dirflags, PATH, len, oflags, rights, 0, fdflags, OUT,
        );
        if errno == SUCCESS {
            Ok(self.u32_at(OUT).cast_signed())
        } else {
            Err(errno)
        }
    }

    pub(super) fn close(&mut self, fd: i32) -> i32 {
        super::fd_close(&mut self.memory(), fd)
    }

    /// `fd_write` of one buffer: how many bytes it took.
    pub(super) fn write(&mut self, fd: i32, bytes: &[u8]) -> Result<u32, i32> {
        self.put(DATA, bytes);
        let count = self.put_list(&[(DATA, u32::try_from(bytes.len()).unwrap())]);
        let errno = super::fd_write(&mut self.memory(), fd, LIST, count, OUT);
        if errno == SUCCESS {
            Ok(self.u32_at(OUT))
        } else {
            Err(errno)
        }
    }

    /// `fd_read` into one buffer of `len` bytes.
    pub(super) fn read(&mut self, fd: i32, len: u32) -> Result<Vec<u8>, i32> {
        let count = self.put_list(&[(DATA, len)]);
        let errno = super::fd_read(&mut self.memory(), fd, LIST, count, OUT);
        if errno != SUCCESS {
            return Err(errno);
        }
        let read = self.u32_at(OUT);
        Ok(self.get(DATA, read))
    }

    /// `fd_seek` from the start, the current position or the end.
    pub(super) fn seek(&mut self, fd: i32, offset: i64, whence: i32) -> Result<u64, i32> {
        let errno = super::fd_seek(&mut self.memory(), fd, offset, whence, OUT);
        if errno == SUCCESS {
            Ok(self.u64_at(OUT))
        } else {
            Err(errno)
        }
    }
}

impl Drop for Guest {
    /// Leaves the table as it was: the standard streams alone.
    fn drop(&mut self) {
        for fd in 3..64 {
            self.close(fd);
        }
    }
}
