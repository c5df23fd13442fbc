//! Growth of memories, and the bulk operations on them.

use crate::vm::bytes::{copy, fill};
use crate::vm::memory_view::length;
use crate::vm::pages::{
    LARGE_PAGE_BYTES, PAGE_BYTES, make_accessible, make_inaccessible, prefer_large_pages,
};
use crate::vm::process::items;
use crate::vm::space::PROCESS;
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use wasmelt_abi::{DataSegment, MemoryHeader, TrapCode};

/// A command that asks for so much at once uses it: it is given large pages there, where the system
/// has some. The stores of a server each use a little.
const DENSE_BYTES_MIN: u64 = 2 << 20;
/// One that has grown by so much will go on.
const GROWN_BYTES_MIN: u64 = 2 << 20;

/// `memory.grow`: the old length in pages, or -1.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_memory_grow")]
pub(crate) unsafe extern "C" fn memory_grow(memory: *mut u8, delta_pages: i64) -> i64 {
    // SAFETY: the caller vouches for the memory, and compiled code waits meanwhile.
    let header = unsafe { &mut *memory.cast::<MemoryHeader>().sub(1) };
    let shift = header.page_bytes_log2;
    let old = header.bytes;
    let limit = header.bytes_max.min(header.bytes_reserved);
    let delta_pages = delta_pages as u64;
    if delta_pages > (limit.saturating_sub(old)) >> shift {
        return -1;
    }
    let new = old + (delta_pages << shift);
    let accessible = old.next_multiple_of(PAGE_BYTES);
    if new > accessible {
        let start = memory.wrapping_add(accessible as usize);
        let len = new.next_multiple_of(PAGE_BYTES) - accessible;
        let is_command = PROCESS.has_one_slot();
        let is_dense = is_command && len >= DENSE_BYTES_MIN;
        let room = limit - accessible;
        let behind = match is_command && !is_dense && has_grown(memory, old) {
            true => behind_large_page(start, len as usize).filter(|&bytes| bytes as u64 <= room),
            false => None,
        };
        // SAFETY: the reservation has room for all of it.
        let grown = unsafe {
            match behind {
                Some(bytes) => grow_into_large_page(start, len as usize, bytes),
                None => make_accessible(start, len as usize).is_ok(),
            }
        };
        if !grown {
            return -1;
        }
        if is_dense {
            // SAFETY: as above.
            unsafe { prefer_large_pages(start, len as usize) };
        }
    }
    header.bytes = new;
    (old >> shift) as i64
}

/// Whether a memory of the only store has become so long by growing.
fn has_grown(memory: *mut u8, bytes: u64) -> bool {
    let offset = memory.addr().wrapping_sub(PROCESS.slot(0).addr()) as u64;
    let mut regions = items(&PROCESS.program().regions).iter();
    let region = regions.find(|region| region.memory_offset == offset);
    region.is_some_and(|region| bytes - region.memory_bytes >= GROWN_BYTES_MIN)
}

/// How many bytes there are to the end of the large page that begins in so many, if one does.
fn behind_large_page(start: *mut u8, bytes: usize) -> Option<usize> {
    let page_bytes = LARGE_PAGE_BYTES?;
    let before = start.addr().next_multiple_of(page_bytes) - start.addr();
    (before < bytes).then_some(before + page_bytes)
}

/// Makes a part of a memory accessible in which a large page begins. The system is asked for that at once, by
/// one fault, and not by one for each page; what is behind the part stays inaccessible.
///
/// # Safety
/// The reservation has room for all that there is to the end of the large page.
#[cold]
unsafe fn grow_into_large_page(start: *mut u8, bytes: usize, to_end: usize) -> bool {
    // SAFETY: the caller vouches for the room, and compiled code waits meanwhile.
    unsafe {
        if make_accessible(start, to_end).is_err() {
            return false;
        }
        if let Some(page_bytes) = LARGE_PAGE_BYTES {
            let page = start.wrapping_add(to_end - page_bytes);
            prefer_large_pages(page, page_bytes);
            page.write_volatile(0);
        }
        if make_inaccessible(start.wrapping_add(bytes), to_end - bytes).is_err() {
            let text = Piece::Text("the system does not make memory inaccessible");
            raise_with(TrapInfo::with_text(TrapCode::Unreachable, &[text]));
        }
    }
    true
}

/// As [`memory_grow`], but a memory that cannot grow is a trap (`-W trap-on-grow-failure`).
///
/// # Safety
/// As there.
#[unsafe(export_name = "wasmelt_memory_grow_or_trap")]
pub(crate) unsafe extern "C" fn memory_grow_or_trap(memory: *mut u8, delta_pages: i64) -> i64 {
    // SAFETY: the caller vouches for the memory.
    grown_or_trap(unsafe { memory_grow(memory, delta_pages) }, delta_pages)
}

/// What `memory.grow` has given, unless it has failed.
#[inline]
pub(super) fn grown_or_trap(pages: i64, delta_pages: i64) -> i64 {
    if pages < 0 {
        raise_with(TrapInfo::with_text(
            TrapCode::Unreachable,
            &[
                Piece::Text("a memory cannot grow by "),
                Piece::Number(delta_pages as u64),
                Piece::Text(" pages"),
            ],
        ))
    }
    pages
}

/// `memory.copy`.
///
/// # Safety
/// Both memories are byte 0 of a memory.
#[unsafe(export_name = "wasmelt_memory_copy")]
pub(crate) unsafe extern "C" fn memory_copy(
    dst_memory: *mut u8,
    src_memory: *mut u8,
    dst: i64,
    src: i64,
    len: i64,
) {
    // SAFETY: the caller vouches for the memories.
    unsafe {
        check(len_of(dst_memory), dst, len);
        check(len_of(src_memory), src, len);
        copy(
            dst_memory.add(dst as usize),
            src_memory.add(src as usize),
            len as usize,
        );
    }
}

/// Copies bytes that compiled code has found to be inside memories.
///
/// # Safety
/// Both ranges are.
#[unsafe(export_name = "wasmelt_bytes_copy")]
pub(crate) unsafe extern "C" fn bytes_copy(to: *mut u8, from: *mut u8, bytes: i64) {
    // SAFETY: the caller vouches for the ranges.
    unsafe { copy(to, from, bytes as usize) };
}

/// `memory.fill`.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_memory_fill")]
pub(crate) unsafe extern "C" fn memory_fill(memory: *mut u8, dst: i64, value: i32, len: i64) {
    // SAFETY: the caller vouches for the memory.
    unsafe {
        check(len_of(memory), dst, len);
        fill(memory.add(dst as usize), value as u8, len as usize);
    }
}

/// `memory.init`, from a data segment that may have been dropped.
///
/// # Safety
/// `memory` is byte 0 of a memory, `segment` is a [`DataSegment`] of bytes.
#[unsafe(export_name = "wasmelt_memory_init")]
pub(crate) unsafe extern "C" fn memory_init(
    memory: *mut u8,
    segment: *mut u8,
    dst: i64,
    src: i64,
    len: i64,
) {
    // SAFETY: the caller vouches for memory and segment.
    unsafe {
        let segment = &*segment.cast::<DataSegment>();
        check(len_of(memory), dst, len);
        check(segment.len, src, len);
        copy(
            memory.add(dst as usize),
            segment.start.wrapping_add(src as usize),
            len as usize,
        );
    }
}

/// Current length in bytes.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[inline]
pub(super) unsafe fn len_of(memory: *mut u8) -> u64 {
    // SAFETY: the header lies directly below byte 0.
    unsafe { length(memory.cast::<MemoryHeader>().sub(1)) }
}

/// Traps unless `start..start + len` is inside `bound` bytes.
#[inline]
pub(super) fn check(bound: u64, start: i64, len: i64) {
    let (start, len) = (start as u64, len as u64);
    if start > bound || len > bound - start {
        raise(TrapCode::MemoryOutOfBounds)
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;
    use crate::vm::memory_view::test_memory::TestMemory;
    use crate::vm::trap::{TrapInfo, catch};

    const OUT: Result<(), TrapInfo> = Err(TrapInfo::new(TrapCode::MemoryOutOfBounds));

    #[test]
    fn ranges_are_checked() {
        let mut owner = TestMemory::new(100);
        let memory = owner.start();
        // SAFETY: `memory` is byte 0 of a memory.
        let copy = |dst, src, len| catch(|| unsafe { memory_copy(memory, memory, dst, src, len) });
        // SAFETY: as above.
        let fill = |dst, len| catch(|| unsafe { memory_fill(memory, dst, 0x1ff, len) });
        assert_eq!(fill(90, 10), Ok(()));
        assert_eq!(fill(100, 0), Ok(()));
        assert_eq!(fill(101, 0), OUT);
        assert_eq!(fill(90, 11), OUT);
        assert_eq!(fill(1, -1), OUT);
        assert_eq!(copy(85, 88, 12), Ok(()));
        assert_eq!(copy(0, 100, 0), Ok(()));
        assert_eq!(copy(0, 101, 0), OUT);
        assert_eq!(copy(-1, 0, 2), OUT);
        assert_eq!(copy(0, i64::MIN, i64::MIN), OUT);
        let view = owner.view();
        assert_eq!(view.bytes(84_u32, 6), Ok(&[0, 0, 0, 255, 255, 255][..]));
    }

    #[test]
    fn a_segment_has_its_own_bound() {
        let mut owner = TestMemory::new(100);
        let memory = owner.start();
        let mut segment = DataSegment {
            start: b"abc".as_ptr(),
            len: 3,
        };
        let segment = &raw mut segment;
        let address: *mut u8 = segment.cast();
        // SAFETY: memory and segment are what they should be.
        let init = |dst, src, len| catch(|| unsafe { memory_init(memory, address, dst, src, len) });
        assert_eq!(init(99, 2, 1), Ok(()));
        assert_eq!(init(99, 1, 2), OUT);
        assert_eq!(init(0, 2, 2), OUT);
        assert_eq!(init(0, 4, 0), OUT);
        // SAFETY: nothing else refers to the segment now.
        unsafe {
            segment.write(DataSegment {
                start: null(),
                len: 0,
            })
        };
        assert_eq!(init(0, 0, 0), Ok(()));
        assert_eq!(init(0, 0, 1), OUT);
        assert_eq!(owner.view().read_u8(99_u32), Ok(b'c'));
    }

    #[test]
    fn growth_ends_at_the_maximum_and_at_the_reservation() {
        let mut owner = TestMemory::new(0);
        let memory = owner.start();
        let set = |page_bytes_log2, bytes, bytes_max, bytes_reserved| {
            // SAFETY: the header lies directly below byte 0.
            let header = unsafe { &mut *memory.cast::<MemoryHeader>().sub(1) };
            header.page_bytes_log2 = page_bytes_log2;
            header.bytes = bytes;
            header.bytes_max = bytes_max;
            header.bytes_reserved = bytes_reserved;
        };
        // SAFETY: only growth inside the page that is accessible already succeeds here.
        let grow = |delta| unsafe { memory_grow(memory, delta) };
        set(16, 0x2_0000, 0x4_0000, 0x3_0000);
        assert_eq!(grow(0), 2);
        assert_eq!(grow(2), -1);
        assert_eq!(grow(-1), -1);
        assert_eq!(grow(i64::MIN), -1);
        set(0, 100, 200, 1 << 32);
        assert_eq!(grow(50), 100);
        assert_eq!(grow(50), 150);
        assert_eq!(grow(1), -1);
        // SAFETY: `memory` is byte 0 of a memory.
        assert_eq!(unsafe { len_of(memory) }, 200);
        set(16, 6 << 47, 1 << 63, u64::MAX);
        assert_eq!(grow(0), 6 << 31);
        assert_eq!(grow(i64::MAX), -1);
        assert_eq!(grow(1 << 48), -1);
        set(0, 5 << 32, 5 << 32, 1 << 40);
        assert_eq!(grow(0), 5 << 32);
        assert_eq!(grow(1), -1);
    }

    #[test]
    fn a_part_reaches_to_the_end_of_a_large_page_that_begins_in_it() {
        let Some(page) = LARGE_PAGE_BYTES else { return };
        let behind =
            |start, bytes| behind_large_page(std::ptr::without_provenance_mut(start), bytes);
        assert_eq!(behind(3 * page, 1), Some(page));
        assert_eq!(behind(3 * page + 1, page - 1), None);
        assert_eq!(behind(3 * page + 1, page), Some(2 * page - 1));
        assert_eq!(behind(4 * page - 0x1_0000, 0x1_0000), None);
        assert_eq!(behind(4 * page - 0x1_0000, 0x2_0000), Some(page + 0x1_0000));
    }

    #[test]
    fn growth_that_must_not_fail_traps() {
        let mut owner = TestMemory::new(0);
        let memory = owner.start();
        // SAFETY: the header lies directly below byte 0.
        let header = unsafe { &mut *memory.cast::<MemoryHeader>().sub(1) };
        (header.page_bytes_log2, header.bytes) = (16, 0x1_0000);
        (header.bytes_max, header.bytes_reserved) = (0x2_0000, 0x2_0000);
        // SAFETY: no growth succeeds here but that by nothing.
        let grow = |delta| catch(|| assert_eq!(unsafe { memory_grow_or_trap(memory, delta) }, 1));
        assert_eq!(grow(0), Ok(()));
        let trap = grow(2).unwrap_err();
        assert_eq!(trap.to_string(), "a memory cannot grow by 2 pages");
    }

    #[test]
    fn ranges_of_64_bits_do_not_wrap_around() {
        let check = |bound, start, len| catch(|| check(bound, start, len));
        assert_eq!(check(5 << 32, 4 << 32, 1 << 32), Ok(()));
        assert_eq!(check(5 << 32, 4 << 32, (1 << 32) + 1), OUT);
        assert_eq!(check(5 << 32, 5 << 32, 0), Ok(()));
        assert_eq!(check(5 << 32, (5 << 32) + 1, -1), OUT);
        assert_eq!(check(5 << 32, -1, 1), OUT);
        assert_eq!(check(5 << 32, -1, 2), OUT);
        assert_eq!(check(5 << 32, i64::MIN, i64::MIN), OUT);
    }
}
