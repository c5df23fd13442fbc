//! How an image's bytes are cut at long runs of zeros.

use std::ops::Range;

/// Runs of zeros shorter than this stay in the file: each cut costs two mappings at start-up.
const ZERO_RUN_BYTES_MIN: u64 = 0x8000;

/// More pieces than this are not made.
pub(crate) const PIECES_MAX: usize = 8;

/// Part of the image: bytes of the file, then zeros. All three are multiples of the page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Offset from the image's first byte.
    pub(crate) start: u64,
    pub(crate) file_bytes: u64,
    pub(crate) memory_bytes: u64,
}

/// The image's bytes: whole pages that a linker has seen, and parts behind them that begin with a
/// page. What is between them is zero.
pub(crate) struct ImageBytes<'a> {
    pub(crate) head: &'a [u8],
    pub(crate) parts: &'a [(u64, Vec<u8>)],
}

impl ImageBytes<'_> {
    pub(crate) fn len(&self) -> u64 {
        let last = self.parts.last();
        last.map_or(self.head.len() as u64, |(start, bytes)| {
            start + bytes.len() as u64
        })
    }

    /// Head and parts with their offsets.
    fn all(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let parts = self.parts.iter();
        let parts = parts.map(|(start, bytes)| (*start as usize, bytes.as_slice()));
        std::iter::once((0, self.head)).chain(parts)
    }

    /// Appends the bytes in a range, which may end behind the last one.
    pub(crate) fn append(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let end = range.end.min(self.len()) as usize;
        let start = (range.start as usize).min(end);
        let base = out.len();
        for (at, bytes) in self.all() {
            let wanted = start.max(at)..end.min(at + bytes.len());
            if !wanted.is_empty() {
                out.resize(base + wanted.start - start, 0);
                out.extend_from_slice(&bytes[wanted.start - at..wanted.end - at]);
            }
        }
        out.resize(base + end - start, 0);
    }
}

/// Cuts at the longest runs of zero pages, into at most `pieces_max` pieces.
pub(crate) fn split(
    data: &ImageBytes<'_>,
    memory_bytes: u64,
    page_bytes: u64,
    pieces_max: usize,
) -> Vec<Piece> {
    let page = page_bytes as usize;
    let memory_bytes = memory_bytes.next_multiple_of(page_bytes);
    let zeros = vec![0; page];
    let is_zero = |chunk: &[u8]| *chunk == zeros[..chunk.len()];
    // Pages that hold anything, as ranges of page numbers.
    let mut used: Vec<Range<usize>> = Vec::new();
    let pages = data.all().flat_map(|(start, bytes)| {
        let chunks = bytes.chunks(page).enumerate();
        chunks.map(move |(number, chunk)| (start / page + number, chunk))
    });
    for (number, _) in pages.filter(|(_, chunk)| !is_zero(chunk)) {
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
        let page = PAGE as u64;
        let whole = ImageBytes {
            head: data,
            parts: &[],
        };
        let (head, tail) = data.split_at(PAGE);
        let parts: Vec<(u64, Vec<u8>)> = tail
            .chunks(2 * PAGE)
            .enumerate()
            .filter(|(_, part)| part.iter().any(|&byte| byte != 0))
            .map(|(number, part)| (((1 + 2 * number) * PAGE) as u64, part.to_vec()))
            .collect();
        let parts = ImageBytes {
            head,
            parts: &parts,
        };
        let pieces = split(&parts, memory_bytes, page, pieces_max);
        assert_eq!(pieces, split(&whole, memory_bytes, page, pieces_max));
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

    #[test]
    fn ranges_span_all_parts() {
        let data = ImageBytes {
            head: b"abcd",
            parts: &[(4, b"ef".to_vec()), (8, b"gh".to_vec())],
        };
        for (range, expected) in [
            (0..4, "abcd"),
            (2..6, "cdef"),
            (4..9, "ef\0\0g"),
            (6..7, "\0"),
            (7..12, "\0gh"),
            (0..10, "abcdef\0\0gh"),
            (11..13, ""),
            (1..1, ""),
        ] {
            let mut out = Vec::new();
            data.append(range, &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }
}
