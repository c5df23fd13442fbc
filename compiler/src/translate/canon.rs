//! Functions that `canon` definitions make, and the entries through which the runtime calls
//! lifted functions.
//!
//! Specification: component model, "Canonical Definitions"; calls from one component to another
//! are in [`super::adapter`]. An instance has two flags: `may_leave`, off while its `realloc` or
//! `post-return` runs, and `may_enter`, off while it is entered, which is kept where it is ever
//! looked at (`Linked::reentrant`).

use super::clif::{Alias, clif_type, trap_code};
use super::translator::FuncTranslator;
use crate::canonical::val_type;
use crate::index::{CanonId, ComponentId, LiftId, OptionsId, ResourceId};
use crate::plan::{Callee, CanonKind, CoreDef, FuncKind, Linked};
use crate::plan::{Lift, Record, Resource};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use wasmelt_abi::{PtrType, TrapCode};
use wasmparser::{FuncType, ValType};

/// Bytes of a slot of a call of the host, and of `ComponentExport::call`.
pub(super) const SLOT_BYTES: i32 = 8;

const MAY_LEAVE: i64 = 1;
const MAY_ENTER: i64 = 2;

impl<'a> FuncTranslator<'a, '_> {
    pub(super) fn linked(&self) -> &'a Linked<'a> {
        self.plan().linked
    }

    pub(super) fn canon(&mut self, kind: &FuncKind) {
        match *kind {
            FuncKind::Canon(id) => self.canon_function(id),
            FuncKind::CanonHelper(helper) => self.helper(helper),
            FuncKind::LiftCall(lift) => self.lift_call(lift),
            FuncKind::LiftFinish(lift) => self.lift_finish(lift),
            FuncKind::LibraryDestructor(resource) => self.library_destructor(resource),
            FuncKind::EntryRun(lift) => self.entry_run(lift),
            FuncKind::ReallocEntry(options) => self.realloc_entry(options),
            FuncKind::TaskStart(lift) => self.task_start(self.lift(lift)),
            FuncKind::TaskCallback(lift) => self.task_callback(self.lift(lift)),
            FuncKind::TaskPostReturn(lift) => self.task_post_return(self.lift(lift)),
            FuncKind::ThreadStart(argument) => self.thread_start(argument),
            FuncKind::PassParams(canon) => self.pass_task_params(canon),
            FuncKind::PassResult(canon) => self.pass_task_result(canon),
            _ => unreachable!("only these are the component model's"),
        }
    }

    fn canon_function(&mut self, id: CanonId) {
        let canon = &self.linked().canons[id.index()];
        match canon.kind {
            CanonKind::Host { options, .. } => self.lowered_host(id, &canon.ty, options),
            CanonKind::Embedder { import, options } => {
                self.lowered_embedder(&canon.ty, import, options);
            }
            CanonKind::Adapter { lift, options, .. } => self.adapter(lift, options),
            CanonKind::ResourceNew { resource, instance } => {
                self.trap_unless_may_leave(instance);
                self.resource_builtin("resource_new", resource, instance);
            }
            CanonKind::ResourceRep { resource, instance } => {
                self.resource_builtin("resource_rep", resource, instance);
            }
            CanonKind::ResourceDrop { resource, instance } => {
                self.resource_drop(id, resource, instance);
            }
            CanonKind::TaskAdapter { .. }
            | CanonKind::TaskReturn { .. }
            | CanonKind::End { .. }
            | CanonKind::ThreadNew { .. }
            | CanonKind::Message { .. }
            | CanonKind::Builtin(_) => self.task_builtin(id),
            CanonKind::Number(number) => {
                let number = self.builder.ins().iconst(types::I32, i64::from(number));
                self.builder.ins().return_(&[number]);
            }
            CanonKind::Trap(code) => {
                self.builder.ins().trap(trap_code(code));
            }
        }
    }

    /// ```text
    /// v2 = load.i8 notrap aligned context pointer-8       ; flags of the instance
    /// v3 = band_imm v2, 1
    /// trapz v3, cannot leave
    /// ```
    pub(super) fn trap_unless_may_leave(&mut self, instance: ComponentId) {
        self.trap_unless_flag(instance, MAY_LEAVE, TrapCode::CannotLeave);
    }

    fn trap_unless_flag(&mut self, instance: ComponentId, flag: i64, code: TrapCode) {
        let slot = self.plan().component_flags[instance.index()];
        let memory_flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        let have = self
            .builder
            .ins()
            .load(types::I8, memory_flags, base, offset);
        let is_set = self.builder.ins().band_imm_s(have, flag);
        self.trap_unless(is_set, code);
    }

    fn set_flags(&mut self, instance: ComponentId, value: i64) {
        let slot = self.plan().component_flags[instance.index()];
        let memory_flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        let value = self.builder.ins().iconst(types::I8, value);
        self.builder.ins().store(memory_flags, value, base, offset);
    }

    /// `may_enter_from` and `enter_from`.
    pub(super) fn enter_instances(&mut self, entered: &[ComponentId]) {
        for &instance in entered {
            self.trap_unless_flag(instance, MAY_ENTER, TrapCode::CannotEnter);
        }
        for &instance in entered {
            self.set_flags(instance, MAY_LEAVE);
        }
    }

    /// `leave_to`.
    pub(super) fn leave_instances(&mut self, entered: &[ComponentId]) {
        for &instance in entered {
            self.set_flags(instance, MAY_LEAVE | MAY_ENTER);
        }
    }

    /// Calls a function that must not leave its instance: `realloc` or `post-return`. The other
    /// flag stays as it is: a `start` function that calls an import has not been entered.
    pub(super) fn call_without_leaving(
        &mut self,
        instance: ComponentId,
        def: CoreDef,
        ty: &FuncType,
        args: &[Value],
    ) -> Vec<Value> {
        let slot = self.plan().component_flags[instance.index()];
        let flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        let before = match self.plan().reentrant[instance.index()] {
            true => self.builder.ins().load(types::I8, flags, base, offset),
            false => self.builder.ins().iconst(types::I8, MAY_LEAVE | MAY_ENTER),
        };
        self.set_flags(instance, 0);
        let results = self.call_core(def, ty, args);
        let flags = self.trusted(Alias::Context);
        self.builder.ins().store(flags, before, base, offset);
        results
    }

    /// Calls a core function, for its results.
    pub(super) fn call_core(&mut self, def: CoreDef, ty: &FuncType, args: &[Value]) -> Vec<Value> {
        match self.plan().core_callee(def) {
            Callee::Defined(id) => {
                let takes_pointer = self.plan().takes_pointer[id.index()];
                let pointer = takes_pointer.then(|| self.region_base(self.plan().region_of(id)));
                self.call_defined(id, pointer, args, false);
            }
            callee => self.call_callee(callee, ty, args, false),
        }
        if !self.reachable {
            let block = self.builder.create_block();
            self.enter(block);
            return ty.results().iter().map(|&ty| self.zero(ty)).collect();
        }
        self.pop_many(ty.results().len())
    }

    /// ```text
    /// v3 = uextend.i64 v1                                 ; parameters to slots of 8 bytes
    /// stack_store v3, ss0
    /// v4 = iadd_imm pointer, options
    /// v5 = stack_addr.i64 ss0
    /// call host(pointer, v4, v5)
    /// v6 = stack_load.i32 ss0                             ; the flat result, if there is one
    /// return v6
    /// ```
    fn lowered_host(&mut self, id: CanonId, ty: &FuncType, options: OptionsId) {
        self.trap_unless_may_leave(self.linked().option(options).instance);
        let params = self.params();
        let slots = self.slots_of(&params);
        let host = self.plan().canon_hosts[&id];
        let func = self.host_func_ref(host, &FuncType::new([ValType::I64, ValType::I64], []));
        let memory = self.own_pointer();
        let options = self.options_address(options);
        let address = self.builder.ins().stack_addr(types::I64, slots, 0);
        self.builder.ins().call(func, &[memory, options, address]);
        if self.plan().host_fns[host.index()].diverges {
            self.builder.ins().trap(trap_code(TrapCode::Unreachable));
            return;
        }
        let results = self.slot_results(ty, slots);
        self.builder.ins().return_(&results);
    }

    /// As for a function of the host, which is here a function of the runtime that calls the
    /// embedder's: `call library_lower(pointer, record, options, slots)`.
    fn lowered_embedder(&mut self, ty: &FuncType, import: u32, options: OptionsId) {
        self.trap_unless_may_leave(self.linked().option(options).instance);
        let params = self.params();
        let slots = self.slots_of(&params);
        let memory = self.own_pointer();
        let record = self.record_address(Record::Import(import));
        let options = self.options_address(options);
        let address = self.builder.ins().stack_addr(types::I64, slots, 0);
        self.call_runtime("library_lower", &[memory, record, options, address]);
        let results = self.slot_results(ty, slots);
        self.builder.ins().return_(&results);
    }

    /// Slots that hold these values, and have room for one.
    pub(super) fn slots_of(&mut self, values: &[Value]) -> StackSlot {
        let count = u32::try_from(values.len().max(1)).expect("at most 17 parameters");
        let bytes = count * SLOT_BYTES.unsigned_abs();
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
        let slots = self.builder.create_sized_stack_slot(data);
        let mut offset = 0;
        for &value in values {
            let bits = self.slot_bits(value);
            self.builder
                .ins()
                .stack_store(types::I64, bits, slots, offset);
            offset += SLOT_BYTES;
        }
        slots
    }

    /// The result in slot 0, if the type has one.
    pub(super) fn slot_results(&mut self, ty: &FuncType, slots: StackSlot) -> Vec<Value> {
        let result = ty.results().first().map(|&ty| {
            let ty = clif_type(ty);
            self.builder.ins().stack_load(types::I64, ty, slots, 0)
        });
        result.into_iter().collect()
    }

    /// A flat value as the bits of a slot.
    pub(super) fn slot_bits(&mut self, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        let bits = match ty {
            types::F32 => {
                let flags = MemFlagsData::new();
                self.builder.ins().bitcast(types::I32, flags, value)
            }
            _ => value,
        };
        match self.builder.func.dfg.value_type(bits) {
            types::I32 => self.builder.ins().uextend(types::I64, bits),
            _ => bits,
        }
    }

    /// The address of the `wasmelt_abi::CanonOptions`.
    pub(super) fn options_address(&mut self, options: OptionsId) -> Value {
        let plan = self.plan().option_slots[options.index()];
        self.slot_address(plan.expect("options that code uses have a place").slot)
    }

    /// Number of an instance and of a resource type, as arguments.
    pub(super) fn resource_args(
        &mut self,
        instance: ComponentId,
        resource: ResourceId,
    ) -> (Value, Value) {
        let number = self.linked().resource_number(resource);
        let instance = self.builder.ins().iconst(types::I32, i64::from(instance.0));
        (
            instance,
            self.builder.ins().iconst(types::I32, i64::from(number)),
        )
    }

    fn resource_builtin(&mut self, function: &str, resource: ResourceId, instance: ComponentId) {
        let argument = self.params()[0];
        let (instance, resource) = self.resource_args(instance, resource);
        let memory = self.own_pointer();
        let result = self.call_runtime(function, &[memory, instance, resource, argument]);
        let result = result.expect("has a result");
        self.builder.ins().return_(&[result]);
    }

    /// `canon_resource_drop`.
    ///
    /// ```text
    /// v2 = call resource_drop(pointer, instance, resource, handle)
    /// v3 = icmp_imm slt v2, 0                             ; it was borrowed
    /// brif v3, block2, block1
    /// block1:
    ///     v4 = ireduce.i32 v2
    ///     call destructor(pointer, v4)
    ///     jump block2
    /// block2:
    ///     return
    /// ```
    fn resource_drop(&mut self, id: CanonId, resource: ResourceId, instance: ComponentId) {
        self.trap_on_exceptions();
        self.trap_unless_may_leave(instance);
        let handle = self.params()[0];
        let (instance_arg, resource_arg) = self.resource_args(instance, resource);
        let memory = self.own_pointer();
        let args = [memory, instance_arg, resource_arg, handle];
        let result = self.call_runtime("resource_drop", &args);
        let result = result.expect("has a result");
        let owned = self.builder.create_block();
        let end = self.builder.create_block();
        let borrowed = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::SignedLessThan, result, 0);
        self.builder.ins().brif(borrowed, end, &[], owned, &[]);
        self.enter(owned);
        let rep = self.builder.ins().ireduce(types::I32, result);
        let linked = self.linked();
        match &linked.resources[resource.index()] {
            Resource::Host { .. } => {
                let host = self.plan().canon_hosts[&id];
                let func = self.host_func_ref(host, &FuncType::new([ValType::I32], []));
                self.builder.ins().call(func, &[memory, rep]);
            }
            Resource::Guest { .. } => self.destroy(Some(instance), resource, rep),
            Resource::Embedder { dropped } => {
                let dropped = self.builder.ins().iconst(types::I32, i64::from(*dropped));
                self.call_runtime("library_dropped", &[memory, dropped, rep]);
            }
            Resource::Missing { .. } => {}
        }
        self.builder.ins().jump(end, &[] as &[BlockArg]);
        self.enter(end);
        self.builder.ins().return_(&[]);
        self.end_trap_on_exceptions();
    }

    /// Calls the destructor of a resource of the program, if it has one.
    fn destroy(&mut self, caller: Option<ComponentId>, resource: ResourceId, rep: Value) {
        let Resource::Guest {
            instance: definer,
            dtor,
        } = self.linked().resources[resource.index()]
        else {
            unreachable!("others are not the program's")
        };
        let entered = self.plan().entering_set(caller, definer);
        self.enter_instances(&entered);
        if let Some(dtor) = dtor {
            let sees_task = self.plan().task_use(definer).is_any();
            self.sync_enter_if(sees_task);
            let ty = FuncType::new([ValType::I32], []);
            self.call_core(dtor, &ty, &[rep]);
            self.sync_exit_if(sees_task);
        }
        self.leave_instances(&entered);
    }

    /// A destructor, for the embedder of a library.
    fn library_destructor(&mut self, resource: ResourceId) {
        let slots = self.params()[0];
        self.pointer_from_store();
        self.trap_on_exceptions();
        let rep = self.load_slots(slots, &[ValType::I32])[0];
        self.destroy(None, resource, rep);
        self.builder.ins().return_(&[]);
        self.end_trap_on_exceptions();
    }

    fn lift(&self, lift: LiftId) -> &'a Lift {
        &self.linked().lifts[lift.index()]
    }

    /// Enters as the host does; gives the flat type of the core function.
    fn begin_lift(&mut self, lift: &Lift) -> FuncType {
        let instance = self.linked().option(lift.options).instance;
        let entered = self.plan().entering_set(None, instance);
        self.enter_instances(&entered);
        self.sync_enter_if(self.plan().task_use(instance).is_any());
        self.linked().core_type(lift)
    }

    /// Begins a call of a synchronous function that can tell in which task it runs.
    pub(super) fn sync_enter_if(&mut self, sees_task: bool) {
        if sees_task {
            let memory = self.own_pointer();
            self.call_runtime("sync_enter", &[memory]);
        }
    }

    /// Ends it.
    pub(super) fn sync_exit_if(&mut self, sees_task: bool) {
        if sees_task {
            let memory = self.own_pointer();
            self.call_runtime("sync_exit", &[memory]);
        }
    }

    /// Calls `post-return`, if there is one, and leaves.
    fn end_lift(&mut self, lift: &Lift, results: &[Value]) {
        let instance = self.linked().option(lift.options).instance;
        if let Some(post_return) = lift.post_return {
            let flat = self.linked().core_type(lift).results().to_vec();
            let ty = FuncType::new(flat, []);
            self.call_without_leaving(instance, post_return, &ty, results);
        }
        self.sync_exit_if(self.plan().task_use(instance).is_any());
        let entered = self.plan().entering_set(None, instance);
        self.leave_instances(&entered);
    }

    /// `wasmelt_abi::ComponentExport::call`.
    fn lift_call(&mut self, lift: LiftId) {
        let lift = self.lift(lift);
        let slots = self.params()[0];
        self.pointer_from_store();
        self.trap_on_exceptions();
        let ty = self.begin_lift(lift);
        let args = self.load_slots(slots, ty.params());
        let results = self.call_core(lift.core, &ty, &args);
        self.store_slots(slots, &results);
        self.builder.ins().return_(&[]);
        self.end_trap_on_exceptions();
    }

    /// `wasmelt_abi::ComponentExport::finish`.
    fn lift_finish(&mut self, lift: LiftId) {
        let lift = self.lift(lift);
        let slots = self.params()[0];
        self.pointer_from_store();
        self.trap_on_exceptions();
        let ty = self.linked().core_type(lift);
        let results = self.load_slots(slots, ty.results());
        self.end_lift(lift, &results);
        self.builder.ins().return_(&[]);
        self.end_trap_on_exceptions();
    }

    pub(super) fn load_slots(&mut self, slots: Value, flat: &[ValType]) -> Vec<Value> {
        let flags = MemFlagsData::trusted();
        let mut values = Vec::with_capacity(flat.len());
        let mut offset = 0;
        for &ty in flat {
            let ty = clif_type(ty);
            values.push(self.builder.ins().load(ty, flags, slots, offset));
            offset += SLOT_BYTES;
        }
        values
    }

    /// Calls `run: func() -> result` of a command and gives its discriminant, the exit code.
    fn entry_run(&mut self, lift: LiftId) {
        if self.linked().is_task(lift) {
            self.entry_run_task(lift);
            return;
        }
        let lift = self.lift(lift);
        self.pointer_from_store();
        self.trap_on_exceptions();
        let ty = self.begin_lift(lift);
        let results = self.call_core(lift.core, &ty, &[]);
        let is_invalid = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::UnsignedGreaterThan, results[0], 1);
        self.trap_if(is_invalid, TrapCode::InvalidDiscriminant);
        self.end_lift(lift, &results);
        self.builder.ins().return_(&results);
        self.end_trap_on_exceptions();
    }

    /// A `wasmelt_abi::Realloc`.
    fn realloc_entry(&mut self, options: OptionsId) {
        let mut args = self.params();
        self.pointer_from_store();
        self.trap_on_exceptions();
        let is_short = self.linked().option(options).ptr == PtrType::I32;
        if is_short {
            for arg in &mut args {
                *arg = self.builder.ins().ireduce(types::I32, *arg);
            }
        }
        let mut result = self.reallocate(options, &args);
        if is_short {
            result = self.builder.ins().uextend(types::I64, result);
        }
        self.builder.ins().return_(&[result]);
        self.end_trap_on_exceptions();
    }

    /// `reallocate`: the address. The call is a task of its own, which only context slots show.
    pub(super) fn reallocate(&mut self, options: OptionsId, args: &[Value]) -> Value {
        let options = self.linked().option(options);
        let realloc = options.realloc.expect("validated: there is one");
        let ptr = val_type(options.ptr);
        let ty = FuncType::new([ptr; 4], [ptr]);
        let has_context = self.plan().task_use(options.instance).context;
        self.sync_enter_if(has_context);
        let results = self.call_without_leaving(options.instance, realloc, &ty, args);
        self.sync_exit_if(has_context);
        results[0]
    }
}
