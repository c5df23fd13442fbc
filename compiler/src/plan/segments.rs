//! Active segments: applied when compiling where no code can tell, else left as steps.
//!
//! A segment is applied here when it goes to a memory or table that its own instance defines, or
//! when no code of the program has run before it. From the first segment of an instance that has
//! to wait, the others of that instance wait too, so that their order stays. One behind a large gap
//! waits as well: see `gaps`.

use super::{InitStep, Instance, LinkPlan, Memory, Purpose, Slot, Table, Value};
use crate::index::{DataIndex, ElemIndex, InstanceIndex, TableId};
use crate::parse::{ConstExpr, Module, SegmentMode};
use wasmelt_abi::TrapCode;

/// Initial memory is part of the executable up to here; segments behind are copied at the start.
const IMAGE_BYTES_MAX: u64 = 256 << 20;

impl LinkPlan<'_> {
    /// Applies the active segments of an instance in order: elements, then data. `code_ran` says
    /// that code of the program may have run before.
    pub(super) fn apply_segments(
        &mut self,
        index: InstanceIndex,
        module: &Module<'_>,
        code_ran: bool,
    ) {
        let foreign = !code_ran && self.purpose != Purpose::Script;
        for (position, element) in module.elements.iter().enumerate() {
            let SegmentMode::Active { target, offset } = &element.mode else {
                continue;
            };
            let offset = self.segment_offset(index, offset);
            let table = self.instances[index.index()].tables[target.index()];
            let own = target.index() >= module.tables_imported;
            let segment = ElemIndex::new(position);
            if !self.instances[index.index()].steps.is_empty() || !(own || foreign) {
                self.apply_elements_later(index, table, segment, offset);
                continue;
            }
            let end = offset.checked_add(element.items.len() as u64);
            if end.is_none_or(|end| end > self.tables[table.index()].len) {
                return self.instances[index.index()].trap(TrapCode::TableAccessOutOfBounds);
            }
            let gap = offset.saturating_sub(self.tables[table.index()].elements.len() as u64);
            if !self.gaps.take_slots(gap) {
                self.apply_elements_later(index, table, segment, offset);
                continue;
            }
            let items = element.items.iter();
            let values: Vec<Value> = items.map(|item| self.evaluate(index, item)).collect();
            self.tables[table.index()].write(offset, &values);
        }
        for (position, data) in module.data.iter().enumerate() {
            let SegmentMode::Active { target, offset } = &data.mode else {
                continue;
            };
            let offset = self.segment_offset(index, offset);
            let memory = self.instances[index.index()].memories[target.index()];
            let own = target.index() >= module.memories_imported;
            let end = offset.checked_add(data.bytes.len() as u64);
            let fits = end.is_some_and(|end| end <= self.memories[memory.index()].bytes);
            let segment = DataIndex::new(position);
            let gap = offset.saturating_sub(self.memories[memory.index()].image.len() as u64);
            let instance = &mut self.instances[index.index()];
            let waits = !instance.steps.is_empty() || !(own || foreign);
            let is_far = end.is_some_and(|end| end > IMAGE_BYTES_MAX);
            if waits || (fits && (is_far || !self.gaps.take_bytes(gap))) {
                instance.data.insert(segment, Slot::UNPLACED);
                instance.steps.push(InitStep::Data {
                    memory,
                    segment,
                    offset,
                });
                continue;
            }
            if !fits {
                return instance.trap(TrapCode::MemoryOutOfBounds);
            }
            self.memories[memory.index()].write(offset, data.bytes);
        }
    }

    fn apply_elements_later(
        &mut self,
        index: InstanceIndex,
        table: TableId,
        segment: ElemIndex,
        offset: u64,
    ) {
        let instance = &mut self.instances[index.index()];
        instance.elements.insert(segment, Slot::UNPLACED);
        instance.steps.push(InitStep::Elements {
            table,
            segment,
            offset,
        });
    }

    fn segment_offset(&mut self, index: InstanceIndex, expr: &ConstExpr) -> u64 {
        match self.evaluate(index, expr) {
            Value::I32(v) => u64::from(v.cast_unsigned()),
            Value::I64(v) => v.cast_unsigned(),
            _ => unreachable!("validated: offsets are integers"),
        }
    }
}

impl Instance {
    /// Instantiation ends here.
    fn trap(&mut self, code: TrapCode) {
        self.steps.push(InitStep::Trap(code));
    }
}

impl Table {
    fn write(&mut self, offset: u64, values: &[Value]) {
        let start = usize::try_from(offset).expect("within the table");
        let end = start + values.len();
        if self.elements.len() < end {
            self.elements.resize(end, self.fill);
        }
        self.elements[start..end].copy_from_slice(values);
    }
}

impl Memory {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let start = usize::try_from(offset).expect("within the memory");
        let end = start + bytes.len();
        self.image_start = match self.image.is_empty() {
            true => start,
            false => self.image_start.min(start),
        };
        if self.image.len() < end {
            grow(&mut self.image, end);
        }
        self.image[start..end].copy_from_slice(bytes);
    }
}

/// A gap of at least this many bytes is asked of the system, whose memory is zero as it comes.
const GAP_BYTES_MIN: usize = 1 << 20;

/// Lengthens an image with zeros. Of a large gap, which a stack in front of all data makes, nothing is
/// touched, so that it takes no memory.
fn grow(image: &mut Vec<u8>, len: usize) {
    let gap = len - image.len();
    if gap < GAP_BYTES_MIN.max(image.len()) {
        return image.resize(len, 0);
    }
    let mut larger = vec![0; len];
    larger[..image.len()].copy_from_slice(image);
    *image = larger;
}
