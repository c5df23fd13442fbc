//! Loads and stores that are not needed. Comes in: loads and stores in the order of the walk, and the flow between
//! blocks. Goes out: loads of what is known from a load or store of the same place before; stores that change
//! nothing; and stores that nobody sees before the next of their block to the same place.

use super::memory::{ALL, Content, PARTS, Place, Unseen, part};
use super::pass::{Pass, is_above};
use super::table::truncated;
use crate::facts::targets;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{
    Block, Endianness, Inst, InstructionData, MemFlagsData, Opcode, Value,
};
use std::hash::BuildHasher;

impl Pass<'_> {
    /// Begins a block of the walk. Gives whether anything leads to it.
    pub(super) fn enter_memory(&mut self, block: Block) -> bool {
        let memory = &mut self.state.memory;
        memory.unseen = [None; PARTS];
        let incoming = memory.blocks[block.index()];
        if self.func.layout.entry_block() == Some(block) {
            return true;
        }
        // Of a loop with two entries, the walk may come to one before anything that leads to it.
        if incoming.seen == 0 && incoming.back == incoming.edges {
            return false;
        }
        memory.now = incoming.versions;
        let mut parts = incoming.differing;
        if let Some(number) = self.loops.is_loop_header(block) {
            parts |= memory.loops[number.index()];
        }
        if incoming.seen + incoming.back < incoming.edges {
            parts = ALL;
        }
        if parts != 0 {
            memory.renew(parts);
        }
        true
    }

    /// Ends a block: what is in memory then is so where its last instruction leads to.
    pub(super) fn leave_memory(&mut self, last: Inst) {
        let Pass { func, state, .. } = self;
        let (path, depths) = (&state.path, &state.depths);
        let memory = &mut state.memory;
        let (now, blocks) = (&memory.now, &mut memory.blocks);
        for to in targets(func, last) {
            let incoming = &mut blocks[to.index()];
            if is_above(path, depths, to) {
                continue;
            }
            match incoming.seen {
                0 => incoming.versions = *now,
                _ => {
                    for (part, version) in incoming.versions.iter().enumerate() {
                        if version != &now[part] {
                            incoming.differing |= 1 << part;
                        }
                    }
                }
            }
            incoming.seen += 1;
        }
    }

    /// Says that an edge is gone that the walk has not come by.
    pub(super) fn forget_edge(&mut self, from: Block, to: Block) {
        let is_back = self.domtree.block_dominates(to, from);
        let incoming = &mut self.state.memory.blocks[to.index()];
        incoming.edges -= 1;
        if is_back {
            incoming.back -= 1;
        }
    }

    /// Says that there is an edge that the walk has not come by.
    pub(super) fn remember_edge(&mut self, from: Block, to: Block) {
        let is_back = self.domtree.block_dominates(to, from);
        let incoming = &mut self.state.memory.blocks[to.index()];
        incoming.edges += 1;
        if is_back {
            incoming.back += 1;
        }
    }

    /// Says that all edges are gone that a block has.
    pub(super) fn forget_edges(&mut self, from: Block) {
        let Some(last) = self.func.layout.last_inst(from) else {
            return;
        };
        let mut blocks = std::mem::take(&mut self.state.blocks);
        blocks.extend(targets(self.func, last));
        for &to in &blocks {
            self.forget_edge(from, to);
        }
        blocks.clear();
        self.state.blocks = blocks;
    }

    /// Looks at an instruction that is no access. With `may_trap` it may end the program.
    pub(super) fn pass_by(&mut self, is_fence: bool, may_trap: bool) {
        let memory = &mut self.state.memory;
        if is_fence {
            memory.renew(ALL);
        }
        if is_fence || may_trap {
            memory.unseen = [None; PARTS];
        }
    }

    /// A load, whose address stands for itself: the value, if it is known.
    pub(super) fn load(&mut self, inst: Inst, block: Block) -> Option<Value> {
        let result = self.func.dfg.first_result(inst);
        let InstructionData::Load {
            opcode,
            arg,
            flags,
            offset,
        } = self.func.dfg.insts[inst]
        else {
            self.pass_by(true, true);
            return None;
        };
        let data = self.func.dfg.mem_flags[flags];
        let part = part(self.func, flags);
        let memory = &mut self.state.memory;
        // Who traps lets others see all there is.
        match (data.trap_code(), part) {
            (None, Some(part)) => memory.unseen[part] = None,
            _ => memory.unseen = [None; PARTS],
        }
        let part = part?;
        let version = memory.now[part];
        let place = self.accessed(version, (opcode, data), (arg, offset.into()), result);
        self.content(place, result, block)
    }

    /// The place of an access that loads or stores a value.
    fn accessed(
        &self,
        version: u32,
        (opcode, flags): (Opcode, MemFlagsData),
        (address, offset): (Value, i32),
        value: Value,
    ) -> Place {
        Place {
            version,
            address,
            offset,
            ty: self.type_of(value),
            extended: (!matches!(opcode, Opcode::Load | Opcode::Store)).then_some(opcode),
            is_big: flags.explicit_endianness() == Some(Endianness::Big),
        }
    }

    /// What is known to be at a place; otherwise, from now on, it is this value.
    fn content(&mut self, place: Place, value: Value, block: Block) -> Option<Value> {
        let state = &mut *self.state;
        let (path, depths) = (&state.path, &state.depths);
        let hash = truncated(state.hashes.hash_one(place));
        let contents = &mut state.memory.contents;
        let new = Content {
            place,
            value,
            scope: block,
        };
        match contents.find(hash, |content| content.place == place) {
            Ok(content) if is_above(path, depths, content.scope) => {
                return Some(content.value);
            }
            Ok(content) => *content = new,
            Err(free) => contents.add(free, hash, new),
        }
        None
    }

    /// A store, whose operands stand for themselves. Gives whether it is needed.
    pub(super) fn store(&mut self, inst: Inst, block: Block) -> bool {
        let InstructionData::Store {
            opcode,
            args: [stored, address],
            flags,
            offset,
        } = self.func.dfg.insts[inst]
        else {
            self.pass_by(true, true);
            return true;
        };
        let data = self.func.dfg.mem_flags[flags];
        let Some(part) = part(self.func, flags) else {
            self.pass_by(true, true);
            return true;
        };
        let version = self.state.memory.now[part];
        let access = (opcode, data);
        let mut place = self.accessed(version, access, (address, offset.into()), stored);
        if self.is_known_to_be(place, stored) {
            return false;
        }
        let traps = data.trap_code().is_some();
        let memory = &mut self.state.memory;
        let unseen = memory.unseen[part];
        if let Some(before) = unseen
            && before.flags == flags
            && before.place == place
        {
            self.func.layout.remove_inst(before.store);
        }
        for (other, unseen) in memory.unseen.iter_mut().enumerate() {
            if other != part && unseen.is_some_and(|unseen| traps || unseen.traps) {
                *unseen = None;
            }
        }
        let version = memory.new_version();
        memory.now[part] = version;
        place.version = version;
        memory.unseen[part] = Some(Unseen {
            store: inst,
            place,
            flags,
            traps,
        });
        self.content(place, stored, block);
        true
    }

    fn is_known_to_be(&mut self, place: Place, value: Value) -> bool {
        let state = &mut *self.state;
        let hash = truncated(state.hashes.hash_one(place));
        let found = state
            .memory
            .contents
            .find(hash, |content| content.place == place);
        found.is_ok_and(|content| {
            content.value == value && is_above(&state.path, &state.depths, content.scope)
        })
    }
}
