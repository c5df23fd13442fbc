//! An object for linkers that are not ours, by cranelift-object, which knows the formats of other
//! systems too.
//!
//! Its functions and data are symbols, and what it writes refers to symbols; so sections are cut
//! up where names are. The code comes in one piece, compiled in parallel, with the calls within it
//! resolved: its pieces are functions with the gaps behind them, and lie as they were laid out.
//! The pieces of data may lie anywhere.

use super::super::native::{DebugSection, DebugTarget};
use super::contents::{Contents, Data, Place, Relocation};
use crate::error::{Error, ErrorKind, Result};
use cranelift_codegen::ir::Signature;
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_module::{
    DataDescription, DataId, FuncId, Linkage, Module, ModuleReloc, default_libcall_names,
};
use cranelift_object::object::macho::N_ALT_ENTRY;
use cranelift_object::object::write::{SymbolId, SymbolSection};
use cranelift_object::object::{
    self, RelocationEncoding, RelocationFlags, RelocationKind, SectionKind, SymbolFlags,
    SymbolKind, SymbolScope,
};
use cranelift_object::{ObjectBuilder, ObjectModule};
use foldhash::{HashMap, HashMapExt};
use std::ops::Range;
use target_lexicon::BinaryFormat;
use wasmelt_abi::FIRST_STORE_SYMBOL;

/// Where a linker begins the code: functions know their place in a cache line.
const CODE_ALIGN: u64 = 64;

/// The object under construction, and the places of a [`Contents`] as it knows them.
struct Writer {
    module: ObjectModule,
    /// Those that are given away, with the last number behind each.
    names: HashMap<String, u32>,
    code: Vec<Piece<FuncId>>,
    data: Vec<Vec<Piece<DataId>>>,
    imports: Vec<FuncId>,
}

/// A part of a section that is a symbol of its own; those of a section are ascending.
struct Piece<Id> {
    range: Range<usize>,
    id: Id,
}

/// # Errors
/// When a section has more bytes than the offset of a relocation can say.
///
/// # Panics
/// When the module refuses what this file gives it: a mistake here.
pub(super) fn write(contents: &Contents<'_>, isa: OwnedTargetIsa, name: &str) -> Result<Vec<u8>> {
    let builder = ObjectBuilder::new(isa, name, default_libcall_names())
        .expect("the target has an object format");
    let mut writer = Writer {
        module: ObjectModule::new(builder),
        names: HashMap::new(),
        code: Vec::with_capacity(contents.functions.len() + 1),
        data: Vec::with_capacity(contents.data.len()),
        imports: Vec::with_capacity(contents.imports.len()),
    };
    // What others know by name comes first: anything else of that name gets another.
    for name in &contents.imports {
        let import = writer.declare_function(name, Linkage::Import);
        writer.imports.push(import);
    }
    for (position, data) in contents.data.iter().enumerate() {
        writer.declare_data(contents, position, data);
    }
    writer.declare_code(contents);
    writer.define_code(contents);
    for (position, data) in contents.data.iter().enumerate() {
        writer.define_data(position, data)?;
    }
    let mut product = writer.module.finish();
    // Mach-O's linkers may move what lies between two symbols, or leave it out. The code refers to
    // itself by distances: all of it stays behind its first symbol.
    for piece in writer.code.iter().skip(1) {
        let symbol = product.function_symbol(piece.id);
        if let SymbolFlags::MachO { n_desc } = product.object.symbol_flags_mut(symbol) {
            *n_desc |= N_ALT_ENTRY;
        }
    }
    if product.object.format() == object::BinaryFormat::Elf {
        let code = writer.code.first().expect("there is always some");
        let code = product.function_symbol(code.id);
        add_debug(&mut product.object, &contents.debug, code);
    }
    Ok(product.emit().expect("a well-formed object"))
}

impl Writer {
    /// The name, without what no format can have in it, and with a number behind it when it is
    /// taken already.
    fn unique(&mut self, name: &str) -> String {
        let name = name.replace('\0', "");
        let mut candidate = name.clone();
        while self.names.contains_key(&candidate) {
            let number = self.names.entry(name.clone()).or_insert(1);
            *number += 1;
            candidate = format!("{name}.{number}");
        }
        self.names.insert(candidate.clone(), 1);
        candidate
    }

    fn declare_function(&mut self, name: &str, linkage: Linkage) -> FuncId {
        // Nothing here is called by the module: no signature matters.
        let signature = Signature::new(CallConv::Tail);
        let declared = if name.is_empty() {
            self.module.declare_anonymous_function(&signature)
        } else {
            let name = self.unique(name);
            self.module.declare_function(&name, linkage, &signature)
        };
        declared.expect("a name of its own")
    }

    /// One piece for each export, and one for what lies before.
    fn declare_data(&mut self, contents: &Contents<'_>, position: usize, data: &Data<'_>) {
        let exports = contents.exports.iter().filter(|e| e.data == position);
        let mut starts: Vec<(usize, &str)> = exports.map(|e| (e.offset, e.name)).collect();
        if starts.first().is_none_or(|&(start, _)| start > 0) {
            starts.insert(0, (0, ""));
        }
        let ends = starts.iter().skip(1).map(|&(start, _)| start);
        let ends: Vec<usize> = ends.chain([data.bytes.len()]).collect();
        let mut pieces = Vec::with_capacity(starts.len());
        for ((start, name), end) in starts.into_iter().zip(ends) {
            let declared = if name.is_empty() {
                self.module.declare_anonymous_data(data.is_writable, false)
            } else {
                let name = self.unique(name);
                self.module
                    .declare_data(&name, Linkage::Hidden, data.is_writable, false)
            };
            pieces.push(Piece {
                range: start..end,
                id: declared.expect("a name of its own"),
            });
        }
        self.data.push(pieces);
    }

    /// One piece for each function, and one for what lies before the first.
    fn declare_code(&mut self, contents: &Contents<'_>) {
        let mut starts: Vec<(usize, &str)> = Vec::with_capacity(contents.functions.len() + 1);
        if contents.functions.first().is_none_or(|f| f.start > 0) {
            starts.push((0, ""));
        }
        starts.extend(
            contents
                .functions
                .iter()
                .map(|f| (f.start as usize, f.name)),
        );
        let ends = starts.iter().skip(1).map(|&(start, _)| start);
        let ends: Vec<usize> = ends.chain([contents.code.len()]).collect();
        for ((start, name), end) in starts.into_iter().zip(ends) {
            let id = self.declare_function(name, Linkage::Local);
            self.code.push(Piece {
                range: start..end,
                id,
            });
        }
    }

    fn define_code(&mut self, contents: &Contents<'_>) {
        let mut rest = contents.code_relocs.as_slice();
        for (position, piece) in self.code.iter().enumerate() {
            let Range { start, end } = piece.range;
            let (inside, behind) = rest.split_at(rest.partition_point(|r| r.offset < end));
            rest = behind;
            let relocs: Vec<ModuleReloc> = inside
                .iter()
                .map(|reloc| {
                    let Place::Import(import) = reloc.place else {
                        unreachable!("code names no place in this object by a relocation")
                    };
                    ModuleReloc {
                        offset: u32::try_from(reloc.offset - start).expect("code is below 4 GiB"),
                        kind: reloc.kind,
                        name: self.imports[import].into(),
                        addend: reloc.addend,
                    }
                })
                .collect();
            let align = if position == 0 { CODE_ALIGN } else { 1 };
            self.module
                .define_function_bytes(piece.id, align, &contents.code[start..end], &relocs)
                .expect("it is declared, and defined once");
        }
    }

    fn define_data(&mut self, position: usize, data: &Data<'_>) -> Result<()> {
        let mut relocs: Vec<&Relocation> = data.relocs.iter().collect();
        relocs.sort_by_key(|reloc| reloc.offset);
        let mut rest = relocs.as_slice();
        for piece in &self.data[position] {
            let Range { start, end } = piece.range;
            let (inside, behind) = rest.split_at(rest.partition_point(|r| r.offset < end));
            rest = behind;
            let mut description = DataDescription::new();
            description.define(data.bytes[start..end].into());
            description.set_align(data.align);
            description.set_used(data.is_kept);
            if let Some(section) = data.section {
                description.set_custom_section(&self.section_name(section, data.is_writable));
            }
            self.add_addresses(&mut description, start, inside)?;
            self.module
                .define_data(piece.id, &description)
                .expect("it is declared, and defined once");
        }
        Ok(())
    }

    /// A section of the ELF name, as the format names its sections.
    fn section_name(&self, name: &str, is_writable: bool) -> String {
        if self.module.isa().triple().binary_format != BinaryFormat::Macho {
            return name.to_owned();
        }
        let segment = if is_writable { "__DATA" } else { "__TEXT" };
        format!("{segment},_{}", name.replace('.', "_"))
    }

    /// Addresses in the data that begins at `start` of its section.
    fn add_addresses(
        &self,
        description: &mut DataDescription,
        start: usize,
        relocs: &[&Relocation],
    ) -> Result<()> {
        // Those that are named already.
        let mut functions = HashMap::new();
        let mut values = HashMap::new();
        for reloc in relocs {
            let offset = u32::try_from(reloc.offset - start).map_err(|_| too_large())?;
            let function = match reloc.place {
                Place::Import(import) => self.imports[import],
                Place::Code(at) => {
                    let piece = piece_of(&self.code, at as usize);
                    assert_eq!(piece.range.start, at as usize, "functions have names alone");
                    piece.id
                }
                Place::Data(data) => {
                    let at = usize::try_from(reloc.addend).expect("it is in the data");
                    let piece = piece_of(&self.data[data], at);
                    let value = *values
                        .entry(piece.id)
                        .or_insert_with(|| description.import_global_value(piece.id.into()));
                    let addend = reloc.addend - piece.range.start as i64;
                    description.write_data_addr(offset, value, addend);
                    continue;
                }
            };
            assert_eq!(reloc.addend, 0, "data refers to the entry of a function");
            let reference = *functions
                .entry(function)
                .or_insert_with(|| description.import_function(function.into()));
            description.write_function_addr(offset, reference);
        }
        Ok(())
    }
}

/// As [`super::debug::add`], with another version of the library that writes objects.
fn add_debug(object: &mut object::write::Object<'_>, debug: &[DebugSection], code: SymbolId) {
    let mut places = HashMap::new();
    for section in debug {
        let name = section.name.as_bytes().to_vec();
        let id = object.add_section(Vec::new(), name, SectionKind::Debug);
        object.append_section_data(id, &section.bytes, 1);
        places.insert(section.name, (id, object.section_symbol(id)));
    }
    let mut store = None;
    for section in debug {
        for reloc in &section.relocs {
            let symbol = match reloc.target {
                DebugTarget::Code => code,
                DebugTarget::Section(name) => places[name].1,
                DebugTarget::Store => *store.get_or_insert_with(|| {
                    object.add_symbol(object::write::Symbol {
                        name: FIRST_STORE_SYMBOL.into(),
                        value: 0,
                        size: 0,
                        kind: SymbolKind::Data,
                        scope: SymbolScope::Unknown,
                        weak: false,
                        section: SymbolSection::Undefined,
                        flags: SymbolFlags::None,
                    })
                }),
            };
            let relocation = object::write::Relocation {
                offset: reloc.offset as u64,
                symbol,
                addend: reloc.addend,
                flags: RelocationFlags::Generic {
                    kind: RelocationKind::Absolute,
                    encoding: RelocationEncoding::Generic,
                    size: 8 * reloc.bytes,
                },
            };
            object
                .add_relocation(places[section.name].0, relocation)
                .expect("a relocation of the target");
        }
    }
}

/// The piece that an offset lies in, or at whose end, the last one's.
fn piece_of<Id>(pieces: &[Piece<Id>], offset: usize) -> &Piece<Id> {
    let behind = pieces.partition_point(|piece| piece.range.start <= offset);
    &pieces[behind.checked_sub(1).expect("the first begins at zero")]
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "initial memory and tables are too large for an object file: more than 4 GiB",
    )
    .help("build an executable, which may have more")
}
