//! Objects with types: how they lie in memory, and by which numbers their types are told at run time.
//!
//! A type has the number that it gets when the forest of types is walked from the top, so that all
//! subtypes of a type are the numbers of an interval. Arrays come first, then structs: both are
//! intervals too. See `wasmelt_abi::gc` for headers.
//!
//! The fields that a struct adds to those of its supertype lie behind them, the largest first, or
//! where those leave room.
//!
//! Exceptions are objects too, so that objects can refer to them: each tag is like a type of structs,
//! with a number behind those of all types. See `Heap::exception`.

use super::contents::FieldContents;
use super::sigs::{SigTable, TypeKind};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{SigId, TagId};
use std::cmp::Reverse;
use wasmparser::{FieldType, StorageType, ValType};

/// Fields of a struct begin behind its header.
const FIELDS_OFFSET: u32 = 4;
/// Elements of an array begin behind its header and its length.
pub const ELEMENTS_OFFSET: u32 = 8;
/// Objects are aligned to this.
const OBJECT_ALIGN: u32 = 8;
/// A header has so many bits for the number of a type.
const TYPES_MAX: u32 = 1 << 24;

/// Numbers of types at run time, first and last.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Interval {
    pub first: u32,
    pub last: u32,
}

/// How objects of a type lie in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Layout {
    Struct(StructLayout),
    /// The logarithm of an element's bytes.
    Array {
        element_log2: u8,
    },
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct StructLayout {
    /// Of each field that takes room.
    pub offsets: Vec<Option<u32>>,
    /// Of the whole object.
    pub bytes: u32,
    /// Where the last field ends.
    end: u32,
    /// Unused bytes before that: first and end.
    holes: Vec<(u32, u32)>,
}

/// What is known of the types of a program once all are.
#[derive(Default, Debug)]
pub struct Heap {
    /// By [`SigId`]: those of function types count apart.
    intervals: Vec<Interval>,
    layouts: Vec<Option<Layout>>,
    pub arrays: Interval,
    pub structs: Interval,
    /// By number at run time, less one.
    pub types: Vec<SigId>,
    /// By [`TagId`], in a program with objects.
    exceptions: Vec<ExceptionLayout>,
    /// Whether subtypes of function types are told apart.
    funcs_have_subtypes: bool,
}

/// How the exceptions of a tag lie in memory: like structs whose first field is
/// `wasmelt_abi::Exception::shared`, and whose others are the values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExceptionLayout {
    /// What the header says, and tables of handlers.
    pub number: u32,
    /// All of them.
    pub fields: Vec<FieldType>,
    pub layout: StructLayout,
}

impl Heap {
    /// # Errors
    /// `Unsupported` for types that objects cannot have.
    pub(super) fn new(sigs: &SigTable, tags: &[SigId], contents: &FieldContents) -> Result<Heap> {
        let types = sigs.types();
        let is_func = |id: &SigId| matches!(types[id.index()].kind, TypeKind::Func(_));
        let ids = || (0..types.len()).map(SigId::new);
        let mut heap = Heap {
            intervals: (0..types.len())
                .map(|at| at as u32)
                .map(|at| Interval {
                    first: at,
                    last: at,
                })
                .collect(),
            layouts: vec![None; types.len()],
            ..Heap::default()
        };
        heap.funcs_have_subtypes =
            ids().any(|id| is_func(&id) && types[id.index()].supertype.is_some());
        if !sigs.has_objects() && !heap.funcs_have_subtypes {
            return Ok(heap);
        }
        let mut subtypes: Vec<Vec<SigId>> = vec![Vec::new(); types.len()];
        for id in ids() {
            if let Some(supertype) = types[id.index()].supertype {
                subtypes[supertype.index()].push(id);
            }
        }
        let is_root = |id: &SigId| types[id.index()].supertype.is_none();
        let arrays = ids().filter(|id| matches!(types[id.index()].kind, TypeKind::Array(_)));
        let is_made = |id: SigId| contents.is_made(id);
        heap.arrays = heap.number(arrays.filter(is_root), &subtypes, &is_made, 1);
        let structs = ids().filter(|id| matches!(types[id.index()].kind, TypeKind::Struct(_)));
        let first = heap.types.len() as u32 + 1;
        heap.structs = heap.number(structs.filter(is_root), &subtypes, &is_made, first);
        if heap.funcs_have_subtypes {
            let objects = heap.types.len();
            let roots = ids().filter(is_func).filter(is_root);
            heap.number(roots, &subtypes, &|_| true, 0);
            heap.types.truncate(objects);
        }
        if (heap.types.len() + tags.len()) as u32 >= TYPES_MAX {
            return Err(unsupported("more types of structs and arrays"));
        }
        // A supertype comes before its subtypes.
        for id in ids() {
            heap.layouts[id.index()] = match &types[id.index()].kind {
                TypeKind::Func(_) => None,
                TypeKind::Array(field) => Some(Layout::Array {
                    element_log2: storage_bytes(field).trailing_zeros() as u8,
                }),
                TypeKind::Struct(fields) => {
                    let above = match types[id.index()].supertype {
                        Some(above) => heap.struct_layout(above).clone(),
                        None => StructLayout::empty(),
                    };
                    let is_stored = |field| contents.is_stored(id, field);
                    Some(Layout::Struct(above.extended(fields, is_stored)))
                }
            };
        }
        if sigs.has_objects() {
            let first = heap.types.len() as u32 + 1;
            let numbered = (first..).zip(tags);
            heap.exceptions = numbered
                .map(|(number, &tag)| ExceptionLayout::new(number, sigs[tag].params()))
                .collect();
        }
        Ok(heap)
    }

    /// Numbers types and all below them, beginning with `next`. Those of which there are no objects
    /// have no number, only the interval of those below them.
    fn number(
        &mut self,
        roots: impl Iterator<Item = SigId>,
        subtypes: &[Vec<SigId>],
        is_made: &dyn Fn(SigId) -> bool,
        mut next: u32,
    ) -> Interval {
        let first = next;
        for root in roots {
            // Each with how many of its subtypes have been numbered.
            let mut path = vec![(root, 0)];
            self.begin(root, is_made, &mut next);
            while let Some((id, done)) = path.last_mut() {
                let id = *id;
                match subtypes[id.index()].get(*done) {
                    Some(&subtype) => {
                        *done += 1;
                        self.begin(subtype, is_made, &mut next);
                        path.push((subtype, 0));
                    }
                    None => {
                        self.intervals[id.index()].last = next.wrapping_sub(1);
                        path.pop();
                    }
                }
            }
        }
        // None at all is an interval that no number is in.
        Interval {
            first,
            last: next.wrapping_sub(1),
        }
    }

    fn begin(&mut self, id: SigId, is_made: &dyn Fn(SigId) -> bool, next: &mut u32) {
        self.intervals[id.index()].first = *next;
        if is_made(id) {
            self.types.push(id);
            *next += 1;
        }
    }

    /// The numbers of a type and all below it.
    #[must_use]
    pub fn interval(&self, id: SigId) -> Interval {
        // Types of the runtime's own functions may come later, and have no subtypes.
        let own = Interval {
            first: id.0,
            last: id.0,
        };
        self.intervals.get(id.index()).copied().unwrap_or(own)
    }

    /// The number of a type at run time.
    #[must_use]
    pub fn number_of(&self, id: SigId) -> u32 {
        self.interval(id).first
    }

    /// # Panics
    /// When the type is not one of structs.
    #[must_use]
    pub fn struct_layout(&self, id: SigId) -> &StructLayout {
        match &self.layouts[id.index()] {
            Some(Layout::Struct(layout)) => layout,
            _ => unreachable!("validated: a type of structs"),
        }
    }

    /// How the exceptions of a tag lie in the heap, if they do: in a program with objects.
    #[must_use]
    pub fn exception(&self, tag: TagId) -> Option<&ExceptionLayout> {
        self.exceptions.get(tag.index())
    }

    /// Those of all tags, in the order of their numbers, which follow those of types.
    #[must_use]
    pub fn exceptions(&self) -> &[ExceptionLayout] {
        &self.exceptions
    }

    /// The logarithm of the bytes of an element.
    ///
    /// # Panics
    /// When the type is not one of arrays.
    #[must_use]
    pub fn element_log2(&self, id: SigId) -> u8 {
        match self.layouts[id.index()] {
            Some(Layout::Array { element_log2 }) => element_log2,
            _ => unreachable!("validated: a type of arrays"),
        }
    }
}

impl Interval {
    /// Whether it has no number.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.last.wrapping_add(1) == self.first
    }
}

impl ExceptionLayout {
    fn new(number: u32, values: &[ValType]) -> ExceptionLayout {
        let fields = std::iter::once(&ValType::I32).chain(values);
        let fields: Vec<FieldType> = fields
            .map(|&ty| FieldType {
                element_type: StorageType::Val(ty),
                mutable: false,
            })
            .collect();
        // It comes first however large others are.
        let layout = StructLayout::empty().extended(&fields[..1], |_| true);
        ExceptionLayout {
            number,
            layout: layout.extended(&fields, |_| true),
            fields,
        }
    }
}

impl StructLayout {
    fn empty() -> StructLayout {
        StructLayout {
            end: FIELDS_OFFSET,
            bytes: OBJECT_ALIGN,
            ..StructLayout::default()
        }
    }

    /// With the fields that `fields` has more.
    fn extended(mut self, fields: &[FieldType], is_stored: impl Fn(u32) -> bool) -> StructLayout {
        let mut added = Vec::new();
        for (position, field) in fields.iter().enumerate().skip(self.offsets.len()) {
            if is_stored(position as u32) {
                added.push((position, storage_bytes(field)));
            }
        }
        added.sort_by_key(|&(_, bytes)| Reverse(bytes));
        self.offsets.resize(fields.len(), None);
        for (position, bytes) in added {
            self.offsets[position] = Some(self.place(bytes));
        }
        self.bytes = self.end.next_multiple_of(OBJECT_ALIGN);
        self
    }

    fn place(&mut self, bytes: u32) -> u32 {
        let align = bytes.min(OBJECT_ALIGN);
        let hole = self.holes.iter().position(|&(first, end)| {
            let at = first.next_multiple_of(align);
            at + bytes <= end
        });
        if let Some(hole) = hole {
            let (first, end) = self.holes.swap_remove(hole);
            let at = first.next_multiple_of(align);
            self.leave(first, at);
            self.leave(at + bytes, end);
            return at;
        }
        let at = self.end.next_multiple_of(align);
        self.leave(self.end, at);
        self.end = at + bytes;
        at
    }

    fn leave(&mut self, first: u32, end: u32) {
        if first < end {
            self.holes.push((first, end));
        }
    }
}

fn storage_bytes(field: &FieldType) -> u32 {
    match field.element_type {
        StorageType::I8 => 1,
        StorageType::I16 => 2,
        StorageType::Val(ValType::I32 | ValType::F32) => 4,
        StorageType::Val(ValType::I64 | ValType::F64) => 8,
        StorageType::Val(ValType::V128) => 16,
        StorageType::Val(ValType::Ref(_)) => 4,
    }
}

fn unsupported(what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("unsupported: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(element_type: StorageType) -> FieldType {
        FieldType {
            element_type,
            mutable: true,
        }
    }

    #[test]
    fn fields_fill_what_is_left_free() {
        let wide = field(StorageType::Val(ValType::I64));
        let word = field(StorageType::Val(ValType::F32));
        let byte = field(StorageType::I8);
        let above = StructLayout::empty().extended(&[byte, wide, word], |_| true);
        // The word lies between the header and the first multiple of eight.
        assert_eq!(above.offsets, [16, 8, 4].map(Some));
        assert_eq!(above.bytes, 24);
        let below = above.extended(&[byte, wide, word, byte, word, wide], |_| true);
        assert_eq!(below.offsets, [16, 8, 4, 17, 20, 24].map(Some));
        assert_eq!(below.bytes, 32);
    }

    #[test]
    fn exceptions_begin_as_the_runtime_expects() {
        use std::mem::offset_of;
        use wasmelt_abi::Exception;

        let exception = ExceptionLayout::new(7, &[ValType::V128, ValType::I64, ValType::F32]);
        assert_eq!(offset_of!(Exception, tag), 0);
        assert_eq!(exception.layout.offsets, [4, 8, 24, 32].map(Some));
        assert_eq!(
            exception.layout.offsets[0],
            Some(offset_of!(Exception, shared) as u32)
        );
        assert_eq!((exception.number, exception.layout.bytes), (7, 40));
    }
}
