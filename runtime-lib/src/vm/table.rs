//! Tables. An element is 8 bytes; what it means, compiled code knows.

use crate::sys::io::Errno;

use crate::vm::pages::{PAGE_BYTES_MAX, give_back, make_accessible};
use crate::vm::process::items;
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use wasmelt_abi::{DataSegment, Program, Table, TableInit, TrapCode};

/// Gives every growable table of a new store its elements, which lie one behind the other from
/// `elements` on.
///
/// # Errors
/// The number of bytes that the system did not give, and why.
pub(super) fn create_all(
    program: &'static Program,
    base: *mut u8,
    elements: *mut u8,
) -> Result<(), (u64, Errno)> {
    let mut next = elements;
    for init in items(&program.tables) {
        let table = table_of(base, init);
        let accessible = reserved_bytes(table.len);
        table.elements = next.cast();
        if accessible > 0 {
            // SAFETY: the slot has room for `len_max` elements of each table.
            unsafe { make_accessible(next, accessible) }
                .map_err(|errno| (accessible as u64, errno))?;
        }
        // SAFETY: `len` elements are accessible, and any bits are a value of them.
        let elements =
            unsafe { std::slice::from_raw_parts_mut(table.elements, table.len as usize) };
        let image = items(&init.image);
        for (element, initial) in elements.iter_mut().zip(image) {
            *element = *initial;
        }
        if init.fill != 0 {
            elements
                .iter_mut()
                .skip(image.len())
                .for_each(|element| *element = init.fill);
        }
        next = next.wrapping_add(reserved_bytes(table.len_max));
    }
    Ok(())
}

/// Takes the elements of every growable table of a store away.
///
/// # Errors
/// The system's.
pub(super) fn empty_all(program: &'static Program, base: *mut u8) -> Result<(), Errno> {
    for init in items(&program.tables) {
        let table = table_of(base, init);
        // SAFETY: nothing of the guest runs; this much is accessible.
        unsafe { give_back(table.elements.cast(), reserved_bytes(table.len))? };
    }
    Ok(())
}

/// The table of a store that is in use, or about to be.
fn table_of<'t>(base: *mut u8, init: &TableInit) -> &'t mut Table {
    // SAFETY: the offset is that of a table in a context of the store, and compiled code waits.
    unsafe { &mut *base.add(init.table_offset as usize).cast::<Table>() }
}

/// Calls `look` with the bounds of the elements of each growable table of a store.
pub(super) fn for_each(
    program: &'static Program,
    base: *mut u8,
    look: &mut impl FnMut(usize, usize),
) {
    for init in items(&program.tables) {
        // SAFETY: the offset is that of a table in a context of this store.
        let (elements, len) = unsafe {
            let table = base.add(init.table_offset as usize).cast::<Table>();
            ((*table).elements, (*table).len)
        };
        look(elements.addr(), elements.addr() + len as usize * 8);
    }
}

/// How many bytes are accessible, or reserved, for so many elements.
pub(super) fn reserved_bytes(len: u64) -> usize {
    (len as usize * 8).next_multiple_of(PAGE_BYTES_MAX)
}

/// `table.grow`: the old length, or -1.
///
/// # Safety
/// `table` is a [`Table`] that [`create_all`] has seen.
#[unsafe(export_name = "wasmelt_table_grow")]
pub(crate) unsafe extern "C" fn table_grow(table: *mut u8, init: i64, delta: i64) -> i64 {
    // SAFETY: the caller vouches for the table, and compiled code waits meanwhile.
    let table = unsafe { &mut *table.cast::<Table>() };
    let old = table.len;
    let Some(new) = old
        .checked_add(delta as u64)
        .filter(|new| *new <= table.len_max)
    else {
        return -1;
    };
    let (accessible, wanted) = (reserved_bytes(old), reserved_bytes(new));
    if wanted > accessible {
        let start = table.elements.cast::<u8>().wrapping_add(accessible);
        // SAFETY: the reservation has room for `len_max` elements.
        if unsafe { make_accessible(start, wanted - accessible) }.is_err() {
            return -1;
        }
    }
    for index in old..new {
        // SAFETY: elements below `new` are accessible.
        unsafe { table.elements.add(index as usize).write(init as u64) };
    }
    table.len = new;
    old as i64
}

/// As [`table_grow`], but a table that cannot grow is a trap (`-W trap-on-grow-failure`).
///
/// # Safety
/// As there.
#[unsafe(export_name = "wasmelt_table_grow_or_trap")]
pub(crate) unsafe extern "C" fn table_grow_or_trap(table: *mut u8, init: i64, delta: i64) -> i64 {
    // SAFETY: the caller vouches for the table.
    let old = unsafe { table_grow(table, init, delta) };
    if old < 0 {
        raise_with(TrapInfo::with_text(
            TrapCode::Unreachable,
            &[
                Piece::Text("a table cannot grow by "),
                Piece::Number(delta as u64),
                Piece::Text(" elements"),
            ],
        ))
    }
    old
}

/// `table.copy`.
///
/// # Safety
/// Each length is that of the table with these elements.
#[unsafe(export_name = "wasmelt_table_copy")]
pub(crate) unsafe extern "C" fn table_copy(
    dst_elements: *mut u8,
    dst_table_len: i64,
    src_elements: *mut u8,
    src_table_len: i64,
    dst: i64,
    src: i64,
    len: i64,
) {
    check(dst, len, dst_table_len);
    check(src, len, src_table_len);
    let to = dst_elements.cast::<u64>().wrapping_add(dst as usize);
    let from = src_elements.cast::<u64>().wrapping_add(src as usize);
    // SAFETY: both ranges are inside their tables.
    unsafe { to.copy_from(from, len as usize) };
}

/// `table.fill`.
///
/// # Safety
/// As [`table_copy`].
#[unsafe(export_name = "wasmelt_table_fill")]
pub(crate) unsafe extern "C" fn table_fill(
    elements: *mut u8,
    table_len: i64,
    dst: i64,
    value: i64,
    len: i64,
) {
    check(dst, len, table_len);
    let to = elements.cast::<u64>().wrapping_add(dst as usize);
    for index in 0..len as usize {
        // SAFETY: the range is inside the table.
        unsafe { to.add(index).write(value as u64) };
    }
}

/// `table.init`, from an element segment that may have been dropped.
///
/// # Safety
/// As [`table_copy`]; `segment` is a [`DataSegment`] of elements.
#[unsafe(export_name = "wasmelt_table_init")]
pub(crate) unsafe extern "C" fn table_init(
    elements: *mut u8,
    table_len: i64,
    segment: *mut u8,
    dst: i64,
    src: i64,
    len: i64,
) {
    // SAFETY: the caller vouches for the segment.
    let segment = unsafe { &*segment.cast::<DataSegment>() };
    check(dst, len, table_len);
    check(src, len, segment.len as i64);
    let to = elements.cast::<u64>().wrapping_add(dst as usize);
    let from = segment.start.cast::<u64>().wrapping_add(src as usize);
    // SAFETY: both ranges are inside table and segment, which are different objects.
    unsafe { to.copy_from_nonoverlapping(from, len as usize) };
}

/// Traps unless `start..start + len` is inside a table or segment of `bound` elements.
fn check(start: i64, len: i64, bound: i64) {
    let end = (start as u64).checked_add(len as u64);
    if end.is_none_or(|end| end > bound as u64) {
        raise(TrapCode::TableAccessOutOfBounds)
    }
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;
    use crate::vm::trap::{TrapInfo, catch};

    const OUT: Result<(), TrapInfo> = Err(TrapInfo::new(TrapCode::TableAccessOutOfBounds));

    #[test]
    fn growth_is_limited_and_filled() {
        let mut space = vec![0_u64; PAGE_BYTES_MAX / 8];
        let mut table = Table {
            elements: space.as_mut_ptr(),
            len: 2,
            len_max: 5,
        };
        let address = (&raw mut table).cast();
        // SAFETY: all growth stays inside the first `PAGE_BYTES_MAX` bytes.
        let grow = |delta| unsafe { table_grow(address, 9, delta) };
        assert_eq!(grow(0), 2);
        assert_eq!(grow(2), 2);
        assert_eq!(grow(2), -1);
        assert_eq!(grow(-1), -1);
        assert_eq!(grow(1), 4);
        assert_eq!(table.len, 5);
        assert_eq!(space[..6], [0, 0, 9, 9, 9, 0]);
        // SAFETY: as above.
        let trap = catch(|| _ = unsafe { table_grow_or_trap(address, 9, 1) }).unwrap_err();
        assert_eq!(trap.to_string(), "a table cannot grow by 1 elements");
    }

    #[test]
    fn ranges_are_checked_and_overlap() {
        let mut elements: Vec<u64> = (0..8).collect();
        let start: *mut u8 = elements.as_mut_ptr().cast();
        // SAFETY: the length is that of the vector.
        let copy =
            |dst, src, len| catch(|| unsafe { table_copy(start, 8, start, 8, dst, src, len) });
        assert_eq!(copy(2, 0, 4), Ok(()));
        assert_eq!(copy(8, 0, 0), Ok(()));
        assert_eq!(copy(9, 0, 0), OUT);
        assert_eq!(copy(0, 5, 4), OUT);
        assert_eq!(copy(1, 1, -1), OUT);
        assert_eq!(elements, [0, 1, 0, 1, 2, 3, 6, 7]);
        // SAFETY: as above.
        let fill = |dst, len| catch(|| unsafe { table_fill(start, 8, dst, 5, len) });
        assert_eq!(fill(7, 1), Ok(()));
        assert_eq!(fill(7, 2), OUT);
        assert_eq!(elements[7], 5);
    }

    #[test]
    fn a_dropped_segment_is_empty() {
        let mut elements = vec![0_u64; 4];
        let source = [7_u64, 8];
        let mut segment = DataSegment {
            start: source.as_ptr().cast(),
            len: 2,
        };
        let start: *mut u8 = elements.as_mut_ptr().cast();
        let segment = &raw mut segment;
        let segment_address: *mut u8 = segment.cast();
        let init = |dst, src, len| {
            // SAFETY: the lengths are those of the vector and the array.
            catch(|| unsafe { table_init(start, 4, segment_address, dst, src, len) })
        };
        assert_eq!(init(3, 1, 1), Ok(()));
        assert_eq!(init(3, 0, 2), OUT);
        assert_eq!(init(0, 1, 2), OUT);
        // SAFETY: nothing else refers to the segment now.
        unsafe {
            segment.write(DataSegment {
                start: null(),
                len: 0,
            })
        };
        assert_eq!(init(0, 0, 0), Ok(()));
        assert_eq!(init(0, 0, 1), OUT);
        assert_eq!(elements, [0, 0, 0, 8]);
    }
}
