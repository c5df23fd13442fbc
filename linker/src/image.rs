//! The last step: an executable whose image section is a plain run of bytes becomes one whose
//! file leaves out the image's zeros and whose memory goes on behind them.
//!
//! A linker writes the section as it stands: with the empty stack between the contexts and the
//! first data segment, and without the rest of the initial memory. Here the section's segment
//! becomes one segment for each piece between long runs of zeros; each piece's memory reaches to
//! the next piece, the last one's to the end of the initial memory, and the kernel provides the
//! zeros. What the file holds besides (symbols, section headers) moves up behind the pieces.
//!
//! ```text
//! file    │ headers text rodata data │ piece 0 │ piece 1 │ symbols, section headers │
//! memory  │ … │   4 GiB - contexts: │ piece 0 │ zeros … │ piece 1 │ zeros … │
//! ```

use crate::{ImageSection, LinkError};
use object::elf::{
    FileHeader64, PF_W, PT_LOAD, PT_PHDR, ProgramHeader64, SHF_ALLOC, SHT_NOBITS, SHT_NULL,
    SHT_PROGBITS, SectionHeader64,
};
use object::endian::{LittleEndian as LE, U16, U32, U64};
use object::pod;
use std::ops::Range;

type Header = FileHeader64<LE>;
type Segment = ProgramHeader64<LE>;
type Section = SectionHeader64<LE>;

/// Runs of zeros shorter than this stay in the file: each cut costs two mappings at start-up.
const ZERO_RUN_BYTES_MIN: u64 = 0x8000;

/// More pieces than this are not made.
const PIECES_MAX: usize = 8;

/// Part of the image: bytes of the file, then zeros. All three are multiples of the page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Piece {
    /// Offset from the image's first byte.
    start: u64,
    file_bytes: u64,
    memory_bytes: u64,
}

/// Rewrites `linked`, an ELF file whose image section lies at its address.
pub(crate) fn finish(
    linked: Vec<u8>,
    image: &ImageSection,
    page_bytes: u64,
) -> Result<Vec<u8>, LinkError> {
    let elf = Elf::parse(&linked)
        .ok_or_else(|| LinkError::Internal("the output is not a 64-bit ELF file".to_owned()))?;
    let segment_position = elf.image_segment(image).map_err(LinkError::Internal)?;
    let segment = elf.segments[segment_position];
    let data = elf
        .contents(&segment)
        .ok_or_else(|| LinkError::Internal("a segment ends behind the file".to_owned()))?;
    if (data.len() as u64) > image.memory_bytes {
        return Err(LinkError::Internal(format!(
            "the image has {} bytes, its memory only {}",
            data.len(),
            image.memory_bytes
        )));
    }
    let pieces_max = elf.segments_max().saturating_sub(elf.segments.len()) + 1;
    let pieces = split(
        data,
        image.memory_bytes,
        page_bytes,
        pieces_max.min(PIECES_MAX),
    );
    let finished = elf.rebuild(segment_position, image, &pieces, page_bytes)?;
    Ok(finished)
}

/// Cuts at the longest runs of zero pages, into at most `pieces_max` pieces.
fn split(data: &[u8], memory_bytes: u64, page_bytes: u64, pieces_max: usize) -> Vec<Piece> {
    let page = page_bytes as usize;
    let memory_bytes = memory_bytes.next_multiple_of(page_bytes);
    let is_zero = |chunk: &[u8]| chunk.iter().all(|&byte| byte == 0);
    // Pages that hold anything, as ranges of page numbers.
    let mut used: Vec<Range<usize>> = Vec::new();
    for (number, _) in data
        .chunks(page)
        .enumerate()
        .filter(|(_, chunk)| !is_zero(chunk))
    {
        match used.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => used.push(number..number + 1),
        }
    }
    // Where to cut: the gap before `used[i]`, the longest first. A cut before the first one leaves
    // a piece of zeros alone at the front.
    let gap = |i: usize| used[i].start - if i == 0 { 0 } else { used[i - 1].end };
    let long = |i: &usize| (gap(*i) * page) as u64 >= ZERO_RUN_BYTES_MIN;
    let mut cuts: Vec<usize> = (0..used.len()).filter(long).collect();
    cuts.sort_by_key(|&i| (std::cmp::Reverse(gap(i)), i));
    cuts.truncate(pieces_max.saturating_sub(1));
    cuts.sort_unstable();
    // (start, end of what the file holds), in pages.
    let mut spans: Vec<Range<usize>> = std::iter::once(0..0).collect();
    for (i, range) in used.iter().enumerate() {
        if cuts.contains(&i) {
            spans.push(range.clone());
        } else if let Some(last) = spans.last_mut() {
            last.end = range.end;
        }
    }
    let starts: Vec<u64> = spans
        .iter()
        .map(|span| (span.start * page) as u64)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([memory_bytes]);
    spans
        .iter()
        .zip(ends)
        .map(|(span, end)| Piece {
            start: (span.start * page) as u64,
            file_bytes: (span.len() * page) as u64,
            memory_bytes: end - (span.start * page) as u64,
        })
        .collect()
}

/// A linked file, taken apart.
struct Elf<'a> {
    bytes: &'a [u8],
    header: Header,
    segments: Vec<Segment>,
    sections: Vec<Section>,
}

impl<'a> Elf<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Elf<'a>> {
        let header = *pod::from_bytes::<Header>(bytes).ok()?.0;
        let ident = &header.e_ident;
        if ident.magic != object::elf::ELFMAG || ident.class != object::elf::ELFCLASS64 {
            return None;
        }
        let from = |offset: u64| bytes.get(usize::try_from(offset).ok()?..);
        let segments = from(header.e_phoff.get(LE))?;
        let segments = pod::slice_from_bytes(segments, header.e_phnum.get(LE).into())
            .ok()?
            .0;
        let sections = from(header.e_shoff.get(LE))?;
        let sections = pod::slice_from_bytes(sections, header.e_shnum.get(LE).into())
            .ok()?
            .0;
        Some(Elf {
            bytes,
            header,
            segments: segments.to_vec(),
            sections: sections.to_vec(),
        })
    }

    fn contents(&self, segment: &Segment) -> Option<&'a [u8]> {
        let range = file_range(segment);
        self.bytes
            .get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }

    /// The segment that is the image and nothing else.
    fn image_segment(&self, image: &ImageSection) -> Result<usize, String> {
        let position = self
            .segments
            .iter()
            .position(|segment| is_load(segment) && segment.p_vaddr.get(LE) == image.address)
            .ok_or_else(|| format!("no segment is at {:#x}", image.address))?;
        if self.segments[position].p_flags.get(LE).0 & PF_W.0 == 0 {
            return Err(format!("the section `{}` is not writable", image.section));
        }
        let strays = self.sections.iter().filter(|section| is_allocated(section));
        let strays = strays
            .filter(|section| section.sh_addr.get(LE) > image.address)
            .count();
        if strays != 0 {
            return Err(format!("{strays} sections lie behind `{}`", image.section));
        }
        Ok(position)
    }

    /// How many program headers there is room for in front of what follows them.
    fn segments_max(&self) -> usize {
        let table = self.header.e_phoff.get(LE);
        let sections = self.sections.iter().filter(|section| is_allocated(section));
        let sections = sections.filter(|section| section.sh_type.get(LE) != SHT_NOBITS);
        let next_section = sections.map(|section| section.sh_offset.get(LE));
        let next_section = next_section.filter(|&offset| offset > table).min();
        let first_load = self.segments.iter().filter(|segment| is_load(segment));
        let first_load = first_load
            .map(file_range)
            .find(|range| range.contains(&table));
        let (Some(section), Some(load)) = (next_section, first_load) else {
            return self.segments.len();
        };
        let bytes = section.min(load.end) - table;
        bytes as usize / size_of::<Segment>()
    }

    fn rebuild(
        &self,
        segment_position: usize,
        image: &ImageSection,
        pieces: &[Piece],
        page_bytes: u64,
    ) -> Result<Vec<u8>, LinkError> {
        let image_segment = self.segments[segment_position];
        let others = self
            .segments
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != segment_position);
        let others = others
            .map(|(_, segment)| segment)
            .filter(|segment| is_load(segment));
        let kept = others.map(file_range).filter(|range| !range.is_empty());
        let kept_end = kept.map(|range| range.end).max().unwrap_or(0);
        if kept_end > image_segment.p_offset.get(LE) {
            return Err(LinkError::Internal(
                "the image is not the last segment".to_owned(),
            ));
        }
        let data = &self.bytes[range_usize(&file_range(&image_segment))];
        let mut out = self.bytes[..kept_end as usize].to_vec();
        let mut offsets = Vec::new();
        for piece in pieces {
            pad(&mut out, page_bytes);
            offsets.push(out.len() as u64);
            let end = (piece.start + piece.file_bytes).min(data.len() as u64);
            let start = piece.start.min(end);
            out.extend_from_slice(&data[range_usize(&(start..end))]);
            pad(&mut out, page_bytes);
        }
        let sections = self.sections_rebuilt(image, pieces, &offsets, &mut out);
        self.write_tables(&mut out, &sections, &{
            let mut segments = self.segments.clone();
            segments.splice(
                segment_position..=segment_position,
                pieces.iter().zip(&offsets).map(|(piece, &offset)| {
                    piece_segment(&image_segment, image.address, piece, offset, page_bytes)
                }),
            );
            segments
        })?;
        Ok(out)
    }

    /// Moves what no segment holds behind the pieces, and describes each piece as a section.
    fn sections_rebuilt(
        &self,
        image: &ImageSection,
        pieces: &[Piece],
        offsets: &[u64],
        out: &mut Vec<u8>,
    ) -> Vec<Section> {
        let mut sections = self.sections.clone();
        let mut loose: Vec<&mut Section> = sections
            .iter_mut()
            .filter(|s| !is_allocated(s) && s.sh_type.get(LE) != SHT_NULL)
            .collect();
        loose.sort_by_key(|section| section.sh_offset.get(LE));
        for section in loose {
            let start = section.sh_offset.get(LE);
            let range = range_usize(&(start..start + section.sh_size.get(LE)));
            pad(out, section.sh_addralign.get(LE).max(1));
            section.sh_offset = U64::new(LE, out.len() as u64);
            out.extend_from_slice(self.bytes.get(range).unwrap_or_default());
        }
        let is_image = |s: &Section| is_allocated(s) && s.sh_addr.get(LE) == image.address;
        let Some(position) = sections.iter().position(is_image) else {
            return sections;
        };
        let model = sections[position];
        let mut parts = pieces.iter().zip(offsets).flat_map(|(piece, &offset)| {
            let start = image.address + piece.start;
            let zeros = piece.memory_bytes - piece.file_bytes;
            [
                (SHT_PROGBITS, start, piece.file_bytes, offset),
                (
                    SHT_NOBITS,
                    start + piece.file_bytes,
                    zeros,
                    offset + piece.file_bytes,
                ),
            ]
        });
        let mut parts =
            parts
                .by_ref()
                .filter(|part| part.2 != 0)
                .map(|(kind, addr, size, offset)| {
                    let mut section = model;
                    section.sh_type = U32::new(LE, kind);
                    section.sh_addr = U64::new(LE, addr);
                    section.sh_size = U64::new(LE, size);
                    section.sh_offset = U64::new(LE, offset);
                    section
                });
        if let Some(first) = parts.next() {
            sections[position] = first;
        }
        sections.extend(parts);
        sections
    }

    /// Writes the section headers at the end, and the file and program headers in their places.
    fn write_tables(
        &self,
        out: &mut Vec<u8>,
        sections: &[Section],
        segments: &[Segment],
    ) -> Result<(), LinkError> {
        if let Some(overlap) = overlap(segments) {
            return Err(LinkError::Internal(overlap));
        }
        let count = |len: usize| u16::try_from(len).unwrap_or(u16::MAX);
        let mut header = self.header;
        // A linker that puts the section headers in front leaves a hole there.
        let old_start = header.e_shoff.get(LE) as usize;
        let old_end = old_start + size_of_val(self.sections.as_slice());
        if let Some(hole) = out.get_mut(old_start..old_end) {
            hole.fill(0);
        }
        if !sections.is_empty() {
            pad(out, align_of::<u64>() as u64);
            header.e_shoff = U64::new(LE, out.len() as u64);
            header.e_shnum = U16::new(LE, count(sections.len()));
            out.extend_from_slice(pod::bytes_of_slice(sections));
        }
        header.e_phnum = U16::new(LE, count(segments.len()));
        let mut segments = segments.to_vec();
        let table_bytes = size_of_val(segments.as_slice()) as u64;
        for segment in &mut segments {
            if segment.p_type.get(LE) == PT_PHDR {
                segment.p_filesz = U64::new(LE, table_bytes);
                segment.p_memsz = U64::new(LE, table_bytes);
            }
        }
        let table = header.e_phoff.get(LE) as usize;
        out[..size_of::<Header>()].copy_from_slice(pod::bytes_of(&header));
        out[table..table + table_bytes as usize].copy_from_slice(pod::bytes_of_slice(&segments));
        Ok(())
    }
}

fn piece_segment(
    model: &Segment,
    address: u64,
    piece: &Piece,
    offset: u64,
    page_bytes: u64,
) -> Segment {
    let mut segment = *model;
    segment.p_offset = U64::new(LE, offset);
    segment.p_vaddr = U64::new(LE, address + piece.start);
    segment.p_paddr = segment.p_vaddr;
    segment.p_filesz = U64::new(LE, piece.file_bytes);
    segment.p_memsz = U64::new(LE, piece.memory_bytes);
    segment.p_align = U64::new(LE, page_bytes);
    segment
}

fn overlap(segments: &[Segment]) -> Option<String> {
    let mut ranges: Vec<(u64, u64)> = segments
        .iter()
        .filter(|segment| is_load(segment))
        .map(|s| (s.p_vaddr.get(LE), s.p_vaddr.get(LE) + s.p_memsz.get(LE)))
        .collect();
    ranges.sort_unstable();
    let clash = ranges.windows(2).find(|pair| pair[0].1 > pair[1].0)?;
    Some(format!("segments overlap at {:#x}", clash[1].0))
}

fn is_load(segment: &Segment) -> bool {
    segment.p_type.get(LE) == PT_LOAD
}

fn is_allocated(section: &Section) -> bool {
    section.sh_flags.get(LE).0 & SHF_ALLOC.0 != 0
}

fn file_range(segment: &Segment) -> Range<u64> {
    let start = segment.p_offset.get(LE);
    start..start.saturating_add(segment.p_filesz.get(LE))
}

fn range_usize(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn pad(out: &mut Vec<u8>, align: u64) {
    out.resize(out.len().next_multiple_of(align as usize), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 0x1000;

    fn image_of(len: usize, used: &[usize]) -> Vec<u8> {
        let mut data = vec![0; len];
        for &at in used {
            data[at] = 1;
        }
        data
    }

    fn pieces(data: &[u8], memory_bytes: u64, pieces_max: usize) -> Vec<(u64, u64, u64)> {
        let pieces = split(data, memory_bytes, PAGE as u64, pieces_max);
        pieces
            .iter()
            .map(|p| (p.start, p.file_bytes, p.memory_bytes))
            .collect()
    }

    #[test]
    fn short_images_are_one_piece() {
        let data = image_of(PAGE + 5, &[0, PAGE + 1]);
        assert_eq!(pieces(&data, 0x10_0000, 8), [(0, 0x2000, 0x10_0000)]);
        let zeros = image_of(3 * PAGE, &[0]);
        assert_eq!(pieces(&zeros, 0x3001, 8), [(0, 0x1000, 0x4000)]);
    }

    #[test]
    fn long_zeros_are_cut() {
        let data = image_of(0x14_0000, &[8, 0x10_0000, 0x13_ffff]);
        assert_eq!(
            pieces(&data, 0x20_0000, 8),
            [
                (0, 0x1000, 0x10_0000),
                (0x10_0000, 0x1000, 0x3_f000),
                (0x13_f000, 0x1000, 0xc_1000)
            ]
        );
    }

    #[test]
    fn the_longest_runs_go_first() {
        let data = image_of(0x14_0000, &[8, 0x10_0000, 0x13_ffff]);
        assert_eq!(
            pieces(&data, 0x20_0000, 2),
            [(0, 0x1000, 0x10_0000), (0x10_0000, 0x4_0000, 0x10_0000)]
        );
        assert_eq!(pieces(&data, 0x20_0000, 1), [(0, 0x14_0000, 0x20_0000)]);
    }

    #[test]
    fn leading_zeros_are_cut() {
        let data = image_of(0x1_1000, &[0x1_0000]);
        assert_eq!(
            pieces(&data, 0x2_0000, 8),
            [(0, 0, 0x1_0000), (0x1_0000, 0x1000, 0x1_0000)]
        );
    }
}
