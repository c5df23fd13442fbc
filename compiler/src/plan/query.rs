//! What other phases ask of a plan.

use super::linked::{Builtin, CanonKind};
use super::{Callee, CoreDef, FuncKind, LinkPlan};
use crate::index::{
    CanonId, FuncId, FuncIndex, InstanceIndex, LiftId, MemoryId, OptionsId, RegionIndex, SigId,
    TableId, TypeIndex,
};
use crate::parse::{Body, BodyFacts, Extern, Module};
use std::ops::Range;

impl LinkPlan<'_> {
    /// The program's number of a type of an instance's module.
    #[must_use]
    pub fn type_sig(&self, instance: InstanceIndex, ty: TypeIndex) -> SigId {
        self.type_sigs[self.instances[instance.index()].unit][ty.index()]
    }

    /// The program's number of the type of a function of an instance's module.
    #[must_use]
    pub fn func_sig(&self, instance: InstanceIndex, func: FuncIndex) -> SigId {
        self.type_sig(instance, self.module(instance).functions[func.index()])
    }

    /// The function that `ref.func` of an instance means.
    ///
    /// # Panics
    /// When no reachable code of the instance takes that reference.
    #[must_use]
    pub fn func_reference(&self, instance: InstanceIndex, func: FuncIndex) -> FuncId {
        let sig = || self.func_sig(instance, func);
        let kind = match self.instances[instance.index()].funcs[func.index()] {
            Callee::Defined(id) => return id,
            Callee::Host(host) => FuncKind::HostEntry {
                instance,
                host,
                sig: sig(),
            },
        };
        self.entries[&kind]
    }

    #[must_use]
    pub fn module(&self, instance: InstanceIndex) -> &Module<'_> {
        self.units[self.instances[instance.index()].unit].module
    }

    /// The function that a core definition is.
    ///
    /// # Panics
    /// When it is not a function; validation has made sure that it is.
    #[must_use]
    pub fn core_callee(&self, def: CoreDef) -> Callee {
        match def {
            CoreDef::Unit {
                unit,
                item: Extern::Func(func),
            } => self.instances[unit].funcs[func.index()],
            CoreDef::Unit { .. } => unreachable!("validated: a function"),
            CoreDef::Canon(canon) => Callee::Defined(self.canon_funcs[canon.index()].0),
        }
    }

    /// The memory that a core definition is.
    ///
    /// # Panics
    /// When it is not a memory; validation has made sure that it is.
    #[must_use]
    pub fn core_memory(&self, def: CoreDef) -> MemoryId {
        match def {
            CoreDef::Unit {
                unit,
                item: Extern::Memory(memory),
            } => self.instances[unit].memories[memory.index()],
            _ => unreachable!("validated: a memory"),
        }
    }

    /// The table that a core definition is.
    ///
    /// # Panics
    /// When it is not a table; validation has made sure that it is.
    #[must_use]
    pub fn core_table(&self, def: CoreDef) -> TableId {
        match def {
            CoreDef::Unit {
                unit,
                item: Extern::Table(table),
            } => self.instances[unit].tables[table.index()],
            _ => unreachable!("validated: a table"),
        }
    }

    /// The generated function of a kind that reachable code uses.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn generated(&self, kind: &FuncKind) -> FuncId {
        self.entries[kind]
    }

    /// The region of the memory of canonical options.
    #[must_use]
    pub fn options_region(&self, options: OptionsId) -> RegionIndex {
        match self.linked.option(options).memory {
            Some(memory) => self.memories[self.core_memory(memory).index()].region,
            None => RegionIndex(0),
        }
    }

    /// The function that a [`CanonKind::TaskAdapter`] calls, and the caller's options.
    ///
    /// # Panics
    /// When the definition is something else.
    #[must_use]
    pub fn task_adapter(&self, canon: CanonId) -> (LiftId, OptionsId) {
        match self.linked.canons[canon.index()].kind {
            CanonKind::TaskAdapter { lift, options } => (lift, options),
            _ => unreachable!("only these have records and trampolines"),
        }
    }

    /// What the body of a module's function refers to; generated functions have none.
    #[must_use]
    pub fn facts(&self, func: FuncId) -> Option<&BodyFacts> {
        self.body(func).map(|body| &body.facts)
    }

    /// The body of a module's function as it is in the input; generated functions have none.
    #[must_use]
    pub fn body_bytes(&self, func: FuncId) -> Option<&[u8]> {
        self.body(func).map(|body| body.body.as_bytes())
    }

    /// Where the body of a module's function begins in the input; generated functions have none.
    #[must_use]
    pub fn body_start(&self, func: FuncId) -> Option<u64> {
        self.body(func).map(|body| body.body.range().start)
    }

    /// The module of such a function, and where its body is in the contents of the code section.
    #[must_use]
    pub fn body_in_code(&self, func: FuncId) -> Option<(usize, Range<u32>)> {
        let FuncKind::Body { instance, .. } = self.funcs[func.index()].kind else {
            return None;
        };
        let unit = self.instances[instance.index()].unit;
        let range = self.body(func)?.body.range();
        let start = self.units[unit].module.code_start;
        let distance = |place: u64| u32::try_from(place.checked_sub(start)?).ok();
        Some((unit, distance(range.start)?..distance(range.end)?))
    }

    /// What names of a module's functions begin with.
    #[must_use]
    pub fn module_name(&self, unit: usize) -> &str {
        let unit = &self.units[unit];
        unit.module.name.unwrap_or(&unit.name)
    }

    fn body(&self, func: FuncId) -> Option<&Body<'_>> {
        let FuncKind::Body {
            instance, index, ..
        } = self.funcs[func.index()].kind
        else {
            return None;
        };
        let module = self.module(instance);
        Some(&module.bodies[index.index() - module.functions_imported])
    }

    /// Whether a function only computes: it calls nothing, and cannot trap.
    #[must_use]
    pub fn only_computes(&self, func: FuncId) -> bool {
        let facts = self.facts(func);
        !self.takes_pointer[func.index()]
            && facts.is_some_and(|it| it.calls.is_empty() && !it.computes_with_traps)
    }

    /// Whether a function is a call from one component to another.
    #[must_use]
    pub fn is_adapter(&self, func: FuncId) -> bool {
        let FuncKind::Canon(canon) = self.funcs[func.index()].kind else {
            return false;
        };
        let kind = &self.linked.canons[canon.index()].kind;
        matches!(kind, CanonKind::Adapter { .. })
    }

    /// The functions of the program that a module's function, or that of a `canon` definition,
    /// calls by name.
    #[must_use]
    pub fn callees(&self, func: FuncId) -> Vec<FuncId> {
        let callees: Vec<Callee> = match self.funcs[func.index()].kind {
            FuncKind::Body { instance, .. } => {
                let funcs = &self.instances[instance.index()].funcs;
                let calls = self.facts(func).map_or(&[][..], |facts| &facts.calls);
                calls.iter().map(|callee| funcs[callee.index()]).collect()
            }
            FuncKind::Canon(canon) => {
                let called = self.linked.called_by(canon).into_iter();
                called.map(|def| self.core_callee(def)).collect()
            }
            _ => Vec::new(),
        };
        let defined = |callee| match callee {
            Callee::Defined(id) => Some(id),
            Callee::Host(_) => None,
        };
        callees.into_iter().filter_map(defined).collect()
    }

    /// The type of a function that has one on the wasm side.
    #[must_use]
    pub fn sig_of(&self, func: FuncId) -> Option<SigId> {
        match self.funcs[func.index()].kind {
            FuncKind::Body { sig, .. }
            | FuncKind::HostEntry { sig, .. }
            | FuncKind::UnknownImport { sig, .. }
            | FuncKind::Collect { sig }
            | FuncKind::LibraryImport { sig, .. }
            | FuncKind::Switch { sig, .. } => Some(sig),
            FuncKind::Canon(canon) => Some(self.canon_funcs[canon.index()].1),
            _ => None,
        }
    }

    /// Whether a function can be called by type `sig`.
    #[must_use]
    pub fn has_type(&self, func: FuncId, sig: SigId) -> bool {
        self.sig_of(func)
            .is_some_and(|have| self.sigs.is_subtype(have, sig))
    }

    /// The region whose pointer a function takes.
    #[must_use]
    pub fn region_of(&self, func: FuncId) -> RegionIndex {
        match self.funcs[func.index()].kind {
            FuncKind::Body { instance, .. } | FuncKind::HostEntry { instance, .. } => {
                self.instances[instance.index()].region
            }
            FuncKind::Switch { from, .. } => from,
            FuncKind::Canon(canon) => match self.linked.canons[canon.index()].kind {
                CanonKind::Host { options, .. }
                | CanonKind::Embedder { options, .. }
                | CanonKind::Adapter { options, .. }
                | CanonKind::TaskAdapter { options, .. }
                | CanonKind::TaskReturn { options, .. }
                | CanonKind::Message { options, .. }
                | CanonKind::End { options, .. } => self.options_region(options),
                CanonKind::Builtin(Builtin {
                    memory: Some(memory),
                    ..
                }) => self.memories[self.core_memory(memory).index()].region,
                CanonKind::ThreadNew { table, .. } => {
                    self.tables[self.core_table(table).index()].region
                }
                _ => RegionIndex(0),
            },
            FuncKind::ReallocEntry(options) => self.options_region(options),
            FuncKind::TaskStart(lift)
            | FuncKind::TaskCallback(lift)
            | FuncKind::TaskPostReturn(lift) => {
                self.options_region(self.linked.lifts[lift.index()].options)
            }
            FuncKind::PassParams(canon) => self.options_region(self.task_adapter(canon).1),
            FuncKind::PassResult(canon) => {
                let (lift, _) = self.task_adapter(canon);
                self.options_region(self.linked.lifts[lift.index()].options)
            }
            FuncKind::CanonHelper(helper) => self.options_region(helper.from),
            _ => RegionIndex(0),
        }
    }

    /// Distance from the pointer of region `from` to that of region `to`.
    #[must_use]
    pub fn distance(&self, from: RegionIndex, to: RegionIndex) -> i64 {
        let offset = |r: RegionIndex| self.regions[r.index()].memory_offset.cast_signed();
        offset(to) - offset(from)
    }
}
