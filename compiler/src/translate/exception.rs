//! Exceptions: `try_table`, `throw`, `throw_ref`.
//!
//! A call inside a `try_table` is a `try_call` whose exception table lists the active clauses,
//! innermost first. The runtime finds the clause by the return address and continues at its
//! *landing* block with the exception's address; the landing unpacks the values and branches to
//! the clause's label. Specification: core, "Exceptions".

use super::clif::{Alias, clif_type, trap_code};
use super::control::block_args;
use super::frame::FrameKind;
use super::handling::{Active, Clause, Handling};
use super::translator::FuncTranslator;
use crate::error::Result;
use crate::index::TagId;
use cranelift_codegen::ir::{
    Block, BlockArg, ExceptionTable, ExceptionTableData, ExceptionTableItem, ExceptionTag,
    InstBuilder, SigRef, Value, types,
};
use foldhash::{HashSet, HashSetExt};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{Exception, TrapCode};
use wasmparser::{Catch, Operator, TryTable};

/// Bytes that a value takes in an exception.
const VALUE_BYTES: usize = 16;

impl FuncTranslator<'_, '_> {
    pub(super) fn exception_operator(&mut self, op: &Operator<'_>, _offset: u64) -> Result<bool> {
        match *op {
            Operator::Throw { tag_index } => {
                let tag = self.instance().tags[tag_index as usize];
                self.throw(tag);
            }
            Operator::ThrowRef => {
                let exception = self.pop1();
                self.trap_unless(exception, TrapCode::NullReference);
                self.throw_exception(exception);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Makes the landings of a `try_table` and enters its body.
    pub(super) fn begin_try(&mut self, try_table: &TryTable) {
        let body = self.builder.create_block();
        self.builder.ins().jump(body, &[]);
        let mut clauses = Vec::with_capacity(try_table.catches.len());
        for catch in &try_table.catches {
            let landing = self.landing(*catch);
            clauses.push(Clause {
                tag: self.caught_tag(*catch),
                landing,
            });
            if clauses.last().is_some_and(|c| c.tag.is_none()) {
                break;
            }
        }
        self.enter(body);
        let around = self.handlers.active;
        for clause in clauses.into_iter().rev() {
            self.handlers.push(clause);
        }
        let (params, results) = self.block_type(try_table.ty);
        self.push_frame(FrameKind::TryTable { around }, params.len(), &results);
    }

    /// Leaves the body of a `try_table`: nothing more jumps to its landings.
    pub(super) fn end_try(&mut self, around: Active) {
        for (clause, _) in self.handlers.pop_to(around) {
            self.builder.place(clause.landing);
        }
    }

    /// From here on exceptions are traps: none of them leaves a component.
    ///
    /// ```text
    /// landing(v1: i64):
    ///     trap uncaught in component
    /// ```
    pub(super) fn trap_on_exceptions(&mut self) {
        if self.plan().tags.is_empty() {
            return;
        }
        let landing = self.builder.create_block();
        self.builder.append_block_param(landing, types::I64);
        self.builder.set_cold_block(landing);
        self.handlers.push(Clause { tag: None, landing });
    }

    /// Ends what [`Self::trap_on_exceptions`] has begun, behind the last block.
    pub(super) fn end_trap_on_exceptions(&mut self) {
        self.end_trap_with(TrapCode::UncaughtInComponent);
    }

    /// The same where the runtime runs a task: there is no component to propagate to.
    pub(super) fn end_trap_in_task(&mut self) {
        self.end_trap_with(TrapCode::UncaughtException);
    }

    fn end_trap_with(&mut self, code: TrapCode) {
        if let Some(Clause { landing, .. }) = self.handlers.pop() {
            self.enter(landing);
            self.builder.ins().trap(trap_code(code));
        }
    }

    fn caught_tag(&self, catch: Catch) -> Option<TagId> {
        match catch {
            Catch::One { tag, .. } | Catch::OneRef { tag, .. } => {
                Some(self.instance().tags[tag as usize])
            }
            Catch::All { .. } | Catch::AllRef { .. } => None,
        }
    }

    /// ```text
    /// landing(v1: i64):                       ; the exception
    ///     v2 = load.i32 notrap aligned v1+16  ; its values
    ///     call exception_free(v1)             ; or, for the `_ref` clauses: mark it shared
    ///     jump label(v2)                      ; and pass it on
    /// ```
    fn landing(&mut self, catch: Catch) -> Block {
        let landing = self.builder.create_block();
        let exception = self.builder.append_block_param(landing, types::I64);
        self.builder.switch_to_block(landing);
        let mut values = match self.caught_tag(catch) {
            Some(tag) => self.unpack(tag, exception),
            None => Vec::new(),
        };
        let (label, by_reference) = match catch {
            Catch::One { label, .. } | Catch::All { label } => (label, false),
            Catch::OneRef { label, .. } | Catch::AllRef { label } => (label, true),
        };
        if by_reference {
            self.share(exception);
            values.push(exception);
        } else {
            self.free_exception(exception);
        }
        let (target, _) = self.target(label);
        let args = block_args(&values);
        self.builder.ins().jump(target, &args);
        landing
    }

    /// Says that nothing refers to an exception, which is the collector's to find if it is an object.
    pub(super) fn free_exception(&mut self, exception: Value) {
        if self.plan().heap_plan.is_none() {
            self.call_runtime("exception_free", &[exception]);
        }
    }

    /// Marks an exception that something refers to from now on. Those that are objects always are.
    pub(super) fn share(&mut self, exception: Value) {
        if self.plan().heap_plan.is_some() {
            return;
        }
        let flags = self.trusted(Alias::Table);
        let one = self.builder.ins().iconst(types::I32, 1);
        self.builder
            .ins()
            .store(flags, one, exception, field(offset_of!(Exception, shared)));
    }

    pub(super) fn unpack(&mut self, tag: TagId, exception: Value) -> Vec<Value> {
        if let Some(layout) = self.plan().heap.exception(tag) {
            return self.exception_fields(layout, exception);
        }
        let params = self.plan().sigs[self.plan().tags[tag.index()]].params();
        let flags = self.trusted(Alias::Table);
        let mut values = Vec::with_capacity(params.len());
        for (position, &ty) in params.iter().enumerate() {
            let offset = value_offset(position);
            let ins = self.builder.ins();
            let value = ins.load(clif_type(ty), flags, exception, offset);
            self.define_type(value, ty);
            values.push(value);
        }
        values
    }

    fn throw(&mut self, tag: TagId) {
        let arity = self.plan().sigs[self.plan().tags[tag.index()]]
            .params()
            .len();
        let values = self.pop_many(arity);
        if let Some(layout) = self.plan().heap.exception(tag) {
            let exception = self.new_exception(layout, &values);
            return self.throw_exception(exception);
        }
        let number = self.builder.ins().iconst(types::I32, i64::from(tag.0));
        let count = self
            .builder
            .ins()
            .iconst(types::I64, i64::try_from(arity).expect("small"));
        let exception = self
            .call_runtime("exception_new", &[number, count])
            .expect("has a result");
        let flags = self.trusted(Alias::Table);
        for (position, &value) in values.iter().enumerate() {
            self.builder
                .ins()
                .store(flags, value, exception, value_offset(position));
        }
        self.throw_exception(exception);
    }

    pub(super) fn throw_exception(&mut self, exception: Value) {
        self.call_throwing("throw", &[exception]);
        self.builder.ins().trap(trap_code(TrapCode::Unreachable));
        self.set_unreachable();
    }

    /// The exception table of a call: `next` after a return, the active handlers otherwise. Of
    /// handlers of one tag only the innermost counts, and none beyond one of any tag.
    pub(super) fn exception_table(
        &mut self,
        sig: SigRef,
        next: Block,
        normal: &[BlockArg],
    ) -> ExceptionTable {
        let normal = self.builder.func.dfg.block_call(next, normal);
        let heap = &self.plan().heap;
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        let (handling, dfg) = (&mut self.handling, &mut self.builder.func.dfg);
        let mut catches_all = false;
        self.handlers.list(|Clause { tag, landing }| {
            if catches_all {
                return None;
            }
            handling.visited += 1;
            if !seen.insert(tag) {
                return Some(false);
            }
            let call = dfg.block_call(landing, &[BlockArg::TryCallExn(0)]);
            items.push(match tag {
                Some(tag) => {
                    let number = heap.exception(tag).map_or(tag.0, |layout| layout.number);
                    ExceptionTableItem::Tag(ExceptionTag::from_u32(number), call)
                }
                None => ExceptionTableItem::Default(call),
            });
            catches_all = tag.is_none();
            Some(true)
        });
        self.handling.listed += items.len().saturating_sub(Handling::LISTED_FREE);
        let data = ExceptionTableData::new(sig, normal, items);
        self.builder.func.dfg.exception_tables.push(data)
    }
}

fn value_offset(position: usize) -> i32 {
    field(size_of::<Exception>() + position * VALUE_BYTES)
}

fn field(offset: usize) -> i32 {
    i32::try_from(offset).expect("small")
}
