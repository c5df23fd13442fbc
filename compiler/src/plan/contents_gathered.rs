//! Gathers what fields of structs may hold: the constants that they get anywhere in the program.
//!
//! A struct is made by an instruction of a function that can be reached, or by a constant expression;
//! both name its type and give a value for each field. So what a field of the objects of one type can
//! hold are these values, and those of all writes to it, which may name a type above. What is read by a
//! type is what the objects of it and of all types below it hold. A field that can hold but one value
//! is not stored, and one that is never read neither.
//!
//! Why that is sound: nothing outside of the program makes structs or writes to them. The runtime
//! library makes exceptions, whose types are no types of the program, and the host has no objects but
//! its own. A constant is a number, null, a function, or an object of the image, which is never freed;
//! a global counts as its value only if nothing that can be reached writes it. Whatever else is given
//! to a field, by an instruction or by a call, counts as any value. What is never read may as well not
//! be there: objects that only such a field refers to cannot be told from garbage.

use super::contents::{FieldContents, Possible, declarer};
use super::sigs::TypeKind;
use super::value::{Contents, Value};
use super::{FuncKind, LinkPlan};
use crate::index::{FuncId, InstanceIndex, SigId};
use crate::parse::{ConstOp, NewFields, ObjectFacts};
use foldhash::{HashMap, HashMapExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use wasmparser::{FieldType, StorageType, ValType};

/// A field with more values counts as one with any.
const VALUES_MAX: usize = 512;

pub(super) fn gather(plan: &LinkPlan<'_>) -> FieldContents {
    let mut gathering = Gathering::new(plan);
    for id in (0..plan.funcs.len()).map(FuncId::new) {
        if let FuncKind::Body { instance, .. } = plan.funcs[id.index()].kind
            && plan.reachable[id.index()]
            && let Some(facts) = plan.facts(id)
        {
            gathering.body(instance, &facts.objects);
        }
    }
    gathering.image();
    gathering.finish()
}

/// The values that were found for a field.
#[derive(Clone, Default)]
struct Found {
    values: BTreeSet<Value>,
    is_any: bool,
    /// How many instructions that make structs give a constant.
    constants: u32,
}

impl Found {
    fn add(&mut self, value: Value) {
        if !self.is_any {
            self.values.insert(value);
            if self.values.len() > VALUES_MAX {
                self.set_any();
            }
        }
    }

    fn add_all(&mut self, other: &Found) {
        if other.is_any {
            self.set_any();
        }
        for &value in &other.values {
            self.add(value);
        }
    }

    fn set_any(&mut self) {
        self.is_any = true;
        self.values.clear();
    }

    fn into_possible(self) -> Possible {
        match self.is_any {
            true => Possible::Any,
            false if self.values.is_empty() => Possible::Values(Arc::default()),
            false => Possible::Values(self.values.into_iter().collect()),
        }
    }
}

/// How objects of exactly one type are made.
#[derive(Clone, Copy, Default)]
struct Made {
    /// Instructions that give each field a value.
    given: u32,
    /// Whether there are some whose fields have their defaults.
    has_defaults: bool,
    /// Whether there are any at all.
    is_made: bool,
}

struct Gathering<'p, 'a> {
    plan: &'p LinkPlan<'a>,
    found: Vec<Vec<Found>>,
    made: Vec<Made>,
    read: BTreeSet<(SigId, u32)>,
    /// By the highest type that has the field.
    written: HashMap<(SigId, u32), Found>,
}

impl<'p, 'a> Gathering<'p, 'a> {
    fn new(plan: &'p LinkPlan<'a>) -> Gathering<'p, 'a> {
        let types = plan.sigs.types();
        let found = types.iter().map(|ty| match &ty.kind {
            TypeKind::Struct(fields) => vec![Found::default(); fields.len()],
            _ => Vec::new(),
        });
        Gathering {
            plan,
            found: found.collect(),
            made: vec![Made::default(); types.len()],
            read: BTreeSet::new(),
            written: HashMap::new(),
        }
    }

    fn body(&mut self, instance: InstanceIndex, facts: &ObjectFacts) {
        let plan = self.plan;
        for new in &facts.structs {
            let ty = plan.type_sig(instance, new.ty);
            let made = &mut self.made[ty.index()];
            made.is_made = true;
            match &new.fields {
                NewFields::Default => made.has_defaults = true,
                NewFields::Constants(constants) => {
                    made.given += 1;
                    for &(field, constant) in constants {
                        self.given(ty, field, self.value(instance, constant));
                    }
                }
            }
        }
        for &ty in &facts.arrays {
            self.made[plan.type_sig(instance, ty).index()].is_made = true;
        }
        for &(ty, field) in &facts.reads {
            let ty = plan.type_sig(instance, ty);
            self.read.insert((declarer(&plan.sigs, ty, field), field));
        }
        for &(ty, field, operand) in &facts.writes {
            let ty = plan.type_sig(instance, ty);
            let value = operand.and_then(|constant| self.value(instance, constant));
            let place = (declarer(&plan.sigs, ty, field), field);
            let stored = plan.fields(ty)[field as usize];
            let written = self.written.entry(place).or_default();
            match value {
                Some(value) => written.add(as_stored(stored, value)),
                None => written.set_any(),
            }
        }
    }

    fn given(&mut self, ty: SigId, field: u32, value: Option<Value>) {
        if let Some(value) = value {
            let stored = self.plan.fields(ty)[field as usize];
            let found = &mut self.found[ty.index()][field as usize];
            found.constants += 1;
            found.add(as_stored(stored, value));
        }
    }

    /// What a constant of a function is, if that is known before it runs.
    fn value(&self, instance: InstanceIndex, constant: ConstOp) -> Option<Value> {
        Some(match constant {
            ConstOp::I32(value) => Value::I32(value),
            ConstOp::I64(value) => Value::I64(value),
            ConstOp::F32(bits) => Value::F32(bits),
            ConstOp::F64(bits) => Value::F64(bits),
            ConstOp::RefNull => Value::RefNull,
            ConstOp::RefFunc(func) => Value::RefFunc(self.plan.func_reference(instance, func)),
            ConstOp::GlobalGet(global) => {
                let instance = &self.plan.instances[instance.index()];
                let global = &self.plan.globals[instance.globals[global.index()].index()];
                return global.slot.is_none().then_some(global.init);
            }
            _ => return None,
        })
    }

    /// What constant expressions have made.
    fn image(&mut self) {
        let plan = self.plan;
        for (at, object) in plan.objects.iter().enumerate() {
            if !plan.objects_reached.get(at).copied().unwrap_or(false) {
                continue;
            }
            let made = &mut self.made[object.ty.index()];
            made.is_made = true;
            let is_struct = matches!(
                plan.sigs.types()[object.ty.index()].kind,
                TypeKind::Struct(_)
            );
            match &object.contents {
                Contents::Values(values) if is_struct => {
                    made.given += 1;
                    for (field, &value) in (0..).zip(values) {
                        self.given(object.ty, field, Some(value));
                    }
                }
                _ => made.has_defaults = true,
            }
        }
    }

    fn finish(mut self) -> FieldContents {
        let plan = self.plan;
        let types = plan.sigs.types();
        for (at, made) in self.made.iter().enumerate().filter(|(_, it)| it.is_made) {
            let ty = SigId::new(at);
            let fields = match &types[at].kind {
                TypeKind::Struct(fields) => &fields[..],
                _ => &[],
            };
            for (field, stored) in (0..).zip(fields) {
                let found = &mut self.found[at][field as usize];
                if found.constants < made.given {
                    found.set_any();
                }
                if made.has_defaults {
                    found.add(default_of(*stored));
                }
                if stored.mutable
                    && let Some(written) =
                        self.written.get(&(declarer(&plan.sigs, ty, field), field))
                {
                    found.add_all(written);
                }
            }
        }
        // A supertype comes before its subtypes.
        for at in (0..types.len()).rev() {
            let Some(above) = types[at].supertype else {
                continue;
            };
            let (before, from) = self.found.split_at_mut(at);
            for (to, from) in before[above.index()].iter_mut().zip(&from[0]) {
                to.add_all(from);
            }
        }
        let fields = self.found.into_iter();
        FieldContents {
            fields: fields
                .map(|fields| fields.into_iter().map(Found::into_possible).collect())
                .collect(),
            made: self.made.iter().map(|made| made.is_made).collect(),
            read: self.read,
            written: self.written.into_keys().collect(),
        }
    }
}

/// What is left of a value in a field.
fn as_stored(field: FieldType, value: Value) -> Value {
    match (field.element_type, value) {
        (StorageType::I8, Value::I32(value)) => Value::I32(value & 0xff),
        (StorageType::I16, Value::I32(value)) => Value::I32(value & 0xffff),
        _ => value,
    }
}

/// What a field holds that is given no value.
fn default_of(field: FieldType) -> Value {
    match field.element_type {
        StorageType::I8 | StorageType::I16 | StorageType::Val(ValType::I32) => Value::I32(0),
        StorageType::Val(ValType::I64) => Value::I64(0),
        StorageType::Val(ValType::F32) => Value::F32(0),
        StorageType::Val(ValType::F64) => Value::F64(0),
        StorageType::Val(ValType::V128) => Value::V128(0),
        StorageType::Val(ValType::Ref(_)) => Value::RefNull,
    }
}

impl LinkPlan<'_> {
    /// What a field holds of one of some values, which is taken to be of a type of structs: others
    /// among them, and null, have no fields.
    #[must_use]
    pub fn field_of_values(&self, values: &[Value], ty: SigId, field: u32) -> Possible {
        if !self.contents.stays(&self.sigs, ty, field) {
            return Possible::Any;
        }
        let stored = self.fields(ty)[field as usize];
        let mut found = Found::default();
        for value in values {
            if let Value::RefObject(id) = *value
                && let object = &self.objects[id.index()]
                && self.sigs.is_subtype(object.ty, ty)
            {
                let value = object.contents.at(field as usize);
                found.add(value.map_or(default_of(stored), |it| as_stored(stored, it)));
            }
        }
        found.into_possible()
    }

    /// What an element holds of one of some values, which is taken to be of a type of arrays that are
    /// never written; nothing where one may be shorter.
    #[must_use]
    pub fn element_of_values(&self, values: &[Value], ty: SigId, position: u32) -> Possible {
        let stored = self.fields(ty)[0];
        let mut found = Found::default();
        for value in values {
            if let Value::RefObject(id) = *value
                && let object = &self.objects[id.index()]
                && self.sigs.is_subtype(object.ty, ty)
            {
                if stored.mutable || position >= object.contents.len() {
                    return Possible::Any;
                }
                let value = object.contents.at(position as usize);
                found.add(value.map_or(default_of(stored), |it| as_stored(stored, it)));
            }
        }
        found.into_possible()
    }
}
