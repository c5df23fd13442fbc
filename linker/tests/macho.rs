//! Executables for macOS, of objects that are made here: what is in the file, as another reader of the
//! format understands it. Nothing of it has ever been run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use object::macho::{
    ARM64_RELOC_BRANCH26, ARM64_RELOC_GOT_LOAD_PAGE21, ARM64_RELOC_GOT_LOAD_PAGEOFF12,
    ARM64_RELOC_PAGE21, ARM64_RELOC_PAGEOFF12, ARM64_RELOC_TLVP_LOAD_PAGE21,
    ARM64_RELOC_TLVP_LOAD_PAGEOFF12, ARM64_RELOC_UNSIGNED, LC_CODE_SIGNATURE, LinkeditDataCommand,
    MachHeader64, RelocationType, VM_PROT_EXECUTE, VM_PROT_WRITE, X86_64_RELOC_BRANCH,
    X86_64_RELOC_GOT_LOAD, X86_64_RELOC_SIGNED, X86_64_RELOC_TLV, X86_64_RELOC_UNSIGNED,
};
use object::read::macho::{ExportData, MachOFile};
use object::write::{Mangling, Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, LittleEndian as LE, Object as _, ObjectSection,
    ObjectSymbol, RelocationFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use sha2::{Digest, Sha256};
use wasmelt_linker::{LinkError, LinkRequest, Linker, RuntimePack, Strip, link};
use wasmelt_pack::{Place, write};

const ARCHITECTURES: [(Architecture, &str); 2] = [
    (Architecture::Aarch64, "aarch64-apple-darwin"),
    (Architecture::X86_64, "x86_64-apple-darwin"),
];

/// How `main` refers to something: where, by what, whether from there, and how many bytes wide
/// (2 is for 4).
type Reference<'a> = (u64, &'a str, RelocationType);

fn macho(architecture: Architecture) -> Object<'static> {
    let mut object = Object::new(BinaryFormat::MachO, architecture, Endianness::Little);
    object.set_subsections_via_symbols();
    object.mangling = Mangling::None;
    object
}

fn symbol(object: &mut Object<'_>, name: &str, section: SymbolSection, value: u64) -> SymbolId {
    let kind = match section {
        SymbolSection::Undefined => SymbolKind::Unknown,
        _ => SymbolKind::Data,
    };
    object.add_symbol(Symbol {
        name: name.as_bytes().to_vec(),
        value,
        size: 0,
        kind,
        scope: SymbolScope::Linkage,
        weak: false,
        section,
        flags: SymbolFlags::None,
    })
}

fn undefined(object: &mut Object<'_>, name: &str) -> SymbolId {
    symbol(object, name, SymbolSection::Undefined, 0)
}

/// A symbol with bytes in a section.
fn define(
    object: &mut Object<'_>,
    name: &str,
    section: SectionId,
    bytes: &[u8],
) -> (SymbolId, u64) {
    let at = object.append_section_data(section, bytes, 8);
    let id = symbol(object, name, SymbolSection::Section(section), at);
    (id, at)
}

fn section(object: &mut Object<'_>, segment: &str, name: &str, kind: SectionKind) -> SectionId {
    object.add_section(segment.into(), name.into(), kind)
}

fn refer(object: &mut Object<'_>, section: SectionId, at: u64, to: SymbolId, typ: RelocationType) {
    let is_pointer = typ == ARM64_RELOC_UNSIGNED;
    let is_x86 = object.architecture() == Architecture::X86_64;
    let is_page_offset = [
        ARM64_RELOC_PAGEOFF12,
        ARM64_RELOC_GOT_LOAD_PAGEOFF12,
        ARM64_RELOC_TLVP_LOAD_PAGEOFF12,
    ]
    .contains(&typ);
    let flags = RelocationFlags::MachO {
        r_type: typ,
        r_pcrel: !is_pointer && (is_x86 || !is_page_offset),
        r_length: if is_pointer { 3 } else { 2 },
    };
    let reloc = Relocation {
        offset: at,
        symbol: to,
        addend: if is_x86 && !is_pointer { -4 } else { 0 },
        flags,
    };
    object.add_relocation(section, reloc).unwrap();
}

/// The code of `main`, which calls the program and the system, and refers to a variable of the
/// system's, to a table, and to data of its thread.
fn main_code(architecture: Architecture) -> (Vec<u8>, Vec<Reference<'static>>) {
    if architecture == Architecture::X86_64 {
        let code = [
            &[0xe8, 0, 0, 0, 0][..],
            &[0x48, 0x8b, 0x05, 0, 0, 0, 0],
            &[0x48, 0x8b, 0x15, 0, 0, 0, 0],
            &[0x48, 0x8b, 0x3d, 0, 0, 0, 0],
            &[0xe8, 0, 0, 0, 0],
        ]
        .concat();
        let references = vec![
            (1, "_program", X86_64_RELOC_BRANCH),
            (8, "___stdoutp", X86_64_RELOC_GOT_LOAD),
            (15, "_table", X86_64_RELOC_SIGNED),
            (22, "_own", X86_64_RELOC_TLV),
            (27, "_exit", X86_64_RELOC_BRANCH),
        ];
        return (code, references);
    }
    let instructions: [u32; 8] = [
        0x9400_0000,
        0x9000_0000,
        0xf940_0000,
        0x9000_0001,
        0xf940_0022,
        0x9000_0003,
        0xf940_0063,
        0x9400_0000,
    ];
    let references = vec![
        (0, "_program", ARM64_RELOC_BRANCH26),
        (4, "___stdoutp", ARM64_RELOC_GOT_LOAD_PAGE21),
        (8, "___stdoutp", ARM64_RELOC_GOT_LOAD_PAGEOFF12),
        (12, "_table", ARM64_RELOC_PAGE21),
        (16, "_table", ARM64_RELOC_PAGEOFF12),
        (20, "_own", ARM64_RELOC_TLVP_LOAD_PAGE21),
        (24, "_own", ARM64_RELOC_TLVP_LOAD_PAGEOFF12),
        (28, "_exit", ARM64_RELOC_BRANCH26),
    ];
    let code = instructions.iter().flat_map(|it| it.to_le_bytes());
    (code.collect(), references)
}

fn pointer(architecture: Architecture) -> RelocationType {
    match architecture {
        Architecture::X86_64 => X86_64_RELOC_UNSIGNED,
        _ => ARM64_RELOC_UNSIGNED,
    }
}

/// A runtime that begins with `main`, and has a function that nobody calls.
fn pack(architecture: Architecture, target: &str) -> RuntimePack {
    let mut object = macho(architecture);
    let text = section(&mut object, "__TEXT", "__text", SectionKind::Text);
    let constants = section(
        &mut object,
        "__DATA",
        "__const",
        SectionKind::ReadOnlyDataWithRel,
    );
    let variables = section(
        &mut object,
        "__DATA",
        "__thread_vars",
        SectionKind::TlsVariables,
    );
    let initial = section(&mut object, "__DATA", "__thread_data", SectionKind::Tls);
    let (code, references) = main_code(architecture);
    let (_, unused_at) = define(&mut object, "_unused", text, b"nobody calls this");
    let (main, main_at) = define(&mut object, "_main", text, &code);
    let (table, table_at) = define(&mut object, "_table", constants, &[0; 16]);
    define(&mut object, "_before$tlv$init", initial, b"not used");
    let (first, _) = define(&mut object, "_own$tlv$init", initial, b"8 bytes.");
    let (own, own_at) = define(&mut object, "_own", variables, &[0; 24]);
    let mut known = BTreeMap::from([("_table", table), ("_own", own)]);
    for name in ["_program", "___stdoutp", "_exit"] {
        known.insert(name, undefined(&mut object, name));
    }
    for (at, name, typ) in references {
        refer(&mut object, text, main_at + at, known[name], typ);
    }
    let pointer = pointer(architecture);
    let program = known["_program"];
    refer(&mut object, constants, table_at, main, pointer);
    refer(&mut object, constants, table_at + 8, program, pointer);
    let start = undefined(&mut object, "__tlv_bootstrap");
    refer(&mut object, variables, own_at, start, pointer);
    refer(&mut object, variables, own_at + 16, first, pointer);
    // What is left out asks the system for nothing.
    let malloc = undefined(&mut object, "_malloc");
    let call = match architecture {
        Architecture::X86_64 => X86_64_RELOC_BRANCH,
        _ => ARM64_RELOC_BRANCH26,
    };
    refer(&mut object, text, unused_at, malloc, call);
    let runtime = object.write().unwrap();
    let imports = b"_exit\n___stdoutp\n_malloc\n__tlv_bootstrap\n";
    let files: [(&str, Place, &[u8]); 2] = [
        ("runtime.o", Place::Behind, &runtime),
        ("imports.txt", Place::Behind, imports),
    ];
    RuntimePack::from_bytes(&write(target, "this test", &files, 1).unwrap()).unwrap()
}

/// A program: code that returns, data with its address, and a note.
fn program(architecture: Architecture, name: &str) -> Vec<u8> {
    let mut object = macho(architecture);
    let text = section(&mut object, "__TEXT", "__text", SectionKind::Text);
    let (code, _) = define(&mut object, name, text, &[0xc0, 0x03, 0x5f, 0xd6]);
    let data = section(&mut object, "__DATA", "__data", SectionKind::Data);
    let (_, at) = define(&mut object, "_data", data, &[0; 8]);
    refer(&mut object, data, at, code, pointer(architecture));
    let note = section(
        &mut object,
        "__TEXT",
        "__wasmelt_policy",
        SectionKind::ReadOnlyData,
    );
    define(&mut object, "_note", note, b"a note");
    object.write().unwrap()
}

fn linked(architecture: Architecture, target: &str, name: &str) -> Result<Vec<u8>, LinkError> {
    link(LinkRequest {
        object: Arc::new(program(architecture, name)),
        pack: &pack(architecture, target),
        image: None,
        linker: Linker::InProcess,
        strip: Strip::None,
        build_id: None,
        stack_bytes: Some(1 << 20),
    })
}

/// What another reader finds in an executable.
struct Found<'a> {
    file: MachOFile<'a, MachHeader64<LE>>,
    bytes: &'a [u8],
    /// Address, place in the file, and bytes there.
    segments: Vec<(u64, u64, u64)>,
    rebased: BTreeSet<u64>,
    bound: BTreeMap<u64, String>,
}

impl<'a> Found<'a> {
    fn read(bytes: &'a [u8]) -> Found<'a> {
        let file: MachOFile<'a, MachHeader64<LE>> = MachOFile::parse(bytes).unwrap();
        let mut segments = Vec::new();
        let mut commands = file.macho_load_commands().unwrap();
        let (mut rebased, mut bound) = (BTreeSet::new(), BTreeMap::new());
        while let Some(command) = commands.next().unwrap() {
            if let Some((segment, _)) = command.segment_64().unwrap() {
                let access = segment.initprot.get(LE).0;
                assert_ne!(access & 6, VM_PROT_WRITE.0 | VM_PROT_EXECUTE.0);
                segments.push((
                    segment.vmaddr.get(LE),
                    segment.fileoff.get(LE),
                    segment.filesize.get(LE),
                ));
            }
            if let Some(info) = command.dyld_info().unwrap() {
                let address = |segment: u8, offset| segments[usize::from(segment)].0 + offset;
                let mut rebases = info.rebases(LE, bytes, 8).unwrap();
                while let Some(it) = rebases.next().unwrap() {
                    assert!(rebased.insert(address(it.segment_index, it.segment_offset)));
                }
                let mut binds = info.binds(LE, bytes, 8).unwrap();
                while let Some(it) = binds.next().unwrap() {
                    let name = String::from_utf8(it.symbol.to_vec()).unwrap();
                    let at = address(it.segment_index, it.segment_offset);
                    assert_eq!((it.dylib.0, it.addend), (1, 0));
                    assert!(bound.insert(at, name).is_none());
                }
            }
        }
        Found {
            file,
            bytes,
            segments,
            rebased,
            bound,
        }
    }

    fn address(&self, name: &str) -> u64 {
        let mut symbols = self.file.symbols();
        let found = symbols.find(|symbol| symbol.name() == Ok(name));
        found.unwrap_or_else(|| panic!("no {name}")).address()
    }

    fn at(&self, address: u64) -> &'a [u8] {
        let mut segments = self.segments.iter();
        let found = segments.find(|(start, _, len)| (*start..start + len).contains(&address));
        let (start, offset, _) = found.unwrap_or_else(|| panic!("nothing at {address:#x}"));
        &self.bytes[usize::try_from(address - start + offset).unwrap()..]
    }

    fn word(&self, address: u64) -> u32 {
        u32::from_le_bytes(*self.at(address).first_chunk().unwrap())
    }

    fn number(&self, address: u64) -> u64 {
        u64::from_le_bytes(*self.at(address).first_chunk().unwrap())
    }

    /// Where the 4 bytes at this address lead, or, on AArch64, a `bl`.
    fn leads_to(&self, at: u64) -> u64 {
        let word = self.word(at);
        let distance = match self.file.architecture() {
            Architecture::X86_64 => i64::from(word.cast_signed()) + 4,
            _ => {
                assert_eq!(word >> 26, 0x25, "a call");
                i64::from((word << 6).cast_signed() >> 4)
            }
        };
        at.wrapping_add_signed(distance)
    }

    /// What `adrp` and the instruction behind it make, which loads 8 bytes or adds.
    fn pair(&self, at: u64) -> u64 {
        let (page, next) = (self.word(at), self.word(at + 4));
        assert_eq!(page & 0x9f00_0000, 0x9000_0000, "`adrp`");
        let pages = (page >> 29 & 3 | page >> 3 & 0x1f_fffc) << 11;
        let page = (at & !0xfff).wrapping_add_signed(i64::from(pages.cast_signed() >> 11) << 12);
        let low = u64::from(next >> 10 & 0xfff);
        match next & 0xffc0_0000 {
            0xf940_0000 => page + low * 8,
            0x9100_0000 => page + low,
            other => panic!("{other:#x}"),
        }
    }
}

#[test]
fn code_leads_where_it_should() {
    for (architecture, target) in ARCHITECTURES {
        let bytes = linked(architecture, target, "_program").unwrap();
        let found = Found::read(&bytes);
        let main = found.address("_main");
        assert_eq!(found.file.entry(), main - (1 << 32));
        let is_x86 = architecture == Architecture::X86_64;
        let [program, variable, table, own, exit] = match is_x86 {
            true => [1, 8, 15, 22, 27].map(|at| found.leads_to(main + at)),
            false => [
                found.leads_to(main),
                found.pair(main + 4),
                found.pair(main + 12),
                found.pair(main + 20),
                found.leads_to(main + 28),
            ],
        };
        assert_eq!(program, found.address("_program"), "{target}");
        assert_eq!(found.bound[&variable], "___stdoutp", "{target}");
        assert_eq!(table, found.address("_table"), "{target}");
        assert_eq!(own, found.address("_own"), "{target}");
        // It is not loaded, but computed.
        match is_x86 {
            true => assert_eq!(found.at(main + 19)[..3], [0x48, 0x8d, 0x3d]),
            false => assert_eq!(found.word(main + 24) & 0xffc0_03ff, 0x9100_0063),
        }
        let stubs = found.file.section_by_name("__stubs").unwrap();
        assert!((stubs.address()..stubs.address() + stubs.size()).contains(&exit));
        let slot = match is_x86 {
            true => found.leads_to(exit + 2),
            false => found.pair(exit),
        };
        assert_eq!(found.bound[&slot], "_exit", "{target}");
    }
}

#[test]
fn addresses_are_changed_by_the_loader() {
    for (architecture, target) in ARCHITECTURES {
        let bytes = linked(architecture, target, "_program").unwrap();
        let found = Found::read(&bytes);
        let (table, data) = (found.address("_table"), found.address("_data"));
        assert_eq!(found.rebased, BTreeSet::from([table, table + 8, data]));
        assert_eq!(found.number(table), found.address("_main"));
        assert_eq!(found.number(table + 8), found.address("_program"));
        assert_eq!(found.number(data), found.address("_program"));
        let own = found.address("_own");
        assert_eq!(found.bound[&own], "__tlv_bootstrap");
        assert_eq!(found.number(own + 16), 0, "what comes before is not used");
        let names: BTreeSet<&str> = found.bound.values().map(String::as_str).collect();
        let expected = BTreeSet::from(["_exit", "___stdoutp", "__tlv_bootstrap"]);
        assert_eq!(names, expected, "{target}");
        let unused = bytes.windows(13).any(|window| window == b"nobody calls ");
        assert!(!unused, "{target}");
    }
}

#[test]
fn segments_and_the_signature_cover_the_file() {
    for (architecture, target) in ARCHITECTURES {
        let bytes = linked(architecture, target, "_program").unwrap();
        assert_eq!(bytes, linked(architecture, target, "_program").unwrap());
        let found = Found::read(&bytes);
        let page = if target.starts_with("aarch64") {
            0x4000
        } else {
            0x1000
        };
        let mut end = 0;
        for (address, offset, len) in &found.segments[1..] {
            assert_eq!(*offset, end, "{target}");
            assert_eq!((address % page, offset % page), (0, 0), "{target}");
            end = offset + len;
        }
        assert_eq!(end, bytes.len() as u64, "{target}");
        let note = found.file.section_by_name("__wasmelt").unwrap();
        assert_eq!(note.data(), Ok(&b"a note"[..]));
        let mut commands = found.file.macho_load_commands().unwrap();
        let (mut exports, mut signed) = (Vec::new(), 0);
        while let Some(command) = commands.next().unwrap() {
            if let Some(info) = command.dyld_info().unwrap() {
                let mut trie = info.exports_trie(LE, &*bytes).unwrap();
                while let Some(it) = trie.next().unwrap() {
                    let ExportData::Regular { address } = it.data() else {
                        panic!("{:?}", it.data());
                    };
                    exports.push((String::from_utf8(it.name().to_vec()).unwrap(), *address));
                }
            }
            if let Some(main) = command.entry_point().unwrap() {
                assert_eq!(main.stacksize.get(LE), 1 << 20);
            }
            if command.cmd() != LC_CODE_SIGNATURE {
                continue;
            }
            let place: &LinkeditDataCommand<LE> = command.data().unwrap();
            let signature = place.code_signature(LE, &*bytes).unwrap();
            let mut blobs = signature.blobs();
            let directory = blobs
                .next()
                .unwrap()
                .unwrap()
                .code_directory()
                .unwrap()
                .unwrap();
            let limit = usize::try_from(directory.code_limit()).unwrap();
            assert_eq!(limit as u64, u64::from(place.dataoff.get(LE)));
            for (index, page) in bytes[..limit].chunks(4096).enumerate() {
                let digest = directory.code_hash(u32::try_from(index).unwrap());
                assert_eq!(digest, Ok(&*Sha256::digest(page)), "{target}");
                signed += page.len();
            }
            assert!(directory.code_hash(limit.div_ceil(4096) as u32).is_err());
        }
        assert!(signed > 0, "{target}");
        let main = found.address("_main") - (1 << 32);
        let expected = [
            ("__mh_execute_header".to_owned(), 0),
            ("_main".to_owned(), main),
        ];
        assert_eq!(exports, expected, "{target}");
    }
}

#[test]
fn what_nobody_has_is_told() {
    for (architecture, target) in ARCHITECTURES {
        let error = linked(architecture, target, "_another").unwrap_err();
        assert_eq!(error.to_string(), "undefined symbol `program`");
    }
}

#[test]
fn other_files_are_refused() {
    let (architecture, target) = ARCHITECTURES[0];
    let other = program(Architecture::X86_64, "_program");
    for object in [&other[..], b"", &other[..40]] {
        let result = link(LinkRequest {
            object: Arc::new(object.to_vec()),
            pack: &pack(architecture, target),
            image: None,
            linker: Linker::InProcess,
            strip: Strip::None,
            build_id: None,
            stack_bytes: None,
        });
        assert!(result.is_err());
    }
}
