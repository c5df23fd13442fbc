//! Contents that are compressed (`--compress-embedded`): blocks of one length, each by itself, so
//! that a position is found without what lies before it. The last few that were read stay as they
//! are, for those who read on.
//!
//! Only programs with such contents are linked with this.

use std::sync::{Mutex, PoisonError};

use ruzstd::decoding::FrameDecoder;
use wasmelt_abi::{EMBEDDED_BLOCK_BYTES, EmbeddedTree};

use super::tree::{Contents, copy, provide_with};
use crate::vm::message::Message;
use crate::vm::process::{exit, items};

/// Blocks that stay decompressed: 1 MiB at most.
const KEPT: usize = 8;

const BLOCK: usize = EMBEDDED_BLOCK_BYTES as usize;

/// `EmbeddedTree::provide` of contents that are compressed.
pub fn provide_packed(embedded: &'static EmbeddedTree) {
    provide_with(embedded, || {
        Box::new(Packed {
            bytes: items(&embedded.contents),
            ends: items(&embedded.blocks),
            len: embedded.len,
            kept: Mutex::new(Vec::new()),
        })
    });
}

#[derive(Debug)]
struct Packed {
    bytes: &'static [u8],
    /// Where each block begins, and where the last one ends.
    ends: &'static [u64],
    /// Bytes of the contents.
    len: u64,
    /// Numbers of blocks and what is in them, the last one that was asked for in front.
    kept: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl Contents for Packed {
    fn read_at(&self, into: &mut [u8], position: u64) -> usize {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = 0;
        while let Some(rest) = into.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let position = position.saturating_add(done as u64);
            if position >= self.len {
                break;
            }
            let block = self.block(&mut kept, position / EMBEDDED_BLOCK_BYTES);
            let start = (position % EMBEDDED_BLOCK_BYTES) as usize;
            done += copy(block.get(start..).unwrap_or(&[]), rest);
        }
        done
    }
}

impl Packed {
    fn block<'a>(&self, kept: &'a mut Vec<(u64, Vec<u8>)>, number: u64) -> &'a [u8] {
        match kept.iter().position(|(one, _)| *one == number) {
            Some(0) => {}
            Some(at) => {
                let found = kept.remove(at);
                kept.insert(0, found);
            }
            None => {
                let room = match kept.len() {
                    KEPT => kept.pop().map(|(_, room)| room),
                    _ => None,
                };
                let mut room = room.unwrap_or_default();
                if self.unpack(number, &mut room).is_none() {
                    Message::new().text("error: what is embedded in this executable is damaged\n");
                    exit(1);
                }
                kept.insert(0, (number, room));
            }
        }
        kept.first().map_or(&[], |(_, block)| block)
    }

    /// None where it is not what the compiler has written.
    fn unpack(&self, number: u64, into: &mut Vec<u8>) -> Option<()> {
        let at = usize::try_from(number).ok()?;
        let (start, end) = (*self.ends.get(at)?, *self.ends.get(at + 1)?);
        let bytes = self.bytes.get(start as usize..end as usize)?;
        let rest = self
            .len
            .checked_sub(number.checked_mul(EMBEDDED_BLOCK_BYTES)?)?;
        let len = usize::try_from(rest).unwrap_or(BLOCK).min(BLOCK);
        into.clear();
        if bytes.len() == len {
            into.extend_from_slice(bytes);
            return Some(());
        }
        into.resize(len, 0);
        let count = FrameDecoder::new().decode_all(bytes, into).ok()?;
        (count == len).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three blocks: one that became shorter, one that did not, and a short one.
    fn packed() -> (Packed, Vec<u8>) {
        let mut plain: Vec<u8> = (0..BLOCK).map(|at| (at / 100) as u8).collect();
        let mut state = 1u32;
        plain.extend((0..BLOCK).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
        plain.extend([7; 1000]);
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for block in plain.chunks(BLOCK) {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            let frame = ruzstd::encoding::compress_to_vec(block, level);
            match frame.len() < block.len() {
                true => bytes.extend(frame),
                false => bytes.extend(block),
            }
            ends.push(bytes.len() as u64);
        }
        assert_eq!(ends.len(), 4);
        let packed = Packed {
            bytes: bytes.leak(),
            ends: ends.leak(),
            len: plain.len() as u64,
            kept: Mutex::new(Vec::new()),
        };
        (packed, plain)
    }

    #[test]
    fn every_position_is_found() {
        let (packed, plain) = packed();
        for (start, len) in [
            (0, plain.len()),
            (0, 1),
            (BLOCK - 1, 2),
            (BLOCK - 5, BLOCK + 10),
            (2 * BLOCK, 1000),
            (2 * BLOCK + 999, 1),
            (5, 0),
        ] {
            let mut into = vec![0xaa; len];
            assert_eq!(packed.read_at(&mut into, start as u64), len);
            assert_eq!(into, plain[start..start + len]);
        }
        let mut into = [0; 10];
        assert_eq!(packed.read_at(&mut into, plain.len() as u64 - 4), 4);
        assert_eq!(packed.read_at(&mut into, plain.len() as u64), 0);
        assert_eq!(packed.read_at(&mut into, u64::MAX), 0);
    }

    #[test]
    fn damage_is_noticed() {
        let (packed, _) = packed();
        let mut room = Vec::new();
        assert_eq!(packed.unpack(0, &mut room), Some(()));
        assert_eq!(packed.unpack(3, &mut room), None);
        let shorter = Packed {
            bytes: &packed.bytes[..10],
            ends: &[0, 10],
            ..packed
        };
        assert_eq!(shorter.unpack(0, &mut room), None);
    }
}
