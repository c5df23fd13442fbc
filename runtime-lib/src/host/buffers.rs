//! Buffers for reading. A large one is kept for the next reader: to get its pages from the system
//! costs more than to read what goes into them.

use std::cell::Cell;

/// Smaller buffers are not worth keeping.
const KEPT_BYTES_MIN: usize = 16 * 1024;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// So many zeros.
pub(super) fn take(len: usize) -> Vec<u8> {
    if len < KEPT_BYTES_MIN {
        return vec![0; len];
    }
    let mut buffer = KEPT.take();
    buffer.clear();
    buffer.resize(len, 0);
    buffer
}

/// Keeps a buffer that is no longer needed.
pub fn give_back(buffer: Vec<u8>) {
    if buffer.capacity() >= KEPT_BYTES_MIN {
        KEPT.set(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_buffers_are_kept() {
        let mut buffer = take(30_000);
        buffer.fill(1);
        buffer.truncate(5);
        let address = buffer.as_ptr();
        give_back(buffer);
        give_back(take(100));
        let again = take(20_000);
        assert_eq!(again.as_ptr(), address);
        assert_eq!(again, [0; 20_000]);
    }
}
