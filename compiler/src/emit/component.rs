//! The part of the description that components add: exports, and the types of their values.

use super::blob::Address;
use super::program::{Items, Writer};
use crate::canonical::{Flat, Passing, Ty, TyId, Types};
use crate::index::ResourceId;
use crate::plan::{Lift, Record, Resource};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{
    CanonOptions, ComponentExport, EMBEDDERS, PtrType, Str, TypeDesc, TypeKind, TypeMember,
};

impl Writer<'_> {
    pub(super) fn write_component_exports(&mut self) -> Items {
        let plan = self.plan;
        let array = self.array(plan.component_exports.len(), size_of::<ComponentExport>());
        for (position, export) in plan.component_exports.iter().enumerate() {
            let at = array + (position * size_of::<ComponentExport>()) as u64;
            let field = |offset: usize| at + offset as u64;
            self.blob.set_u64(
                field(offset_of!(ComponentExport, component)),
                export.component as u64,
            );
            self.str(
                field(offset_of!(ComponentExport, name)),
                export.name.as_bytes(),
            );
            self.blob.set_address(
                field(offset_of!(ComponentExport, call)),
                Address::Code(export.call),
            );
            self.blob.set_address(
                field(offset_of!(ComponentExport, finish)),
                Address::Code(export.finish),
            );
            let lift = &plan.linked.lifts[export.lift.index()];
            self.write_options(field(offset_of!(ComponentExport, options)), lift.options);
            self.write_signature(at, lift);
            if plan.linked.is_task(export.lift) {
                let record = self.record(Record::Lift(export.lift));
                self.blob.set_address(
                    field(offset_of!(ComponentExport, lift)),
                    Address::Blob(record),
                );
            }
        }
        (Some(array), plan.component_exports.len())
    }

    pub(super) fn write_options(&mut self, at: u64, id: crate::index::OptionsId) {
        let plan = self.plan;
        let options = plan.linked.option(id);
        let memory_offset = match options.memory {
            Some(_) => plan.regions[plan.options_region(id).index()].memory_offset,
            None => u64::MAX,
        };
        let field = |offset: usize| at + offset as u64;
        self.blob.set_u64(
            field(offset_of!(CanonOptions, memory_offset)),
            memory_offset,
        );
        if let Some(realloc) = plan.option_slots[id.index()].and_then(|o| o.realloc) {
            self.blob.set_address(
                field(offset_of!(CanonOptions, realloc)),
                Address::Code(realloc),
            );
        }
        self.blob.set_u32(
            field(offset_of!(CanonOptions, instance)),
            options.instance.0,
        );
        self.blob.set_u32(
            field(offset_of!(CanonOptions, encoding)),
            options.encoding as u32,
        );
        self.blob.set_u32(
            field(offset_of!(CanonOptions, is_async)),
            u32::from(options.is_async),
        );
        self.blob.set_u32(
            field(offset_of!(CanonOptions, ptr_type)),
            options.ptr as u32,
        );
    }

    /// Parameters and result of a `ComponentExport` at `at`.
    fn write_signature(&mut self, at: u64, lift: &Lift) {
        let types = &self.plan.linked.types;
        let ptr = self.plan.linked.option(lift.options).ptr;
        let ty = types.func(lift.ty);
        let field = |offset: usize| at + offset as u64;
        let (params, names) = self.param_types(&ty.params);
        let count = ty.params.len();
        self.slice(
            field(offset_of!(ComponentExport, param_names)),
            (Some(names), count),
        );
        self.slice(
            field(offset_of!(ComponentExport, params)),
            (Some(params), count),
        );
        if let Some(result) = ty.result {
            let result = self.type_desc(result);
            self.blob.set_address(
                field(offset_of!(ComponentExport, result)),
                Address::Blob(result),
            );
        }
        // What is passed in memory has more flat values than the limit, however many.
        let flat = match types.params(lift.ty, ptr) {
            Passing::Flat(flat) => flat.len(),
            Passing::Memory => crate::canonical::FLAT_PARAMS_MAX + 1,
        };
        self.blob
            .set_u64(field(offset_of!(ComponentExport, flat_params)), flat as u64);
    }

    /// The types of parameters, and their names.
    pub(super) fn param_types(&mut self, list: &[(String, TyId)]) -> (u64, u64) {
        let names = self.array(list.len(), size_of::<Str>());
        let params = self.array(list.len(), size_of::<u64>());
        for (position, (name, param)) in list.iter().enumerate() {
            self.str(
                names + (position * size_of::<Str>()) as u64,
                name.as_bytes(),
            );
            let param = self.type_desc(*param);
            self.blob.set_address(
                params + (position * size_of::<u64>()) as u64,
                Address::Blob(param),
            );
        }
        (params, names)
    }

    /// The description of a type, written once.
    pub(super) fn type_desc(&mut self, id: TyId) -> u64 {
        if let Some(&at) = self.type_descs.get(&id) {
            return at;
        }
        let types = &self.plan.linked.types;
        let (kind, len, members) = described(types, id, &|resource| {
            self.plan.linked.resource_number(resource)
        });
        let array = self.array(members.len(), size_of::<TypeMember>());
        for (position, (name, ty)) in members.iter().enumerate() {
            let at = array + (position * size_of::<TypeMember>()) as u64;
            self.str(at + offset_of!(TypeMember, name) as u64, name.as_bytes());
            if let Some(ty) = *ty {
                let ty = self.type_desc(ty);
                self.blob
                    .set_address(at + offset_of!(TypeMember, ty) as u64, Address::Blob(ty));
            }
        }
        let at = self.blob.reserve(size_of::<TypeDesc>());
        let field = |offset: usize| at + offset as u64;
        self.blob
            .set_u32(field(offset_of!(TypeDesc, kind)), kind as u32);
        self.blob.set_u32(field(offset_of!(TypeDesc, len)), len);
        for ptr in [PtrType::I32, PtrType::I64] {
            let layout = types.layout(id, ptr);
            let field = |offset: usize| field(offset + size_of::<u32>() * ptr as usize);
            self.blob
                .set_u32(field(offset_of!(TypeDesc, bytes)), layout.bytes);
            self.blob
                .set_u32(field(offset_of!(TypeDesc, align)), layout.align);
        }
        let definer = self.definer(id);
        self.blob
            .set_u32(field(offset_of!(TypeDesc, definer)), definer);
        let flat_len = match types.flat(id, PtrType::I32) {
            Flat::Values(values) => values.len(),
            Flat::TooMany => crate::canonical::FLAT_PARAMS_MAX + 1,
        };
        let flat_len = u32::try_from(flat_len).expect("a few");
        self.blob
            .set_u32(field(offset_of!(TypeDesc, flat_len)), flat_len);
        self.slice(
            field(offset_of!(TypeDesc, members)),
            (Some(array), members.len()),
        );
        self.type_descs.insert(id, at);
        at
    }

    /// `TypeDesc::definer`.
    fn definer(&self, id: TyId) -> u32 {
        let linked = self.plan.linked;
        let (Ty::Own(resource) | Ty::Borrow(resource)) = linked.types.ty(id) else {
            return 0;
        };
        match linked.resources[resource.index()] {
            Resource::Guest { instance, .. } => instance.0 + 1,
            Resource::Embedder { .. } => EMBEDDERS,
            Resource::Host { .. } | Resource::Missing { .. } => 0,
        }
    }
}

/// Kind, `TypeDesc::len`, and members with their names.
type Described = (TypeKind, u32, Vec<(String, Option<TyId>)>);

fn described(types: &Types, id: TyId, resource: &dyn Fn(ResourceId) -> u32) -> Described {
    let plain = |kind| (kind, 0, Vec::new());
    let unnamed = |list: &[Option<TyId>]| -> Vec<(String, Option<TyId>)> {
        list.iter().map(|&ty| (String::new(), ty)).collect()
    };
    let labels = |names: &[String]| -> Vec<(String, Option<TyId>)> {
        names.iter().map(|name| (name.clone(), None)).collect()
    };
    match types.ty(id) {
        Ty::Bool => plain(TypeKind::Bool),
        Ty::S8 => plain(TypeKind::S8),
        Ty::U8 => plain(TypeKind::U8),
        Ty::S16 => plain(TypeKind::S16),
        Ty::U16 => plain(TypeKind::U16),
        Ty::S32 => plain(TypeKind::S32),
        Ty::U32 => plain(TypeKind::U32),
        Ty::S64 => plain(TypeKind::S64),
        Ty::U64 => plain(TypeKind::U64),
        Ty::F32 => plain(TypeKind::F32),
        Ty::F64 => plain(TypeKind::F64),
        Ty::Char => plain(TypeKind::Char),
        Ty::String => plain(TypeKind::String),
        Ty::ErrorContext => plain(TypeKind::ErrorContext),
        Ty::List(ty) => (TypeKind::List, 0, unnamed(&[Some(*ty)])),
        Ty::FixedList(ty, len) => (TypeKind::FixedList, *len, unnamed(&[Some(*ty)])),
        Ty::Map(key, value) => (TypeKind::Map, 0, unnamed(&[Some(*key), Some(*value)])),
        Ty::Record(fields) => {
            let fields = fields.iter().map(|f| (f.name.clone(), Some(f.ty)));
            (TypeKind::Record, 0, fields.collect())
        }
        Ty::Tuple(list) => {
            let list: Vec<_> = list.iter().copied().map(Some).collect();
            (TypeKind::Tuple, 0, unnamed(&list))
        }
        Ty::Variant(cases) => {
            let cases = cases.iter().map(|c| (c.name.clone(), c.ty));
            (TypeKind::Variant, 0, cases.collect())
        }
        Ty::Enum(names) => (TypeKind::Enum, 0, labels(names)),
        Ty::Flags(names) => (TypeKind::Flags, 0, labels(names)),
        Ty::Option(ty) => (TypeKind::Option, 0, unnamed(&[Some(*ty)])),
        Ty::Result(ok, err) => (TypeKind::Result, 0, unnamed(&[*ok, *err])),
        Ty::Own(id) => (TypeKind::Own, resource(*id), Vec::new()),
        Ty::Borrow(id) => (TypeKind::Borrow, resource(*id), Vec::new()),
        Ty::Stream(ty) => (TypeKind::Stream, 0, unnamed(&[*ty])),
        Ty::Future(ty) => (TypeKind::Future, 0, unnamed(&[*ty])),
    }
}
