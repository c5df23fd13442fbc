//! Arrays and texts in the program's description.

/// A read-only array: address of the first item and number of items.
#[repr(C)]
#[derive(Debug)]
pub struct Slice<T> {
    pub start: *const T,
    pub len: u64,
}

/// UTF-8 text, or a path's bytes.
pub type Str = Slice<u8>;
