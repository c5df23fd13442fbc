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
/// What 32 bits can index. Also the least that is reserved for a 64-bit memory, so that an index
/// that was extended from 32 bits needs no check there either.
const INDEX_BITS_MIN: u32 = 32;
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
    /// That its index has no more than so many bits, and its offset 31.
    IndexBits(u32),
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
        true => (GROWTH_BYTES_DEFAULT, MEMORY_BYTES_MAX),
        false => (1 << INDEX_BITS_MIN, 1 << INDEX_BITS_MIN),
    };
    let space = options.memory_reservation_bytes;
    let mut bytes_max = match ty.maximum {
        Some(pages) => bytes_of(ty, pages),
        None => space.unwrap_or(default).max(default),
    }
    .min(options.memory_bytes_max.unwrap_or(u64::MAX))
    .min(largest)
    .max(bytes);
    let index_bits = index_bits(bytes_max);
    if space.is_some_and(|space| space < 1 << index_bits) {
        bytes_max = bytes_max.min(space.unwrap_or(0).max(bytes));
        return Ok(Reservation {
            bytes,
            bytes_max,
            bytes_reserved: bytes_max.next_multiple_of(WASM_PAGE_BYTES),
            bounds: Bounds::Length,
        });
    }
    Ok(Reservation {
        bytes,
        bytes_max,
        bytes_reserved: (1 << index_bits) + OFFSETS_BYTES,
        bounds: Bounds::IndexBits(index_bits),
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

/// How many bits the indices of a memory of up to so many bytes have.
fn index_bits(bytes_max: u64) -> u32 {
    bytes_max
        .next_power_of_two()
        .trailing_zeros()
        .max(INDEX_BITS_MIN)
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
        let guarded = |bytes_max| (bytes_max, 6 * GIB + 65536, Bounds::IndexBits(32));
        assert_eq!(sizes(&memory(false, 0, None), &any), guarded(4 * GIB));
        assert_eq!(sizes(&memory(false, 1, Some(2)), &any), guarded(0x2_0000));
        let full = memory(false, 0x1_0000, Some(0x1_0000));
        assert_eq!(sizes(&full, &any), guarded(4 * GIB));
        let capped = with(Some(4 * GIB), Some(100));
        assert_eq!(sizes(&memory(false, 0, None), &capped), guarded(100));
    }

    #[test]
    fn a_64_bit_memory_gets_a_power_of_two() {
        let any = with(None, None);
        let guarded = |bytes_max, bits| {
            let reserved = (1_u64 << bits) + 2 * GIB + 65536;
            (bytes_max, reserved, Bounds::IndexBits(bits))
        };
        assert_eq!(sizes(&memory(true, 0, None), &any), guarded(64 * GIB, 36));
        assert_eq!(sizes(&memory(true, 0, Some(0)), &any), guarded(0, 32));
        let odd = memory(true, 0, Some(0x3_0001));
        assert_eq!(sizes(&odd, &any), guarded(0x3_0001_0000, 34));
        let all = memory(true, 0, Some(1 << 48));
        assert_eq!(sizes(&all, &any), guarded(1 << 40, 40));
        let large = memory(true, 0x12_0000, None);
        assert_eq!(sizes(&large, &any), guarded(72 * GIB, 37));
        let more = with(Some(256 * GIB), None);
        assert_eq!(sizes(&memory(true, 0, None), &more), guarded(256 * GIB, 38));
        let capped = with(None, Some(5 * GIB));
        assert_eq!(sizes(&memory(true, 0, None), &capped), guarded(5 * GIB, 33));
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
        assert_eq!(
            sizes(&memory(true, 0, None), &some),
            checked(5 * GIB, 5 * GIB)
        );
        assert_eq!(
            sizes(&memory(true, 0, Some(0x1_0000)), &some).2,
            Bounds::IndexBits(32)
        );
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
