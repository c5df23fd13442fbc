//! What the input says of where something is, and in which parts of the code that is true.

use super::expression::{Context, Form, Frame};
use super::expressions::Expression;
use super::ranges::Within;
use crate::dwarf::Operation;
use crate::emit::values::{Holder, ValuePlace};

/// What is used again for each variable.
#[derive(Default)]
pub(super) struct Reused<'a> {
    pub(super) said: Vec<(Within, Said<'a>)>,
    pub(super) parts: Parts,
}

/// The parts of the code in which something is said of one variable, and what that is.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// By what holds the variable and what says so.
    pub(super) expressions: Vec<(Option<Holder>, usize, Option<Expression>)>,
    /// Those of other variables.
    pub(super) spare: Vec<Expression>,
    pub(super) held: Vec<ValuePlace>,
    pub(super) code: Vec<(u32, u32)>,
}

/// A part of a function's code, and what is true there.
pub(super) struct Part {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) holder: Option<Holder>,
    pub(super) number: usize,
}

/// What the input says of where something is.
#[derive(Clone, Copy)]
pub(super) enum Said<'a> {
    /// The address of a function's frame.
    Frame(&'a [Operation]),
    Expression(&'a [Operation], Form),
}

#[derive(PartialEq, Eq)]
pub(super) struct SeveralLocals;

impl<'a> Said<'a> {
    /// `out` is one that may be used again.
    pub(super) fn in_context(
        self,
        context: &Context<'_, '_>,
        out: Expression,
    ) -> Option<Expression> {
        match self {
            Said::Frame(operations) => context.frame_address(operations, out),
            Said::Expression(operations, form) => context.expression(operations, form, out),
        }
    }

    /// The local that it is said by, if it is by one.
    ///
    /// # Errors
    /// It is said by several.
    pub(super) fn local(self, frame: Frame<'a>) -> Result<Option<u32>, SeveralLocals> {
        let (Said::Frame(operations) | Said::Expression(operations, _)) = self;
        let asks = operations
            .iter()
            .any(|operation| matches!(operation, Operation::Frame(_)));
        let of_frame: &[Operation] = match frame {
            Frame::Said(frame) if asks => frame,
            _ => &[],
        };
        let all = operations.iter().chain(of_frame);
        let mut locals = all.filter_map(|operation| match operation {
            Operation::Local(local) => Some(*local),
            _ => None,
        });
        let local = locals.next();
        match locals.any(|other| Some(other) != local) {
            true => Err(SeveralLocals),
            false => Ok(local),
        }
    }
}
