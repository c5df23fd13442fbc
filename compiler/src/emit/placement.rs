//! Where the contents of the first region go.

use crate::plan::LinkPlan;
use crate::target::System;

/// Virtual address at which the first memory begins: above any executable's own code and data,
/// with room for a memory to grow below the next GiB, so that few page tables are needed, and with
/// the contexts below it in the same 2 MiB.
pub(super) const MEMORY_ADDRESS: u64 = 0x3c01_0000;

/// A first region with up to this many bytes of contents is copied at the start: the kernel takes
/// longer to set up mappings of a file.
const COPIED_BYTES_MAX: u64 = 16 << 10;

/// Whether the first region's contents are mapped from the executable rather than copied.
pub(super) fn image_is_mapped(plan: &LinkPlan<'_>) -> bool {
    // Of a library there are many stores, and nobody knows where. Nor does anybody know where
    // executables of other systems have room.
    if plan.is_library() || plan.target.system != System::Linux {
        return false;
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
