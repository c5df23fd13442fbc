//! Slots of the stack frame for values that are in memory at some time: one for each web. Two webs
//! share one if there is no block in which both are alive, and none that passes to a parameter of one
//! while the other is alive, since moves on an edge tell webs apart and not slots; values of one block alone, if one is not
//! used any longer when the other is defined. Those that are used most lie first, where their offset
//! is short.

use crate::flow::Flow;
use crate::homes::Homes;
use crate::lists::NONE;
use crate::memory::State;
use crate::values::Values;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How many words a web looks for a slot in.
const WORDS_MAX: usize = 16;

#[derive(Default)]
pub struct Slots {
    /// By web.
    slot: Vec<u32>,
    order: Vec<(f32, u32)>,
    /// Which slots are taken: for each sixty-four of them a word a block.
    taken: Vec<Vec<u64>>,
    local: Vec<u32>,
    /// Where a web is alive, or passed to.
    blocks: Vec<u32>,
}

impl Slots {
    pub fn of(&self, homes: &Homes, value: u32) -> u32 {
        self.slot[homes.web[value as usize] as usize]
    }

    /// Numbers the slots of a class from zero; says how many there are.
    pub fn find(
        &mut self,
        class: u8,
        flow: &Flow,
        values: &Values,
        homes: &Homes,
        states: &[State],
    ) -> u32 {
        self.slot.resize(states.len(), NONE);
        self.order.clear();
        self.local.clear();
        for (value, state) in states.iter().enumerate() {
            if !state.has_slot || values.all[value].class != class {
                continue;
            }
            let web = homes.web[value];
            if values.global(value as u32).is_some() {
                if self.slot[web as usize] == NONE {
                    self.slot[web as usize] = 0;
                    self.order.push((homes.weight[value], web));
                }
            } else {
                self.local.push(value as u32);
            }
        }
        self.order.sort_by(|one, other| other.0.total_cmp(&one.0));
        self.taken.clear();
        let mut count = 0;
        let order = std::mem::take(&mut self.order);
        for &(_, web) in &order {
            let slot = self.first_free(flow, values, homes, states, web);
            self.slot[web as usize] = slot;
            count = count.max(slot + 1);
        }
        self.order = order;
        count + self.find_local(values, count)
    }

    fn first_free(
        &mut self,
        flow: &Flow,
        values: &Values,
        homes: &Homes,
        states: &[State],
        web: u32,
    ) -> u32 {
        self.blocks.clear();
        for member in homes.members(web) {
            let global = values.global(member).expect("it has pieces");
            let pieces = values.pieces_of(global).iter();
            self.blocks.extend(pieces.map(|piece| piece.block));
            self.blocks.extend_from_slice(values.ways_of(global));
            if states[member as usize].is_param {
                let preds = flow.preds.of(values.of(member).block);
                self.blocks.extend_from_slice(preds);
            }
        }
        // With thousands of slots, those before are as good as full.
        let mut number = self.taken.len().saturating_sub(WORDS_MAX);
        loop {
            if self.taken.len() == number {
                self.taken.push(vec![0; flow.blocks() as usize]);
            }
            let word = &mut self.taken[number];
            let blocks = self.blocks.iter();
            let used = blocks.fold(0, |used, &block| used | word[block as usize]);
            if used != u64::MAX {
                let bit = used.trailing_ones();
                for &block in &self.blocks {
                    word[block as usize] |= 1 << bit;
                }
                return number as u32 * 64 + bit;
            }
            number += 1;
        }
    }

    /// Values of single blocks, in the order of their definitions; says how many slots they need.
    fn find_local(&mut self, values: &Values, base: u32) -> u32 {
        let definition = |value: u32| values.of(value).def;
        self.local.sort_by_key(|&value| definition(value));
        // From where on each slot is free, the next first.
        let mut free: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
        let mut count = 0;
        for &value in &self.local {
            let def = definition(value);
            let last = values.uses(value).last();
            let end = last.map_or(def, |one| 2 * one.inst + 1) + 2;
            let slot = match free.peek() {
                Some(&Reverse((from, slot))) if from <= def => {
                    free.pop();
                    slot
                }
                _ => {
                    count += 1;
                    count - 1
                }
            };
            free.push(Reverse((end, slot)));
            self.slot[value as usize] = base + slot;
        }
        count
    }

    pub fn clear(&mut self) {
        self.slot.clear();
    }
}
