//! Files and directories.

use std::io::{Seek, SeekFrom as Position};
use std::num::NonZeroU64;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, Metadata, OpenOptions, OpenOptionsExt as _};
use windows_sys::Wdk::Storage::FileSystem::{FileAccessInformation, NtQueryInformationFile};
use windows_sys::Win32::Foundation::{ERROR_NO_MORE_FILES, FILETIME, GetLastError};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_APPEND_DATA, FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS, FILE_ID_BOTH_DIR_INFO,
    FILE_READ_ATTRIBUTES, FILE_READ_DATA, FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE,
    FILE_WRITE_ATTRIBUTES, FILE_WRITE_DATA, FileIdBothDirectoryInfo,
    FileIdBothDirectoryRestartInfo, GetFileInformationByHandle, GetFileInformationByHandleEx,
    SetFileTime,
};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;

use super::errno::{Errno, Result};
use super::fd::{AsFd, BorrowedFd, OwnedFd};
use super::handle::file_type;
use super::time::{ClockId, clock_gettime, since_1970, steps, steps_from_1970};

pub use super::time::Timespec;
pub use crate::sys::attributes::Attributes;

/// In the place of a handle, for what has none.
// SAFETY: handles are multiples of four.
pub const NOWHERE: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(1) };

/// A file of this size without contents, which goes when it is closed.
///
/// # Errors
/// The system's.
pub fn hollow_file(size: u64) -> Result<OwnedFd> {
    const FILE_FLAG_DELETE_ON_CLOSE: u32 = 0x0400_0000;
    let mut random = [0; 8];
    super::rand::getrandom(&mut random, super::rand::GetRandomFlags::empty())?;
    let name = format!("wasmelt-{:016x}", u64::from_le_bytes(random));
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .custom_flags(FILE_FLAG_DELETE_ON_CLOSE)
        .open(std::env::temp_dir().join(name))?;
    file.set_len(size)?;
    Ok(file.into())
}

/// The kind of a file, as Unix has it in the mode.
pub type RawMode = u32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileType {
    RegularFile,
    Directory,
    Symlink,
    Fifo,
    CharacterDevice,
    BlockDevice,
    Socket,
    Unknown,
}

const KINDS: [FileType; 8] = [
    FileType::RegularFile,
    FileType::Directory,
    FileType::Symlink,
    FileType::Fifo,
    FileType::CharacterDevice,
    FileType::BlockDevice,
    FileType::Socket,
    FileType::Unknown,
];

impl FileType {
    #[must_use]
    pub fn from_raw_mode(mode: RawMode) -> FileType {
        KINDS
            .get(mode as usize)
            .copied()
            .unwrap_or(FileType::Unknown)
    }

    fn of(attributes: u32) -> FileType {
        if attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
            FileType::Symlink
        } else if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 {
            FileType::Directory
        } else {
            FileType::RegularFile
        }
    }
}

/// A file's attributes, by the names of Unix.
#[derive(Clone, Copy, Debug)]
pub struct Stat {
    pub st_dev: u64,
    pub st_ino: u64,
    pub st_mode: RawMode,
    pub st_nlink: u64,
    pub st_size: i64,
    pub st_atime: i64,
    pub st_atime_nsec: i64,
    pub st_mtime: i64,
    pub st_mtime_nsec: i64,
    pub st_ctime: i64,
    pub st_ctime_nsec: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeekFrom {
    Start(u64),
    Current(i64),
    End(i64),
}

bitflags::bitflags! {
    /// How a file is open.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct OFlags: u32 {
        const WRONLY = 1;
        const RDWR = 2;
        const RWMODE = 3;
        const APPEND = 4;
        const NONBLOCK = 8;
        const DSYNC = 16;
        const SYNC = 32;
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct FallocateFlags: u32 {}
}

impl OFlags {
    pub const RDONLY: OFlags = OFlags::empty();
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
}

/// In place of nanoseconds: now, or not at all.
pub const UTIME_NOW: i64 = -1;
pub const UTIME_OMIT: i64 = -2;

#[derive(Clone, Copy, Debug)]
pub struct Timestamps {
    pub last_access: Timespec,
    pub last_modification: Timespec,
}

/// The path with these bytes, which are UTF-8.
///
/// # Errors
/// [`Errno::ILSEQ`] for others.
pub fn path(bytes: &[u8]) -> Result<&Path> {
    std::str::from_utf8(bytes)
        .map(Path::new)
        .map_err(|_| Errno::ILSEQ)
}

/// A directory as cap-std has it.
#[must_use]
pub fn dir(fd: OwnedFd) -> Dir {
    let handle: std::os::windows::io::OwnedHandle = fd.into();
    Dir::from_std_file(handle.into())
}

/// Locks a file, on other systems.
///
/// # Errors
/// Always.
pub fn lock_now(_fd: impl AsFd) -> Result<bool> {
    Err(Errno::INVAL)
}

/// Opens a directory of the process. As long as it is open, nobody moves it away.
///
/// # Errors
/// [`Errno::NOTDIR`] for what is none, otherwise the system's.
pub fn open_directory(path: &Path) -> Result<OwnedFd> {
    const SHARED: u32 = windows_sys::Win32::Storage::FileSystem::FILE_SHARE_READ
        | windows_sys::Win32::Storage::FileSystem::FILE_SHARE_WRITE;
    let opened = std::fs::OpenOptions::new()
        .read(true)
        .share_mode(SHARED)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(path)?;
    if !opened.metadata()?.is_dir() {
        return Err(Errno::NOTDIR);
    }
    Ok(opened.into())
}

/// # Errors
/// The system's.
pub fn fstat(fd: impl AsFd) -> Result<Stat> {
    let fd = fd.as_fd();
    let kind = match file_type(fd) {
        FILE_TYPE_DISK => return stat_of_file(fd),
        FILE_TYPE_PIPE => FileType::Fifo,
        FILE_TYPE_CHAR => FileType::CharacterDevice,
        _ => return Err(Errno::BADF),
    };
    Ok(Stat {
        st_dev: 0,
        st_ino: 0,
        st_mode: kind as RawMode,
        st_nlink: 1,
        st_size: 0,
        st_atime: 0,
        st_atime_nsec: 0,
        st_mtime: 0,
        st_mtime_nsec: 0,
        st_ctime: 0,
        st_ctime_nsec: 0,
    })
}

fn stat_of_file(fd: BorrowedFd<'_>) -> Result<Stat> {
    // SAFETY: zeros are a value of the structure.
    let mut found: BY_HANDLE_FILE_INFORMATION = unsafe { std::mem::zeroed() };
    // SAFETY: the system writes to a local.
    if unsafe { GetFileInformationByHandle(fd.handle(), &raw mut found) } == 0 {
        return Err(Errno::last());
    }
    let whole = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
    let accessed = since_1970(steps(found.ftLastAccessTime));
    let modified = since_1970(steps(found.ftLastWriteTime));
    Ok(Stat {
        st_dev: found.dwVolumeSerialNumber.into(),
        st_ino: whole(found.nFileIndexHigh, found.nFileIndexLow),
        st_mode: FileType::of(found.dwFileAttributes) as RawMode,
        st_nlink: found.nNumberOfLinks.into(),
        st_size: whole(found.nFileSizeHigh, found.nFileSizeLow).cast_signed(),
        st_atime: accessed.0,
        st_atime_nsec: accessed.1,
        st_mtime: modified.0,
        st_mtime_nsec: modified.1,
        // When attributes have changed, Windows tells elsewhere, and only on some file systems.
        st_ctime: modified.0,
        st_ctime_nsec: modified.1,
    })
}

/// The attributes that cap-std tells, as [`fstat`] would.
#[must_use]
pub fn attributes(metadata: &Metadata) -> Attributes {
    use cap_std::fs::MetadataExt as _;

    let accessed = since_1970(metadata.last_access_time().cast_signed());
    let modified = since_1970(metadata.last_write_time().cast_signed());
    Attributes {
        device: metadata.dev(),
        inode: metadata.ino(),
        mode: FileType::of(metadata.file_attributes()) as RawMode,
        links: metadata.nlink(),
        size: metadata.len(),
        accessed,
        modified,
        changed: modified,
    }
}

/// # Errors
/// [`Errno::SPIPE`] for what has no positions, otherwise the system's.
pub fn seek(fd: impl AsFd, to: SeekFrom) -> Result<u64> {
    let fd = fd.as_fd();
    if file_type(fd) != FILE_TYPE_DISK {
        return Err(Errno::SPIPE);
    }
    let to = match to {
        SeekFrom::Start(position) => Position::Start(position),
        SeekFrom::Current(distance) => Position::Current(distance),
        SeekFrom::End(distance) => Position::End(distance),
    };
    Ok((&*fd.file()).seek(to)?)
}

/// # Errors
/// The system's.
pub fn fsync(fd: impl AsFd) -> Result<()> {
    sync(fd.as_fd())
}

/// # Errors
/// The system's.
pub fn fdatasync(fd: impl AsFd) -> Result<()> {
    sync(fd.as_fd())
}

/// What cannot be written has nothing to be written.
fn sync(fd: BorrowedFd<'_>) -> Result<()> {
    match fd.file().sync_all().map_err(Errno::from) {
        Err(Errno::ACCESS) => Ok(()),
        result => result,
    }
}

/// # Errors
/// The system's.
pub fn ftruncate(fd: impl AsFd, size: u64) -> Result<()> {
    Ok(fd.as_fd().file().set_len(size)?)
}

/// Makes a file that ends before the range longer.
///
/// # Errors
/// The system's.
pub fn fallocate(fd: impl AsFd, _flags: FallocateFlags, offset: u64, len: u64) -> Result<()> {
    let fd = fd.as_fd();
    let end = offset.checked_add(len).ok_or(Errno::FBIG)?;
    if fstat(fd)?.st_size.cast_unsigned() < end {
        ftruncate(fd, end)?;
    }
    Ok(())
}

/// Windows takes no advice about a file that is open.
///
/// # Errors
/// None.
pub fn fadvise(_: impl AsFd, _: u64, _: Option<NonZeroU64>, _: Advice) -> Result<()> {
    Ok(())
}

/// How a file is open.
///
/// # Errors
/// The system's.
pub fn fcntl_getfl(fd: impl AsFd) -> Result<OFlags> {
    let mut access: u32 = 0;
    // SAFETY: zeros are a value of the structure.
    let mut status: IO_STATUS_BLOCK = unsafe { std::mem::zeroed() };
    // SAFETY: the system writes to locals, of which it knows the size.
    let failure = unsafe {
        NtQueryInformationFile(
            fd.as_fd().handle(),
            &raw mut status,
            (&raw mut access).cast(),
            size_of::<u32>() as u32,
            FileAccessInformation,
        )
    };
    if failure != 0 {
        return Err(Errno::BADF);
    }
    let reads = access & FILE_READ_DATA != 0;
    let appends = access & (FILE_APPEND_DATA | FILE_WRITE_DATA) == FILE_APPEND_DATA;
    let writes = access & (FILE_APPEND_DATA | FILE_WRITE_DATA) != 0;
    let mut flags = match (reads, writes) {
        (_, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
        (true, true) => OFlags::RDWR,
    };
    flags.set(OFlags::APPEND, appends);
    Ok(flags)
}

/// # Errors
/// [`Errno::OPNOTSUPP`] for a change: how a file is open stays as it is.
pub fn fcntl_setfl(fd: impl AsFd, flags: OFlags) -> Result<()> {
    let changes = OFlags::APPEND | OFlags::NONBLOCK;
    if fcntl_getfl(fd)? & changes == flags & changes {
        Ok(())
    } else {
        Err(Errno::OPNOTSUPP)
    }
}

/// # Errors
/// [`Errno::INVAL`] for times that Windows has not, otherwise the system's.
pub fn futimens(fd: impl AsFd, times: &Timestamps) -> Result<()> {
    let accessed = file_time(times.last_access)?;
    let modified = file_time(times.last_modification)?;
    let address = |time: &Option<FILETIME>| time.as_ref().map_or(std::ptr::null(), |it| it);
    // SAFETY: the system reads locals; null is a time that stays.
    let done = unsafe {
        SetFileTime(
            fd.as_fd().handle(),
            std::ptr::null(),
            address(&accessed),
            address(&modified),
        )
    };
    if done == 0 {
        Err(Errno::last())
    } else {
        Ok(())
    }
}

fn file_time(time: Timespec) -> Result<Option<FILETIME>> {
    let time = match time.tv_nsec {
        UTIME_OMIT => return Ok(None),
        UTIME_NOW => clock_gettime(ClockId::Realtime),
        _ => time,
    };
    let steps = steps_from_1970(time.tv_sec, time.tv_nsec).ok_or(Errno::INVAL)?;
    Ok(Some(FILETIME {
        dwLowDateTime: steps as u32,
        dwHighDateTime: (steps >> 32) as u32,
    }))
}

/// Sets times before 1970, which cap-std does not have.
///
/// # Errors
/// The system's.
pub fn set_early_times(
    dir: &Dir,
    path: &Path,
    follow: FollowSymlinks,
    times: &Timestamps,
) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .access_mode(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES)
        .maybe_dir(true)
        .follow(follow);
    let named = dir.open_with(path, &options)?;
    futimens(named.into_std(), times).map_err(|_| std::io::Error::last_os_error())
}

/// Bytes of names that one call delivers at most.
const BUFFER_WORDS: usize = 4 * 1024;

/// Opens a file that may be new, to write to its end.
///
/// # Errors
/// The system's.
pub fn open_to_append(path: &str) -> Result<OwnedFd> {
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?;
    Ok(file.into())
}

/// Calls `each` with the names in a directory, from its beginning: name, inode, and type. A name
/// that is not Unicode has other characters in their place.
///
/// # Errors
/// The system's.
pub fn for_each_name(
    directory: BorrowedFd<'_>,
    mut each: impl FnMut(&[u8], u64, FileType),
) -> Result<()> {
    let mut buffer = vec![0_u64; BUFFER_WORDS];
    let bytes = size_of_val(buffer.as_slice());
    let mut class = FileIdBothDirectoryRestartInfo;
    loop {
        // SAFETY: the buffer has room for so many bytes, and the alignment of what comes.
        let done = unsafe {
            GetFileInformationByHandleEx(
                directory.handle(),
                class,
                buffer.as_mut_ptr().cast(),
                bytes as u32,
            )
        };
        if done == 0 {
            // SAFETY: reads the thread's own.
            return match unsafe { GetLastError() } {
                ERROR_NO_MORE_FILES => Ok(()),
                _ => Err(Errno::last()),
            };
        }
        class = FileIdBothDirectoryInfo;
        let mut at = 0;
        loop {
            // SAFETY: the system has put a structure at each of the offsets that it tells.
            let entry = unsafe { buffer.as_ptr().byte_add(at) }.cast::<FILE_ID_BOTH_DIR_INFO>();
            // SAFETY: as above; the name follows it.
            let (found, name) = unsafe {
                let name = (&raw const (*entry).FileName).cast::<u16>();
                let len = (*entry).FileNameLength as usize / 2;
                (&*entry, std::slice::from_raw_parts(name, len))
            };
            let name = String::from_utf16_lossy(name);
            if name != "." && name != ".." {
                let kind = FileType::of(found.FileAttributes);
                each(name.as_bytes(), found.FileId.cast_unsigned(), kind);
            }
            if found.NextEntryOffset == 0 {
                break;
            }
            at += found.NextEntryOffset as usize;
        }
    }
}
