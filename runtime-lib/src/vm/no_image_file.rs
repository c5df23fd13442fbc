//! The executable's file as a source of initial memory: on other systems than Linux that is copied.

use crate::sys::io::Errno;
use wasmelt_abi::Program;

/// Part of the image that the file has; there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub(super) at: usize,
    pub(super) len: usize,
}

/// There is none.
#[derive(Debug)]
pub(super) struct ImageFile(std::convert::Infallible);

impl ImageFile {
    pub(super) fn open(_program: &'static Program) -> Option<ImageFile> {
        None
    }

    pub(super) fn parts(&self) -> &[Part] {
        match self.0 {}
    }

    /// # Safety
    /// None.
    pub(super) unsafe fn map(&self, _start: *mut u8) -> Result<(), Errno> {
        match self.0 {}
    }
}

/// Bytes of the image that are mapped.
pub(super) fn image_bytes(program: &Program) -> u64 {
    program.image_mapped_bytes
}
