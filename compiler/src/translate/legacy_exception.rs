//! Exceptions as they were first, and as compilers for C++ still make them: `try` with `catch`,
//! `catch_all` and `delegate`, `rethrow`.
//!
//! The clauses of a `try` are handlers of its body like those of a `try_table`, but they come behind
//! it. So what they are is read beforehand, once for a function. The landing of a clause is where its
//! code begins; what it has caught is remembered while a `rethrow` may name it. A body that delegates
//! has the handlers of the block that it names, and none of those in between.

use super::frame::FrameKind;
use super::handling::{Clause, Try, TryShape};
use super::translator::FuncTranslator;
use crate::error::Result;
use cranelift_codegen::ir::{Value, types};
use foldhash::{HashMap, HashMapExt};
use std::collections::VecDeque;
use wasmparser::{BlockType, FunctionBody, Operator};

/// By the byte offset of each `try`. Linear in the body.
///
/// # Errors
/// Those of reading it.
pub(super) fn shapes(body: &FunctionBody<'_>) -> Result<HashMap<u64, TryShape>> {
    let mut shapes: HashMap<u64, TryShape> = HashMap::new();
    let mut open: Vec<Option<u64>> = vec![None];
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (op, offset) = reader.read_with_offset()?;
        let innermost = open.last().copied().flatten();
        match op {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::TryTable { .. } => open.push(None),
            Operator::Try { .. } => {
                open.push(Some(offset));
                shapes.insert(offset, TryShape::default());
            }
            Operator::Catch { tag_index } => clause(&mut shapes, innermost, Some(tag_index)),
            Operator::CatchAll => clause(&mut shapes, innermost, None),
            Operator::Rethrow { relative_depth } => {
                let position = open.len().checked_sub(1 + relative_depth as usize);
                let named = position.and_then(|position| open[position]);
                if let Some(shape) = named.and_then(|named| shapes.get_mut(&named)) {
                    shape.is_rethrown = true;
                }
            }
            Operator::Delegate { relative_depth } => {
                open.pop();
                if let Some(shape) = innermost.and_then(|innermost| shapes.get_mut(&innermost)) {
                    shape.delegate = Some(relative_depth);
                }
            }
            Operator::End => {
                open.pop();
            }
            _ => {}
        }
    }
    Ok(shapes)
}

fn clause(shapes: &mut HashMap<u64, TryShape>, of: Option<u64>, tag: Option<u32>) {
    if let Some(shape) = of.and_then(|of| shapes.get_mut(&of)) {
        shape.clauses.push(tag);
    }
}

impl FuncTranslator<'_, '_> {
    pub(super) fn legacy_exception_operator(&mut self, op: &Operator<'_>, offset: u64) -> bool {
        match *op {
            Operator::Try { blockty } => self.begin_legacy_try(blockty, offset),
            Operator::Catch { .. } | Operator::CatchAll => self.begin_clause(),
            Operator::Rethrow { relative_depth } => self.rethrow(relative_depth),
            Operator::Delegate { .. } => self.end(),
            _ => return false,
        }
        true
    }

    fn begin_legacy_try(&mut self, ty: BlockType, offset: u64) {
        let shape = self.tries.get(&offset).cloned().unwrap_or_default();
        let around = self.handlers.active;
        let base = match shape.delegate {
            Some(label) => self.control[self.control.len() - 1 - label as usize].handlers,
            None => around,
        };
        self.handlers.active = base;
        for &tag in shape.clauses.iter().rev() {
            let landing = self.builder.create_block();
            self.builder.append_block_param(landing, types::I64);
            let tag = tag.map(|tag| self.instance().tags[tag as usize]);
            self.handlers.push(Clause { tag, landing });
        }
        let kind = FrameKind::Try(Try {
            around,
            base,
            clauses: None,
            is_rethrown: shape.is_rethrown,
            caught: None,
        });
        let (params, results) = self.block_type(ty);
        self.push_frame(kind, params.len(), &results);
    }

    /// Ends the body of a `try`: nothing more gets to its clauses.
    pub(super) fn end_body(&mut self, each: &mut Try) {
        if each.clauses.is_some() {
            return;
        }
        let clauses = self.handlers.pop_to(each.base);
        self.handlers.active = each.around;
        each.clauses = Some(clauses.into());
    }

    /// Ends the body, or a clause, and begins the next one.
    ///
    /// ```text
    /// landing(v1: i64):                       ; the exception
    ///     v2 = load.i32 notrap aligned v1+16  ; its values
    ///     call exception_free(v1)             ; or, if it may be thrown again: mark it shared
    /// ```
    pub(super) fn begin_clause(&mut self) {
        self.leave();
        let mut frame = self.control.pop().expect("validated: inside a `try`");
        let FrameKind::Try(each) = &mut frame.kind else {
            unreachable!("validated: a clause belongs to a `try`")
        };
        self.end_body(each);
        self.stack.truncate(frame.height);
        frame.handlers = self.handlers.active;
        let next = each.clauses.as_mut().and_then(VecDeque::pop_front);
        let (clause, is_reached) = next.expect("each clause has been read");
        self.reachable = is_reached;
        // Counters tell nothing about exceptions.
        self.counting.now = 0;
        if is_reached {
            each.caught = Some(self.begin_landing(clause, each.is_rethrown));
        }
        self.control.push(frame);
    }

    fn begin_landing(&mut self, clause: Clause, is_rethrown: bool) -> Value {
        self.builder.begin(clause.landing);
        self.weigh(clause.landing, self.counting.now, None);
        let exception = self.builder.block_params(clause.landing)[0];
        let values = match clause.tag {
            Some(tag) => self.unpack(tag, exception),
            None => Vec::new(),
        };
        match is_rethrown {
            true => self.share(exception),
            false => self.free_exception(exception),
        }
        self.stack.extend(values);
        exception
    }

    /// Throws again what the clause of a `try` has caught.
    fn rethrow(&mut self, label: u32) {
        let frame = &self.control[self.control.len() - 1 - label as usize];
        let FrameKind::Try(Try {
            caught: Some(exception),
            ..
        }) = frame.kind
        else {
            unreachable!("validated: it names a `try` in whose clause it is")
        };
        self.throw_exception(exception);
    }
}
