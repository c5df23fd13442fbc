//! Makes packs of hand-made objects and looks at what is left of them.

use object::build::elf::Builder;
use object::elf::{
    R_X86_64_32, R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PLT32,
    R_X86_64_REX_GOTPCRELX, RelocationType, SHF_ALLOC, SHF_MERGE, SHF_STRINGS, SectionFlags,
};
use object::read::archive::ArchiveFile;
use object::write::{self, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags,
    SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use wasmelt_pack::make::{Recipe, Source, make};
use wasmelt_pack::{Place, RuntimePack};

struct Member(write::Object<'static>);

impl Member {
    fn new() -> Member {
        Member(write::Object::new(
            BinaryFormat::Elf,
            Architecture::X86_64,
            Endianness::Little,
        ))
    }

    fn symbol(&mut self, name: &str, section: SymbolSection, weak: bool) -> SymbolId {
        self.0.add_symbol(Symbol {
            name: name.into(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Dynamic,
            weak,
            section,
            flags: SymbolFlags::None,
        })
    }

    fn section(&mut self, name: &str, bytes: &[u8]) -> SectionId {
        let section = self
            .0
            .add_section(Vec::new(), name.into(), SectionKind::Text);
        self.0.append_section_data(section, bytes, 16);
        section
    }

    fn refer(&mut self, section: SectionId, offset: u64, symbol: SymbolId, kind: RelocationType) {
        let addend = if kind == R_X86_64_64 { 0 } else { -4 };
        let flags = RelocationFlags::Elf { r_type: kind };
        let relocation = Relocation {
            offset,
            symbol,
            addend,
            flags,
        };
        self.0.add_relocation(section, relocation).unwrap();
    }

    /// A function in a section of its own that calls others.
    fn function(mut self, name: &str, calls: &[&str]) -> Member {
        let code = [0xe8, 0, 0, 0, 0].repeat(calls.len().max(1));
        let section = self.section(&format!(".text.{name}"), &code);
        self.symbol(name, SymbolSection::Section(section), false);
        for (index, callee) in calls.iter().enumerate() {
            let weak = callee.starts_with('?');
            let callee = self.symbol(
                callee.trim_start_matches('?'),
                SymbolSection::Undefined,
                weak,
            );
            self.refer(section, index as u64 * 5 + 1, callee, R_X86_64_PLT32);
        }
        self
    }

    fn bytes(self) -> Vec<u8> {
        self.0.write().unwrap()
    }
}

/// An archive without an index, as simple as they come.
fn archive(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let name = format!("{name}/");
        out.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, bytes.len()).bytes());
        out.extend(bytes);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

/// Makes a pack of one start file, which calls `main`, and one archive; returns the members that
/// the archive is left with, each with its sections' names and its symbols' names.
fn trimmed(members: &[(&str, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let source = |name: &str, place, bytes| Source {
        name: name.to_owned(),
        place,
        bytes,
    };
    let start = Member::new().function("_start", &["main"]).bytes();
    let sources = [
        source("crt1.o", Place::Before, start),
        source("libmembers.a", Place::Behind, archive(members)),
    ];
    let recipe = Recipe {
        target: "x86_64-unknown-linux-musl",
        provenance: "test",
        is_root: &|name| name == "root",
        level: 1,
    };
    let pack = RuntimePack::from_bytes(&make(&recipe, &sources).unwrap()).unwrap();
    let file = pack
        .files()
        .find(|file| file.name == "libmembers.a")
        .unwrap();
    let archive = ArchiveFile::parse(file.bytes()).unwrap();
    archive
        .members()
        .map(|member| member.unwrap())
        .map(|member| {
            let name = String::from_utf8(member.name().to_vec()).unwrap();
            (name, member.data(file.bytes()).unwrap().to_vec())
        })
        .collect()
}

fn names(members: &[(String, Vec<u8>)]) -> Vec<&str> {
    members.iter().map(|(name, _)| name.as_str()).collect()
}

fn symbols(bytes: &[u8]) -> Vec<String> {
    let object = object::File::parse(bytes).unwrap();
    let names = object
        .symbols()
        .map(|symbol| symbol.name().unwrap().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn members_that_nothing_reaches_are_dropped() {
    let left = trimmed(&[
        (
            "main.o",
            Member::new().function("main", &["used", "?maybe"]).bytes(),
        ),
        ("used.o", Member::new().function("used", &[]).bytes()),
        ("maybe.o", Member::new().function("maybe", &[]).bytes()),
        (
            "other.o",
            Member::new().function("other", &["main"]).bytes(),
        ),
        ("root.o", Member::new().function("root", &[]).bytes()),
    ]);
    assert_eq!(names(&left), ["main.o", "used.o", "root.o"]);
}

#[test]
fn sections_that_nothing_reaches_are_dropped() {
    let left = trimmed(&[
        (
            "main.o",
            Member::new()
                .function("main", &["?used"])
                .function("dead", &["far"])
                .bytes(),
        ),
        ("far.o", Member::new().function("far", &[]).bytes()),
    ]);
    assert_eq!(names(&left), ["main.o"]);
    assert_eq!(symbols(&left[0].1), ["main", "used"]);
    let object = object::File::parse(left[0].1.as_slice()).unwrap();
    let names = object.sections().map(|it| it.name().unwrap().to_owned());
    let code: Vec<String> = names.filter(|name| name.contains("text")).collect();
    // What one was called that is left is the name of its symbol.
    assert_eq!(code, [".text", ".rela.text"]);
}

#[test]
fn sections_keep_what_linkers_tell_them_apart_by() {
    let mut member = Member::new().function("main", &["?odd", "?name"]);
    for (name, symbol) in [(".text.unlikely.odd", "odd"), (".textual.name", "name")] {
        let section = member.section(name, &[0xc3]);
        member.symbol(symbol, SymbolSection::Section(section), false);
    }
    let left = trimmed(&[("main.o", member.bytes())]);
    let object = object::File::parse(left[0].1.as_slice()).unwrap();
    for name in [".text", ".text.unlikely", ".textual.name"] {
        assert!(object.section_by_name(name).is_some(), "{name}");
    }
}

#[test]
fn weak_references_keep_what_is_loaded_anyway() {
    let both = Member::new().function("used", &[]).function("maybe", &[]);
    let left = trimmed(&[
        (
            "main.o",
            Member::new().function("main", &["used", "?maybe"]).bytes(),
        ),
        ("both.o", both.bytes()),
    ]);
    assert!(symbols(&left[1].1).contains(&"maybe".to_owned()));
}

#[test]
fn unwind_tables_hold_on_to_nothing() {
    let mut member = Member::new().function("main", &[]);
    let frames = member.section(".eh_frame", &[0; 16]);
    let personality = member.symbol("personality", SymbolSection::Undefined, false);
    member.refer(frames, 0, personality, R_X86_64_64);
    let left = trimmed(&[
        ("main.o", member.bytes()),
        (
            "personality.o",
            Member::new().function("personality", &[]).bytes(),
        ),
    ]);
    assert_eq!(names(&left), ["main.o"]);
    let object = object::File::parse(left[0].1.as_slice()).unwrap();
    assert!(object.section_by_name(".eh_frame").is_none());
}

#[test]
fn calls_through_the_table_may_become_direct() {
    let mut member = Member::new();
    let code = [
        &[0xff, 0x15, 0, 0, 0, 0][..],   // call *callee@GOTPCREL(%rip)
        &[0x4c, 0x8b, 0x3d, 0, 0, 0, 0], // mov callee@GOTPCREL(%rip), %r15
        &[0x48, 0x3b, 0x05, 0, 0, 0, 0], // cmp callee@GOTPCREL(%rip), %rax
    ]
    .concat();
    let main = member.section(".text.main", &code);
    member.symbol("main", SymbolSection::Section(main), false);
    let callee = member.symbol("callee", SymbolSection::Undefined, false);
    for offset in [2, 9, 16] {
        member.refer(main, offset, callee, R_X86_64_GOTPCREL);
    }
    let left = trimmed(&[
        ("main.o", member.bytes()),
        ("callee.o", Member::new().function("callee", &[]).bytes()),
    ]);
    let object = object::File::parse(left[0].1.as_slice()).unwrap();
    let section = object.section_by_name(".text").unwrap();
    let kinds: Vec<RelocationType> = section
        .relocations()
        .map(|(_, relocation)| match relocation.flags() {
            RelocationFlags::Elf { r_type } => r_type,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            R_X86_64_GOTPCRELX,
            R_X86_64_REX_GOTPCRELX,
            R_X86_64_GOTPCREL
        ]
    );
}

#[test]
fn files_that_are_no_objects_are_errors() {
    let recipe = Recipe {
        target: "t",
        provenance: "p",
        is_root: &|_| false,
        level: 1,
    };
    for name in ["libc.a", "crt1.o"] {
        let bytes = b"neither object nor archive".to_vec();
        let source = Source {
            name: name.to_owned(),
            place: Place::Before,
            bytes,
        };
        let error = make(&recipe, &[source]).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("`{name}`: ")),
            "{error}"
        );
    }
}

/// A kind of section of constants: its name, flags and size of entries.
type Kind = (&'static str, SectionFlags, u64);

const EQUAL: Kind = (".rodata.cst16", SHF_MERGE, 16);
const TEXTS: Kind = (
    ".rodata.str1.1",
    SectionFlags(SHF_MERGE.0 | SHF_STRINGS.0),
    1,
);

/// Two constants in one mergeable section, used at these offsets by a function each.
fn constants(kind: Kind, bytes: &[u8], offsets: [i64; 2]) -> Vec<u8> {
    let mut member = Member::new();
    let (name, flags, entry) = kind;
    let constants = member
        .0
        .add_section(Vec::new(), name.into(), SectionKind::ReadOnlyData);
    member.0.append_section_data(constants, bytes, entry);
    let symbol = member.0.section_symbol(constants);
    for (name, addend) in ["a", "b"].into_iter().zip(offsets) {
        let section = member.section(&format!(".text.{name}"), &[0; 8]);
        member.symbol(name, SymbolSection::Section(section), false);
        let flags = RelocationFlags::Elf {
            r_type: R_X86_64_32,
        };
        let relocation = Relocation {
            offset: 0,
            symbol,
            addend,
            flags,
        };
        member.0.add_relocation(section, relocation).unwrap();
    }
    let bytes = member.bytes();
    let mut builder = Builder::read64(bytes.as_slice()).unwrap();
    for section in &mut builder.sections {
        if section.name.as_slice() == name.as_bytes() {
            section.sh_flags = SectionFlags(SHF_ALLOC.0 | flags.0);
            section.sh_entsize = entry;
        }
    }
    let mut merged = Vec::new();
    builder.write(&mut merged).unwrap();
    merged
}

/// The constants of an object that are left when something refers to `callees`.
fn constants_left(constants: &[u8], callees: &[&str]) -> Vec<Vec<u8>> {
    let left = trimmed(&[
        ("main.o", Member::new().function("main", callees).bytes()),
        ("constants.o", constants.to_vec()),
    ]);
    let object = object::File::parse(left[1].1.as_slice()).unwrap();
    let sections = object.sections();
    sections
        .filter(|section| section.name() == Ok(".rodata"))
        .map(|section| section.data().unwrap().to_vec())
        .collect()
}

#[test]
fn constants_are_dropped_one_by_one() {
    let (first, second) = (b"first constant!!", b"second constant!");
    let object = constants(EQUAL, b"first constant!!second constant!", [0, 24]);
    let left = |callees: &[&str]| constants_left(&object, callees);
    assert_eq!(left(&["a"]), [first]);
    assert_eq!(left(&["b"]), [second]);
    assert_eq!(left(&["a", "b"]), [first, second]);
}

#[test]
fn texts_are_dropped_one_by_one() {
    let object = constants(TEXTS, b"one\0another\0third\0", [0, 6]);
    let left = |callees: &[&str]| constants_left(&object, callees);
    assert_eq!(left(&["a"]), [b"one\0"]);
    assert_eq!(left(&["b"]), [b"another\0"]);
    assert_eq!(left(&["a", "b"]), [&b"one\0"[..], b"another\0"]);
    // What does not end with a zero is left as it is.
    let object = constants(TEXTS, b"one\0another", [0, 6]);
    let whole = constants_left(&object, &["a"]);
    assert_eq!(whole, [b"one\0another"]);
}
