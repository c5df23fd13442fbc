//! One compiled object and a runtime pack to one relocatable object, in which nothing is known by
//! name but what embedders call.
//!
//! ```text
//! object + pack's archives ─reach─▶ sections ─place─▶ a section of each kind ─write─▶ object
//! ```
//!
//! What nothing reaches from those names is left out. What is defined nowhere is the embedder's C
//! library's. So any number of such objects, and of other Rust libraries, can be in one program.

use crate::archive;
use crate::error::LinkError;
use crate::wild;
use object::read::archive::ArchiveFile;
use object::read::elf::{ElfFile64, ElfSymbol64};
use object::write::{self, StandardSegment, SymbolId, SymbolSection};
use object::{
    BinaryFormat, LittleEndian, Object, ObjectSection, ObjectSymbol, RelocationFlags,
    RelocationTarget, SectionFlags, SectionIndex, SectionKind, SymbolFlags, SymbolIndex,
    SymbolKind, SymbolScope, elf,
};
use std::borrow::Cow;
use std::collections::HashMap;
use wasmelt_pack::RuntimePack;

/// What to make a library of.
#[derive(Debug)]
pub struct LibraryRequest<'a> {
    /// One ELF relocatable object, for the target of `pack`. Embedders call its functions of default
    /// visibility.
    pub object: &'a [u8],
    pub pack: &'a RuntimePack,
    /// Functions of the pack that embedders call: the name there, and the one for them.
    pub exports: Vec<(String, String)>,
}

type File<'a> = ElfFile64<'a, LittleEndian>;

/// A section of an input: position of the file, and its own.
type Place = (usize, SectionIndex);

/// A static library with one object.
///
/// # Errors
/// When a file is damaged.
pub fn static_library(request: &LibraryRequest<'_>, member: &str) -> Result<Vec<u8>, LinkError> {
    let (object, names) = relocatable(request)?;
    Ok(archive::write(member, &object, &names))
}

/// A shared library, which is known by this name when it is loaded.
///
/// # Errors
/// When a file is damaged, or the linker fails.
pub fn shared_library(request: &LibraryRequest<'_>, soname: &str) -> Result<Vec<u8>, LinkError> {
    let (object, _) = relocatable(request)?;
    wild::link_shared(request.pack.target(), object, soname)
}

/// The object, and the names that it defines.
fn relocatable(request: &LibraryRequest<'_>) -> Result<(Vec<u8>, Vec<String>), LinkError> {
    let damaged = |error: object::Error| LinkError::Internal(error.to_string());
    let packed: Vec<_> = request.pack.files().collect();
    let mut files = vec![File::parse(request.object).map_err(damaged)?];
    // Members lie at any even address; what is read has to be aligned.
    let mut members: Vec<Cow<'_, [u8]>> = Vec::new();
    for file in &packed {
        let archive = ArchiveFile::parse(file.bytes()).map_err(damaged)?;
        for member in archive.members() {
            let data = member
                .map_err(damaged)?
                .data(file.bytes())
                .map_err(damaged)?;
            members.push(Cow::Owned(data.to_vec()));
        }
    }
    for member in &members {
        files.push(File::parse(&**member).map_err(damaged)?);
    }
    let mut merge = Merge::new(files);
    let exports = merge.exports(request)?;
    merge.reach(&exports).map_err(damaged)?;
    merge.place().map_err(damaged)?;
    merge.relocate().map_err(damaged)?;
    let names = exports.iter().map(|(name, ..)| name.clone()).collect();
    for (name, file, symbol) in exports {
        merge.export(name, (file, symbol));
    }
    let bytes = merge.out.write();
    let bytes = bytes.map_err(|error| LinkError::Internal(error.to_string()))?;
    Ok((bytes, names))
}

struct Merge<'a> {
    files: Vec<File<'a>>,
    /// Who defines a global symbol.
    definitions: HashMap<&'a [u8], (usize, SymbolIndex)>,
    /// Ascending when all are found.
    reached: Vec<Place>,
    /// Where a section of an input has come to lie.
    placed: HashMap<Place, (write::SectionId, u64)>,
    /// Symbols that relocations need: of places, and of what is defined nowhere.
    symbols: HashMap<(write::SectionId, u64), SymbolId>,
    kinds: HashMap<write::SectionId, SymbolKind>,
    undefined: HashMap<&'a [u8], SymbolId>,
    out: write::Object<'static>,
}

impl<'a> Merge<'a> {
    fn new(files: Vec<File<'a>>) -> Merge<'a> {
        let mut definitions: HashMap<&[u8], (usize, SymbolIndex)> = HashMap::new();
        for is_weak in [false, true] {
            for (position, file) in files.iter().enumerate() {
                let globals = file.symbols().filter(|symbol| {
                    !symbol.is_undefined() && symbol.is_global() && symbol.is_weak() == is_weak
                });
                for symbol in globals {
                    if let Ok(name) = symbol.name_bytes() {
                        definitions
                            .entry(name)
                            .or_insert((position, symbol.index()));
                    }
                }
            }
        }
        let first = &files[0];
        let mut out =
            write::Object::new(BinaryFormat::Elf, first.architecture(), first.endianness());
        // On RISC-V, they say by which registers floating-point numbers are passed.
        out.flags = first.flags();
        Merge {
            files,
            definitions,
            reached: Vec::new(),
            placed: HashMap::new(),
            symbols: HashMap::new(),
            kinds: HashMap::new(),
            undefined: HashMap::new(),
            out,
        }
    }

    /// What embedders call: its name, and where it is defined.
    fn exports(
        &self,
        request: &LibraryRequest<'_>,
    ) -> Result<Vec<(String, usize, SymbolIndex)>, LinkError> {
        let mut exports = Vec::new();
        for symbol in self.files[0].symbols() {
            if symbol.is_definition() && symbol.scope() == SymbolScope::Dynamic {
                let name = symbol.name().unwrap_or_default().to_owned();
                exports.push((name, 0, symbol.index()));
            }
        }
        for (inside, name) in &request.exports {
            let Some(&(file, symbol)) = self.definitions.get(inside.as_bytes()) else {
                return Err(LinkError::UndefinedSymbols(vec![inside.clone()]));
            };
            exports.push((name.clone(), file, symbol));
        }
        Ok(exports)
    }

    fn reach(&mut self, exports: &[(String, usize, SymbolIndex)]) -> object::Result<()> {
        let mut is_reached: Vec<Vec<bool>> = Vec::new();
        for file in &self.files {
            let last = file.sections().map(|section| section.index().0).max();
            is_reached.push(vec![false; last.map_or(0, |last| last + 1)]);
        }
        let mut work: Vec<Place> = Vec::new();
        for &(_, file, symbol) in exports {
            let symbol = self.files[file].symbol_by_index(symbol)?;
            work.extend(symbol.section_index().map(|section| (file, section)));
        }
        let mut is_loaded = vec![false; self.files.len()];
        while let Some((file, section)) = work.pop() {
            if !std::mem::replace(&mut is_loaded[file], true) {
                let lists = self.files[file]
                    .sections()
                    .filter(|it| is_list(it.flags(), it.name()));
                work.extend(lists.map(|list| (file, list.index())));
            }
            if std::mem::replace(&mut is_reached[file][section.0], true) {
                continue;
            }
            self.reached.push((file, section));
            for (_, relocation) in self.files[file].section_by_index(section)?.relocations() {
                if let Some((file, symbol)) = self.target(file, relocation.target())? {
                    work.extend(symbol.section_index().map(|section| (file, section)));
                }
            }
        }
        self.reached
            .sort_unstable_by_key(|(file, section)| (*file, section.0));
        Ok(())
    }

    /// What a relocation of a file refers to: a symbol of any file, with its definition if there is
    /// one.
    fn target(
        &self,
        file: usize,
        target: RelocationTarget,
    ) -> object::Result<Option<(usize, ElfSymbol64<'a, '_, LittleEndian>)>> {
        let RelocationTarget::Symbol(index) = target else {
            return Ok(None);
        };
        let symbol = self.files[file].symbol_by_index(index)?;
        if !symbol.is_undefined() && !symbol.is_weak() {
            return Ok(Some((file, symbol)));
        }
        Ok(Some(match self.definitions.get(symbol.name_bytes()?) {
            Some(&(definer, index)) => (definer, self.files[definer].symbol_by_index(index)?),
            None => (file, symbol),
        }))
    }

    /// Puts what is reached into sections of the output, by kind.
    fn place(&mut self) -> object::Result<()> {
        let mut sections: HashMap<String, write::SectionId> = HashMap::new();
        for &(file, index) in &self.reached {
            let section = self.files[file].section_by_index(index)?;
            let (name, kind) = out_section(section.name()?, section.kind(), {
                section.relocations().next().is_some()
            });
            let id = *sections.entry(name.to_owned()).or_insert_with(|| {
                let segment = self.out.segment_name(StandardSegment::Text).to_vec();
                let id = self
                    .out
                    .add_section(segment, name.as_bytes().to_vec(), kind);
                if let SectionFlags::Elf { sh_type, .. } = section.flags()
                    && matches!(sh_type, elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY)
                {
                    self.out.section_mut(id).flags = SectionFlags::Elf {
                        sh_type,
                        sh_flags: elf::SHF_ALLOC | elf::SHF_WRITE,
                    };
                }
                id
            });
            let align = section.align().max(1);
            let offset = if kind.is_bss() {
                self.out.append_section_bss(id, section.size(), align)
            } else {
                self.out.append_section_data(id, section.data()?, align)
            };
            self.kinds.insert(id, symbol_kind(kind));
            self.placed.insert((file, index), (id, offset));
        }
        // Says that nothing here needs an executable stack.
        self.out
            .add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
        Ok(())
    }

    fn relocate(&mut self) -> object::Result<()> {
        for (file, index) in std::mem::take(&mut self.reached) {
            let (id, start) = self.placed[&(file, index)];
            let relocations: Vec<_> = {
                let section = self.files[file].section_by_index(index)?;
                section.relocations().collect()
            };
            for (offset, relocation) in relocations {
                let RelocationFlags::Elf { r_type } = relocation.flags() else {
                    continue;
                };
                let symbol = self.symbol(file, relocation.target())?;
                let written = write::Relocation {
                    offset: start + offset,
                    symbol,
                    addend: relocation.addend(),
                    flags: RelocationFlags::Elf { r_type },
                };
                self.out
                    .add_relocation(id, written)
                    .expect("ELF has any relocation of ELF");
            }
        }
        Ok(())
    }

    /// The symbol of the output that a relocation refers to.
    fn symbol(&mut self, file: usize, target: RelocationTarget) -> object::Result<SymbolId> {
        let found = self.target(file, target)?;
        let Some((definer, symbol)) = found else {
            return Ok(self.undefined(b"", false));
        };
        let place = symbol
            .section_index()
            .and_then(|section| self.placed.get(&(definer, section)));
        let Some(&(section, start)) = place else {
            let (name, is_weak) = (symbol.name_bytes()?, symbol.is_weak());
            return Ok(self.undefined(name, is_weak));
        };
        let at = (section, start + symbol.address());
        if let Some(&known) = self.symbols.get(&at) {
            return Ok(known);
        }
        let kind = self.kinds[&section];
        let id = self.out.add_symbol(write::Symbol {
            value: at.1,
            section: SymbolSection::Section(section),
            ..named(b"", kind, SymbolScope::Compilation)
        });
        self.symbols.insert(at, id);
        Ok(id)
    }

    fn undefined(&mut self, name: &'a [u8], is_weak: bool) -> SymbolId {
        *self.undefined.entry(name).or_insert_with(|| {
            self.out.add_symbol(write::Symbol {
                weak: is_weak,
                ..named(name, SymbolKind::Unknown, SymbolScope::Unknown)
            })
        })
    }

    fn export(&mut self, name: String, (file, symbol): (usize, SymbolIndex)) {
        let symbol = self.files[file].symbol_by_index(symbol);
        let symbol = symbol.expect("it has been found before");
        let section = symbol.section_index().expect("it is defined");
        let (section, start) = self.placed[&(file, section)];
        let (value, size) = (start + symbol.address(), symbol.size());
        self.out.add_symbol(write::Symbol {
            value,
            size,
            section: SymbolSection::Section(section),
            ..named(name.as_bytes(), SymbolKind::Text, SymbolScope::Dynamic)
        });
    }
}

/// Without a place.
fn named(name: &[u8], kind: SymbolKind, scope: SymbolScope) -> write::Symbol {
    write::Symbol {
        name: name.to_vec(),
        value: 0,
        size: 0,
        kind,
        scope,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    }
}

/// What symbols in a section are.
fn symbol_kind(section: SectionKind) -> SymbolKind {
    match section {
        SectionKind::Text => SymbolKind::Text,
        SectionKind::Tls | SectionKind::UninitializedTls => SymbolKind::Tls,
        _ => SymbolKind::Data,
    }
}

/// Functions that are called when a program begins or ends, as soon as anything of the file is used.
fn is_list(flags: SectionFlags, name: object::Result<&str>) -> bool {
    let is_array = matches!(
        flags,
        SectionFlags::Elf {
            sh_type: elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY,
            ..
        }
    );
    is_array && name.is_ok()
}

/// In which section of the output a section comes to lie.
fn out_section(name: &str, kind: SectionKind, has_addresses: bool) -> (&str, SectionKind) {
    match kind {
        SectionKind::Text => (".text", kind),
        SectionKind::Tls => (".tdata", kind),
        SectionKind::UninitializedTls => (".tbss", kind),
        SectionKind::UninitializedData => (".bss", kind),
        _ if name.starts_with(".init_array") || name.starts_with(".fini_array") => (name, kind),
        _ if name.starts_with(".data.rel.ro") => (".data.rel.ro", SectionKind::ReadOnlyDataWithRel),
        SectionKind::Data => (".data", kind),
        _ if has_addresses => (".data.rel.ro", SectionKind::ReadOnlyDataWithRel),
        _ => (".rodata", SectionKind::ReadOnlyData),
    }
}
