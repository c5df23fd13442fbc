//! Values that are one flat value: numbers, characters, flags, handles.

use super::{Source, Target, Way};
use crate::canonical::{Ty, TyId};
use crate::index::{OptionsId, ResourceId};
use crate::plan::Record;
use crate::translate::clif::Alias;
use crate::translate::translator::FuncTranslator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value, types};
use wasmelt_abi::TrapCode;

impl FuncTranslator<'_, '_> {
    pub(super) fn scalar(
        &mut self,
        way: Way,
        ty: &Ty,
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        let (value, bytes) = match ty {
            Ty::Bool => {
                let value = self.raw(source, 1);
                let is_set = self.builder.ins().icmp_imm_s(IntCC::NotEqual, value, 0);
                (self.builder.ins().uextend(types::I32, is_set), 1)
            }
            Ty::U8 => (self.masked(source, 1, 0xff), 1),
            Ty::U16 => (self.masked(source, 2, 0xffff), 2),
            Ty::S8 => (self.signed(source, types::I8), 1),
            Ty::S16 => (self.signed(source, types::I16), 2),
            Ty::S32 | Ty::U32 => (self.raw(source, 4), 4),
            Ty::S64 | Ty::U64 => (self.raw_as(source, types::I64), 8),
            Ty::F32 => (self.raw_as(source, types::F32), 4),
            Ty::F64 => (self.raw_as(source, types::F64), 8),
            Ty::Char => (self.char(source), 4),
            Ty::Flags(names) => self.flags(names.len(), source),
            Ty::Own(resource) => (self.own(way, *resource, source), 4),
            Ty::Borrow(resource) => (self.borrow(way, *resource, source), 4),
            Ty::ErrorContext => (self.error_context(way, source), 4),
            _ => unreachable!("not a value of one number"),
        };
        self.put(target, bytes, value)
    }

    /// A value as it is: flat, or so many bytes of memory as an `i32`.
    pub(super) fn raw(&mut self, source: Source<'_>, bytes: u32) -> Value {
        let (address, offset) = match source {
            Source::Flat(values) => return values[0],
            Source::Memory(address, offset) => (address, displacement(offset)),
        };
        let flags = self.trusted(Alias::Memory);
        let ins = self.builder.ins();
        match bytes {
            1 => ins.uload8(types::I32, flags, address, offset),
            2 => ins.uload16(types::I32, flags, address, offset),
            _ => ins.load(types::I32, flags, address, offset),
        }
    }

    fn raw_as(&mut self, source: Source<'_>, ty: Type) -> Value {
        match source {
            Source::Flat(values) => values[0],
            Source::Memory(address, offset) => {
                let flags = self.trusted(Alias::Memory);
                let offset = displacement(offset);
                self.builder.ins().load(ty, flags, address, offset)
            }
        }
    }

    fn masked(&mut self, source: Source<'_>, bytes: u32, mask: i64) -> Value {
        let value = self.raw(source, bytes);
        match source {
            Source::Flat(_) => self.builder.ins().band_imm_s(value, mask),
            Source::Memory(..) => value,
        }
    }

    fn signed(&mut self, source: Source<'_>, ty: Type) -> Value {
        let narrow = match source {
            Source::Flat(values) => self.builder.ins().ireduce(ty, values[0]),
            Source::Memory(..) => self.raw_as(source, ty),
        };
        self.builder.ins().sextend(types::I32, narrow)
    }

    /// `convert_i32_to_char`. Exclusive or with the first surrogate puts the surrogates at the
    /// beginning, so that one comparison does.
    ///
    /// ```text
    /// v2 = bxor_imm v1, 0xd800
    /// v3 = iadd_imm v2, -0x800
    /// v4 = icmp_imm uge v3, 0x10f800
    /// trapnz v4, invalid char
    /// ```
    fn char(&mut self, source: Source<'_>) -> Value {
        let value = self.raw(source, 4);
        let moved = self.builder.ins().bxor_imm_s(value, 0xd800);
        let valid = self.builder.ins().iadd_imm_s(moved, -0x800);
        let invalid =
            self.builder
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, valid, 0x10_f800);
        self.trap_if(invalid, TrapCode::InvalidChar);
        value
    }

    /// Bits that stand for no flag are dropped.
    fn flags(&mut self, count: usize, source: Source<'_>) -> (Value, u32) {
        let bytes = match count {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        };
        let value = self.raw(source, bytes);
        if count >= 32 {
            return (value, bytes);
        }
        let mask = (1i64 << count) - 1;
        (self.builder.ins().band_imm_s(value, mask), bytes)
    }

    /// `lift_own` and `lower_own`.
    fn own(&mut self, way: Way, resource: ResourceId, source: Source<'_>) -> Value {
        let handle = self.raw(source, 4);
        let rep = self.handle_call("own_lift", way.from, resource, handle);
        self.handle_call("own_lower", way.to, resource, rep)
    }

    /// `lift_borrow` and `lower_borrow`: the instance that defines the resource gets the rep
    /// itself.
    fn borrow(&mut self, way: Way, resource: ResourceId, source: Source<'_>) -> Value {
        let handle = self.raw(source, 4);
        let rep = self.handle_call("borrow_lift", way.from, resource, handle);
        let linked = self.linked();
        let to = linked.option(way.to).instance;
        match &linked.resources[resource.index()] {
            crate::plan::Resource::Guest { instance, .. } if *instance == to => rep,
            _ => self.handle_call("borrow_lower", way.to, resource, rep),
        }
    }

    /// `lift_error_context` and `lower_error_context`.
    fn error_context(&mut self, way: Way, source: Source<'_>) -> Value {
        let handle = self.raw(source, 4);
        let [from, to] = [way.from, way.to].map(|options| {
            let instance = self.linked().option(options).instance;
            self.builder.ins().iconst(types::I32, i64::from(instance.0))
        });
        let memory = self.own_pointer();
        self.call_runtime("error_context_pass", &[memory, from, to, handle])
            .expect("has a result")
    }

    /// `lift_stream` and `lower_stream`, and the same of futures.
    pub(super) fn shared_end(
        &mut self,
        way: Way,
        ty: TyId,
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        let handle = self.raw(source, 4);
        let rep = self.end_call("end_lift", way.from, ty, handle);
        let handle = self.end_call("end_lower", way.to, ty, rep);
        self.put(target, 4, handle)
    }

    fn end_call(&mut self, function: &str, options: OptionsId, ty: TyId, argument: Value) -> Value {
        let instance = self.linked().option(options).instance;
        let instance = self.builder.ins().iconst(types::I32, i64::from(instance.0));
        let desc = self.record_address(Record::Type(ty));
        let memory = self.own_pointer();
        self.call_runtime(function, &[memory, instance, desc, argument])
            .expect("has a result")
    }

    fn handle_call(
        &mut self,
        function: &str,
        options: OptionsId,
        resource: ResourceId,
        argument: Value,
    ) -> Value {
        let instance = self.linked().option(options).instance;
        let (instance, resource) = self.resource_args(instance, resource);
        let memory = self.own_pointer();
        self.call_runtime(function, &[memory, instance, resource, argument])
            .expect("has a result")
    }

    /// Lowers a flat value: gives it, or stores so many bytes of it.
    pub(super) fn put(&mut self, target: Target, bytes: u32, value: Value) -> Vec<Value> {
        let (address, offset) = match target {
            Target::Flat => return vec![value],
            Target::Memory(address, offset) => (address, displacement(offset)),
        };
        let flags = self.trusted(Alias::Memory);
        let ins = self.builder.ins();
        match bytes {
            1 => ins.istore8(flags, value, address, offset),
            2 => ins.istore16(flags, value, address, offset),
            _ => ins.store(flags, value, address, offset),
        };
        Vec::new()
    }
}

pub(super) fn displacement(offset: u32) -> i32 {
    i32::try_from(offset).expect("validation limits the size of values")
}
