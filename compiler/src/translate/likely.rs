//! Calls through tables whose targets a profile has seen.
//!
//! In a table that nothing changes, an element is known by its position. So what is compared is the
//! index, with a constant; nothing is loaded or checked where it is a frequent one, and the call is one
//! by name, which may be inlined.

use super::translator::FuncTranslator;
use crate::index::{FuncId, SigId, TableId};
use crate::plan::{Callee, Value};
use cranelift_codegen::ir::{Block, InstBuilder, condcodes::IntCC};
use wasmparser::FuncType;

/// An element of a table that is called often.
struct Likely {
    position: u64,
    func: FuncId,
    count: u64,
}

/// So many targets of a call are compared with.
const TARGETS_MAX: usize = 2;
/// Each of them takes at least one of so many calls.
const PART_MIN: u64 = 3;
/// A call that would have to run more than this many times as often to be hot is not worth it.
const HOT_FACTOR: u64 = 16;

impl FuncTranslator<'_, '_> {
    /// ```text
    /// v2 = icmp_imm eq index, position
    /// brif v2, hit, miss
    /// hit:  v3 = call function(operands)
    /// jump next(v3)
    /// miss: ...                                           ; through the table
    /// jump next(v4)
    /// ```
    pub(super) fn call_element(&mut self, table: TableId, sig: SigId, ty: &FuncType, tail: bool) {
        let likely = self.likely_elements(table, sig);
        if likely.is_empty() {
            self.call_any_element(table, sig, ty, tail);
            return;
        }
        let before = self.counting.now;
        let height = self.stack.len() - ty.params().len() - 1;
        let operands = self.stack[height..].to_vec();
        let next = (!tail).then(|| self.block_with(ty.results()));
        for Likely {
            position,
            func,
            count,
        } in likely
        {
            let index = self.peek1();
            let position = position.cast_signed();
            let ins = self.builder.ins();
            let is_it = ins.icmp_imm_u(IntCC::Equal, index, position);
            let [hit, miss] = [(); 2].map(|()| self.builder.create_block());
            self.builder.ins().brif(is_it, hit, &[], miss, &[]);
            let rest = self.counting.now.saturating_sub(count);
            self.weigh(miss, rest, Some(self.counting.now));
            self.counting.now = count;
            self.enter(hit);
            self.pop1();
            let args = self.pop_many(ty.params().len());
            self.call_callee(Callee::Defined(func), ty, &args, tail);
            self.join_results(next, ty);
            self.stack.extend(&operands);
            self.counting.now = rest;
            self.enter(miss);
        }
        self.call_any_element(table, sig, ty, tail);
        self.join_results(next, ty);
        if let Some(next) = next {
            self.counting.now = before;
            self.enter(next);
            let results = self.builder.block_params(next).to_vec();
            self.stack.extend(results);
        }
    }

    /// Goes on where all calls do.
    pub(super) fn join_results(&mut self, next: Option<Block>, ty: &FuncType) {
        if let Some(next) = next {
            let results = self.pop_many(ty.results().len());
            self.jump(next, &results);
        }
    }

    /// The most frequent first.
    fn likely_elements(&self, table: TableId, sig: SigId) -> Vec<Likely> {
        let plan = self.plan();
        let now = self.counting.now;
        let profile = self.translation.profile();
        let is_worth_it = profile.is_some_and(|it| it.is_hot(now.saturating_mul(HOT_FACTOR)));
        let table = &plan.tables[table.index()];
        if !is_worth_it || !table.constant {
            return Vec::new();
        }
        let targets = self.counting.targets().iter();
        let targets = targets.filter(|(_, count)| count.saturating_mul(PART_MIN) >= now);
        let mut likely: Vec<Likely> = targets
            .filter(|(func, _)| plan.has_type(*func, sig) && plan.reachable[func.index()])
            .filter_map(|&(func, count)| {
                // At another position, it is called through the table.
                let mut elements = table.elements.iter();
                let position = elements.position(|value| *value == Value::RefFunc(func))?;
                Some(Likely {
                    position: position as u64,
                    func,
                    count,
                })
            })
            .collect();
        likely.sort_by_key(|it| (std::cmp::Reverse(it.count), it.position));
        likely.truncate(TARGETS_MAX);
        likely
    }
}
