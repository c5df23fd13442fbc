//! The counters of a program that is to write a profile.

use super::shape::{Digest, Shape};
use crate::error::{Error, ErrorKind, Result};
use crate::index::FuncId;
use crate::plan::{FuncKind, LinkPlan};
use rayon::prelude::*;
use wasmparser::FunctionBody;

/// What a function counts, and by what it is found again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counters {
    /// A digest of its name.
    pub name: u64,
    pub shape: Shape,
    /// The number of the first in the program.
    pub first: u64,
}

/// The counters of all functions.
#[derive(Debug)]
pub struct Layout {
    /// Ascending.
    pub functions: Vec<(FuncId, Counters)>,
    pub total: u64,
}

/// Code adds a distance of 31 bits to the address of the first one.
const COUNTERS_MAX: u64 = (1 << 31) / 8;

impl Layout {
    /// # Errors
    /// `Unsupported` for more counters than any program has.
    pub fn new(plan: &LinkPlan<'_>) -> Result<Layout> {
        let mut functions: Vec<(FuncId, Counters)> = (0..plan.funcs.len())
            .into_par_iter()
            .map(FuncId::new)
            .filter_map(|id| Some((id, of(plan, id)?)))
            .collect();
        let mut total = 0;
        for (_, counters) in &mut functions {
            counters.first = total;
            total += u64::from(counters.shape.counters);
        }
        if total > COUNTERS_MAX {
            let message = "the program has too many places to count";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Ok(Layout { functions, total })
    }

    /// The counters of a function that has any.
    #[must_use]
    pub fn find(&self, id: FuncId) -> Option<&Counters> {
        let at = self.functions.binary_search_by_key(&id, |(id, _)| *id);
        at.ok().map(|at| &self.functions[at].1)
    }
}

/// What a function that is compiled from a body counts, but for where that lies.
pub(super) fn of(plan: &LinkPlan<'_>, id: FuncId) -> Option<Counters> {
    if !plan.reachable[id.index()] {
        return None;
    }
    let shape = Shape::of(body(plan, id)?);
    let name = &plan.funcs[id.index()].name;
    // The module's name may be that of its file.
    let name = name.split_once('!').map_or(name.as_str(), |(_, name)| name);
    let mut digest = Digest::default();
    for byte in name.bytes() {
        digest.add(byte.into());
    }
    Some(Counters {
        name: digest.0,
        shape,
        first: 0,
    })
}

fn body<'p>(plan: &'p LinkPlan<'_>, id: FuncId) -> Option<&'p FunctionBody<'p>> {
    let FuncKind::Body {
        instance, index, ..
    } = plan.funcs[id.index()].kind
    else {
        return None;
    };
    let module = plan.module(instance);
    Some(&module.bodies[index.index() - module.functions_imported].body)
}
