//! ELF for our own linker, written directly: local symbols for backtraces, and sections that the
//! linker knows by name.

use super::contents::{Contents, Data, Place, Relocation};
use super::debug;
use crate::target::Arch;
use cranelift_codegen::binemit::Reloc;
use object::write::{self, Object, SectionId, StandardSection, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, FileFlags, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope, elf,
};

/// Where a linker begins the code: functions know their place in a cache line.
const CODE_ALIGN: u64 = 64;

/// Where data lies that needs no section of its own.
const DATA_SECTION: &str = ".rodata.wasmelt";

/// The same in a library, whose addresses are known when it is loaded.
const LIBRARY_DATA_SECTION: &str = ".data.rel.ro.wasmelt";

/// Places of a [`Contents`] as the object knows them.
struct Symbols {
    code: SymbolId,
    data: Vec<SymbolId>,
    imports: Vec<SymbolId>,
}

/// # Panics
/// When the object writer refuses what this file gives it: a mistake here.
pub(super) fn write(contents: &Contents<'_>, arch: Arch) -> Vec<u8> {
    let (architecture, e_flags) = match arch {
        Arch::X86_64 => (Architecture::X86_64, elf::FileFlags(0)),
        Arch::Aarch64 => (Architecture::Aarch64, elf::FileFlags(0)),
        Arch::Riscv64 => (
            Architecture::Riscv64,
            elf::EF_RISCV_FLOAT_ABI_DOUBLE | elf::EF_RISCV_RVC,
        ),
    };
    let mut object = Object::new(BinaryFormat::Elf, architecture, Endianness::Little);
    object.flags = FileFlags::Elf {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_flags,
    };
    let text = object.section_id(StandardSection::Text);
    object.set_section_data(text, contents.code, CODE_ALIGN);
    for function in &contents.functions {
        if !function.name.is_empty() {
            // ELF's strings end at a zero byte; wasm's may hold some.
            let name = function.name.bytes().filter(|&byte| byte != 0).collect();
            object.add_symbol(Symbol {
                value: u64::from(function.start),
                size: u64::from(function.bytes),
                section: SymbolSection::Section(text),
                ..symbol(name, SymbolKind::Text, SymbolScope::Compilation)
            });
        }
    }
    for &(name, start) in &contents.entries {
        object.add_symbol(Symbol {
            value: u64::from(start),
            section: SymbolSection::Section(text),
            ..symbol(name.into(), SymbolKind::Text, SymbolScope::Dynamic)
        });
    }
    let sections: Vec<SectionId> = contents
        .data
        .iter()
        .map(|data| add_data(&mut object, data, contents.is_library))
        .collect();
    // Says that nothing here needs an executable stack.
    object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    let imports = contents.imports.iter().map(|name| {
        let name = name.as_bytes().to_vec();
        object.add_symbol(symbol(name, SymbolKind::Text, SymbolScope::Unknown))
    });
    let imports = imports.collect();
    for export in &contents.exports {
        let name = export.name.as_bytes().to_vec();
        object.add_symbol(Symbol {
            value: export.offset as u64,
            section: SymbolSection::Section(sections[export.data]),
            ..symbol(name, SymbolKind::Data, SymbolScope::Linkage)
        });
    }
    let symbols = Symbols {
        code: object.section_symbol(text),
        data: sections
            .iter()
            .map(|&section| object.section_symbol(section))
            .collect(),
        imports,
    };
    add_relocations(&mut object, text, &contents.code_relocs, &symbols, arch);
    for (&section, data) in sections.iter().zip(&contents.data) {
        add_relocations(&mut object, section, &data.relocs, &symbols, arch);
    }
    debug::add(&mut object, &contents.debug, symbols.code);
    object.write().expect("a well-formed object")
}

/// Without a place, which is what imports are.
fn symbol(name: Vec<u8>, kind: SymbolKind, scope: SymbolScope) -> Symbol {
    Symbol {
        name,
        value: 0,
        size: 0,
        kind,
        scope,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    }
}

fn add_data<'a>(object: &mut Object<'a>, data: &'a Data<'_>, is_library: bool) -> SectionId {
    let (kind, default) = match (data.is_writable, is_library) {
        (true, _) => (SectionKind::Data, DATA_SECTION),
        (false, false) => (SectionKind::ReadOnlyData, DATA_SECTION),
        (false, true) => (SectionKind::ReadOnlyDataWithRel, LIBRARY_DATA_SECTION),
    };
    let name = data.section.unwrap_or(default);
    let section = object.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
    if data.is_kept {
        let mut sh_flags = elf::SHF_ALLOC | elf::SHF_GNU_RETAIN;
        if data.is_writable {
            sh_flags |= elf::SHF_WRITE;
        }
        object.section_mut(section).flags = SectionFlags::Elf {
            sh_type: elf::SHT_PROGBITS,
            sh_flags,
        };
    }
    object.set_section_data(section, &*data.bytes, data.align);
    section
}

fn add_relocations(
    object: &mut Object<'_>,
    section: SectionId,
    relocs: &[Relocation],
    symbols: &Symbols,
    arch: Arch,
) {
    for reloc in relocs {
        let (symbol, offset) = match reloc.place {
            Place::Code(start) => (symbols.code, i64::from(start)),
            Place::Data(position) => (symbols.data[position], 0),
            Place::Import(position) => (symbols.imports[position], 0),
        };
        let relocation = write::Relocation {
            offset: reloc.offset as u64,
            symbol,
            addend: offset + reloc.addend,
            flags: RelocationFlags::Elf {
                r_type: elf_type(reloc.kind, arch),
            },
        };
        object
            .add_relocation(section, relocation)
            .expect("a relocation of the target");
    }
}

fn elf_type(kind: Reloc, arch: Arch) -> elf::RelocationType {
    match (arch, kind) {
        (Arch::X86_64, Reloc::Abs8) => elf::R_X86_64_64,
        (Arch::X86_64, Reloc::Abs4) => elf::R_X86_64_32S,
        (Arch::X86_64, Reloc::X86PCRel4) => elf::R_X86_64_PC32,
        (Arch::X86_64, Reloc::X86CallPCRel4 | Reloc::X86CallPLTRel4) => elf::R_X86_64_PLT32,
        (Arch::Aarch64, Reloc::Abs8) => elf::R_AARCH64_ABS64,
        (Arch::Aarch64, Reloc::Arm64Call) => elf::R_AARCH64_CALL26,
        (Arch::Riscv64, Reloc::Abs8) => elf::R_RISCV_64,
        (Arch::Riscv64, Reloc::RiscvCallPlt) => elf::R_RISCV_CALL_PLT,
        (arch, other) => unreachable!("static code for {arch:?} has no relocation {other}"),
    }
}
