//! Which parts of a value are passed by functions of their own.

use super::passing::Form;
use super::ty::{Ty, TyId};
use super::types::Types;
use crate::index::OptionsId;

/// A function that passes values of one type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Helper {
    pub ty: TyId,
    pub from: OptionsId,
    pub to: OptionsId,
    pub source: Form,
    pub target: Form,
}

impl Types {
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
