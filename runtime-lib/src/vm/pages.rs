//! Pages of reserved address space.

/// A multiple of every page size that the targets have.
pub(super) const PAGE_BYTES_MAX: usize = 64 << 10;

pub(super) use super::arch::PAGE_BYTES;
pub(super) use crate::sys::memory::{
    LARGE_PAGE_BYTES, give_back, make_accessible, make_inaccessible, make_zero, prefer_large_pages,
};
