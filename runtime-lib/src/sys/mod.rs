//! The system that the program runs on: its calls, in the shape that rustix gives them, so that
//! nothing above this knows which system it is.
//!
//! On Unix that is rustix itself. On Windows each module makes the same of Win32: descriptors are
//! handles, error numbers are those of POSIX, and what Windows has no call for is made of several.

mod attributes;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
