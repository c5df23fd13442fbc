//! Buffers that go from hand to hand: what a connection has received in one, another sends from it,
//! and nothing is copied in between.

use std::cell::RefCell;

/// Bytes of such a buffer.
pub const LARGE_BYTES: usize = 64 * 1024;

/// Bytes of one for whoever has just filled one of the others.
pub const HUGE_BYTES: usize = 256 * 1024;

/// Buffers of each size that wait to be used again: as many as are on their way through a
/// connection.
const KEPT_MAX: usize = 4;

thread_local! {
    static KEPT: RefCell<[Vec<Vec<u8>>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

fn kind(bytes: usize) -> usize {
    usize::from(bytes >= HUGE_BYTES)
}

/// A buffer of one of the two sizes, whatever is in it.
pub fn take(bytes: usize) -> Vec<u8> {
    let mut buffer = take_kept(bytes);
    // What it was shortened by is all that is written.
    buffer.resize(bytes, 0);
    buffer
}

/// The same with nothing in it.
pub fn take_empty(bytes: usize) -> Vec<u8> {
    let mut buffer = take_kept(bytes);
    buffer.clear();
    buffer
}

fn take_kept(bytes: usize) -> Vec<u8> {
    let kept = KEPT.with_borrow_mut(|kept| kept[kind(bytes)].pop());
    kept.unwrap_or_else(|| Vec::with_capacity(bytes))
}

/// Whether so many bytes are worth a buffer of this size.
#[must_use]
pub fn is_worth(bytes: usize, size: usize) -> bool {
    bytes >= LARGE_BYTES / 2 && bytes >= size / 2
}

/// Keeps a buffer that is no longer needed, if it is one of these.
pub fn give_back(buffer: Vec<u8>) {
    let bytes = buffer.capacity();
    if bytes == LARGE_BYTES || bytes == HUGE_BYTES {
        KEPT.with_borrow_mut(|kept| {
            let kept = &mut kept[kind(bytes)];
            if kept.len() < KEPT_MAX {
                kept.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> [usize; 2] {
        KEPT.with_borrow(|kept| [kept[0].len(), kept[1].len()])
    }

    #[test]
    fn buffers_are_used_again_and_not_too_many_are_kept() {
        for (index, bytes) in [LARGE_BYTES, HUGE_BYTES].into_iter().enumerate() {
            let mut buffer = take(bytes);
            let address = buffer.as_ptr();
            buffer.truncate(1);
            give_back(buffer);
            let again = take(bytes);
            assert_eq!((again.as_ptr(), again.len()), (address, bytes));
            assert_eq!(kept()[index], 0);
            assert_eq!(take_empty(bytes).capacity(), bytes);
            for _ in 0..=KEPT_MAX {
                give_back(vec![0; bytes]);
            }
            assert_eq!(kept()[index], KEPT_MAX);
        }
        let before = kept();
        give_back(vec![0; LARGE_BYTES / 2]);
        give_back(vec![0; 2 * LARGE_BYTES]);
        assert_eq!(kept(), before, "they are of another size");
    }
}
