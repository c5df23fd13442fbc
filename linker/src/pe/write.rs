//! The file: bytes with their relocations done, and the headers.

use object::LittleEndian as LE;
use object::pe;
use object::write::pe::{NtHeaders, Writer};

use super::coff::Object;
use super::place::{FRAME_BYTES, JUMP_BYTES, Kind, PAGE_BYTES, Placed};
use super::reach::{Reached, Target, read_u32};
use crate::error::LinkError;
use crate::request::PE_NOTE_SECTION;

/// Where the executable lies unless the system chooses another place.
const IMAGE_BASE: u64 = 0x1_4000_0000;

const FILE_ALIGN: u32 = 0x200;

/// Bytes of the main thread's stack, unless the program has a limit of its own.
const STACK_BYTES: u64 = 8 << 20;

/// Bytes of it that are there at the start.
const STACK_BYTES_AT_START: u64 = 64 << 10;

/// What a gap in code has: an instruction that traps.
const TRAP: u8 = 0xcc;

/// The parts of the executable that its file has, each with its address.
struct Image {
    text: Vec<u8>,
    read_only: Vec<u8>,
    frames: Vec<u8>,
    data: Vec<u8>,
    note: Vec<u8>,
    /// Where addresses are that depend on where the executable lies.
    bases: Vec<u32>,
}

pub(super) fn write(
    objects: &[Object<'_>],
    reached: &Reached<'_>,
    placed: Placed,
    stack_bytes: Option<u64>,
) -> Result<Vec<u8>, LinkError> {
    let image = Image::new(objects, reached, &placed)?;
    let entry = placed.address(reached.entry).unwrap_or(0);
    image.write(&placed, entry, stack_bytes.unwrap_or(STACK_BYTES))
}

impl Image {
    fn new(
        objects: &[Object<'_>],
        reached: &Reached<'_>,
        placed: &Placed,
    ) -> Result<Image, LinkError> {
        let len = |(start, end): (u32, u32)| (end - start) as usize;
        let mut image = Image {
            text: vec![TRAP; len(placed.text)],
            read_only: vec![0; len(placed.read_only)],
            frames: Vec::with_capacity(len(placed.frames)),
            data: vec![0; len(placed.data)],
            note: vec![0; len(placed.note)],
            bases: Vec::new(),
        };
        image.data[..placed.tables.bytes.len()].copy_from_slice(&placed.tables.bytes);
        for &(place, kind, address) in &placed.order {
            let section = &objects[place.0].sections[place.1];
            let (part, start) = match kind {
                Kind::Text => (&mut image.text, placed.text.0),
                Kind::ReadOnly => (&mut image.read_only, placed.read_only.0),
                Kind::Data => (&mut image.data, placed.data.0),
                Kind::Note => (&mut image.note, placed.note.0),
                Kind::Zeros => continue,
            };
            let at = (address - start) as usize;
            let into = &mut part[at..at + section.bytes.len()];
            into.copy_from_slice(section.bytes);
            for reloc in section.relocations {
                let symbol = reloc.symbol_table_index.get(LE) as usize;
                let target = reached.target(place.0, symbol);
                let target = target.ok_or_else(|| bad("a symbol is not known"))?;
                let offset = reloc.virtual_address.get(LE);
                let field = Field {
                    at: address + offset,
                    kind: reloc.typ.get(LE),
                };
                if field.apply(into, offset as usize, target, placed)? {
                    image.bases.push(field.at);
                }
            }
        }
        image.write_jumps(reached, placed);
        image.write_frames(objects, reached, placed)?;
        image.bases.sort_unstable();
        Ok(image)
    }

    /// `jmp [slot]` for each function that is called by its name.
    fn write_jumps(&mut self, reached: &Reached<'_>, placed: &Placed) {
        for (position, number) in reached.imports.jumps.iter().enumerate() {
            let address = placed.jumps + JUMP_BYTES * position as u32;
            let distance = placed.tables.slots[*number].wrapping_sub(address + 6);
            let at = (address - placed.text.0) as usize;
            self.text[at..at + 2].copy_from_slice(&[0xff, 0x25]);
            self.text[at + 2..at + 6].copy_from_slice(&distance.to_le_bytes());
        }
    }

    fn write_frames(
        &mut self,
        objects: &[Object<'_>],
        reached: &Reached<'_>,
        placed: &Placed,
    ) -> Result<(), LinkError> {
        let mut entries = Vec::with_capacity(reached.frames.len());
        for frame in &reached.frames {
            let section = &objects[frame.place.0].sections[frame.place.1];
            let mut words = [0; 3];
            for reloc in section.relocations {
                let at = reloc.virtual_address.get(LE).wrapping_sub(frame.offset);
                if at >= FRAME_BYTES || !at.is_multiple_of(4) {
                    continue;
                }
                let symbol = reloc.symbol_table_index.get(LE) as usize;
                let target = reached.target(frame.place.0, symbol);
                let address = target.and_then(|target| placed.address(target));
                let addend = read_u32(section.bytes, frame.offset + at);
                let (Some(address), Some(addend)) = (address, addend) else {
                    return Err(bad("a frame is not described"));
                };
                words[at as usize / 4] = address.wrapping_add(addend);
            }
            entries.push(words);
        }
        entries.sort_unstable();
        let words = entries.into_iter().flatten();
        self.frames = words.flat_map(u32::to_le_bytes).collect();
        Ok(())
    }

    fn write(&self, placed: &Placed, entry: u32, stack_bytes: u64) -> Result<Vec<u8>, LinkError> {
        let mut out = Vec::new();
        let mut writer = Writer::new(true, PAGE_BYTES, FILE_ALIGN, &mut out);
        writer.reserve_dos_header();
        writer.reserve_nt_headers(pe::IMAGE_NUMBEROF_DIRECTORY_ENTRIES);
        writer.reserve_section_headers(6);
        let text = writer.reserve_text_section(self.text.len() as u32);
        let read_only = writer.reserve_rdata_section(self.read_only.len() as u32);
        let frames = writer.reserve_pdata_section(self.frames.len() as u32);
        let memory = placed.zeros_end - placed.data.0;
        let data = writer.reserve_data_section(memory, self.data.len() as u32);
        let mut name = [0; 8];
        name.copy_from_slice(PE_NOTE_SECTION.as_bytes());
        let flags = pe::IMAGE_SCN_CNT_INITIALIZED_DATA
            | pe::IMAGE_SCN_MEM_DISCARDABLE
            | pe::IMAGE_SCN_MEM_READ;
        let len = self.note.len() as u32;
        let note = writer.reserve_section(name, flags, len, len);
        for address in &self.bases {
            writer.add_reloc(*address, pe::IMAGE_REL_BASED_DIR64);
        }
        let expected = [
            (text.virtual_address, placed.text.0),
            (read_only.virtual_address, placed.read_only.0),
            (frames.virtual_address, placed.frames.0),
            (data.virtual_address, placed.data.0),
            (note.virtual_address, placed.note.0),
        ];
        if let Some((found, wanted)) = expected.iter().find(|(found, wanted)| found != wanted) {
            return Err(bad(&format!(
                "a section is at {found:#x}, not at {wanted:#x}"
            )));
        }
        writer.reserve_reloc_section();
        let tables = &placed.tables;
        let directory = pe::IMAGE_DIRECTORY_ENTRY_IMPORT;
        writer.set_data_directory(directory, placed.data.0, tables.directory_bytes);
        let bytes = tables.addresses.end - tables.addresses.start;
        writer.set_data_directory(pe::IMAGE_DIRECTORY_ENTRY_IAT, tables.addresses.start, bytes);
        let written = writer.write_empty_dos_header();
        written.map_err(|error| LinkError::Internal(error.to_string()))?;
        writer.write_nt_headers(headers(entry, stack_bytes));
        writer.write_section_headers();
        writer.write_section(text.file_offset, &self.text);
        writer.write_section(read_only.file_offset, &self.read_only);
        writer.write_section(frames.file_offset, &self.frames);
        writer.write_section(data.file_offset, &self.data);
        writer.write_section(note.file_offset, &self.note);
        writer.write_reloc_section();
        Ok(out)
    }
}

fn headers(entry: u32, stack_bytes: u64) -> NtHeaders {
    NtHeaders {
        machine: pe::IMAGE_FILE_MACHINE_AMD64,
        // The same input makes the same bytes.
        time_date_stamp: 0,
        characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE | pe::IMAGE_FILE_LARGE_ADDRESS_AWARE,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: entry,
        image_base: IMAGE_BASE,
        major_operating_system_version: 6,
        minor_operating_system_version: 2,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 6,
        minor_subsystem_version: 2,
        subsystem: pe::IMAGE_SUBSYSTEM_WINDOWS_CUI,
        dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
            | pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
            | pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT
            | pe::IMAGE_DLLCHARACTERISTICS_TERMINAL_SERVER_AWARE,
        size_of_stack_reserve: stack_bytes.next_multiple_of(u64::from(PAGE_BYTES)),
        size_of_stack_commit: STACK_BYTES_AT_START.min(stack_bytes),
        size_of_heap_reserve: 1 << 20,
        size_of_heap_commit: u64::from(PAGE_BYTES),
    }
}

/// A place that a relocation changes.
#[derive(Clone, Copy)]
struct Field {
    /// Its address.
    at: u32,
    kind: pe::RelocationType,
}

impl Field {
    /// Adds an address to what is in the bytes: whether it depends on where the executable lies.
    fn apply(
        self,
        bytes: &mut [u8],
        offset: usize,
        target: Target,
        placed: &Placed,
    ) -> Result<bool, LinkError> {
        let address = match target {
            Target::Absolute(value) => {
                return match self.kind {
                    pe::IMAGE_REL_AMD64_ADDR64 | pe::IMAGE_REL_AMD64_ADDR32NB => {
                        add(bytes, offset, value)?;
                        Ok(false)
                    }
                    _ => Err(bad("a number is used as an address")),
                };
            }
            // What describes debug information is not there.
            target => placed
                .address(target)
                .ok_or_else(|| bad("a section is left out"))?,
        };
        let behind = match self.kind {
            pe::IMAGE_REL_AMD64_ADDR64 => {
                let field = bytes.get_mut(offset..offset + 8);
                let field = field.ok_or_else(|| bad("it is behind a section"))?;
                let mut number = [0; 8];
                number.copy_from_slice(field);
                let value = u64::from_le_bytes(number);
                let value = value.wrapping_add(IMAGE_BASE + u64::from(address));
                field.copy_from_slice(&value.to_le_bytes());
                return Ok(true);
            }
            pe::IMAGE_REL_AMD64_ADDR32NB => {
                add(bytes, offset, address)?;
                return Ok(false);
            }
            pe::IMAGE_REL_AMD64_REL32 => 4,
            pe::IMAGE_REL_AMD64_REL32_1 => 5,
            pe::IMAGE_REL_AMD64_REL32_2 => 6,
            pe::IMAGE_REL_AMD64_REL32_3 => 7,
            pe::IMAGE_REL_AMD64_REL32_4 => 8,
            pe::IMAGE_REL_AMD64_REL32_5 => 9,
            other => return Err(bad(&format!("it is of the unknown kind {:#x}", other.0))),
        };
        add(bytes, offset, address.wrapping_sub(self.at + behind))?;
        Ok(false)
    }
}

fn add(bytes: &mut [u8], offset: usize, value: u32) -> Result<(), LinkError> {
    let old = read_u32(bytes, offset as u32).ok_or_else(|| bad("it is behind a section"))?;
    bytes[offset..offset + 4].copy_from_slice(&old.wrapping_add(value).to_le_bytes());
    Ok(())
}

fn bad(why: &str) -> LinkError {
    LinkError::Internal(format!("a relocation cannot be done: {why}"))
}
