//! Calls from one component to another: `canon lower` of a lifted function.
//!
//! What the canonical ABI describes as two functions, `canon_lower` and `canon_lift`, is one
//! function here, which lifts and lowers each value in one step: values go from the caller's flat
//! values or memory straight to the callee's. Specification: component model, "`canon lower`" and
//! "`canon lift`".

mod list;
mod scalar;
mod task;
mod utf8;
mod variant;

use super::clif::{clif_type, trap_code};
use super::translator::FuncTranslator;
use crate::canonical::{Form, Helper, Layout, Passing, Ty, TyId, UNROLLED_MAX, val_type};
use crate::index::{LiftId, OptionsId};
use crate::plan::{FuncKind, Linked};
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::CallConv;
use wasmelt_abi::{PtrType, TrapCode};
use wasmparser::{FuncType, ValType};

/// The direction of one transfer: whose values become whose.
#[derive(Clone, Copy)]
struct Way {
    from: OptionsId,
    to: OptionsId,
}

/// Where a value to be lifted is.
#[derive(Clone, Copy)]
enum Source<'v> {
    Flat(&'v [Value]),
    /// Address and offset; checked to be inside the memory and aligned.
    Memory(Value, u32),
}

/// Where it is to be lowered to.
#[derive(Clone, Copy)]
enum Target {
    Flat,
    /// As [`Source::Memory`].
    Memory(Value, u32),
}

impl Source<'_> {
    fn form(self) -> Form {
        match self {
            Source::Flat(_) => Form::Flat,
            Source::Memory(..) => Form::Memory,
        }
    }

    /// The part at an offset in memory, or of these flat values.
    fn part<'v>(self, offset: u32, flat: &'v [Value]) -> Source<'v> {
        match self {
            Source::Flat(_) => Source::Flat(flat),
            Source::Memory(address, start) => Source::Memory(address, start + offset),
        }
    }
}

impl Target {
    fn form(self) -> Form {
        match self {
            Target::Flat => Form::Flat,
            Target::Memory(..) => Form::Memory,
        }
    }

    fn part(self, offset: u32) -> Target {
        match self {
            Target::Flat => Target::Flat,
            Target::Memory(address, start) => Target::Memory(address, start + offset),
        }
    }
}

impl FuncTranslator<'_, '_> {
    /// ```text
    /// ; the caller may leave, the callee may be entered
    /// v2 = load.i8 …; trapz
    /// v3 = load.i8 …; trapz
    /// store 1, flags of the callee
    /// ; parameters, lifted and lowered
    /// v4 = band_imm v1, 255
    /// v5 = call callee(pointer + distance, v4)
    /// ; results, lifted and lowered; `post-return`
    /// store 3, flags of the callee
    /// return v5
    /// ```
    pub(super) fn adapter(&mut self, lift: LiftId, options: OptionsId) {
        let linked = self.linked();
        let lift = &linked.lifts[lift.index()];
        let caller = linked.option(options).instance;
        let callee = linked.option(lift.options).instance;
        let way = Way {
            from: options,
            to: lift.options,
        };
        let func_ty = linked.types.func(lift.ty);
        let core_ty = linked.core_type(lift);
        let args = self.params();
        self.trap_on_exceptions();
        self.trap_unless_may_leave(caller);
        // `may_enter_from` allows such calls; the suites and Wasmtime trap for the time being.
        if linked.are_nested(caller, callee) {
            self.builder.ins().trap(trap_code(TrapCode::CannotEnter));
            self.end_trap_on_exceptions();
            return;
        }
        let entered = self.plan().entering_set(Some(caller), callee);
        self.enter_instances(&entered);
        let sees_task = self.plan().task_use(callee).is_any();
        self.sync_enter_if(sees_task);
        let borrows = func_ty
            .params
            .iter()
            .any(|&(_, ty)| linked.types.nature(ty).borrows);
        if borrows {
            let memory = self.own_pointer();
            self.call_runtime("scope_enter", &[memory]);
        }
        let param_types: Vec<TyId> = func_ty.params.iter().map(|p| p.1).collect();
        let form = linked.types.params(lift.ty, self.ptr(way.to)).form();
        let core_args = self.pass_params(way, &param_types, (form, form), &args);
        let core_results = self.call_core(lift.core, &core_ty, &core_args);
        let back = Way {
            from: way.to,
            to: way.from,
        };
        let result = linked.types.result(lift.ty, self.ptr(back.from));
        let results = match (func_ty.result, result) {
            (None, _) => Vec::new(),
            (Some(ty), Passing::Flat(_)) => {
                self.pass(back, ty, Source::Flat(&core_results), Target::Flat)
            }
            (Some(ty), Passing::Memory) => {
                let out = *args.last().expect("the address for the result");
                let source = self.checked_value(back.from, core_results[0], ty);
                let target = self.checked_value(back.to, out, ty);
                self.pass(
                    back,
                    ty,
                    Source::Memory(source, 0),
                    Target::Memory(target, 0),
                )
            }
        };
        if borrows {
            let memory = self.own_pointer();
            self.call_runtime("scope_exit", &[memory]);
        }
        if let Some(post_return) = lift.post_return {
            let ty = FuncType::new(core_ty.results().to_vec(), []);
            self.call_without_leaving(callee, post_return, &ty, &core_results);
        }
        self.sync_exit_if(sees_task);
        self.leave_instances(&entered);
        self.builder.ins().return_(&results);
        self.end_trap_on_exceptions();
    }

    /// `lift_flat_values` and `lower_flat_values` of the parameters.
    fn pass_params(
        &mut self,
        way: Way,
        params: &[TyId],
        (source, target): (Form, Form),
        args: &[Value],
    ) -> Vec<Value> {
        let source = match source {
            Form::Flat => Source::Flat(args),
            Form::Memory => {
                let layout = self.sequence_layout(way.from, params);
                Source::Memory(self.checked_address(way.from, args[0], layout), 0)
            }
        };
        if target == Form::Flat {
            return self.pass_sequence(way, params, source, Target::Flat);
        }
        let layout = self.sequence_layout(way.to, params);
        let ptr = clif_type(val_type(self.ptr(way.to)));
        let bytes = self.builder.ins().iconst(ptr, i64::from(layout.bytes));
        let pointer = self.allocate(way.to, layout.align, bytes);
        let target = self.checked_address(way.to, pointer, layout);
        let target = Target::Memory(target, 0);
        self.pass_sequence(way, params, source, target);
        vec![pointer]
    }

    /// The type of a side's pointers.
    fn ptr(&self, options: OptionsId) -> PtrType {
        self.linked().option(options).ptr
    }

    /// The layout in a side's memory of values that follow each other.
    fn sequence_layout(&self, options: OptionsId, members: &[TyId]) -> Layout {
        let types = &self.linked().types;
        types.sequence(members.iter().copied(), self.ptr(options)).1
    }

    /// As [`Self::checked_address`], of a value.
    fn checked_value(&mut self, options: OptionsId, pointer: Value, ty: TyId) -> Value {
        let layout = self.linked().types.layout(ty, self.ptr(options));
        self.checked_address(options, pointer, layout)
    }

    /// The address of something in a side's memory, which has to be inside and aligned.
    fn checked_address(&mut self, options: OptionsId, pointer: Value, layout: Layout) -> Value {
        self.trap_unless_aligned(pointer, layout.align);
        let bytes = self
            .builder
            .ins()
            .iconst(types::I64, i64::from(layout.bytes));
        let offset = self.wide(pointer);
        self.range_address(options, offset, bytes, TrapCode::MemoryOutOfBounds)
    }

    /// `lift_flat` or `load`, and `lower_flat` or `store`. Gives the flat values, if the target
    /// is flat.
    fn pass(&mut self, way: Way, ty: TyId, source: Source<'_>, target: Target) -> Vec<Value> {
        if self.linked().types.nature(ty).is_outlined() {
            return self.call_helper(way, ty, source, target);
        }
        self.pass_here(way, ty, source, target)
    }

    fn pass_here(&mut self, way: Way, ty: TyId, source: Source<'_>, target: Target) -> Vec<Value> {
        let types = &self.linked().types;
        if let (Source::Memory(from, start), Target::Memory(to, at)) = (source, target) {
            let bytes = types.layout(ty, self.ptr(way.from)).bytes;
            if types.nature(ty).plain && bytes > 8 {
                self.copy_plain(to, at, from, start, bytes);
                return Vec::new();
            }
        }
        match types.ty(ty) {
            Ty::String => self.string(way, source, target),
            Ty::List(element) => self.list(way, &[*element], source, target),
            Ty::Map(key, value) => self.list(way, &[*key, *value], source, target),
            Ty::FixedList(element, len) => self.fixed_list(way, *element, *len, source, target),
            Ty::Record(_) | Ty::Tuple(_) => {
                let members = types.members(ty);
                self.pass_sequence(way, &members, source, target)
            }
            Ty::Variant(_) | Ty::Enum(_) | Ty::Option(_) | Ty::Result(..) => {
                self.variant(way, ty, source, target)
            }
            Ty::Stream(_) | Ty::Future(_) => self.shared_end(way, ty, source, target),
            scalar => self.scalar(way, scalar, source, target),
        }
    }

    /// Values that follow each other.
    fn pass_sequence(
        &mut self,
        way: Way,
        members: &[TyId],
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        let types = &self.linked().types;
        let offsets = |options| {
            let members = members.iter().copied();
            types.sequence(members, self.ptr(options)).0
        };
        let offsets = offsets(way.from).into_iter().zip(offsets(way.to));
        let mut rest = match source {
            Source::Flat(values) => values,
            Source::Memory(..) => &[],
        };
        let mut results = Vec::new();
        for (&ty, (from, to)) in members.iter().zip(offsets) {
            let count = match source {
                Source::Flat(_) => types.flat_values(ty, self.ptr(way.from)).len(),
                Source::Memory(..) => 0,
            };
            let (flat, others) = rest.split_at(count);
            rest = others;
            let part = source.part(from, flat);
            results.extend(self.pass(way, ty, part, target.part(to)));
        }
        results
    }

    fn fixed_list(
        &mut self,
        way: Way,
        element: TyId,
        len: u32,
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        match (source, target) {
            (Source::Memory(from, start), Target::Memory(to, at)) if len > UNROLLED_MAX => {
                let from = self.builder.ins().iadd_imm_s(from, i64::from(start));
                let to = self.builder.ins().iadd_imm_s(to, i64::from(at));
                let count = self.builder.ins().iconst(types::I64, i64::from(len));
                self.pass_elements(way, &[element], from, to, count);
                Vec::new()
            }
            _ => {
                let members = vec![element; len as usize];
                self.pass_sequence(way, &members, source, target)
            }
        }
    }

    /// ```text
    /// function(pointer: i64, source: i64, target: i64) tail       ; or flat values
    /// ```
    pub(super) fn helper(&mut self, helper: Helper) {
        let params = self.params();
        self.trap_on_exceptions();
        let way = Way {
            from: helper.from,
            to: helper.to,
        };
        let (source, target) = match helper.target {
            Form::Flat => (&params[..], Target::Flat),
            Form::Memory => {
                let (last, rest) = params.split_last().expect("the address of the target");
                (rest, Target::Memory(*last, 0))
            }
        };
        let source = match helper.source {
            Form::Flat => Source::Flat(source),
            Form::Memory => Source::Memory(source[0], 0),
        };
        let results = self.pass_here(way, helper.ty, source, target);
        self.builder.ins().return_(&results);
        self.end_trap_on_exceptions();
    }

    fn call_helper(
        &mut self,
        way: Way,
        ty: TyId,
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        let helper = Helper {
            ty,
            from: way.from,
            to: way.to,
            source: source.form(),
            target: target.form(),
        };
        let id = self.plan().generated(&FuncKind::CanonHelper(helper));
        let func = self.defined_func_ref(id, |this| {
            let signature = helper_signature(this.linked(), helper);
            this.builder.import_signature(signature)
        });
        let region = self.plan().region_of(id);
        let mut args = vec![self.region_pointer(region)];
        match source {
            Source::Flat(values) => args.extend_from_slice(values),
            Source::Memory(address, offset) => args.push(self.address_at(address, offset)),
        }
        if let Target::Memory(address, offset) = target {
            args.push(self.address_at(address, offset));
        }
        self.call_function(func, &args)
    }

    fn address_at(&mut self, address: Value, offset: u32) -> Value {
        self.builder.ins().iadd_imm_s(address, i64::from(offset))
    }
}

/// The type of the function that is a helper.
pub(super) fn helper_signature(linked: &Linked<'_>, helper: Helper) -> Signature {
    let params = |form, options| {
        let flat = match form {
            Form::Flat => linked
                .types
                .flat_values(helper.ty, linked.option(options).ptr),
            Form::Memory => &[ValType::I64],
        };
        flat.iter().map(|&ty| AbiParam::new(clif_type(ty)))
    };
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(types::I64));
    signature.params.extend(params(helper.source, helper.from));
    let target = params(helper.target, helper.to);
    match helper.target {
        Form::Flat => signature.returns.extend(target),
        Form::Memory => signature.params.extend(target),
    }
    signature
}
