//! What comes in the place of which bytes of a function, and where everything is then.

/// The longest that comes in the place of several instructions: five registers saved, and the frame
/// made.
pub const BYTES_MAX: usize = 20;

/// Bytes of the code as it was, and what replaces them.
#[derive(Clone, Copy, Debug)]
pub struct Edit {
    pub start: u32,
    pub end: u32,
    pub new: New,
}

#[derive(Clone, Copy, Debug)]
pub enum New {
    Bytes(Short),
    /// A branch within the function; `condition` is that of the instruction, if it has one.
    Branch {
        target: u32,
        condition: Option<u8>,
        is_near: bool,
    },
    /// So many bytes that do nothing in front of a loop; it replaces nothing.
    Padding(u8),
}

/// A few bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Short {
    bytes: [u8; BYTES_MAX],
    len: u8,
    /// Whether they are only right while the stack pointer is where the prologue has put it.
    pub is_of_frame: bool,
}

impl Short {
    pub fn of_frame() -> Short {
        Short {
            is_of_frame: true,
            ..Short::default()
        }
    }

    pub fn extend(&mut self, bytes: &[u8]) {
        let len = usize::from(self.len);
        self.bytes[len..len + bytes.len()].copy_from_slice(bytes);
        self.len += u8::try_from(bytes.len()).expect("a few bytes");
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Edit {
    fn padding(at: u32) -> Edit {
        Edit {
            start: at,
            end: at,
            new: New::Padding(0),
        }
    }

    fn new_bytes(&self) -> u32 {
        match self.new {
            New::Bytes(short) => u32::from(short.len),
            New::Padding(bytes) => u32::from(bytes),
            New::Branch { is_near: true, .. } => 2,
            New::Branch {
                condition: None, ..
            } => 5,
            New::Branch { .. } => 6,
        }
    }
}

/// All edits of a function, ascending.
#[derive(Default)]
pub struct Edits {
    pub list: Vec<Edit>,
    /// Bytes less than before in front of each edit, and behind the last; modulo 2^32, as padding may
    /// be more than what is saved.
    saved: Vec<u32>,
    /// Each branch, and the edits before its target.
    branches: Vec<(u32, u32)>,
    /// The edits before each multiple of [`CHUNK_BYTES`], up to the last edit's.
    before_chunk: Vec<u32>,
}

/// Places are looked for from the start of so many bytes on.
const CHUNK_BYTES: u32 = 32;

/// How often branches are gone through before all of them stay as they are.
const ROUNDS_MAX: usize = 32;

impl Edits {
    pub fn clear(&mut self) {
        self.list.clear();
        self.saved.clear();
        self.branches.clear();
        self.before_chunk.clear();
    }

    /// Decides which branches are near: those that reach as such when all others that do are. Whether
    /// it could; not when a branch goes into the middle of what is replaced.
    ///
    /// Each round makes branches longer and nothing shorter, so that at the end all reach.
    pub fn settle(&mut self) -> bool {
        self.find_chunks();
        for (number, edit) in self.list.iter().enumerate() {
            let New::Branch { target, .. } = edit.new else {
                continue;
            };
            let before = self.before(target);
            if self.list.get(before).is_some_and(|e| e.start < target) {
                return false;
            }
            self.branches.push((index(number), index(before)));
        }
        self.settle_again();
        true
    }

    /// The same when padding has changed. Whether branches have become longer.
    pub fn settle_again(&mut self) -> bool {
        for round in 0.. {
            self.sum();
            if !self.lengthen(round >= ROUNDS_MAX) {
                return round > 0;
            }
        }
        unreachable!("the last round leaves no branch that could be longer")
    }

    /// Makes room for padding at places that are ascending and outside of what is replaced.
    pub fn make_room(&mut self, places: impl ExactSizeIterator<Item = u32>) {
        if places.len() == 0 {
            return;
        }
        let old = std::mem::take(&mut self.list);
        self.list.reserve_exact(old.len() + places.len());
        let mut places = places.peekable();
        for edit in old {
            while let Some(at) = places.next_if(|&at| at <= edit.start) {
                self.list.push(Edit::padding(at));
            }
            self.list.push(edit);
        }
        self.list.extend(places.map(Edit::padding));
    }

    /// Whether a place is in the middle of what is replaced.
    pub fn is_inside(&self, at: u32) -> bool {
        let edit = self.list.get(self.before(at));
        edit.is_some_and(|edit| edit.start < at)
    }

    fn sum(&mut self) {
        self.saved.clear();
        let mut saved = 0;
        self.saved.push(0);
        for edit in &self.list {
            saved = (edit.end - edit.start)
                .wrapping_sub(edit.new_bytes())
                .wrapping_add(saved);
            self.saved.push(saved);
        }
    }

    /// Makes near branches that do not reach, or all, far ones; whether there were any.
    fn lengthen(&mut self, all: bool) -> bool {
        let mut is_changed = false;
        for &(number, before) in &self.branches {
            let edit = &mut self.list[number as usize];
            let end = edit.end.wrapping_sub(self.saved[number as usize + 1]);
            // One that was near is as near as before.
            if let New::Branch {
                target, is_near, ..
            } = &mut edit.new
                && *is_near
                && edit.end - edit.start > 2
            {
                let target = target.wrapping_sub(self.saved[before as usize]);
                let distance = i64::from(target) - i64::from(end);
                if all || i8::try_from(distance).is_err() {
                    *is_near = false;
                    is_changed = true;
                }
            }
        }
        is_changed
    }

    /// How many edits are before a place.
    fn before(&self, at: u32) -> usize {
        let Some(&first) = self.before_chunk.get((at / CHUNK_BYTES) as usize) else {
            return self.list.len();
        };
        let rest = &self.list[first as usize..];
        first as usize + rest.iter().take_while(|edit| edit.end <= at).count()
    }

    fn find_chunks(&mut self) {
        for (number, edit) in self.list.iter().enumerate() {
            let chunk = (edit.end / CHUNK_BYTES) as usize;
            if chunk >= self.before_chunk.len() {
                self.before_chunk.resize(chunk + 1, index(number));
            }
        }
    }

    /// Where a place of the code is; nothing for the middle of what is replaced. That where a loop
    /// begins is behind its padding.
    pub fn moved(&self, at: u32) -> Option<u32> {
        let before = self.before(at);
        match self.list.get(before) {
            Some(edit) if edit.start < at => None,
            _ => Some(at.wrapping_sub(self.saved[before])),
        }
    }

    /// Where what ends at a place does: in front of padding. As [`Self::moved_start`] for the middle
    /// of what is replaced.
    pub fn moved_end(&self, at: u32) -> u32 {
        let before = self.list.partition_point(|edit| match edit.new {
            New::Padding(_) => edit.end < at,
            New::Bytes(_) | New::Branch { .. } => edit.end <= at,
        });
        let start = self.list.get(before).map_or(at, |edit| edit.start.min(at));
        start.wrapping_sub(self.saved[before])
    }

    /// The same, but for the middle of what is replaced, where that begins.
    pub fn moved_start(&self, at: u32) -> u32 {
        let before = self.before(at);
        let start = self.list.get(before).map_or(at, |edit| edit.start.min(at));
        start.wrapping_sub(self.saved[before])
    }

    /// The code with all edits.
    ///
    /// # Panics
    /// Unless [`Self::settle`] could.
    pub fn apply(&self, code: &[u8], new: &mut Vec<u8>) {
        let mut at = 0;
        for (number, edit) in self.list.iter().enumerate() {
            new.extend_from_slice(&code[at..edit.start as usize]);
            at = edit.end as usize;
            match edit.new {
                New::Bytes(short) => new.extend_from_slice(short.bytes()),
                New::Padding(bytes) => write_padding(bytes, new),
                New::Branch {
                    target,
                    condition,
                    is_near,
                } => {
                    let end = edit.end.wrapping_sub(self.saved[number + 1]);
                    let target = self.moved(target).expect("it is no middle");
                    let distance = target.wrapping_sub(end);
                    match (condition, is_near) {
                        (Some(condition), true) => new.push(0x70 | condition),
                        (None, true) => new.push(0xeb),
                        (Some(condition), false) => new.extend([0x0f, 0x80 | condition]),
                        (None, false) => new.push(0xe9),
                    }
                    let bytes = distance.to_le_bytes();
                    new.extend_from_slice(&bytes[..if is_near { 1 } else { 4 }]);
                }
            }
        }
        new.extend_from_slice(&code[at..]);
    }
}

fn index(number: usize) -> u32 {
    u32::try_from(number).expect("fewer edits than bytes of code")
}

/// Instructions that do nothing, of `bytes` bytes together, as few as there can be.
/// Source: Intel's manual, volume 2, NOP.
fn write_padding(bytes: u8, code: &mut Vec<u8>) {
    const LONGEST: [u8; 9] = [0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0];
    const ALL: [&[u8]; 9] = [
        &[],
        &[0x90],
        &[0x66, 0x90],
        &[0x0f, 0x1f, 0],
        &[0x0f, 0x1f, 0x40, 0],
        &[0x0f, 0x1f, 0x44, 0, 0],
        &[0x66, 0x0f, 0x1f, 0x44, 0, 0],
        &[0x0f, 0x1f, 0x80, 0, 0, 0, 0],
        &[0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
    ];
    let bytes = usize::from(bytes);
    for _ in 0..bytes / LONGEST.len() {
        code.extend_from_slice(&LONGEST);
    }
    code.extend_from_slice(ALL[bytes % LONGEST.len()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(start: u32, condition: Option<u8>, target: u32) -> Edit {
        Edit {
            start,
            end: start + if condition.is_some() { 6 } else { 5 },
            new: New::Branch {
                target,
                condition,
                is_near: true,
            },
        }
    }

    fn applied(list: Vec<Edit>, code: &[u8]) -> Vec<u8> {
        let mut edits = Edits {
            list,
            ..Edits::default()
        };
        assert!(edits.settle());
        let mut new = Vec::new();
        edits.apply(code, &mut new);
        new
    }

    #[test]
    fn a_branch_that_reaches_only_as_another_is_near_is_near() {
        // 5 + 127 bytes are between the first one's end and its target, 127 when the second is near.
        let mut code = vec![0x90; 200];
        code[0] = 0xe9;
        let list = vec![branch(0, None, 135), branch(10, None, 0)];
        let new = applied(list, &code);
        assert_eq!(new.len(), 200 - 6);
        assert_eq!(new[..2], [0xeb, 127]);
        assert_eq!(new[7..9], [0xeb, 0u8.wrapping_sub(9)]);
    }

    #[test]
    fn a_branch_that_does_not_reach_stays() {
        let code = vec![0x90; 300];
        let new = applied(vec![branch(0, Some(4), 200), branch(250, None, 120)], &code);
        assert_eq!(new.len(), 300);
        assert_eq!(new[..6], [0x0f, 0x84, 194, 0, 0, 0]);
        assert_eq!(new[250..255], [0xe9, 121, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn the_middle_of_what_is_replaced_is_nowhere() {
        let mut edits = Edits {
            list: vec![branch(10, None, 0), branch(20, None, 12)],
            ..Edits::default()
        };
        assert!(!edits.settle());
        edits.clear();
        edits.list = vec![branch(10, None, 0)];
        assert!(edits.settle());
        assert_eq!(edits.moved(10), Some(10));
        assert_eq!(edits.moved(12), None);
        assert_eq!(edits.moved(15), Some(12));
    }

    #[test]
    fn padding_has_the_length_that_it_says() {
        for bytes in 0..64 {
            let mut code = Vec::new();
            write_padding(bytes, &mut code);
            assert_eq!(code.len(), usize::from(bytes));
            let mut decoder = iced_x86::Decoder::new(64, &code, iced_x86::DecoderOptions::NONE);
            for instruction in &mut decoder {
                assert_eq!(instruction.mnemonic(), iced_x86::Mnemonic::Nop);
            }
        }
    }
}
