//! Which register: of those that are free, the one that will stay free; otherwise the one whose value
//! is needed least.

use crate::machine::{Mask, NO_REGISTER, each};
use crate::scan::Scan;

/// How much a store counts against a reload, when a value has to leave its register.
const STORE: f32 = 0.25;
/// Of how many values it is asked where they want to be that one's register will go to.
const HEIRS_MAX: usize = 6;
/// How often a block has to run for a register that costs something.
const OPENS: f32 = 2.5;

impl Scan<'_> {
    /// A register for a value out of `free`, from an instruction on; none if a costly one does not
    /// pay.
    pub fn choose(&mut self, value: u32, free: Mask, inst: u32) -> Option<u8> {
        let block = self.block;
        let opening = self.machine.costly & !self.opened;
        let cheap = free & !opening;
        if free == 0 {
            return None;
        }
        let home = self.homes.home[value as usize];
        if home != NO_REGISTER && free & 1 << home != 0 {
            return Some(home);
        }
        let goes_out = self.memory.states[value as usize].out_block == block;
        let end = match (goes_out, self.last_use(value)) {
            (false, Some(last)) => last,
            _ => 2 * self.last + 1,
        };
        if let Some(register) = self.wish(value, cheap, inst, end) {
            return Some(register);
        }
        // What has to outlive calls further on is best where they leave it alone.
        let web = self.homes.web[value as usize];
        let outlives = end > 2 * self.last && self.urgency.lost_of_web[web as usize] > 0.0;
        let kept = if outlives {
            cheap & !self.values.clobbered
        } else {
            0
        };
        let mut best = (0, NO_REGISTER);
        for register in each(kept).chain(each(cheap)) {
            let until = self.free_until(register, inst);
            if until > end {
                return Some(register);
            }
            if until > best.0 || best.1 == NO_REGISTER {
                best = (until, register);
            }
        }
        // What outlives a call would be stored and loaded again.
        let costly = free & opening;
        let pays = 2.0 * self.flow.freq[block as usize] >= OPENS;
        if costly != 0 && pays {
            return Some(costly.trailing_zeros() as u8);
        }
        (best.1 != NO_REGISTER).then_some(best.1)
    }

    /// The last use of a value in the current block, a point.
    fn last_use(&self, value: u32) -> Option<u32> {
        let uses = self.values.uses(value);
        let behind = uses.partition_point(|one| one.block <= self.block);
        let last = uses[..behind].last()?;
        let point = 2 * last.inst + u32::from(last.is_late);
        (last.block == self.block).then_some(point.min(2 * self.last + 1))
    }

    /// The register that the next instruction with a wish, or a block that follows, wants it in.
    fn wish(&mut self, value: u32, free: Mask, inst: u32, end: u32) -> Option<u8> {
        let uses = self.values.uses(value);
        let next = self.memory.states[value as usize].next as usize;
        let block = self.block;
        let mut here = uses[next.min(uses.len())..].iter();
        let wish = here.by_ref().take(4).take_while(|one| one.block == block);
        let wish = wish.copied().find(|one| one.register != NO_REGISTER);
        if let Some(wish) = wish
            && free & 1 << wish.register != 0
            && self.free_until(wish.register, inst) >= 2 * wish.inst
        {
            return Some(wish.register);
        }
        let mut at = value;
        for _ in 0..HEIRS_MAX {
            // Where others of its web were, ways that meet have less to move.
            let hint = self.memory.states[at as usize].hint;
            let latest = self.memory.latest[self.homes.web[at as usize] as usize];
            let home = self.homes.home[at as usize];
            let wishes = [hint, latest, home, self.first_wish(at)];
            let chosen = wishes.into_iter().find(|&register| {
                let is_free = register != NO_REGISTER && free & 1 << register != 0;
                is_free && self.free_until(register, inst) > end
            });
            if chosen.is_some() {
                return chosen;
            }
            at = self.values.heir(at)?;
        }
        None
    }

    /// The register that one of the first uses of a value wants, in the current block.
    fn first_wish(&self, value: u32) -> u8 {
        let first = self.values.uses(value).iter().take(2);
        let mut here = first.take_while(|one| one.block == self.block);
        let wish = here.find(|one| one.register != NO_REGISTER);
        wish.map_or(NO_REGISTER, |one| one.register)
    }

    /// What it costs that a value leaves its register.
    pub fn price(&mut self, value: u32, register: u8, inst: u32) -> f32 {
        let is_clobbered = self.is_clobbered(register);
        let urgency = self.urgency(value, inst, is_clobbered);
        let state = &self.memory.states[value as usize];
        if state.is_stored_at_def || state.stored_in != crate::lists::NONE {
            return urgency;
        }
        let def_block = self.values.of(value).block as usize;
        let here = self.flow.freq[self.block as usize];
        urgency + STORE * (self.flow.freq[def_block] / here).min(1.0)
    }

    /// The register out of `among` whose value is needed least, and how much.
    pub fn least_needed(&mut self, among: Mask, inst: u32) -> Option<(u8, f32)> {
        let mut best: Option<(u8, f32)> = None;
        for register in each(among & self.occupied) {
            let value = self.held[usize::from(register)];
            let mut price = self.price(value, register, inst);
            if self.homes.home[value as usize] == register {
                price *= 1.5;
            }
            if best.is_none_or(|(_, least)| price < least) {
                best = Some((register, price));
            }
        }
        best
    }
}
