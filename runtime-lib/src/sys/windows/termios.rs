//! Terminals, which are consoles.

use windows_sys::Win32::System::Console::GetConsoleMode;

use super::fd::AsFd;

#[must_use]
pub fn isatty(fd: impl AsFd) -> bool {
    let mut mode = 0;
    // SAFETY: the system writes to a local.
    unsafe { GetConsoleMode(fd.as_fd().handle(), &raw mut mode) != 0 }
}
