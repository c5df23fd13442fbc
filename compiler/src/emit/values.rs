//! Values of locals in machine code, for debuggers: labels that Cranelift carries along, and what has
//! become of them.

use super::inlined::{Inlined, KnownValue, real};
use cranelift_codegen::ir::{
    Function, RelSourceLoc, Value, ValueDef, ValueLabel, ValueLabelAssignments, ValueLabelStart,
};
use cranelift_codegen::{CompiledCode, LabelValueLoc};
use cranelift_entity::packed_option::ReservedValue;
use regalloc2::{Allocation, PReg, RegClass};
use std::collections::{BTreeMap, HashMap};
use wasmelt_registers::Labelled;

use crate::target::Arch;

/// Where a value is, in a part of a function's code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValuePlace {
    /// Its position in [`Inlined::values`].
    pub value: u32,
    pub start: u32,
    pub end: u32,
    pub place: Holder,
}

/// What holds a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Holder {
    /// By the number that DWARF gives it.
    Register(u16),
    /// The stack, so many bytes from the frame pointer.
    Frame(i32),
}

/// The values themselves where there are aliases of them: optimising forgets those.
pub fn resolve(func: &Function, inlined: &mut Inlined) {
    for known in &mut inlined.values {
        // Code that is kept refers to all of them by position.
        known.value = real(func, known.value).unwrap_or(Value::reserved_value());
    }
}

/// Labels the values with their positions. Where one is not in the code any more, one that was found
/// to be equal takes its place.
pub fn label(func: &mut Function, values: &[KnownValue]) {
    if values.is_empty() {
        return;
    }
    let mut labels: BTreeMap<Value, Vec<u32>> = BTreeMap::new();
    let mut gone: HashMap<Value, Vec<u32>> = HashMap::new();
    for (position, known) in values.iter().enumerate() {
        let position = u32::try_from(position).expect("fewer than instructions");
        match is_in_code(func, known.value) {
            true => labels.entry(known.value).or_default().push(position),
            false => gone.entry(known.value).or_default().push(position),
        }
    }
    if !gone.is_empty() {
        let classes = Classes::of(func);
        let mut of_class: HashMap<Value, Vec<u32>> = HashMap::new();
        for (value, positions) in gone {
            of_class
                .entry(classes.find(value))
                .or_default()
                .extend(positions);
        }
        for value in func.dfg.values() {
            if let Some(positions) = of_class.get(&classes.find(value))
                && is_in_code(func, value)
            {
                labels.entry(value).or_default().extend(positions);
            }
        }
    }
    let starts = |positions: Vec<u32>| {
        let starts = positions.into_iter().map(|position| ValueLabelStart {
            from: RelSourceLoc::default(),
            label: ValueLabel::from_u32(position),
        });
        ValueLabelAssignments::Starts(starts.collect())
    };
    let labels = labels
        .into_iter()
        .map(|(value, positions)| (value, starts(positions)));
    func.dfg.values_labels = Some(labels.collect());
}

fn is_in_code(func: &Function, value: Value) -> bool {
    if !func.dfg.value_is_real(value) {
        return false;
    }
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => func.layout.inst_block(inst).is_some(),
        ValueDef::Param(block, _) => func.layout.is_block_inserted(block),
        ValueDef::Union(..) => false,
    }
}

/// Values that optimising has found to be equal.
struct Classes(HashMap<Value, Value>);

impl Classes {
    fn of(func: &Function) -> Classes {
        let mut classes = Classes(HashMap::new());
        for value in func.dfg.values() {
            if func.dfg.value_is_real(value)
                && let ValueDef::Union(left, right) = func.dfg.value_def(value)
            {
                // The newest stands for all: unions are made of older values.
                for part in [left, right] {
                    let part = classes.find(part);
                    if part != value {
                        classes.0.insert(part, value);
                    }
                }
            }
        }
        classes
    }

    fn find(&self, mut value: Value) -> Value {
        while let Some(&next) = self.0.get(&value) {
            value = next;
        }
        value
    }
}

/// Where the values are whose labels are in the code.
pub fn places(
    code: &CompiledCode,
    labelled: &Labelled,
    arch: Arch,
    slots_start: i32,
) -> Vec<ValuePlace> {
    let mut blocks = code.bb_starts.clone();
    blocks.sort_unstable();
    let end = u32::try_from(code.code_buffer().len()).expect("a function's code is below 4 GiB");
    let mut places = Vec::new();
    for (position, ranges) in &code.value_labels_ranges {
        let Some(&(value, held)) = labelled.list.get(position.as_u32() as usize) else {
            continue;
        };
        let Some(place) = holder(held, arch, slots_start) else {
            continue;
        };
        for range in ranges {
            debug_assert!(matches!(range.loc, LabelValueLoc::Reg(_)));
            // A range is one of a block. Where the next one lies elsewhere, so would its end.
            let next = blocks.partition_point(|&start| start <= range.start);
            let block_end = blocks.get(next).map_or(end, |&start| start);
            let end = match range.end > range.start {
                true => range.end.min(block_end),
                false => block_end,
            };
            places.push(ValuePlace {
                value,
                start: range.start,
                end,
                place,
            });
        }
    }
    places.sort_unstable_by_key(|place| (place.value, place.start, place.place, place.end));
    places.dedup();
    places
}

fn holder(place: Allocation, arch: Arch, slots_start: i32) -> Option<Holder> {
    if let Some(slot) = place.as_stack() {
        let distance = i32::try_from(slot.index()).ok()?.checked_mul(8)?;
        return Some(Holder::Frame(slots_start.checked_add(distance)?));
    }
    Some(Holder::Register(dwarf_number(place.as_reg()?, arch)?))
}

/// DWARF's number of a register.
pub fn dwarf_number(register: PReg, arch: Arch) -> Option<u16> {
    let number = u16::try_from(register.hw_enc()).ok()?;
    let is_float = register.class() != RegClass::Int;
    /// DWARF's numbers of registers, by their encoding.
    const X86_64: [u16; 16] = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
    Some(match (arch, is_float) {
        (Arch::X86_64, false) => *X86_64.get(usize::from(number))?,
        (Arch::X86_64, true) => 17 + number,
        (Arch::Aarch64, false) | (Arch::Riscv64, false) => number,
        (Arch::Aarch64, true) => 64 + number,
        (Arch::Riscv64, true) => 32 + number,
    })
}

/// Where the slots of values begin, in bytes from the frame pointer: below what functions address by
/// name, and above what they pass to others.
pub fn slots_start(
    func: &Function,
    code: &CompiledCode,
    slots: usize,
    saved_bytes: i32,
) -> Option<i32> {
    let layout = code.buffer.frame_layout()?;
    let to_frame = i32::try_from(layout.frame_to_fp_offset).ok()?;
    let named = func.sized_stack_slots.iter();
    let ends = named.map(|(slot, data)| layout.stackslots[slot].offset + data.size);
    Some(match ends.max() {
        Some(end) => i32::try_from(end.next_multiple_of(8)).ok()? - to_frame,
        None => -saved_bytes - i32::try_from((8 * slots).next_multiple_of(16)).ok()?,
    })
}
