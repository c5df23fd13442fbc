//! How much address space a memory gets, and what of its bounds code has to check.
//!
//! Comes in: the type of a memory, and the limits of the options. Goes out: [`Reservation`]. An
//! access whose index and static offset stay within the address space that is reserved needs no
//! comparison with the memory's length: what is not accessible there faults.

use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use wasmelt_abi::WASM_PAGE_BYTES;
use wasmparser::MemoryType;

/// Address space behind the indices of a memory: static offsets below 2 GiB, and the bytes of one
/// access.
const OFFSETS_BYTES: u64 = (2 << 30) + WASM_PAGE_BYTES;
/// What 32 bits can index.
const INDICES_32: u64 = 1 << 32;
/// A 64-bit memory without a maximum grows up to here.
const GROWTH_BYTES_DEFAULT: u64 = 64 << 30;
/// No memory grows, or begins, beyond this, whatever its type says: a process has 128 TiB of
/// address space for all of them.
const MEMORY_BYTES_MAX: u64 = 1 << 40;

/// What code has to check of an access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bounds {
    /// That it ends within the current length.
    Length,
    /// That its index is not beyond this, unless that is known, and its offset below 2 GiB.
    Guarded { index_max: u64 },
}

/// Sizes of one memory in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reservation {
    /// At the start.
    pub(super) bytes: u64,
    /// `memory.grow` never goes beyond this.
    pub(super) bytes_max: u64,
    /// Of address space.
    pub(super) bytes_reserved: u64,
    pub(super) bounds: Bounds,
}

/// Decides the sizes of a memory.
///
/// # Errors
/// `Usage` when it begins with more than the options allow, `Unsupported` when it begins with
/// more than can be reserved.
pub(super) fn reserve(ty: &MemoryType, options: &Options) -> Result<Reservation> {
    let bytes = bytes_of(ty, ty.initial);
    if let Some(limit) = options.memory_bytes_max
        && bytes > limit
    {
        return Err(Error::usage(format!(
            "the module's memory begins with {bytes} bytes, more than `-W max-memory-size` allows"
        )));
    }
    if bytes > MEMORY_BYTES_MAX {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "unsupported: a memory that begins with {} pages; the limit is {} GiB",
                ty.initial,
                MEMORY_BYTES_MAX >> 30
            ),
        ));
    }
    let (default, largest) = match ty.memory64 {
        true => (GROWTH_BYTES_DEFAULT.max(bytes * 2), MEMORY_BYTES_MAX),
        false => (INDICES_32, INDICES_32),
    };
    let space = options.memory_reservation_bytes;
    let mut bytes_max = match ty.maximum {
        Some(pages) => bytes_of(ty, pages),
        None => space.unwrap_or(default).max(default),
    }
    .min(options.memory_bytes_max.unwrap_or(u64::MAX))
    .min(largest)
    .max(bytes);
    let index_max = match ty.memory64 {
        true => bytes_max,
        false => INDICES_32,
    };
    let bounds = match space {
        Some(space) if space < index_max => {
            bytes_max = bytes_max.min(space.max(bytes));
            Bounds::Length
        }
        // What faults is whole pages of the processor's.
        _ if page_bytes_log2(ty) < WASM_PAGE_BYTES.trailing_zeros() => Bounds::Length,
        _ => Bounds::Guarded { index_max },
    };
    let bytes_reserved = match bounds {
        Bounds::Length => bytes_max.next_multiple_of(WASM_PAGE_BYTES),
        Bounds::Guarded { .. } => index_max.next_multiple_of(WASM_PAGE_BYTES) + OFFSETS_BYTES,
    };
    Ok(Reservation {
        bytes,
        bytes_max,
        bytes_reserved,
        bounds,
    })
}

/// Bytes of so many pages of a memory; the largest number where they cannot be counted.
pub(super) fn bytes_of(ty: &MemoryType, pages: u64) -> u64 {
    pages.saturating_mul(1 << page_bytes_log2(ty))
}

pub(super) fn page_bytes_log2(ty: &MemoryType) -> u32 {
    ty.page_size_log2
        .unwrap_or(WASM_PAGE_BYTES.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn memory(memory64: bool, initial: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType {
            memory64,
            shared: false,
            initial,
            maximum,
            page_size_log2: None,
        }
    }

    fn with(space: Option<u64>, limit: Option<u64>) -> Options {
        Options {
            memory_reservation_bytes: space,
            memory_bytes_max: limit,
            ..Options::default()
        }
    }

    /// The maximum, the reservation, and what is checked.
    fn sizes(ty: &MemoryType, options: &Options) -> (u64, u64, Bounds) {
        let sizes = reserve(ty, options).expect("it can be reserved");
        (sizes.bytes_max, sizes.bytes_reserved, sizes.bounds)
    }

    #[test]
    fn every_index_of_32_bits_is_reserved() {
        let any = with(None, None);
        let guarded = |bytes_max| {
            let index_max = 4 * GIB;
            (bytes_max, 6 * GIB + 65536, Bounds::Guarded { index_max })
        };
        assert_eq!(sizes(&memory(false, 0, None), &any), guarded(4 * GIB));
        assert_eq!(sizes(&memory(false, 1, Some(2)), &any), guarded(0x2_0000));
        let full = memory(false, 0x1_0000, Some(0x1_0000));
        assert_eq!(sizes(&full, &any), guarded(4 * GIB));
        let capped = with(Some(4 * GIB), Some(100));
        assert_eq!(sizes(&memory(false, 0, None), &capped), guarded(100));
    }

    #[test]
    fn a_64_bit_memory_gets_what_it_may_grow_to() {
        let any = with(None, None);
        let guarded = |index_max: u64| {
            let reserved = index_max.next_multiple_of(65536) + 2 * GIB + 65536;
            (index_max, reserved, Bounds::Guarded { index_max })
        };
        assert_eq!(sizes(&memory(true, 0, None), &any), guarded(64 * GIB));
        assert_eq!(sizes(&memory(true, 0, Some(0)), &any), guarded(0));
        let declared = memory(true, 0, Some(0x3_0001));
        assert_eq!(sizes(&declared, &any), guarded(0x3_0001_0000));
        let all = memory(true, 0, Some(1 << 48));
        assert_eq!(sizes(&all, &any), guarded(1 << 40));
        let large = memory(true, 72 << 14, None);
        assert_eq!(sizes(&large, &any), guarded(144 * GIB));
        let more = with(Some(256 * GIB), None);
        assert_eq!(sizes(&memory(true, 0, None), &more), guarded(256 * GIB));
        let capped = with(None, Some(5 * GIB + 1));
        assert_eq!(sizes(&memory(true, 0, None), &capped), guarded(5 * GIB + 1));
    }

    #[test]
    fn with_less_address_space_lengths_are_compared() {
        let little = with(Some(100), None);
        let checked = |bytes_max, reserved| (bytes_max, reserved, Bounds::Length);
        for memory64 in [false, true] {
            let ty = memory(memory64, 0, None);
            assert_eq!(sizes(&ty, &little), checked(100, 0x1_0000));
            let ty = memory(memory64, 2, Some(9));
            assert_eq!(sizes(&ty, &little), checked(0x2_0000, 0x2_0000));
        }
        let some = with(Some(5 * GIB), None);
        let ty = memory(true, 0, None);
        assert_eq!(sizes(&ty, &some), checked(5 * GIB, 5 * GIB));
        let ty = memory(true, 0, Some(5 << 14));
        let index_max = 5 * GIB;
        assert_eq!(sizes(&ty, &some).2, Bounds::Guarded { index_max });
    }

    #[test]
    fn what_begins_too_large_is_an_error() {
        let kind = |ty, options| reserve(&ty, &options).map_err(|error| error.kind);
        let unsupported = Err(ErrorKind::Unsupported);
        let most = MEMORY_BYTES_MAX >> 16;
        assert!(kind(memory(true, most, None), with(None, None)).is_ok());
        assert_eq!(
            kind(memory(true, most + 1, None), with(None, None)),
            unsupported
        );
        assert_eq!(
            kind(memory(true, 1 << 48, None), with(None, None)),
            unsupported
        );
        let capped = with(None, Some(0xffff));
        assert_eq!(kind(memory(false, 1, None), capped), Err(ErrorKind::Usage));
    }
}
