//! Instantiation, evaluated: imports resolved, memories, tables, globals and functions given
//! their places in the program.

use super::function_name::{function_name, unnamed};
use super::gaps::Gaps;
use super::limits::{check_counts, grown_memory, grown_table, memory_fits, table_fits};
use super::linked::Resource;
use super::missing::Missing;
use super::module_exports::expect_no_values;
use super::reservation::{bytes_of, page_bytes_log2, reserve};
use super::{
    Callee, CanonKind, ConstantCalls, CoreDef, FuncKind, Global, InitStep, Instance, LinkPlan,
    Linked, Memory, Provider, Purpose, Region, Slot, Table, TableStorage, Unit, Value, host, sigs,
};
use crate::error::{Error, Result};
use crate::index::{
    CanonId, FuncIndex, GlobalId, HostFnId, InstanceIndex, MemoryId, RegionIndex, TableId, TagId,
};
use crate::options::Options;
use crate::parse::{Extern, ImportKind, Module};
use foldhash::{HashMap, HashMapExt};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{MemoryType, TableType, ValType};

/// Tables never grow beyond this many elements, whatever their type says: address space for all
/// of them is reserved at the start.
const TABLE_ELEMENTS_MAX: u64 = 10_000_000;

pub(super) struct Instantiator<'a, 'o> {
    pub(super) plan: LinkPlan<'a>,
    pub(super) options: &'o Options,
    host_ids: HashMap<host::HostFn, HostFnId>,
    pub(super) missing: Missing,
    /// Code may have run before the current instance, or segments been applied at run time.
    code_ran: bool,
}

pub(super) fn instantiate<'a>(
    linked: &'a Linked<'a>,
    purpose: Purpose,
    options: &Options,
) -> Result<LinkPlan<'a>> {
    let units = &linked.units[..];
    let reentrant = match purpose {
        Purpose::Run(_) => linked.reentrant(),
        // The driver goes on after a trap, and what has trapped is never entered again.
        Purpose::Script => vec![true; linked.instances.len()],
    };
    let plan = LinkPlan {
        linked,
        units,
        purpose,
        instances: Vec::new(),
        sigs: Default::default(),
        type_sigs: Vec::new(),
        heap: Default::default(),
        contents: Default::default(),
        objects: Vec::new(),
        objects_reached: Vec::new(),
        constants_too_large: false,
        heap_plan: None,
        funcs: Vec::new(),
        reachable: Vec::new(),
        takes_pointer: Vec::new(),
        host_fns: Vec::new(),
        canon_funcs: Vec::new(),
        canon_hosts: HashMap::new(),
        option_slots: vec![None; linked.options.len()],
        component_flags: vec![Slot::UNPLACED; linked.instances.len()],
        reentrant,
        task_uses: Vec::new(),
        records: BTreeMap::new(),
        tables: Vec::new(),
        memories: Vec::new(),
        globals: Vec::new(),
        tags: Vec::new(),
        regions: Vec::new(),
        funcrefs: Vec::new(),
        funcref_positions: HashMap::new(),
        entries: HashMap::new(),
        gaps: Gaps::new(),
        target: options.target,
        store_bytes: 0,
        entry: None,
        server: None,
        exports: Vec::new(),
        component_exports: Vec::new(),
        library: Default::default(),
        threads: None,
        profile: options.profile_generate.is_some().then_some(Slot::UNPLACED),
    };
    let mut this = Instantiator {
        plan,
        options,
        host_ids: HashMap::new(),
        missing: Missing::default(),
        code_ran: false,
    };
    this.canons();
    for unit in 0..units.len() {
        this.instance(unit)?;
    }
    this.missing.check()?;
    check_counts(&this.plan, options.counts)?;
    if this.plan.regions.is_empty() {
        this.plan.regions.push(Region::without_memory());
    }
    Ok(this.plan)
}

impl Region {
    fn without_memory() -> Region {
        Region {
            memory: None,
            memory_offset: 0,
            below_bytes: 0,
            below: Default::default(),
        }
    }
}

impl<'a> Instantiator<'a, '_> {
    fn instance(&mut self, unit: usize) -> Result<()> {
        let units = self.plan.units;
        let module = units[unit].module;
        let type_sigs = self.plan.sigs.add_module(module)?;
        self.plan.type_sigs.push(type_sigs);
        let index = InstanceIndex::new(self.plan.instances.len());
        self.plan.instances.push(Instance {
            unit,
            region: RegionIndex(0),
            funcs: Vec::with_capacity(module.functions.len()),
            tables: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            data: BTreeMap::new(),
            elements: BTreeMap::new(),
            element_values: BTreeMap::new(),
            steps: Vec::new(),
            instantiate: None,
            host_memory: None,
        });
        self.imports(index, module, &units[unit])?;
        self.define(index, module, &units[unit].name)?;
        self.plan.apply_segments(index, module, self.code_ran);
        let instance = &mut self.plan.instances[index.index()];
        if let Some(start) = module.start
            && !matches!(instance.steps.last(), Some(InitStep::Trap(_)))
        {
            let callee = instance.funcs[start.index()];
            instance.steps.push(InitStep::Start(callee));
        }
        if let Some(Extern::Func(func)) = module.export("_initialize")
            && matches!(self.plan.purpose, Purpose::Run(_))
            && !self.plan.linked.has_components
        {
            expect_no_values(module, "_initialize", func)?;
            let callee = instance.funcs[func.index()];
            instance.steps.push(InitStep::Start(callee));
        }
        if !instance.steps.is_empty() {
            self.code_ran = true;
            let func = self.plan.add_func(FuncKind::Instantiate(index));
            self.plan.instances[index.index()].instantiate = Some(func);
        }
        Ok(())
    }

    fn imports(
        &mut self,
        index: InstanceIndex,
        module: &Module<'a>,
        unit: &Unit<'a>,
    ) -> Result<()> {
        for (import, &provider) in module.imports.iter().zip(&unit.imports) {
            let result = match provider {
                Provider::Core(def) => self.import_definition(index, module, import, def),
                Provider::Host => self.import_from_host(index, module, import),
                Provider::NoExport => Err(Error::link(format!(
                    "unknown import: `{}` has no export `{}`",
                    import.module, import.name
                ))),
            };
            result.map_err(|e| {
                if self.plan.units.len() > 1 {
                    e.note(format!("in module `{}`", unit.name))
                } else {
                    e
                }
            })?;
        }
        Ok(())
    }

    pub(super) fn global(&mut self, ty: ValType, init: Value) -> GlobalId {
        self.plan.globals.push(Global {
            ty,
            init,
            slot: None,
        });
        GlobalId::new(self.plan.globals.len() - 1)
    }

    pub(super) fn host_id(&mut self, host: host::HostFn) -> HostFnId {
        if let Some(&id) = self.host_ids.get(&host) {
            return id;
        }
        let id = HostFnId::new(self.plan.host_fns.len());
        self.plan.host_fns.push(host.clone());
        self.host_ids.insert(host, id);
        id
    }

    /// Makes a function for each `canon` definition; what they refer to comes later.
    fn canons(&mut self) {
        for (position, canon) in self.plan.linked.canons.iter().enumerate() {
            let id = CanonId::new(position);
            let sig = self.plan.sigs.intern(&canon.ty);
            let func = self.plan.add_func(FuncKind::Canon(id));
            self.plan.funcs[func.index()].name.clone_from(&canon.name);
            self.plan.canon_funcs.push((func, sig));
            let host = match &canon.kind {
                CanonKind::Host {
                    interface,
                    function,
                    symbol,
                    ..
                } => Some((interface.clone(), function.clone(), symbol.clone())),
                CanonKind::ResourceDrop { resource, .. } => {
                    match &self.plan.linked.resources[resource.index()] {
                        Resource::Host {
                            name, drop_symbol, ..
                        } => Some((String::new(), name.clone(), drop_symbol.clone())),
                        _ => None,
                    }
                }
                _ => None,
            };
            if let Some((module, name, symbol)) = host {
                let host = self.host_id(host::HostFn {
                    symbol,
                    module,
                    name,
                    sig,
                    diverges: false,
                });
                self.plan.canon_hosts.insert(id, host);
            }
        }
    }

    fn import_definition(
        &mut self,
        index: InstanceIndex,
        module: &Module<'a>,
        import: &crate::parse::Import<'a>,
        def: CoreDef,
    ) -> Result<()> {
        let units = self.plan.units;
        let (provider, item) = match def {
            CoreDef::Unit { unit, item } => (unit, item),
            CoreDef::Canon(_) => {
                let callee = self.plan.core_callee(def);
                self.plan.instances[index.index()].funcs.push(callee);
                return Ok(());
            }
        };
        let provided = units[provider].module;
        let mismatch = || {
            Error::link(format!(
                "incompatible import type for `{}` `{}`",
                import.module, import.name
            ))
        };
        let (from, to) = (provider, index.index());
        match (import.kind, item) {
            (ImportKind::Func(wanted), Extern::Func(func)) => {
                let want = self.plan.func_sig(index, wanted);
                let have = self.plan.func_sig(InstanceIndex::new(from), func);
                if !self.plan.sigs.is_subtype(have, want) {
                    return Err(mismatch());
                }
                let callee = self.plan.instances[from].funcs[func.index()];
                self.plan.instances[to].funcs.push(callee);
            }
            (ImportKind::Table(wanted), Extern::Table(table)) => {
                let id = self.plan.instances[from].tables[table.index()];
                let want = &self.table_type(index, module.tables[wanted.index()].ty);
                let have = self.plan.tables[id.index()].ty;
                if !table_fits(want, &have) {
                    if !(self.may_have_grown() && table_fits(want, &grown_table(have, want))) {
                        return Err(mismatch());
                    }
                    let elements = want.initial;
                    let step = InitStep::TableAtLeast {
                        table: id,
                        elements,
                    };
                    self.plan.instances[to].steps.push(step);
                }
                self.plan.instances[to].tables.push(id);
            }
            (ImportKind::Memory(wanted), Extern::Memory(memory)) => {
                let id = self.plan.instances[from].memories[memory.index()];
                let want = &module.memories[wanted.index()];
                let have = &self.plan.memories[id.index()];
                if !memory_fits(want, &have.ty) {
                    if !(self.may_have_grown() && memory_fits(want, &grown_memory(have.ty, want))) {
                        return Err(mismatch());
                    }
                    let bytes = bytes_of(want, want.initial);
                    let step = InitStep::MemoryAtLeast {
                        memory: wanted,
                        bytes,
                    };
                    self.plan.instances[to].steps.push(step);
                }
                self.plan.instances[to].memories.push(id);
            }
            (ImportKind::Global(wanted), Extern::Global(global)) => {
                let have = provided.globals[global.index()].ty;
                let want = module.globals[wanted.index()].ty;
                let ty = |unit: usize, ty| sigs::value_type(ty, &self.plan.type_sigs[unit]);
                let have_type = ty(from, have.content_type);
                let want_type = ty(to, want.content_type);
                // What can be written has to have the very type.
                let fits = have_type == want_type
                    || (!want.mutable && self.plan.sigs.matches(have_type, want_type));
                if !fits || have.mutable != want.mutable || have.shared != want.shared {
                    return Err(mismatch());
                }
                let id = self.plan.instances[from].globals[global.index()];
                self.plan.instances[to].globals.push(id);
            }
            (ImportKind::Tag(wanted), Extern::Tag(tag)) => {
                let have = provided.tags[tag.index()];
                let have = self.plan.type_sig(InstanceIndex::new(from), have);
                if self.plan.type_sig(index, module.tags[wanted.index()]) != have {
                    return Err(mismatch());
                }
                let id = self.plan.instances[from].tags[tag.index()];
                self.plan.instances[to].tags.push(id);
            }
            _ => return Err(mismatch()),
        }
        Ok(())
    }

    /// A table type of an instance's module in the program's numbers.
    pub(super) fn table_type(&self, index: InstanceIndex, ty: TableType) -> TableType {
        let type_sigs = &self.plan.type_sigs[self.plan.instances[index.index()].unit];
        TableType {
            element_type: sigs::ref_type(ty.element_type, type_sigs),
            ..ty
        }
    }

    /// Whether the sizes of memories and tables are only known when the instance is made.
    fn may_have_grown(&self) -> bool {
        self.code_ran || self.plan.purpose == Purpose::Script
    }

    /// Gives the instance its own memories, tables, tags, functions and globals.
    fn define(&mut self, index: InstanceIndex, module: &Module<'a>, name: &str) -> Result<()> {
        for ty in &module.memories[module.memories_imported..] {
            let id = self.memory(ty)?;
            self.plan.instances[index.index()].memories.push(id);
        }
        let region = match self.plan.instances[index.index()].memories.first() {
            Some(memory) => self.plan.memories[memory.index()].region,
            None => RegionIndex(0),
        };
        self.plan.instances[index.index()].region = region;
        self.plan.instances[index.index()].host_memory = match module.export("memory") {
            Some(Extern::Memory(m)) => Some(self.plan.instances[index.index()].memories[m.index()]),
            _ => self.plan.instances[index.index()].memories.first().copied(),
        };
        for &ty in &module.tags[module.tags_imported..] {
            let sig = self.plan.type_sig(index, ty);
            self.plan.tags.push(sig);
            let id = TagId::new(self.plan.tags.len() - 1);
            self.plan.instances[index.index()].tags.push(id);
        }
        let module_name = module.name.unwrap_or(name);
        for func in module.functions_imported..module.functions.len() {
            let func = FuncIndex::new(func);
            let sig = self.plan.func_sig(index, func);
            let id = self.plan.add_func(FuncKind::Body {
                instance: index,
                index: func,
                sig,
            });
            self.plan.funcs[id.index()].name = match module.function_names.get(&func) {
                Some(name) => function_name(module_name, name),
                None => unnamed(module_name, func.0),
            };
            self.plan.instances[index.index()]
                .funcs
                .push(Callee::Defined(id));
        }
        for global in &module.globals[module.globals_imported..] {
            let init = global
                .init
                .as_ref()
                .expect("defined globals have an initializer");
            let init = self.plan.evaluate(index, init);
            let type_sigs = &self.plan.type_sigs[self.plan.instances[index.index()].unit];
            let ty = sigs::value_type(global.ty.content_type, type_sigs);
            let id = self.global(ty, init);
            self.plan.instances[index.index()].globals.push(id);
        }
        for table in &module.tables[module.tables_imported..] {
            let fill = match &table.init {
                Some(init) => self.plan.evaluate(index, init),
                None => Value::RefNull,
            };
            let id = self.table(region, self.table_type(index, table.ty), fill)?;
            self.plan.instances[index.index()].tables.push(id);
        }
        Ok(())
    }

    pub(super) fn memory(&mut self, ty: &MemoryType) -> Result<MemoryId> {
        if ty.shared {
            self.check_shared()?;
        }
        let sizes = reserve(ty, self.options)?;
        let id = MemoryId::new(self.plan.memories.len());
        let region = RegionIndex::new(self.plan.regions.len());
        self.plan.regions.push(Region {
            memory: Some(id),
            ..Region::without_memory()
        });
        self.plan.memories.push(Memory {
            region,
            shared: ty.shared,
            is_common: false,
            page_bytes_log2: page_bytes_log2(ty),
            bytes: sizes.bytes,
            bytes_max: sizes.bytes_max,
            bytes_reserved: sizes.bytes_reserved,
            bounds: sizes.bounds,
            image: Vec::new(),
            image_start: 0,
            ty: *ty,
        });
        Ok(id)
    }

    pub(super) fn table(
        &mut self,
        region: RegionIndex,
        ty: TableType,
        fill: Value,
    ) -> Result<TableId> {
        let limit = self.options.counts.table_elements.unwrap_or(u64::MAX);
        if ty.initial > limit {
            return Err(Error::usage(format!(
                "a table begins with {} elements, more than `-W max-table-elements` allows",
                ty.initial
            )));
        }
        let limit = limit.min(TABLE_ELEMENTS_MAX);
        if ty.initial > TABLE_ELEMENTS_MAX {
            return Err(Error::new(
                crate::ErrorKind::Unsupported,
                format!(
                    "a table of {} elements; the limit is {TABLE_ELEMENTS_MAX}",
                    ty.initial
                ),
            ));
        }
        self.plan.tables.push(Table {
            region,
            ty,
            len: ty.initial,
            len_max: ty.maximum.unwrap_or(u64::MAX).min(limit),
            elements: Vec::new(),
            fill,
            constant: true,
            storage: TableStorage::None,
            called: BTreeSet::new(),
            calls: ConstantCalls::None,
        });
        Ok(TableId::new(self.plan.tables.len() - 1))
    }
}
