//! Functions that an embedder of a library calls: C convention, the handle of an instance first,
//! which is the base of its store.
//!
//! A trap below such a call is found by the handler of its `try_call`, as an exception is: so
//! setting one up costs nothing. Compiled code compares its stack pointer with a limit in the header
//! of each memory (`wasmelt_abi::MemoryHeader::stack_limit`), which these functions set.

use super::clif::{Alias, clif_type, trap_code};
use super::handling::Clause;
use super::translator::FuncTranslator;
use crate::canonical::{FuncTyId, Ty};
use crate::index::{GlobalId, LiftId, MemoryId, RegionIndex, ResourceId, SigId, TagId};
use crate::plan::{Callee, Embedded, LinkPlan};
use cranelift_codegen::ir::{
    self, AbiParam, ArgumentPurpose, Block, GlobalValueData, InstBuilder, MemFlagsData, Signature,
    StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_codegen::isa::CallConv;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{MemoryHeader, PtrType, TRAP_TAG, TrapCode};
use wasmparser::{FuncType, ValType};

/// Bytes of a slot of `Export::call`.
const SLOT_BYTES: usize = 16;

/// Offset of a field of the header from a memory's byte 0.
fn header_offset(field: usize) -> i32 {
    let below = size_of::<MemoryHeader>() - field;
    -i32::try_from(below).expect("small")
}

/// Has a function, which takes the instance pointer, trap where the stack ends. Nothing is inlined
/// into it any more.
///
/// ```text
/// gv0 = vmctx
/// gv1 = load.i64 notrap aligned gv0-16
/// stack_limit = gv1
/// ```
pub fn limit_stack(func: &mut ir::Function) {
    func.signature.params[0].purpose = ArgumentPurpose::VMContext;
    let base = func.create_global_value(GlobalValueData::VMContext);
    let flags = func.dfg.mem_flags.insert(MemFlagsData::trusted());
    let flags = flags.expect("the first of the function");
    let limit = func.create_global_value(GlobalValueData::Load {
        base,
        offset: header_offset(offset_of!(MemoryHeader, stack_limit)).into(),
        global_type: types::I64,
        flags,
    });
    func.stack_limit = Some(limit);
}

/// `(i64 handle, params…, i64 address of each result) -> i32 status`; vectors by address.
pub(super) fn call_signature(convention: CallConv, ty: &FuncType) -> Signature {
    let mut signature = Signature::new(convention);
    signature.params.push(AbiParam::new(types::I64));
    let params = ty.params().iter().map(|ty| match ty {
        ValType::V128 => AbiParam::new(types::I64),
        other => AbiParam::new(clif_type(*other)),
    });
    signature.params.extend(params);
    let results = ty.results().iter().map(|_| AbiParam::new(types::I64));
    signature.params.extend(results);
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

/// `(i64 handle, params…, i64 address of the result) -> i32 status`; what is no number in C is
/// passed by address.
pub(super) fn component_signature(
    convention: CallConv,
    plan: &LinkPlan<'_>,
    ty: FuncTyId,
) -> Signature {
    let types = &plan.linked.types;
    let ty = types.func(ty);
    let mut signature = Signature::new(convention);
    signature.params.push(AbiParam::new(types::I64));
    for (_, param) in &ty.params {
        let in_c = match types.ty(*param) {
            Ty::F32 => types::F32,
            Ty::F64 => types::F64,
            Ty::String
            | Ty::List(_)
            | Ty::FixedList(..)
            | Ty::Map(..)
            | Ty::Record(_)
            | Ty::Tuple(_)
            | Ty::Variant(_)
            | Ty::Option(_)
            | Ty::Result(..) => types::I64,
            _ => match types.layout(*param, PtrType::I64).bytes {
                1 => types::I8,
                2 => types::I16,
                4 => types::I32,
                _ => types::I64,
            },
        };
        // Some compilers of C expect it of callers, whatever the convention says.
        let param = match types.ty(*param) {
            Ty::S8 | Ty::S16 => AbiParam::new(in_c).sext(),
            _ if in_c.bits() < 32 => AbiParam::new(in_c).uext(),
            _ => AbiParam::new(in_c),
        };
        signature.params.push(param);
    }
    let result = ty.result.map(|_| AbiParam::new(types::I64));
    signature.params.extend(result);
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

impl FuncTranslator<'_, '_> {
    /// ```text
    ///     v3 = stack_addr ss0
    ///     store notrap aligned v1, v3                 ; parameter 0 … in 8-byte slots
    ///     v4 = call library_lift(handle, export, v3, result)
    ///     return v4
    /// ```
    ///
    /// `library_start` gets the two parameters behind the result's as well.
    pub(super) fn library_lift(&mut self, function: &str, export: u32, lift: LiftId) {
        let handle = self.own_pointer();
        let linked = self.plan().linked;
        let ty = linked.types.func(linked.lifts[lift.index()].ty);
        let mut params = self.params();
        let mut rest = params.split_off(ty.params.len());
        let slot_bytes = size_of::<u64>();
        let bytes = u32::try_from(params.len().max(1) * slot_bytes).expect("a thousand at most");
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        let slots = self.builder.ins().stack_addr(types::I64, slot, 0);
        for (position, &param) in params.iter().enumerate() {
            let offset = i32::try_from(position * slot_bytes).expect("as above");
            let flags = MemFlagsData::trusted();
            self.builder.ins().store(flags, param, slots, offset);
        }
        let export = self.builder.ins().iconst(types::I64, i64::from(export));
        if ty.result.is_none() {
            rest.insert(0, self.builder.ins().iconst(types::I64, 0));
        }
        let mut args = vec![handle, export, slots];
        args.append(&mut rest);
        let status = self.call_runtime(function, &args);
        self.builder.ins().return_(&[status.expect("has a result")]);
    }

    /// ```text
    ///     v3 = call library_poll(handle, timeout, pending)
    ///     return v3
    /// ```
    pub(super) fn library_poll(&mut self) {
        let mut args = vec![self.own_pointer()];
        args.extend(self.params());
        let status = self.call_runtime("library_poll", &args);
        self.builder.ins().return_(&[status.expect("has a result")]);
    }

    /// ```text
    ///     v3 = call library_drop(handle, export, resource, v1)
    ///     return v3
    /// ```
    pub(super) fn library_drop(&mut self, export: u32, resource: ResourceId) {
        let handle = self.own_pointer();
        let number = self.plan().linked.resource_number(resource);
        let constants = [(types::I64, export), (types::I32, number)];
        let [export, resource] =
            constants.map(|(ty, value)| self.builder.ins().iconst(ty, i64::from(value)));
        let args = [handle, export, resource, self.params()[0]];
        let status = self.call_runtime("library_drop", &args);
        self.builder.ins().return_(&[status.expect("has a result")]);
    }

    /// `wasmelt_abi::LibraryImport::call`.
    ///
    /// ```text
    ///     v4 = load.i32 notrap aligned v2             ; parameter 0 … from slots of 8 bytes
    ///     v5 = call_indirect sig, v0(v1, v4, v3)      ; the embedder's, with `user` first
    ///     return v5
    /// ```
    pub(super) fn library_import_call(&mut self, import: u32) {
        let function = self.own_pointer();
        let params = self.params();
        let [user, slots, result] = params[..] else {
            unreachable!("the function has four parameters")
        };
        let linked = self.plan().linked;
        let Embedded::Func(ty) = linked.embedder_fns[import as usize].item else {
            unreachable!("made for functions that are called")
        };
        let convention = self.frontend_config().default_call_conv;
        let signature = component_signature(convention, self.plan(), ty);
        let flags = MemFlagsData::trusted();
        let count = linked.types.func(ty).params.len();
        let mut args = vec![user];
        for (position, param) in signature.params.iter().skip(1).take(count).enumerate() {
            let offset = i32::try_from(position * size_of::<u64>()).expect("a thousand at most");
            let ty = param.value_type;
            args.push(self.builder.ins().load(ty, flags, slots, offset));
        }
        if linked.types.func(ty).result.is_some() {
            args.push(result);
        }
        let signature = self.import_c_signature(signature);
        let call = self.builder.ins().call_indirect(signature, function, &args);
        let status = self.builder.inst_results(call)[0];
        self.builder.ins().return_(&[status]);
    }

    pub(super) fn library_call(&mut self, export: u32, callee: Callee, sig: SigId) {
        let handle = self.own_pointer();
        let ty = &self.plan().sigs[sig];
        let mut args = self.params();
        let outs = args.split_off(ty.params().len());
        // C aligns what it points to by bytes alone.
        let flags = MemFlagsData::new().with_notrap();
        for (arg, ty) in args.iter_mut().zip(ty.params()) {
            if *ty == ValType::V128 {
                *arg = self.builder.ins().load(clif_type(*ty), flags, *arg, 0);
            }
        }
        self.pointer_from_store();
        let only_computes = matches!(callee, Callee::Defined(id) if self.plan().only_computes(id));
        let (results, landing) = if only_computes {
            self.refuse_if_ended(handle, None);
            self.call_callee(callee, ty, &args, false);
            (std::mem::take(&mut self.stack), None)
        } else if self.plan().library.is_direct {
            let (results, landing) = self.library_call_directly(callee, ty, handle, &args);
            (results, Some(landing))
        } else {
            (
                self.library_call_by_runtime(export, ty, handle, &args),
                None,
            )
        };
        if self.reachable {
            for (value, out) in results.into_iter().zip(outs) {
                self.builder.ins().store(flags, value, out, 0);
            }
            self.return_status(0);
        }
        if let Some((landing, slot)) = landing {
            self.enter(landing);
            let handle = self
                .builder
                .ins()
                .stack_load(types::I64, types::I64, slot, 0);
            self.return_what("library_ended", handle);
        }
    }

    fn return_status(&mut self, status: i64) {
        let status = self.builder.ins().iconst(types::I32, status);
        self.builder.ins().return_(&[status]);
    }

    /// A call of a function that only computes needs no more; it is inlined if it is small. Gives the
    /// bytes of the stack.
    ///
    /// ```text
    ///     v3 = load.i64 notrap aligned pointer-24     ; bytes of the stack
    ///     brif v3, usable, refused
    /// refused:
    ///     v4 = call library_refused(handle)           ; a try_call with the landing, if there is one
    ///     return v4
    /// usable:
    /// ```
    fn refuse_if_ended(&mut self, handle: Value, landing: Option<Block>) -> Value {
        let [usable, refused] = [(); 2].map(|()| self.builder.create_block());
        self.builder.set_cold_block(refused);
        let base = self.region_base(RegionIndex(0));
        let flags = self.trusted(Alias::Context);
        let bytes = header_offset(offset_of!(MemoryHeader, stack_bytes));
        let bytes = self.builder.ins().load(types::I64, flags, base, bytes);
        self.builder.ins().brif(bytes, usable, &[], refused, &[]);
        self.enter(refused);
        let tag = Some(TagId(TRAP_TAG));
        if let Some(landing) = landing {
            self.handlers.push(Clause { tag, landing });
        }
        let status = self.call_throwing("library_refused", &[handle]);
        self.builder.ins().return_(&status);
        if landing.is_some() {
            self.handlers.pop();
        }
        self.enter(usable);
        bytes
    }

    /// The limit is set anew in each call and never taken back: nothing else runs in the store, as it
    /// imports nothing. A function that is small and calls nobody looks at none. What one call writes the next does not read, so that they overlap.
    ///
    /// Compiled code preserves no register, which a call of it costs. A function that calls nobody may be
    /// inlined, and with it its traps: then the landing is reached from where the trap is, by the
    /// handler of the call that refuses, whose convention leaves the registers of C's caller alone. So
    /// at the landing nothing is relied on but what lies in the frame.
    ///
    /// ```text
    ///     stack_store handle, ss0
    ///     v4 = get_stack_pointer
    ///     v5 = isub v4, v3
    ///     store notrap aligned v5, pointer-16         ; in each region
    ///     try_call callee(pointer, args), sig, next(ret0), [ tag trap: landing(exn0) ]
    /// next(v6):
    /// landing:
    ///     v7 = stack_load.i64 ss0
    ///     v8 = call library_ended(v7)
    ///     return v8
    /// ```
    fn library_call_directly(
        &mut self,
        callee: Callee,
        ty: &FuncType,
        handle: Value,
        args: &[Value],
    ) -> (Vec<Value>, (Block, StackSlot)) {
        let landing = self.builder.create_block();
        self.builder.set_cold_block(landing);
        self.builder.append_block_param(landing, types::I64);
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        self.builder.ins().stack_store(types::I64, handle, slot, 0);
        let bytes = self.refuse_if_ended(handle, Some(landing));
        let is_checked = match callee {
            Callee::Defined(id) => self.plan().checks_stack(id),
            Callee::Host(_) => true,
        };
        if is_checked {
            self.limit_stack_to(bytes);
        }
        self.handlers.push(Clause {
            tag: Some(TagId(TRAP_TAG)),
            landing,
        });
        self.call_callee(callee, ty, args, false);
        self.handlers.pop();
        (std::mem::take(&mut self.stack), (landing, slot))
    }

    fn limit_stack_to(&mut self, bytes: Value) {
        let flags = self.trusted(Alias::Context);
        let sp = self.builder.ins().get_stack_pointer(types::I64);
        let limit = self.builder.ins().isub(sp, bytes);
        let field = header_offset(offset_of!(MemoryHeader, stack_limit));
        for region in (0..self.plan().regions.len()).map(RegionIndex::new) {
            let base = self.region_base(region);
            self.builder.ins().store(flags, limit, base, field);
        }
    }

    /// Returns what a runtime function gives.
    fn return_what(&mut self, function: &str, handle: Value) {
        let status = self
            .call_runtime(function, &[handle])
            .expect("has a result");
        self.builder.ins().return_(&[status]);
    }

    /// ```text
    ///     v3 = stack_addr ss0
    ///     store notrap aligned v2, v3                 ; parameter 0 … in 16-byte slots
    ///     v4 = call library_call(handle, export, v3)
    ///     brif v4, failed, done
    /// failed:
    ///     return v4
    /// done:
    ///     v5 = load.i32 notrap aligned v3             ; result 0 …
    /// ```
    fn library_call_by_runtime(
        &mut self,
        export: u32,
        ty: &FuncType,
        handle: Value,
        args: &[Value],
    ) -> Vec<Value> {
        let slots = self.room(ty.params().len().max(ty.results().len()).max(1));
        let flags = MemFlagsData::trusted();
        let offset = |position: usize| i32::try_from(position * SLOT_BYTES).expect("as above");
        for (position, &arg) in args.iter().enumerate() {
            self.builder
                .ins()
                .store(flags, arg, slots, offset(position));
        }
        let export = self.builder.ins().iconst(types::I64, i64::from(export));
        let status = self.call_runtime("library_call", &[handle, export, slots]);
        let status = status.expect("has a result");
        let [failed, done] = [(); 2].map(|()| self.builder.create_block());
        self.builder.set_cold_block(failed);
        self.builder.ins().brif(status, failed, &[], done, &[]);
        self.enter(failed);
        self.builder.ins().return_(&[status]);
        self.enter(done);
        let mut results = Vec::with_capacity(ty.results().len());
        for (position, &ty) in ty.results().iter().enumerate() {
            results.push(
                self.builder
                    .ins()
                    .load(clif_type(ty), flags, slots, offset(position)),
            );
        }
        results
    }

    /// ```text
    ///     v3 = call library_imports(pointer)
    ///     v4 = load.i64 v3+8                          ; the function
    ///     trapz v4, unknown import
    ///     v5 = load.i64 v3                            ; its first parameter
    ///     v6 = stack_addr ss0                         ; room for the results
    ///     v7 = call_indirect sig, v4(v5, v2, v6)
    ///     brif v7, failed, done
    /// failed:
    ///     call library_failed(pointer, v7)
    /// done:
    ///     v8 = load.i32 v6
    ///     return v8
    /// ```
    pub(super) fn library_import(&mut self, import: u32, sig: SigId) {
        let pointer = self.own_pointer();
        let ty = &self.plan().sigs[sig];
        let params = self.params();
        let flags = MemFlagsData::trusted();
        let imports = self.call_runtime("library_imports", &[pointer]);
        let imports = imports.expect("has a result");
        let offset = (i32::try_from(import).expect("fewer than functions") + 1) * 8;
        let function = self.builder.ins().load(types::I64, flags, imports, offset);
        self.trap_unless(function, TrapCode::UnknownImport);
        let mut args = vec![self.builder.ins().load(types::I64, flags, imports, 0)];
        for (&param, ty) in params.iter().zip(ty.params()) {
            args.push(match ty {
                ValType::V128 => {
                    let place = self.room(1);
                    self.builder.ins().store(flags, param, place, 0);
                    place
                }
                _ => param,
            });
        }
        let room = self.room(ty.results().len().max(1));
        for position in 0..ty.results().len() {
            let offset = i64::try_from(position * SLOT_BYTES).expect("small");
            args.push(self.builder.ins().iadd_imm_s(room, offset));
        }
        let signature = call_signature(self.frontend_config().default_call_conv, ty);
        let signature = self.import_c_signature(signature);
        let call = self.builder.ins().call_indirect(signature, function, &args);
        let status = self.builder.inst_results(call)[0];
        let [failed, done] = [(); 2].map(|()| self.builder.create_block());
        self.builder.set_cold_block(failed);
        self.builder.ins().brif(status, failed, &[], done, &[]);
        self.enter(failed);
        self.call_runtime("library_failed", &[pointer, status]);
        self.builder.ins().trap(trap_code(TrapCode::Unreachable));
        self.enter(done);
        let mut results = Vec::with_capacity(ty.results().len());
        for (position, &ty) in ty.results().iter().enumerate() {
            let offset = i32::try_from(position * SLOT_BYTES).expect("small");
            let value = self.builder.ins().load(clif_type(ty), flags, room, offset);
            results.push(value);
        }
        self.builder.ins().return_(&results);
    }

    /// The address of so many slots on the stack.
    fn room(&mut self, slots: usize) -> Value {
        let bytes = u32::try_from(slots * SLOT_BYTES).expect("a thousand at most");
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4);
        let slot = self.builder.create_sized_stack_slot(slot);
        self.builder.ins().stack_addr(types::I64, slot, 0)
    }

    /// `(i64 handle, i64 address of the length or null) -> i64 address`
    pub(super) fn library_memory(&mut self, memory: MemoryId) {
        let out = self.params()[0];
        self.pointer_from_store();
        let base = self.memory_base(memory);
        let bytes = self.bytes_at(base);
        let [wanted, done] = [(); 2].map(|()| self.builder.create_block());
        self.builder.ins().brif(out, wanted, &[], done, &[]);
        self.enter(wanted);
        let flags = MemFlagsData::new().with_notrap();
        self.builder.ins().store(flags, bytes, out, 0);
        self.builder.ins().jump(done, &[]);
        self.enter(done);
        self.builder.ins().return_(&[base]);
    }

    /// `(i64 handle, i64 address of the value)`
    pub(super) fn library_global(&mut self, global: GlobalId) {
        let out = self.params()[0];
        self.pointer_from_store();
        let value = self.global_value(global);
        let flags = MemFlagsData::new().with_notrap();
        self.builder.ins().store(flags, value, out, 0);
        self.builder.ins().return_(&[]);
    }
}
