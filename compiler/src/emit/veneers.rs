//! Veneers: jumps to what calls do not reach.
//!
//! A call on AArch64 reaches 128 MiB. A program with more code than that is laid out in groups, each
//! shorter than a call reaches, and behind each group lies a veneer for each place outside of it that
//! it calls. A veneer holds the whole address, which the linker writes, and so do calls of the runtime
//! library, which is as far away. Smaller programs have none.

use super::code::{Relocation, Target};
use cranelift_codegen::binemit::Reloc;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

/// Bytes of a veneer, and what it is aligned to.
pub const VENEER_BYTES: usize = 16;

/// `ldr x16, .+8`: nobody keeps anything in this register across a call.
const LOAD: u32 = 0x5800_0050;
/// `br x16`
const JUMP: u32 = 0xd61f_0200;
/// Of the address, in a veneer.
const ADDRESS_OFFSET: u32 = 8;

/// The functions since the last veneers.
#[derive(Debug, Default)]
pub struct Group {
    /// Where it begins, in bytes of the text.
    start: usize,
    /// The position of its first relocation.
    first_reloc: usize,
    /// What it calls. What of that lies in it is known at its end.
    called: HashSet<Target>,
}

/// Whether it is a call that may need a veneer.
fn is_far_call(reloc: &Relocation) -> bool {
    reloc.kind == Reloc::Arm64Call && !matches!(reloc.target, Target::Own(_))
}

impl Group {
    pub fn at(start: usize, first_reloc: usize) -> Group {
        Group {
            start,
            first_reloc,
            called: HashSet::new(),
        }
    }

    /// Bytes of the group with a function that ends at `end`, and all its veneers.
    pub fn bytes_with(&self, end: usize, relocs: &[Relocation]) -> usize {
        let calls = relocs.iter().filter(|reloc| is_far_call(reloc));
        let new = calls.filter(|reloc| !self.called.contains(&reloc.target));
        end + (self.called.len() + new.count() + 1) * VENEER_BYTES - self.start
    }

    /// Whether a place of the text before its end is in it.
    pub fn contains(&self, place: u32) -> bool {
        place as usize >= self.start
    }

    pub fn is_empty(&self, end: usize) -> bool {
        self.start == end
    }

    pub fn note(&mut self, relocs: &[Relocation]) {
        let calls = relocs.iter().filter(|reloc| is_far_call(reloc));
        self.called.extend(calls.map(|reloc| reloc.target));
    }

    /// Puts the veneers of the group behind it, and has its calls go there; `is_inside` says of what
    /// lies in the group. The relocations are all there are up to here.
    pub fn end(
        &self,
        bytes: &mut Vec<u8>,
        relocs: &mut Vec<Relocation>,
        is_inside: impl Fn(Target) -> bool,
    ) {
        let mut veneers: HashMap<Target, u32> = HashMap::new();
        let mut addresses = Vec::new();
        for reloc in &mut relocs[self.first_reloc..] {
            if !is_far_call(reloc) || is_inside(reloc.target) {
                continue;
            }
            let target = reloc.target;
            let veneer = *veneers.entry(target).or_insert_with(|| {
                bytes.resize(bytes.len().next_multiple_of(VENEER_BYTES), 0);
                let start = u32::try_from(bytes.len()).expect("code is below 4 GiB");
                bytes.extend_from_slice(&LOAD.to_le_bytes());
                bytes.extend_from_slice(&JUMP.to_le_bytes());
                bytes.extend_from_slice(&0_u64.to_le_bytes());
                addresses.push(Relocation {
                    offset: start + ADDRESS_OFFSET,
                    kind: Reloc::Abs8,
                    target,
                    addend: 0,
                });
                start
            });
            reloc.target = Target::Own(veneer);
        }
        relocs.append(&mut addresses);
    }
}
