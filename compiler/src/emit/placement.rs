//! Where the contents of the first region go.

use crate::options::Options;
use crate::plan::LinkPlan;
use crate::target::System;
use std::ops::Range;

/// A first region with up to this many bytes of contents is copied at the start: the kernel takes
/// longer to set up mappings of a file.
const COPIED_BYTES_MAX: u64 = 16 << 10;

/// Whether the first region's contents are mapped from the executable rather than copied.
pub(super) fn image_is_mapped(plan: &LinkPlan<'_>, options: &Options) -> bool {
    // Of a library there are many stores, and nobody knows where; threads have one each. Nor does
    // anybody know where executables of other systems have room, or where one is that may be anywhere.
    if plan.is_library()
        || plan.threads.is_some()
        || plan.target.system != System::Linux
        || options.position_independent
    {
        return false;
    }
    // References to objects of the image are constants. A server makes one store after the other in
    // that place, and in objects nobody knows where the image is.
    if plan.heap_plan.is_some() {
        return plan.server.is_none() && !options.portable_object;
    }
    let region = &plan.regions[0];
    let image = region.memory.map_or(0, |m| {
        plan.memories[m.index()].trimmed_image().1.len() as u64
    });
    region.below.bytes.len() as u64 + image > COPIED_BYTES_MAX
}

/// Of a larger memory, the kernel maps this much as part of the executable, for which it wants to
/// have memory; the rest is reserved at the start.
const MAPPED_BYTES_MAX: u64 = 4 << 30;

/// Bytes of the first region, from its contexts on, that are mapped when its contents are.
pub(super) fn mapped_bytes(plan: &LinkPlan<'_>) -> u64 {
    let region = &plan.regions[0];
    let memory_bytes = region.memory.map_or(0, |m| plan.memories[m.index()].bytes);
    region.below_bytes + memory_bytes.min(MAPPED_BYTES_MAX)
}

/// Shorter runs of zeros are as well copied as left out.
const ZERO_RUN_BYTES_MIN: usize = 32 << 10;

/// The pages of the first region's memory that are not zero, where they are mapped: offset from the
/// region's first byte, and bytes.
pub(super) fn parts(plan: &LinkPlan<'_>) -> Vec<(u64, Vec<u8>)> {
    let region = &plan.regions[0];
    let Some(memory) = region.memory else {
        return Vec::new();
    };
    let memory = &plan.memories[memory.index()];
    let image = &memory.image;
    let page = usize::try_from(plan.target.page_bytes).expect("64-bit host");
    let zeros = vec![0; page];
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let chunks = image.chunks(page).enumerate();
    for (number, chunk) in chunks.skip(memory.image_start / page) {
        let (start, end) = (number * page, number * page + chunk.len());
        if *chunk == zeros[..chunk.len()] {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if start - last.end < ZERO_RUN_BYTES_MIN => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    let part = |range: Range<usize>| {
        let offset = region.below_bytes + range.start as u64;
        (offset, image[range].to_vec())
    };
    ranges.into_iter().map(part).collect()
}
