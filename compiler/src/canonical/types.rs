//! All types of a program, with what is known of each.

use super::nature::Nature;
use super::ty::{Flat, FuncTy, FuncTyId, Layout, Ty, TyId};
use crate::index::ResourceId;
use foldhash::{HashMap, HashSet, HashSetExt};
use std::fmt::Write;
use wasmelt_abi::PtrType;
use wasmparser::ValType;

/// All value and function types of a program.
#[derive(Default, Debug)]
pub struct Types {
    pub(super) types: Vec<Ty>,
    pub(super) ids: HashMap<Ty, TyId>,
    /// By [`PtrType`], as `flats`.
    pub(super) layouts: Vec<[Layout; 2]>,
    pub(super) flats: Vec<[Flat; 2]>,
    pub(super) natures: Vec<Nature>,
    funcs: Vec<FuncTy>,
    func_ids: HashMap<FuncTy, FuncTyId>,
}

/// All, at their positions as numbers.
pub(super) const PTR_TYPES: [PtrType; 2] = [PtrType::I32, PtrType::I64];

impl Types {
    pub fn intern_func(&mut self, ty: FuncTy) -> FuncTyId {
        if let Some(&id) = self.func_ids.get(&ty) {
            return id;
        }
        let id = u32::try_from(self.funcs.len()).expect("wasm limits the number of types");
        let id = FuncTyId(id);
        self.funcs.push(ty.clone());
        self.func_ids.insert(ty, id);
        id
    }

    #[must_use]
    pub fn ty(&self, id: TyId) -> &Ty {
        &self.types[id.0 as usize]
    }

    #[must_use]
    pub fn func(&self, id: FuncTyId) -> &FuncTy {
        &self.funcs[id.0 as usize]
    }

    /// In a memory with pointers of this type.
    #[must_use]
    pub fn layout(&self, id: TyId, ptr: PtrType) -> Layout {
        self.layouts[id.0 as usize][ptr as usize]
    }

    /// Of a side with pointers of this type. Their number is the same for both.
    #[must_use]
    pub fn flat(&self, id: TyId, ptr: PtrType) -> &Flat {
        &self.flats[id.0 as usize][ptr as usize]
    }

    /// The flat values of a type that is passed flat.
    ///
    /// # Panics
    /// When it has too many.
    #[must_use]
    pub fn flat_values(&self, id: TyId, ptr: PtrType) -> &[ValType] {
        match self.flat(id, ptr) {
            Flat::Values(values) => values,
            Flat::TooMany => unreachable!("a part has no more flat values than the whole"),
        }
    }

    /// Those of the types, and of the types inside them, that are `wanted`. Types share their
    /// parts: each is looked at once.
    fn parts(&self, roots: impl IntoIterator<Item = TyId>, wanted: fn(&Ty) -> bool) -> Vec<TyId> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut work: Vec<TyId> = roots.into_iter().collect();
        while let Some(id) = work.pop() {
            if !seen.insert(id) {
                continue;
            }
            if wanted(self.ty(id)) {
                found.push(id);
            }
            match self.ty(id) {
                Ty::List(ty) | Ty::FixedList(ty, _) | Ty::Option(ty) => work.push(*ty),
                Ty::Stream(ty) | Ty::Future(ty) => work.extend(*ty),
                Ty::Map(key, value) => work.extend([*key, *value]),
                Ty::Record(_) | Ty::Tuple(_) | Ty::Variant(_) | Ty::Result(..) => {
                    work.extend(self.members(id));
                    work.extend(self.cases(id).into_iter().flatten().flatten());
                }
                _ => {}
            }
        }
        found
    }

    /// The types of streams and futures in values of a type.
    #[must_use]
    pub fn ends(&self, id: TyId) -> Vec<TyId> {
        self.parts([id], |ty| matches!(ty, Ty::Stream(_) | Ty::Future(_)))
    }

    #[must_use]
    pub fn nature(&self, id: TyId) -> Nature {
        self.natures[id.0 as usize]
    }

    /// The members of a record or tuple.
    #[must_use]
    pub fn members(&self, id: TyId) -> Vec<TyId> {
        match self.ty(id) {
            Ty::Record(fields) => fields.iter().map(|f| f.ty).collect(),
            Ty::Tuple(types) => types.clone(),
            Ty::FixedList(ty, len) => vec![*ty; *len as usize],
            _ => Vec::new(),
        }
    }

    /// The payloads of a variant in the wide sense: variant, enum, option or result.
    #[must_use]
    pub fn cases(&self, id: TyId) -> Option<Vec<Option<TyId>>> {
        match self.ty(id) {
            Ty::Variant(cases) => Some(cases.iter().map(|c| c.ty).collect()),
            Ty::Enum(names) => Some(vec![None; names.len()]),
            Ty::Option(ty) => Some(vec![None, Some(*ty)]),
            Ty::Result(ok, err) => Some(vec![*ok, *err]),
            _ => None,
        }
    }

    /// Bytes of the discriminant of a variant of so many cases.
    #[must_use]
    pub fn discriminant_bytes(cases: usize) -> u32 {
        match cases {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        }
    }

    /// Where the payloads of a variant begin.
    #[must_use]
    pub fn payload_offset(&self, cases: &[Option<TyId>], ptr: PtrType) -> u32 {
        let align = |ty: TyId| self.layout(ty, ptr).align;
        let align = cases.iter().flatten().map(|&ty| align(ty)).max();
        Types::discriminant_bytes(cases.len()).next_multiple_of(align.unwrap_or(1))
    }

    /// Offset of each of the types when they follow each other, and the layout of all.
    #[must_use]
    pub fn sequence(
        &self,
        types: impl IntoIterator<Item = TyId>,
        ptr: PtrType,
    ) -> (Vec<u32>, Layout) {
        let mut offsets = Vec::new();
        let mut end: u32 = 0;
        let mut align = 1;
        for ty in types {
            let layout = self.layout(ty, ptr);
            // Validation limits the size of every type to far below 4 GiB.
            let start = end
                .checked_next_multiple_of(layout.align)
                .unwrap_or(u32::MAX);
            offsets.push(start);
            end = start.saturating_add(layout.bytes);
            align = layout.align.max(align);
        }
        let bytes = end.checked_next_multiple_of(align).unwrap_or(u32::MAX);
        (offsets, Layout { bytes, align })
    }

    /// The text of a type in the notation of `wasmelt_abi::HostInterface`, all names expanded.
    #[must_use]
    pub fn text(&self, id: TyId, resource: &dyn Fn(ResourceId) -> String) -> String {
        let text = |id: TyId| self.text(id, resource);
        let optional = |id: Option<TyId>| id.map_or_else(|| String::from("_"), text);
        match self.ty(id) {
            Ty::Bool => "bool".into(),
            Ty::S8 => "s8".into(),
            Ty::U8 => "u8".into(),
            Ty::S16 => "s16".into(),
            Ty::U16 => "u16".into(),
            Ty::S32 => "s32".into(),
            Ty::U32 => "u32".into(),
            Ty::S64 => "s64".into(),
            Ty::U64 => "u64".into(),
            Ty::F32 => "f32".into(),
            Ty::F64 => "f64".into(),
            Ty::Char => "char".into(),
            Ty::String => "string".into(),
            Ty::ErrorContext => "error-context".into(),
            Ty::List(ty) => format!("list<{}>", text(*ty)),
            Ty::FixedList(ty, len) => format!("list<{},{len}>", text(*ty)),
            Ty::Map(key, value) => format!("map<{},{}>", text(*key), text(*value)),
            Ty::Record(fields) => {
                let list = fields.iter().map(|f| format!("{}:{}", f.name, text(f.ty)));
                format!("record{{{}}}", joined(list))
            }
            Ty::Tuple(types) => format!("tuple<{}>", joined(types.iter().map(|&t| text(t)))),
            Ty::Variant(cases) => {
                let list = cases.iter().map(|c| match c.ty {
                    Some(ty) => format!("{}:{}", c.name, text(ty)),
                    None => c.name.clone(),
                });
                format!("variant{{{}}}", joined(list))
            }
            Ty::Enum(names) => format!("enum{{{}}}", names.join(",")),
            Ty::Flags(names) => format!("flags{{{}}}", names.join(",")),
            Ty::Option(ty) => format!("option<{}>", text(*ty)),
            Ty::Result(ok, err) => format!("result<{},{}>", optional(*ok), optional(*err)),
            Ty::Own(id) => format!("own<{}>", resource(*id)),
            Ty::Borrow(id) => format!("borrow<{}>", resource(*id)),
            Ty::Stream(ty) => format!("stream<{}>", optional(*ty)),
            Ty::Future(ty) => format!("future<{}>", optional(*ty)),
        }
    }

    /// The text of a function type, as in [`Types::text`].
    #[must_use]
    pub fn func_text(&self, id: FuncTyId, resource: &dyn Fn(ResourceId) -> String) -> String {
        let ty = self.func(id);
        let params = ty.params.iter().map(|p| self.text(p.1, resource));
        let start = if ty.is_async { "async" } else { "" };
        let mut text = format!("{start}({})", joined(params));
        if let Some(result) = ty.result {
            let _ = write!(text, "->{}", self.text(result, resource));
        }
        text
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}
