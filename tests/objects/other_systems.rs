//! Objects for systems that no executables are made for: whether they say what they should, as
//! another reader of these formats understands them. Nothing of it is ever run.

use std::mem::offset_of;

use object::macho::{MH_SUBSECTIONS_VIA_SYMBOLS, N_ALT_ENTRY};
use object::{
    Architecture, BinaryFormat, File, FileFlags, Object, ObjectSection, ObjectSymbol, Relocation,
    RelocationTarget, SectionIndex, SectionKind, SymbolFlags, SymbolKind,
};
use wasmelt_abi::{CodeMap, PROGRAM_SYMBOL, Program, Slice, VERSION};
use wasmelt_compiler::{Arch, System, TARGETS, Target};

use super::{compile_for, undefined};

/// An address in the object, as a section and an offset in it.
type Place = (SectionIndex, u64);

fn other_systems() -> impl Iterator<Item = &'static Target> {
    TARGETS
        .iter()
        .filter(|target| target.system != System::Linux)
}

/// The name as the object's system has C's names.
fn plain<'a>(file: &File<'_>, name: &'a str) -> &'a str {
    match file.format() {
        BinaryFormat::MachO => name.strip_prefix('_').expect("C's names have one"),
        _ => name,
    }
}

fn place_of_symbol<'a>(file: &File<'a>, symbol: &impl ObjectSymbol<'a>) -> Place {
    let section = symbol.section_index().expect("it is defined here");
    let start = file.section_by_index(section).expect("it is").address();
    (section, symbol.address() - start)
}

fn text<'a>(file: &'a File<'a>) -> object::Section<'a, 'a> {
    let mut sections = file.sections();
    let found = sections.find(|section| section.kind() == SectionKind::Text);
    found.expect("there is code")
}

fn bytes_at(file: &File<'_>, (section, offset): Place, count: usize) -> Vec<u8> {
    let section = file.section_by_index(section).expect("it is");
    let start = usize::try_from(offset).expect("it is small");
    section.data().expect("it has bytes")[start..start + count].to_vec()
}

fn number(file: &File<'_>, place: Place, count: usize) -> u64 {
    let bytes = bytes_at(file, place, count);
    let byte = |value, byte: &u8| value << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, byte)
}

fn relocation_at(file: &File<'_>, (section, offset): Place) -> Relocation {
    let section = file.section_by_index(section).expect("it is");
    let mut relocations = section.relocations();
    let found = relocations.find(|&(at, _)| at == offset);
    found.expect("an address is filled in there").1
}

/// The place that the address at `place` says.
fn pointer(file: &File<'_>, place: Place) -> Place {
    let relocation = relocation_at(file, place);
    let addend = match relocation.has_implicit_addend() {
        true => number(file, place, 8),
        false => relocation.addend().cast_unsigned(),
    };
    match relocation.target() {
        RelocationTarget::Symbol(index) => {
            let symbol = file.symbol_by_index(index).expect("it is");
            let (section, offset) = place_of_symbol(file, &symbol);
            (section, offset + addend)
        }
        RelocationTarget::Section(index) => {
            let start = file.section_by_index(index).expect("it is").address();
            (index, addend - start)
        }
        other => panic!("an address of {other:?}"),
    }
}

fn program(file: &File<'_>) -> Place {
    let mut symbols = file.symbols().filter(|symbol| symbol.is_definition());
    let found = symbols.find(|symbol| {
        let name = symbol.name().unwrap_or_default();
        !name.is_empty() && name.trim_start_matches('_') == PROGRAM_SYMBOL
    });
    place_of_symbol(file, &found.expect("the runtime library looks for it"))
}

fn field((section, offset): Place, field: usize) -> Place {
    (section, offset + field as u64)
}

#[test]
fn formats_and_names_are_the_systems() {
    for target in other_systems() {
        let object = compile_for(target).object;
        let file = File::parse(&*object).expect("an object");
        let (format, architecture) = match (target.system, target.arch) {
            (System::Macos, Arch::X86_64) => (BinaryFormat::MachO, Architecture::X86_64),
            (System::Macos, _) => (BinaryFormat::MachO, Architecture::Aarch64),
            (_, Arch::X86_64) => (BinaryFormat::Coff, Architecture::X86_64),
            (_, _) => (BinaryFormat::Coff, Architecture::Aarch64),
        };
        assert_eq!(
            (file.format(), file.architecture()),
            (format, architecture),
            "{}",
            target.name
        );
        let linux = TARGETS.iter().find(|other| other.arch == target.arch);
        let linux = compile_for(linux.expect("there is one of Linux")).object;
        let linux = File::parse(&*linux).expect("an object");
        let names = undefined(&file).into_iter().map(|name| plain(&file, name));
        assert_eq!(
            names.collect::<std::collections::BTreeSet<_>>(),
            undefined(&linux),
            "{}",
            target.name
        );
        let mut notes = file.sections().filter(|section| {
            section.name().is_ok_and(|name| name.contains("wasmelt")) && section.size() > 0
        });
        let note = notes.find(|section| section.data().is_ok_and(|data| data == b"a note\n"));
        assert!(note.is_some(), "{}", target.name);
    }
}

#[test]
fn code_refers_to_what_others_define_by_calls() {
    for target in other_systems() {
        let object = compile_for(target).object;
        let file = File::parse(&*object).expect("an object");
        let text = text(&file);
        let code = text.data().expect("code");
        let mut calls = 0;
        for (at, relocation) in text.relocations() {
            let at = usize::try_from(at).expect("it is small");
            let RelocationTarget::Symbol(symbol) = relocation.target() else {
                panic!("a call of {:?}", relocation.target());
            };
            let symbol = file.symbol_by_index(symbol).expect("it is");
            assert!(symbol.is_undefined(), "{}", target.name);
            let is_call = match target.arch {
                // `call` and `jmp`, with a distance.
                Arch::X86_64 => matches!(code[at - 1], 0xe8 | 0xe9),
                // `bl` and `b`.
                _ => code[at + 3] & 0x7c == 0x14,
            };
            assert!(is_call, "{} at {at:#x}", target.name);
            calls += 1;
        }
        assert!(calls > 2, "{}", target.name);
    }
}

#[test]
fn the_description_finds_code_and_traps() {
    for target in other_systems() {
        let object = compile_for(target).object;
        let file = File::parse(&*object).expect("an object");
        let text = text(&file);
        let code = text.data().expect("code");
        let program = program(&file);
        let version = number(&file, field(program, offset_of!(Program, version)), 8);
        assert_eq!(version, u64::from(VERSION), "{}", target.name);
        let map = offset_of!(Program, code);
        let at = |inside: usize| field(program, map + inside);
        let start = pointer(&file, at(offset_of!(CodeMap, text_start)));
        assert_eq!(start, (text.index(), 0), "{}", target.name);
        let bytes = number(&file, at(offset_of!(CodeMap, text_bytes)), 8);
        assert!(bytes > 0 && bytes <= text.size(), "{}", target.name);

        let traps = offset_of!(CodeMap, trap_offsets);
        let count = number(&file, at(traps + offset_of!(Slice<u32>, len)), 8);
        let offsets = pointer(&file, at(traps + offset_of!(Slice<u32>, start)));
        let codes = pointer(&file, at(offset_of!(CodeMap, trap_codes)));
        let mut before = None;
        let mut instructions = 0;
        for position in 0..count {
            let (section, first) = offsets;
            let offset = number(&file, (section, first + 4 * position), 4);
            assert!(Some(offset) > before && offset < bytes, "{}", target.name);
            before = Some(offset);
            let (section, first) = codes;
            assert_ne!(number(&file, (section, first + position), 1), 0);
            let offset = usize::try_from(offset).expect("it is small");
            let is_trap = match target.arch {
                Arch::X86_64 => code[offset..].starts_with(&[0x0f, 0x0b]),
                _ => code[offset..].starts_with(&[0x1f, 0xc1, 0, 0]),
            };
            instructions += u32::from(is_trap);
        }
        // Bounds of the table, references of the wrong type. Accesses of memory are not among them.
        assert!(instructions > 0 && u64::from(instructions) <= count);

        let functions = offset_of!(CodeMap, function_offsets);
        let count = number(&file, at(functions + offset_of!(Slice<u32>, len)), 8);
        let (section, first) = pointer(&file, at(functions + offset_of!(Slice<u32>, start)));
        let defined = file.symbols().filter(|symbol| {
            symbol.is_definition() && symbol.section_index() == Some(text.index())
        });
        let starts: Vec<u64> = defined
            .filter(|symbol| symbol.kind() == SymbolKind::Text)
            .map(|symbol| place_of_symbol(&file, &symbol).1)
            .collect();
        for position in 0..count {
            let start = number(&file, (section, first + 4 * position), 4);
            assert!(starts.contains(&start), "{}: {start:#x}", target.name);
        }
    }
}

#[test]
fn code_stays_in_one_piece_on_macos() {
    for target in other_systems().filter(|target| target.system == System::Macos) {
        let object = compile_for(target).object;
        let file = File::parse(&*object).expect("an object");
        let FileFlags::MachO { flags } = file.flags() else {
            panic!("{:?}", file.flags());
        };
        // Linkers may cut it up where symbols are.
        assert!(flags.0 & MH_SUBSECTIONS_VIA_SYMBOLS.0 != 0);
        let text = text(&file);
        let symbols = file.symbols().filter(|symbol| {
            symbol.is_definition() && symbol.section_index() == Some(text.index())
        });
        let mut beginnings = Vec::new();
        for symbol in symbols {
            let SymbolFlags::MachO { n_desc, .. } = symbol.flags() else {
                panic!("{:?}", symbol.flags());
            };
            if n_desc.0 & N_ALT_ENTRY.0 == 0 {
                beginnings.push(symbol.address() - text.address());
            }
        }
        assert_eq!(beginnings, [0], "{}", target.name);
    }
}
