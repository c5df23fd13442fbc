//! Stores of values that have slots, where they are defined. The walk asks for them when a value is
//! loaded first, so that only those are stored that are.

use super::place::{in_register, in_slot};
use super::state::{Quick, Stores};
use regalloc2::{Block, Edit, Function, Inst, ProgPoint};

impl Stores {
    /// What the last instruction of a block defines is stored where the blocks behind it begin: in all
    /// of them, also in those where it is not used, or has no meaning.
    pub fn end_defines(&mut self, last: Inst, block: Block) {
        let point = ProgPoint::after(last).to_index();
        self.ends.push((point, block.index() as u32));
    }

    fn move_behind_ends(&mut self, func: &dyn Function) {
        if self.ends.is_empty() {
            return;
        }
        for place in 0..self.all.len() {
            let point = (self.all[place] >> 32) as u32;
            let Ok(end) = self.ends.binary_search_by_key(&point, |end| end.0) else {
                continue;
            };
            let value = self.all[place] as u32;
            let succs = func.block_succs(Block::new(self.ends[end].1 as usize));
            for (number, &succ) in succs.iter().enumerate() {
                let first = func.block_insns(succ).first();
                let point = ProgPoint::before(first).to_index();
                match number {
                    0 => self.all[place] = u64::from(point) << 32 | u64::from(value),
                    _ => self.add(point, value),
                }
            }
        }
    }
}

impl Quick {
    /// Puts the stores between the other moves, before those at the same point.
    pub(super) fn put_stores(&mut self, func: &dyn Function) {
        self.stores.move_behind_ends(func);
        let stores = &mut self.stores.all;
        if stores.is_empty() {
            return;
        }
        stores.sort_unstable();
        let edits = &mut self.edits;
        let mut left = edits.len();
        let nothing = in_slot(0);
        let filler = Edit::Move {
            from: nothing,
            to: nothing,
        };
        edits.resize(left + stores.len(), (ProgPoint::from_index(0), filler));
        let mut end = edits.len();
        for &store in stores.iter().rev() {
            let point = (store >> 32) as u32;
            while left > 0 && edits[left - 1].0.to_index() >= point {
                left -= 1;
                end -= 1;
                edits.swap(left, end);
            }
            let value = &self.values[store as u32 as usize];
            end -= 1;
            let edit = Edit::Move {
                from: in_register(value.born),
                to: in_slot(value.slot),
            };
            edits[end] = (ProgPoint::from_index(point), edit);
        }
    }
}
