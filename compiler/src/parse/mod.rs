//! Bytes to a validated module.
//!
//! Comes in: a core module, binary. Goes out: a [`Module`], every section decoded into plain data
//! that borrows the bytes, every body validated and summed up in [`BodyFacts`]. Nothing here knows
//! WASI or Cranelift. Specification: core, "Binary Format" and "Validation".

mod body;
mod component;
mod const_expr;
mod loop_sets;
mod object_facts;

pub use body::{Body, BodyFacts};
pub use component::{COMPONENT_FEATURES, Component, ComponentBinary, Definition, parse_component};
pub use const_expr::{ConstExpr, ConstOp};
pub use loop_sets::LoopSets;
pub use object_facts::{NewFields, ObjectFacts};

use crate::debug_files;
use crate::error::{Error, Result};
use crate::index::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex};
use crate::workers;
use foldhash::{HashMap, HashMapExt};
use wasmparser::{
    CompositeInnerType, ExternalKind, FuncToValidate, FuncType, FuncValidatorAllocations,
    GlobalType, MemoryType, Parser, Payload, SubType, TableType, TypeRef, ValidPayload, Validator,
    ValidatorResources, WasmFeatures,
};

/// The proposals that are validated. What of them is not compiled yet is reported by the phase
/// that would have to do it, by name.
pub const FEATURES: WasmFeatures = WasmFeatures::WASM3
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::COMPACT_IMPORTS)
    .union(WasmFeatures::LEGACY_EXCEPTIONS);

/// A validated core module.
#[derive(Debug)]
pub struct Module<'a> {
    /// By [`TypeIndex`].
    pub types: Vec<SubType>,
    /// How many types each recursion group has.
    pub type_groups: Vec<u32>,
    pub imports: Vec<Import<'a>>,
    /// Type of every function, imported ones first.
    pub functions: Vec<TypeIndex>,
    pub functions_imported: usize,
    pub tables: Vec<Table>,
    pub tables_imported: usize,
    pub memories: Vec<MemoryType>,
    pub memories_imported: usize,
    pub globals: Vec<Global>,
    pub globals_imported: usize,
    pub tags: Vec<TypeIndex>,
    pub tags_imported: usize,
    pub exports: Vec<Export<'a>>,
    pub start: Option<FuncIndex>,
    pub elements: Vec<Element>,
    pub data: Vec<Data<'a>>,
    /// Bodies of the defined functions, in order.
    pub bodies: Vec<Body<'a>>,
    /// Where the contents of the code section begin in the input.
    pub code_start: u64,
    /// Sections of DWARF by their names.
    pub debug: Vec<(&'a str, &'a [u8])>,
    /// The file that they are in instead.
    pub debug_file: Option<&'a str>,
    /// From the name section.
    pub name: Option<&'a str>,
    pub function_names: HashMap<FuncIndex, &'a str>,
    /// Custom sections: name and length in bytes.
    pub custom: Vec<(&'a str, u64)>,
}

#[derive(Clone, Debug)]
pub struct Import<'a> {
    pub module: &'a str,
    pub name: &'a str,
    pub kind: ImportKind,
}

/// What is imported, with its index in its space.
#[derive(Clone, Copy, Debug)]
pub enum ImportKind {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
    Tag(TagIndex),
}

#[derive(Clone, Debug)]
pub struct Table {
    pub ty: TableType,
    /// Initial value of every element; null if none.
    pub init: Option<ConstExpr>,
}

#[derive(Clone, Debug)]
pub struct Global {
    pub ty: GlobalType,
    /// None for an imported global.
    pub init: Option<ConstExpr>,
}

/// An item of a module, by its index space.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extern {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
    Tag(TagIndex),
}

#[derive(Clone, Debug)]
pub struct Export<'a> {
    pub name: &'a str,
    pub item: Extern,
}

#[derive(Clone, Debug)]
pub enum SegmentMode<I> {
    Passive,
    Declared,
    Active { target: I, offset: ConstExpr },
}

#[derive(Clone, Debug)]
pub struct Element {
    pub mode: SegmentMode<TableIndex>,
    pub items: Vec<ConstExpr>,
}

#[derive(Clone, Debug)]
pub struct Data<'a> {
    pub mode: SegmentMode<MemoryIndex>,
    pub bytes: &'a [u8],
}

impl Module<'_> {
    /// The function type of a function.
    #[must_use]
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        self.type_at(self.functions[func.index()])
    }

    /// # Panics
    /// When the type is not a function type; validation has made sure that it is wherever an
    /// instruction, function or tag refers to it.
    #[must_use]
    pub fn type_at(&self, ty: TypeIndex) -> &FuncType {
        match &self.types[ty.index()].composite_type.inner {
            CompositeInnerType::Func(ty) => ty,
            _ => unreachable!("validated: a function type"),
        }
    }

    #[must_use]
    pub fn export(&self, name: &str) -> Option<Extern> {
        self.exports.iter().find(|e| e.name == name).map(|e| e.item)
    }
}

/// Decodes and validates a core module; `features` are what it may use.
///
/// # Errors
/// `Invalid` with the offset for what validation rejects, `Unsupported` for types that are not
/// compiled yet.
pub fn parse_module(wasm: &[u8], features: WasmFeatures) -> Result<Module<'_>> {
    let mut module = Module::empty();
    let mut validator = Validator::new_with_features(features);
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::Func(to_validate, body) = validator.payload(&payload)? {
            functions.push((to_validate, body));
        }
        module.section(payload)?;
    }
    module.bodies = validate_bodies(&functions, &module.types)?;
    Ok(module)
}

type FunctionInput<'a> = (
    FuncToValidate<ValidatorResources>,
    wasmparser::FunctionBody<'a>,
);

/// Validates bodies in parallel; reports the first fault in file order.
fn validate_bodies<'a>(
    functions: &[FunctionInput<'a>],
    types: &[SubType],
) -> Result<Vec<Body<'a>>> {
    let is_func = |ty: &SubType| matches!(ty.composite_type.inner, CompositeInnerType::Func(_));
    let has_objects = !types.iter().all(is_func);
    let results = workers::map(
        functions,
        FuncValidatorAllocations::default,
        |allocations, (to_validate, body)| {
            let to_validate = FuncToValidate {
                resources: to_validate.resources.clone(),
                ..*to_validate
            };
            let mut validator = to_validate.into_validator(std::mem::take(allocations));
            let body = Body::validate(&mut validator, body.clone(), has_objects);
            *allocations = validator.into_allocations();
            body
        },
    );
    results.into_iter().collect()
}

impl<'a> Module<'a> {
    fn empty() -> Module<'a> {
        Module {
            types: Vec::new(),
            type_groups: Vec::new(),
            imports: Vec::new(),
            functions: Vec::new(),
            functions_imported: 0,
            tables: Vec::new(),
            tables_imported: 0,
            memories: Vec::new(),
            memories_imported: 0,
            globals: Vec::new(),
            globals_imported: 0,
            tags: Vec::new(),
            tags_imported: 0,
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            data: Vec::new(),
            bodies: Vec::new(),
            code_start: 0,
            debug: Vec::new(),
            debug_file: None,
            name: None,
            function_names: HashMap::new(),
            custom: Vec::new(),
        }
    }

    /// Adds one validated section.
    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(reader) => self.type_section(reader),
            Payload::ImportSection(reader) => self.import_section(reader),
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.functions.push(TypeIndex(ty?));
                }
                Ok(())
            }
            Payload::TableSection(reader) => {
                let range = reader.range();
                for table in reader {
                    let table = table?;
                    if table.ty.shared {
                        return Err(shared("tables", range.start));
                    }
                    let init = match &table.init {
                        wasmparser::TableInit::RefNull => None,
                        wasmparser::TableInit::Expr(expr) => Some(ConstExpr::parse(expr)?),
                    };
                    self.tables.push(Table { ty: table.ty, init });
                }
                Ok(())
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.memories.push(memory?);
                }
                Ok(())
            }
            Payload::TagSection(reader) => {
                for tag in reader {
                    self.tags.push(TypeIndex(tag?.func_type_idx));
                }
                Ok(())
            }
            Payload::GlobalSection(reader) => {
                let range = reader.range();
                for global in reader {
                    let global = global?;
                    if global.ty.shared {
                        return Err(shared("globals", range.start));
                    }
                    let init = Some(ConstExpr::parse(&global.init_expr)?);
                    self.globals.push(Global {
                        ty: global.ty,
                        init,
                    });
                }
                Ok(())
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    let item = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => {
                            Extern::Func(FuncIndex(export.index))
                        }
                        ExternalKind::Table => Extern::Table(TableIndex(export.index)),
                        ExternalKind::Memory => Extern::Memory(MemoryIndex(export.index)),
                        ExternalKind::Global => Extern::Global(GlobalIndex(export.index)),
                        ExternalKind::Tag => Extern::Tag(TagIndex(export.index)),
                    };
                    self.exports.push(Export {
                        name: export.name,
                        item,
                    });
                }
                Ok(())
            }
            Payload::StartSection { func, .. } => {
                self.start = Some(FuncIndex(func));
                Ok(())
            }
            Payload::ElementSection(reader) => self.element_section(reader),
            Payload::DataSection(reader) => self.data_section(reader),
            Payload::CodeSectionStart {
                unchecked_range: range,
                ..
            } => {
                self.code_start = range.start;
                Ok(())
            }
            Payload::CustomSection(reader) => {
                if reader.name().starts_with(".debug_") {
                    self.debug.push((reader.name(), reader.data()));
                }
                if let Some(file) = debug_files::dwarf_file(reader.name(), reader.data()) {
                    self.debug_file = Some(file);
                }
                self.custom
                    .push((reader.name(), reader.data().len() as u64));
                if let wasmparser::KnownCustom::Name(names) = reader.as_known() {
                    self.name_section(names);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn type_section(&mut self, reader: wasmparser::TypeSectionReader<'a>) -> Result<()> {
        for group in reader.into_iter_with_offsets() {
            let (offset, group) = group?;
            let types = group.into_types();
            self.type_groups
                .push(u32::try_from(types.len()).expect("types are limited"));
            for ty in types {
                let is_func = matches!(ty.composite_type.inner, CompositeInnerType::Func(_));
                if ty.composite_type.shared && !is_func {
                    return Err(shared("structs and arrays", offset));
                }
                if let CompositeInnerType::Cont(_) = ty.composite_type.inner {
                    return Err(Error::unsupported("stack switching", offset));
                }
                self.types.push(ty);
            }
        }
        Ok(())
    }

    fn import_section(&mut self, reader: wasmparser::ImportSectionReader<'a>) -> Result<()> {
        for import in reader.into_imports() {
            let import = import?;
            let kind = match import.ty {
                TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                    self.functions.push(TypeIndex(ty));
                    self.functions_imported += 1;
                    ImportKind::Func(FuncIndex::new(self.functions.len() - 1))
                }
                TypeRef::Table(ty) => {
                    self.tables.push(Table { ty, init: None });
                    self.tables_imported += 1;
                    ImportKind::Table(TableIndex::new(self.tables.len() - 1))
                }
                TypeRef::Memory(ty) => {
                    self.memories.push(ty);
                    self.memories_imported += 1;
                    ImportKind::Memory(MemoryIndex::new(self.memories.len() - 1))
                }
                TypeRef::Global(ty) => {
                    self.globals.push(Global { ty, init: None });
                    self.globals_imported += 1;
                    ImportKind::Global(GlobalIndex::new(self.globals.len() - 1))
                }
                TypeRef::Tag(ty) => {
                    self.tags.push(TypeIndex(ty.func_type_idx));
                    self.tags_imported += 1;
                    ImportKind::Tag(TagIndex::new(self.tags.len() - 1))
                }
            };
            self.imports.push(Import {
                module: import.module,
                name: import.name,
                kind,
            });
        }
        Ok(())
    }

    fn element_section(&mut self, reader: wasmparser::ElementSectionReader<'a>) -> Result<()> {
        for element in reader {
            let element = element?;
            let mode = match element.kind {
                wasmparser::ElementKind::Passive => SegmentMode::Passive,
                wasmparser::ElementKind::Declared => SegmentMode::Declared,
                wasmparser::ElementKind::Active {
                    table_index,
                    offset_expr,
                } => SegmentMode::Active {
                    target: TableIndex(table_index.unwrap_or(0)),
                    offset: ConstExpr::parse(&offset_expr)?,
                },
            };
            let items = match element.items {
                wasmparser::ElementItems::Functions(reader) => reader
                    .into_iter()
                    .map(|func| Ok(ConstExpr::ref_func(FuncIndex(func?))))
                    .collect::<Result<_>>()?,
                wasmparser::ElementItems::Expressions(_, reader) => reader
                    .into_iter()
                    .map(|expr| ConstExpr::parse(&expr?))
                    .collect::<Result<_>>()?,
            };
            self.elements.push(Element { mode, items });
        }
        Ok(())
    }

    fn data_section(&mut self, reader: wasmparser::DataSectionReader<'a>) -> Result<()> {
        for data in reader {
            let data = data?;
            let mode = match data.kind {
                wasmparser::DataKind::Passive => SegmentMode::Passive,
                wasmparser::DataKind::Active {
                    memory_index,
                    offset_expr,
                } => SegmentMode::Active {
                    target: MemoryIndex(memory_index),
                    offset: ConstExpr::parse(&offset_expr)?,
                },
            };
            self.data.push(Data {
                mode,
                bytes: data.data,
            });
        }
        Ok(())
    }

    /// Names are a convenience: a malformed name section gives fewer names, not an error.
    fn name_section(&mut self, reader: wasmparser::NameSectionReader<'a>) {
        for subsection in reader.into_iter().flatten() {
            match subsection {
                wasmparser::Name::Module { name, .. } => self.name = Some(name),
                wasmparser::Name::Function(names) => {
                    for naming in names.into_iter().flatten() {
                        self.function_names
                            .insert(FuncIndex(naming.index), naming.name);
                    }
                }
                _ => {}
            }
        }
    }
}
/// Functions of one thread may be called shared ones; nothing else is shared by threads but memories.
fn shared(what: &str, offset: u64) -> Error {
    Error::unsupported(format!("{what} that threads share"), offset)
}
