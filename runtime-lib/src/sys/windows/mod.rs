//! Windows, by Win32.
//!
//! Differs from Unix: signals and forks are not here, and a pipe is asked again and again whether there
//! is something in it, since nobody tells.

mod errno;
pub mod event;
pub mod executable;
pub mod fd;
pub mod fs;
mod handle;
pub mod io;
pub mod memory;
pub mod net;
pub mod notice;
pub mod pipe;
pub mod process;
pub mod rand;
pub mod selector;
mod socket;
pub mod stdio;
pub mod termios;
pub mod thread;
pub mod time;

/// What takes the place of a stream that is not there.
pub const NULL_DEVICE: &str = "NUL";
