//! Adding a type: its layout, its flat values and what passing it takes are worked out once.

use super::nature::{LIST_COST, Nature, UNROLLED_MAX};
use super::passing::FLAT_PARAMS_MAX;
use super::ty::{Flat, Layout, Ty, TyId, val_type};
use super::types::{PTR_TYPES, Types};
use wasmelt_abi::PtrType;
use wasmparser::ValType;

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

    fn layout_of(&self, ty: &Ty, ptr: PtrType) -> Layout {
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
                Flat::Values(values) if values.len() * (*len as usize) <= FLAT_PARAMS_MAX => {
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
                Flat::Values(values) if all.len() + values.len() <= FLAT_PARAMS_MAX => {
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
        if all.len() > FLAT_PARAMS_MAX {
            return Flat::TooMany;
        }
        Flat::Values(all)
    }

    fn nature_of(&self, ty: &Ty) -> Nature {
        let of = |ty: TyId| self.nature(ty);
        let list = |elements: Nature| Nature {
            allocates: true,
            ..elements.and(false, LIST_COST)
        };
        let cases = |types: &[Option<TyId>]| {
            let cost = u32::try_from(types.len()).unwrap_or(u32::MAX);
            let payloads = types.iter().flatten().map(|&ty| of(ty));
            Nature::of_parts(payloads).and(false, cost.saturating_add(4))
        };
        match ty {
            Ty::S8 | Ty::U8 | Ty::S16 | Ty::U16 | Ty::S32 | Ty::U32 | Ty::S64 | Ty::U64 => {
                Nature::scalar(true, 2)
            }
            Ty::F32 | Ty::F64 => Nature::scalar(true, 2),
            Ty::Bool | Ty::Enum(_) => Nature::scalar(false, 3),
            Ty::Char => Nature::scalar(false, 5),
            Ty::Flags(names) => {
                let bits = 8 * self.layout_of(ty, PtrType::I32).bytes as usize;
                Nature::scalar(names.len() == bits, 3)
            }
            Ty::String => Nature {
                strings: true,
                allocates: true,
                ..Nature::scalar(false, LIST_COST)
            },
            Ty::Borrow(_) => Nature {
                borrows: true,
                ..Nature::scalar(false, 8)
            },
            Ty::Stream(_) | Ty::Future(_) => Nature {
                ends: true,
                ..Nature::scalar(false, 8)
            },
            Ty::Own(_) | Ty::ErrorContext => Nature::scalar(false, 8),
            Ty::List(element) => list(Nature::of_parts([of(*element)])),
            Ty::Map(key, value) => list(Nature::of_parts([of(*key), of(*value)])),
            Ty::FixedList(element, len) => {
                let copies = if *len <= UNROLLED_MAX { *len } else { 2 };
                let part = of(*element);
                let cost = part.inline_cost().saturating_mul(copies);
                Nature::of_parts([part]).and(true, cost)
            }
            Ty::Record(fields) => self.sequence_nature(fields.iter().map(|f| f.ty)),
            Ty::Tuple(types) => self.sequence_nature(types.iter().copied()),
            Ty::Variant(list) => cases(&list.iter().map(|c| c.ty).collect::<Vec<_>>()),
            Ty::Option(ty) => cases(&[None, Some(*ty)]),
            Ty::Result(ok, err) => cases(&[*ok, *err]),
        }
    }

    /// Of values that follow each other; not plain if there is padding. What is plain has no
    /// pointers, so it is the same in every memory.
    fn sequence_nature(&self, types: impl Iterator<Item = TyId> + Clone) -> Nature {
        let bytes = |ty: TyId| u64::from(self.layout(ty, PtrType::I32).bytes);
        let used: u64 = types.clone().map(bytes).sum();
        let packed = used == u64::from(self.sequence(types.clone(), PtrType::I32).1.bytes);
        Nature::of_parts(types.map(|ty| self.nature(ty))).and(packed, 0)
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
