//! What passing values of a type from one component to another takes: whether their bytes can be
//! copied as they are, and which parts are worth a function of their own.
//!
//! Types share their parts, so that the code for a type written out in full can be exponentially
//! longer than the type. A type whose code would be long is therefore passed by a function of its
//! own, a [`Helper`], which all uses share.

use super::{Ty, TyId, Types};
use crate::index::OptionsId;
use wasmelt_abi::PtrType;

/// What passing a value of a type takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nature {
    /// Every bit pattern of its bytes is a value, and none of them is padding: values in memory
    /// are passed by copying bytes.
    pub plain: bool,
    /// There are borrowed handles in it.
    pub borrows: bool,
    /// There are strings in it.
    pub strings: bool,
    /// There is something in it that is allocated.
    pub allocates: bool,
    /// There are streams or futures in it.
    pub ends: bool,
    /// Length of the code, in instructions or so.
    cost: u32,
}

/// Where the values of one side are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    Flat,
    Memory,
}

/// A function that passes values of one type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Helper {
    pub ty: TyId,
    pub from: OptionsId,
    pub to: OptionsId,
    pub source: Form,
    pub target: Form,
}

/// Types whose code is longer than this have a helper.
const INLINE_COST_MAX: u32 = 120;
const CALL_COST: u32 = 8;
const LIST_COST: u32 = 20;
/// Fixed-length lists in memory with up to this many elements are passed without a loop.
pub const UNROLLED_MAX: u32 = 16;

impl Nature {
    fn scalar(plain: bool, cost: u32) -> Nature {
        Nature {
            plain,
            borrows: false,
            strings: false,
            allocates: false,
            ends: false,
            cost,
        }
    }

    /// All that is in several parts; `plain` when all of them are.
    fn of_parts(parts: impl IntoIterator<Item = Nature>) -> Nature {
        let none = Nature::scalar(true, 0);
        parts.into_iter().fold(none, |all, part| Nature {
            plain: all.plain && part.plain,
            borrows: all.borrows || part.borrows,
            strings: all.strings || part.strings,
            allocates: all.allocates || part.allocates,
            ends: all.ends || part.ends,
            cost: all.cost.saturating_add(part.inline_cost()),
        })
    }

    fn and(self, plain: bool, cost: u32) -> Nature {
        Nature {
            plain: self.plain && plain,
            cost: self.cost.saturating_add(cost),
            ..self
        }
    }

    /// Whether values are passed by a [`Helper`].
    #[must_use]
    pub fn is_outlined(self) -> bool {
        self.cost > INLINE_COST_MAX
    }

    fn inline_cost(self) -> u32 {
        if self.is_outlined() {
            CALL_COST
        } else {
            self.cost
        }
    }
}

impl Types {
    pub(super) fn nature_of(&self, ty: &Ty) -> Nature {
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

    /// The parts of a value that helpers pass when this one is passed: only the outermost.
    #[must_use]
    pub fn outlined_parts(&self, ty: TyId, source: Form, target: Form) -> Vec<(TyId, Form, Form)> {
        let mut found = Vec::new();
        self.visit_parts(ty, source, target, &mut found);
        found
    }

    fn visit(&self, ty: TyId, source: Form, target: Form, found: &mut Vec<(TyId, Form, Form)>) {
        if !self.nature(ty).is_outlined() {
            self.visit_parts(ty, source, target, found);
        } else if !found.contains(&(ty, source, target)) {
            found.push((ty, source, target));
        }
    }

    fn visit_parts(
        &self,
        ty: TyId,
        source: Form,
        target: Form,
        found: &mut Vec<(TyId, Form, Form)>,
    ) {
        match self.ty(ty) {
            Ty::List(element) if self.nature(*element).plain => {}
            Ty::List(element) => self.visit(*element, Form::Memory, Form::Memory, found),
            Ty::Map(key, value) => {
                self.visit(*key, Form::Memory, Form::Memory, found);
                self.visit(*value, Form::Memory, Form::Memory, found);
            }
            Ty::FixedList(element, _) => self.visit(*element, source, target, found),
            Ty::Record(_) | Ty::Tuple(_) => {
                for member in self.members(ty) {
                    self.visit(member, source, target, found);
                }
            }
            Ty::Variant(_) | Ty::Option(_) | Ty::Result(..) => {
                for payload in self.cases(ty).into_iter().flatten().flatten() {
                    self.visit(payload, source, target, found);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_types_have_no_padding_and_nothing_to_check() {
        let mut types = Types::default();
        let u8 = types.intern(Ty::U8);
        let u32 = types.intern(Ty::U32);
        let bool = types.intern(Ty::Bool);
        let packed = types.intern(Ty::Tuple(vec![u32, u8, u8, u8, u8]));
        let padded = types.intern(Ty::Tuple(vec![u32, u8]));
        let checked = types.intern(Ty::Tuple(vec![bool, u8]));
        let fixed = types.intern(Ty::FixedList(packed, 1000));
        let flags = |count: usize| Ty::Flags((0..count).map(|i| format!("f{i}")).collect());
        let whole = types.intern(flags(16));
        let part = types.intern(flags(15));
        let plain = [u8, u32, packed, fixed, whole].map(|ty| types.nature(ty).plain);
        assert_eq!(plain, [true; 5]);
        let not = [bool, padded, checked, part].map(|ty| types.nature(ty).plain);
        assert_eq!(not, [false; 4]);
    }

    #[test]
    fn shared_parts_are_passed_by_shared_helpers() {
        let mut types = Types::default();
        let mut ty = types.intern(Ty::Char);
        for _ in 0..13 {
            ty = types.intern(Ty::Tuple(vec![ty; 4]));
        }
        assert!(types.nature(ty).is_outlined());
        let parts = types.outlined_parts(ty, Form::Memory, Form::Memory);
        assert_eq!(parts.len(), 1);
        let string = types.intern(Ty::String);
        let list = types.intern(Ty::List(string));
        assert!(!types.nature(list).is_outlined());
        assert!(types.nature(list).strings && types.nature(list).allocates);
        let parts = types.outlined_parts(list, Form::Flat, Form::Flat);
        assert_eq!(parts, []);
    }
}
