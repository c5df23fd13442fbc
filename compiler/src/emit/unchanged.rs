//! Functions that are as they were in an earlier build, found without translating them.
//!
//! All that is decided about a program before its bodies are translated follows from the options, from
//! the input without the code of its functions, and from what parsing has found in each body. One
//! digest is of that. A function's *source* is a digest of it, of the function's body, and of the
//! sources of what may be inlined into it, in the order in which that is done. If the last build has had
//! the same source, its code is taken as it is; if not, it may still come from the same CLIF
//! ([`super::incremental`]).
//!
//! Not in the digest is how many operators a body has, so that other functions are the same after an
//! edit. What depends on it is there instead: who takes the pointer, who may be inlined, and how much a
//! function may take in. Of what bodies do with objects, what follows from all of them together is there:
//! what fields may hold, and which types have objects.

use super::incremental::{CodeCache, Digest, Kept, Key};
use super::inline::Choice;
use super::inlined::Inlined;
use crate::index::FuncId;
use crate::options::DebugInfo;
use crate::plan::FuncKind;
use crate::translate::{Translation, names};
use cranelift_codegen::ir;
use foldhash::{HashMap, HashMapExt, HashSet};
use std::hash::Hash;
use wasmparser::{Parser, Payload};

/// Sources of a program's functions.
pub struct Unchanged<'a> {
    cache: &'a CodeCache,
    translation: Translation<'a>,
    program: Key,
    /// Of functions that may be inlined.
    small: HashMap<FuncId, Key>,
    /// How much each function may take in.
    choice: &'a Choice<'a>,
}

impl<'a> Unchanged<'a> {
    /// Nothing where more than `input` and the options decides what code is, or what is told about it.
    pub fn new(
        translation: Translation<'a>,
        cache: &'a CodeCache,
        choice: &'a Choice<'a>,
        input: &[u8],
    ) -> Option<Unchanged<'a>> {
        let Translation { plan, options, .. } = translation;
        let is_all_told = options.debug_info == DebugInfo::None
            && options.preloads.is_empty()
            && plan.profile.is_none()
            && translation.profile().is_none();
        if !is_all_told {
            return None;
        }
        let mut digest = Digest::default();
        format!("{options:?}").hash(&mut digest);
        translation.isa.triple().hash(&mut digest);
        translation.isa.flags().hash(&mut digest);
        translation.isa.isa_flags_hash_key().hash(&mut digest);
        outside_of_code(input, &mut digest)?;
        for unit in plan.units {
            for body in &unit.module.bodies {
                body.facts.hash_without_operators(&mut digest);
            }
        }
        plan.takes_pointer.hash(&mut digest);
        plan.contents.hash(&mut digest);
        choice.order.hash(&mut digest);
        let mut unchanged = Unchanged {
            cache,
            translation,
            program: digest.into_key(),
            small: HashMap::new(),
            choice,
        };
        // A callee that comes later, in a cycle, is not inlined either.
        for &id in &choice.order {
            let source = unchanged.source_of(id);
            unchanged.small.insert(id, source);
        }
        Some(unchanged)
    }

    /// The code that a function had in the last build, if it is to have the same.
    pub fn find(&self, id: FuncId) -> Option<Kept> {
        self.cache.find_source(self.source(id)?)
    }

    /// Notes of which CLIF a function has become, for the next build.
    pub fn add(&self, id: FuncId, code: Key, func: &ir::Function, inlined: &Inlined) {
        if let Some(source) = self.source(id)
            && self.is_told(id, func, inlined)
        {
            self.cache.add_source(source, code, func, inlined);
        }
    }

    /// Generated functions have none: there are few.
    fn source(&self, id: FuncId) -> Option<Key> {
        match self.translation.plan.funcs[id.index()].kind {
            FuncKind::Body { .. } => {
                let source = self.small.get(&id).copied();
                Some(source.unwrap_or_else(|| self.source_of(id)))
            }
            _ => None,
        }
    }

    fn source_of(&self, id: FuncId) -> Key {
        let plan = self.translation.plan;
        let mut digest = Digest::default();
        self.program.hash(&mut digest);
        id.hash(&mut digest);
        plan.body_bytes(id).hash(&mut digest);
        self.choice.size_max(plan, id).hash(&mut digest);
        for callee in plan.callees(id) {
            if let Some(source) = self.small.get(&callee) {
                (callee, source).hash(&mut digest);
            }
        }
        digest.into_key()
    }

    /// Whether all that could have been inlined is in the source.
    fn is_told(&self, id: FuncId, func: &ir::Function, inlined: &Inlined) -> bool {
        let plan = self.translation.plan;
        let bodies = inlined.frames.iter().map(|frame| frame.func);
        let called: HashSet<FuncId> = bodies.chain([id]).flat_map(|id| plan.callees(id)).collect();
        let mut names = func.params.user_named_funcs().values();
        names.all(|name| {
            let callee = FuncId(name.index);
            name.namespace != names::WASM
                || !self.small.contains_key(&callee)
                || called.contains(&callee)
        })
    }
}

/// Adds an input without bodies, and without lengths that depend on them.
fn outside_of_code(input: &[u8], digest: &mut Digest) -> Option<()> {
    for payload in Parser::new(0).parse_all(input) {
        match payload.ok()? {
            Payload::CodeSectionEntry(_) => {}
            Payload::Version { num, encoding, .. } => {
                ("version", num, format!("{encoding:?}")).hash(digest);
            }
            Payload::CodeSectionStart { count, .. } => ("code", count).hash(digest),
            Payload::ModuleSection { .. } => "module".hash(digest),
            Payload::ComponentSection { .. } => "component".hash(digest),
            Payload::End(_) => "end".hash(digest),
            other => {
                let (id, range) = other.as_section()?;
                let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
                ("section", id, input.get(range)?).hash(digest);
            }
        }
    }
    Some(())
}
