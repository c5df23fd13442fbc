//! Calls by references of which it is known what functions they can be.
//!
//! A call of the only function that there can be is one by name, which may be inlined. Where there are
//! two, the reference is compared with one of them: the branch is predicted as well as the call by
//! address would be, and nothing is loaded.

use super::super::clif::trap_code;
use super::super::translator::FuncTranslator;
use crate::index::SigId;
use crate::plan::Callee;
use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC};
use wasmelt_abi::TrapCode;
use wasmparser::FuncType;

/// So many targets of a call are compared with.
const TARGETS_MAX: usize = 2;

impl FuncTranslator<'_, '_> {
    /// A call by a reference whose targets are known and few; whether it is one.
    ///
    /// ```text
    /// v2 = icmp eq reference, record of one
    /// brif v2, hit, miss
    /// hit:  v3 = call one(operands)
    /// jump next(v3)
    /// miss: v4 = call other(operands)
    /// jump next(v4)
    /// ```
    pub(in super::super) fn call_known(
        &mut self,
        reference: Value,
        sig: SigId,
        ty: &FuncType,
        tail: bool,
    ) -> bool {
        let Some(targets) = self.targets_of(reference, sig) else {
            return false;
        };
        if targets.len() > TARGETS_MAX {
            return false;
        }
        let Some((&last, compared)) = targets.split_last() else {
            let null = trap_code(TrapCode::NullReference);
            self.builder.ins().trap(null);
            self.set_unreachable();
            return true;
        };
        if !self.is_not_null(reference) {
            self.trap_unless(reference, TrapCode::NullReference);
        }
        let height = self.stack.len() - ty.params().len();
        let operands = self.stack[height..].to_vec();
        let next = (!tail && !compared.is_empty()).then(|| self.block_with(ty.results()));
        for &target in compared {
            let record = self.func_reference(target);
            let is_it = self.builder.ins().icmp(IntCC::Equal, reference, record);
            let [hit, miss] = [(); 2].map(|()| self.builder.create_block());
            self.builder.ins().brif(is_it, hit, &[], miss, &[]);
            self.enter(hit);
            let args = self.pop_many(operands.len());
            self.call_callee(Callee::Defined(target), ty, &args, tail);
            self.join_results(next, ty);
            self.stack.extend(&operands);
            self.reachable = true;
            self.enter(miss);
        }
        let args = self.pop_many(operands.len());
        self.call_callee(Callee::Defined(last), ty, &args, tail);
        self.join_results(next, ty);
        if let Some(next) = next {
            self.enter(next);
            self.reachable = true;
            let results = self.builder.block_params(next).to_vec();
            self.stack.extend(results);
        }
        self.define_results(ty);
        true
    }
}
