//! Functions that no module has: entries for the runtime, and what tables hold besides bodies.

use super::clif::{Alias, clif_type, for_c, trap_code, wasm_signature};
use super::library::{call_signature, component_signature};
use super::locals::Locals;
use super::translator::{FuncTranslator, Translation};
use crate::error::Result;
use crate::index::{FuncId, InstanceIndex, MemoryId, RegionIndex, SigId, TableId};
use crate::plan::{Callee, FuncKind, Hierarchy, InitStep, Purpose, Slot};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};
use std::mem::offset_of;
use wasmelt_abi::{DataSegment, TrapCode};
use wasmparser::{AbstractHeapType, HeapType, RefType, ValType};

/// Bytes of a slot of `Export::call`.
const SLOT_BYTES: i32 = 16;

pub(super) fn translate(
    translation: Translation<'_>,
    id: FuncId,
    func: &mut ir::Function,
    locals: &mut Locals,
) -> Result<()> {
    let plan = translation.plan;
    let kind = &plan.funcs[id.index()].kind;
    let c_convention = translation.isa.frontend_config().default_call_conv;
    let c_signature = |params: usize| {
        let mut signature = Signature::new(c_convention);
        signature.params = vec![AbiParam::new(types::I64); params];
        signature
    };
    let signature = match *kind {
        FuncKind::Body { .. } => unreachable!("bodies are translated elsewhere"),
        FuncKind::HostEntry { sig, .. }
        | FuncKind::UnknownImport { sig, .. }
        | FuncKind::Collect { sig }
        | FuncKind::LibraryImport { sig, .. }
        | FuncKind::Switch { sig, .. } => wasm_signature(&plan.sigs[sig]),
        FuncKind::TrapStub(_) => wasm_signature(&wasmparser::FuncType::new([], [])),
        FuncKind::Canon(_) => {
            let sig = plan.sig_of(id).expect("canon functions have wasm types");
            wasm_signature(&plan.sigs[sig])
        }
        FuncKind::Instantiate(_) | FuncKind::InstantiateAgain(_) => c_signature(1),
        FuncKind::EntryCommand { .. } | FuncKind::EntryRun(_) => {
            let mut signature = c_signature(1);
            signature.returns.push(AbiParam::new(types::I32));
            signature
        }
        FuncKind::LiftCall(_)
        | FuncKind::LiftFinish(_)
        | FuncKind::TaskStart(_)
        | FuncKind::TaskPostReturn(_) => c_signature(2),
        FuncKind::PassParams(_) | FuncKind::PassResult(_) => c_signature(3),
        FuncKind::ThreadStart(_) => c_signature(4),
        FuncKind::TaskCallback(_) => {
            let mut signature = c_signature(1);
            signature.params.extend([AbiParam::new(types::I32); 3]);
            signature.returns.push(AbiParam::new(types::I32));
            signature
        }
        FuncKind::ReallocEntry(_) => {
            let mut signature = c_signature(5);
            signature.returns.push(AbiParam::new(types::I64));
            signature
        }
        FuncKind::CanonHelper(helper) => super::adapter::helper_signature(plan.linked, helper),
        FuncKind::ExportCall { .. }
        | FuncKind::ExportGlobal { .. }
        | FuncKind::LibraryGlobal(_) => c_signature(2),
        FuncKind::LibraryCall { sig, .. } => call_signature(c_convention, &plan.sigs[sig]),
        FuncKind::LibraryLift { lift, .. } => {
            let ty = plan.linked.lifts[lift.index()].ty;
            component_signature(c_convention, plan, ty)
        }
        FuncKind::LibraryStart { lift, .. } => {
            let ty = plan.linked.lifts[lift.index()].ty;
            let mut signature = component_signature(c_convention, plan, ty);
            signature.params.extend([AbiParam::new(types::I64); 2]);
            signature
        }
        FuncKind::LibraryPoll => {
            let mut signature = c_signature(3);
            signature.returns.push(AbiParam::new(types::I32));
            signature
        }
        FuncKind::LibraryDestructor(_) => c_signature(2),
        FuncKind::LibraryImportCall(_) => {
            let mut signature = c_signature(4);
            signature.returns.push(AbiParam::new(types::I32));
            signature
        }
        FuncKind::LibraryDrop { .. } => {
            let mut signature = c_signature(1);
            signature.params.push(AbiParam::new(types::I32));
            signature.returns.push(AbiParam::new(types::I32));
            signature
        }
        FuncKind::LibraryMemory(_) => {
            let mut signature = c_signature(2);
            signature.returns.push(AbiParam::new(types::I64));
            signature
        }
    };
    func.signature = for_c(signature, plan.target.arch);
    // Functions that belong to no instance use the first one's pointer.
    let instance = match *kind {
        FuncKind::HostEntry { instance, .. }
        | FuncKind::Instantiate(instance)
        | FuncKind::InstantiateAgain(instance)
        | FuncKind::EntryCommand { instance, .. }
        | FuncKind::ExportCall { instance, .. }
        | FuncKind::LibraryCall { instance, .. } => instance,
        _ => InstanceIndex(0),
    };
    let region = match *kind {
        FuncKind::Instantiate(instance)
        | FuncKind::InstantiateAgain(instance)
        | FuncKind::EntryCommand { instance, .. }
        | FuncKind::ExportCall { instance, .. }
        | FuncKind::LibraryCall { instance, .. } => plan.instances[instance.index()].region,
        _ => plan.region_of(id),
    };
    let mut translator = FuncTranslator::new(translation, instance, region, func, locals, true);
    match *kind {
        FuncKind::Body { .. } => unreachable!("bodies are translated elsewhere"),
        FuncKind::HostEntry { host, sig, .. } => translator.entry_of(Callee::Host(host), sig),
        FuncKind::Switch { from, target, sig } => translator.switch(from, target, sig),
        FuncKind::TrapStub(code) => {
            translator.builder.ins().trap(trap_code(code));
        }
        FuncKind::Collect { .. } => translator.collect(),
        FuncKind::UnknownImport { traps: true, .. } => {
            let code = trap_code(TrapCode::UnknownImport);
            translator.builder.ins().trap(code);
        }
        FuncKind::UnknownImport { traps: false, sig } => {
            let results = plan.sigs[sig].results();
            let zeros: Vec<_> = results.iter().map(|ty| translator.zero(*ty)).collect();
            translator.builder.ins().return_(&zeros);
        }
        FuncKind::Instantiate(_) => translator.instantiate(false),
        FuncKind::InstantiateAgain(_) => translator.instantiate(true),
        FuncKind::EntryCommand { callee, .. } => translator.entry_command(callee),
        FuncKind::ExportCall { callee, sig, .. } => translator.export_call(callee, sig),
        FuncKind::ExportGlobal { global } => translator.export_global(global),
        FuncKind::LibraryCall {
            export,
            callee,
            sig,
            ..
        } => translator.library_call(export, callee, sig),
        FuncKind::LibraryLift { export, lift } => {
            translator.library_lift("library_lift", export, lift);
        }
        FuncKind::LibraryStart { export, lift } => {
            translator.library_lift("library_start", export, lift);
        }
        FuncKind::LibraryPoll => translator.library_poll(),
        FuncKind::LibraryImport { import, sig } => translator.library_import(import, sig),
        FuncKind::LibraryImportCall(import) => translator.library_import_call(import),
        FuncKind::LibraryDrop { export, resource } => translator.library_drop(export, resource),
        FuncKind::LibraryMemory(memory) => translator.library_memory(memory),
        FuncKind::LibraryGlobal(global) => translator.library_global(global),
        FuncKind::Canon(_)
        | FuncKind::LiftCall(_)
        | FuncKind::LiftFinish(_)
        | FuncKind::LibraryDestructor(_)
        | FuncKind::EntryRun(_)
        | FuncKind::ReallocEntry(_)
        | FuncKind::TaskStart(_)
        | FuncKind::TaskCallback(_)
        | FuncKind::TaskPostReturn(_)
        | FuncKind::ThreadStart(_)
        | FuncKind::PassParams(_)
        | FuncKind::PassResult(_)
        | FuncKind::CanonHelper(_) => translator.canon(kind),
    }
    Ok(())
}

impl FuncTranslator<'_, '_> {
    /// The parameters of the function being made, without the first.
    pub(super) fn params(&mut self) -> Vec<Value> {
        // The layout has the entry block only after its first instruction.
        let entry = self
            .builder
            .current_block()
            .expect("it is still in the entry block");
        self.builder.block_params(entry)[1..].to_vec()
    }

    /// The first parameter is the base of the store; from here on `self.pointer` is the
    /// instance's.
    pub(super) fn pointer_from_store(&mut self) {
        let offset = self.plan().regions[self.region().index()].memory_offset;
        let store = self.own_pointer();
        let pointer = self.builder.ins().iadd_imm_s(store, offset.cast_signed());
        self.pointer = Some(pointer);
    }

    /// An import as a function of its own: calls it and returns its results.
    fn entry_of(&mut self, callee: Callee, sig: SigId) {
        let args = self.params();
        let ty = &self.plan().sigs[sig];
        self.call_callee(callee, ty, &args, false);
        if self.reachable {
            let results = std::mem::take(&mut self.stack);
            self.builder.ins().return_(&results);
        }
    }

    fn switch(&mut self, from: RegionIndex, target: FuncId, sig: SigId) {
        let distance = self.plan().distance(from, self.plan().region_of(target));
        let pointer = self.own_pointer();
        let mut args = vec![self.builder.ins().iadd_imm_s(pointer, distance)];
        args.extend(self.params());
        let func = self.wasm_func_ref(target, sig);
        self.builder.ins().return_call(func, &args);
    }

    fn entry_command(&mut self, callee: Callee) {
        self.pointer_from_store();
        let ty = wasmparser::FuncType::new([], []);
        self.call_callee(callee, &ty, &[], false);
        if self.reachable {
            let success = self.builder.ins().iconst(types::I32, 0);
            self.builder.ins().return_(&[success]);
        }
    }

    /// ```text
    /// v2 = load.i32 notrap aligned slots      ; parameter 0 … from 16-byte slots
    /// v3 = call callee(pointer, v2)
    /// store notrap aligned v3, slots          ; result 0 …
    /// ```
    fn export_call(&mut self, callee: Callee, sig: SigId) {
        let slots = self.params()[0];
        self.pointer_from_store();
        let ty = &self.plan().sigs[sig];
        let flags = MemFlagsData::trusted();
        let mut args = Vec::with_capacity(ty.params().len());
        let mut offset = 0;
        for &param in ty.params() {
            args.push(
                self.builder
                    .ins()
                    .load(clif_type(param), flags, slots, offset),
            );
            offset += SLOT_BYTES;
        }
        self.call_callee(callee, ty, &args, false);
        if !self.reachable {
            return;
        }
        let mut offset = 0;
        for (value, &ty) in std::mem::take(&mut self.stack)
            .into_iter()
            .zip(ty.results())
        {
            self.builder.ins().store(flags, value, slots, offset);
            self.tell_kind(value, ty, slots, offset);
            offset += SLOT_BYTES;
        }
        self.builder.ins().return_(&[]);
    }

    /// Collects, for a test script that asks for it.
    fn collect(&mut self) {
        if let Some(heap) = self.plan().heap_plan {
            let pointer = self.own_pointer();
            let allocation = self.slot_address(heap.allocation);
            self.call_runtime("gc_collect", &[pointer, allocation]);
        }
        self.builder.ins().return_(&[]);
    }

    fn export_global(&mut self, global: crate::index::GlobalId) {
        let slots = self.params()[0];
        self.pointer_from_store();
        let value = self.global_value(global);
        self.builder
            .ins()
            .store(MemFlagsData::trusted(), value, slots, 0);
        let ty = self.plan().globals[global.index()].ty;
        self.tell_kind(value, ty, slots, 0);
        self.builder.ins().return_(&[]);
    }

    /// Tells the driver of a test script in the second half of a slot what a reference refers to:
    /// bit 0 stands for a struct, bit 1 for an array.
    fn tell_kind(&mut self, value: Value, ty: ValType, slots: Value, offset: i32) {
        let plan = self.plan();
        let is_any = |ty: RefType| plan.sigs.hierarchy(ty.heap_type()) == Hierarchy::Any;
        if plan.purpose != Purpose::Script || !matches!(ty, ValType::Ref(ty) if is_any(ty)) {
            return;
        }
        let [is_struct, is_array] = [AbstractHeapType::Struct, AbstractHeapType::Array].map(|ty| {
            let ty = HeapType::Abstract { shared: false, ty };
            let ty = RefType::new(false, ty).expect("it has few enough bits");
            self.is_instance(value, ty)
        });
        let array = self.builder.ins().ishl_imm_s(is_array, 1);
        let kind = self.builder.ins().bor(is_struct, array);
        let kind = self.builder.ins().uextend(types::I64, kind);
        let flags = MemFlagsData::trusted();
        self.builder.ins().store(flags, kind, slots, offset + 8);
    }

    /// The steps of an instance; `again` for another thread.
    fn instantiate(&mut self, again: bool) {
        self.pointer_from_store();
        for step in &self.instance().steps {
            match *step {
                InitStep::MemoryAtLeast { memory, bytes } => {
                    let have = self.memory_bytes(memory.0);
                    self.require_at_least(have, bytes);
                }
                InitStep::TableAtLeast { table, elements } => {
                    let have = self.table_len(table);
                    self.require_at_least(have, elements);
                }
                InitStep::Data {
                    memory,
                    segment,
                    offset,
                } => {
                    let slot = self.instance().data[&segment];
                    if again && self.plan().memories[memory.index()].is_common {
                        self.drop_segment(slot);
                    } else {
                        self.init_data(memory, slot, offset);
                    }
                }
                InitStep::Elements {
                    table,
                    segment,
                    offset,
                } => {
                    let slot = self.instance().elements[&segment];
                    self.init_elements(table, slot, offset);
                }
                InitStep::Trap(code) => {
                    self.builder.ins().trap(trap_code(code));
                    self.set_unreachable();
                    break;
                }
                InitStep::Start(callee) => {
                    let ty = wasmparser::FuncType::new([], []);
                    self.call_callee(callee, &ty, &[], false);
                    if !self.reachable {
                        break;
                    }
                }
            }
        }
        if self.reachable {
            self.builder.ins().return_(&[]);
        }
    }

    fn require_at_least(&mut self, have: Value, wanted: u64) {
        let wanted = wanted.cast_signed();
        let short = self
            .builder
            .ins()
            .icmp_imm_s(IntCC::UnsignedLessThan, have, wanted);
        self.trap_if(short, TrapCode::ImportTooSmall);
    }

    /// Offset, start and length of an active segment as arguments; the length is its own.
    fn whole_segment(&mut self, slot: Slot, offset: u64) -> (Value, Value, Value, Value) {
        let dst = self.builder.ins().iconst(types::I64, offset.cast_signed());
        let src = self.builder.ins().iconst(types::I64, 0);
        let flags = self.trusted(Alias::Context);
        let (base, at) = self.slot(slot);
        let at = at + i32::try_from(offset_of!(DataSegment, len)).expect("small");
        let len = self.builder.ins().load(types::I64, flags, base, at);
        (self.slot_address(slot), dst, src, len)
    }

    fn init_data(&mut self, memory: MemoryId, slot: Slot, offset: u64) {
        let base = self.memory_base(memory);
        let (segment, dst, src, len) = self.whole_segment(slot, offset);
        self.call_runtime("memory_init", &[base, segment, dst, src, len]);
        self.drop_segment(slot);
    }

    fn init_elements(&mut self, table: TableId, slot: Slot, offset: u64) {
        let elements = self.table_elements(table);
        let table_len = self.table_len(table);
        let (segment, dst, src, len) = self.whole_segment(slot, offset);
        self.call_runtime("table_init", &[elements, table_len, segment, dst, src, len]);
        self.drop_segment(slot);
    }
}
