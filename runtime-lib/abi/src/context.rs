//! What lies below a linear memory: its header and the contexts of the instances that share it.
//!
//! ```text
//!      lower addresses                                              instance pointer
//!   ┌───────────────────────┬───────────────────────┬──────────────┬───────────────────────
//!   │ context of instance B │ context of instance A │ MemoryHeader │ linear memory …
//!   └───────────────────────┴───────────────────────┴──────────────┴───────────────────────
//! ```
//!
//! The *instance pointer*, the one hidden parameter of compiled code, is the address of byte 0 of
//! the memory. A region without a memory has the same shape with a memory of zero bytes.

/// Bytes of a WebAssembly page.
pub const WASM_PAGE_BYTES: u64 = 0x1_0000;

/// Lies directly below byte 0 of every memory.
#[repr(C)]
#[derive(Debug)]
pub struct MemoryHeader {
    /// The runtime's own record of the store this memory belongs to; null until it is created.
    pub store: *mut u8,
    /// First of the program's [`FuncRef`] records.
    pub funcrefs: *const FuncRef,
    /// Bits of [`MemoryFlags`].
    pub flags: u32,
    /// Log2 of the page size in bytes: 16, or 0 with custom page sizes.
    pub page_bytes_log2: u32,
    /// `memory.grow` never goes beyond this many bytes, and no index that is larger gets as far as
    /// an access.
    pub bytes_max: u64,
    /// Bytes of address space that belong to this memory, from byte 0, accessible or not.
    pub bytes_reserved: u64,
    /// In a library: bytes of the stack that compiled code may use, or 0 once a trap has ended the
    /// store. The header of the first region has it. Zero in executables.
    pub stack_bytes: u64,
    /// In a library: the lowest address that the stack pointer of compiled code may have. Each header
    /// of a store has it. Zero in executables.
    pub stack_limit: u64,
    /// Current length in bytes.
    pub bytes: u64,
}

/// Bits of [`MemoryHeader::flags`].
#[derive(Debug)]
pub struct MemoryFlags;

impl MemoryFlags {
    /// It is of a shared type.
    pub const SHARED: u32 = 1;
    /// The stores of all threads have it: each has a mapping and a header of its own.
    pub const COMMON: u32 = 2;
}

/// A table that `table.grow` can reach: lies in the context of the instance that defines it.
/// Tables that are changed but never grown lie in the context themselves, as their elements alone.
///
/// An element is 8 bytes: null is zero; a function reference is a `*const FuncRef`; an exception
/// reference is a `*mut Exception`; an external reference is an opaque non-zero number.
#[repr(C)]
#[derive(Debug)]
pub struct Table {
    /// First element; the address never changes once the store is created.
    pub elements: *mut u64,
    /// Current number of elements.
    pub len: u64,
    /// `table.grow` never goes beyond this many elements.
    pub len_max: u64,
}

/// A function reference. Exactly one record exists for a function, so that equal addresses mean
/// equal functions.
#[repr(C)]
#[derive(Debug)]
pub struct FuncRef {
    /// Entry of the function, in the calling convention of compiled code.
    pub code: *const u8,
    /// Program-wide number of its type: equal numbers mean equal types.
    pub sig: u64,
    /// Instance pointer of the function's instance, as an offset from the base of the store.
    pub instance_offset: u64,
}

/// A passive data or element segment, in the context of its instance. Dropping it sets `len` to 0.
#[repr(C)]
#[derive(Debug)]
pub struct DataSegment {
    /// First byte of a data segment, or first 8-byte element of an element segment.
    pub start: *const u8,
    /// Length in bytes, or in elements.
    pub len: u64,
}

/// An exception in flight or held by an `exnref`. The values follow, 16 bytes apiece. In a program
/// with objects it is one of them: `tag` is its header, `shared` is always 1, and the values lie where
/// they would in a struct.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Exception {
    /// Program-wide number of the tag.
    pub tag: u32,
    /// 1 once a `catch_ref` or `catch_all_ref` has seen it: it may then be referred to from
    /// anywhere, and a `catch` no longer frees it.
    pub shared: u32,
    /// Number of values that follow.
    pub values: u64,
}
