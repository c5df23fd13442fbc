//! Texts of entries (`.debug_str`), each once. Entries have their numbers, so a text is one place to
//! relocate (`.debug_str_offsets`), however often it is used.

use super::entries::{OFFSET_BYTES, number};
use super::writing::{DebugReloc, DebugSection, DebugTarget, TEXT_OFFSETS, TEXTS, clean};
use foldhash::HashMap;

#[derive(Default)]
pub(super) struct Texts {
    known: HashMap<Box<[u8]>, u32>,
    bytes: Vec<u8>,
    offsets: Vec<u32>,
}

/// Length, version, and two bytes that are nothing.
pub(super) const HEADER_BYTES: usize = 8;

/// What `unit_length` counts is behind itself.
const LENGTH_BYTES: usize = 4;

impl Texts {
    /// The number of a text.
    pub(super) fn add(&mut self, text: &str) -> u32 {
        let text = clean(text);
        if let Some(&known) = self.known.get(&*text) {
            return known;
        }
        let next = number(self.offsets.len());
        self.offsets.push(number(self.bytes.len()));
        self.bytes.extend_from_slice(&text);
        self.bytes.push(0);
        self.known.insert(text.into(), next);
        next
    }

    /// Where the text with a number is.
    pub(super) fn offset(&self, text: u32) -> u32 {
        self.offsets[text as usize]
    }

    pub(super) fn finish(self) -> [DebugSection; 2] {
        let count = usize::from(OFFSET_BYTES) * self.offsets.len();
        let length = number(HEADER_BYTES - LENGTH_BYTES + count);
        let [a, b, c, d] = length.to_le_bytes();
        let mut bytes = vec![a, b, c, d, 5, 0, 0, 0];
        bytes.resize(HEADER_BYTES + count, 0);
        let places = (HEADER_BYTES..).step_by(OFFSET_BYTES.into());
        let relocs = places
            .zip(&self.offsets)
            .map(|(place, &offset)| DebugReloc {
                offset: place,
                bytes: OFFSET_BYTES,
                target: DebugTarget::Section(TEXTS),
                addend: offset.into(),
            });
        let relocs = relocs.collect();
        [
            DebugSection {
                name: TEXTS,
                bytes: self.bytes,
                relocs: Vec::new(),
            },
            DebugSection {
                name: TEXT_OFFSETS,
                bytes,
                relocs,
            },
        ]
    }
}
