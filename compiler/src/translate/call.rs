//! Calls: direct, through tables, through references, to the host and to the runtime library.

use super::clif::{Alias, clif_type, for_c, function_signature, trap_code, wasm_signature};
use super::names;
use super::translator::FuncTranslator;
use crate::index::{FuncId, FuncIndex, HostFnId, RegionIndex, SigId, TableId, TypeIndex};
use crate::plan::{self, Callee, ConstantCalls, Interval, Slot};
use crate::target::Arch;
use cranelift_codegen::ir::{
    AbiParam, BlockArg, ExtFuncData, ExternalName, FuncRef, Inst, InstBuilder, SigRef, Signature,
    Type, UserExternalName, Value, condcodes::IntCC, types,
};
use cranelift_codegen::isa::CallConv;
use std::mem::offset_of;
use wasmelt_abi::{AbiType, RUNTIME_FNS, TrapCode};
use wasmparser::{FuncType, Operator};

/// Who is called, when it is not a function known by name.
#[derive(Clone, Copy)]
enum Target {
    Direct(FuncRef),
    Indirect(SigRef, Value),
}

impl FuncTranslator<'_, '_> {
    pub(super) fn call_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::Call { function_index } => self.call(FuncIndex(function_index), false),
            Operator::ReturnCall { function_index } => self.call(FuncIndex(function_index), true),
            Operator::CallIndirect {
                type_index,
                table_index,
            } => {
                self.call_indirect(TypeIndex(type_index), table_index, false);
            }
            Operator::ReturnCallIndirect {
                type_index,
                table_index,
            } => {
                self.call_indirect(TypeIndex(type_index), table_index, true);
            }
            Operator::CallRef { type_index } => self.call_ref(TypeIndex(type_index), false),
            Operator::ReturnCallRef { type_index } => self.call_ref(TypeIndex(type_index), true),
            _ => return false,
        }
        true
    }

    fn call(&mut self, func: FuncIndex, tail: bool) {
        let ty = self.module().func_type(func);
        let args = self.pop_many(ty.params().len());
        let callee = self.instance().funcs[func.index()];
        self.call_callee(callee, ty, &args, tail);
        self.define_results(ty);
    }

    /// Calls and pushes the results, or, for a tail call, returns them.
    pub(super) fn call_callee(
        &mut self,
        callee: Callee,
        ty: &FuncType,
        args: &[Value],
        tail: bool,
    ) {
        match callee {
            Callee::Defined(id) => {
                let takes_pointer = self.plan().takes_pointer[id.index()];
                let pointer = takes_pointer.then(|| self.region_pointer(self.plan().region_of(id)));
                self.call_defined(id, pointer, args, tail);
            }
            Callee::Host(host) => {
                self.call_host(host, ty, args);
                self.finish_tail(tail, ty.results().len());
            }
        }
    }

    /// The same of a function of the program, with the pointer that it takes.
    pub(super) fn call_defined(
        &mut self,
        id: FuncId,
        pointer: Option<Value>,
        args: &[Value],
        tail: bool,
    ) {
        let sig = self.plan().sig_of(id);
        let sig = sig.expect("called functions have wasm types");
        let func = self.wasm_func_ref(id, sig);
        self.call_wasm(Target::Direct(func), pointer, args, tail);
    }

    /// A host call that was meant as a tail call is followed by a return.
    fn finish_tail(&mut self, tail: bool, results: usize) {
        if tail && self.reachable {
            let values = self.pop_many(results);
            self.builder.ins().return_(&values);
            self.set_unreachable();
        }
    }

    fn call_wasm(&mut self, target: Target, pointer: Option<Value>, args: &[Value], tail: bool) {
        let mut all = Vec::with_capacity(args.len() + 1);
        all.extend(pointer);
        all.extend_from_slice(args);
        if tail {
            match target {
                Target::Direct(func) => {
                    let call = self.builder.ins().return_call(func, &all);
                    self.note_call(call);
                }
                Target::Indirect(sig, code) => {
                    self.builder.ins().return_call_indirect(sig, code, &all);
                }
            }
            self.set_unreachable();
            return;
        }
        let results = self.call_target(target, &all);
        self.stack.extend(results);
    }

    /// Calls; inside a `try_table`, exceptions continue at its handlers.
    fn call_target(&mut self, target: Target, args: &[Value]) -> Vec<Value> {
        if self.handlers.is_empty() {
            let inst = match target {
                Target::Direct(func) => self.builder.ins().call(func, args),
                Target::Indirect(sig, code) => self.builder.ins().call_indirect(sig, code, args),
            };
            self.note_call(inst);
            return self.builder.inst_results(inst).to_vec();
        }
        let sig = match target {
            Target::Direct(func) => self.builder.func.dfg.ext_funcs[func].signature,
            Target::Indirect(sig, _) => sig,
        };
        let returns: Vec<Type> = self.builder.func.dfg.signatures[sig]
            .returns
            .iter()
            .map(|r| r.value_type)
            .collect();
        let next = self.builder.create_block();
        let mut normal = Vec::with_capacity(returns.len());
        for (position, &ty) in (0u32..).zip(&returns) {
            self.builder.append_block_param(next, ty);
            normal.push(BlockArg::TryCallRet(position));
        }
        let table = self.exception_table(sig, next, &normal);
        match target {
            Target::Direct(func) => self.builder.ins().try_call(func, args, table),
            Target::Indirect(_, code) => self.builder.ins().try_call_indirect(code, args, table),
        };
        self.enter(next);
        self.builder.block_params(next).to_vec()
    }

    /// A function of the program that is not called by a wasm type.
    pub(super) fn call_function(&mut self, func: FuncRef, args: &[Value]) -> Vec<Value> {
        self.call_target(Target::Direct(func), args)
    }

    /// A runtime function that may throw, as `call_target` would call it.
    pub(super) fn call_throwing(&mut self, name: &str, args: &[Value]) -> Vec<Value> {
        let func = self.runtime_func_ref(name);
        self.call_target(Target::Direct(func), args)
    }

    fn call_host(&mut self, host: HostFnId, ty: &FuncType, args: &[Value]) {
        let func = self.host_func_ref(host, ty);
        let mut all = Vec::with_capacity(args.len() + 1);
        all.push(self.host_memory_pointer());
        all.extend_from_slice(args);
        let inst = self.builder.ins().call(func, &all);
        let results = self.builder.inst_results(inst).to_vec();
        self.stack.extend(results);
        if self.plan().host_fns[host.index()].diverges {
            self.builder.ins().trap(trap_code(TrapCode::Unreachable));
            self.set_unreachable();
        }
    }

    fn call_indirect(&mut self, ty: TypeIndex, table: u32, tail: bool) {
        let sig = self.plan().type_sig(self.instance, ty);
        let ty = self.module().type_at(ty);
        let table = self.instance().tables[table as usize];
        if !self.call_known_element(table, sig, ty, tail) {
            self.call_element(table, sig, ty, tail);
        }
        self.define_results(ty);
    }

    /// Calls the element whose index is on top of the operands.
    pub(super) fn call_any_element(
        &mut self,
        table: TableId,
        sig: SigId,
        ty: &FuncType,
        tail: bool,
    ) {
        let (code, pointer) = match &self.plan().tables[table.index()].calls {
            ConstantCalls::None => self.load_reference_target(table, sig),
            ConstantCalls::PerSig(slots) => (
                self.load_code(table, slots[&sig]),
                self.table_pointer(table),
            ),
            ConstantCalls::Tagged(slot) => (
                self.load_tagged_code(table, *slot, sig),
                self.table_pointer(table),
            ),
        };
        self.count_target(code);
        let args = self.pop_many(ty.params().len());
        let sig = self.sig_ref(sig);
        self.call_wasm(Target::Indirect(sig, code), Some(pointer), &args, tail);
    }

    /// Calls a function whose code and instance pointer are known only now.
    pub(super) fn call_code(&mut self, ty: &FuncType, code: Value, pointer: Value, args: &[Value]) {
        let sig = self.builder.import_signature(wasm_signature(ty));
        self.call_wasm(Target::Indirect(sig, code), Some(pointer), args, false);
    }

    /// An element of a constant table that is chosen by a constant: a direct call.
    fn call_known_element(
        &mut self,
        table: TableId,
        sig: SigId,
        ty: &FuncType,
        tail: bool,
    ) -> bool {
        let table = &self.plan().tables[table.index()];
        if !table.constant {
            return false;
        }
        let Some(position) = self.constant_value(self.peek1()) else {
            return false;
        };
        if position >= table.len {
            return false;
        }
        let position = usize::try_from(position).expect("64-bit host");
        let plan::Value::RefFunc(func) = *table.elements.get(position).unwrap_or(&table.fill)
        else {
            return false;
        };
        if !self.plan().has_type(func, sig) {
            return false;
        }
        self.pop1();
        let args = self.pop_many(ty.params().len());
        self.call_callee(Callee::Defined(func), ty, &args, tail);
        true
    }

    /// The pointer that the elements of a constant table take.
    fn table_pointer(&mut self, table: TableId) -> Value {
        let region: RegionIndex = self.plan().tables[table.index()].region;
        self.region_pointer(region)
    }

    /// A constant table with one array for the type: mismatches are in the array, as stubs.
    ///
    /// ```text
    /// v2 = icmp uge index, slots
    /// trapnz v2, table out of bounds
    /// v3 = ishl_imm index, 3
    /// v4 = iadd pointer, v3
    /// v5 = load.i64 notrap aligned readonly can_move context v4+array
    /// ```
    fn load_code(&mut self, table: TableId, array: Slot) -> Value {
        let index = self.pop_slot_index(table);
        let scaled = self.builder.ins().ishl_imm_s(index, 3);
        let (base, offset) = self.slot(array);
        let address = self.builder.ins().iadd(base, scaled);
        let flags = self.trusted(Alias::Context).with_readonly();
        self.builder.ins().load(types::I64, flags, address, offset)
    }

    /// Pops the index of a slot of a constant table. An element behind the slots is null, unless it
    /// is none:
    ///
    /// ```text
    /// v2 = icmp uge index, slots
    /// brif v2, behind, inside
    /// behind: v3 = icmp uge index, len
    /// trapnz v3, table out of bounds
    /// trap null
    /// ```
    fn pop_slot_index(&mut self, table: TableId) -> Value {
        let (slots, len) = {
            let table = &self.plan().tables[table.index()];
            (table.slots(), table.len)
        };
        if slots == len || self.largest_operand() < slots {
            return self.pop_element_index(table, TrapCode::TableOutOfBounds);
        }
        let index = self.pop_extended();
        let [behind, inside] = [(); 2].map(|()| self.builder.create_block());
        self.builder.set_cold_block(behind);
        let least = IntCC::UnsignedGreaterThanOrEqual;
        let is_behind = self
            .builder
            .ins()
            .icmp_imm_u(least, index, slots.cast_signed());
        self.builder.ins().brif(is_behind, behind, &[], inside, &[]);
        self.enter(behind);
        let out = self
            .builder
            .ins()
            .icmp_imm_u(least, index, len.cast_signed());
        self.trap_if(out, TrapCode::TableOutOfBounds);
        let null = trap_code(TrapCode::IndirectCallToNull);
        self.builder.ins().trap(null);
        self.enter(inside);
        index
    }

    /// A constant table of pairs: the type number is compared.
    fn load_tagged_code(&mut self, table: TableId, pairs: Slot, sig: SigId) -> Value {
        let index = self.pop_slot_index(table);
        let scaled = self.builder.ins().ishl_imm_s(index, 4);
        let (base, offset) = self.slot(pairs);
        let address = self.builder.ins().iadd(base, scaled);
        let flags = self.trusted(Alias::Context).with_readonly();
        let tag = self
            .builder
            .ins()
            .load(types::I64, flags, address, offset + 8);
        let same = self.is_of_type(tag, sig);
        let matches = self.builder.create_block();
        let differs = self.builder.create_block();
        self.builder.set_cold_block(differs);
        self.builder.ins().brif(same, matches, &[], differs, &[]);
        self.enter(differs);
        let null = self.builder.ins().icmp_imm_s(IntCC::Equal, tag, -1);
        self.trap_if(null, TrapCode::IndirectCallToNull);
        self.builder.ins().trap(trap_code(TrapCode::BadSignature));
        self.enter(matches);
        self.builder.ins().load(types::I64, flags, address, offset)
    }

    /// A table that can change: the element is a reference, or null.
    pub(super) fn load_reference_target(&mut self, table: TableId, sig: SigId) -> (Value, Value) {
        let index = self.pop_element_index(table, TrapCode::TableOutOfBounds);
        let flags = self.trusted(Alias::Table);
        let (address, offset) = self.element_address(table, index);
        let reference = self.builder.ins().load(types::I64, flags, address, offset);
        // The first field lies at address 0 plus its offset when the element is null: the load
        // itself is the check.
        let flags = flags
            .with_readonly()
            .with_trap_code(Some(trap_code(TrapCode::IndirectCallToNull)));
        let sig_offset = field(offset_of!(wasmelt_abi::FuncRef, sig));
        let actual = self
            .builder
            .ins()
            .load(types::I64, flags, reference, sig_offset);
        match self.plan().heap.interval(sig) {
            Interval { first, last } if first == last => {
                let first = i64::from(first);
                let ins = self.builder.ins();
                let differs = ins.icmp_imm_s(IntCC::NotEqual, actual, first);
                self.trap_if(differs, TrapCode::BadSignature);
            }
            _ => {
                let same = self.is_of_type(actual, sig);
                self.trap_unless(same, TrapCode::BadSignature);
            }
        }
        self.reference_target(reference, None)
    }

    /// Code and instance pointer of a function reference. The code is the record's first field, so
    /// that its load faults if there is none, with this trap if that may be.
    fn reference_target(&mut self, reference: Value, null: Option<TrapCode>) -> (Value, Value) {
        let flags = self.trusted(Alias::Table).with_readonly();
        let code_flags = match null {
            Some(code) => flags.with_trap_code(Some(trap_code(code))),
            None => flags,
        };
        let code_offset = field(offset_of!(wasmelt_abi::FuncRef, code));
        let code = self
            .builder
            .ins()
            .load(types::I64, code_flags, reference, code_offset);
        if self.plan().regions.len() == 1 {
            return (code, self.own_pointer());
        }
        let pointer = self.own_pointer();
        let own = self.plan().regions[self.region().index()].memory_offset;
        let offset = field(offset_of!(wasmelt_abi::FuncRef, instance_offset));
        let theirs = self
            .builder
            .ins()
            .load(types::I64, flags, reference, offset);
        let store = self.builder.ins().iadd_imm_s(pointer, -own.cast_signed());
        (code, self.builder.ins().iadd(store, theirs))
    }

    fn call_ref(&mut self, ty: TypeIndex, tail: bool) {
        let sig = self.plan().type_sig(self.instance, ty);
        let ty = self.module().type_at(ty);
        let reference = self.pop1();
        if self.call_known(reference, sig, ty, tail) {
            return;
        }
        let null = (!self.is_not_null(reference)).then_some(TrapCode::NullReference);
        let (code, pointer) = self.reference_target(reference, null);
        self.count_target(code);
        let args = self.pop_many(ty.params().len());
        let sig = self.builder.import_signature(wasm_signature(ty));
        self.call_wasm(Target::Indirect(sig, code), Some(pointer), &args, tail);
        self.define_results(ty);
    }

    /// Notes the types that the results of a call have in the module.
    pub(super) fn define_results(&mut self, ty: &FuncType) {
        if !self.reachable {
            return;
        }
        let first = self.stack.len() - ty.results().len();
        for (position, &ty) in ty.results().iter().enumerate() {
            self.define_module_type(self.stack[first + position], ty);
        }
    }

    /// Calls a runtime function by its name in the table.
    pub(super) fn call_runtime(&mut self, name: &str, args: &[Value]) -> Option<Value> {
        let func = self.runtime_func_ref(name);
        let inst: Inst = self.builder.ins().call(func, args);
        self.builder.inst_results(inst).first().copied()
    }

    /// The system's, but for what throws: Cranelift has handlers for that of System V alone.
    fn runtime_convention(&self, name: &str) -> CallConv {
        match (self.plan().target.arch, name) {
            (Arch::X86_64, "throw") => CallConv::SystemV,
            _ => self.frontend_config().default_call_conv,
        }
    }

    fn runtime_func_ref(&mut self, name: &str) -> FuncRef {
        let row = names::runtime_fn(name);
        self.func_ref(UserExternalName::new(names::RUNTIME, row), |this| {
            let function = &RUNTIME_FNS[row as usize];
            let mut signature = Signature::new(this.runtime_convention(name));
            let ty = |t: &AbiType| {
                AbiParam::new(match t {
                    AbiType::I32 => types::I32,
                    AbiType::I64 | AbiType::Ptr => types::I64,
                })
            };
            signature.params.extend(function.params.iter().map(ty));
            signature.returns.extend(function.result.iter().map(ty));
            this.import_c_signature(signature)
        })
    }

    /// A signature of C's convention.
    pub(super) fn import_c_signature(&mut self, signature: Signature) -> SigRef {
        let signature = for_c(signature, self.plan().target.arch);
        self.builder.import_signature(signature)
    }

    pub(super) fn host_func_ref(&mut self, host: HostFnId, ty: &FuncType) -> FuncRef {
        self.func_ref(UserExternalName::new(names::HOST, host.0), |this| {
            let mut signature = wasm_signature(ty);
            signature.call_conv = this.frontend_config().default_call_conv;
            for param in signature.params.iter_mut().chain(&mut signature.returns) {
                param.value_type = host_type(param.value_type);
            }
            this.import_c_signature(signature)
        })
    }

    pub(super) fn wasm_func_ref(&mut self, id: FuncId, sig: SigId) -> FuncRef {
        self.func_ref(UserExternalName::new(names::WASM, id.0), |this| {
            if this.plan().takes_pointer[id.index()] {
                return this.sig_ref(sig);
            }
            let signature = function_signature(this.plan(), id, sig);
            this.builder.import_signature(signature)
        })
    }

    pub(super) fn defined_func_ref(
        &mut self,
        id: FuncId,
        signature: impl FnOnce(&mut Self) -> SigRef,
    ) -> FuncRef {
        self.func_ref(UserExternalName::new(names::WASM, id.0), signature)
    }

    fn func_ref(
        &mut self,
        name: UserExternalName,
        signature: impl FnOnce(&mut Self) -> SigRef,
    ) -> FuncRef {
        if let Some(&func) = self.func_refs.get(&name) {
            return func;
        }
        let signature = signature(self);
        let name_ref = self
            .builder
            .func
            .declare_imported_user_function(name.clone());
        let func = self.builder.import_function(ExtFuncData {
            name: ExternalName::user(name_ref),
            signature,
            colocated: true,
            patchable: false,
        });
        self.func_refs.insert(name, func);
        func
    }

    pub(super) fn sig_ref(&mut self, sig: SigId) -> SigRef {
        if let Some(&sig_ref) = self.sig_refs.get(&sig) {
            return sig_ref;
        }
        let signature = wasm_signature(&self.plan().sigs[sig]);
        let sig_ref = self.builder.import_signature(signature);
        self.sig_refs.insert(sig, sig_ref);
        sig_ref
    }
}

fn field(offset: usize) -> i32 {
    i32::try_from(offset).expect("small")
}

/// Host functions have scalars alone.
fn host_type(ty: Type) -> Type {
    debug_assert!(
        ty != clif_type(wasmparser::ValType::V128),
        "no host function takes vectors"
    );
    ty
}
