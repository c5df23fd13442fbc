//! Loads and stores that are not needed. Comes in: loads and stores in the order of the walk, and the flow between
//! blocks. Goes out: loads of what is known from a load or store of the same place before; stores that change
//! nothing; and stores that nobody sees before the next of their block to the same place.

use super::memory::{ALL, Content, PARTS, Place, Unseen, each_target, part};
use super::pass::{Pass, is_above};
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Block, Endianness, Inst, InstructionData, Opcode, Value};
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
        if incoming.seen == 0 {
            return false;
        }
        memory.now = incoming.versions;
        let mut parts = incoming.differing;
        if incoming.back > 0 {
            parts |= match self.loops.is_loop_header(block) {
                Some(number) => memory.loops[number.index()],
                None => ALL,
            };
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
        each_target(func, last, |to| {
            let incoming = &mut blocks[to.index()];
            if is_above(path, depths, to) {
                return;
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
        });
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
        let mut targets = std::mem::take(&mut self.state.blocks);
        each_target(self.func, last, |to| targets.push(to));
        for &to in &targets {
            self.forget_edge(from, to);
        }
        targets.clear();
        self.state.blocks = targets;
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
        let place = Place {
            version: memory.now[part],
            address: arg,
            offset: offset.into(),
            ty: self.func.dfg.value_type(result),
            extended: (opcode != Opcode::Load).then_some(opcode),
            is_big: data.explicit_endianness() == Some(Endianness::Big),
        };
        self.content(place, result, block)
    }

    /// What is known to be at a place; otherwise, from now on, it is this value.
    fn content(&mut self, place: Place, value: Value, block: Block) -> Option<Value> {
        let state = &mut *self.state;
        let (path, depths) = (&state.path, &state.depths);
        let hash = (state.hashes.hash_one(place) >> 32) as u32;
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
        let mut place = Place {
            version: self.state.memory.now[part],
            address,
            offset: offset.into(),
            ty: self.func.dfg.value_type(stored),
            extended: (opcode != Opcode::Store).then_some(opcode),
            is_big: data.explicit_endianness() == Some(Endianness::Big),
        };
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
        let hash = (state.hashes.hash_one(place) >> 32) as u32;
        let found = state
            .memory
            .contents
            .find(hash, |content| content.place == place);
        found.is_ok_and(|content| {
            content.value == value && is_above(&state.path, &state.depths, content.scope)
        })
    }
}
