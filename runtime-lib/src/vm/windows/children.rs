//! What Windows has instead of copies of a process and of signals: a server is one process, which is
//! its own worker, and is asked to end at its console or by whoever ends its session.

use std::io::{Error, Result};
use std::sync::OnceLock;

use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::Console::SetConsoleCtrlHandler;
use windows_sys::Win32::System::Threading::WaitForSingleObject;

use crate::sys::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use crate::sys::{NULL_DEVICE, notice, stdio};

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
    /// It is to read its files again, which nobody says here.
    Reload,
}

/// Becomes readable when the server is to end.
static END: OnceLock<OwnedFd> = OnceLock::new();

/// What is said to this process.
#[derive(Debug)]
pub struct Signals(());

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

/// Ctrl-C and its like; what is said for the second time does what it would have done without this,
/// which ends the process.
unsafe extern "system" fn hear(_: u32) -> i32 {
    match END.get() {
        Some(end) if !is_given(end.as_fd()) => {
            notice::give(end);
            1
        }
        _ => 0,
    }
}

fn is_given(end: BorrowedFd<'_>) -> bool {
    let handle = std::ptr::with_exposed_provenance_mut(end.as_raw_fd() as usize);
    // SAFETY: asks about an open handle, and does not wait.
    unsafe { WaitForSingleObject(handle, 0) == WAIT_OBJECT_0 }
}

impl Signals {
    /// Nothing here has files read again.
    ///
    /// # Errors
    /// The system's.
    pub fn new(_with_reload: bool) -> Result<Signals> {
        if END.get().is_none() {
            let end = notice::new().map_err(|_| Error::last_os_error())?;
            if END.set(end).is_ok() {
                // SAFETY: the handler is there for as long as the process.
                let done = unsafe { SetConsoleCtrlHandler(Some(hear), 1) };
                if done == 0 {
                    return Err(Error::last_os_error());
                }
            }
        }
        Ok(Signals(()))
    }

    /// The next signal, if there is one. There is one at most, which stays.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        is_given(self.as_fd()).then_some(Signal::End)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        END.get().expect("it has been made with the first").as_fd()
    }
}

/// Nobody opens sockets for a process.
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
        // What cannot be replaced stays.
        let _ = stdio::dup2_stdin(null);
    }
}
