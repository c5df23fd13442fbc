//! Heaps whose objects are also kept as a model: what can be reached stays as it is, the rest goes.

use super::blocks::BLOCK_BYTES;
use super::heap::Heap;
use std::collections::{HashMap, HashSet};
use std::ptr::with_exposed_provenance_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmelt_abi::{
    GC_ARRAY, GC_ARRAY_OF_REFERENCES, GC_ELEMENTS_OFFSET, GC_HEAP_START, GC_LENGTH_OFFSET,
    GC_SMALL_BYTES_MAX, GC_STRUCT, GcAllocation, GcProgram, GcType,
};

/// Nothing is allocated by the program of tests.
pub(super) fn program() -> &'static GcProgram {
    unreachable!("tests make heaps themselves")
}

const PAIR: u32 = 1;
const NUMBERS: u32 = 2;
const REFERENCES: u32 = 3;
const WIDE: u32 = 4;

/// A pair has a number at 4, and references at 8 and 12; a wide struct has one at the end.
const TYPES: [GcType; 5] = [
    of_struct(0, 0, 0),
    of_struct(16, 0, 2),
    of_array(GC_ARRAY, 8),
    of_array(GC_ARRAY_OF_REFERENCES, 4),
    of_struct(WIDE_BYTES, 2, 1),
];
const OFFSETS: [u32; 3] = [8, 12, WIDE_BYTES - 4];
const WIDE_BYTES: u32 = 1000;

const fn of_struct(bytes: u32, first_offset: u32, offsets: u32) -> GcType {
    GcType {
        kind: GC_STRUCT,
        bytes,
        first_offset,
        offsets,
    }
}

const fn of_array(kind: u32, bytes: u32) -> GcType {
    GcType {
        kind,
        bytes,
        first_offset: 0,
        offsets: 0,
    }
}

/// A heap with what refers to its objects.
struct World {
    heap: Heap,
    region: GcAllocation,
    roots: Vec<u64>,
}

impl World {
    /// A heap of so many bytes, in addresses of its own.
    fn new(bytes: usize) -> World {
        static NEXT: AtomicUsize = AtomicUsize::new(GC_HEAP_START as usize);
        let bytes = bytes.next_multiple_of(BLOCK_BYTES);
        let start = NEXT.fetch_add(bytes, Ordering::Relaxed);
        let heap = Heap::new(start..start + bytes, &TYPES, &OFFSETS);
        World {
            heap: heap.expect("free addresses"),
            region: GcAllocation::default(),
            roots: Vec::new(),
        }
    }

    /// As compiled code does it.
    fn allocate(&mut self, header: u32, bytes: u64) -> Option<u32> {
        let bytes = bytes.next_multiple_of(8);
        let roots = self.roots.as_ptr_range();
        let mut mark = |heap: &mut Heap| {
            // SAFETY: the roots are there for as long as this is.
            unsafe { heap.mark_words(roots.start.expose_provenance(), roots.end.addr()) };
        };
        let next = self.region.next + bytes;
        let address = if bytes <= GC_SMALL_BYTES_MAX && next <= self.region.end {
            let address = self.region.next as u32;
            self.region.next = next;
            address
        } else {
            self.heap.allocate(&mut self.region, bytes, &mut mark)?
        };
        for offset in (0..bytes as u32).step_by(4) {
            assert_eq!(read(address + offset), 0, "at {offset} of {bytes}");
        }
        write(address, header);
        Some(address)
    }

    fn pair(&mut self, number: u32, references: [u32; 2]) -> Option<u32> {
        let pair = self.allocate(PAIR, 16)?;
        write(pair + 4, number);
        write(pair + 8, references[0]);
        write(pair + 12, references[1]);
        Some(pair)
    }

    fn array(&mut self, header: u32, length: u32) -> Option<u32> {
        let bytes = u64::from(TYPES[header as usize].bytes) * u64::from(length);
        let array = self.allocate(header, u64::from(GC_ELEMENTS_OFFSET) + bytes)?;
        write(array + GC_LENGTH_OFFSET, length);
        Some(array)
    }

    fn collect(&mut self) {
        let roots = self.roots.as_ptr_range();
        let mut mark = |heap: &mut Heap| {
            // SAFETY: as above.
            unsafe { heap.mark_words(roots.start.expose_provenance(), roots.end.addr()) };
        };
        self.heap.collect(&mut self.region, &mut mark);
    }
}

fn read(address: u32) -> u32 {
    let at: *mut u32 = with_exposed_provenance_mut(address as usize);
    // SAFETY: tests read objects of their heap.
    unsafe { at.read() }
}

fn write(address: u32, value: u32) {
    let at: *mut u32 = with_exposed_provenance_mut(address as usize);
    // SAFETY: tests write to objects of their heap.
    unsafe { at.write(value) }
}

/// Numbers that follow each other without a pattern.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What an object is to be: its header, its number, and what it refers to.
#[derive(Clone)]
struct Expected {
    header: u32,
    length: u32,
    references: Vec<u32>,
}

/// Where references are in an object.
fn reference_at(header: u32, index: usize) -> u32 {
    match header {
        PAIR => [8, 12][index],
        WIDE => WIDE_BYTES - 4,
        _ => GC_ELEMENTS_OFFSET + 4 * index as u32,
    }
}

/// The bytes of all that the roots reach, which is checked on the way.
fn check(world: &World, model: &HashMap<u32, Expected>) -> usize {
    let mut seen = HashSet::new();
    let mut pending: Vec<u32> = world.roots.iter().map(|&root| root as u32).collect();
    let mut bytes = 0;
    while let Some(object) = pending.pop() {
        if object == 0 || !seen.insert(object) {
            continue;
        }
        let expected = &model[&object];
        assert_eq!(read(object), expected.header);
        let ty = TYPES[expected.header as usize];
        let size = match ty.kind {
            GC_STRUCT => ty.bytes as usize,
            _ => {
                assert_eq!(read(object + GC_LENGTH_OFFSET), expected.length);
                (8 + (ty.bytes * expected.length) as usize).next_multiple_of(8)
            }
        };
        bytes += match size {
            ..=8192 => size,
            _ => size.next_multiple_of(BLOCK_BYTES),
        };
        for (index, &reference) in expected.references.iter().enumerate() {
            assert_eq!(
                read(object + reference_at(expected.header, index)),
                reference
            );
            pending.push(reference);
        }
    }
    bytes
}

fn random_objects(seed: u64, steps: usize, is_stressed: bool) {
    let mut world = World::new(64 << 20);
    if is_stressed {
        world.heap.stress();
    }
    let mut random = Random(seed);
    let mut model: HashMap<u32, Expected> = HashMap::new();
    world.roots = vec![0; 40];
    for step in 0..steps {
        let header = [PAIR, PAIR, PAIR, NUMBERS, REFERENCES, WIDE][random.below(6) as usize];
        let length = match random.below(50) {
            0 => 2000 + random.below(20_000),
            _ => random.below(60),
        } as u32;
        let (object, references) = match header {
            PAIR => (world.pair(step as u32, [0; 2]), 2),
            WIDE => (world.allocate(WIDE, u64::from(WIDE_BYTES)), 1),
            NUMBERS => (world.array(NUMBERS, length), 0),
            _ => (world.array(REFERENCES, length), length as usize),
        };
        let object = object.expect("room");
        // It is in a register until it is in a root.
        let root = random.below(world.roots.len() as u64) as usize;
        world.roots[root] = u64::from(object);
        let references: Vec<u32> = (0..references)
            .map(|_| world.roots[random.below(40) as usize] as u32)
            .collect();
        for (index, &reference) in references.iter().enumerate() {
            write(object + reference_at(header, index), reference);
        }
        let expected = Expected {
            header,
            length,
            references,
        };
        model.insert(object, expected);
        if random.below(20) == 0 {
            world.roots[random.below(40) as usize] = 0;
        }
        if random.below(steps as u64 / 8) == 0 {
            world.roots.fill(0);
        }
        if step % (steps / 20) == 0 {
            let bytes = check(&world, &model);
            world.collect();
            assert_eq!(world.heap.live, bytes);
            check(&world, &model);
        }
    }
}

#[test]
fn what_is_reached_stays_and_the_rest_goes() {
    for seed in 1..6 {
        random_objects(seed * 0x9e37_79b9, 30_000, false);
    }
}

#[test]
fn a_collection_at_each_allocation_changes_nothing() {
    random_objects(77, 1500, true);
}

#[test]
fn an_address_inside_an_object_keeps_it() {
    let mut world = World::new(4 << 20);
    let array = world.array(NUMBERS, 100).expect("room");
    let large = world.array(NUMBERS, 20_000).expect("room");
    let pair = world.pair(1, [0; 2]).expect("room");
    for round in 0..2 {
        world.roots = vec![
            u64::from(array + 500),
            // The other half of a word.
            u64::from(large + 150_000) << 32 | 1,
        ];
        world.collect();
        assert_eq!(world.heap.live, 808 + 5 * BLOCK_BYTES, "round {round}");
    }
    // One byte behind it.
    world.roots = vec![u64::from(array + 808), u64::from(pair + 16)];
    world.collect();
    assert_eq!(world.heap.live, 0);
}

#[test]
fn a_long_list_is_reached() {
    let mut world = World::new(64 << 20);
    world.roots = vec![0];
    for number in 0..1_000_000 {
        let last = world.roots[0] as u32;
        world.roots[0] = u64::from(world.pair(number, [last, 0]).expect("room"));
    }
    world.collect();
    assert_eq!(world.heap.live, 16_000_000);
}

#[test]
fn a_heap_of_what_is_dropped_does_not_grow() {
    let mut world = World::new(256 << 20);
    for number in 0..5_000_000 {
        world.pair(number, [0; 2]).expect("room");
        if number % 1000 == 0 {
            world.array(NUMBERS, 5000).expect("room");
        }
    }
    assert!(world.heap.blocks.bytes() <= 6 << 20);
}

#[test]
fn a_full_heap_has_no_room() {
    let mut world = World::new(2 << 20);
    assert_eq!(world.array(NUMBERS, 1 << 18), None);
    world.roots = vec![0];
    let mut pairs = 0_u64;
    while let Some(pair) = world.pair(0, [world.roots[0] as u32, 0]) {
        world.roots[0] = u64::from(pair);
        pairs += 1;
    }
    assert_eq!(pairs, (2 << 20) / 16);
    world.roots[0] = 0;
    assert!(world.array(NUMBERS, 200_000).is_some());
}
