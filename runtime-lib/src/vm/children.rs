//! Copies of this process, and the signals that tell of them.

use std::io::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Sockets that another process may have opened for this one.
const PASSED_MAX: i32 = 64;

/// A copy of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Child(libc::pid_t);

/// What a process of a server hears of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Something has become of a child.
    Child,
    /// The server is to end.
    End,
    /// It is to read its files again.
    Reload,
}

/// The signals of this process, which arrive nowhere else from now on.
#[derive(Debug)]
pub struct Signals(OwnedFd);

/// Makes a copy of this process, which has one thread: the copy gets nothing.
///
/// # Errors
/// The system's.
pub fn fork() -> Result<Option<Child>> {
    // SAFETY: a process with one thread holds no lock that another would have to release.
    match unsafe { libc::fork() } {
        -1 => Err(Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some(Child(pid))),
    }
}

impl Child {
    /// Whether it has ended; to be asked until it has, and no longer.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        // SAFETY: nothing is written where the pointer is null.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), libc::WNOHANG) != 0 }
    }

    /// Ends it at once.
    pub fn kill(&self) {
        self.send(libc::SIGKILL);
    }

    /// Asks it to end.
    pub fn end(&self) {
        self.send(libc::SIGTERM);
    }

    /// Stops the compiled code that it runs, if it is prepared for that.
    pub fn stop(&self) {
        self.send(libc::SIGALRM);
    }

    /// Asks it to read its files again.
    pub fn reload(&self) {
        self.send(libc::SIGHUP);
    }

    fn send(self, signal: i32) {
        // SAFETY: the child has not been waited for, so its number is nobody else's.
        unsafe { libc::kill(self.0, signal) };
    }
}

impl Signals {
    /// `SIGHUP` is one of them only if there are files to be read again.
    ///
    /// # Errors
    /// The system's.
    pub fn new(with_reload: bool) -> Result<Signals> {
        // SAFETY: an empty set is made before it is used.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT] {
                libc::sigaddset(&raw mut set, signal);
            }
            if with_reload {
                libc::sigaddset(&raw mut set, libc::SIGHUP);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
                return Err(Error::last_os_error());
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(Error::last_os_error());
            }
            Ok(Signals(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// The next signal, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        let count = rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut info)).ok()?;
        let number = info.get(..count)?.first_chunk()?;
        Some(match u32::from_ne_bytes(*number).cast_signed() {
            libc::SIGCHLD => Signal::Child,
            libc::SIGHUP => Signal::Reload,
            _ => Signal::End,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The sockets that systemd has opened for this process, if it has any: `LISTEN_PID` and
/// `LISTEN_FDS`.
///
/// # Errors
/// The number of a descriptor that is not open.
pub fn passed_listeners() -> std::result::Result<Vec<OwnedFd>, i32> {
    const FIRST: i32 = 3;
    let number = |name: &str| std::env::var(name).ok()?.parse::<i32>().ok();
    if number("LISTEN_PID").map(i32::cast_unsigned) != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, PASSED_MAX);
    let passed = (FIRST..FIRST + count).map(|number| {
        // SAFETY: whoever has set the variables has left the descriptors to this process.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let prepared = rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)
            .and_then(|()| rustix::io::ioctl_fionbio(fd, true));
        prepared.map_err(|_| number)?;
        // SAFETY: as above, and it is open.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    });
    passed.collect()
}

/// This process ends when the one that has made it does, whatever it is at: nobody is left to stop a
/// guest that never ends.
pub fn end_with_parent() {
    // SAFETY: this concerns the process alone.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// A descriptor that does not give anything, in the place of standard input.
pub fn close_input() {
    if let Ok(null) = std::fs::File::open("/dev/null") {
        // SAFETY: standard input is nobody's alone.
        unsafe { libc::dup2(null.as_raw_fd(), 0) };
    }
}
