//! What the collector knows of the program: `wasmelt_abi::GcProgram` and what it points to.

use super::program::{Items, Writer};
use crate::plan::TypeKind;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{GC_ARRAY, GC_ARRAY_OF_REFERENCES, GC_STRUCT, GcProgram, GcType};

impl Writer<'_> {
    /// Of a program with types of objects: the offset of its `GcProgram`.
    pub(super) fn write_heap(&mut self) -> Option<u64> {
        self.plan.heap_plan?;
        let (types, offsets) = self.write_heap_types();
        let at = self.blob.reserve(size_of::<GcProgram>());
        self.slice(at + offset_of!(GcProgram, types) as u64, types);
        let field = at + offset_of!(GcProgram, reference_offsets) as u64;
        self.slice(field, offsets);
        self.blob.set_u64(
            at + offset_of!(GcProgram, heap_bytes_max) as u64,
            self.options.gc_heap_bytes_max.unwrap_or(u64::MAX),
        );
        Some(at)
    }

    fn write_heap_types(&mut self) -> (Items, Items) {
        let plan = self.plan;
        let types = &plan.heap.types;
        let mut offsets: Vec<u32> = Vec::new();
        // That of number 0 is not used.
        let count = types.len() + plan.heap.exceptions().len() + 1;
        let array = self.array(count, size_of::<GcType>());
        for (at, &id) in (1..).zip(types) {
            let first = u32::try_from(offsets.len()).expect("types are limited");
            let (kind, bytes) = match &plan.sigs.types()[id.index()].kind {
                TypeKind::Array(field) => {
                    let kind = match plan.is_followed(field) {
                        true => GC_ARRAY_OF_REFERENCES,
                        false => GC_ARRAY,
                    };
                    (kind, 1 << plan.heap.element_log2(id))
                }
                TypeKind::Struct(fields) => {
                    let layout = plan.heap.struct_layout(id);
                    offsets.extend(plan.followed_offsets(fields, layout));
                    (GC_STRUCT, layout.bytes)
                }
                TypeKind::Func(_) => unreachable!("functions are no objects"),
            };
            let at = array + at * size_of::<GcType>() as u64;
            self.write_heap_type(at, [kind, bytes, first], &offsets);
        }
        for exception in plan.heap.exceptions() {
            let first = u32::try_from(offsets.len()).expect("tags are limited");
            let layout = &exception.layout;
            offsets.extend(plan.followed_offsets(&exception.fields, layout));
            let at = array + u64::from(exception.number) * size_of::<GcType>() as u64;
            self.write_heap_type(at, [GC_STRUCT, layout.bytes, first], &offsets);
        }
        let len = offsets.len();
        let offsets = self.blob.u32s(offsets);
        ((Some(array), count), (Some(offsets), len))
    }

    /// Those of `offsets` from `first` on are the type's.
    fn write_heap_type(&mut self, at: u64, [kind, bytes, first]: [u32; 3], offsets: &[u32]) {
        let own = u32::try_from(offsets.len()).expect("types are limited") - first;
        let fields = [
            (offset_of!(GcType, kind), kind),
            (offset_of!(GcType, bytes), bytes),
            (offset_of!(GcType, first_offset), first),
            (offset_of!(GcType, offsets), own),
        ];
        for (field, value) in fields {
            self.blob.set_u32(at + field as u64, value);
        }
    }
}
