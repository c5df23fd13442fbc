//! What is known to be in memory.
//!
//! Memory is in parts that no two accesses share (Cranelift's alias regions). A part has a version, which is
//! another after each store to it, and after whatever may do anything to all of them. What was loaded or
//! stored is known for the version, address and type, in the subtree of the dominator tree below where that
//! was. Where ways meet that bring different versions, or a loop stores to a part, there is a new version.
//! A loop that the dominator tree does not know, which code of WebAssembly does not have, makes all new.
//!
//! Time and memory are linear in the function.

use super::kinds::{Kind, Kinds};
use super::table::Table;
use crate::facts::targets;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Block, Function, Inst, MemFlags, Opcode, Type, Value};
use cranelift_codegen::loop_analysis::LoopAnalysis;

/// So many parts are told apart; the last is all others.
pub(super) const PARTS: usize = 8;
pub(super) const ALL: u8 = u8::MAX;

pub(super) type Versions = [u32; PARTS];

/// What comes into a block.
#[derive(Clone, Copy, Default)]
pub(super) struct Incoming {
    pub(super) versions: Versions,
    /// Parts whose versions differ.
    pub(super) differing: u8,
    /// Edges to it, how many of them go back, and how many others the walk has come by.
    pub(super) edges: u32,
    pub(super) back: u32,
    pub(super) seen: u32,
}

/// A place in memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) version: u32,
    pub(super) address: Value,
    pub(super) offset: i32,
    pub(super) ty: Type,
    /// What it is loaded or stored by, unless it is loaded or stored as it is.
    pub(super) extended: Option<Opcode>,
    pub(super) is_big: bool,
}

pub(super) struct Content {
    pub(super) place: Place,
    pub(super) value: Value,
    pub(super) scope: Block,
}

/// The last store of the block to a part, if nobody can have seen it.
#[derive(Clone, Copy)]
pub(super) struct Unseen {
    pub(super) store: Inst,
    pub(super) place: Place,
    pub(super) flags: MemFlags,
    pub(super) traps: bool,
}

#[derive(Default)]
pub(super) struct Memory {
    pub(super) now: Versions,
    pub(super) last: u32,
    pub(super) blocks: Vec<Incoming>,
    pub(super) contents: Table<Content>,
    pub(super) unseen: [Option<Unseen>; PARTS],
    /// The parts that each loop stores to.
    pub(super) loops: Vec<u8>,
}

impl Memory {
    pub(super) fn clear(&mut self, func: &Function) {
        self.now = Versions::default();
        self.last = 0;
        self.blocks.clear();
        self.blocks
            .resize(func.dfg.num_blocks(), Incoming::default());
        self.contents.clear(func.dfg.num_insts() / 4);
        self.loops.clear();
    }

    /// Counts the edges between blocks. Gives whether there are loops.
    pub(super) fn look_at_flow(&mut self, func: &Function, domtree: &DominatorTree) -> bool {
        let blocks = &mut self.blocks;
        let mut has_loops = false;
        let mut next = func.layout.entry_block();
        while let Some(from) = next {
            if let Some(last) = func.layout.last_inst(from) {
                for to in targets(func, last) {
                    let incoming = &mut blocks[to.index()];
                    incoming.edges += 1;
                    if domtree.block_dominates(to, from) {
                        incoming.back += 1;
                        has_loops = true;
                    }
                }
            }
            next = func.layout.next_block(from);
        }
        has_loops
    }

    /// Finds out which parts loops store to.
    pub(super) fn look_at_loops(&mut self, func: &Function, loops: &LoopAnalysis, kinds: &Kinds) {
        let stored = &mut self.loops;
        stored.resize(loops.loops().len(), 0);
        for block in func.layout.blocks() {
            let Some(innermost) = loops.innermost_loop(block) else {
                continue;
            };
            let parts = &mut stored[innermost.index()];
            for inst in func.layout.block_insts(block) {
                if *parts == ALL {
                    break;
                }
                let data = &func.dfg.insts[inst];
                *parts |= match kinds.of(data.opcode()) {
                    Kind::Fence => ALL,
                    Kind::Store => data
                        .memflags()
                        .and_then(|flags| part(func, flags))
                        .map_or(ALL, |part| 1 << part),
                    _ => 0,
                };
            }
        }
        // Loops come before those within them.
        for inner in loops.loops().rev() {
            if let Some(outer) = loops.loop_parent(inner) {
                stored[outer.index()] |= stored[inner.index()];
            }
        }
    }

    pub(super) fn new_version(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    pub(super) fn renew(&mut self, parts: u8) {
        let version = self.new_version();
        for (part, now) in self.now.iter_mut().enumerate() {
            if parts & 1 << part != 0 {
                *now = version;
            }
        }
    }
}

/// The part that an access is to, if it is to one.
pub(super) fn part(func: &Function, flags: MemFlags) -> Option<usize> {
    let region = func.dfg.mem_flags[flags].alias_region()?;
    Some(region.index().min(PARTS - 1))
}
