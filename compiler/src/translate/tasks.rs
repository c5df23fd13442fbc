//! Built-ins of async components, and the trampolines of which the runtime makes tasks.
//!
//! A built-in is a runtime function; what is checked here is only that the instance may be left.
//! Specification: component model, "Canonical Definitions", `canon_lift` and `canon_lower`; the
//! records are those of `wasmelt_abi::AsyncCall` and its neighbours.

use super::clif::{Alias, clif_type, trap_code};
use super::names;
use super::translator::FuncTranslator;
use crate::index::{CanonId, ComponentId, LiftId, OptionsId};
use crate::plan::{Builtin, Lift, Subject};
use crate::plan::{CanonKind, CoreDef, Record, thread_type};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlot, Type, Value, types};
use wasmelt_abi::{AbiType, PtrType, RUNTIME_FNS, TrapCode};
use wasmparser::{FuncType, ValType};

impl FuncTranslator<'_, '_> {
    pub(super) fn task_builtin(&mut self, id: CanonId) {
        let canon = &self.linked().canons[id.index()];
        match canon.kind {
            CanonKind::TaskAdapter { lift, options } => {
                self.task_adapter(id, &canon.ty, lift, options);
            }
            CanonKind::TaskReturn { options, .. } => {
                self.trap_unless_may_leave(self.linked().option(options).instance);
                let params = self.params();
                let slots = self.slots_of(&params);
                self.call_with_record("task_return", Record::TaskReturn(id), slots);
                self.builder.ins().return_(&[]);
            }
            CanonKind::End {
                function, options, ..
            } => {
                self.trap_unless_may_leave(self.linked().option(options).instance);
                let args = vec![self.own_pointer(), self.record_address(Record::End(id))];
                self.return_builtin(function, args, &canon.ty);
            }
            CanonKind::Message { function, options } => {
                self.trap_unless_may_leave(self.linked().option(options).instance);
                let args = vec![self.own_pointer(), self.options_address(options)];
                self.return_builtin(function, args, &canon.ty);
            }
            CanonKind::Builtin(builtin) => self.builtin(builtin, &canon.ty),
            CanonKind::ThreadNew {
                table,
                argument,
                instance,
            } => self.thread_new(table, argument, instance),
            _ => unreachable!("only these are about tasks"),
        }
    }

    fn builtin(&mut self, builtin: Builtin, ty: &FuncType) {
        let instance = builtin.instance;
        if builtin.subject == Subject::Outside {
            self.trap_unless_may_leave(instance);
        }
        let mut args = vec![self.own_pointer()];
        if builtin.subject != Subject::Task {
            args.push(self.builder.ins().iconst(types::I32, i64::from(instance.0)));
        }
        if let Some(constant) = builtin.constant {
            args.push(self.builder.ins().iconst(types::I32, i64::from(constant)));
        }
        self.return_builtin(builtin.function, args, ty);
    }

    /// Calls a runtime function with the parameters of a built-in behind other arguments, and
    /// returns what it gives. Runtime functions take addresses and lengths in 64 bits; what is
    /// shorter in the core type is extended with zeros.
    fn return_builtin(&mut self, function: &str, mut args: Vec<Value>, core_ty: &FuncType) {
        let row = &RUNTIME_FNS[names::runtime_fn(function) as usize];
        let params = self.params();
        for (param, ty) in params.into_iter().zip(&row.params[args.len()..]) {
            args.push(match ty {
                AbiType::I64 => self.resized(param, types::I64),
                _ => param,
            });
        }
        let result = self.call_runtime(function, &args);
        let result = result.zip(core_ty.results().first());
        let result = result.map(|(value, &ty)| self.resized(value, clif_type(ty)));
        let results: Vec<Value> = result.into_iter().collect();
        self.builder.ins().return_(&results);
    }

    /// A number as one of another size.
    fn resized(&mut self, value: Value, ty: Type) -> Value {
        match (self.builder.func.dfg.value_type(value), ty) {
            (types::I32, types::I64) => self.builder.ins().uextend(ty, value),
            (types::I64, types::I32) => self.builder.ins().ireduce(ty, value),
            _ => value,
        }
    }

    fn return_runtime(&mut self, function: &str, args: &[Value]) {
        let results: Vec<Value> = self.call_runtime(function, args).into_iter().collect();
        self.builder.ins().return_(&results);
    }

    /// The address of a record for the runtime.
    pub(super) fn record_address(&mut self, record: Record) -> Value {
        let slot = self.plan().record_slot(record);
        let flags = self.trusted(Alias::Context).with_readonly().with_can_move();
        let (base, offset) = self.slot(slot);
        self.builder.ins().load(types::I64, flags, base, offset)
    }

    fn call_with_record(
        &mut self,
        function: &str,
        record: Record,
        slots: StackSlot,
    ) -> Option<Value> {
        let memory = self.own_pointer();
        let record = self.record_address(record);
        let slots = self.builder.ins().stack_addr(types::I64, slots, 0);
        self.call_runtime(function, &[memory, record, slots])
    }

    /// `canon_thread_new_indirect`: the function is looked up here, and called from the stack of
    /// the thread.
    fn thread_new(&mut self, table: CoreDef, argument: PtrType, instance: ComponentId) {
        self.trap_unless_may_leave(instance);
        let params = self.params();
        let table = self.plan().core_table(table);
        let sig = self.plan().sigs.find(&thread_type(argument));
        self.push1(params[0]);
        let (code, pointer) = self.load_reference_target(table, sig);
        let memory = self.own_pointer();
        let record = self.record_address(Record::Thread(argument));
        let argument = self.resized(params[1], types::I64);
        let args = [memory, record, code, pointer, argument];
        self.return_runtime("thread_new_indirect", &args);
    }

    /// `wasmelt_abi::ThreadStart::start`.
    pub(super) fn thread_start(&mut self, argument: PtrType) {
        let params = self.params();
        self.pointer_from_store();
        self.trap_on_exceptions();
        let ty = thread_type(argument);
        let argument = self.resized(params[2], clif_type(ty.params()[0]));
        self.call_code(&ty, params[0], params[1], &[argument]);
        self.builder.ins().return_(&[]);
        self.end_trap_in_task();
    }

    /// ```text
    /// v3 = uextend.i64 v1                                 ; parameters to slots of 8 bytes
    /// stack_store v3, ss0
    /// v4 = load.i64 notrap aligned readonly can_move context pointer-48
    /// v5 = stack_addr.i64 ss0
    /// v6 = call async_call(pointer, v4, v5)               ; the record of the call
    /// return v6                                           ; lowered with `async`: the state
    /// v7 = stack_load.i32 ss0                             ; otherwise the flat result, if any
    /// return v7
    /// ```
    fn task_adapter(&mut self, id: CanonId, ty: &FuncType, lift: LiftId, options: OptionsId) {
        let linked = self.linked();
        let callee = linked.option(linked.lifts[lift.index()].options).instance;
        let options = linked.option(options);
        self.trap_unless_may_leave(options.instance);
        if linked.are_nested(options.instance, callee) {
            self.builder.ins().trap(trap_code(TrapCode::CannotEnter));
            return;
        }
        let params = self.params();
        let slots = self.slots_of(&params);
        let state = self.call_with_record("async_call", Record::Call(id), slots);
        let state = state.expect("has a result");
        let results = match options.is_async {
            true => vec![state],
            false => self.slot_results(ty, slots),
        };
        self.builder.ins().return_(&results);
    }

    /// The exit code of a command whose `run` is a task.
    pub(super) fn entry_run_task(&mut self, lift: LiftId) {
        self.pointer_from_store();
        let memory = self.own_pointer();
        let record = self.record_address(Record::Lift(lift));
        self.return_runtime("run_async", &[memory, record]);
    }

    /// `wasmelt_abi::AsyncLift::start`.
    pub(super) fn task_start(&mut self, lift: &Lift) {
        let slots = self.params()[0];
        self.pointer_from_store();
        self.trap_on_exceptions();
        let ty = self.linked().core_type(lift);
        let args = self.load_slots(slots, ty.params());
        let results = self.call_core(lift.core, &ty, &args);
        self.store_slots(slots, &results);
        self.builder.ins().return_(&[]);
        self.end_trap_in_task();
    }

    /// `wasmelt_abi::AsyncLift::callback`.
    pub(super) fn task_callback(&mut self, lift: &Lift) {
        let event = self.params();
        self.pointer_from_store();
        self.trap_on_exceptions();
        let callback = self.linked().option(lift.options).callback;
        let callback = callback.expect("made for options that have one");
        let ty = FuncType::new([ValType::I32; 3], [ValType::I32]);
        let results = self.call_core(callback, &ty, &event);
        self.builder.ins().return_(&results);
        self.end_trap_in_task();
    }

    /// `wasmelt_abi::AsyncLift::post_return`.
    pub(super) fn task_post_return(&mut self, lift: &Lift) {
        let slots = self.params()[0];
        self.pointer_from_store();
        self.trap_on_exceptions();
        let core_ty = self.linked().core_type(lift);
        let results = self.load_slots(slots, core_ty.results());
        let post_return = lift.post_return.expect("made for functions that have one");
        let ty = FuncType::new(core_ty.results().to_vec(), []);
        let instance = self.linked().option(lift.options).instance;
        self.call_without_leaving(instance, post_return, &ty, &results);
        self.builder.ins().return_(&[]);
        self.end_trap_in_task();
    }

    /// Writes flat values to slots.
    pub(super) fn store_slots(&mut self, slots: Value, values: &[Value]) {
        let flags = MemFlagsData::trusted();
        let mut offset = 0;
        for &value in values {
            let bits = self.slot_bits(value);
            self.builder.ins().store(flags, bits, slots, offset);
            offset += super::canon::SLOT_BYTES;
        }
    }
}
