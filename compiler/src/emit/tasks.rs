//! The records that calls of async functions, and of functions of an embedder, hand to the runtime.

use super::blob::Address;
use super::program::{Items, Writer};
use crate::canonical::TyId;
use crate::index::{CanonId, ComponentId, LiftId};
use crate::plan::{CanonKind, Embedded, FuncKind, Record};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{
    AsyncCall, AsyncLift, EndType, FIBER_RUN_SYMBOL, LibraryImport, LiftFlags, PtrType, TaskReturn,
    ThreadStart,
};

impl Writer<'_> {
    pub(super) fn write_records(&mut self) {
        for &record in self.plan.records.keys() {
            self.record(record);
        }
    }

    /// A record, written once.
    pub(super) fn record(&mut self, record: Record) -> u64 {
        if let Some(&at) = self.records.get(&record) {
            return at;
        }
        let at = match record {
            Record::Lift(lift) => self.write_lift(lift),
            Record::Call(canon) => self.write_call(canon),
            Record::TaskReturn(canon) => self.write_task_return(canon),
            Record::End(canon) => self.write_end(canon),
            Record::Type(ty) => self.type_desc(ty),
            Record::Import(import) => self.write_import(import),
            Record::Thread(argument) => self.write_thread_start(argument),
        };
        self.records.insert(record, at);
        at
    }

    fn write_lift(&mut self, id: LiftId) -> u64 {
        let plan = self.plan;
        let lift = &plan.linked.lifts[id.index()];
        let options = plan.linked.option(lift.options);
        let instance = options.instance;
        let entered = self.flags_offsets(None, instance);
        let at = self.blob.reserve(size_of::<AsyncLift>());
        let field = |offset: usize| at + offset as u64;
        let trampolines = [
            (offset_of!(AsyncLift, start), Some(FuncKind::TaskStart(id))),
            (
                offset_of!(AsyncLift, callback),
                options.callback.map(|_| FuncKind::TaskCallback(id)),
            ),
            (
                offset_of!(AsyncLift, post_return),
                lift.post_return.map(|_| FuncKind::TaskPostReturn(id)),
            ),
        ];
        for (offset, kind) in trampolines {
            if let Some(kind) = kind {
                self.code_address(field(offset), &kind);
            }
        }
        let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let flags = flag(plan.linked.is_async(id), LiftFlags::ASYNC_TYPE)
            | flag(options.is_async, LiftFlags::ASYNC)
            | flag(options.callback.is_some(), LiftFlags::CALLBACK);
        self.blob
            .set_u64(field(offset_of!(AsyncLift, flags)), flags);
        self.write_options(field(offset_of!(AsyncLift, options)), lift.options);
        let result = plan.linked.types.func(lift.ty).result;
        self.result(field(offset_of!(AsyncLift, result)), result);
        self.slice(field(offset_of!(AsyncLift, entered)), entered);
        if plan.task_use(instance).blocks {
            let address = Address::Symbol(FIBER_RUN_SYMBOL.to_owned());
            self.blob
                .set_address(field(offset_of!(AsyncLift, fiber)), address);
        }
        at
    }

    fn write_call(&mut self, canon: CanonId) -> u64 {
        let plan = self.plan;
        let (lift, options) = plan.task_adapter(canon);
        let record = self.record(Record::Lift(lift));
        let ty = plan.linked.lifts[lift.index()].ty;
        let caller = plan.linked.option(options);
        let callee = plan.linked.option(plan.linked.lifts[lift.index()].options);
        let entered = self.flags_offsets(Some(caller.instance), callee.instance);
        let at = self.blob.reserve(size_of::<AsyncCall>());
        let field = |offset: usize| at + offset as u64;
        self.blob
            .set_address(field(offset_of!(AsyncCall, lift)), Address::Blob(record));
        self.code_address(
            field(offset_of!(AsyncCall, pass_params)),
            &FuncKind::PassParams(canon),
        );
        self.code_address(
            field(offset_of!(AsyncCall, pass_result)),
            &FuncKind::PassResult(canon),
        );
        let types = &plan.linked.types;
        let params = types.lowered_params(ty, caller.ptr, caller.is_async);
        // A flat result is in the first, whether there are parameters or not.
        let core_ty = &plan.linked.canons[canon.index()].ty;
        let slots = core_ty.params().len().max(core_ty.results().len());
        self.blob.set_u64(
            field(offset_of!(AsyncCall, out_slot)),
            params.values(caller.ptr).len() as u64,
        );
        self.blob
            .set_u64(field(offset_of!(AsyncCall, slots)), slots as u64);
        self.write_options(field(offset_of!(AsyncCall, options)), options);
        self.slice(field(offset_of!(AsyncCall, entered)), entered);
        at
    }

    fn write_task_return(&mut self, canon: CanonId) -> u64 {
        let definition = &self.plan.linked.canons[canon.index()];
        let CanonKind::TaskReturn { result, options } = definition.kind else {
            unreachable!("the record of another built-in")
        };
        let at = self.blob.reserve(size_of::<TaskReturn>());
        let field = |offset: usize| at + offset as u64;
        self.result(field(offset_of!(TaskReturn, result)), result);
        self.write_options(field(offset_of!(TaskReturn, options)), options);
        let slots = definition.ty.params().len();
        self.blob
            .set_u64(field(offset_of!(TaskReturn, slots)), slots as u64);
        at
    }

    fn write_end(&mut self, canon: CanonId) -> u64 {
        let plan = self.plan;
        let CanonKind::End { ty, options, .. } = plan.linked.canons[canon.index()].kind else {
            unreachable!("the record of another built-in")
        };
        let at = self.blob.reserve(size_of::<EndType>());
        let field = |offset: usize| at + offset as u64;
        self.result(field(offset_of!(EndType, ty)), Some(ty));
        self.write_options(field(offset_of!(EndType, options)), options);
        let is_async = plan.linked.option(options).is_async;
        self.blob
            .set_u64(field(offset_of!(EndType, is_async)), u64::from(is_async));
        at
    }

    fn write_import(&mut self, import: u32) -> u64 {
        let plan = self.plan;
        let provided = &plan.linked.embedder_fns[import as usize];
        let Embedded::Func(ty) = provided.item else {
            unreachable!("the record of a function that is not called")
        };
        let ty = plan.linked.types.func(ty);
        let (params, _) = self.param_types(&ty.params);
        let at = self.blob.reserve(size_of::<LibraryImport>());
        let field = |offset: usize| at + offset as u64;
        self.blob.set_u64(
            field(offset_of!(LibraryImport, position)),
            u64::from(import),
        );
        let name = &plan.library.component_imports[import as usize].name;
        self.str(field(offset_of!(LibraryImport, name)), name.as_bytes());
        self.code_address(
            field(offset_of!(LibraryImport, call)),
            &FuncKind::LibraryImportCall(import),
        );
        self.slice(
            field(offset_of!(LibraryImport, params)),
            (Some(params), ty.params.len()),
        );
        self.result(field(offset_of!(LibraryImport, result)), ty.result);
        at
    }

    fn write_thread_start(&mut self, argument: PtrType) -> u64 {
        let at = self.blob.reserve(size_of::<ThreadStart>());
        let start = at + offset_of!(ThreadStart, start) as u64;
        self.code_address(start, &FuncKind::ThreadStart(argument));
        at
    }

    /// The address of a generated function.
    fn code_address(&mut self, at: u64, kind: &FuncKind) {
        let func = self.plan.generated(kind);
        self.blob.set_address(at, Address::Code(func));
    }

    /// The address of a type's description, or null.
    fn result(&mut self, at: u64, ty: Option<TyId>) {
        if let Some(ty) = ty {
            let desc = self.type_desc(ty);
            self.blob.set_address(at, Address::Blob(desc));
        }
    }

    /// Where the flags of the instances that a call enters are, from the base of the store.
    fn flags_offsets(&mut self, caller: Option<ComponentId>, callee: ComponentId) -> Items {
        let plan = self.plan;
        let entered = plan.entering_set(caller, callee);
        let array = self.array(entered.len(), size_of::<u64>());
        for (position, instance) in entered.iter().enumerate() {
            let slot = plan.component_flags[instance.index()];
            let region = &plan.regions[slot.region.index()];
            let offset = region
                .memory_offset
                .strict_add_signed(i64::from(slot.offset));
            self.blob
                .set_u64(array + (position * size_of::<u64>()) as u64, offset);
        }
        (Some(array), entered.len())
    }
}
