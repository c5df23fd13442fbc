//! Unix, by rustix. What is marked as Linux's, `darwin` has for macOS.

pub use rustix::{event, termios};
#[cfg(target_os = "linux")]
pub use rustix::{io, rand, thread};
pub use std::os::fd;

/// What takes the place of a stream that is not there.
pub const NULL_DEVICE: &str = "/dev/null";

pub mod process {
    //! The process, and signals.

    pub use rustix::process::*;

    /// What tells a process that power fails, or ends it elsewhere.
    pub const POWER: Signal = {
        #[cfg(target_os = "linux")]
        {
            Signal::POWER
        }
        #[cfg(not(target_os = "linux"))]
        {
            Signal::TERM
        }
    };

    /// The process may have as many files as the system allows.
    pub fn raise_limit_of_files() {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // What needs more waits.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

pub mod stdio {
    //! The standard streams.

    pub use rustix::stdio::*;

    /// Writes to standard error, also in a signal handler: how many bytes.
    #[inline]
    pub fn write_error(bytes: &[u8]) -> Option<usize> {
        // SAFETY: the pointer and the length are those of a slice.
        let written = unsafe { libc::write(2, bytes.as_ptr().cast(), bytes.len()) };
        usize::try_from(written).ok()
    }
}

pub mod time {
    //! The system's clocks, read without a system call where it offers that. The C library finds out
    //! how anyway, for its locks; rustix's own way of doing so would be 5 KB more in every program
    //! that has a clock.

    pub use rustix::time::{ClockId, Timespec, clock_getres};

    /// What a clock shows.
    #[must_use]
    pub fn clock_gettime(clock: ClockId) -> Timespec {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the C library writes to a local. It fails for no clock that there is.
        unsafe { libc::clock_gettime(clock as libc::clockid_t, &raw mut time) };
        Timespec {
            tv_sec: time.tv_sec,
            tv_nsec: time.tv_nsec,
        }
    }
}

#[cfg(target_os = "linux")]
pub mod memory {
    //! Address space: reserved, and given pages.

    use std::ptr::null_mut;

    use std::os::fd::OwnedFd;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::{Result, retry_on_intr};
    use rustix::mm::{Advice, MapFlags, MprotectFlags, MsyncFlags, ProtFlags};

    const FLAGS: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);
    /// Bytes of the large pages that a system may give where they are preferred. Where pages have more than
    /// 4096 bytes, large ones have more, too, and there are none within this range.
    pub const LARGE_PAGE_BYTES: Option<usize> = Some(2 << 20);

    /// So many bytes of address space, of which nothing is accessible.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub fn reserve(bytes: usize) -> Result<*mut u8> {
        // SAFETY: the system chooses a place that is free.
        let mapped =
            unsafe { rustix::mm::mmap_anonymous(null_mut(), bytes, ProtFlags::empty(), FLAGS) };
        mapped.map(<*mut _>::cast)
    }

    /// As [`reserve`], at this place: whether it was free.
    #[inline]
    pub fn reserve_at(wanted: *mut u8, bytes: usize) -> bool {
        let flags = FLAGS | MapFlags::FIXED_NOREPLACE;
        // SAFETY: `FIXED_NOREPLACE` leaves alone whatever is mapped there.
        let mapped =
            unsafe { rustix::mm::mmap_anonymous(wanted.cast(), bytes, ProtFlags::empty(), flags) };
        match mapped {
            Ok(mapped) if mapped == wanted.cast() => true,
            // A kernel older than the flag takes the address as a wish.
            Ok(mapped) => {
                // SAFETY: this mapping has just been made, and nothing refers to it.
                let _ = unsafe { rustix::mm::munmap(mapped, bytes) };
                false
            }
            Err(_) => false,
        }
    }

    /// Frees a range that is taken as a whole: whether it was. qemu's loader leaves everything taken
    /// that lies between the segments of an executable, which Linux never does.
    ///
    /// # Safety
    /// It is a range that nothing in this process has asked for.
    pub unsafe fn free_if_taken(start: *mut u8, bytes: usize) -> bool {
        // It has nothing to write, and fails where a part is not mapped.
        // SAFETY: that changes nothing in the range.
        let is_taken = unsafe { rustix::mm::msync(start.cast(), bytes, MsyncFlags::ASYNC) }.is_ok();
        // SAFETY: the caller vouches for the range.
        is_taken && unsafe { release(start, bytes) }.is_ok()
    }

    /// Allows reading and writing.
    ///
    /// # Safety
    /// The range is inside a reservation and is not accessible yet, or already in this way.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub unsafe fn make_accessible(start: *mut u8, bytes: usize) -> Result<()> {
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the caller vouches for the range.
        unsafe { rustix::mm::mprotect(start.cast(), bytes, access) }
    }

    /// Says that a range will be used densely: the system may give it large pages, which takes fewer
    /// faults and fewer entries of the processor's cache of addresses.
    ///
    /// # Safety
    /// The range is inside a reservation.
    #[inline]
    pub unsafe fn prefer_large_pages(start: *mut u8, bytes: usize) {
        // A kernel without large pages says so, and nothing is lost.
        // SAFETY: that changes no contents.
        let _ = unsafe { rustix::mm::madvise(start.cast(), bytes, Advice::LinuxHugepage) };
    }

    /// Gives a range's memory back to the system: it is reserved and not accessible, as at first.
    ///
    /// # Safety
    /// The range is inside a reservation, and nothing refers into it.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub unsafe fn give_back(start: *mut u8, bytes: usize) -> Result<()> {
        let flags = FLAGS | MapFlags::FIXED;
        // SAFETY: the caller vouches for the range.
        let mapped =
            unsafe { rustix::mm::mmap_anonymous(start.cast(), bytes, ProtFlags::empty(), flags) };
        mapped.map(|_| ())
    }

    /// Ends a reservation.
    ///
    /// # Safety
    /// The range is a whole reservation, and nothing refers into it.
    ///
    /// # Errors
    /// The system's.
    pub unsafe fn release(start: *mut u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller vouches for the range.
        unsafe { rustix::mm::munmap(start.cast(), bytes) }
    }

    /// Allows nothing. The contents stay.
    ///
    /// # Safety
    /// The range is inside a reservation, and nothing refers into it.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub unsafe fn make_inaccessible(start: *mut u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller vouches for the range.
        unsafe { rustix::mm::mprotect(start.cast(), bytes, MprotectFlags::empty()) }
    }

    /// Makes an accessible range zero.
    ///
    /// # Safety
    /// The range is memory of a reservation, of no file, and nothing refers into it.
    ///
    /// # Errors
    /// The system's.
    #[inline]
    pub unsafe fn make_zero(start: *mut u8, bytes: usize) -> Result<()> {
        // SAFETY: the caller vouches for the range.
        unsafe { rustix::mm::madvise(start.cast(), bytes, Advice::LinuxDontNeed) }
    }

    /// Memory that can be in several places: a file in memory.
    #[derive(Debug)]
    pub struct Common(OwnedFd);

    impl Common {
        /// None yet.
        ///
        /// # Errors
        /// The system's.
        pub fn new() -> Result<Common> {
            memfd_create(c"memory", MemfdFlags::CLOEXEC).map(Common)
        }

        /// From now on there are so many bytes of it, everywhere: those that are new are zero.
        ///
        /// # Errors
        /// The system's.
        pub fn set_len(&self, bytes: u64) -> Result<()> {
            retry_on_intr(|| ftruncate(&self.0, bytes))
        }

        /// Has it be in a place, with room for so many bytes. An access beyond those that there are
        /// faults.
        ///
        /// # Safety
        /// The range is inside a reservation, and nothing refers into it.
        ///
        /// # Errors
        /// The system's.
        pub unsafe fn map(&self, start: *mut u8, bytes: usize) -> Result<()> {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let flags = MapFlags::SHARED | MapFlags::NORESERVE | MapFlags::FIXED;
            // SAFETY: the caller vouches for the range.
            let mapped =
                unsafe { rustix::mm::mmap(start.cast(), bytes, access, flags, &self.0, 0) };
            mapped.map(|_| ())
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// The line of flags that the kernel has for the mapping an address is in.
        fn flags(address: usize) -> String {
            let text = std::fs::read_to_string("/proc/self/smaps").expect("Linux has it");
            let mut is_it = false;
            for line in text.lines() {
                let range = line
                    .split(' ')
                    .next()
                    .and_then(|range| range.split_once('-'));
                let number = |text| usize::from_str_radix(text, 16).ok();
                if let Some((Some(start), Some(end))) =
                    range.map(|(start, end)| (number(start), number(end)))
                {
                    is_it = (start..end).contains(&address);
                }
                if is_it && line.starts_with("VmFlags:") {
                    return line.to_owned();
                }
            }
            panic!("no mapping at {address:#x}");
        }

        #[test]
        fn large_pages_are_preferred_where_they_are_asked_for() {
            const BYTES: usize = 8 << 20;
            let start = reserve(BYTES).expect("room");
            let middle = start.wrapping_add(BYTES / 2);
            // SAFETY: both are in the reservation, which nothing else knows.
            unsafe {
                make_accessible(start, BYTES).expect("memory");
                prefer_large_pages(middle, BYTES / 2);
            }
            // Kernels that have none do not know the flag either.
            let has = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
            assert_eq!(flags(middle.addr()).contains(" hg"), has);
            assert!(!flags(start.addr()).contains(" hg"));
            // SAFETY: it is a whole reservation, and nothing refers into it.
            unsafe { release(start, BYTES) }.expect("it is one");
        }
    }
}

#[cfg(target_os = "linux")]
pub mod net {
    //! Sockets.

    use std::io::IoSlice;
    use std::os::fd::AsFd;

    use rustix::io::Result;
    pub use rustix::net::*;

    /// Sends bytes that lie in several places: how many.
    ///
    /// # Errors
    /// The system's.
    pub fn send_pieces(fd: impl AsFd, pieces: &[IoSlice<'_>], flags: SendFlags) -> Result<usize> {
        sendmsg(fd, pieces, &mut SendAncillaryBuffer::default(), flags)
    }

    /// How often Linux counts the bytes of a buffer that it is told, to account for its own needs.
    pub const BUFFER_COUNT: u64 = 2;
}

#[cfg(target_os = "linux")]
pub mod pipe {
    //! Pipes.

    pub use rustix::pipe::*;

    /// Whether [`splice`] does anything.
    pub const CAN_SPLICE: bool = true;
}

pub mod selector {
    //! Many descriptors that are waited for at once.

    pub use mio::unix::SourceFd;
    pub use mio::{Events, Interest, Poll, Token};
}

#[cfg(target_os = "linux")]
pub mod notice {
    //! What a thread tells another that waits for a descriptor.

    use std::os::fd::{AsFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};
    use rustix::io::Result;

    /// A descriptor that becomes readable when it is told to.
    ///
    /// # Errors
    /// The system's, which may have no room for another descriptor.
    pub fn new() -> Result<OwnedFd> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
    }

    /// Makes it readable.
    pub fn give(notice: impl AsFd) {
        // An event counter takes its first number.
        let _ = rustix::io::write(notice, &1_u64.to_ne_bytes());
    }
}

#[cfg(target_os = "linux")]
pub mod fs {
    //! Files and directories.

    use std::ffi::OsStr;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    pub use crate::sys::attributes::Attributes;
    use cap_fs_ext::OpenOptionsFollowExt;
    use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
    pub use rustix::fs::{
        Advice, FallocateFlags, FileType, OFlags, RawMode, SeekFrom, Stat, Timespec, Timestamps,
        UTIME_NOW, UTIME_OMIT, fadvise, fallocate, fcntl_getfl, fcntl_setfl, fdatasync, fstat,
        fsync, ftruncate, futimens, seek,
    };
    use rustix::fs::{
        AtFlags, CWD, FlockOperation, MemfdFlags, Mode, RawDir, SealFlags, fcntl_add_seals, flock,
        memfd_create, openat, statat, utimensat,
    };
    use rustix::io::{Errno, Result, retry_on_intr};

    /// Bytes of names that one system call delivers at most.
    const BUFFER_BYTES: usize = 32 * 1024;

    /// In the place of a descriptor, for what has none.
    // SAFETY: the number is none that the system gives, nor one that it takes for something else.
    pub const NOWHERE: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(-2) };

    /// A file of this size in memory, without contents, that nobody can change: it is open for
    /// reading, or, where nothing tells of open files, refuses to be written.
    ///
    /// # Errors
    /// The system's.
    pub fn hollow_file(size: u64) -> Result<OwnedFd> {
        let file = memfd_create("embedded", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, size)?;
        fcntl_add_seals(
            &file,
            SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
        )?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(openat(CWD, path, flags, Mode::empty()).unwrap_or(file))
    }

    /// The path with these bytes. Any will do here.
    ///
    /// # Errors
    /// None.
    pub fn path(bytes: &[u8]) -> Result<&Path> {
        Ok(Path::new(OsStr::from_bytes(bytes)))
    }

    /// A directory as cap-std has it.
    #[must_use]
    pub fn dir(fd: OwnedFd) -> Dir {
        Dir::from(fd)
    }

    /// Opens a directory of the process.
    ///
    /// # Errors
    /// The system's.
    pub fn open_directory(path: &Path) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        retry_on_intr(|| openat(CWD, path, flags, Mode::empty()))
    }

    /// Locks a file while it is open here, at most until the process ends; false if it is locked.
    ///
    /// # Errors
    /// The system's, where there are no locks.
    pub fn lock_now(fd: impl AsFd) -> Result<bool> {
        match flock(fd, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Opens a file that may be new, to write to its end without waiting.
    ///
    /// # Errors
    /// The system's.
    pub fn open_to_append(path: &str) -> Result<OwnedFd> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        // Of files that make nobody wait, this changes nothing.
        openat(CWD, path, flags | OFlags::NONBLOCK, mode)
    }

    /// Calls `each` with the names in a directory, from its beginning: name, inode, and type.
    ///
    /// # Errors
    /// The system's.
    pub fn for_each_name(
        directory: BorrowedFd<'_>,
        mut each: impl FnMut(&[u8], u64, FileType),
    ) -> Result<()> {
        seek(directory, SeekFrom::Start(0))?;
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                // The directory itself has been removed: there is nothing in it.
                Err(Errno::NOENT) => break,
                Err(errno) => return Err(errno),
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let mut file_type = entry.file_type();
            if file_type == FileType::Unknown {
                match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => file_type = FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(errno),
                }
            }
            each(name, entry.ino(), file_type);
        }
        Ok(())
    }

    /// The attributes that cap-std tells, as the system would.
    pub fn attributes(metadata: &Metadata) -> Attributes {
        Attributes {
            device: metadata.dev(),
            inode: metadata.ino(),
            mode: metadata.mode(),
            links: metadata.nlink(),
            size: metadata.size(),
            accessed: (metadata.atime(), metadata.atime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Sets times before 1970, which cap-std does not have. The system has had this since Linux 5.8.
    ///
    /// # Errors
    /// The system's.
    pub fn set_early_times(
        dir: &Dir,
        path: &Path,
        follow: cap_fs_ext::FollowSymlinks,
        times: &Timestamps,
    ) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(OFlags::PATH.bits().cast_signed())
            .follow(follow);
        let named = dir.open_with(path, &options)?;
        Ok(utimensat(named.as_fd(), c"", times, AtFlags::EMPTY_PATH)?)
    }
}

#[cfg(target_os = "linux")]
pub mod executable;
