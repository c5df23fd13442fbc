//! The bytes of the sections, with their relocations done, and what is left for the loader to do.

use super::object::{Object, Section};
use super::place::{IMAGE_BASE, Kind, Placed, jump_bytes};
use super::processor::{Processor, bad};
use super::reach::{Meaning, Place, Reached};
use super::relocation::{Form, Reloc, Target};
use crate::error::LinkError;

/// See the module's documentation.
pub(super) struct Image {
    /// From [`IMAGE_BASE`] on, without what is zero at the end.
    pub(super) bytes: Vec<u8>,
    /// Where addresses are that depend on where the executable lies, in ascending order.
    pub(super) rebases: Vec<u64>,
    /// Where addresses of imports belong: by number, with what is added; in order of the numbers.
    pub(super) binds: Vec<(usize, u64, i64)>,
}

/// A distance that an instruction cannot have.
fn too_far() -> LinkError {
    LinkError::OutOfReach("a call does not reach its function")
}

struct Writer<'a, 'b> {
    objects: &'b [Object<'a>],
    reached: &'b Reached<'a>,
    placed: &'b Placed,
    processor: Processor,
    image: Image,
}

impl Image {
    pub(super) fn new<'a>(
        objects: &[Object<'a>],
        reached: &Reached<'a>,
        placed: &Placed,
        processor: Processor,
    ) -> Result<Image, LinkError> {
        let mut in_file = placed.sections.iter().rev();
        let end = in_file.find(|laid| !laid.kind.is_zeros());
        let end = end.map_or(IMAGE_BASE, |laid| laid.end);
        let mut writer = Writer {
            objects,
            reached,
            placed,
            processor,
            image: Image {
                bytes: vec![0; (end - IMAGE_BASE) as usize],
                rebases: Vec::new(),
                binds: Vec::new(),
            },
        };
        for &(place, kind, address) in &placed.order {
            if !kind.is_zeros() {
                writer.write_piece(place, kind, address)?;
            }
        }
        writer.write_slots()?;
        writer.write_jumps()?;
        let mut image = writer.image;
        image.rebases.sort_unstable();
        image.binds.sort_unstable();
        Ok(image)
    }
}

impl Writer<'_, '_> {
    fn put(&mut self, address: u64, bytes: &[u8]) {
        let at = (address - IMAGE_BASE) as usize;
        self.image.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&self, address: u64) -> Result<u32, LinkError> {
        let at = (address - IMAGE_BASE) as usize;
        let bytes = self.image.bytes.get(at..).and_then(|it| it.first_chunk());
        let bytes = bytes.ok_or_else(|| bad("a relocation is outside of its section"))?;
        Ok(u32::from_le_bytes(*bytes))
    }

    fn write_piece(&mut self, place: Place, kind: Kind, address: u64) -> Result<(), LinkError> {
        let section: &Section<'_> = &self.objects[place.object].sections[place.section];
        let range = section.range(place.piece);
        let bytes = &section.bytes[range.start as usize..range.end as usize];
        self.put(address, bytes);
        for reloc in section.relocs_of(place.piece) {
            let width = match reloc.form {
                Form::Pointer => 8,
                Form::Distance { bytes, .. } => u64::from(bytes),
                _ => 4,
            };
            if reloc.offset + width > range.end {
                return Err(bad("a relocation is outside of its piece"));
            }
            let at = address + (reloc.offset - range.start);
            self.apply(place.object, kind, at, reloc)?;
        }
        Ok(())
    }

    fn meaning(&self, object: usize, target: Target) -> Result<Meaning, LinkError> {
        let meaning = self.reached.meaning(self.objects, object, target);
        meaning.ok_or_else(|| bad("a symbol is not known"))
    }

    /// The address that is meant; of what the system has, that of the jump.
    fn address(&self, meaning: Meaning) -> Result<u64, LinkError> {
        let found = match meaning {
            Meaning::Import(number) => {
                let jump = self.reached.jumps.number(&number);
                jump.map(|jump| self.placed.jump(jump, self.processor))
            }
            meaning => self.placed.address(meaning),
        };
        found.ok_or_else(|| bad("a section is left out"))
    }

    fn slot(&self, meaning: Meaning) -> Result<u64, LinkError> {
        let number = self.reached.slots.number(&meaning);
        let number = number.ok_or_else(|| bad("an address is in no table"))?;
        Ok(self.placed.slot(number))
    }

    fn apply(
        &mut self,
        object: usize,
        kind: Kind,
        at: u64,
        reloc: &Reloc,
    ) -> Result<(), LinkError> {
        let meaning = self.meaning(object, reloc.target)?;
        let plus = |address: u64| address.wrapping_add_signed(reloc.addend);
        match reloc.form {
            Form::Pointer => return self.pointer(kind, at, meaning, reloc.addend),
            Form::Distance { from, bytes } => {
                let from = self.address(self.meaning(object, from)?)?;
                let distance = plus(self.address(meaning)?).wrapping_sub(from);
                self.put(at, &distance.to_le_bytes()[..usize::from(bytes)]);
            }
            Form::Relative => self.distance(at, plus(self.address(meaning)?), at + 4)?,
            Form::GotRelative => self.distance(at, plus(self.slot(meaning)?), at + 4)?,
            Form::GotPointer => self.distance(at, self.slot(meaning)?, at)?,
            Form::ThreadRelative => {
                // The instruction would load from the table; what is described is here.
                if self.image.bytes[(at - IMAGE_BASE - 2) as usize] != 0x8b {
                    return Err(bad("data of a thread is not loaded by `mov`"));
                }
                self.put(at - 2, &[0x8d]);
                self.distance(at, plus(self.address(meaning)?), at + 4)?;
            }
            Form::Branch if self.processor == Processor::X86_64 => {
                self.distance(at, plus(self.address(meaning)?), at + 4)?;
            }
            Form::Branch => self.branch(at, plus(self.address(meaning)?))?,
            Form::Page | Form::ThreadPage => self.page(at, plus(self.address(meaning)?))?,
            Form::GotPage => self.page(at, self.slot(meaning)?)?,
            Form::PageOffset => self.page_offset(at, plus(self.address(meaning)?))?,
            Form::GotPageOffset => self.page_offset(at, self.slot(meaning)?)?,
            Form::ThreadPageOffset => {
                // As above: `ldr` becomes `add`, of the same registers.
                let load = self.word(at)?;
                if load & 0xffc0_0000 != 0xf940_0000 {
                    return Err(bad("data of a thread is not loaded by `ldr`"));
                }
                self.put(at, &(0x9100_0000 | load & 0x3ff).to_le_bytes());
                self.page_offset(at, plus(self.address(meaning)?))?;
            }
        }
        Ok(())
    }

    fn pointer(
        &mut self,
        kind: Kind,
        at: u64,
        meaning: Meaning,
        addend: i64,
    ) -> Result<(), LinkError> {
        if let Meaning::Import(number) = meaning {
            self.image.binds.push((number, at, addend));
            self.put(at, &[0; 8]);
            return Ok(());
        }
        let mut address = self.address(meaning)?.wrapping_add_signed(addend);
        let is_here = matches!(meaning, Meaning::Piece { .. });
        if is_here && kind == Kind::ThreadVariables && self.is_of_threads(meaning) {
            // Where in each thread's copy.
            address -= self.placed.thread_data();
        } else if is_here {
            self.image.rebases.push(at);
        }
        self.put(at, &address.to_le_bytes());
        Ok(())
    }

    fn is_of_threads(&self, meaning: Meaning) -> bool {
        let Meaning::Piece { place, .. } = meaning else {
            return false;
        };
        use object::macho::{S_THREAD_LOCAL_REGULAR, S_THREAD_LOCAL_ZEROFILL};
        let kind = self.objects[place.object].sections[place.section].kind();
        [S_THREAD_LOCAL_REGULAR, S_THREAD_LOCAL_ZEROFILL]
            .iter()
            .any(|it| u32::from(it.0) == kind)
    }

    /// The distance of an address from another, in 4 bytes.
    fn distance(&mut self, at: u64, to: u64, from: u64) -> Result<(), LinkError> {
        let distance = to.wrapping_sub(from).cast_signed();
        let distance = i32::try_from(distance).map_err(|_| too_far())?;
        self.put(at, &distance.to_le_bytes());
        Ok(())
    }

    fn branch(&mut self, at: u64, to: u64) -> Result<(), LinkError> {
        let distance = to.wrapping_sub(at).cast_signed();
        if !(-(1 << 27)..1 << 27).contains(&distance) || distance % 4 != 0 {
            return Err(too_far());
        }
        let words = (distance >> 2) as u32 & 0x03ff_ffff;
        let instruction = self.word(at)? & 0xfc00_0000 | words;
        self.put(at, &instruction.to_le_bytes());
        Ok(())
    }

    fn page(&mut self, at: u64, to: u64) -> Result<(), LinkError> {
        let pages = (to >> 12).wrapping_sub(at >> 12).cast_signed();
        if !(-(1 << 20)..1 << 20).contains(&pages) {
            return Err(too_far());
        }
        let (low, high) = (pages as u32 & 3, (pages >> 2) as u32 & 0x7_ffff);
        let instruction = self.word(at)? & 0x9f00_001f | low << 29 | high << 5;
        self.put(at, &instruction.to_le_bytes());
        Ok(())
    }

    /// Where in its page: what loads and stores counts it in units of its size.
    fn page_offset(&mut self, at: u64, to: u64) -> Result<(), LinkError> {
        let instruction = self.word(at)?;
        let is_access = instruction & 0x3b00_0000 == 0x3900_0000;
        let shift = match (is_access, instruction >> 30) {
            (false, _) => 0,
            (true, 0) if instruction & 0x0480_0000 == 0x0480_0000 => 4,
            (true, shift) => shift,
        };
        let offset = (to & 0xfff) as u32;
        if offset & ((1 << shift) - 1) != 0 {
            return Err(bad("what is accessed is not aligned"));
        }
        let instruction = instruction & !(0xfff << 10) | (offset >> shift) << 10;
        self.put(at, &instruction.to_le_bytes());
        Ok(())
    }

    fn write_slots(&mut self) -> Result<(), LinkError> {
        for (number, meaning) in self.reached.slots.all.iter().enumerate() {
            self.pointer(Kind::Slots, self.placed.slot(number), *meaning, 0)?;
        }
        Ok(())
    }

    fn write_jumps(&mut self) -> Result<(), LinkError> {
        for (number, import) in self.reached.jumps.all.iter().enumerate() {
            let at = self.placed.jump(number, self.processor);
            let slot = self.slot(Meaning::Import(*import))?;
            match self.processor {
                Processor::Aarch64 => {
                    // `adrp x16`, `ldr x16, [x16]`, `br x16`
                    for (position, instruction) in [0x9000_0010_u32, 0xf940_0210, 0xd61f_0200]
                        .iter()
                        .enumerate()
                    {
                        self.put(at + 4 * position as u64, &instruction.to_le_bytes());
                    }
                    self.page(at, slot)?;
                    self.page_offset(at + 4, slot)?;
                }
                Processor::X86_64 => {
                    // `jmp [slot]`
                    self.put(at, &[0xff, 0x25]);
                    self.distance(at + 2, slot, at + jump_bytes(self.processor))?;
                }
            }
        }
        Ok(())
    }
}
