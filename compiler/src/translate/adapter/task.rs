//! The two halves of a call that can wait: the runtime decides when parameters and result are
//! passed.

use super::{Source, Target, Way};
use crate::canonical::{Form, val_type};
use crate::index::CanonId;
use crate::translate::translator::FuncTranslator;
use cranelift_codegen::ir::InstBuilder;

impl FuncTranslator<'_, '_> {
    /// `wasmelt_abi::AsyncCall::pass_params`.
    pub(in crate::translate) fn pass_task_params(&mut self, canon: CanonId) {
        let slots = self.params();
        self.pointer_from_store();
        self.trap_on_exceptions();
        let linked = self.linked();
        let (lift, options) = self.plan().task_adapter(canon);
        let lift = &linked.lifts[lift.index()];
        let way = Way {
            from: options,
            to: lift.options,
        };
        let is_async = linked.option(options).is_async;
        let (from, to) = (self.ptr(way.from), self.ptr(way.to));
        let source = linked.types.lowered_params(lift.ty, from, is_async);
        let forms = (source.form(), linked.types.params(lift.ty, to).form());
        let args = self.load_slots(slots[0], &source.values(from));
        let params = linked.types.func(lift.ty).params.iter();
        let params: Vec<_> = params.map(|p| p.1).collect();
        let passed = self.pass_params(way, &params, forms, &args);
        self.store_slots(slots[1], &passed);
        self.builder.ins().return_(&[]);
        self.end_trap_on_exceptions();
    }

    /// `wasmelt_abi::AsyncCall::pass_result`.
    pub(in crate::translate) fn pass_task_result(&mut self, canon: CanonId) {
        let slots = self.params();
        self.pointer_from_store();
        self.trap_on_exceptions();
        let linked = self.linked();
        let (lift, options) = self.plan().task_adapter(canon);
        let lift = &linked.lifts[lift.index()];
        let way = Way {
            from: lift.options,
            to: options,
        };
        if let Some(ty) = linked.types.func(lift.ty).result {
            let source = linked.lifted_result(lift);
            let form = source.form();
            let given = self.load_slots(slots[0], &source.values(self.ptr(way.from)));
            let source = match form {
                Form::Flat => Source::Flat(&given),
                Form::Memory => Source::Memory(self.checked_value(way.from, given[0], ty), 0),
            };
            let target = match linked.lowered_result(lift.ty, options).form() {
                Form::Flat => Target::Flat,
                Form::Memory => {
                    let is_async = linked.option(options).is_async;
                    let ptr = self.ptr(way.to);
                    let params = linked.types.lowered_params(lift.ty, ptr, is_async);
                    let mut flat = params.values(ptr);
                    flat.push(val_type(ptr));
                    let args = self.load_slots(slots[1], &flat);
                    let out = *args.last().expect("the address for the result");
                    Target::Memory(self.checked_value(way.to, out, ty), 0)
                }
            };
            let result = self.pass(way, ty, source, target);
            self.store_slots(slots[1], &result);
        }
        self.builder.ins().return_(&[]);
        self.end_trap_on_exceptions();
    }
}
