//! An open descriptor and what can be done with it whatever it is.
//!
//! Operations that every program needs (read, write, seek, close) reach one small system call
//! each, so that a program that only prints carries nothing else. A descriptor is closed by
//! dropping it.

use crate::sys::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd};
use std::io::{IoSlice, IoSliceMut};

use crate::sys::event::{PollFd, PollFlags, Timespec};
use crate::sys::io::{Errno, ReadWriteFlags, preadv2, pwritev2, retry_on_intr};
use crate::sys::pipe::SpliceFlags;
use crate::sys::stdio;

use super::directory::Directory;
use super::embedded::Embedded;
use super::fd::{FIRST_FD, duplicate};
use super::file::{self, File};
use super::socket::Socket;
use super::stat::{FileType, SetTime, Stat, timestamps};
use super::{Error, Result, buffers};
use crate::sys::NULL_DEVICE;

/// What an open descriptor of the guest stands for.
#[derive(Debug)]
pub enum Descriptor {
    Stream(Stream),
    File(File),
    Directory(Directory),
    Socket(Socket),
}

/// A standard stream of the process. It is never closed: the guest only lets go of it.
///
/// A stream that was closed when the process started behaves as the null device does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    In,
    Out,
    Err,
}

/// Takes a standard stream from the process: input ends at once, and output is lost.
///
/// # Errors
/// When the system has no null device.
pub fn discard(stream: Stream) -> Result<()> {
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open(NULL_DEVICE)?;
    match stream {
        Stream::In => stdio::dup2_stdin(&null)?,
        Stream::Out => stdio::dup2_stdout(&null)?,
        Stream::Err => stdio::dup2_stderr(&null)?,
    }
    // Where a standard stream was closed, it is that stream now.
    if null.as_raw_fd() < FIRST_FD {
        let _ = null.into_raw_fd();
    }
    Ok(())
}

/// An offset that stands for the descriptor's own position.
const AT_POSITION: u64 = u64::MAX;

/// From where a position in a file counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whence {
    Start,
    Current,
    End,
}

impl Descriptor {
    /// Another of the same, which stays open when this one is closed.
    ///
    /// # Errors
    /// The system's, which may have no room for another descriptor.
    pub fn another(&self) -> Result<Descriptor> {
        Ok(match self {
            Descriptor::Stream(stream) => Descriptor::Stream(*stream),
            Descriptor::File(file) => Descriptor::File(file.another()?),
            Descriptor::Directory(directory) => Descriptor::Directory(directory.another()?),
            Descriptor::Socket(socket) => Descriptor::Socket(socket.another()?),
        })
    }

    /// Reads into the buffers, as many of them as one system call fills; 0 at the end.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] for what cannot be read, otherwise the system's.
    pub fn read(&self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
        let (fd, stream) = match self {
            Descriptor::Stream(Stream::In) => (stdio::stdin(), true),
            Descriptor::File(file) => match file.as_embedded() {
                None => (file.as_fd(), false),
                Some(embedded) => return read_next_embedded(file, embedded, buffers),
            },
            Descriptor::Socket(socket) => (socket.as_fd(), false),
            Descriptor::Stream(_) | Descriptor::Directory(_) => return Err(Error::BadDescriptor),
        };
        match retry_on_intr(|| crate::sys::io::readv(fd, buffers)) {
            Err(Errno::BADF) if stream => Ok(0),
            result => Ok(result?),
        }
    }

    /// Writes the buffers; what one system call does not take is left to the caller.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] for what cannot be written, otherwise the system's.
    pub fn write(&self, buffers: &[IoSlice<'_>]) -> Result<usize> {
        let (fd, stream) = match self {
            Descriptor::Stream(Stream::Out) => (stdio::stdout(), true),
            Descriptor::Stream(Stream::Err) => (stdio::stderr(), true),
            Descriptor::File(file) => (file.as_fd(), false),
            Descriptor::Socket(socket) => (socket.as_fd(), false),
            Descriptor::Stream(Stream::In) | Descriptor::Directory(_) => {
                return Err(Error::BadDescriptor);
            }
        };
        match retry_on_intr(|| crate::sys::io::writev(fd, buffers)) {
            Err(Errno::BADF) if stream => Ok(buffers.iter().map(|buffer| buffer.len()).sum()),
            result => Ok(result?),
        }
    }

    /// Reads from a position of a file, without moving the file's own.
    ///
    /// # Errors
    /// [`Error::InvalidSeek`] for standard input, [`Error::BadDescriptor`] for others that are
    /// not files, otherwise the system's.
    pub fn read_at(&self, buffers: &mut [IoSliceMut<'_>], position: u64) -> Result<usize> {
        let file = match self {
            Descriptor::Stream(Stream::In) | Descriptor::Socket(_) => {
                return Err(Error::InvalidSeek);
            }
            other => other.file()?,
        };
        if let Some(embedded) = file.as_embedded() {
            return Ok(read_embedded(embedded, buffers, position));
        }
        Ok(retry_on_intr(|| {
            crate::sys::io::preadv(file, buffers, position)
        })?)
    }

    /// Writes to a position of a file, without moving the file's own. A file in append mode is
    /// appended to all the same.
    ///
    /// # Errors
    /// [`Error::InvalidSeek`] for standard output and error, [`Error::BadDescriptor`] for others
    /// that are not files, otherwise the system's.
    pub fn write_at(&self, buffers: &[IoSlice<'_>], position: u64) -> Result<usize> {
        let file = match self {
            Descriptor::Stream(Stream::Out | Stream::Err) | Descriptor::Socket(_) => {
                return Err(Error::InvalidSeek);
            }
            other => other.file()?,
        };
        Ok(retry_on_intr(|| {
            crate::sys::io::pwritev(file, buffers, position)
        })?)
    }

    /// Moves a file's position and returns the new one.
    ///
    /// # Errors
    /// [`Error::InvalidSeek`] for streams and sockets, [`Error::BadDescriptor`] for directories,
    /// [`Error::Invalid`] for a position before the start.
    pub fn seek(&self, whence: Whence, offset: i64) -> Result<u64> {
        use crate::sys::fs::SeekFrom;

        let file = match self {
            Descriptor::Stream(_) | Descriptor::Socket(_) => return Err(Error::InvalidSeek),
            other => other.file()?,
        };
        let to = match whence {
            Whence::Start => SeekFrom::Start(u64::try_from(offset).map_err(|_| Error::Invalid)?),
            Whence::Current => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
        };
        Ok(crate::sys::fs::seek(file, to)?)
    }

    /// The kind of file: for a standard stream, whether it is a terminal.
    ///
    /// # Errors
    /// The system's.
    pub fn file_type(&self) -> Result<FileType> {
        match self {
            Descriptor::Stream(stream) => Ok(stream.file_type()),
            Descriptor::Directory(_) => Ok(FileType::Directory),
            Descriptor::Socket(socket) => Ok(socket.file_type()),
            Descriptor::File(file) => Ok(FileType::from_mode(crate::sys::fs::fstat(file)?.st_mode)),
        }
    }

    /// The attributes.
    ///
    /// # Errors
    /// The system's.
    pub fn stat(&self) -> Result<Stat> {
        let fd = match self {
            Descriptor::Stream(stream) => return Ok(Stat::of_stream(stream.file_type())),
            Descriptor::File(file) => match file.as_embedded() {
                Some(embedded) => return Ok(embedded.stat()),
                None => file.as_fd(),
            },
            Descriptor::Directory(directory) => return directory.own_stat(),
            Descriptor::Socket(socket) => socket.as_fd(),
        };
        let mut stat = Stat::from_system(&crate::sys::fs::fstat(fd)?);
        if let Descriptor::Socket(socket) = self {
            stat.file_type = socket.file_type();
        }
        Ok(stat)
    }

    /// Sets the times of a file or directory.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] for streams and sockets, [`Error::NotPermitted`] where the guest
    /// may only read, otherwise the system's.
    pub fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        let (fd, read_only) = match self {
            Descriptor::File(file) => (file.as_fd(), file.is_read_only()),
            Descriptor::Directory(directory) => (directory.as_fd(), directory.is_read_only()),
            Descriptor::Stream(_) | Descriptor::Socket(_) => return Err(Error::BadDescriptor),
        };
        if read_only {
            return Err(Error::NotPermitted);
        }
        if self.is_embedded() {
            return Err(Error::ReadOnly);
        }
        Ok(crate::sys::fs::futimens(
            fd,
            &timestamps(accessed, modified),
        )?)
    }

    /// Sets whether writes go to the end of the file, and whether reads and writes return rather
    /// than wait.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] for streams and directories, otherwise the system's.
    pub fn set_flags(&self, append: bool, nonblocking: bool) -> Result<()> {
        use crate::sys::fs::OFlags;

        let fd = match self {
            Descriptor::File(file) => file.as_fd(),
            Descriptor::Socket(socket) => socket.as_fd(),
            Descriptor::Stream(_) | Descriptor::Directory(_) => return Err(Error::BadDescriptor),
        };
        let mut flags = crate::sys::fs::fcntl_getfl(fd)?;
        flags.set(OFlags::APPEND, append);
        flags.set(OFlags::NONBLOCK, nonblocking);
        Ok(crate::sys::fs::fcntl_setfl(fd, flags)?)
    }

    /// What waits until all that was written is on disk, for another thread to do; of the
    /// attributes, at least what is needed to find it.
    ///
    /// # Errors
    /// The system's, which may have no room for another descriptor.
    pub fn syncing(&self, attributes: bool) -> Result<impl FnOnce() -> Result<()> + Send + use<>> {
        let fd = duplicate(self.fd())?;
        Ok(move || file::sync(&fd, attributes))
    }

    /// The file, for operations that only files have.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] for anything else.
    pub fn file(&self) -> Result<&File> {
        match self {
            Descriptor::File(file) => Ok(file),
            _ => Err(Error::BadDescriptor),
        }
    }

    /// The directory, for operations on paths.
    ///
    /// # Errors
    /// [`Error::BadDescriptor`] for anything else.
    pub fn directory(&self) -> Result<&Directory> {
        match self {
            Descriptor::Directory(directory) => Ok(directory),
            _ => Err(Error::BadDescriptor),
        }
    }

    /// Whether it is no file or directory of the system.
    fn is_embedded(&self) -> bool {
        match self {
            Descriptor::File(file) => file.as_embedded().is_some(),
            Descriptor::Directory(directory) => directory.parts().0.is_none(),
            Descriptor::Stream(_) | Descriptor::Socket(_) => false,
        }
    }

    /// Where the system knows the descriptor.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Descriptor::Stream(stream) => stream.fd(),
            Descriptor::File(file) => file.as_fd(),
            Descriptor::Directory(directory) => directory.as_fd(),
            Descriptor::Socket(socket) => socket.as_fd(),
        }
    }
}

/// Fills the buffers from the file's own position on, which moves.
fn read_next_embedded(
    file: &File,
    embedded: Embedded,
    buffers: &mut [IoSliceMut<'_>],
) -> Result<usize> {
    use crate::sys::fs::{SeekFrom, seek};

    let position = seek(file, SeekFrom::Current(0))?;
    let count = read_embedded(embedded, buffers, position);
    seek(file, SeekFrom::Start(position + count as u64))?;
    Ok(count)
}

/// Fills the buffers from a position on, as far as the file reaches.
fn read_embedded(embedded: Embedded, buffers: &mut [IoSliceMut<'_>], position: u64) -> usize {
    let mut count = 0;
    for buffer in buffers {
        let read = embedded.read_at(buffer, position.saturating_add(count as u64));
        count += read;
        if read < buffer.len() {
            break;
        }
    }
    count
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd()
    }
}

impl Stream {
    /// At most `len` bytes of standard input, which is waited for unless it is set not to; none
    /// at the end.
    ///
    /// # Errors
    /// As those of [`Descriptor::read`].
    pub fn read(self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = buffers::take(len);
        let count = Descriptor::Stream(self).read(&mut [IoSliceMut::new(&mut bytes)])?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Reads what is there of standard input, 0 at the end. It does not wait if `may_wait` tells
    /// what [`Stream::may_wait`] says.
    ///
    /// # Errors
    /// [`Error::WouldBlock`], and as those of [`Descriptor::read`].
    pub fn read_nowait(self, into: &mut [u8], may_wait: bool) -> Result<usize> {
        let buffers = &mut [IoSliceMut::new(into)];
        if may_wait {
            let flags = ReadWriteFlags::NOWAIT;
            match retry_on_intr(|| preadv2(self.fd(), buffers, AT_POSITION, flags)) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) if !self.is_ready(PollFlags::IN) => {
                    return Err(Error::WouldBlock);
                }
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
                result => return Ok(result?),
            }
        }
        Descriptor::Stream(self).read(buffers)
    }

    /// Writes as much to standard output or standard error as it takes, as
    /// [`Stream::read_nowait`].
    ///
    /// # Errors
    /// [`Error::WouldBlock`], and as those of [`Descriptor::write`].
    pub fn write_nowait(self, bytes: &[u8], may_wait: bool) -> Result<usize> {
        let mut bytes = bytes;
        if may_wait {
            let (buffers, flags) = ([IoSlice::new(bytes)], ReadWriteFlags::NOWAIT);
            match retry_on_intr(|| pwritev2(self.fd(), &buffers, AT_POSITION, flags)) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS) if !self.is_ready(PollFlags::OUT) => {
                    return Err(Error::WouldBlock);
                }
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                    bytes = &bytes[..bytes.len().min(self.room_bytes())];
                }
                result => return Ok(result?),
            }
        }
        Descriptor::Stream(self).write(&[IoSlice::new(bytes)])
    }

    /// Whether [`splice`] reads standard input without waiting: a pipe, or a file.
    #[must_use]
    pub fn is_splice_source(self) -> bool {
        crate::sys::pipe::CAN_SPLICE
            && matches!(self.kind(), Some(FileType::RegularFile | FileType::Fifo))
    }

    /// Whether [`splice`] writes to it without waiting: a pipe, or what never makes anybody wait.
    #[must_use]
    pub fn is_splice_target(self) -> bool {
        self.kind() == Some(FileType::Fifo) || !self.may_wait()
    }

    fn kind(self) -> Option<FileType> {
        let stat = crate::sys::fs::fstat(self.fd()).ok()?;
        Some(FileType::from_mode(stat.st_mode))
    }

    fn is_ready(self, flags: PollFlags) -> bool {
        const NO_TIME: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let fds = &mut [PollFd::from_borrowed_fd(self.fd(), flags)];
        // What the system refuses to wait for tells why when it is used.
        retry_on_intr(|| crate::sys::event::poll(fds, Some(&NO_TIME))) != Ok(0)
    }

    fn fd(self) -> BorrowedFd<'static> {
        match self {
            Stream::In => stdio::stdin(),
            Stream::Out => stdio::stdout(),
            Stream::Err => stdio::stderr(),
        }
    }

    /// Whether somebody sits in front of it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        crate::sys::termios::isatty(self.fd())
    }

    /// Whether writing may wait until somebody reads, or reading until somebody writes, as it does
    /// for pipes, sockets and terminals.
    #[must_use]
    pub fn may_wait(self) -> bool {
        let stat = crate::sys::fs::fstat(self.fd());
        match stat.map(|stat| FileType::from_mode(stat.st_mode)) {
            Ok(FileType::CharacterDevice) => self.is_terminal(),
            Ok(FileType::RegularFile | FileType::BlockDevice) | Err(_) => false,
            Ok(_) => true,
        }
    }

    /// How many bytes can be written without waiting, if any can: all that a pipe holds where it
    /// is empty, and otherwise what anything takes that takes something.
    #[must_use]
    pub fn room_bytes(self) -> usize {
        const PIPE_BUF: usize = 4096;
        let waiting = crate::sys::io::ioctl_fionread(self.fd());
        match crate::sys::pipe::fcntl_getpipe_size(self.fd()) {
            Ok(size) if waiting == Ok(0) => size,
            _ => PIPE_BUF,
        }
    }

    /// A character device for a terminal, unknown for anything else: so C libraries find out
    /// whether to buffer lines.
    fn file_type(self) -> FileType {
        if self.is_terminal() {
            FileType::CharacterDevice
        } else {
            FileType::Unknown
        }
    }
}

/// Moves bytes from one descriptor to another, one of which is a pipe, without them entering this
/// process: how many, 0 at the end.
///
/// # Errors
/// [`Error::WouldBlock`] where one of them is not ready, otherwise the system's, which does not say
/// of which of them.
pub fn splice(from: impl AsFd, to: impl AsFd) -> Result<usize> {
    const BYTES_MAX: usize = 1 << 20;
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    Ok(retry_on_intr(|| {
        crate::sys::pipe::splice(&from, None, &to, None, BYTES_MAX, flags)
    })?)
}
