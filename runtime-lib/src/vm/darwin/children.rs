//! What a server has for copies of its process and for signals: it is one process here, which is its
//! own worker. The signals that end it come as events of a queue.
//!
//! Processes could be forked as on Linux, but nothing would end the copies with the one that has made
//! them, and what they share of the system's libraries is not meant for that.

use std::io::{Error, Result};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use crate::sys::{NULL_DEVICE, notice};
use crate::vm::signal::set_action;

/// A copy of this process, of which there are none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Child {}

/// What a process of a server hears of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Something has become of a child, which does not happen here.
    Child,
    /// The server is to end.
    End,
    /// It is to read its files again.
    Reload,
}

/// The signals of this process, which arrive nowhere else from now on.
#[derive(Debug)]
pub struct Signals(OwnedFd);

/// Makes no copy: it is this process that goes on as if it were one.
///
/// # Errors
/// None.
pub fn fork() -> Result<Option<Child>> {
    Ok(None)
}

impl Child {
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match *self {}
    }

    pub fn kill(&self) {
        match *self {}
    }

    pub fn end(&self) {
        match *self {}
    }

    pub fn stop(&self) {
        match *self {}
    }

    pub fn reload(&self) {
        match *self {}
    }
}

impl Signals {
    /// `SIGHUP` is one of them only if there are files to be read again.
    ///
    /// # Errors
    /// The system's.
    pub fn new(with_reload: bool) -> Result<Signals> {
        let queue = notice::queue()?;
        let reload = with_reload.then_some(libc::SIGHUP);
        for signal in [libc::SIGTERM, libc::SIGINT].into_iter().chain(reload) {
            // Events come of signals that are ignored, too.
            set_action(signal, libc::SIG_IGN, 0);
            let ident = signal.cast_unsigned() as usize;
            notice::change(&queue, libc::EVFILT_SIGNAL, ident, libc::EV_ADD, 0)
                .map_err(Error::from)?;
        }
        Ok(Signals(queue))
    }

    /// The next signal, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let signal = notice::next(&self.0)?;
        Some(match signal == libc::SIGHUP.cast_unsigned() as usize {
            true => Signal::Reload,
            false => Signal::End,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Nobody opens sockets for a process in this way.
///
/// # Errors
/// None.
pub fn passed_listeners() -> std::result::Result<Vec<OwnedFd>, RawFd> {
    Ok(Vec::new())
}

/// There is no other process.
pub fn end_with_parent() {}

/// A descriptor that does not give anything, in the place of standard input.
pub fn close_input() {
    if let Ok(null) = std::fs::File::open(NULL_DEVICE) {
        // SAFETY: standard input is nobody's alone.
        unsafe { libc::dup2(null.as_raw_fd(), 0) };
    }
}
