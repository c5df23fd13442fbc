//! Waiting until a descriptor is ready or a time has come.

use crate::sys::fd::{AsRawFd, BorrowedFd};

use crate::sys::event::{PollFd, PollFlags, Timespec};
use crate::sys::fs::SeekFrom;
use crate::sys::io::Errno;

use super::clocks::{Clock, now_ns};
use super::descriptor::{Descriptor, Stream};
use super::stat::{FileType, NS_PER_S};
use super::{Error, Result};

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub enum Interest<'a> {
    /// The descriptor can be read without waiting, or is at its end.
    Read(&'a Descriptor),
    /// The descriptor can be written without waiting.
    Write(&'a Descriptor),
    /// The monotonic clock shows this time.
    Time { at_ns: u64 },
}

/// What has become ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// Index of the interest.
    pub index: usize,
    /// How many bytes can be read or written without waiting, as far as the system tells.
    pub bytes: u64,
    /// The other side is gone, or a file is at its end.
    pub hangup: bool,
}

impl<'a> Interest<'a> {
    /// # Errors
    /// [`Error::BadDescriptor`] for what cannot be read.
    pub fn read(descriptor: &'a Descriptor) -> Result<Interest<'a>> {
        match descriptor {
            Descriptor::Stream(Stream::Out | Stream::Err) | Descriptor::Directory(_) => {
                Err(Error::BadDescriptor)
            }
            _ => Ok(Interest::Read(descriptor)),
        }
    }

    /// # Errors
    /// [`Error::BadDescriptor`] for what cannot be written.
    pub fn write(descriptor: &'a Descriptor) -> Result<Interest<'a>> {
        match descriptor {
            Descriptor::Stream(Stream::In) | Descriptor::Directory(_) => Err(Error::BadDescriptor),
            _ => Ok(Interest::Write(descriptor)),
        }
    }
}

/// Waits until at least one of the interests is ready, and calls `ready` for each that is, in
/// order.
///
/// # Errors
/// The system's, and those of `ready`.
pub fn wait<E: From<Error>>(
    interests: &[Interest<'_>],
    mut ready: impl FnMut(Ready) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let (mut fds, places) = poll_fds(interests);
    let deadline_ns = interests.iter().filter_map(deadline_ns).min();
    loop {
        let mut now = now_ns(Clock::Monotonic);
        let timeout = deadline_ns.map(|at| timespec(at.saturating_sub(now)));
        match crate::sys::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(Error::from(errno).into()),
        }
        now = now_ns(Clock::Monotonic);
        let mut any = false;
        for (index, interest) in interests.iter().enumerate() {
            let found = match interest {
                Interest::Time { at_ns } => (*at_ns <= now).then_some(Ready {
                    index,
                    bytes: 0,
                    hangup: false,
                }),
                Interest::Read(descriptor) | Interest::Write(descriptor) => {
                    let place = places.get(index).and_then(|place| fds.get(*place));
                    let read = matches!(interest, Interest::Read(_));
                    // The entry may be about the other direction, too.
                    let other = if read { PollFlags::OUT } else { PollFlags::IN };
                    let returned = place.map_or(PollFlags::empty(), PollFd::revents) - other;
                    (!returned.is_empty()).then(|| describe(index, descriptor, read, returned))
                }
            };
            if let Some(found) = found {
                any = true;
                ready(found)?;
            }
        }
        if any {
            return Ok(());
        }
    }
}

/// What the system is to wait for, and where in it each interest is: the system takes no more
/// entries than the process may have descriptors, so each of these is in it once.
fn poll_fds<'a>(interests: &[Interest<'a>]) -> (Vec<PollFd<'a>>, Vec<usize>) {
    let awaited = |index: &usize| interests.get(*index).and_then(awaited);
    let raw = |index: &usize| awaited(index).map(|(fd, _)| fd.as_raw_fd());
    let mut by_fd: Vec<usize> = (0..interests.len()).collect();
    by_fd.sort_unstable_by_key(raw);
    let mut places = vec![usize::MAX; interests.len()];
    let mut fds: Vec<(BorrowedFd<'a>, PollFlags)> = Vec::new();
    for index in by_fd {
        let (Some((fd, flags)), Some(place)) = (awaited(&index), places.get_mut(index)) else {
            continue;
        };
        match fds.last_mut() {
            Some((last, all)) if last.as_raw_fd() == fd.as_raw_fd() => *all |= flags,
            _ => fds.push((fd, flags)),
        }
        *place = fds.len() - 1;
    }
    let polled = |(fd, flags)| PollFd::from_borrowed_fd(fd, flags);
    (fds.into_iter().map(polled).collect(), places)
}

fn awaited<'a>(interest: &Interest<'a>) -> Option<(BorrowedFd<'a>, PollFlags)> {
    match interest {
        Interest::Read(descriptor) => Some((descriptor.fd(), PollFlags::IN)),
        Interest::Write(descriptor) => Some((descriptor.fd(), PollFlags::OUT)),
        Interest::Time { .. } => None,
    }
}

fn deadline_ns(interest: &Interest<'_>) -> Option<u64> {
    match interest {
        Interest::Time { at_ns } => Some(*at_ns),
        Interest::Read(_) | Interest::Write(_) => None,
    }
}

fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / NS_PER_S).cast_signed(),
        tv_nsec: (ns % NS_PER_S) as _,
    }
}

fn describe(index: usize, descriptor: &Descriptor, read: bool, returned: PollFlags) -> Ready {
    let gone = returned.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    // How much can be written nobody knows, but it is something.
    let unknown = Ready {
        index,
        bytes: 1,
        hangup: gone,
    };
    if !read {
        return unknown;
    }
    if let Some(bytes) = bytes_left(descriptor) {
        return Ready {
            index,
            bytes,
            hangup: bytes == 0,
        };
    }
    match crate::sys::io::ioctl_fionread(descriptor.fd()) {
        Ok(bytes) => Ready {
            index,
            bytes,
            hangup: gone,
        },
        Err(_) => unknown,
    }
}

/// For a regular file, how much is left behind its position.
fn bytes_left(descriptor: &Descriptor) -> Option<u64> {
    let file = descriptor.file().ok()?;
    let stat = crate::sys::fs::fstat(file).ok()?;
    if FileType::from_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let position = crate::sys::fs::seek(file, SeekFrom::Current(0)).ok()?;
    let size = u64::try_from(stat.st_size).ok()?;
    Some(size.saturating_sub(position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_in_the_systems_list_once() {
        let (one, other) = (
            Descriptor::Stream(Stream::In),
            Descriptor::Stream(Stream::Out),
        );
        let time = Interest::Time { at_ns: 0 };
        let (fds, places) = poll_fds(&[
            Interest::Write(&other),
            time,
            Interest::Read(&one),
            Interest::Write(&one),
            Interest::Read(&one),
            time,
        ]);
        assert_eq!(fds.len(), 2);
        let none = usize::MAX;
        assert_eq!(places, [1, none, 0, 0, 0, none]);
    }
}
