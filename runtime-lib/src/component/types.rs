//! The types of values that only run time knows: a safe view of [`TypeDesc`].

use crate::component::layout::discriminant_bytes;
use crate::vm::process::items;
use wasmelt_abi::{FLAT_PARAMS_MAX, PtrType, TypeDesc, TypeKind, TypeMember};

/// A value type of the program's description.
#[derive(Clone, Copy, Debug)]
pub struct Type(&'static TypeDesc);

/// All kinds, at the positions that they have as numbers.
const KINDS: [TypeKind; 28] = [
    TypeKind::Bool,
    TypeKind::S8,
    TypeKind::U8,
    TypeKind::S16,
    TypeKind::U16,
    TypeKind::S32,
    TypeKind::U32,
    TypeKind::S64,
    TypeKind::U64,
    TypeKind::F32,
    TypeKind::F64,
    TypeKind::Char,
    TypeKind::String,
    TypeKind::List,
    TypeKind::Record,
    TypeKind::Tuple,
    TypeKind::Variant,
    TypeKind::Enum,
    TypeKind::Option,
    TypeKind::Result,
    TypeKind::Flags,
    TypeKind::Own,
    TypeKind::Borrow,
    TypeKind::FixedList,
    TypeKind::Map,
    TypeKind::Stream,
    TypeKind::Future,
    TypeKind::ErrorContext,
];

impl Type {
    /// The type at an address of the program's description; none at null.
    #[must_use]
    pub(crate) fn at(desc: *const TypeDesc) -> Option<Type> {
        // SAFETY: such addresses exist only in the program's description, where the compiler
        // wrote null or the address of a `TypeDesc` in read-only data.
        unsafe { desc.as_ref() }.map(Type)
    }

    /// Whether both are the same type: the compiler describes each type once.
    #[must_use]
    pub(in crate::component) fn is(self, other: Type) -> bool {
        std::ptr::eq(self.0, other.0)
    }

    /// Its address.
    #[cfg(test)]
    pub(in crate::component) fn desc(self) -> *const TypeDesc {
        self.0
    }

    #[must_use]
    pub fn kind(self) -> TypeKind {
        *KINDS
            .get(self.0.kind as usize)
            .expect("the compiler wrote a kind")
    }

    /// Whether its values are whatever their bytes are.
    #[must_use]
    pub fn is_number(self) -> bool {
        use TypeKind::{F32, F64, S8, S16, S32, S64, U8, U16, U32, U64};
        matches!(
            self.kind(),
            U8 | U16 | U32 | U64 | S8 | S16 | S32 | S64 | F32 | F64
        )
    }

    /// Bytes in a memory with addresses of this type.
    #[must_use]
    pub fn bytes(self, ptr_type: PtrType) -> u32 {
        self.0.bytes[ptr_type as usize]
    }

    /// Alignment in a memory with addresses of this type, a power of two.
    #[must_use]
    pub fn align(self, ptr_type: PtrType) -> u32 {
        self.0.align[ptr_type as usize]
    }

    /// Elements of a list of fixed length.
    #[must_use]
    pub fn fixed_len(self) -> u32 {
        self.0.len
    }

    /// Number of a handle's resource type.
    #[must_use]
    pub fn resource(self) -> u32 {
        self.0.len
    }

    /// Of a handle: [`TypeDesc::definer`].
    #[must_use]
    pub fn definer(self) -> u32 {
        self.0.definer
    }

    /// Number of flat values; right up to 16.
    #[must_use]
    pub fn flat_len(self) -> usize {
        self.0.flat_len as usize
    }

    /// Whether `task.return` is given it as flat values.
    pub(in crate::component) fn flat_fits(self) -> bool {
        self.flat_len() <= FLAT_PARAMS_MAX
    }

    /// The types of its members, where they have one.
    pub fn members(self) -> impl ExactSizeIterator<Item = Option<Type>> {
        self.member_descs().iter().map(|member| Type::at(member.ty))
    }

    /// The type of a member, where there is such a member and it has one.
    #[must_use]
    pub fn member(self, position: u32) -> Option<Type> {
        Type::at(self.member_descs().get(position as usize)?.ty)
    }

    /// The type of a list's elements, or of what an option holds.
    #[must_use]
    pub fn element(self) -> Type {
        self.member(0).expect("such a type has a member")
    }

    #[must_use]
    pub fn member_count(self) -> u32 {
        self.member_descs().len() as u32
    }

    /// The name of a member; those of options and results are not in the description.
    #[must_use]
    pub fn name(self, position: u32) -> &'static str {
        match (self.kind(), position) {
            (TypeKind::Option, 0) => "none",
            (TypeKind::Option, _) => "some",
            (TypeKind::Result, 0) => "ok",
            (TypeKind::Result, _) => "err",
            _ => {
                let name = self.member_descs().get(position as usize);
                name.map_or("", |member| text(items(&member.name)))
            }
        }
    }

    /// The position of the member with a name.
    #[must_use]
    pub fn position(self, name: &str) -> Option<u32> {
        (0..self.member_count()).find(|&position| self.name(position) == name)
    }

    /// Number of cases of a variant, enum, option or result.
    #[must_use]
    pub fn case_count(self) -> u32 {
        match self.kind() {
            TypeKind::Option => 2,
            _ => self.member_count(),
        }
    }

    /// What a case of a variant, enum, option or result holds.
    #[must_use]
    pub fn case(self, case: u32) -> Option<Type> {
        match (self.kind(), case) {
            (TypeKind::Option, 0) => None,
            (TypeKind::Option, _) => self.member(0),
            _ => self.member(case),
        }
    }

    /// Bytes of a discriminant in memory (`discriminant_type`).
    #[must_use]
    pub fn discriminant_bytes(self) -> u32 {
        discriminant_bytes(self.case_count() as usize)
    }

    /// Where the payload of a case begins in memory (`max_case_alignment`).
    #[must_use]
    pub fn payload_offset(self, ptr_type: PtrType) -> u64 {
        let aligns = (0..self.case_count())
            .filter_map(|case| self.case(case))
            .map(|ty| ty.align(ptr_type));
        let align = aligns.max().unwrap_or(1);
        self.discriminant_bytes().next_multiple_of(align).into()
    }

    fn member_descs(self) -> &'static [TypeMember] {
        items(&self.0.members)
    }
}

/// A name of the program's description: the compiler wrote UTF-8.
#[must_use]
pub fn text(bytes: &'static [u8]) -> &'static str {
    std::str::from_utf8(bytes).unwrap_or("")
}
