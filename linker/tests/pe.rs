//! Executables for Windows, of objects that are made here: what is in the file, as another reader of
//! the format understands it. They are run by `tests/cross.sh x86_64-windows`.

use object::pe::{
    IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_REL_AMD64_ADDR32NB, IMAGE_REL_AMD64_ADDR64,
    IMAGE_REL_AMD64_REL32, RelocationType,
};
use object::read::pe::PeFile64;
use object::write::{Object, Relocation, StandardSection, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, LittleEndian as LE, Object as _, ObjectSection,
    RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use std::sync::Arc;
use wasmelt_linker::{LinkError, LinkRequest, Linker, PE_NOTE_SECTION, RuntimePack, Strip, link};
use wasmelt_pack::{Place, write};

const TARGET: &str = "x86_64-pc-windows-gnu";

fn coff() -> Object<'static> {
    Object::new(BinaryFormat::Coff, Architecture::X86_64, Endianness::Little)
}

/// A symbol that another object defines, or the system.
fn undefined(object: &mut Object<'_>, name: &str) -> SymbolId {
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Unknown,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    })
}

/// A section of its own with a symbol of that name at its beginning.
fn define(object: &mut Object<'_>, name: &str, kind: SectionKind, bytes: &[u8]) -> SymbolId {
    let section = match kind {
        SectionKind::Text => format!(".text${name}"),
        _ => format!(".rdata${name}"),
    };
    let section = object.add_section(Vec::new(), section.into_bytes(), kind);
    object.append_section_data(section, bytes, 16);
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value: 0,
        size: 0,
        kind: SymbolKind::Text,
        scope: SymbolScope::Linkage,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    })
}

fn refer(object: &mut Object<'_>, from: SymbolId, offset: u64, to: SymbolId, typ: RelocationType) {
    let SymbolSection::Section(section) = object.symbol(from).section else {
        panic!("it is defined");
    };
    let addend = if typ == IMAGE_REL_AMD64_REL32 { -4 } else { 0 };
    let flags = RelocationFlags::Coff { typ };
    let reloc = Relocation {
        offset,
        symbol: to,
        addend,
        flags,
    };
    object.add_relocation(section, reloc).unwrap();
}

/// A runtime that begins with a call of the program and one of the system, and has a function that
/// nobody calls.
fn pack() -> RuntimePack {
    let mut runtime = coff();
    let program = undefined(&mut runtime, "program");
    let exit = undefined(&mut runtime, "ExitProcess");
    let slot = undefined(&mut runtime, "__imp_Sleep");
    let code = [
        &[0xe8, 0, 0, 0, 0],
        &[0xe8, 0, 0, 0, 0][..],
        &[0xff, 0x15, 0, 0, 0, 0],
    ]
    .concat();
    let start = define(&mut runtime, "wasmelt_start", SectionKind::Text, &code);
    refer(&mut runtime, start, 1, program, IMAGE_REL_AMD64_REL32);
    refer(&mut runtime, start, 6, exit, IMAGE_REL_AMD64_REL32);
    refer(&mut runtime, start, 12, slot, IMAGE_REL_AMD64_REL32);
    define(
        &mut runtime,
        "unused",
        SectionKind::Text,
        b"nobody calls this",
    );
    let layout = define(
        &mut runtime,
        "layout",
        SectionKind::ReadOnlyData,
        &[1, 0, 0, 0],
    );
    let frames = runtime.add_section(Vec::new(), b".pdata".to_vec(), SectionKind::ReadOnlyData);
    runtime.append_section_data(frames, &[0; 12], 4);
    for (offset, symbol) in [(0, start), (4, start), (8, layout)] {
        let flags = RelocationFlags::Coff {
            typ: IMAGE_REL_AMD64_ADDR32NB,
        };
        let addend = if offset == 4 { code.len() as i64 } else { 0 };
        let reloc = Relocation {
            offset,
            symbol,
            addend,
            flags,
        };
        runtime.add_relocation(frames, reloc).unwrap();
    }
    let runtime = runtime.write().unwrap();
    let imports = b"KERNEL32.dll ExitProcess\nKERNEL32.dll Sleep\nother.dll NotUsed\n";
    let files: [(&str, Place, &[u8]); 2] = [
        ("runtime.o", Place::Behind, &runtime),
        ("imports.txt", Place::Behind, imports),
    ];
    RuntimePack::from_bytes(&write(TARGET, "this test", &files, 1).unwrap()).unwrap()
}

/// A program: code that returns, data with its address, and a note.
fn program(name: &str) -> Vec<u8> {
    let mut object = coff();
    let code = define(&mut object, name, SectionKind::Text, &[0xc3]);
    let data = object.section_id(StandardSection::Data);
    object.append_section_data(data, &[0; 8], 8);
    let flags = RelocationFlags::Coff {
        typ: IMAGE_REL_AMD64_ADDR64,
    };
    let reloc = Relocation {
        offset: 0,
        symbol: code,
        addend: 0,
        flags,
    };
    object.add_relocation(data, reloc).unwrap();
    let note = b".wasmelt.policy".to_vec();
    let note = object.add_section(Vec::new(), note, SectionKind::ReadOnlyData);
    object.append_section_data(note, b"what it may do", 1);
    object.write().unwrap()
}

fn linked(object: &[u8], stack_bytes: Option<u64>) -> Result<Vec<u8>, LinkError> {
    link(LinkRequest {
        object: Arc::new(object.to_vec()),
        pack: &pack(),
        image: None,
        linker: Linker::InProcess,
        strip: Strip::Internals,
        build_id: None,
        stack_bytes,
    })
}

#[test]
fn an_executable_has_what_is_used() {
    let bytes = linked(&program("program"), Some(1 << 20)).unwrap();
    let file = PeFile64::parse(&*bytes).unwrap();
    let header = file.nt_headers().optional_header;
    assert_eq!(header.size_of_stack_reserve.get(LE), 1 << 20);
    let base = file.relative_address_base();
    let text = file.section_by_name(".text").unwrap();
    let code = text.data().unwrap();
    assert!(!code.windows(6).any(|found| found == b"nobody"));
    // The entry calls the program, which is right at the beginning.
    let entry = (file.entry() - text.address()) as usize;
    let distance = |at: usize| i32::from_le_bytes(*code[at..].first_chunk().unwrap());
    let target = |at: usize| text.address() as i64 + at as i64 + 4 + i64::from(distance(at));
    assert_eq!(code[entry], 0xe8);
    let called = (target(entry + 1) - text.address() as i64) as usize;
    assert_eq!(code[called], 0xc3);
    // A call of the system by name goes to a jump through the table; the other is through it itself.
    let jump = (target(entry + 6) - text.address() as i64) as usize;
    assert_eq!(code[jump..jump + 2], [0xff, 0x25]);
    let slots = [target(jump + 2), target(entry + 12)];
    assert_eq!((slots[0] - slots[1]).abs(), 8);
    let imports: Vec<(Vec<u8>, Vec<u8>)> = file
        .imports()
        .unwrap()
        .map(|import| {
            let import = import.unwrap();
            (
                import.library().to_vec(),
                import.name().name().unwrap().to_vec(),
            )
        })
        .collect();
    let of_kernel = |name: &str| (b"KERNEL32.dll".to_vec(), name.as_bytes().to_vec());
    assert_eq!(imports, [of_kernel("ExitProcess"), of_kernel("Sleep")]);
    // The address in the data is that of the code, and changes with where the executable lies.
    let data = file.section_by_name(".data").unwrap();
    let address = (text.address() + called as u64).to_le_bytes();
    let data = data.data().unwrap();
    assert!(data.windows(8).any(|found| found == address));
    let blocks = file
        .data_directories()
        .relocation_blocks(&*bytes, &file.section_table());
    let mut blocks = blocks.unwrap().unwrap();
    assert_eq!(blocks.next().unwrap().unwrap().count(), 1);
    let frames = file
        .data_directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION)
        .unwrap();
    assert_eq!(frames.size.get(LE), 12);
    let frames = file.section_by_name(".pdata").unwrap().data().unwrap();
    let begin = u32::from_le_bytes(*frames.first_chunk().unwrap());
    assert_eq!(u64::from(begin) + base, file.entry());
    let note = file.section_by_name(PE_NOTE_SECTION).unwrap();
    assert!(note.data().unwrap().starts_with(b"what it may do"));
}

#[test]
fn what_nobody_has_is_named() {
    let Err(LinkError::UndefinedSymbols(names)) = linked(&program("other"), None) else {
        panic!("nobody defines `program`");
    };
    assert_eq!(names, ["program"]);
}

#[test]
fn the_same_input_makes_the_same_bytes() {
    let object = program("program");
    assert_eq!(
        linked(&object, None).unwrap(),
        linked(&object, None).unwrap()
    );
}

#[test]
fn damaged_objects_are_errors() {
    let object = program("program");
    for at in 0..object.len() {
        let mut bent = object.clone();
        bent[at] ^= 0x55;
        let _ = linked(&bent, None);
    }
    for end in 0..object.len() {
        let _ = linked(&object[..end], None);
    }
}
