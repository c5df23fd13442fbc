//! The closed-world analysis: which functions can run, and what they can change.
//!
//! A fixed point over functions, tables and globals that starts at the entries. A table is taken
//! to be constant until reachable code is seen to write or grow it; of a constant table only the
//! elements with a type through which it is called are reachable.

use super::linked::{Lift, Resource};
use super::{
    Callee, CanonKind, FuncKind, InitStep, LinkPlan, OptionsPlan, Record, Slot, TableStorage,
    Value, thread_type,
};
use crate::canonical::{Form, Helper, TyId};
use crate::index::{
    CanonId, ElemIndex, FuncId, GlobalId, InstanceIndex, LiftId, OptionsId, ResourceId, SigId,
    TableId,
};
use foldhash::{HashMap, HashMapExt};

/// Tables that are written but never grown and have up to this many elements lie in the context.
const FIXED_TABLE_ELEMENTS_MAX: u64 = 1 << 16;

struct Reach<'p, 'a> {
    plan: &'p mut LinkPlan<'a>,
    work: Vec<FuncId>,
    tables: Vec<TableUse>,
    globals_written: Vec<bool>,
}

#[derive(Clone, Default)]
struct TableUse {
    /// Elements are used as values.
    read: bool,
    written: bool,
    grown: bool,
    /// All its elements can be got hold of.
    escaped: bool,
    /// Its elements by their types, once it is called.
    by_sig: Option<HashMap<SigId, Vec<FuncId>>>,
}

pub(super) fn mark_reachable(plan: &mut LinkPlan<'_>) {
    let mut roots: Vec<FuncId> = plan.entry.into_iter().collect();
    roots.extend(plan.exports.iter().map(|e| e.call));
    roots.extend(plan.library.fns.iter().map(|f| f.func));
    let exports = plan.component_exports.iter();
    roots.extend(exports.flat_map(|e| [e.call, e.finish]));
    roots.extend(plan.instances.iter().filter_map(|i| i.instantiate));
    if let Some(threads) = &plan.threads {
        roots.push(threads.start);
        roots.extend(threads.instantiate.iter().flatten());
    }
    let mut reach = Reach {
        tables: vec![TableUse::default(); plan.tables.len()],
        globals_written: vec![false; plan.globals.len()],
        plan,
        work: Vec::new(),
    };
    for root in roots {
        reach.func(root);
    }
    for export in reach.plan.component_exports.clone() {
        if reach.plan.linked.is_task(export.lift) {
            reach.task_lift(export.lift);
        }
    }
    for global in 0..reach.plan.globals.len() {
        let init = reach.plan.globals[global].init;
        reach.value(init);
    }
    while let Some(func) = reach.work.pop() {
        match reach.plan.funcs[func.index()].kind.clone() {
            FuncKind::Body { instance, .. } => reach.body(func, instance),
            FuncKind::Switch { target, .. } => reach.func(target),
            FuncKind::Instantiate(instance) | FuncKind::InstantiateAgain(instance) => {
                reach.steps(instance);
            }
            FuncKind::EntryCommand { callee, .. }
            | FuncKind::ExportCall { callee, .. }
            | FuncKind::LibraryCall { callee, .. } => {
                reach.callee(callee);
            }
            FuncKind::Canon(canon) => reach.canon(canon),
            FuncKind::EntryRun(lift) if reach.plan.linked.is_task(lift) => {
                reach.task_lift(lift);
            }
            FuncKind::LiftCall(lift)
            | FuncKind::LiftFinish(lift)
            | FuncKind::EntryRun(lift)
            | FuncKind::TaskStart(lift)
            | FuncKind::TaskCallback(lift)
            | FuncKind::TaskPostReturn(lift) => reach.lift(lift),
            FuncKind::LibraryDestructor(resource) => reach.destructor(resource),
            FuncKind::PassParams(canon) => reach.pass_params(canon),
            FuncKind::PassResult(canon) => reach.pass_result(canon),
            FuncKind::ReallocEntry(options) => reach.options(options),
            FuncKind::CanonHelper(helper) => reach.parts(helper),
            FuncKind::HostEntry { .. }
            | FuncKind::UnknownImport { .. }
            | FuncKind::Collect { .. }
            | FuncKind::TrapStub(_)
            | FuncKind::ThreadStart(_)
            | FuncKind::ExportGlobal { .. }
            | FuncKind::LibraryLift { .. }
            | FuncKind::LibraryStart { .. }
            | FuncKind::LibraryPoll
            | FuncKind::LibraryImport { .. }
            | FuncKind::LibraryImportCall(_)
            | FuncKind::LibraryDrop { .. }
            | FuncKind::LibraryMemory(_)
            | FuncKind::LibraryGlobal(_) => {}
        }
    }
    let Reach {
        tables,
        globals_written,
        ..
    } = reach;
    for (table, used) in plan.tables.iter_mut().zip(tables) {
        table.constant = !used.written && !used.grown;
        let is_large = used.written && table.len > FIXED_TABLE_ELEMENTS_MAX;
        let gap = table.len - table.elements.len() as u64;
        table.storage = if !(used.written || used.read || used.grown) {
            TableStorage::None
        } else if used.grown || is_large || !plan.gaps.take_slots(gap) {
            TableStorage::Growable(Slot::UNPLACED)
        } else {
            TableStorage::Fixed(Slot::UNPLACED)
        };
    }
    for (global, written) in plan.globals.iter_mut().zip(globals_written) {
        global.slot = written.then_some(Slot::UNPLACED);
    }
}

impl Reach<'_, '_> {
    fn func(&mut self, func: FuncId) {
        if !std::mem::replace(&mut self.plan.reachable[func.index()], true) {
            self.work.push(func);
        }
    }

    fn callee(&mut self, callee: Callee) {
        if let Callee::Defined(func) = callee {
            self.func(func);
        }
    }

    /// A function reference that code can get hold of.
    fn escapes(&mut self, func: FuncId) {
        self.func(func);
        if !self.plan.funcref_positions.contains_key(&func) {
            let position = self.plan.funcrefs.len();
            self.plan.funcref_positions.insert(func, position);
            self.plan.funcrefs.push(func);
        }
    }

    fn value(&mut self, value: Value) {
        let mut values = vec![value];
        while let Some(value) = values.pop() {
            match value {
                Value::RefFunc(func) => self.escapes(func),
                Value::RefObject(id) => {
                    let reached = &mut self.plan.objects_reached;
                    reached.resize(self.plan.objects.len(), false);
                    if !std::mem::replace(&mut reached[id.index()], true) {
                        values.extend(self.plan.objects[id.index()].contents.values());
                    }
                }
                _ => {}
            }
        }
    }

    fn body(&mut self, func: FuncId, instance: InstanceIndex) {
        let FuncKind::Body { index, .. } = self.plan.funcs[func.index()].kind else {
            return;
        };
        let units = self.plan.units;
        let at = instance.index();
        let module = units[self.plan.instances[at].unit].module;
        let facts = &module.bodies[index.index() - module.functions_imported].facts;
        for callee in &facts.calls {
            self.callee(self.plan.instances[at].funcs[callee.index()]);
        }
        for &func in &facts.ref_funcs {
            let func = self.plan.func_value(instance, func);
            self.escapes(func);
        }
        for &(table, ty) in &facts.indirect_calls {
            let sig = self.plan.type_sig(instance, ty);
            self.table_called(self.plan.instances[at].tables[table.index()], sig);
        }
        for table in &facts.tables_read {
            let table = self.plan.instances[at].tables[table.index()];
            self.tables[table.index()].read = true;
            self.contents_escape(table);
        }
        for table in &facts.tables_written {
            self.table_written(self.plan.instances[at].tables[table.index()]);
        }
        for table in &facts.tables_grown {
            let table = self.plan.instances[at].tables[table.index()];
            self.tables[table.index()].grown = true;
            self.contents_escape(table);
        }
        for global in &facts.globals_written {
            let global: GlobalId = self.plan.instances[at].globals[global.index()];
            self.globals_written[global.index()] = true;
        }
        for &segment in &facts.data_used {
            self.plan.instances[at].data.insert(segment, Slot::UNPLACED);
        }
        for &segment in &facts.elements_used {
            self.elements_used(instance, segment);
        }
    }

    fn canon(&mut self, canon: CanonId) {
        let linked = self.plan.linked;
        match linked.canons[canon.index()].kind {
            CanonKind::Host { options, .. } | CanonKind::Message { options, .. } => {
                self.options(options);
            }
            CanonKind::Embedder { import, options } => {
                self.options(options);
                self.record(Record::Import(import));
                let call = self.plan.func_of_kind(FuncKind::LibraryImportCall(import));
                self.func(call);
            }
            CanonKind::Adapter { lift, options, .. } => self.adapter(lift, options),
            CanonKind::TaskAdapter { lift, options } => self.task_adapter(canon, lift, options),
            CanonKind::TaskReturn { options, .. } => {
                self.options(options);
                self.record(Record::TaskReturn(canon));
            }
            CanonKind::End { options, .. } => {
                self.options(options);
                self.record(Record::End(canon));
            }
            CanonKind::ThreadNew {
                table, argument, ..
            } => {
                // The built-in asks for an element's type, long before it is called.
                let table = self.plan.core_table(table);
                self.plan.sigs.intern(&thread_type(argument));
                self.tables[table.index()].read = true;
                self.contents_escape(table);
                self.record(Record::Thread(argument));
                let start = self.plan.func_of_kind(FuncKind::ThreadStart(argument));
                self.func(start);
            }
            CanonKind::ResourceDrop { resource, .. } => self.destructor(resource),
            CanonKind::ResourceNew { .. }
            | CanonKind::ResourceRep { .. }
            | CanonKind::Builtin(_)
            | CanonKind::Number(_)
            | CanonKind::Trap(_) => {}
        }
    }

    fn destructor(&mut self, resource: ResourceId) {
        if let Resource::Guest {
            dtor: Some(dtor), ..
        } = self.plan.linked.resources[resource.index()]
        {
            self.callee(self.plan.core_callee(dtor));
        }
    }

    fn lift(&mut self, lift: LiftId) {
        let lift = &self.plan.linked.lifts[lift.index()];
        self.lifted_core(lift);
        self.options(lift.options);
    }

    fn lifted_core(&mut self, lift: &Lift) {
        self.callee(self.plan.core_callee(lift.core));
        let callback = self.plan.linked.option(lift.options).callback;
        for def in [lift.post_return, callback].into_iter().flatten() {
            self.callee(self.plan.core_callee(def));
        }
    }

    fn record(&mut self, record: Record) {
        self.plan.records.insert(record, Slot::UNPLACED);
    }

    /// What a `wasmelt_abi::AsyncLift` refers to.
    fn task_lift(&mut self, id: LiftId) {
        if self.plan.records.contains_key(&Record::Lift(id)) {
            return;
        }
        self.record(Record::Lift(id));
        self.lift(id);
        let lift = &self.plan.linked.lifts[id.index()];
        let callback = self.plan.linked.option(lift.options).callback;
        let trampolines = [
            Some(FuncKind::TaskStart(id)),
            callback.map(|_| FuncKind::TaskCallback(id)),
            lift.post_return.map(|_| FuncKind::TaskPostReturn(id)),
        ];
        for kind in trampolines.into_iter().flatten() {
            let func = self.plan.func_of_kind(kind);
            self.func(func);
        }
    }

    /// What a `wasmelt_abi::AsyncCall` refers to.
    fn task_adapter(&mut self, canon: CanonId, lift: LiftId, options: OptionsId) {
        self.record(Record::Call(canon));
        self.task_lift(lift);
        self.options(options);
        for kind in [FuncKind::PassParams(canon), FuncKind::PassResult(canon)] {
            let func = self.plan.func_of_kind(kind);
            self.func(func);
        }
    }

    fn pass_params(&mut self, canon: CanonId) {
        let linked = self.plan.linked;
        let (lift, options) = self.plan.task_adapter(canon);
        let lift = &linked.lifts[lift.index()];
        let caller = linked.option(options);
        let source = linked
            .types
            .lowered_params(lift.ty, caller.ptr, caller.is_async)
            .form();
        let ptr = linked.option(lift.options).ptr;
        let target = linked.types.params(lift.ty, ptr).form();
        if target == Form::Memory {
            self.realloc(lift.options);
        }
        for &(_, ty) in &linked.types.func(lift.ty).params {
            self.passed(ty, options, lift.options, source, target);
        }
    }

    fn pass_result(&mut self, canon: CanonId) {
        let linked = self.plan.linked;
        let (lift, options) = self.plan.task_adapter(canon);
        let lift = &linked.lifts[lift.index()];
        if let Some(ty) = linked.types.func(lift.ty).result {
            let source = linked.lifted_result(lift).form();
            let target = linked.lowered_result(lift.ty, options).form();
            self.passed(ty, lift.options, options, source, target);
        }
    }

    /// What a call from one component to another uses.
    fn adapter(&mut self, lift: LiftId, caller: OptionsId) {
        let linked = self.plan.linked;
        let lift = &linked.lifts[lift.index()];
        self.lifted_core(lift);
        let func = linked.types.func(lift.ty);
        let ptr = linked.option(lift.options).ptr;
        let params = linked.types.params(lift.ty, ptr).form();
        if params == Form::Memory {
            self.realloc(lift.options);
        }
        for &(_, ty) in &func.params {
            self.passed(ty, caller, lift.options, params, params);
        }
        let result = linked.types.result(lift.ty, ptr).form();
        if let Some(ty) = func.result {
            self.passed(ty, lift.options, caller, result, result);
        }
    }

    fn passed(&mut self, ty: TyId, from: OptionsId, to: OptionsId, source: Form, target: Form) {
        let helper = Helper {
            ty,
            from,
            to,
            source,
            target,
        };
        let linked = self.plan.linked;
        let nature = linked.types.nature(ty);
        if nature.strings && !(linked.is_utf8(from) && linked.is_utf8(to)) {
            self.options(from);
            self.options(to);
        }
        if nature.allocates {
            self.realloc(to);
        }
        if nature.ends {
            for end in linked.types.ends(ty) {
                self.record(Record::Type(end));
            }
        }
        if nature.is_outlined() {
            let func = self.plan.func_of_kind(FuncKind::CanonHelper(helper));
            self.func(func);
        } else {
            self.parts(helper);
        }
    }

    fn parts(&mut self, helper: Helper) {
        let Helper { ty, from, to, .. } = helper;
        let types = &self.plan.linked.types;
        for (part, source, target) in types.outlined_parts(ty, helper.source, helper.target) {
            self.passed(part, from, to, source, target);
        }
    }

    fn realloc(&mut self, options: OptionsId) {
        if let Some(realloc) = self.plan.linked.option(options).realloc {
            self.callee(self.plan.core_callee(realloc));
        }
    }

    fn options(&mut self, id: OptionsId) {
        if self.plan.option_slots[id.index()].is_some() {
            return;
        }
        let realloc = self.plan.linked.option(id).realloc.map(|realloc| {
            self.callee(self.plan.core_callee(realloc));
            let entry = self.plan.func_of_kind(FuncKind::ReallocEntry(id));
            self.func(entry);
            entry
        });
        self.plan.option_slots[id.index()] = Some(OptionsPlan {
            slot: Slot::UNPLACED,
            realloc,
        });
    }

    fn steps(&mut self, instance: InstanceIndex) {
        for step in self.plan.instances[instance.index()].steps.clone() {
            match step {
                InitStep::Elements { table, segment, .. } => {
                    self.table_written(table);
                    self.elements_used(instance, segment);
                }
                InitStep::Start(callee) => self.callee(callee),
                InitStep::Data { .. }
                | InitStep::Trap(_)
                | InitStep::MemoryAtLeast { .. }
                | InitStep::TableAtLeast { .. } => {}
            }
        }
    }

    fn elements_used(&mut self, instance: InstanceIndex, segment: ElemIndex) {
        let units = self.plan.units;
        let elements = &mut self.plan.instances[instance.index()].elements;
        // Objects that its expressions make are made once.
        let is_known = elements.insert(segment, Slot::UNPLACED).is_some();
        if is_known
            && self.plan.instances[instance.index()]
                .element_values
                .contains_key(&segment)
        {
            return;
        }
        let module = units[self.plan.instances[instance.index()].unit].module;
        let items = &module.elements[segment.index()].items;
        let values: Vec<Value> = items
            .iter()
            .map(|item| self.plan.evaluate(instance, item))
            .collect();
        for &value in &values {
            self.value(value);
        }
        self.plan.instances[instance.index()]
            .element_values
            .insert(segment, values);
    }

    fn table_written(&mut self, table: TableId) {
        self.tables[table.index()].written = true;
        self.contents_escape(table);
    }

    fn contents_escape(&mut self, table: TableId) {
        if std::mem::replace(&mut self.tables[table.index()].escaped, true) {
            return;
        }
        let values = self.plan.tables[table.index()].elements.clone();
        for value in values {
            self.value(value);
        }
        self.value(self.plan.tables[table.index()].fill);
    }

    fn table_called(&mut self, table: TableId, sig: SigId) {
        if !self.plan.tables[table.index()].called.insert(sig) {
            return;
        }
        let of_table = &self.plan.tables[table.index()];
        if of_table.called.len() == 1 {
            let filled = of_table.slots() - of_table.elements.len() as u64;
            if !self.plan.gaps.take_slots(filled) {
                self.table_written(table);
            }
        }
        let plan = &self.plan;
        let by_sig = self.tables[table.index()]
            .by_sig
            .get_or_insert_with(|| by_sig(plan, table));
        for func in by_sig.get(&sig).cloned().unwrap_or_default() {
            self.func(func);
        }
    }
}

/// The functions in a table by the types that they can be called by.
fn by_sig(plan: &LinkPlan<'_>, table: TableId) -> HashMap<SigId, Vec<FuncId>> {
    let table = &plan.tables[table.index()];
    let mut by_sig: HashMap<SigId, Vec<FuncId>> = HashMap::new();
    for value in table.elements.iter().chain([&table.fill]) {
        if let Value::RefFunc(func) = *value {
            let mut sig = plan.sig_of(func);
            while let Some(by) = sig {
                by_sig.entry(by).or_default().push(func);
                sig = plan.sigs.types()[by.index()].supertype;
            }
        }
    }
    by_sig
}
