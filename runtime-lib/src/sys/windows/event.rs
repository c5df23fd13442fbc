//! Waiting until descriptors are ready.

use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_CHAR, FILE_TYPE_PIPE, FILE_TYPE_UNKNOWN};
use windows_sys::Win32::System::Threading::{Sleep, WaitForSingleObject};

use super::errno::Result;
use super::fd::{AsRawFd, BorrowedFd};
use super::handle::{file_type, waiting_in_pipe};
use super::socket::{self, Asked, Directions};
use super::termios;

pub use super::time::Timespec;

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PollFlags: u16 {
        const IN = 1;
        const OUT = 2;
        const ERR = 4;
        const HUP = 8;
        const NVAL = 16;
    }
}

/// A descriptor that is waited for.
#[derive(Clone, Debug)]
pub struct PollFd<'a> {
    fd: BorrowedFd<'a>,
    wanted: PollFlags,
    found: PollFlags,
}

/// How long nothing is asked while everybody waits: it grows from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(16);

/// Nobody waits longer at once.
const TURN_MAX: Duration = Duration::from_secs(3600);

impl<'a> PollFd<'a> {
    pub fn from_borrowed_fd(fd: BorrowedFd<'a>, wanted: PollFlags) -> PollFd<'a> {
        PollFd {
            fd,
            wanted,
            found: PollFlags::empty(),
        }
    }

    #[must_use]
    pub fn revents(&self) -> PollFlags {
        self.found
    }

    /// What it is; sockets are asked together.
    fn ask(&self) -> PollFlags {
        let mut found = PollFlags::empty();
        if self.fd.is_socket() {
            return found;
        }
        // Nothing tells that writing would wait; it waits then.
        found |= self.wanted & PollFlags::OUT;
        if self.wanted.contains(PollFlags::IN) {
            found |= readable(self.fd);
        }
        found
    }
}

fn readable(fd: BorrowedFd<'_>) -> PollFlags {
    let is_signaled = || {
        // SAFETY: asks about an open handle, and does not wait.
        let state = unsafe { WaitForSingleObject(fd.handle(), 0) };
        if state == WAIT_OBJECT_0 {
            PollFlags::IN
        } else {
            PollFlags::empty()
        }
    };
    match file_type(fd) {
        FILE_TYPE_PIPE => match waiting_in_pipe(fd) {
            Ok(0) => PollFlags::empty(),
            Ok(_) => PollFlags::IN,
            Err(_) => PollFlags::IN | PollFlags::HUP,
        },
        FILE_TYPE_CHAR if termios::isatty(fd) => is_signaled(),
        // Events.
        FILE_TYPE_UNKNOWN if fd.as_raw_fd() > 0 => is_signaled(),
        // Files, the null device, and streams that are not there never make anybody wait.
        _ => PollFlags::IN,
    }
}

/// Waits until one of the descriptors is ready, or for so long: how many are.
///
/// # Errors
/// None for what is open.
pub fn poll(fds: &mut [PollFd<'_>], timeout: Option<&Timespec>) -> Result<usize> {
    let timeout = timeout.map(|time| {
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    });
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let sockets = match fds.iter().any(|fd| fd.fd.is_socket()) {
        true => Some(socket::calls()?),
        false => None,
    };
    let mut pause = PAUSE_MIN;
    loop {
        for fd in fds.iter_mut() {
            fd.found = fd.ask();
        }
        if let Some(sockets) = sockets {
            wait_for_sockets(sockets, fds, Duration::ZERO);
        }
        let ready = fds.iter().filter(|fd| !fd.found.is_empty()).count();
        if ready > 0 {
            return Ok(ready);
        }
        let left = match deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => TURN_MAX,
        };
        if left.is_zero() {
            return Ok(0);
        }
        // Sockets can be waited for, and so can one object; of others each is asked from time to time.
        let longest = match fds {
            [] => left,
            [one] if one.is_object() => left,
            _ if fds.iter().all(|fd| fd.fd.is_socket()) => left,
            _ => left.min(pause),
        };
        match sockets {
            Some(sockets) => wait_for_sockets(sockets, fds, longest),
            None => wait(fds, longest),
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Waits until one of the sockets is ready, or for so long.
fn wait_for_sockets(sockets: &socket::Calls, fds: &mut [PollFd<'_>], longest: Duration) {
    let mut asked: Vec<Asked> = fds
        .iter()
        .filter(|fd| fd.fd.is_socket())
        .map(|fd| Asked {
            fd: fd.fd.as_raw_fd(),
            wanted: Directions {
                reading: fd.wanted.contains(PollFlags::IN),
                writing: fd.wanted.contains(PollFlags::OUT),
                failed: false,
            },
            found: Directions::default(),
        })
        .collect();
    (sockets.wait)(&mut asked, longest);
    let of_sockets = fds.iter_mut().filter(|fd| fd.fd.is_socket());
    for (fd, Asked { found, .. }) in of_sockets.zip(asked) {
        fd.found.set(PollFlags::IN, found.reading);
        fd.found.set(PollFlags::OUT, found.writing);
        fd.found.set(PollFlags::ERR, found.failed);
    }
}

impl PollFd<'_> {
    /// Whether the system waits for it.
    fn is_object(&self) -> bool {
        if self.fd.is_socket() {
            return false;
        }
        match file_type(self.fd) {
            FILE_TYPE_CHAR => termios::isatty(self.fd),
            FILE_TYPE_UNKNOWN => true,
            _ => false,
        }
    }
}

/// Waits for one of the objects, or so long, which may be a little more.
fn wait(fds: &[PollFd<'_>], longest: Duration) {
    let ms = longest.as_nanos().div_ceil(1_000_000);
    let ms = u32::try_from(ms).unwrap_or(u32::MAX - 1);
    if let Some(object) = fds.iter().find(|fd| fd.is_object()) {
        // SAFETY: waits for an open handle.
        let state = unsafe { WaitForSingleObject(object.fd.handle(), ms) };
        if state == WAIT_OBJECT_0 || state == WAIT_TIMEOUT {
            return;
        }
    }
    // SAFETY: has no precondition.
    unsafe { Sleep(ms) };
}
