//! The system that the program runs on: its calls, in the shape that rustix gives them, so that
//! nothing above this knows which system it is.
//!
//! On Unix that is rustix itself, on macOS with what only Linux has made of other calls. On Windows each module makes the same of Win32: descriptors are
//! handles, error numbers are those of POSIX, and what Windows has no call for is made of several.

mod attributes;
#[cfg(target_os = "macos")]
mod darwin;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "macos")]
pub use darwin::*;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
