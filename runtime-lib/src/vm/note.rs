//! In a library: what a call has to tell the embedder when a program ends in the middle of it.
//!
//! It is written where that happens, perhaps in a signal handler. The signal is then that of an
//! instruction of compiled code, so that nothing else of the thread is interrupted, and memory may
//! be allocated.

use std::cell::{Cell, RefCell};

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static EXIT: Cell<Option<i32>> = const { Cell::new(None) };
}

/// More is cut.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Adds to the text.
pub(super) fn append(bytes: &[u8]) {
    TEXT.with_borrow_mut(|text| {
        let room = TEXT_BYTES_MAX.saturating_sub(text.len());
        text.extend(bytes.iter().take(room));
    });
}

/// The program has exited.
pub(super) fn set_exit(code: i32) {
    EXIT.set(Some(code));
}

/// What has been noted in this thread, which is then forgotten: the exit code of a program that has
/// exited, and the text.
pub(crate) fn take() -> (Option<i32>, Vec<u8>) {
    (EXIT.take(), TEXT.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_taken_once_and_not_for_ever_long() {
        append(b"wasm ");
        append(b"trap");
        set_exit(3);
        assert_eq!(take(), (Some(3), b"wasm trap".to_vec()));
        append(&[b'x'; TEXT_BYTES_MAX + 1]);
        assert_eq!(take(), (None, vec![b'x'; TEXT_BYTES_MAX]));
    }
}
