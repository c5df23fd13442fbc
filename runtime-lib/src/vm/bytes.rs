//! Copying and filling bytes. Most bulk operations of guests are short, where the C library's
//! `rep movs` costs more than the copy: short ones read everything into registers before they
//! write, so that overlap does not matter.

/// What one vector register holds.
#[cfg(target_arch = "x86_64")]
type Block = std::arch::x86_64::__m128i;
#[cfg(not(target_arch = "x86_64"))]
type Block = u128;

const BLOCK: usize = size_of::<Block>();

/// What a loop moves at once.
const STEP: usize = 4 * BLOCK;

/// Up to here the loops below are faster than the C library. Measured against musl's `memmove`:
/// 2 to 10 times up to 128 bytes, the same at 1024; towards higher addresses that overlap, where
/// musl has nothing fast, 25 times at 1024 and more beyond.
const SHORT_MAX: usize = 1024;

/// Copies `len` bytes; the ranges may overlap. Lengths are told apart from 16 on up and down, which
/// is less than a table of them costs.
///
/// # Safety
/// `from` is readable and `to` is writable for `len` bytes.
#[inline]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: every access below is inside the first or the last `n` bytes of ranges that are at
    // least `n` bytes long.
    unsafe {
        if len >= 16 {
            if len <= 32 {
                ends::<Block>(to, from, len);
            } else {
                copy_long(to, from, len);
            }
        } else if len >= 8 {
            ends::<u64>(to, from, len);
        } else if len >= 4 {
            ends::<u32>(to, from, len);
        } else if len >= 2 {
            ends::<u16>(to, from, len);
        } else if len == 1 {
            to.write(from.read());
        }
    }
}

/// Copies more than 32 bytes. This takes a stack frame, which [`copy`] then does without.
///
/// # Safety
/// As [`copy`].
#[inline(never)]
unsafe fn copy_long(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: as in `copy`.
    unsafe {
        if len <= 64 {
            two_block_ends(to, from, len);
        } else if len <= 128 {
            four_block_ends(to, from, len);
        } else if len <= SHORT_MAX || to.addr().wrapping_sub(from.addr()) < len {
            copy_blocks(to, from, len);
        } else {
            to.copy_from(from, len);
        }
    }
}

/// Up to here [`copy_short_ascii`] copies.
pub(crate) const ASCII_SHORT_MAX: usize = 4 * BLOCK;

/// Copies bytes if all are ASCII; says whether they are.
///
/// # Safety
/// As [`copy`], but ranges that overlap may end up with anything; `len` is at most
/// [`ASCII_SHORT_MAX`].
#[inline]
pub(crate) unsafe fn copy_short_ascii(to: *mut u8, from: *const u8, len: usize) -> bool {
    // SAFETY: every access below is inside the first or the last `n` bytes of ranges that are at
    // least `n` bytes long.
    unsafe {
        if len >= 16 {
            if len <= 32 {
                ascii_block_ends::<1>(to, from, len)
            } else {
                ascii_block_ends::<2>(to, from, len)
            }
        } else if len >= 8 {
            ascii_ends::<u64>(to, from, len)
        } else if len >= 4 {
            ascii_ends::<u32>(to, from, len)
        } else if len >= 2 {
            ascii_ends::<u16>(to, from, len)
        } else {
            len == 0 || ascii_ends::<u8>(to, from, len)
        }
    }
}

/// Copies bytes up to the first 64 with one that is not ASCII; gives how many. What lies behind
/// them in `to` may have been written.
///
/// # Safety
/// As [`copy`], but ranges that overlap may end up with anything; `len` is at least 64.
pub(crate) unsafe fn copy_long_ascii(to: *mut u8, from: *const u8, len: usize) -> usize {
    let last = len - STEP;
    let mut at = 0;
    // SAFETY: every access is of 64 bytes inside the ranges.
    unsafe {
        while at < last {
            let step = read::<4>(from.add(at));
            if !are_ascii(&step) {
                return at;
            }
            write(to.add(at), step);
            at += STEP;
        }
        let step = read::<4>(from.add(last));
        if !are_ascii(&step) {
            return at;
        }
        write(to.add(last), step);
    }
    len
}

/// As [`ends`], if all is ASCII; says whether it is.
///
/// # Safety
/// As [`ends`].
#[inline]
unsafe fn ascii_ends<T: Ascii>(to: *mut u8, from: *const u8, len: usize) -> bool {
    let last = len - size_of::<T>();
    // SAFETY: all accesses are inside the ranges, and none needs alignment.
    unsafe {
        let first = from.cast::<T>().read_unaligned();
        let second = from.add(last).cast::<T>().read_unaligned();
        if !(first.is_ascii() && second.is_ascii()) {
            return false;
        }
        to.cast::<T>().write_unaligned(first);
        to.add(last).cast::<T>().write_unaligned(second);
    }
    true
}

/// Copies the first and the last `N` blocks of the range, if all is ASCII; says whether it is.
///
/// # Safety
/// As [`copy_short_ascii`], and `len` is between one and two times the size of `N` blocks.
#[inline]
unsafe fn ascii_block_ends<const N: usize>(to: *mut u8, from: *const u8, len: usize) -> bool {
    let last = len - N * BLOCK;
    // SAFETY: all accesses are inside the ranges.
    unsafe {
        let (first, second) = (read::<N>(from), read::<N>(from.add(last)));
        if !(are_ascii(&first) && are_ascii(&second)) {
            return false;
        }
        write(to, first);
        write(to.add(last), second);
    }
    true
}

/// Bytes that tell whether they are ASCII.
trait Ascii: Copy {
    fn is_ascii(self) -> bool;
}

macro_rules! ascii {
    ($($type:ty)*) => {
        $(
            impl Ascii for $type {
                #[inline]
                fn is_ascii(self) -> bool {
                    self & (<$type>::MAX / 0xff * 0x80) == 0
                }
            }
        )*
    };
}

ascii!(u8 u16 u32 u64);

#[cfg(target_arch = "x86_64")]
#[inline]
fn are_ascii(blocks: &[Block]) -> bool {
    use std::arch::x86_64::{_mm_movemask_epi8, _mm_or_si128, _mm_setzero_si128};
    // SAFETY: every x86-64 processor has these instructions.
    unsafe {
        let none = _mm_setzero_si128();
        let all = blocks.iter().fold(none, |all, &one| _mm_or_si128(all, one));
        _mm_movemask_epi8(all) == 0
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn are_ascii(blocks: &[Block]) -> bool {
    let all = blocks.iter().fold(0, |all, one| all | one);
    all & (Block::MAX / 0xff * 0x80) == 0
}

/// Copies the first and the last `T` of the range, which overlap or meet.
///
/// # Safety
/// As [`copy`], and `len` is between one and two times the size of `T`.
#[inline]
unsafe fn ends<T>(to: *mut u8, from: *const u8, len: usize) {
    let last = len - size_of::<T>();
    // SAFETY: both accesses are inside the ranges, and neither needs alignment.
    unsafe {
        let (first, second) = (
            from.cast::<T>().read_unaligned(),
            from.add(last).cast::<T>().read_unaligned(),
        );
        to.cast::<T>().write_unaligned(first);
        to.add(last).cast::<T>().write_unaligned(second);
    }
}

/// Copies the first and the last two blocks of the range, which overlap or meet. An array of blocks
/// would go through the stack.
///
/// # Safety
/// As [`copy`], and `len` is between two and four times the size of a block.
#[inline]
unsafe fn two_block_ends(to: *mut u8, from: *const u8, len: usize) {
    let last = len - 2 * BLOCK;
    // SAFETY: all accesses are inside the ranges.
    unsafe {
        let (a, b) = (block(from), block(from.add(BLOCK)));
        let (c, d) = (block(from.add(last)), block(from.add(last + BLOCK)));
        set_block(to, a);
        set_block(to.add(BLOCK), b);
        set_block(to.add(last), c);
        set_block(to.add(last + BLOCK), d);
    }
}

/// The same of four blocks.
///
/// # Safety
/// As [`copy`], and `len` is between four and eight times the size of a block.
#[inline]
unsafe fn four_block_ends(to: *mut u8, from: *const u8, len: usize) {
    let last = len - 4 * BLOCK;
    // SAFETY: all accesses are inside the ranges.
    unsafe {
        let (a, b) = (block(from), block(from.add(BLOCK)));
        let (c, d) = (block(from.add(2 * BLOCK)), block(from.add(3 * BLOCK)));
        let end = from.add(last);
        let (e, f) = (block(end), block(end.add(BLOCK)));
        let (g, h) = (block(end.add(2 * BLOCK)), block(end.add(3 * BLOCK)));
        set_block(to, a);
        set_block(to.add(BLOCK), b);
        set_block(to.add(2 * BLOCK), c);
        set_block(to.add(3 * BLOCK), d);
        let end = to.add(last);
        set_block(end, e);
        set_block(end.add(BLOCK), f);
        set_block(end.add(2 * BLOCK), g);
        set_block(end.add(3 * BLOCK), h);
    }
}

/// # Safety
/// `from` is readable for a block.
#[inline]
unsafe fn block(from: *const u8) -> Block {
    // SAFETY: the caller vouches for it, and no alignment is needed.
    unsafe { from.cast::<Block>().read_unaligned() }
}

/// # Safety
/// `to` is writable for a block.
#[inline]
unsafe fn set_block(to: *mut u8, block: Block) {
    // SAFETY: as in `block`.
    unsafe { to.cast::<Block>().write_unaligned(block) };
}

/// Reads block by block: an array that is read at once goes through the stack.
///
/// # Safety
/// `from` is readable for `N` blocks.
#[inline]
unsafe fn read<const N: usize>(from: *const u8) -> [Block; N] {
    // SAFETY: the caller vouches for the range, and no alignment is needed.
    std::array::from_fn(|at| unsafe { from.cast::<Block>().add(at).read_unaligned() })
}

/// # Safety
/// `to` is writable for `N` blocks.
#[inline]
unsafe fn write<const N: usize>(to: *mut u8, blocks: [Block; N]) {
    for (at, &block) in blocks.iter().enumerate() {
        // SAFETY: as in `read`.
        unsafe { to.cast::<Block>().add(at).write_unaligned(block) };
    }
}

/// Copies 64 bytes a step, in the direction that overlap demands; the bytes that a last step of
/// that size would exceed are read first and written last.
///
/// # Safety
/// As [`copy`], and `len` is at least 64.
unsafe fn copy_blocks(to: *mut u8, from: *const u8, len: usize) {
    let last = len - STEP;
    // SAFETY: every access is of 64 bytes inside the ranges.
    unsafe {
        if (to.addr()).wrapping_sub(from.addr()) >= len {
            let tail = read::<4>(from.add(last));
            let mut at = 0;
            while at < last {
                write(to.add(at), read::<4>(from.add(at)));
                at += STEP;
            }
            write(to.add(last), tail);
        } else {
            let head = read::<4>(from);
            let mut at = last;
            while at > 0 {
                write(to.add(at), read::<4>(from.add(at)));
                at = at.saturating_sub(STEP);
            }
            write(to, head);
        }
    }
}

/// Sets `len` bytes to `value`.
///
/// # Safety
/// `to` is writable for `len` bytes.
#[inline]
pub(super) unsafe fn fill(to: *mut u8, value: u8, len: usize) {
    let word = u64::from(value).wrapping_mul(0x0101_0101_0101_0101);
    // SAFETY: every access below is inside the first or the last `n` bytes of a range that is at
    // least `n` bytes long.
    unsafe {
        if len >= 16 {
            let block = spread(value);
            let end = to.add(len);
            if len <= 32 {
                set_block(to, block);
                set_block(end.sub(BLOCK), block);
            } else if len <= 64 {
                set_two_blocks(to, block);
                set_two_blocks(end.sub(2 * BLOCK), block);
            } else if len <= 768 {
                fill_blocks(to, block, len);
            } else {
                to.write_bytes(value, len);
            }
        } else if len >= 8 {
            fill_ends(to, word, len);
        } else if len >= 4 {
            fill_ends(to, word as u32, len);
        } else if len >= 2 {
            fill_ends(to, word as u16, len);
        } else if len == 1 {
            to.write(value);
        }
    }
}

/// A byte in all places of a block.
#[cfg(target_arch = "x86_64")]
#[inline]
fn spread(value: u8) -> Block {
    // SAFETY: each processor of this kind has SSE2.
    unsafe { std::arch::x86_64::_mm_set1_epi8(value.cast_signed()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn spread(value: u8) -> Block {
    u128::from(value) * (u128::MAX / 0xff)
}

/// # Safety
/// As [`fill`], and `len` is between one and two times the size of `T`.
#[inline]
unsafe fn fill_ends<T: Copy>(to: *mut u8, pattern: T, len: usize) {
    // SAFETY: both accesses are inside the range, and neither needs alignment.
    unsafe {
        to.cast::<T>().write_unaligned(pattern);
        to.add(len - size_of::<T>())
            .cast::<T>()
            .write_unaligned(pattern);
    }
}

/// # Safety
/// `to` is writable for two blocks.
#[inline]
unsafe fn set_two_blocks(to: *mut u8, block: Block) {
    // SAFETY: the caller vouches for the range.
    unsafe {
        set_block(to, block);
        set_block(to.add(BLOCK), block);
    }
}

/// # Safety
/// As [`fill`], and `len` is at least 64.
#[inline]
unsafe fn fill_blocks(to: *mut u8, block: Block, len: usize) {
    let mut at = 0;
    // SAFETY: every access is of 64 bytes inside the range.
    unsafe {
        loop {
            set_two_blocks(to.add(at), block);
            set_two_blocks(to.add(at + 2 * BLOCK), block);
            if at == len - STEP {
                return;
            }
            at = (at + STEP).min(len - STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|index| (index * 7 % 251) as u8).collect()
    }

    #[test]
    fn copies_are_exact_at_every_length_and_overlap() {
        for len in (0..300).chain([511, 1023, 1024, 1025, 5000]) {
            for shift in [0_isize, 1, 3, 8, 16, 63, 64, 65, 200, 6000] {
                for shift in [shift, -shift] {
                    let mut bytes = pattern(20_000);
                    let (from, to) = (7000, (7000 + shift) as usize);
                    let mut expected = bytes.clone();
                    expected.copy_within(from..from + len, to);
                    let start = bytes.as_mut_ptr();
                    // SAFETY: both ranges are inside the vector.
                    unsafe { copy(start.add(to), start.add(from), len) };
                    assert!(bytes == expected, "length {len}, shift {shift}");
                }
            }
        }
    }

    #[test]
    fn ascii_is_copied_up_to_something_else() {
        for len in (0..200_usize).chain([1000]) {
            for other in [None, Some(0), Some(len / 2), len.checked_sub(1)] {
                let mut bytes = vec![b'a'; len];
                if let Some(byte) = other.and_then(|at| bytes.get_mut(at)) {
                    *byte = 0x80;
                }
                let mut copied = vec![0; len];
                let (to, from) = (copied.as_mut_ptr(), bytes.as_ptr());
                let count = if len <= ASCII_SHORT_MAX {
                    // SAFETY: both ranges are as long as that.
                    let is_ascii = unsafe { copy_short_ascii(to, from, len) };
                    if is_ascii { len } else { 0 }
                } else {
                    // SAFETY: as above.
                    unsafe { copy_long_ascii(to, from, len) }
                };
                assert_eq!(copied[..count], bytes[..count]);
                match bytes.iter().position(|&byte| byte == 0x80) {
                    Some(at) => assert!(count <= at && at - count <= 64, "{count} of {len}"),
                    None => assert_eq!(count, len),
                }
            }
        }
    }

    #[test]
    fn fills_are_exact_at_every_length() {
        for len in (0..300).chain([1000, 5000]) {
            let mut bytes = pattern(6000);
            let mut expected = bytes.clone();
            expected[100..100 + len].fill(0xa5);
            // SAFETY: the range is inside the vector.
            unsafe { fill(bytes.as_mut_ptr().add(100), 0xa5, len) };
            assert!(bytes == expected, "length {len}");
        }
    }
}
