//! Types of the whole program, numbered so that equal types have equal numbers.
//!
//! Types are equal if their recursion groups are: a group is found again by its members, in which
//! references to the group itself are positions and all others are numbers. Definitions are kept
//! with the program's numbers in place of the module's indices, so that types of different modules
//! can be compared. Specification: core, "Type Definitions" and "Matching".

use crate::error::{Error, ErrorKind, Result};
use crate::index::{SigId, TypeIndex};
use crate::parse::Module;
use foldhash::HashMap;
use wasmparser::{
    AbstractHeapType, CompositeInnerType, FieldType, FuncType, HeapType, PackedIndex, RefType,
    StorageType, SubType, UnpackedIndex, ValType,
};

/// References to types have so many bits for a number.
const TYPES_MAX: usize = 1 << 20;

/// A type of the program.
#[derive(Clone, Debug)]
pub struct TypeDef {
    pub kind: TypeKind,
    pub supertype: Option<SigId>,
}

#[derive(Clone, Debug)]
pub enum TypeKind {
    Func(FuncType),
    Struct(Box<[FieldType]>),
    Array(FieldType),
}

/// The types of a program.
#[derive(Default, Debug)]
pub struct SigTable {
    types: Vec<TypeDef>,
    /// The first type of each recursion group.
    groups: HashMap<Box<[u64]>, SigId>,
    has_objects: bool,
}

impl SigTable {
    /// The number of a final function type, which is added if it is new. What it refers to has the
    /// program's numbers.
    pub fn intern(&mut self, ty: &FuncType) -> SigId {
        let key = plain_key(ty);
        if let Some(&id) = self.groups.get(&key) {
            return id;
        }
        let id = SigId::new(self.types.len());
        self.groups.insert(key, id);
        self.types.push(TypeDef {
            kind: TypeKind::Func(ty.clone()),
            supertype: None,
        });
        id
    }

    /// The number of such a type that is there.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn find(&self, ty: &FuncType) -> SigId {
        self.groups[&plain_key(ty)]
    }

    /// The numbers of a module's types, in order.
    ///
    /// # Errors
    /// `Unsupported` for more types than have numbers.
    pub fn add_module(&mut self, module: &Module<'_>) -> Result<Vec<SigId>> {
        let mut sigs = Vec::with_capacity(module.types.len());
        let mut rest = &module.types[..];
        for &count in &module.type_groups {
            let (group, behind) = rest.split_at(count as usize);
            rest = behind;
            self.add_group(group, &mut sigs)?;
        }
        Ok(sigs)
    }

    fn add_group(&mut self, group: &[SubType], sigs: &mut Vec<SigId>) -> Result<()> {
        let start = sigs.len();
        let mut key = Key(Vec::with_capacity(8 * group.len()));
        for ty in group {
            key.subtype(ty, &|index| match sigs.get(index as usize) {
                Some(sig) => OUTSIDE | u64::from(sig.0),
                None => u64::from(index) - start as u64,
            });
        }
        let next = SigId::new(self.types.len());
        let first = *self.groups.entry(key.0.into()).or_insert(next);
        sigs.extend((0..group.len()).map(|at| SigId::new(first.index() + at)));
        if first != next {
            return Ok(());
        }
        if self.types.len() + group.len() > TYPES_MAX {
            let message = format!("more than {TYPES_MAX} different types in a program");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        for ty in group {
            let kind = kind_of(ty, sigs);
            self.has_objects |= !matches!(kind, TypeKind::Func(_));
            let supertype = ty
                .supertype_idxs
                .first()
                .and_then(|at| at.as_module_index());
            self.types.push(TypeDef {
                kind,
                supertype: supertype.map(|index| sigs[index as usize]),
            });
        }
        Ok(())
    }

    /// All types, by their numbers.
    #[must_use]
    pub fn types(&self) -> &[TypeDef] {
        &self.types
    }

    /// Whether there are types of structs or arrays.
    #[must_use]
    pub fn has_objects(&self) -> bool {
        self.has_objects
    }

    /// Whether a type is another, or has it above itself.
    #[must_use]
    pub fn is_subtype(&self, mut have: SigId, want: SigId) -> bool {
        while have != want {
            match self.types[have.index()].supertype {
                Some(supertype) => have = supertype,
                None => return false,
            }
        }
        true
    }

    /// Whether a value of type `have` can be used where `want` is asked for.
    #[must_use]
    pub fn matches(&self, have: ValType, want: ValType) -> bool {
        match (have, want) {
            (ValType::Ref(have), ValType::Ref(want)) => self.ref_matches(have, want),
            _ => have == want,
        }
    }

    #[must_use]
    pub fn ref_matches(&self, have: RefType, want: RefType) -> bool {
        (want.is_nullable() || !have.is_nullable())
            && self.heap_matches(have.heap_type(), want.heap_type())
    }

    #[must_use]
    pub fn heap_matches(&self, have: HeapType, want: HeapType) -> bool {
        use AbstractHeapType::{
            Any, Array, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct,
        };
        match (of_program(have), of_program(want)) {
            (Ok(have), Ok(want)) => self.is_subtype(have, want),
            (Ok(have), Err(want)) => match self.types[have.index()].kind {
                TypeKind::Func(_) => want == Func,
                TypeKind::Struct(_) => matches!(want, Struct | Eq | Any),
                TypeKind::Array(_) => matches!(want, Array | Eq | Any),
            },
            (Err(have), Ok(want)) => match self.types[want.index()].kind {
                TypeKind::Func(_) => have == NoFunc,
                TypeKind::Struct(_) | TypeKind::Array(_) => have == None,
            },
            (Err(have), Err(want)) => {
                have == want
                    || matches!(
                        (have, want),
                        (NoFunc, Func)
                            | (NoExtern, Extern)
                            | (NoExn, Exn)
                            | (None, I31 | Struct | Array | Eq | Any)
                            | (I31 | Struct | Array, Eq | Any)
                            | (Eq, Any)
                    )
            }
        }
    }

    /// What a reference refers to, of all kinds that can be told apart only by their type.
    #[must_use]
    pub fn hierarchy(&self, ty: HeapType) -> Hierarchy {
        use AbstractHeapType::{Exn, Extern, Func, NoExn, NoExtern, NoFunc};
        match of_program(ty) {
            Ok(sig) => match self.types[sig.index()].kind {
                TypeKind::Func(_) => Hierarchy::Func,
                TypeKind::Struct(_) | TypeKind::Array(_) => Hierarchy::Any,
            },
            Err(Func | NoFunc) => Hierarchy::Func,
            Err(Extern | NoExtern) => Hierarchy::Extern,
            Err(Exn | NoExn) => Hierarchy::Exn,
            Err(_) => Hierarchy::Any,
        }
    }
}

/// The top types of references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hierarchy {
    Func,
    Extern,
    Exn,
    Any,
}

/// The number of a type, or which abstract one it is.
pub fn of_program(ty: HeapType) -> Result<SigId, AbstractHeapType> {
    match ty {
        HeapType::Abstract { ty, .. } => Err(ty),
        HeapType::Concrete(index) | HeapType::Exact(index) => {
            Ok(SigId(index.as_module_index().expect(
                "the program's numbers are in the place of a module's",
            )))
        }
    }
}

/// A value type of a module in the program's numbers; `sigs` are those of the module's types.
pub fn value_type(ty: ValType, sigs: &[SigId]) -> ValType {
    match ty {
        ValType::Ref(ty) => ValType::Ref(ref_type(ty, sigs)),
        other => other,
    }
}

pub fn ref_type(ty: RefType, sigs: &[SigId]) -> RefType {
    RefType::new(ty.is_nullable(), heap_type(ty.heap_type(), sigs))
        .expect("a type of a module has few enough bits")
}

pub fn heap_type(ty: HeapType, sigs: &[SigId]) -> HeapType {
    match ty {
        HeapType::Concrete(UnpackedIndex::Module(index)) => {
            let sig = sigs[TypeIndex(index).index()];
            HeapType::Concrete(UnpackedIndex::Module(sig.0))
        }
        other => other,
    }
}

fn kind_of(ty: &SubType, sigs: &[SigId]) -> TypeKind {
    let field = |field: &FieldType| FieldType {
        element_type: match field.element_type {
            StorageType::Val(ty) => StorageType::Val(value_type(ty, sigs)),
            packed => packed,
        },
        mutable: field.mutable,
    };
    match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => {
            let list = |types: &[ValType]| -> Vec<ValType> {
                types.iter().map(|&ty| value_type(ty, sigs)).collect()
            };
            TypeKind::Func(FuncType::new(list(ty.params()), list(ty.results())))
        }
        CompositeInnerType::Struct(ty) => TypeKind::Struct(ty.fields.iter().map(field).collect()),
        CompositeInnerType::Array(ty) => TypeKind::Array(field(&ty.0)),
        CompositeInnerType::Cont(_) => unreachable!("refused where types are read"),
    }
}

/// Stands before the number of a type that is not in the group.
const OUTSIDE: u64 = 1 << 32;

/// A recursion group in numbers.
struct Key(Vec<u64>);

/// The key of a group of one final function type, whose references have the program's numbers.
fn plain_key(ty: &FuncType) -> Box<[u64]> {
    let mut key = Key(Vec::with_capacity(4));
    key.0.push(1);
    key.func(ty, &|sig| OUTSIDE | u64::from(sig));
    key.0.into()
}

impl Key {
    /// `number` is that of the type with an index.
    fn subtype(&mut self, ty: &SubType, number: &dyn Fn(u32) -> u64) {
        self.0.push(u64::from(ty.is_final));
        for supertype in ty
            .supertype_idxs
            .iter()
            .filter_map(PackedIndex::as_module_index)
        {
            self.0.extend([2, number(supertype)]);
        }
        match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => self.func(ty, number),
            CompositeInnerType::Struct(ty) => {
                self.0.extend([4, ty.fields.len() as u64]);
                for field in &ty.fields {
                    self.field(field, number);
                }
            }
            CompositeInnerType::Array(ty) => {
                self.0.push(5);
                self.field(&ty.0, number);
            }
            CompositeInnerType::Cont(_) => unreachable!("refused where types are read"),
        }
    }

    fn func(&mut self, ty: &FuncType, number: &dyn Fn(u32) -> u64) {
        self.0.extend([3, ty.params().len() as u64]);
        for &ty in ty.params().iter().chain(ty.results()) {
            self.value(ty, number);
        }
        // The list of results ends here, as no value is of that kind.
        self.0.push(0);
    }

    fn field(&mut self, field: &FieldType, number: &dyn Fn(u32) -> u64) {
        self.0.push(u64::from(field.mutable));
        match field.element_type {
            StorageType::I8 => self.0.push(1),
            StorageType::I16 => self.0.push(2),
            StorageType::Val(ty) => self.value(ty, number),
        }
    }

    fn value(&mut self, ty: ValType, number: &dyn Fn(u32) -> u64) {
        let word = match ty {
            ValType::I32 => 3,
            ValType::I64 => 4,
            ValType::F32 => 5,
            ValType::F64 => 6,
            ValType::V128 => 7,
            ValType::Ref(ty) => {
                let kind = 8 + u64::from(ty.is_nullable());
                let of = match ty.heap_type() {
                    HeapType::Abstract { ty, .. } => 2 * OUTSIDE + ty as u64,
                    HeapType::Concrete(index) | HeapType::Exact(index) => number(
                        index
                            .as_module_index()
                            .expect("types of a module refer to its types"),
                    ),
                };
                self.0.push(kind);
                of
            }
        };
        self.0.push(word);
    }
}

impl std::ops::Index<SigId> for SigTable {
    type Output = FuncType;

    fn index(&self, id: SigId) -> &FuncType {
        match &self.types[id.index()].kind {
            TypeKind::Func(ty) => ty,
            _ => unreachable!("validated: a function type"),
        }
    }
}
