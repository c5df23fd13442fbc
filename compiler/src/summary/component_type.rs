//! Types of the component model as text, in the syntax of WIT.
//!
//! A type that an interface names is written by its name. Others are written out, which WIT has no
//! syntax for where they are records, variants, enums or flags; here they are
//! `record { a: u8 }`.

use foldhash::{HashMap, HashMapExt};
use std::fmt::Write;

use wasmparser::component_types::{
    AliasableResourceId, ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId,
    ComponentEntityType, ComponentFuncTypeId, ComponentItem, ComponentValType,
};
use wasmparser::types::TypesRef;

/// Writes types as one interface sees them.
pub(super) struct TypeText<'a> {
    types: TypesRef<'a>,
    names: HashMap<ComponentAnyTypeId, &'a str>,
}

impl<'a> TypeText<'a> {
    pub(super) fn of_interface<'n: 'a>(
        types: TypesRef<'a>,
        exports: impl IntoIterator<Item = (&'n String, &'n ComponentItem)>,
    ) -> TypeText<'a> {
        let named = exports
            .into_iter()
            .filter_map(|(name, item)| match item.ty {
                ComponentEntityType::Type { created, .. } => Some((created, name.as_str())),
                _ => None,
            });
        TypeText {
            types,
            names: named.collect(),
        }
    }

    /// The root of a component, where no type has a name.
    pub(super) fn of_root(types: TypesRef<'a>) -> TypeText<'a> {
        TypeText {
            types,
            names: HashMap::new(),
        }
    }

    pub(super) fn entity(&mut self, entity: ComponentEntityType) -> String {
        match entity {
            ComponentEntityType::Func(func) => self.func(func),
            ComponentEntityType::Value(ty) => {
                let mut text = String::from("value ");
                self.value(&mut text, ty);
                text
            }
            ComponentEntityType::Module(_) => String::from("core module"),
            ComponentEntityType::Type { .. } => String::from("type"),
            ComponentEntityType::Instance(_) => String::from("instance"),
            ComponentEntityType::Component(_) => String::from("component"),
        }
    }

    fn func(&mut self, func: ComponentFuncTypeId) -> String {
        let func = &self.types[func];
        let mut text = String::from(if func.async_ { "async func(" } else { "func(" });
        for (index, (name, ty)) in func.params.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let _ = write!(text, "{separator}{name}: ");
            self.value(&mut text, *ty);
        }
        text.push(')');
        if let Some(result) = func.result {
            text.push_str(" -> ");
            self.value(&mut text, result);
        }
        text
    }

    fn value(&self, text: &mut String, ty: ComponentValType) {
        match ty {
            ComponentValType::Primitive(ty) => {
                let _ = write!(text, "{ty}");
            }
            ComponentValType::Type(id) => match self.names.get(&id.into()) {
                Some(name) => text.push_str(name),
                None => self.defined(text, id),
            },
        }
    }

    fn defined(&self, text: &mut String, id: ComponentDefinedTypeId) {
        match &self.types[id] {
            ComponentDefinedType::Primitive(ty) => {
                let _ = write!(text, "{ty}");
            }
            ComponentDefinedType::Record(record) => {
                let fields = record.fields.iter();
                self.members(
                    text,
                    "record",
                    fields.map(|(name, ty)| (name.as_str(), Some(*ty))),
                );
            }
            ComponentDefinedType::Variant(variant) => {
                let cases = variant.cases.iter();
                self.cases(text, cases.map(|(name, case)| (name.as_str(), case.ty)));
            }
            ComponentDefinedType::Flags(names) => {
                self.members(
                    text,
                    "flags",
                    names.iter().map(|name| (name.as_str(), None)),
                );
            }
            ComponentDefinedType::Enum(names) => {
                self.members(text, "enum", names.iter().map(|name| (name.as_str(), None)));
            }
            ComponentDefinedType::List { element, .. } => {
                self.generic(text, "list", &[Some(*element)]);
            }
            ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => {
                text.push_str("list<");
                self.value(text, *element);
                let _ = write!(text, ", {length}>");
            }
            ComponentDefinedType::Map { key, value, .. } => {
                self.generic(text, "map", &[Some(*key), Some(*value)]);
            }
            ComponentDefinedType::Tuple(tuple) => {
                let members: Vec<_> = tuple.types.iter().copied().map(Some).collect();
                self.generic(text, "tuple", &members);
            }
            ComponentDefinedType::Option { ty, .. } => self.generic(text, "option", &[Some(*ty)]),
            ComponentDefinedType::Result { ok, err, .. } => match (ok, err) {
                (None, None) => text.push_str("result"),
                (Some(ok), None) => self.generic(text, "result", &[Some(*ok)]),
                (ok, Some(err)) => self.generic(text, "result", &[*ok, Some(*err)]),
            },
            ComponentDefinedType::Own(resource) => text.push_str(self.resource(*resource)),
            ComponentDefinedType::Borrow(resource) => {
                let _ = write!(text, "borrow<{}>", self.resource(*resource));
            }
            ComponentDefinedType::Future { ty, .. } => self.carrier(text, "future", *ty),
            ComponentDefinedType::Stream { ty, .. } => self.carrier(text, "stream", *ty),
        }
    }

    /// `record { a: u8, b: u8 }`
    fn members<'m>(
        &self,
        text: &mut String,
        kind: &str,
        members: impl Iterator<Item = (&'m str, Option<ComponentValType>)>,
    ) {
        let _ = write!(text, "{kind} {{ ");
        for (index, (name, ty)) in members.enumerate() {
            text.push_str(if index == 0 { "" } else { ", " });
            text.push_str(name);
            if let Some(ty) = ty {
                text.push_str(": ");
                self.value(text, ty);
            }
        }
        text.push_str(" }");
    }

    /// `variant { a(u8), b }`
    fn cases<'m>(
        &self,
        text: &mut String,
        cases: impl Iterator<Item = (&'m str, Option<ComponentValType>)>,
    ) {
        text.push_str("variant { ");
        for (index, (name, ty)) in cases.enumerate() {
            text.push_str(if index == 0 { "" } else { ", " });
            text.push_str(name);
            if let Some(ty) = ty {
                text.push('(');
                self.value(text, ty);
                text.push(')');
            }
        }
        text.push_str(" }");
    }

    /// `tuple<u8, u8>`, where `_` stands for what is not there.
    fn generic(&self, text: &mut String, kind: &str, members: &[Option<ComponentValType>]) {
        let _ = write!(text, "{kind}<");
        for (index, ty) in members.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { ", " });
            match ty {
                Some(ty) => self.value(text, *ty),
                None => text.push('_'),
            }
        }
        text.push('>');
    }

    fn carrier(&self, text: &mut String, kind: &str, ty: Option<ComponentValType>) {
        match ty {
            Some(ty) => self.generic(text, kind, &[Some(ty)]),
            None => text.push_str(kind),
        }
    }

    fn resource(&self, id: AliasableResourceId) -> &str {
        let name = self.names.get(&ComponentAnyTypeId::Resource(id));
        name.copied().unwrap_or("resource")
    }
}
