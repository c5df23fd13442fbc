//! Addresses: where contexts, memories and tables lie in a store.
//!
//! Contexts grow downward from the memory header, what is used most often first, so that globals
//! have the shortest displacements. See `wasmelt_abi::MemoryHeader` for the picture.

use super::{
    ConstantCalls, FuncKind, Image, LinkPlan, OptionsPlan, Reloc, Slot, TableStorage, Value,
};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{FuncId, OptionsId, RegionIndex, SigId};
use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{CanonOptions, DataSegment, MemoryFlags, MemoryHeader, Table, TrapCode};
use wasmparser::ValType;

/// Constant tables get one array a type up to this size, and pairs of pointer and type beyond.
const PER_SIG_BYTES_MAX: u64 = 64 << 10;
/// No part of a context needs more.
const CONTEXT_ALIGN: u64 = 16;

/// The contexts of all regions together take at most this many bytes. Far more than a program has;
/// those of the first region lie between its code and its memory.
const CONTEXT_BYTES_MAX: u64 = 512 << 20;

/// Hands out places below the header of each region.
struct Cursors {
    /// Bytes in use below the pointer.
    used: Vec<u64>,
    /// Of all regions.
    total: u64,
}

impl Cursors {
    fn place(&mut self, region: RegionIndex, bytes: u64, align: u64) -> Slot {
        let used = &mut self.used[region.index()];
        let before = *used;
        *used = (before + bytes).next_multiple_of(align);
        self.total += *used - before;
        // When it is too much, the place is never looked at.
        let offset = i32::try_from(*used).unwrap_or(i32::MAX);
        Slot {
            region,
            offset: -offset,
        }
    }

    fn check(&self) -> Result<()> {
        if self.total <= CONTEXT_BYTES_MAX {
            return Ok(());
        }
        let total = self.total;
        Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "the globals and tables of the program take {total} bytes; \
                 the limit is {CONTEXT_BYTES_MAX}"
            ),
        ))
    }
}

/// Places everything, and fills the images.
///
/// # Errors
/// `Unsupported` when contexts are larger than any program needs.
pub(super) fn lay_out(plan: &mut LinkPlan<'_>) -> Result<()> {
    let mut cursors = Cursors {
        used: vec![size_of::<MemoryHeader>() as u64; plan.regions.len()],
        total: 0,
    };
    place_components(plan, &mut cursors);
    place_globals(plan, &mut cursors);
    if let Some(slot) = &mut plan.profile {
        *slot = cursors.place(RegionIndex(0), 8, 8);
    }
    place_segments(plan, &mut cursors);
    place_tables(plan, &mut cursors);
    place_constant_calls(plan, &mut cursors);
    plan.place_objects(&mut |bytes| cursors.place(RegionIndex(0), bytes, 8));
    cursors.check()?;
    place_regions(plan, &cursors);
    write_headers(plan);
    write_components(plan);
    write_globals(plan);
    plan.write_objects();
    if let Some(slot) = plan.profile {
        let image = &mut plan.regions[slot.region.index()].below;
        image.write_address(slot.offset, Reloc::ProfileCounters);
    }
    write_segments(plan);
    write_tables(plan);
    Ok(())
}

/// Flags of component instances, and canonical options, which have addresses that code can form.
fn place_components(plan: &mut LinkPlan<'_>, cursors: &mut Cursors) {
    // Flags lie where calls of the instance have a pointer anyway.
    let mut regions = vec![None; plan.component_flags.len()];
    for (id, options) in plan.linked.options.iter().enumerate() {
        if options.memory.is_some() {
            let region = plan.options_region(OptionsId::new(id));
            regions[options.instance.index()].get_or_insert(region);
        }
    }
    for (slot, region) in plan.component_flags.iter_mut().zip(regions) {
        *slot = cursors.place(region.unwrap_or(RegionIndex(0)), 8, 8);
    }
    for slot in plan.records.values_mut() {
        *slot = cursors.place(RegionIndex(0), 8, 8);
    }
    let bytes = size_of::<CanonOptions>() as u64;
    for id in 0..plan.option_slots.len() {
        let region = plan.options_region(OptionsId::new(id));
        if let Some(options) = &mut plan.option_slots[id] {
            options.slot = cursors.place(region, bytes, 8);
        }
    }
}

/// Component instances may be entered and left at first.
const COMPONENT_FLAGS: u64 = 3;

fn write_components(plan: &mut LinkPlan<'_>) {
    for slot in &plan.component_flags {
        let image = &mut plan.regions[slot.region.index()].below;
        image.write_u64(slot.offset, COMPONENT_FLAGS);
    }
    for (&record, slot) in &plan.records {
        let image = &mut plan.regions[slot.region.index()].below;
        image.write_address(slot.offset, Reloc::Record(record));
    }
    for (id, options) in plan.option_slots.iter().enumerate() {
        let Some(OptionsPlan { slot, realloc }) = *options else {
            continue;
        };
        let id = OptionsId::new(id);
        let options = plan.linked.option(id);
        let memory_offset = match options.memory {
            Some(_) => plan.regions[plan.options_region(id).index()].memory_offset,
            None => u64::MAX,
        };
        let at = |field: usize| slot.offset + i32::try_from(field).expect("small");
        let image = &mut plan.regions[slot.region.index()].below;
        image.write_u64(at(offset_of!(CanonOptions, memory_offset)), memory_offset);
        if let Some(realloc) = realloc {
            image.write_address(at(offset_of!(CanonOptions, realloc)), Reloc::Code(realloc));
        }
        let instance = options.instance.0.to_le_bytes();
        image.write(at(offset_of!(CanonOptions, instance)), &instance);
        let encoding = (options.encoding as u32).to_le_bytes();
        image.write(at(offset_of!(CanonOptions, encoding)), &encoding);
        let is_async = u32::from(options.is_async).to_le_bytes();
        image.write(at(offset_of!(CanonOptions, is_async)), &is_async);
        let ptr_type = (options.ptr as u32).to_le_bytes();
        image.write(at(offset_of!(CanonOptions, ptr_type)), &ptr_type);
    }
}

fn place_globals(plan: &mut LinkPlan<'_>, cursors: &mut Cursors) {
    let mut placed = vec![false; plan.globals.len()];
    for instance in &plan.instances {
        for global in &instance.globals {
            if std::mem::replace(&mut placed[global.index()], true) {
                continue;
            }
            let global = &mut plan.globals[global.index()];
            if global.slot.is_some() {
                let bytes = if global.ty == ValType::V128 { 16 } else { 8 };
                global.slot = Some(cursors.place(instance.region, bytes, bytes));
            }
        }
    }
}

fn place_segments(plan: &mut LinkPlan<'_>, cursors: &mut Cursors) {
    let bytes = size_of::<DataSegment>() as u64;
    for instance in &mut plan.instances {
        for slot in instance
            .data
            .values_mut()
            .chain(instance.elements.values_mut())
        {
            *slot = cursors.place(instance.region, bytes, 8);
        }
    }
}

fn place_tables(plan: &mut LinkPlan<'_>, cursors: &mut Cursors) {
    for table in &mut plan.tables {
        match &mut table.storage {
            TableStorage::None => {}
            TableStorage::Fixed(slot) => *slot = cursors.place(table.region, table.len * 8, 8),
            TableStorage::Growable(slot) => {
                *slot = cursors.place(table.region, size_of::<Table>() as u64, 8);
            }
        }
    }
}

/// Makes the call side of constant tables.
fn place_constant_calls(plan: &mut LinkPlan<'_>, cursors: &mut Cursors) {
    for index in 0..plan.tables.len() {
        let table = &plan.tables[index];
        if !table.constant || table.called.is_empty() {
            continue;
        }
        let (region, slots) = (table.region, table.slots());
        let called: Vec<SigId> = table.called.iter().copied().collect();
        let functions: Vec<FuncId> = table.elements.iter().filter_map(as_func).collect();
        for func in functions {
            if plan.reachable[func.index()] && plan.region_of(func) != region {
                switched(plan, region, func);
            }
        }
        for code in [TrapCode::BadSignature, TrapCode::IndirectCallToNull] {
            let stub = plan.func_of_kind(FuncKind::TrapStub(code));
            plan.reachable[stub.index()] = true;
        }
        let per_sig = slots * 8 * called.len() as u64;
        plan.tables[index].calls = if per_sig <= PER_SIG_BYTES_MAX || called.len() == 1 {
            let place = |sig| (sig, cursors.place(region, slots * 8, 8));
            ConstantCalls::PerSig(called.into_iter().map(place).collect::<BTreeMap<_, _>>())
        } else {
            ConstantCalls::Tagged(cursors.place(region, slots * 16, 16))
        };
    }
}

fn as_func(value: &Value) -> Option<FuncId> {
    match *value {
        Value::RefFunc(func) => Some(func),
        _ => None,
    }
}

/// The function that `func` is for callers that pass the pointer of `from`.
fn switched(plan: &mut LinkPlan<'_>, from: RegionIndex, func: FuncId) -> FuncId {
    let sig = plan
        .sig_of(func)
        .expect("functions in tables have wasm types");
    let id = plan.func_of_kind(FuncKind::Switch {
        from,
        target: func,
        sig,
    });
    plan.reachable[id.index()] = true;
    id
}

fn place_regions(plan: &mut LinkPlan<'_>, cursors: &Cursors) {
    let page_bytes = plan.target.page_bytes;
    let mut offset = 0;
    for (region, &used) in plan.regions.iter_mut().zip(&cursors.used) {
        region.below_bytes = used.next_multiple_of(page_bytes);
        region.memory_offset = offset + region.below_bytes;
        let reserved = region
            .memory
            .map_or(0, |m| plan.memories[m.index()].bytes_reserved);
        offset = (region.memory_offset + reserved).next_multiple_of(page_bytes);
        let used = used.next_multiple_of(CONTEXT_ALIGN);
        region.below = Image {
            bytes: vec![0; usize::try_from(used).expect("64-bit host")],
            relocs: Vec::new(),
        };
    }
    plan.store_bytes = offset;
}

fn write_headers(plan: &mut LinkPlan<'_>) {
    let at = |field: usize| {
        i32::try_from(field).expect("small")
            - i32::try_from(size_of::<MemoryHeader>()).expect("small")
    };
    let funcrefs = !plan.funcrefs.is_empty() && plan.heap_plan.is_none();
    for region in &mut plan.regions {
        if funcrefs {
            region
                .below
                .write_address(at(offset_of!(MemoryHeader, funcrefs)), Reloc::FuncRef(0));
        }
        let Some(memory) = region.memory.map(|m| &plan.memories[m.index()]) else {
            continue;
        };
        // Two fields of 32 bits.
        let flags = (u32::from(memory.shared) * MemoryFlags::SHARED)
            | (u32::from(memory.is_common) * MemoryFlags::COMMON);
        let flags = u64::from(flags) | u64::from(memory.page_bytes_log2) << 32;
        let fields = [
            (offset_of!(MemoryHeader, flags), flags),
            (offset_of!(MemoryHeader, bytes_max), memory.bytes_max),
            (
                offset_of!(MemoryHeader, bytes_reserved),
                memory.bytes_reserved,
            ),
            (offset_of!(MemoryHeader, bytes), memory.bytes),
        ];
        for (field, value) in fields {
            region.below.write_u64(at(field), value);
        }
    }
}

fn write_globals(plan: &mut LinkPlan<'_>) {
    for global in &plan.globals {
        let Some(slot) = global.slot else { continue };
        let word = plan.reference(global.init);
        let image = &mut plan.regions[slot.region.index()].below;
        match global.init {
            Value::I32(v) => image.write(slot.offset, &v.to_le_bytes()),
            Value::I64(v) => image.write(slot.offset, &v.to_le_bytes()),
            Value::F32(v) => image.write(slot.offset, &v.to_le_bytes()),
            Value::F64(v) => image.write(slot.offset, &v.to_le_bytes()),
            Value::V128(v) => image.write(slot.offset, &v.to_le_bytes()),
            _ => image.write_reference(slot.offset, word),
        }
    }
}

fn write_segments(plan: &mut LinkPlan<'_>) {
    let start = offset_of!(DataSegment, start);
    let len = offset_of!(DataSegment, len);
    let at = |slot: Slot, field: usize| slot.offset + i32::try_from(field).expect("small");
    for (index, instance) in plan.instances.iter().enumerate() {
        let module = plan.units[instance.unit].module;
        for (&segment, &slot) in &instance.data {
            let image = &mut plan.regions[slot.region.index()].below;
            image.write_address(
                at(slot, start),
                Reloc::Data {
                    unit: instance.unit,
                    segment,
                },
            );
            let bytes = module.data[segment.index()].bytes.len() as u64;
            let dropped = is_folded(&module.data[segment.index()].mode, instance, segment);
            image.write_u64(at(slot, len), if dropped { 0 } else { bytes });
        }
        for (&segment, &slot) in &instance.elements {
            let image = &mut plan.regions[slot.region.index()].below;
            let instance_index = crate::index::InstanceIndex::new(index);
            let target = Reloc::Elements {
                instance: instance_index,
                segment,
            };
            image.write_address(at(slot, start), target);
            let element = &module.elements[segment.index()];
            let dropped = match element.mode {
                crate::parse::SegmentMode::Passive => false,
                crate::parse::SegmentMode::Declared => true,
                crate::parse::SegmentMode::Active { .. } => !instance.steps.iter().any(
                    |s| matches!(s, super::InitStep::Elements { segment: s, .. } if *s == segment),
                ),
            };
            image.write_u64(
                at(slot, len),
                if dropped {
                    0
                } else {
                    element.items.len() as u64
                },
            );
        }
    }
}

/// An active segment that has been applied when compiling counts as dropped.
fn is_folded(
    mode: &crate::parse::SegmentMode<crate::index::MemoryIndex>,
    instance: &super::Instance,
    segment: crate::index::DataIndex,
) -> bool {
    matches!(mode, crate::parse::SegmentMode::Active { .. })
        && !instance
            .steps
            .iter()
            .any(|s| matches!(s, super::InitStep::Data { segment: s, .. } if *s == segment))
}

fn write_tables(plan: &mut LinkPlan<'_>) {
    for index in 0..plan.tables.len() {
        write_storage(plan, index);
        match plan.tables[index].calls.clone() {
            ConstantCalls::None => {}
            ConstantCalls::PerSig(slots) => {
                for (sig, slot) in slots {
                    for position in 0..plan.tables[index].slots() {
                        let func = call_target(plan, index, position, Some(sig));
                        let offset = element_offset(slot, position, 8);
                        let image = &mut plan.regions[slot.region.index()].below;
                        image.write_address(offset, Reloc::Code(func));
                    }
                }
            }
            ConstantCalls::Tagged(slot) => {
                for position in 0..plan.tables[index].slots() {
                    let func = call_target(plan, index, position, None);
                    let offset = element_offset(slot, position, 16);
                    let tag = element(plan, index, position)
                        .and_then(|f| plan.sig_of(f))
                        .map_or(u64::MAX, |sig| u64::from(plan.heap.number_of(sig)));
                    let image = &mut plan.regions[slot.region.index()].below;
                    image.write_address(offset, Reloc::Code(func));
                    image.write_u64(offset + 8, tag);
                }
            }
        }
    }
}

fn element_offset(slot: Slot, position: u64, bytes: u64) -> i32 {
    slot.offset + i32::try_from(position * bytes).expect("contexts are far below 2 GiB")
}

fn element(plan: &LinkPlan<'_>, table: usize, position: u64) -> Option<FuncId> {
    let table = &plan.tables[table];
    let position = usize::try_from(position).expect("64-bit host");
    as_func(table.elements.get(position).unwrap_or(&table.fill))
}

/// What a constant table's slot calls: the element, or the stub with the trap that calling it
/// through type `sig` gives.
fn call_target(plan: &LinkPlan<'_>, table: usize, position: u64, sig: Option<SigId>) -> FuncId {
    let stub = |code| plan.entries[&FuncKind::TrapStub(code)];
    let region = plan.tables[table].region;
    match element(plan, table, position) {
        None => stub(TrapCode::IndirectCallToNull),
        Some(func) if sig.is_some_and(|sig| !plan.has_type(func, sig)) => {
            stub(TrapCode::BadSignature)
        }
        // Of a type that nothing calls the table through.
        Some(func) if !plan.reachable[func.index()] => stub(TrapCode::BadSignature),
        Some(func) if plan.region_of(func) == region => func,
        Some(func) => {
            let sig = plan
                .sig_of(func)
                .expect("functions in tables have wasm types");
            plan.entries[&FuncKind::Switch {
                from: region,
                target: func,
                sig,
            }]
        }
    }
}

fn write_storage(plan: &mut LinkPlan<'_>, index: usize) {
    let table = &plan.tables[index];
    match table.storage {
        TableStorage::None => {}
        TableStorage::Fixed(slot) => {
            for position in 0..table.slots() {
                let table = &plan.tables[index];
                let at = usize::try_from(position).expect("64-bit host");
                let value = *table.elements.get(at).unwrap_or(&table.fill);
                let offset = element_offset(slot, position, 8);
                let word = plan.reference(value);
                let image = &mut plan.regions[slot.region.index()].below;
                image.write_reference(offset, word);
            }
        }
        TableStorage::Growable(slot) => {
            let at = |field: usize| slot.offset + i32::try_from(field).expect("small");
            let image = &mut plan.regions[slot.region.index()].below;
            image.write_u64(at(offset_of!(Table, len)), table.len);
            image.write_u64(at(offset_of!(Table, len_max)), table.len_max);
        }
    }
}
