//! The executable's file as the source of stores: the parts of it that are the image are mapped
//! into each store, and what a guest only reads of them is in memory once for all stores and
//! processes.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use super::pages::PAGE_BYTES;
use super::process::segments;
use crate::sys::executable::Segment;
use wasmelt_abi::Program;

/// A smaller image is copied: that is sooner done than pages are mapped.
const IMAGE_BYTES_MIN: u64 = 128 << 10;

/// The same for a part of it. A process may have 65,530 mappings, and each store has two a part.
const PART_BYTES_MIN: u64 = 64 << 10;
const PARTS_MAX: usize = 16;

/// Whole pages of the image that the file has one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part {
    /// Where they begin in the image.
    pub(super) at: usize,
    pub(super) len: usize,
    /// Where they begin in the file.
    offset: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct ImageFile {
    file: OwnedFd,
    /// In ascending order.
    parts: Vec<Part>,
}

impl ImageFile {
    /// The file of a program with a large image. Nothing where the system does not show it, or
    /// shows another one, as for an executable that has been packed.
    pub(super) fn open(program: &'static Program) -> Option<ImageFile> {
        if program.image_mapped_bytes < IMAGE_BYTES_MIN {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::open("/proc/self/exe", flags, Mode::empty()).ok()?;
        let parts = parts(segments(), program.image_store_base, image_bytes(program));
        let image = ImageFile { file, parts };
        let is_it =
            !image.parts.is_empty() && image.parts.iter().all(|part| image.has(program, *part));
        is_it.then_some(image)
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether the file has what the image has, at both ends of a part.
    fn has(&self, program: &'static Program, part: Part) -> bool {
        let page = PAGE_BYTES as usize;
        [0, part.len - page].into_iter().all(|at| {
            let mut found = [0; PAGE_BYTES as usize];
            let address = program.image_store_base as usize + part.at + at;
            let start = std::ptr::with_exposed_provenance::<u8>(address);
            // SAFETY: the kernel has mapped this much of the image, which nothing changes.
            let expected = unsafe { std::slice::from_raw_parts(start, page) };
            let count = rustix::io::pread(&self.file, &mut found, part.offset + at as u64);
            count == Ok(page) && found == expected
        })
    }

    /// Maps the parts into a store.
    ///
    /// # Safety
    /// `start` is where the first region begins in the reservation of a store that nothing uses.
    pub(super) unsafe fn map(&self, start: *mut u8) -> Result<(), Errno> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        for part in &self.parts {
            let to = start.wrapping_add(part.at).cast();
            // SAFETY: the caller vouches for the region, and the image is a part of it.
            unsafe { rustix::mm::mmap(to, part.len, access, flags, &self.file, part.offset)? };
        }
        Ok(())
    }
}

/// Bytes of the image that are mapped: whole pages.
pub(super) fn image_bytes(program: &Program) -> u64 {
    program.image_mapped_bytes.next_multiple_of(PAGE_BYTES)
}

/// The largest parts of an image that segments have, by whole pages.
fn parts(segments: impl Iterator<Item = Segment>, image: u64, image_bytes: u64) -> Vec<Part> {
    let within = segments.filter_map(|segment| {
        let address = (segment.start as u64)
            .max(image)
            .next_multiple_of(PAGE_BYTES);
        let end = (segment.end() as u64).min(image + image_bytes);
        let len = end.checked_sub(address)? / PAGE_BYTES * PAGE_BYTES;
        let offset = segment.offset + (address - segment.start as u64);
        let is_whole = offset.is_multiple_of(PAGE_BYTES);
        (is_whole && len >= PART_BYTES_MIN).then_some(Part {
            at: (address - image) as usize,
            len: len as usize,
            offset,
        })
    });
    // They are few, and in order: to sort them would take more code than all else here.
    let mut parts: Vec<Part> = Vec::new();
    for part in within {
        let place = parts.iter().rposition(|other| other.at < part.at);
        parts.insert(place.map_or(0, |before| before + 1), part);
        if parts.len() > PARTS_MAX
            && let Some(smallest) = (0..parts.len()).min_by_key(|index| parts[*index].len)
        {
            parts.remove(smallest);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    fn segment(address: u64, offset: u64, file_bytes: u64) -> Segment {
        Segment {
            start: address as usize,
            len: file_bytes as usize,
            offset,
        }
    }

    fn found(segments: &[Segment]) -> Vec<(u64, u64, u64)> {
        let image = 1 << 30;
        let parts = parts(segments.iter().copied(), image, 1024 * KIB);
        let plain = |part: &Part| (part.at as u64, part.len as u64, part.offset);
        parts.iter().map(plain).collect()
    }

    #[test]
    fn parts_are_whole_pages_of_the_image() {
        let image = 1 << 30;
        let all = [
            // Before the image, and behind it.
            segment(image - 512 * KIB, 0, 512 * KIB),
            segment(image + 1024 * KIB, 64 * KIB, 512 * KIB),
            // Its end is not a whole page.
            segment(image, 4096, 100 * KIB + 5),
            // Too little.
            segment(image + 128 * KIB, 4096, 63 * KIB),
            // More than the image.
            segment(image + 256 * KIB, 512 * KIB, 1024 * KIB),
        ];
        let expected = [(0, 100 * KIB, 4096), (256 * KIB, 768 * KIB, 512 * KIB)];
        assert_eq!(found(&all), expected);
        assert_eq!(found(&[segment(image, 100, 512 * KIB)]), []);
    }

    #[test]
    fn parts_are_few() {
        let image = 1 << 30;
        let all: Vec<Segment> = (0..20)
            .map(|index| {
                segment(
                    image + index * 48 * KIB,
                    index * 48 * KIB,
                    64 * KIB + index % 2 * 4 * KIB,
                )
            })
            .collect();
        let parts = found(&all);
        assert_eq!(parts.len(), PARTS_MAX);
        assert!(parts.is_sorted());
        assert_eq!(parts.iter().filter(|part| part.1 > 64 * KIB).count(), 10);
    }
}
