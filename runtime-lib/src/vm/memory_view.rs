//! The one checked view of a guest memory that host functions get.
//!
//! A host function receives a [`Memory`] from compiled code, makes a [`GuestMemory`] of it and
//! reads and writes through that alone. The length is read when the view is made: after anything
//! that can grow the memory, a new view is needed, which the ownership of [`Memory`] enforces.

use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmelt_abi::MemoryHeader;

/// Byte 0 of a guest memory, as compiled code passes it to a host function. Only compiled code
/// makes one, and its header stays valid until the host function returns.
#[repr(transparent)]
#[derive(Debug)]
pub struct Memory(*mut u8);

/// A guest address or length that is not inside the memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfBounds;

/// A guest memory of the length it had when the view was made.
#[derive(Debug)]
pub struct GuestMemory {
    start: *mut u8,
    len: usize,
}

/// How many buffers one vectored read or write passes to the kernel; a list that is longer is
/// served in part, which every caller of such functions must expect.
pub const IO_SLICES_MAX: usize = 16;

/// The buffers that a list of `iovec` or `ciovec` in guest memory names.
#[derive(Debug)]
pub struct IoSlices<'a> {
    slices: [IoSlice<'a>; IO_SLICES_MAX],
    len: usize,
}

/// As [`IoSlices`], to be written to: no two of its buffers overlap.
#[derive(Debug)]
pub struct IoSlicesMut<'a> {
    slices: [IoSliceMut<'a>; IO_SLICES_MAX],
    len: usize,
}

macro_rules! scalars {
    ($( $read:ident $write:ident $type:ty )*) => {
        $(
            /// Reads a little-endian value at any alignment.
            ///
            /// # Errors
            /// [`OutOfBounds`] unless all of its bytes are inside the memory.
            #[inline]
            pub fn $read(&self, at: impl Into<u64>) -> Result<$type, OutOfBounds> {
                Ok(<$type>::from_le_bytes(self.array(at)?))
            }

            /// Writes a little-endian value at any alignment.
            ///
            /// # Errors
            /// [`OutOfBounds`] unless all of its bytes are inside the memory; then nothing is
            /// written.
            #[inline]
            pub fn $write(&mut self, at: impl Into<u64>, value: $type) -> Result<(), OutOfBounds> {
                self.write_bytes(at, &value.to_le_bytes())
            }
        )*
    };
}

impl Memory {
    /// The memory at this address.
    ///
    /// # Safety
    /// It is byte 0 of a memory of a store.
    #[inline]
    pub(crate) unsafe fn at(start: *mut u8) -> Memory {
        Memory(start)
    }

    /// Byte 0.
    #[inline]
    pub(crate) fn start(&self) -> *mut u8 {
        self.0
    }
}

impl GuestMemory {
    /// The view of a memory, of the length that its header has now.
    #[must_use]
    #[inline]
    pub fn from_header(memory: Memory) -> GuestMemory {
        // SAFETY: a `Memory` comes from compiled code, whose instance pointer has its header
        // directly below it (see `wasmelt_abi::MemoryHeader`).
        let bytes = unsafe { length(memory.0.cast::<MemoryHeader>().sub(1)) };
        GuestMemory {
            start: memory.0,
            len: usize::try_from(bytes).unwrap_or(usize::MAX),
        }
    }

    /// Reads the length again, after something that can have grown the memory.
    #[inline]
    pub fn refresh(&mut self) {
        *self = GuestMemory::from_header(Memory(self.start));
    }

    /// Length in bytes.
    #[must_use]
    #[inline]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    /// All of the memory.
    #[must_use]
    #[inline]
    pub fn all(&self) -> &[u8] {
        // SAFETY: `len` bytes from `start` are readable as long as the store exists. The guest does
        // not run while a host function holds the view, but for other threads of it: what they write
        // meanwhile is data whose every value is allowed.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// All of the memory, to change.
    #[must_use]
    #[inline]
    pub fn all_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `all`; a `Memory` is not `Copy`, so this view is the only one.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }

    /// `len` bytes from `ptr`.
    ///
    /// # Errors
    /// [`OutOfBounds`] unless all of them are inside the memory. The same holds for an empty
    /// range: it must not begin beyond the end.
    #[inline]
    pub fn bytes(&self, ptr: impl Into<u64>, len: u32) -> Result<&[u8], OutOfBounds> {
        let range = range(ptr, len as usize)?;
        self.all().get(range).ok_or(OutOfBounds)
    }

    /// `len` bytes from `ptr`, to change.
    ///
    /// # Errors
    /// As [`GuestMemory::bytes`].
    #[inline]
    pub fn bytes_mut(&mut self, ptr: impl Into<u64>, len: u32) -> Result<&mut [u8], OutOfBounds> {
        let range = range(ptr, len as usize)?;
        self.all_mut().get_mut(range).ok_or(OutOfBounds)
    }

    /// Copies `bytes` into the memory.
    ///
    /// # Errors
    /// [`OutOfBounds`] unless all of it fits; then nothing is written.
    #[inline]
    pub fn write_bytes(&mut self, ptr: impl Into<u64>, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let range = range(ptr, bytes.len())?;
        let target = self.all_mut().get_mut(range).ok_or(OutOfBounds)?;
        // What may panic brings all that prints panics into an executable, and not every compiler sees
        // that the lengths are equal.
        // SAFETY: the range is as long as `bytes`, which cannot overlap what is borrowed to change.
        unsafe {
            target
                .as_mut_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
        Ok(())
    }

    scalars! {
        read_u8 write_u8 u8
        read_u16 write_u16 u16
        read_u32 write_u32 u32
        read_u64 write_u64 u64
    }

    /// The buffers of a list of `count` pairs (address, length) at `list`: at most
    /// [`IO_SLICES_MAX`] of those that are not empty.
    ///
    /// # Errors
    /// [`OutOfBounds`] when the list or one of the buffers taken is not inside the memory.
    pub fn io_slices(&self, list: u32, count: u32) -> Result<IoSlices<'_>, OutOfBounds> {
        let mut found = IoSlices {
            slices: [IoSlice::new(&[]); IO_SLICES_MAX],
            len: 0,
        };
        let pairs = self.bytes(list, count.checked_mul(8).ok_or(OutOfBounds)?)?;
        for pair in pairs.chunks_exact(8) {
            let (ptr, len) = pointer_and_length(pair);
            let bytes = self.bytes(ptr, len)?;
            if bytes.is_empty() {
                continue;
            }
            let Some(slot) = found.slices.get_mut(found.len) else {
                break;
            };
            *slot = IoSlice::new(bytes);
            found.len += 1;
        }
        Ok(found)
    }

    /// As [`GuestMemory::io_slices`], to be written to. The list ends before the first buffer
    /// that overlaps an earlier one: a short read, which callers must expect.
    ///
    /// # Errors
    /// As [`GuestMemory::io_slices`].
    pub fn io_slices_mut(&mut self, list: u32, count: u32) -> Result<IoSlicesMut<'_>, OutOfBounds> {
        let mut taken = [(0_usize, 0_usize); IO_SLICES_MAX];
        let mut len = 0;
        let pairs = self.bytes(list, count.checked_mul(8).ok_or(OutOfBounds)?)?;
        for pair in pairs.chunks_exact(8) {
            let (ptr, size) = pointer_and_length(pair);
            let (start, size) = (ptr as usize, self.bytes(ptr, size)?.len());
            if size == 0 {
                continue;
            }
            let end = start + size;
            if taken
                .iter()
                .take(len)
                .any(|&(from, to)| start < to && from < end)
            {
                break;
            }
            let Some(slot) = taken.get_mut(len) else {
                break;
            };
            *slot = (start, end);
            len += 1;
        }
        let mut found = IoSlicesMut {
            slices: std::array::from_fn(|_| IoSliceMut::new(&mut [])),
            len,
        };
        for (slot, &(start, end)) in found.slices.iter_mut().zip(taken.iter().take(len)) {
            // SAFETY: `start..end` was inside the memory when `bytes` checked it, and the loop
            // above made sure that it overlaps no other; the borrow of `self` lasts as long.
            let bytes =
                unsafe { std::slice::from_raw_parts_mut(self.start.add(start), end - start) };
            *slot = IoSliceMut::new(bytes);
        }
        Ok(found)
    }

    #[inline]
    fn array<const N: usize>(&self, at: impl Into<u64>) -> Result<[u8; N], OutOfBounds> {
        let bytes = self.all().get(range(at, N)?).ok_or(OutOfBounds)?;
        bytes.first_chunk::<N>().copied().ok_or(OutOfBounds)
    }
}

/// The length that a header has now: another thread may be changing it.
///
/// # Safety
/// It is one.
#[inline]
pub(super) unsafe fn length(header: *mut MemoryHeader) -> u64 {
    // SAFETY: the caller vouches for the header.
    unsafe { AtomicU64::from_ptr(&raw mut (*header).bytes) }.load(Ordering::Relaxed)
}

/// So many bytes from an address of 32 or 64 bits; of 32, they cannot end beyond what a `usize`
/// holds.
#[inline]
fn range(at: impl Into<u64>, len: usize) -> Result<Range<usize>, OutOfBounds> {
    let start = usize::try_from(at.into()).map_err(|_| OutOfBounds)?;
    let end = start.checked_add(len).ok_or(OutOfBounds)?;
    Ok(start..end)
}

impl<'a> IoSlices<'a> {
    /// The buffers, none of them empty.
    #[must_use]
    pub fn as_slice(&self) -> &[IoSlice<'a>] {
        self.slices.get(..self.len).unwrap_or(&[])
    }
}

impl<'a> IoSlicesMut<'a> {
    /// The buffers, none of them empty.
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [IoSliceMut<'a>] {
        self.slices.get_mut(..self.len).unwrap_or(&mut [])
    }
}

/// The fields of an `iovec`: two little-endian numbers of 32 bits.
fn pointer_and_length(pair: &[u8]) -> (u32, u32) {
    let number = |from: usize| {
        pair.get(from..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |b| u32::from_le_bytes(*b))
    };
    (number(0), number(4))
}

/// A memory for tests of what reads and writes one: a header and bytes on the heap.
#[cfg(test)]
pub(crate) mod test_memory {
    use super::{GuestMemory, Memory};
    use crate::vm::store::Store;
    use wasmelt_abi::MemoryHeader;

    /// Owns the bytes that its views show.
    pub(crate) struct TestMemory {
        words: Vec<u64>,
    }

    const HEADER_WORDS: usize = size_of::<MemoryHeader>() / 8;

    impl TestMemory {
        pub(crate) fn new(len: usize) -> TestMemory {
            let mut words = vec![0; HEADER_WORDS + len.div_ceil(8)];
            words[std::mem::offset_of!(MemoryHeader, bytes) / 8] = len as u64;
            TestMemory { words }
        }

        /// A memory of a store, whose base is address 0.
        pub(crate) fn in_store(len: usize, store: &'static Store) -> TestMemory {
            let mut memory = TestMemory::new(len);
            memory.words[std::mem::offset_of!(MemoryHeader, store) / 8] =
                std::ptr::from_ref(store).expose_provenance() as u64;
            memory
        }

        /// Byte 0.
        pub(crate) fn start(&mut self) -> *mut u8 {
            // SAFETY: the allocation begins with `HEADER_WORDS` words of header.
            unsafe { self.words.as_mut_ptr().add(HEADER_WORDS) }.cast()
        }

        /// The view; a `TestMemory` gives one at a time.
        pub(crate) fn view(&mut self) -> GuestMemory {
            GuestMemory::from_header(Memory(self.start()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::test_memory::TestMemory;
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let mut owner = TestMemory::new(100);
        let mut memory = owner.view();
        assert_eq!(memory.len(), 100);
        assert_eq!(memory.bytes(100_u32, 0), Ok(&[][..]));
        assert_eq!(memory.bytes(101_u32, 0), Err(OutOfBounds));
        assert_eq!(memory.bytes(99_u32, 1).map(<[u8]>::len), Ok(1));
        assert_eq!(memory.bytes(99_u32, 2), Err(OutOfBounds));
        assert_eq!(memory.bytes(u32::MAX, u32::MAX), Err(OutOfBounds));
        assert_eq!(memory.write_u64(93_u32, 1), Err(OutOfBounds));
        assert_eq!(memory.all(), &[0; 100]);
        assert_eq!(memory.write_u32(96_u32, 0x0403_0201), Ok(()));
        assert_eq!(memory.bytes(96_u32, 4), Ok(&[1, 2, 3, 4][..]));
        assert_eq!(memory.read_u16(97_u32), Ok(0x0302));
        assert_eq!(memory.read_u64(93_u32), Err(OutOfBounds));
    }

    fn write_list(memory: &mut GuestMemory, at: u32, pairs: &[(u32, u32)]) {
        for (index, (ptr, len)) in (0..).zip(pairs) {
            memory.write_u32(at + index * 8, *ptr).unwrap();
            memory.write_u32(at + index * 8 + 4, *len).unwrap();
        }
    }

    #[test]
    fn io_slices_skip_empty_buffers() {
        let mut owner = TestMemory::new(200);
        let mut memory = owner.view();
        memory.write_bytes(100_u32, b"hello world").unwrap();
        write_list(&mut memory, 3, &[(100, 5), (0, 0), (105, 6)]);
        let slices = memory.io_slices(3, 3).unwrap();
        let found: Vec<&[u8]> = slices.as_slice().iter().map(|slice| &**slice).collect();
        assert_eq!(found, [&b"hello"[..], b" world"]);
        assert!(memory.io_slices(3, u32::MAX).is_err());
        write_list(&mut memory, 3, &[(100, 5), (199, 2)]);
        assert!(memory.io_slices(3, 2).is_err());
    }

    #[test]
    fn io_slices_mut_never_overlap() {
        let mut owner = TestMemory::new(200);
        let mut memory = owner.view();
        write_list(&mut memory, 0, &[(100, 10), (110, 10), (109, 2), (150, 1)]);
        let mut slices = memory.io_slices_mut(0, 4).unwrap();
        assert_eq!(slices.as_mut_slice().len(), 2);
        for slice in slices.as_mut_slice() {
            slice.fill(7);
        }
        assert_eq!(memory.bytes(99_u32, 22).unwrap()[..2], [0, 7]);
        assert_eq!(memory.bytes(119_u32, 2).unwrap(), [7, 0]);
    }

    #[test]
    fn io_slices_are_limited() {
        let mut owner = TestMemory::new(4096);
        let mut memory = owner.view();
        let pairs: Vec<(u32, u32)> = (0..100).map(|index| (2000 + index, 1)).collect();
        write_list(&mut memory, 0, &pairs);
        assert_eq!(
            memory.io_slices(0, 100).unwrap().as_slice().len(),
            IO_SLICES_MAX
        );
        assert_eq!(
            memory.io_slices_mut(0, 100).unwrap().as_mut_slice().len(),
            IO_SLICES_MAX
        );
    }
}
