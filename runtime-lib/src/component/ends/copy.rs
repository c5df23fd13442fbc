//! Copies of elements between the buffers of two guests.

use super::buffer::Buffer;
use crate::component::dynamic::transfer_elements;
use crate::vm::bytes;

/// `dst.write(src.read(count))`. It may call `realloc` of the guest that reads.
///
/// Differs from the spec: where elements are lifted and lowered, each is lowered before the next
/// is lifted, so that nothing grows with their number. Only a trap can tell.
pub(super) fn copy(from: &mut Buffer, to: &mut Buffer, count: u32) {
    if let (Some(element), Some(_)) = (from.element, to.element) {
        if element.is_number() {
            let bytes = element.bytes(from.ptr_type());
            copy_bytes(from, to, count as usize * bytes as usize);
        } else {
            let (source, target) = (&mut from.call(), &mut to.call());
            let places = (from.at, to.at);
            transfer_elements(source, target, element, places, count);
        }
    }
    from.advance(count);
    to.advance(count);
}

fn copy_bytes(from: &Buffer, to: &Buffer, len: usize) {
    // SAFETY: `check` found the elements that are left to be inside the memories, which never
    // shrink; no reference to them exists while the guest waits for this copy.
    unsafe {
        let source = from.memory.add(from.at as usize);
        bytes::copy(to.memory.add(to.at as usize), source, len);
    }
}
