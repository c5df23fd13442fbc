//! Tests of types, casts, and branches on them.
//!
//! The numbers of a type and of all below it are an interval, so that a test is a load and one or two
//! comparisons, whatever the depth of the type.

use super::super::clif::trap_code;
use super::super::translator::FuncTranslator;
use super::contents::Part;
use crate::index::SigId;
use crate::plan::{Hierarchy, Interval, TypeKind, of_program, ref_type};
use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use std::mem::offset_of;
use wasmelt_abi::{FuncRef, TrapCode};
use wasmparser::{AbstractHeapType, RefType};

/// The bits that tell references that are no addresses.
const TAG_BITS: i64 = 3;
const I31_BIT: i64 = 1;
const HOST_TAG: i64 = 2;
/// The bits of a header that are the type's number.
const NUMBER_BITS: i64 = (1 << 24) - 1;

/// What a reference that is not null has to be.
#[derive(Clone, Copy)]
enum Test {
    Always,
    Never,
    I31,
    /// Anything but what the host refers to.
    NotHost,
    /// An object with such a number.
    Object(Interval),
    /// A function with such a number.
    Func(Interval),
}

impl FuncTranslator<'_, '_> {
    pub(super) fn ref_test(&mut self, to: RefType) {
        let value = self.pop1();
        let result = self.is_instance(value, to);
        self.push_bool(result);
    }

    /// Traps unless the topmost operand is of a type.
    pub(super) fn ref_cast(&mut self, to: RefType) {
        let value = self.peek1();
        let known = self.known_type(value);
        if known.is_some_and(|known| self.plan().sigs.ref_matches(known, to)) {
            return;
        }
        let code = TrapCode::CastFailure;
        let test = match self.part_of_type(value, to) {
            Some(Part::All) => return self.show_type(value, to),
            Some(Part::AllButNull) => Test::Always,
            Some(Part::None | Part::NullOnly) => Test::Never,
            None => self.test_from(known, to),
        };
        match (test, to.is_nullable()) {
            (Test::Always, true) => {}
            (Test::Always, false) => self.trap_unless(value, code),
            (Test::Never, true) => self.trap_if(value, code),
            (Test::Never, false) => {
                self.builder.ins().trap(trap_code(code));
                self.set_unreachable();
                return;
            }
            (Test::I31 | Test::NotHost, _) => {
                let result = self.is_instance(value, to);
                self.trap_unless(result, code);
            }
            (Test::Object(interval), nullable) => {
                self.cast_unless_null(value, nullable, |this| {
                    if !this.is_object(value) {
                        let tag = this.builder.ins().band_imm_s(value, TAG_BITS);
                        this.trap_if(tag, code);
                    }
                    this.object_is_in(value, interval, Some(code))
                });
            }
            (Test::Func(interval), nullable) => {
                self.cast_unless_null(value, nullable, |this| {
                    this.func_is_in(value, interval, Some(code))
                });
            }
        }
        self.show_type(value, to);
    }

    /// Traps unless `test`, which faults on null, holds; null may do without it.
    fn cast_unless_null(
        &mut self,
        value: Value,
        nullable: bool,
        test: impl FnOnce(&mut Self) -> Value,
    ) {
        let known = self.known_type(value);
        if !nullable || self.is_not_null(value) {
            let result = test(self);
            self.trap_unless(result, TrapCode::CastFailure);
            return;
        }
        let [some, done] = [(); 2].map(|()| self.builder.create_block());
        self.builder.ins().brif(value, some, &[], done, &[]);
        self.enter(some);
        if let Some(known) = known {
            self.show_type(value, known);
        }
        let result = test(self);
        self.trap_unless(result, TrapCode::CastFailure);
        self.jump(done, &[]);
        self.enter(done);
    }

    pub(super) fn br_on_cast(&mut self, depth: u32, from: RefType, to: RefType, on_success: bool) {
        let (from, to) = (
            ref_type(from, self.type_ids()),
            ref_type(to, self.type_ids()),
        );
        let value = self.peek1();
        self.show_type(value, from);
        let is_it = self.is_instance(value, to);
        let condition = match on_success {
            true => is_it,
            false => self.builder.ins().icmp_imm_s(IntCC::Equal, is_it, 0),
        };
        self.branch_if(condition, depth, 0);
        self.show_type(value, if on_success { from } else { to });
    }

    /// Whether a reference is of a type, as `i8`.
    pub(in super::super) fn is_instance(&mut self, value: Value, to: RefType) -> Value {
        let known = self.known_type(value);
        let test = match self.part_of_type(value, to) {
            Some(Part::All | Part::AllButNull) => Test::Always,
            Some(Part::None | Part::NullOnly) => Test::Never,
            None => self.test_from(known, to),
        };
        let may_be_null = !self.is_not_null(value);
        let constant = |this: &mut Self, holds: bool| {
            let ins = this.builder.ins();
            ins.iconst(types::I8, i64::from(holds))
        };
        match (test, to.is_nullable() && may_be_null) {
            (Test::Always, true) => constant(self, true),
            (Test::Always, false) if !may_be_null => constant(self, true),
            (Test::Always, false) => self.builder.ins().icmp_imm_s(IntCC::NotEqual, value, 0),
            (Test::Never, true) => self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0),
            (Test::Never, false) => constant(self, false),
            (Test::I31, false) => {
                let bit = self.builder.ins().band_imm_s(value, I31_BIT);
                self.builder.ins().icmp_imm_s(IntCC::NotEqual, bit, 0)
            }
            (test, _) => self.is_instance_or_null(value, test, to.is_nullable(), may_be_null),
        }
    }

    /// ```text
    ///     brif value, some, done(nullable)
    /// some:
    ///     v3 = band_imm value, 3                          ; unless it is an object for sure
    ///     brif v3, done(0), object
    /// object:
    ///     v4 = …                                          ; compares the number of its type
    ///     jump done(v4)
    /// done(v5: i8):
    /// ```
    fn is_instance_or_null(
        &mut self,
        value: Value,
        test: Test,
        nullable: bool,
        may_be_null: bool,
    ) -> Value {
        let is_object = self.is_object(value);
        let done = self.builder.create_block();
        let result = self.builder.append_block_param(done, types::I8);
        if may_be_null {
            let some = self.builder.create_block();
            let null = self.builder.ins().iconst(types::I8, i64::from(nullable));
            let null = [null.into()];
            self.builder.ins().brif(value, some, &[], done, &null);
            self.enter(some);
        }
        let holds = match test {
            Test::Always | Test::Never => self
                .builder
                .ins()
                .iconst(types::I8, i64::from(matches!(test, Test::Always))),
            Test::I31 => {
                let bit = self.builder.ins().band_imm_s(value, I31_BIT);
                self.builder.ins().icmp_imm_s(IntCC::NotEqual, bit, 0)
            }
            Test::NotHost => {
                let tag = self.builder.ins().band_imm_s(value, TAG_BITS);
                self.builder
                    .ins()
                    .icmp_imm_s(IntCC::NotEqual, tag, HOST_TAG)
            }
            Test::Func(interval) => self.func_is_in(value, interval, None),
            Test::Object(interval) => {
                if !is_object {
                    let object = self.builder.create_block();
                    let tag = self.builder.ins().band_imm_s(value, TAG_BITS);
                    let no = self.builder.ins().iconst(types::I8, 0);
                    let no = [no.into()];
                    self.builder.ins().brif(tag, done, &no, object, &[]);
                    self.enter(object);
                }
                self.object_is_in(value, interval, None)
            }
        };
        self.jump(done, &[holds]);
        self.enter(done);
        result
    }

    /// Whether a reference is known to be that of an object, if it is not null.
    fn is_object(&self, value: Value) -> bool {
        let sigs = &self.plan().sigs;
        self.known_type(value)
            .is_some_and(|known| match of_program(known.heap_type()) {
                Ok(sig) => !matches!(sigs.types()[sig.index()].kind, TypeKind::Func(_)),
                Err(ty) => matches!(ty, AbstractHeapType::Struct | AbstractHeapType::Array),
            })
    }

    /// What a reference has to be whose type is known: all objects of a type may be of another, for
    /// want of others.
    fn test_from(&self, known: Option<RefType>, to: RefType) -> Test {
        let plan = self.plan();
        let test = self.test_for(to);
        let Some(known) = known else { return test };
        if plan.sigs.heap_matches(known.heap_type(), to.heap_type()) {
            return Test::Always;
        }
        match (test, of_program(known.heap_type())) {
            (Test::Object(wanted), Ok(known)) => {
                let known = plan.heap.interval(known);
                if wanted.first <= known.first && known.last <= wanted.last {
                    Test::Always
                } else if wanted.last < known.first || known.last < wanted.first {
                    Test::Never
                } else {
                    test
                }
            }
            _ => test,
        }
    }

    fn test_for(&self, to: RefType) -> Test {
        use AbstractHeapType::{Any, Array, Eq, Exn, Extern, Func, I31, Struct};
        let plan = self.plan();
        let objects = |interval: Interval| match interval.is_empty() || !plan.sigs.has_objects() {
            true => Test::Never,
            false => Test::Object(interval),
        };
        match of_program(to.heap_type()) {
            Ok(sig) => self.concrete_test(sig),
            Err(Any | Func | Extern | Exn) => Test::Always,
            Err(Eq) => Test::NotHost,
            Err(I31) => Test::I31,
            Err(Struct) => objects(plan.heap.structs),
            Err(Array) => objects(plan.heap.arrays),
            Err(_) => Test::Never,
        }
    }

    fn concrete_test(&self, sig: SigId) -> Test {
        let interval = self.plan().heap.interval(sig);
        let hierarchy = match self.plan().sigs.types()[sig.index()].kind {
            TypeKind::Func(_) => Hierarchy::Func,
            _ => Hierarchy::Any,
        };
        match hierarchy {
            Hierarchy::Func => Test::Func(interval),
            _ if interval.is_empty() => Test::Never,
            _ => Test::Object(interval),
        }
    }

    /// ```text
    /// v2 = load.i32 heap value
    /// v3 = band_imm v2, 0xff_ffff
    /// v4 = icmp_imm eq v3, number
    /// ```
    fn object_is_in(&mut self, value: Value, interval: Interval, null: Option<TrapCode>) -> Value {
        let flags = self.heap_flags(null);
        let number = if self.plan().heap.types.len() < usize::from(u16::MAX) {
            self.builder.ins().uload16(types::I32, flags, value, 0)
        } else {
            let header = self.builder.ins().load(types::I32, flags, value, 0);
            self.builder.ins().band_imm_s(header, NUMBER_BITS)
        };
        self.is_in(number, interval)
    }

    fn func_is_in(&mut self, value: Value, interval: Interval, null: Option<TrapCode>) -> Value {
        let flags = self.heap_flags(null).with_readonly();
        let offset = i32::try_from(offset_of!(FuncRef, sig)).expect("small");
        let number = self.builder.ins().load(types::I64, flags, value, offset);
        self.is_in(number, interval)
    }

    /// Whether the number of a function's type says that it can be called by another.
    pub(in super::super) fn is_of_type(&mut self, number: Value, sig: SigId) -> Value {
        let interval = self.plan().heap.interval(sig);
        self.is_in(number, interval)
    }

    fn is_in(&mut self, number: Value, Interval { first, last }: Interval) -> Value {
        let ins = self.builder.ins();
        if first == last {
            return ins.icmp_imm_s(IntCC::Equal, number, i64::from(first));
        }
        let from_first = match first {
            0 => number,
            _ => ins.iadd_imm_s(number, -i64::from(first)),
        };
        let most = i64::from(last - first);
        self.builder
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThanOrEqual, from_first, most)
    }
}
