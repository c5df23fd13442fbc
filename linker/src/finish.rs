//! The last step: the linked file becomes the executable.
//!
//! A linker has seen the image's section alone, which is the contexts. Here its initial memory comes
//! behind it, and the section's segment becomes one segment for each piece between long runs of zeros; each piece's memory reaches to
//! the next piece, the last one's to the end of the initial memory, and the kernel provides the
//! zeros. The other segments close up in the file, and what no segment holds (symbols, section
//! headers) follows the pieces. Names that are of no use to anybody are left out of it.
//!
//! ```text
//! file    │ headers rodata │ text │ data │ piece 0 │ piece 1 │ symbols, section headers │
//! memory  │ from 4 MiB on … │      image: │ piece 0 │ zeros … │ piece 1 │ zeros … │
//! ```

use crate::elf::{
    Elf, Header, Section, Segment, file_range, is_allocated, is_load, is_thread_zeros, is_zeros,
};
use crate::error::LinkError;
use crate::names::Names;
use crate::pieces::{ImageBytes, PIECES_MAX, Piece, split};
use crate::request::{ImageSection, Strip};
use object::elf::{
    PF_R, PF_W, PT_PHDR, SHF_ALLOC, SHF_WRITE, SHT_FINI_ARRAY, SHT_INIT_ARRAY, SHT_NOBITS,
    SHT_NULL, SHT_PREINIT_ARRAY, SHT_PROGBITS, SHT_RELA,
};
use object::endian::{LittleEndian as LE, U16, U32, U64};
use object::pod;
use std::ops::Range;

/// What the linker has placed the beginning of.
pub(crate) struct PlacedImage<'a> {
    pub(crate) section: &'a ImageSection<'a>,
    /// Bytes that were in the object, and are at the image's address.
    pub(crate) head_bytes: usize,
}

/// Rewrites `linked`, an ELF file that has the first part of the image at the image's address.
pub(crate) fn finish(
    linked: &[u8],
    image: Option<&PlacedImage<'_>>,
    page_bytes: u64,
    strip: Strip,
) -> Result<Vec<u8>, LinkError> {
    let internal = |text: &str| LinkError::Internal(text.to_owned());
    let elf = Elf::parse(linked).ok_or_else(|| internal("the output is not a 64-bit ELF file"))?;
    let cut = match image {
        Some(image) => Some(cut_image(&elf, image, page_bytes)?),
        None => None,
    };
    let image_bytes = cut.as_ref().map_or(0, |cut| cut.file_bytes(page_bytes));
    let mut out = Vec::with_capacity(linked.len() + image_bytes);
    let moves = elf
        .close_up(&mut out, cut.as_ref(), page_bytes)
        .map_err(LinkError::Internal)?;
    let offsets = cut
        .as_ref()
        .map_or(Vec::new(), |cut| cut.append(&mut out, page_bytes));
    let mut segments = elf.segments_rebuilt(&moves, page_bytes);
    let names = match strip {
        Strip::Internals => Names::without_internals(&elf),
        Strip::None | Strip::Symbols => None,
    };
    let mut sections = elf.sections_rebuilt(&moves, names.as_ref(), &mut out);
    if let Some(cut) = &cut {
        let pieces: Vec<(Piece, u64)> = cut.pieces.iter().copied().zip(offsets).collect();
        let model = segments[cut.segment];
        let image_segments = pieces
            .iter()
            .map(|(piece, offset)| cut.segment_of(&model, piece, *offset, page_bytes));
        segments.splice(cut.segment..=cut.segment, image_segments);
        cut.describe(&mut sections, &pieces);
    }
    // Where only tables of each thread's data would be: a mapping of nothing costs as much as one
    // of something.
    segments.retain(|segment| !is_load(segment) || segment.p_memsz.get(LE) != 0);
    sort_loads(&mut segments);
    if let Some(overlap) = overlap(&segments) {
        return Err(LinkError::Internal(overlap));
    }
    write_tables(&elf, &mut out, &sections, &mut segments);
    Ok(out)
}

/// The image as the executable will have it.
struct CutImage<'a> {
    address: u64,
    /// Index of its segment in the linked file.
    segment: usize,
    data: ImageBytes<'a>,
    pieces: Vec<Piece>,
}

fn cut_image<'a>(
    elf: &Elf<'a>,
    image: &PlacedImage<'a>,
    page_bytes: u64,
) -> Result<CutImage<'a>, LinkError> {
    let ImageSection {
        address,
        memory_bytes,
        ..
    } = image.section;
    let address = *address;
    let internal = |text: &str| LinkError::Internal(text.to_owned());
    let at_address = |segment: &Segment| is_load(segment) && segment.p_vaddr.get(LE) == address;
    let segment = elf.segments.iter().position(at_address);
    let segment = segment.ok_or_else(|| internal("no segment is at the image's address"))?;
    let allocated = elf.sections.iter().filter(|section| is_allocated(section));
    if allocated
        .into_iter()
        .any(|section| section.sh_addr.get(LE) > address)
    {
        return Err(LinkError::TooLarge { address });
    }
    let data = elf
        .contents(&elf.segments[segment])
        .ok_or_else(|| internal("a segment ends behind the file"))?;
    // Linkers fill up the last page, and not always with zeros.
    let head = data
        .get(..image.head_bytes)
        .ok_or_else(|| internal("the image is cut off"))?;
    let data = ImageBytes {
        head,
        parts: image.section.parts,
    };
    if data.len() > *memory_bytes {
        return Err(internal("the image is larger than its memory"));
    }
    let pieces_max = elf.segments_max().saturating_sub(elf.segments.len()) + 1;
    let pieces = split(&data, *memory_bytes, page_bytes, pieces_max.min(PIECES_MAX));
    Ok(CutImage {
        address,
        segment,
        data,
        pieces,
    })
}

impl CutImage<'_> {
    /// Bytes of the file that the pieces take, with what fills their pages.
    fn file_bytes(&self, page_bytes: u64) -> usize {
        let pieces = self.pieces.iter();
        let bytes: u64 = pieces.map(|piece| piece.file_bytes + page_bytes).sum();
        bytes as usize
    }

    /// Appends the pieces and returns their offsets. Each begins and ends with a page, so that the
    /// kernel has nothing to clear when it maps them.
    fn append(&self, out: &mut Vec<u8>, page_bytes: u64) -> Vec<u64> {
        let mut offsets = Vec::new();
        for piece in &self.pieces {
            pad(out, page_bytes);
            offsets.push(out.len() as u64);
            self.data
                .append(piece.start..piece.start + piece.file_bytes, out);
            pad(out, page_bytes);
        }
        offsets
    }

    fn segment_of(&self, model: &Segment, piece: &Piece, offset: u64, page_bytes: u64) -> Segment {
        let mut segment = *model;
        segment.p_flags = U32::new(LE, PF_R | PF_W);
        segment.p_offset = U64::new(LE, offset);
        segment.p_vaddr = U64::new(LE, self.address + piece.start);
        segment.p_paddr = segment.p_vaddr;
        segment.p_filesz = U64::new(LE, piece.file_bytes);
        segment.p_memsz = U64::new(LE, piece.memory_bytes);
        segment.p_align = U64::new(LE, page_bytes);
        segment
    }

    /// Replaces the image's section by one for each piece and one for each run of zeros.
    fn describe(&self, sections: &mut Vec<Section>, pieces: &[(Piece, u64)]) {
        let is_image = |s: &Section| is_allocated(s) && s.sh_addr.get(LE) == self.address;
        let Some(position) = sections.iter().position(is_image) else {
            return;
        };
        let model = sections[position];
        let parts = pieces.iter().flat_map(|(piece, offset)| {
            let start = self.address + piece.start;
            let zeros = piece.memory_bytes - piece.file_bytes;
            [
                (SHT_PROGBITS, start, piece.file_bytes, *offset),
                (
                    SHT_NOBITS,
                    start + piece.file_bytes,
                    zeros,
                    offset + piece.file_bytes,
                ),
            ]
        });
        let mut parts = parts
            .filter(|part| part.2 != 0)
            .map(|(kind, addr, size, offset)| {
                let mut section = model;
                section.sh_type = U32::new(LE, kind);
                section.sh_flags = U64::new(LE, SHF_ALLOC | SHF_WRITE);
                section.sh_addr = U64::new(LE, addr);
                section.sh_size = U64::new(LE, size);
                section.sh_offset = U64::new(LE, offset);
                section
            });
        if let Some(first) = parts.next() {
            sections[position] = first;
        }
        sections.extend(parts);
    }
}

/// Where a part of the linked file went.
struct Move {
    from: Range<u64>,
    to: u64,
}

fn moved(moves: &[Move], offset: u64, len: u64) -> Option<u64> {
    let home = moves
        .iter()
        .find(|m| m.from.start <= offset && offset + len <= m.from.end)?;
    Some(home.to + (offset - home.from.start))
}

impl Elf<'_> {
    /// How many program headers there is room for in front of what follows them.
    fn segments_max(&self) -> usize {
        let table = self.header.e_phoff.get(LE);
        let in_file = self
            .sections
            .iter()
            .filter(|s| is_allocated(s) && !is_zeros(s));
        let next_section = in_file.map(|section| section.sh_offset.get(LE));
        let next_section = next_section.filter(|&offset| offset > table).min();
        let first_load = self.segments.iter().filter(|segment| is_load(segment));
        let first_load = first_load
            .map(file_range)
            .find(|range| range.contains(&table));
        match (next_section, first_load) {
            (Some(section), Some(load)) => {
                (section.min(load.end) - table) as usize / size_of::<Segment>()
            }
            _ => self.segments.len(),
        }
    }

    /// Copies all loaded segments but the image to the front of the file.
    fn close_up(
        &self,
        out: &mut Vec<u8>,
        cut: Option<&CutImage<'_>>,
        page_bytes: u64,
    ) -> Result<Vec<Move>, String> {
        let image_segment = cut.map(|cut| cut.segment);
        let mut loads: Vec<&Segment> = self
            .segments
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != image_segment)
            .map(|(_, segment)| segment)
            .filter(|segment| is_load(segment) && segment.p_filesz.get(LE) != 0)
            .collect();
        loads.sort_by_key(|segment| segment.p_offset.get(LE));
        let mut moves: Vec<Move> = Vec::new();
        for load in loads {
            let from = file_range(load);
            let contents = self
                .contents(load)
                .ok_or("a segment ends behind the file")?;
            if moves.last().is_some_and(|last| last.from.end > from.start) {
                return Err("segments share bytes of the file".to_owned());
            }
            // A page of the file is a page of memory.
            let skew = load.p_vaddr.get(LE).wrapping_sub(out.len() as u64) % page_bytes;
            out.resize(out.len() + skew as usize, 0);
            moves.push(Move {
                from,
                to: out.len() as u64,
            });
            out.extend_from_slice(contents);
        }
        match moves.first() {
            Some(first) if first.from.start == 0 && first.to == 0 => Ok(moves),
            _ => Err("the first segment does not hold the headers".to_owned()),
        }
    }

    fn segments_rebuilt(&self, moves: &[Move], page_bytes: u64) -> Vec<Segment> {
        let mut segments = self.segments.clone();
        for segment in &mut segments {
            let range = file_range(segment);
            let fallback = segment.p_vaddr.get(LE) % page_bytes;
            let offset = moved(moves, range.start, range.end - range.start).unwrap_or(fallback);
            segment.p_offset = U64::new(LE, offset);
            if is_load(segment) {
                let memory_bytes = self.memory_bytes_needed(segment);
                segment.p_memsz = U64::new(LE, memory_bytes);
                if self.is_settled(segment) {
                    segment.p_flags = U32::new(LE, PF_R);
                }
            }
        }
        segments
    }

    /// Whether a segment has only what is written to until addresses are known, which they are: where a
    /// dynamic linker would protect it from then on (RELRO), it is never writable here.
    fn is_settled(&self, segment: &Segment) -> bool {
        let start = segment.p_vaddr.get(LE);
        let range = start..start + segment.p_memsz.get(LE);
        let has_relocations = self
            .sections
            .iter()
            .any(|it| is_allocated(it) && it.sh_type.get(LE) == SHT_RELA);
        let mut inside = self
            .sections
            .iter()
            .filter(|it| is_allocated(it) && !is_thread_zeros(it) && it.sh_size.get(LE) != 0)
            .filter(|it| range.contains(&it.sh_addr.get(LE)))
            .peekable();
        let is_data = segment.p_flags.get(LE) == PF_R | PF_W;
        !has_relocations
            && is_data
            && inside.peek().is_some()
            && inside.all(|it| self.is_constant(it))
    }

    /// Whether nothing writes to a section of data once addresses are known.
    fn is_constant(&self, section: &Section) -> bool {
        const NAMES: [&[u8]; 3] = [b".data.rel.ro", b".got", b".tdata"];
        let arrays = [SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY];
        let name = self.section_name(section).unwrap_or_default();
        arrays.contains(&section.sh_type.get(LE)) || NAMES.contains(&name)
    }

    /// Memory that a segment's sections take. Linkers pad what they expect to be made read-only to
    /// the end of the page, which costs the kernel a page to clear.
    fn memory_bytes_needed(&self, segment: &Segment) -> u64 {
        let memory_bytes = segment.p_memsz.get(LE);
        let start = segment.p_vaddr.get(LE);
        let inside = self
            .sections
            .iter()
            .filter(|section| is_allocated(section) && !is_thread_zeros(section))
            .filter(|section| (start..start + memory_bytes).contains(&section.sh_addr.get(LE)));
        let end = inside
            .map(|section| section.sh_addr.get(LE) + section.sh_size.get(LE))
            .max();
        match end {
            Some(end) => (end - start).clamp(segment.p_filesz.get(LE), memory_bytes),
            None => memory_bytes,
        }
    }

    /// Moves the sections with their segments, and what no segment holds to the end.
    fn sections_rebuilt(
        &self,
        moves: &[Move],
        names: Option<&Names>,
        out: &mut Vec<u8>,
    ) -> Vec<Section> {
        let mut sections = self.sections.clone();
        let loads_end = moves
            .last()
            .map_or(0, |last| last.to + (last.from.end - last.from.start));
        for section in sections.iter_mut().filter(|section| is_allocated(section)) {
            let len = if is_zeros(section) {
                0
            } else {
                section.sh_size.get(LE)
            };
            let offset = moved(moves, section.sh_offset.get(LE), len).unwrap_or(loads_end);
            section.sh_offset = U64::new(LE, offset);
        }
        let is_loose = |s: &Section| !is_allocated(s) && s.sh_type.get(LE) != SHT_NULL;
        let loose = sections.iter_mut().enumerate();
        let mut loose: Vec<(usize, &mut Section)> = loose.filter(|(_, s)| is_loose(s)).collect();
        loose.sort_by_key(|(_, section)| section.sh_offset.get(LE));
        for (index, section) in loose {
            let mut bytes = self.section_bytes(section).unwrap_or_default();
            if let Some(names) = names.filter(|names| names.table == index) {
                bytes = &names.symbols;
                section.sh_info = U32::new(LE, names.locals);
            } else if let Some(names) = names.filter(|names| names.strings == index) {
                bytes = &names.text;
            }
            pad(out, section.sh_addralign.get(LE).max(1));
            section.sh_offset = U64::new(LE, out.len() as u64);
            section.sh_size = U64::new(LE, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        sections
    }
}

/// Puts the loaded segments into the order of their addresses, as the format asks for.
fn sort_loads(segments: &mut [Segment]) {
    let places: Vec<usize> = (0..segments.len())
        .filter(|&i| is_load(&segments[i]))
        .collect();
    let mut loads: Vec<Segment> = places.iter().map(|&i| segments[i]).collect();
    loads.sort_by_key(|segment| segment.p_vaddr.get(LE));
    for (place, load) in places.into_iter().zip(loads) {
        segments[place] = load;
    }
}

/// For segments in the order of their addresses.
fn overlap(segments: &[Segment]) -> Option<String> {
    let loads: Vec<&Segment> = segments.iter().filter(|segment| is_load(segment)).collect();
    let end = |segment: &Segment| segment.p_vaddr.get(LE) + segment.p_memsz.get(LE);
    let clash = loads
        .windows(2)
        .find(|pair| end(pair[0]) > pair[1].p_vaddr.get(LE))?;
    Some(format!(
        "segments overlap at {:#x}",
        clash[1].p_vaddr.get(LE)
    ))
}

/// Writes the section headers at the end, and the file and program headers in their places.
fn write_tables(elf: &Elf<'_>, out: &mut Vec<u8>, sections: &[Section], segments: &mut [Segment]) {
    let count = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
    let mut header = elf.header;
    // A linker that puts the section headers in front leaves a hole there.
    let old_start = header.e_shoff.get(LE) as usize;
    let old_end = old_start + size_of_val(elf.sections.as_slice());
    let headers_end = elf
        .segments
        .iter()
        .find(|segment| is_load(segment))
        .map(file_range);
    if headers_end.is_some_and(|range| old_end as u64 <= range.end) {
        out[old_start..old_end].fill(0);
    }
    if !sections.is_empty() {
        pad(out, align_of::<u64>() as u64);
        header.e_shoff = U64::new(LE, out.len() as u64);
        header.e_shnum = U16::new(LE, count(sections.len()));
        out.extend_from_slice(pod::bytes_of_slice(sections));
    }
    header.e_phnum = U16::new(LE, count(segments.len()));
    let table_bytes = size_of_val(segments) as u64;
    for segment in segments
        .iter_mut()
        .filter(|segment| segment.p_type.get(LE) == PT_PHDR)
    {
        segment.p_filesz = U64::new(LE, table_bytes);
        segment.p_memsz = U64::new(LE, table_bytes);
    }
    let table = header.e_phoff.get(LE) as usize;
    out[..size_of::<Header>()].copy_from_slice(pod::bytes_of(&header));
    out[table..table + table_bytes as usize].copy_from_slice(pod::bytes_of_slice(segments));
}

fn pad(out: &mut Vec<u8>, align: u64) {
    out.resize(out.len().next_multiple_of(align as usize), 0);
}
