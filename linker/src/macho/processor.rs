//! What depends on the processor alone, and mistakes.

use object::macho::{CPU_TYPE_ARM64, CPU_TYPE_X86_64};

use crate::error::LinkError;

/// The processor that all objects are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Processor {
    Aarch64,
    X86_64,
}

impl Processor {
    pub(super) fn page_bytes(self) -> u64 {
        match self {
            Processor::Aarch64 => 0x4000,
            Processor::X86_64 => 0x1000,
        }
    }

    pub(super) fn cpu_type(self) -> u32 {
        match self {
            Processor::Aarch64 => CPU_TYPE_ARM64.0,
            Processor::X86_64 => CPU_TYPE_X86_64.0,
        }
    }
}

/// What only a mistake here or in an object can bring about.
pub(super) fn bad(why: &str) -> LinkError {
    LinkError::Internal(format!("an object for macOS cannot be linked: {why}"))
}
