//! macOS, as far as it is not as on Linux: by rustix and the C library.
//!
//! Written by the documentation of Darwin's calls, and compiled; never run.

pub mod fs;
pub mod io;
pub mod memory;
pub mod net;
pub mod notice;
pub mod pipe;
pub mod thread;

pub mod rand {
    //! Random bytes.

    use rustix::io::{Errno, Result};

    bitflags::bitflags! {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct GetRandomFlags: u32 {}
    }

    /// What the system gives at once.
    const BYTES_MAX: usize = 256;

    /// Fills a part of a buffer: how many bytes.
    ///
    /// # Errors
    /// [`Errno::NOSYS`] where the system has no source.
    pub fn getrandom(into: &mut [u8], _flags: GetRandomFlags) -> Result<usize> {
        let len = into.len().min(BYTES_MAX);
        // SAFETY: the buffer has room for so many bytes.
        match unsafe { libc::getentropy(into.as_mut_ptr().cast(), len) } {
            0 => Ok(len),
            _ => Err(Errno::NOSYS),
        }
    }
}

pub mod executable {
    //! The executable that runs, and its end.

    use std::ffi::c_char;

    /// A part of the executable's file that the system has mapped for initial memory.
    #[derive(Clone, Copy, Debug)]
    pub struct Segment {
        pub start: usize,
        pub len: usize,
    }

    impl Segment {
        #[must_use]
        pub fn end(&self) -> usize {
            self.start + self.len
        }
    }

    /// Nothing: initial memory is copied.
    pub fn segments() -> impl Iterator<Item = Segment> {
        std::iter::empty()
    }

    /// The environment as the C library has it.
    pub fn environment() -> *mut *const c_char {
        // SAFETY: gives the address of a variable, which is read here.
        unsafe { (*libc::_NSGetEnviron()).cast() }
    }

    /// Ends the process without running anything else.
    #[inline(always)]
    pub fn exit(code: i32) -> ! {
        // SAFETY: `_exit` has no precondition.
        unsafe { libc::_exit(code) }
    }
}
