//! Shorter encodings of x86-64 code. Comes in: a function's machine code. Goes out: the same
//! instructions in fewer bytes, with everything that refers to places in it.
//!
//! Cranelift writes code once, from its start to its end, so each branch is as long as the longest
//! may be, and places of the stack are addressed from the stack pointer. Here branches that reach
//! become short ones (`edits`), and frames are made, addressed and taken away in fewer bytes
//! (`frame`); numbers that a byte holds take one, and prefixes that change nothing go (`encoding`). No
//! instruction is moved, and none computes anything else than before, but for jumps through tables, which
//! become others where code knows its address (`table_jump`), and calls of what has just been loaded
//! (`loaded_call`). In front of small loops there are
//! instructions that do nothing, so that they lie well (`padding`).
//!
//! Why that is sound: the code is read from its start to its end, instruction by instruction
//! (`instruction`), and all that says where something is in it is known: branches, distances from
//! the instruction pointer, jump tables, relocations, and the lists beside the code. Whatever is not
//! understood, or goes into the middle of what was replaced, leaves the function as it is.
//!
//! The cost: a look at each instruction; then each edit is counted as often as branches become
//! longer again, a few times.

mod edits;
mod encoding;
mod frame;
mod instruction;
mod loaded_call;
mod padding;
mod reader;
mod table_jump;
mod ways;

use super::portable::{PortableCode, PortableReloc, PortableTarget};
use cranelift_codegen::binemit::Reloc;
use padding::Loop;
use reader::{ALIGNMENT, Contents};
pub use ways::Flow;

/// What is reused from function to function.
#[derive(Default)]
pub struct Shortener {
    contents: Contents,
    bytes: Vec<u8>,
    /// Where all places are then, in the order of [`each_place`].
    places: Vec<u32>,
    pads_loops: bool,
    /// Whether code may contain addresses of its own.
    holds_addresses: bool,
}

impl Shortener {
    pub fn new(pads_loops: bool, holds_addresses: bool) -> Shortener {
        Shortener {
            pads_loops,
            holds_addresses,
            ..Shortener::default()
        }
    }

    /// Makes `code` shorter, or leaves it and `flow` as they are. The result is where the function has to
    /// begin, as [`alignment::start`](super::alignment::start) has it, for the padding that is in it.
    ///
    /// What branches there are is read from the code, see [`ways`].
    pub fn shorten(&mut self, code: &mut PortableCode, flow: &mut Flow) -> Option<u32> {
        let is_read = self.contents.read(code, &flow.blocks, self.holds_addresses);
        if !is_read {
            return None;
        }
        std::mem::swap(&mut flow.branches, &mut self.contents.ways.list);
        // A block ends where its table begins.
        flow.blocks.extend_from_slice(&self.contents.tables);
        flow.blocks.sort_unstable();
        let loops = match self.pads_loops {
            true => self.contents.make_room_at_loops(flow),
            false => Vec::new(),
        };
        if !self.contents.edits.settle() {
            return None;
        }
        let end = self.contents.code_end;
        let first = padding::pad(&mut self.contents.edits, &loops, flow, end);
        let contents = &self.contents;
        let places = &mut self.places;
        places.clear();
        let is_known = each_place(code, flow, |at| {
            let moved = contents.moved(*at);
            places.extend(moved);
            moved.is_some()
        });
        let mut distances = contents.distances.iter();
        let mut addresses = contents.addresses.iter();
        if !is_known
            || !distances.all(|d| {
                [d.from, d.to]
                    .iter()
                    .all(|&at| contents.moved(at).is_some())
            })
            || !addresses.all(|address| contents.moved(address.to).is_some())
        {
            return None;
        }
        contents.write(&code.bytes, &mut self.bytes);
        // Neither is longer than it has to be.
        code.bytes.clone_from(&self.bytes);
        // What is behind a call is where it ends.
        let mut returns: Vec<u32> = code.call_sites.iter().map(|s| s.return_offset).collect();
        let mut places = self.places.iter();
        each_place(code, flow, |at| {
            *at = *places.next().expect("as many as above");
            true
        });
        for (site, at) in code.call_sites.iter_mut().zip(&mut returns) {
            site.return_offset = contents.edits.moved_end(*at);
        }
        contents.relocate(code);
        for (at, _) in &mut code.lines {
            *at = contents.edits.moved_start(*at);
        }
        for held in &mut code.values {
            held.start = contents.edits.moved_start(held.start);
            held.end = contents.edits.moved_end(held.end);
        }
        first
    }
}

impl Contents {
    /// Makes places in front of the innermost loops, and says which these are.
    fn make_room_at_loops(&mut self, flow: &Flow) -> Vec<Loop> {
        let mut loops = padding::innermost(flow, &self.tables, self.code_end);
        loops.retain(|of| !self.edits.is_inside(of.start));
        self.edits.make_room(loops.iter().map(|of| of.start));
        loops
    }

    /// Where a place is in the shorter code.
    fn moved(&self, at: u32) -> Option<u32> {
        match at.checked_sub(self.data) {
            Some(behind) if self.data < self.end => Some(self.new_data() + behind),
            _ => self.edits.moved(at),
        }
    }

    /// Where constants begin in the shorter code, as aligned as they were.
    fn new_data(&self) -> u32 {
        let end = self
            .edits
            .moved(self.code_end)
            .expect("edits are before the end");
        end + (self.data.wrapping_sub(end)) % ALIGNMENT
    }

    /// Tells the linker of addresses within the code.
    fn relocate(&self, code: &mut PortableCode) {
        let moved = |at| self.moved(at).expect("it was looked up before");
        let relocs = self.addresses.iter().map(|address| PortableReloc {
            offset: moved(address.start) + address.behind,
            kind: Reloc::Abs4,
            target: PortableTarget::Own(moved(address.to)),
            addend: 0,
        });
        code.relocs.extend(relocs);
        code.relocs.sort_by_key(|reloc| reloc.offset);
    }

    fn write(&self, old: &[u8], new: &mut Vec<u8>) {
        new.clear();
        self.edits.apply(&old[..self.code_end as usize], new);
        if self.data < self.end {
            new.resize(self.new_data() as usize, 0);
            new.extend_from_slice(&old[self.data as usize..]);
        }
        let moved = |at| self.moved(at).expect("it was looked up before");
        for distance in &self.distances {
            let at = moved(distance.at) as usize;
            let bytes = moved(distance.to)
                .wrapping_sub(self.edits.moved_end(distance.from))
                .to_le_bytes();
            new[at..at + 4].copy_from_slice(&bytes);
        }
    }
}

/// Goes over all places that are the start or the end of an instruction, until one is not as wanted.
fn each_place(
    code: &mut PortableCode,
    flow: &mut Flow,
    mut goes_on: impl FnMut(&mut u32) -> bool,
) -> bool {
    code.relocs.iter_mut().all(|reloc| {
        goes_on(&mut reloc.offset)
            && match &mut reloc.target {
                PortableTarget::Own(at) => goes_on(at),
                PortableTarget::Name(_) | PortableTarget::LibCall(_) => true,
            }
    }) && code.traps.iter_mut().all(|(at, _)| goes_on(at))
        && code.call_sites.iter_mut().all(|site| {
            goes_on(&mut site.return_offset) && site.handlers.iter_mut().all(|(_, at)| goes_on(at))
        })
        && flow.blocks.iter_mut().all(&mut goes_on)
        && flow
            .branches
            .iter_mut()
            .all(|(from, to)| goes_on(from) && goes_on(to))
}

#[cfg(test)]
mod tests;
