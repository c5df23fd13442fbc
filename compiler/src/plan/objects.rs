//! Objects that constant expressions make: they are part of the image, and live as long as the
//! program.
//!
//! References are addresses of 32 bits. So the contexts of such a program lie at a known place right
//! below 4 GiB, and with them these objects and the records of functions: a reference to either is a
//! constant.

use super::heap::{ELEMENTS_OFFSET, StructLayout};
use super::sigs::{Hierarchy, TypeKind};
use super::value::{Contents, HeapPlan, Object};
use super::{Image, LinkPlan, Reference, Reloc, Slot, Value, i31};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{FuncId, GlobalId, ObjectId, SigId};
use crate::target::System;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{FuncRef, GC_MEMORY_ADDRESS};
use wasmparser::{FieldType, HeapType, RefType, StorageType, UnpackedIndex, ValType};

impl LinkPlan<'_> {
    /// # Errors
    /// `Unsupported` for kinds of programs that cannot have objects.
    pub(super) fn check_objects(&self) -> Result<()> {
        if !self.sigs.has_objects() {
            return Ok(());
        }
        let what = if self.target.system != System::Linux {
            "garbage collection in programs for other systems than Linux"
        } else if self.constants_too_large {
            "so large objects in constant expressions"
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("unsupported: {what}"),
        ))
    }

    pub(super) fn add_object(&mut self, ty: SigId, contents: Contents) -> Value {
        // These are as large as their numbers say, and not as the input is.
        if let Contents::Repeated(_, len) | Contents::Default(len) = contents
            && !self.gaps.take_bytes(u64::from(len) * 16)
        {
            self.constants_too_large = true;
            return Value::RefNull;
        }
        self.objects.push(Object {
            ty,
            contents,
            slot: None,
        });
        Value::RefObject(ObjectId::new(self.objects.len() - 1))
    }

    /// The fields of a type of structs, or that of the elements of arrays.
    pub(super) fn fields(&self, ty: SigId) -> &[FieldType] {
        match &self.sigs.types()[ty.index()].kind {
            TypeKind::Func(_) => &[],
            TypeKind::Struct(fields) => fields,
            TypeKind::Array(field) => std::slice::from_ref(field),
        }
    }

    /// The address at which byte 0 of the first region's memory is, if the executable's image has
    /// the region, and in every program with objects.
    #[must_use]
    pub fn memory_address(&self) -> u64 {
        match self.heap_plan {
            Some(_) => GC_MEMORY_ADDRESS,
            None => ADDRESS_WITHOUT_OBJECTS,
        }
    }

    /// The address of a place in the first region of such a program.
    #[must_use]
    pub fn address_of(&self, slot: Slot) -> u64 {
        self.memory_address()
            .wrapping_add_signed(i64::from(slot.offset))
    }

    /// The type of what a global holds: of an object that it always holds, that object's own.
    #[must_use]
    pub fn type_of_global(&self, global: GlobalId) -> ValType {
        let global = &self.globals[global.index()];
        if let (Value::RefObject(object), None) = (global.init, global.slot) {
            let ty = UnpackedIndex::Module(self.objects[object.index()].ty.0);
            let ty = RefType::new(false, HeapType::Concrete(ty));
            return ty.map_or(global.ty, ValType::Ref);
        }
        global.ty
    }

    /// The address of an object of the image.
    ///
    /// # Panics
    /// When nothing that is reachable refers to it.
    #[must_use]
    pub fn object_address(&self, object: ObjectId) -> u64 {
        let slot = self.objects[object.index()].slot;
        self.address_of(slot.expect("what is referred to is placed"))
    }

    /// The address of a function's record, if it is known when compiling.
    #[must_use]
    pub fn funcref_address(&self, func: FuncId) -> Option<u64> {
        let position = self.funcref_positions[&func] * size_of::<FuncRef>();
        let first = self.address_of(self.heap_plan?.funcrefs);
        Some(first + position as u64)
    }

    /// The word that a reference is.
    #[must_use]
    pub fn reference(&self, value: Value) -> Reference {
        match value {
            Value::RefFunc(func) => match self.funcref_address(func) {
                Some(address) => Reference::Word(address),
                None => Reference::Address(Reloc::FuncRef(self.funcref_positions[&func])),
            },
            Value::RefObject(object) => Reference::Word(self.object_address(object)),
            Value::RefI31(value) => Reference::Word(u64::from(i31(value))),
            _ => Reference::Word(0),
        }
    }

    /// Whether the collector follows the references in a field.
    #[must_use]
    pub fn is_followed(&self, field: &FieldType) -> bool {
        match field.element_type {
            StorageType::Val(ValType::Ref(ty)) => {
                self.sigs.hierarchy(ty.heap_type()) != Hierarchy::Func
            }
            _ => false,
        }
    }

    /// Where references lie that the collector follows.
    pub fn followed_offsets(
        &self,
        fields: &[FieldType],
        layout: &StructLayout,
    ) -> impl Iterator<Item = u32> {
        let fields = fields.iter().zip(&layout.offsets);
        fields
            .filter(|(field, _)| self.is_followed(field))
            .filter_map(|(_, &offset)| offset)
    }

    /// Bytes of an object of the image.
    fn object_bytes(&self, object: &Object) -> u64 {
        match self.sigs.types()[object.ty.index()].kind {
            TypeKind::Array(_) => {
                let len = u64::from(object.contents.len());
                let bytes = len << self.heap.element_log2(object.ty);
                (bytes + u64::from(ELEMENTS_OFFSET)).next_multiple_of(8)
            }
            _ => self.heap.struct_layout(object.ty).bytes.into(),
        }
    }

    /// Gives the objects that are referred to their places; `place` finds one for so many bytes, each
    /// below those before.
    pub(super) fn place_objects(&mut self, place: &mut dyn FnMut(u64) -> Slot) {
        if !self.sigs.has_objects() {
            return;
        }
        let allocation = place(size_of::<wasmelt_abi::GcAllocation>() as u64);
        let funcrefs = place((self.funcrefs.len() * size_of::<FuncRef>()) as u64);
        for at in 0..self.objects.len() {
            if self.objects_reached.get(at).copied().unwrap_or(false) {
                let bytes = self.object_bytes(&self.objects[at]);
                self.objects[at].slot = Some(place(bytes));
            }
        }
        self.heap_plan = Some(HeapPlan {
            allocation,
            funcrefs,
        });
    }

    /// Writes them, and the records of functions.
    pub(super) fn write_objects(&mut self) {
        let Some(heap_plan) = self.heap_plan else {
            return;
        };
        let region = heap_plan.funcrefs.region.index();
        let mut image = std::mem::take(&mut self.regions[region].below);
        for (position, &func) in self.funcrefs.iter().enumerate() {
            let sig = self.sig_of(func).expect("references have wasm types");
            let number = u64::from(self.heap.number_of(sig));
            let offset = self.regions[self.region_of(func).index()].memory_offset;
            let at = |field: usize| {
                let field = position * size_of::<FuncRef>() + field;
                heap_plan.funcrefs.offset + i32::try_from(field).expect("within the contexts")
            };
            image.write_address(at(offset_of!(FuncRef, code)), Reloc::Code(func));
            image.write_u64(at(offset_of!(FuncRef, sig)), number);
            image.write_u64(at(offset_of!(FuncRef, instance_offset)), offset);
        }
        for object in &self.objects {
            if let Some(slot) = object.slot {
                self.write_object(&mut image, slot.offset, object);
            }
        }
        self.regions[region].below = image;
    }

    fn write_object(&self, image: &mut Image, start: i32, object: &Object) {
        let at = |offset: u64| start + i32::try_from(offset).expect("within the contexts");
        image.write(start, &self.heap.number_of(object.ty).to_le_bytes());
        let fields = self.fields(object.ty);
        if let TypeKind::Array(field) = &self.sigs.types()[object.ty.index()].kind {
            let len = object.contents.len();
            image.write(at(4), &len.to_le_bytes());
            let log2 = self.heap.element_log2(object.ty);
            for position in 0..len {
                let offset = u64::from(ELEMENTS_OFFSET) + (u64::from(position) << log2);
                let value = object.contents.at(position as usize);
                self.write_field(image, at(offset), field, value);
            }
            return;
        }
        let offsets = &self.heap.struct_layout(object.ty).offsets;
        for (position, (field, &offset)) in fields.iter().zip(offsets).enumerate() {
            if let Some(offset) = offset {
                let value = object.contents.at(position);
                self.write_field(image, at(offset.into()), field, value);
            }
        }
    }

    fn write_field(&self, image: &mut Image, at: i32, field: &FieldType, value: Option<Value>) {
        let Some(value) = value else { return };
        match (field.element_type, value) {
            (StorageType::I8, Value::I32(v)) => image.write(at, &v.to_le_bytes()[..1]),
            (StorageType::I16, Value::I32(v)) => image.write(at, &v.to_le_bytes()[..2]),
            (_, Value::I32(v)) => image.write(at, &v.to_le_bytes()),
            (_, Value::I64(v)) => image.write(at, &v.to_le_bytes()),
            (_, Value::F32(v)) => image.write(at, &v.to_le_bytes()),
            (_, Value::F64(v)) => image.write(at, &v.to_le_bytes()),
            (_, Value::V128(v)) => image.write(at, &v.to_le_bytes()),
            (_, reference) => match self.reference(reference) {
                Reference::Word(word) => image.write(at, &word.to_le_bytes()[..4]),
                Reference::Address(_) => unreachable!("records lie below 4 GiB in such a program"),
            },
        }
    }
}

/// Where such a memory begins in other programs: above any executable's own code and data, with room
/// for a memory to grow below the next GiB, so that few page tables are needed, and with the contexts
/// below it in the same 2 MiB.
const ADDRESS_WITHOUT_OBJECTS: u64 = 0x3c01_0000;
