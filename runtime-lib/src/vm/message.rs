//! Text for standard error, put together and written without an allocation or the formatting
//! machinery: it is needed in signal handlers, and hello world shall not carry either. Standard
//! error is not a library's: there the text is noted for the embedder.

use crate::sys::stdio::write_error;
use crate::vm::note;

/// Bytes that one write to standard error takes at most.
const BUFFER_BYTES: usize = 512;

/// Collects text and writes it to standard error when it is full and when it is dropped.
#[derive(Debug)]
pub struct Message {
    buffer: [u8; BUFFER_BYTES],
    len: usize,
}

impl Message {
    #[must_use]
    pub fn new() -> Message {
        Message {
            buffer: [0; BUFFER_BYTES],
            len: 0,
        }
    }

    pub fn text(&mut self, text: &str) -> &mut Message {
        self.bytes(text.as_bytes())
    }

    // Everything comes through here, and nothing is in a hurry.
    #[inline(never)]
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Message {
        for &byte in bytes {
            if self.len == BUFFER_BYTES {
                self.flush();
            }
            if let Some(slot) = self.buffer.get_mut(self.len) {
                *slot = byte;
                self.len += 1;
            }
        }
        self
    }

    /// A number in decimal, right-aligned in `width` columns.
    pub fn decimal(&mut self, number: u64, width: usize) -> &mut Message {
        let mut digits = [b' '; 20];
        let mut used = 0;
        let mut rest = number;
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        let shown = used.max(width).min(digits.len());
        let (_, shown) = digits
            .split_at_checked(digits.len() - shown)
            .unwrap_or_default();
        self.bytes(shown)
    }

    /// A number as `0x…` without leading zeros.
    pub fn hex(&mut self, number: u64) -> &mut Message {
        let nibbles = (64 - number.leading_zeros()).div_ceil(4).max(1);
        self.text("0x");
        for nibble in (0..nibbles).rev() {
            let digit = ((number >> (nibble * 4)) & 0xf) as u8;
            self.bytes(&[if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            }]);
        }
        self
    }

    /// Writes what has been collected. What standard error does not take is lost.
    pub fn flush(&mut self) {
        let mut rest = self.buffer.get(..self.len).unwrap_or(&[]);
        if cfg!(feature = "library") {
            note::append(rest);
            rest = &[];
        }
        while !rest.is_empty() {
            rest = match write_error(rest) {
                Some(count) if count > 0 => rest.get(count..).unwrap_or(&[]),
                _ => &[],
            };
        }
        self.len = 0;
    }

    #[cfg(test)]
    fn collected(&self) -> &str {
        std::str::from_utf8(&self.buffer[..self.len]).expect("messages are text")
    }
}

impl Default for Message {
    fn default() -> Message {
        Message::new()
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn numbers() {
        let mut message = Message::new();
        message
            .decimal(0, 1)
            .text(" ")
            .decimal(42, 5)
            .text(" ")
            .decimal(u64::MAX, 3);
        message
            .text(" ")
            .hex(0)
            .text(" ")
            .hex(0x1_0af0)
            .text(" ")
            .hex(u64::MAX);
        assert_eq!(
            message.collected(),
            "0    42 18446744073709551615 0x0 0x10af0 0xffffffffffffffff"
        );
        message.len = 0;
    }
}
