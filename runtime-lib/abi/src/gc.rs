//! Objects of garbage-collected types, and what the collector knows of them.
//!
//! A reference is the address of an object as 32 bits, zero-extended where it is not in an object;
//! 0 is null, and odd ones are `i31`, shifted by one. Objects are aligned to 8 bytes.
//!
//! ```text
//!   struct │ header │ fields …            array │ header │ length │ elements …
//!          0        4                           0        4        8
//! ```
//!
//! The header is the program-wide number of the type in its low 24 bits; types have numbers from 1
//! on. The other bits are the runtime's. The size of an object is rounded up to 8 bytes.

use crate::Slice;

/// Objects that are made at run time lie from here …
pub const GC_HEAP_START: u64 = 0x4000_0000;
/// … to here.
pub const GC_HEAP_END: u64 = 0xc000_0000;

/// Where byte 0 of the first memory is, wherever the store comes from: objects of the image, and records
/// of functions, lie in the contexts below, and references to them are constants. So a process has one
/// store at a time.
pub const GC_MEMORY_ADDRESS: u64 = 1 << 32;

/// Where the length of an array lies in it.
pub const GC_LENGTH_OFFSET: u32 = 4;
/// Where the first element of an array lies in it.
pub const GC_ELEMENTS_OFFSET: u32 = 8;
/// Where fields of a struct begin.
pub const GC_FIELDS_OFFSET: u32 = 4;

/// Objects are aligned to this many bytes, and have a multiple of it.
pub const GC_ALIGN: u64 = 8;

/// The number of the type in a header.
pub const GC_TYPE_MASK: u32 = 0x00ff_ffff;

/// A larger object is not allocated by compiled code.
pub const GC_SMALL_BYTES_MAX: u64 = 8 << 10;

/// Kinds of types, `GcType::kind`.
pub const GC_STRUCT: u32 = 0;
/// An array without references.
pub const GC_ARRAY: u32 = 1;
/// An array of references.
pub const GC_ARRAY_OF_REFERENCES: u32 = 2;

/// What the collector knows of a type.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GcType {
    pub kind: u32,
    /// Of a struct with its header, rounded up; of one element of an array.
    pub bytes: u32,
    /// Of a struct: where its references are, as a range of `GcProgram::reference_offsets`.
    pub first_offset: u32,
    pub offsets: u32,
}

/// What the collector knows of a program: symbol [`crate::GC_SYMBOL`].
#[repr(C)]
#[derive(Debug)]
pub struct GcProgram {
    /// By number; that of number 0 is not used.
    pub types: Slice<GcType>,
    /// Distances of fields from the start of their struct.
    pub reference_offsets: Slice<u32>,
    /// The heap never has more bytes.
    pub heap_bytes_max: u64,
}

// SAFETY: it is read-only data.
unsafe impl Sync for GcProgram {}

/// Where compiled code allocates. What lies between the two is zero.
///
/// An object of a size is allocated by adding it to `next`, if that is then at most `end`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct GcAllocation {
    pub next: u64,
    pub end: u64,
}
