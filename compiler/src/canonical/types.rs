//! Value and function types of components, with their layouts.
//!
//! Types are structural: equal types have equal numbers, and a resource type in them is one that
//! an instantiation made or the host has, never an import.

use super::Nature;
use crate::index::ResourceId;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use wasmelt_abi::PtrType;
use wasmparser::ValType;

/// A value type of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TyId(u32);

/// A function type of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncTyId(u32);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    ErrorContext,
    List(TyId),
    FixedList(TyId, u32),
    Map(TyId, TyId),
    Record(Vec<Field>),
    Tuple(Vec<TyId>),
    Variant(Vec<Case>),
    Enum(Vec<String>),
    Option(TyId),
    Result(Option<TyId>, Option<TyId>),
    Flags(Vec<String>),
    Own(ResourceId),
    Borrow(ResourceId),
    Stream(Option<TyId>),
    Future(Option<TyId>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    pub name: String,
    pub ty: TyId,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Case {
    pub name: String,
    pub ty: Option<TyId>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncTy {
    /// Name and type.
    pub params: Vec<(String, TyId)>,
    pub result: Option<TyId>,
    pub is_async: bool,
}

/// Size and alignment in a memory, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    pub bytes: u32,
    pub align: u32,
}

/// The flat values of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flat {
    Values(Vec<ValType>),
    /// More than are ever passed flat.
    TooMany,
}

/// All value and function types of a program.
#[derive(Default, Debug)]
pub struct Types {
    types: Vec<Ty>,
    ids: HashMap<Ty, TyId>,
    /// By [`PtrType`], as `flats`.
    layouts: Vec<[Layout; 2]>,
    flats: Vec<[Flat; 2]>,
    natures: Vec<Nature>,
    funcs: Vec<FuncTy>,
    func_ids: HashMap<FuncTy, FuncTyId>,
}

/// All, at their positions as numbers.
const PTR_TYPES: [PtrType; 2] = [PtrType::I32, PtrType::I64];

impl Types {
    /// The number of a type, which is added if it is new.
    pub fn intern(&mut self, ty: Ty) -> TyId {
        if let Some(&id) = self.ids.get(&ty) {
            return id;
        }
        let id = TyId(u32::try_from(self.types.len()).expect("wasm limits the number of types"));
        self.layouts
            .push(PTR_TYPES.map(|ptr| self.layout_of(&ty, ptr)));
        self.flats.push(PTR_TYPES.map(|ptr| self.flat_of(&ty, ptr)));
        self.natures.push(self.nature_of(&ty));
        self.types.push(ty.clone());
        self.ids.insert(ty, id);
        id
    }

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

    pub(super) fn layout_of(&self, ty: &Ty, ptr: PtrType) -> Layout {
        let square = |bytes| Layout {
            bytes,
            align: bytes,
        };
        let cases = |cases: &[Option<TyId>]| {
            let tag = Types::discriminant_bytes(cases.len());
            let layouts = || cases.iter().flatten().map(|&ty| self.layout(ty, ptr));
            let align = layouts().map(|l| l.align).max().unwrap_or(1).max(tag);
            let bytes = layouts().map(|l| l.bytes).max().unwrap_or(0);
            let bytes = self.payload_offset(cases, ptr).saturating_add(bytes);
            Layout {
                bytes: bytes.checked_next_multiple_of(align).unwrap_or(u32::MAX),
                align,
            }
        };
        match ty {
            Ty::Bool | Ty::S8 | Ty::U8 => square(1),
            Ty::S16 | Ty::U16 => square(2),
            Ty::S32 | Ty::U32 | Ty::F32 | Ty::Char => square(4),
            Ty::S64 | Ty::U64 | Ty::F64 => square(8),
            Ty::String | Ty::List(_) | Ty::Map(..) => Layout {
                bytes: 2 * ptr.bytes(),
                align: ptr.bytes(),
            },
            Ty::ErrorContext | Ty::Own(_) | Ty::Borrow(_) | Ty::Stream(_) | Ty::Future(_) => {
                square(4)
            }
            Ty::FixedList(ty, len) => {
                let element = self.layout(*ty, ptr);
                Layout {
                    bytes: element.bytes.saturating_mul(*len),
                    align: element.align,
                }
            }
            Ty::Record(fields) => self.sequence(fields.iter().map(|f| f.ty), ptr).1,
            Ty::Tuple(types) => self.sequence(types.iter().copied(), ptr).1,
            Ty::Variant(list) => cases(&list.iter().map(|c| c.ty).collect::<Vec<_>>()),
            Ty::Enum(names) => square(Types::discriminant_bytes(names.len())),
            Ty::Option(ty) => cases(&[None, Some(*ty)]),
            Ty::Result(ok, err) => cases(&[*ok, *err]),
            Ty::Flags(names) => match names.len() {
                0..=8 => square(1),
                9..=16 => square(2),
                _ => square(4),
            },
        }
    }

    fn flat_of(&self, ty: &Ty, ptr: PtrType) -> Flat {
        use ValType::{F32, F64, I32, I64};
        let one = |ty| Flat::Values(vec![ty]);
        match ty {
            Ty::Bool | Ty::S8 | Ty::U8 | Ty::S16 | Ty::U16 | Ty::S32 | Ty::U32 | Ty::Char => {
                one(I32)
            }
            Ty::ErrorContext
            | Ty::Own(_)
            | Ty::Borrow(_)
            | Ty::Stream(_)
            | Ty::Future(_)
            | Ty::Flags(_)
            | Ty::Enum(_) => one(I32),
            Ty::S64 | Ty::U64 => one(I64),
            Ty::F32 => one(F32),
            Ty::F64 => one(F64),
            Ty::String | Ty::List(_) | Ty::Map(..) => Flat::Values(vec![val_type(ptr); 2]),
            Ty::FixedList(ty, len) => match self.flat(*ty, ptr) {
                Flat::Values(values)
                    if values.len() * (*len as usize) <= super::FLAT_PARAMS_MAX =>
                {
                    Flat::Values(values.repeat(*len as usize))
                }
                _ => Flat::TooMany,
            },
            Ty::Record(fields) => self.flat_sequence(fields.iter().map(|f| f.ty), ptr),
            Ty::Tuple(types) => self.flat_sequence(types.iter().copied(), ptr),
            Ty::Variant(cases) => self.flat_cases(cases.iter().map(|c| c.ty), ptr),
            Ty::Option(ty) => self.flat_cases([None, Some(*ty)], ptr),
            Ty::Result(ok, err) => self.flat_cases([*ok, *err], ptr),
        }
    }

    fn flat_sequence(&self, types: impl Iterator<Item = TyId>, ptr: PtrType) -> Flat {
        let mut all = Vec::new();
        for ty in types {
            match self.flat(ty, ptr) {
                Flat::Values(values) if all.len() + values.len() <= super::FLAT_PARAMS_MAX => {
                    all.extend_from_slice(values);
                }
                _ => return Flat::TooMany,
            }
        }
        Flat::Values(all)
    }

    fn flat_cases(&self, cases: impl IntoIterator<Item = Option<TyId>>, ptr: PtrType) -> Flat {
        let mut all: Vec<ValType> = vec![ValType::I32];
        for ty in cases.into_iter().flatten() {
            let Flat::Values(values) = self.flat(ty, ptr) else {
                return Flat::TooMany;
            };
            for (position, &value) in values.iter().enumerate() {
                match all.get_mut(1 + position) {
                    Some(have) => *have = join(*have, value),
                    None => all.push(value),
                }
            }
        }
        if all.len() > super::FLAT_PARAMS_MAX {
            return Flat::TooMany;
        }
        Flat::Values(all)
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

/// The core type of a pointer.
#[must_use]
pub fn val_type(ptr: PtrType) -> ValType {
    match ptr {
        PtrType::I32 => ValType::I32,
        PtrType::I64 => ValType::I64,
    }
}

/// The flat type that holds values of both.
fn join(a: ValType, b: ValType) -> ValType {
    match (a, b) {
        _ if a == b => a,
        (ValType::I32, ValType::F32) | (ValType::F32, ValType::I32) => ValType::I32,
        _ => ValType::I64,
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use PtrType::{I32, I64};

    fn layout(bytes: u32, align: u32) -> Layout {
        Layout { bytes, align }
    }

    #[test]
    fn layouts_and_flats() {
        let mut types = Types::default();
        let u8 = types.intern(Ty::U8);
        let u64 = types.intern(Ty::U64);
        let f32 = types.intern(Ty::F32);
        let string = types.intern(Ty::String);
        let tuple = types.intern(Ty::Tuple(vec![u8, u64, string]));
        assert_eq!(types.layout(tuple, I32), layout(24, 8));
        let result = types.intern(Ty::Result(Some(u64), Some(f32)));
        for ptr in PTR_TYPES {
            assert_eq!(types.layout(result, ptr), layout(16, 8));
            let flat = Flat::Values(vec![ValType::I32, ValType::I64]);
            assert_eq!(types.flat(result, ptr), &flat);
        }
        let option = types.intern(Ty::Option(string));
        assert_eq!(types.layout(option, I32), layout(12, 4));
        let many = types.intern(Ty::Tuple(vec![string; 9]));
        assert_eq!(types.flat(many, I32), &Flat::TooMany);
        assert_eq!(types.flat(many, I64), &Flat::TooMany);
        assert_eq!(types.intern(Ty::Option(string)), option);
    }

    #[test]
    fn pointers_of_64_bits() {
        let mut types = Types::default();
        let u8 = types.intern(Ty::U8);
        let u32 = types.intern(Ty::U32);
        let f32 = types.intern(Ty::F32);
        let string = types.intern(Ty::String);
        let list = types.intern(Ty::List(u8));
        let map = types.intern(Ty::Map(u32, string));
        for ty in [string, list, map] {
            assert_eq!(types.layout(ty, I64), layout(16, 8));
            assert_eq!(types.flat_values(ty, I64), [ValType::I64; 2]);
        }
        // The members of a record move apart.
        let tuple = types.intern(Ty::Tuple(vec![u8, string, u8]));
        assert_eq!(types.sequence([u8, string, u8], I32).0, [0, 4, 12]);
        assert_eq!(types.layout(tuple, I32), layout(16, 4));
        assert_eq!(types.sequence([u8, string, u8], I64).0, [0, 8, 24]);
        assert_eq!(types.layout(tuple, I64), layout(32, 8));
        let fixed = types.intern(Ty::FixedList(tuple, 3));
        assert_eq!(types.layout(fixed, I64), layout(96, 8));
        // A pointer and a number of 32 bits share a flat value, of which each takes its part.
        let result = types.intern(Ty::Result(Some(string), Some(f32)));
        let flat = |ptr| types.flat_values(result, ptr).to_vec();
        assert_eq!(flat(I32), [ValType::I32; 3]);
        assert_eq!(flat(I64), [ValType::I32, ValType::I64, ValType::I64]);
        assert_eq!(types.layout(result, I32), layout(12, 4));
        assert_eq!(types.layout(result, I64), layout(24, 8));
        assert_eq!(types.payload_offset(&[Some(string), Some(f32)], I64), 8);
    }
}
