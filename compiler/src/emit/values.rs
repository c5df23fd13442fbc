//! Values of locals in machine code, for debuggers: labels that Cranelift carries along, and what has
//! become of them.

use super::inlined::{Inlined, real};
use super::known::Parts;
use cranelift_codegen::ir::{
    Function, RelSourceLoc, Value, ValueDef, ValueLabel, ValueLabelAssignments, ValueLabelStart,
};
use cranelift_codegen::{CompiledCode, LabelValueLoc};
use cranelift_entity::EntityRef;
use cranelift_entity::packed_option::ReservedValue;
use regalloc2::{Allocation, PReg, RegClass};
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
    for (value, _) in &mut inlined.copies {
        *value = real(func, *value).unwrap_or(Value::reserved_value());
    }
}

/// Labels the values. Where one is not in the code any more, those that were found to be equal take
/// its place. Gives each label with the positions of what it stands for, ascending.
///
/// There were `before` values before that.
pub fn label(func: &mut Function, before: usize, inlined: &Inlined) -> Vec<(u32, u32)> {
    let values = &inlined.values;
    let mut labels: Vec<(u32, u32)> = Vec::with_capacity(values.len());
    let mut gone: Vec<(Value, u32)> = Vec::new();
    let all = values.iter().map(|known| known.value).zip(0..);
    for (value, position) in all.chain(inlined.copies.iter().copied()) {
        match is_in_code(func, value) {
            true => labels.push((value.as_u32(), position)),
            false if value.is_reserved_value() => {}
            false => gone.push((value, position)),
        }
    }
    if !gone.is_empty() {
        let classes = Classes::of(func, before);
        for (value, _) in &mut gone {
            *value = classes.find(*value);
        }
        gone.sort_unstable();
        for &value in &classes.members {
            let class = classes.find(value);
            let first = gone.partition_point(|other| other.0 < class);
            let equal = gone[first..].iter().take_while(|other| other.0 == class);
            let equal = equal.map(|&(_, position)| (value.as_u32(), position));
            let mut equal = equal.peekable();
            if equal.peek().is_some() && is_in_code(func, value) {
                labels.extend(equal);
            }
        }
    }
    labels.sort_unstable();
    if values.is_empty() {
        return labels;
    }
    let starts = |label: u32| {
        ValueLabelAssignments::Starts(vec![ValueLabelStart {
            from: RelSourceLoc::default(),
            label: ValueLabel::from_u32(label),
        }])
    };
    let distinct = labels.chunk_by(|a, b| a.0 == b.0).map(|same| same[0].0);
    let assigned = distinct.map(|label| (Value::from_u32(label), starts(label)));
    func.dfg.values_labels = Some(assigned.collect());
    labels
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
struct Classes {
    /// Of each the next one that stands for it.
    next: Vec<Value>,
    /// All that are equal to others.
    members: Vec<Value>,
}

impl Classes {
    /// Those from `first` on can be unions.
    fn of(func: &Function, first: usize) -> Classes {
        let mut classes = Classes {
            next: (0..func.dfg.num_values()).map(Value::new).collect(),
            members: Vec::new(),
        };
        for value in (first..func.dfg.num_values()).map(Value::new) {
            if func.dfg.value_is_real(value)
                && let ValueDef::Union(left, right) = func.dfg.value_def(value)
            {
                // The newest stands for all: unions are made of older values.
                for part in [left, right] {
                    classes.members.push(part);
                    let part = classes.find(part);
                    classes.next[part.index()] = value;
                }
            }
        }
        // Unions are in no code, but may be parts of others.
        classes.members.sort_unstable();
        classes.members.dedup();
        classes
    }

    fn find(&self, mut value: Value) -> Value {
        while let Some(&next) = self.next.get(value.index())
            && next != value
        {
            value = next;
        }
        value
    }
}

/// How many places of values are kept for a function, at least, and for each byte of its code: many
/// locals can have the same value. Of the others nothing is known then.
const PLACES_MIN: usize = 1024;
const PLACES_PER_BYTE: usize = 4;

/// Where the values are whose labels are in the code, in the parts of it that they are known in. They
/// are in the order of what is known, and then of the code; no two of one overlap.
pub fn places(
    code: &CompiledCode,
    labelled: &Labelled,
    labels: &[(u32, u32)],
    (inlined, lines): (&Inlined, &[(u32, u32)]),
    (arch, slots_start): (Arch, i32),
) -> Vec<ValuePlace> {
    let end = u32::try_from(code.code_buffer().len()).expect("a function's code is below 4 GiB");
    let held = held(code, labelled, (arch, end), |place| {
        holder(place, arch, slots_start)
    });
    let held = Holders::new(&held);
    // Which values have what is known, by its position.
    let mut numbers: Vec<(u32, u32)> = Vec::with_capacity(labels.len());
    for of_label in labelled.labels.chunk_by(|a, b| a.0 == b.0) {
        let first = labels.partition_point(|other| other.0 < of_label[0].0);
        let known = labels[first..].iter();
        for &(_, known) in known.take_while(|other| other.0 == of_label[0].0) {
            numbers.extend(of_label.iter().map(|&(_, number)| (known, number)));
        }
    }
    numbers.sort_unstable();
    let mut parts = Parts::new(inlined, lines, end);
    let mut places = Vec::new();
    let most = PLACES_MIN + PLACES_PER_BYTE * end as usize;
    for of_known in numbers.chunk_by(|a, b| a.0 == b.0) {
        if places.len() > most {
            break;
        }
        let value = of_known[0].0;
        let known = &inlined.values[value as usize];
        let Some(parts) = parts.of(known) else {
            break;
        };
        let mut add = |held: &[Part]| {
            let Some(last) = parts.last() else {
                return;
            };
            let first = held.partition_point(|part| part.1 <= parts[0].0);
            let mut parts = parts.iter().peekable();
            let held = held[first..].iter().take_while(|part| part.0 < last.1);
            for &(start, end, place) in held {
                while parts.next_if(|part| part.1 <= start).is_some() {}
                let mut ahead = parts.clone();
                while let Some(part) = ahead.next_if(|part| part.0 < end) {
                    places.push(ValuePlace {
                        value,
                        start: part.0.max(start),
                        end: part.1.min(end),
                        place,
                    });
                }
            }
        };
        match of_known {
            [(_, number)] => add(held.of(*number)),
            several => {
                let of_all = several.iter().flat_map(|(_, number)| held.of(*number));
                add(&disjoint(of_all.copied().collect()));
            }
        }
    }
    places
}

/// What the allocator's points are in the code. A value, where it is, from where to where.
fn held(
    code: &CompiledCode,
    labelled: &Labelled,
    (arch, end): (Arch, u32),
    holder: impl Fn(Allocation) -> Option<Holder>,
) -> Vec<(u32, Part)> {
    let mut blocks = code.bb_starts.clone();
    blocks.sort_unstable();
    let mut points = vec![end; labelled.points];
    for (label, locations) in &code.value_labels_ranges {
        for location in locations {
            let LabelValueLoc::Reg(register) = location.loc else {
                continue;
            };
            let register = register.to_real_reg().expect("it was given as one");
            let register = PReg::from(register);
            let point = Labelled::point(label.as_u32(), register.index());
            points[point] = location.start;
        }
    }
    // Blocks that are seldom run lie behind all others, and have no points.
    let within = points.iter().copied().filter(|&point| point < end).max();
    let behind = blocks.partition_point(|&block| Some(block) <= within);
    let seldom = blocks.get(behind).map_or(end, |&block| block);
    let seldom = seldom.min(traps_start(code, arch).unwrap_or(end));
    let parts = labelled.held.iter().filter_map(|held| {
        let (start, mut to) = (points[held.from as usize], points[held.to as usize]);
        if to == end {
            to = seldom;
        } else if held.ends_with_block {
            // The point is behind what is moved where the next block begins.
            let next = blocks.partition_point(|&block| block <= to);
            to = blocks[..next].last().map_or(to, |&block| block);
        }
        (start < to).then_some((held.value, (start, to, holder(held.place)?)))
    });
    parts.collect()
}

/// Where the traps begin that blocks branch to: they lie behind all blocks, and what holds values there is
/// what does where the branch is. A block of a trap alone right before them counts as one.
fn traps_start(code: &CompiledCode, arch: Arch) -> Option<u32> {
    let trap: &[u8] = match arch {
        Arch::X86_64 => &[0x0f, 0x0b],
        Arch::Aarch64 => &[0x1f, 0xc1, 0, 0],
        Arch::Riscv64 => &[0, 0, 0, 0],
    };
    let is_one = |at: u32| {
        code.code_buffer()
            .get(at as usize..)?
            .starts_with(trap)
            .then_some(at)
    };
    let mut offsets: Vec<u32> = code.buffer.traps().iter().map(|trap| trap.offset).collect();
    offsets.sort_unstable();
    let mut start = is_one(offsets.pop()?)?;
    while let Some(before) = offsets.pop().and_then(is_one)
        && before as usize + trap.len() == start as usize
    {
        start = before;
    }
    Some(start)
}

/// Start, end, and what holds a value in between.
type Part = (u32, u32, Holder);

/// What holds each value, in the order of the code.
struct Holders {
    parts: Vec<Part>,
    /// Where those of each value begin, and the end.
    starts: Vec<usize>,
}

impl Holders {
    fn new(held: &[(u32, Part)]) -> Holders {
        let values = held.iter().map(|held| held.0 as usize + 1).max();
        // Where the next part of each value goes, of all parts by value.
        let mut next = vec![0; values.unwrap_or(0) + 1];
        for &(value, _) in held {
            next[value as usize + 1] += 1;
        }
        for value in 1..next.len() {
            next[value] += next[value - 1];
        }
        let ends = next[1..].to_vec();
        let mut sorted = vec![(0, 0, Holder::Frame(0)); held.len()];
        for &(value, part) in held {
            let place = &mut next[value as usize];
            sorted[*place] = part;
            *place += 1;
        }
        let mut holders = Holders {
            parts: Vec::with_capacity(held.len()),
            starts: vec![0],
        };
        let mut start = 0;
        for end in ends {
            let of_value = &mut sorted[start..end];
            of_value.sort_unstable();
            add_disjoint(&mut holders.parts, of_value.iter().copied());
            holders.starts.push(holders.parts.len());
            start = end;
        }
        holders
    }

    fn of(&self, value: u32) -> &[Part] {
        let value = value as usize;
        match self.starts.get(value..value + 2) {
            Some(&[start, end]) => &self.parts[start..end],
            _ => &[],
        }
    }
}

/// One of those that are true where several are.
fn disjoint(mut parts: Vec<Part>) -> Vec<Part> {
    parts.sort_unstable();
    let mut out = Vec::with_capacity(parts.len());
    add_disjoint(&mut out, parts.into_iter());
    out
}

fn add_disjoint(out: &mut Vec<Part>, sorted: impl Iterator<Item = Part>) {
    let first = out.len();
    for (start, end, holder) in sorted {
        let last = out[first..].last();
        let start = last.map_or(start, |last| start.max(last.1));
        if start >= end {
            continue;
        }
        match out[first..].last_mut() {
            Some(last) if last.1 == start && last.2 == holder => last.1 = end,
            _ => out.push((start, end, holder)),
        }
    }
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
