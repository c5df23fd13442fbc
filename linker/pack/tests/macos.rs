//! Makes a pack for macOS of hand-made objects, and looks at what is in it.

use object::read::archive::ArchiveFile;
use object::write::{Mangling, Object, Symbol, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use wasmelt_pack::make::{Source, make_for_macos};
use wasmelt_pack::{Place, RuntimePack};

/// An object that defines and asks for names.
fn member(defined: &[&str], undefined: &[&str]) -> Vec<u8> {
    let mut object = Object::new(
        BinaryFormat::MachO,
        Architecture::Aarch64,
        Endianness::Little,
    );
    object.mangling = Mangling::None;
    let text = object.add_section("__TEXT".into(), "__text".into(), SectionKind::Text);
    object.append_section_data(text, &[0xc0, 0x03, 0x5f, 0xd6], 4);
    let defined = defined
        .iter()
        .map(|name| (name, SymbolSection::Section(text)));
    let undefined = undefined
        .iter()
        .map(|name| (name, SymbolSection::Undefined));
    for (name, section) in defined.chain(undefined) {
        object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        });
    }
    object.write().unwrap()
}

fn pack(members: &[(&str, Vec<u8>)]) -> Result<RuntimePack, String> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, contents) in members {
        let name = format!("{name}/");
        bytes.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, contents.len()).bytes());
        bytes.extend(contents);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    let runtime = Source {
        name: "runtime.a".to_owned(),
        place: Place::Behind,
        bytes,
    };
    let pack = make_for_macos("aarch64-apple-darwin", "this test", &runtime, 1);
    let pack = pack.map_err(|error| error.to_string())?;
    Ok(RuntimePack::from_bytes(&pack).unwrap())
}

#[test]
fn what_is_reached_and_what_it_takes_of_the_system_is_there() {
    let members = [
        ("main.o", member(&["_main"], &["_wasmelt_program", "_add"])),
        ("add.o", member(&["_add"], &["_write", "_memcpy"])),
        ("call.o", member(&["_wasmelt_call"], &["_write", "__exit"])),
        ("rest.o", member(&["_rest"], &["_nobody_has_this"])),
        ("notes.txt", b"no object".to_vec()),
    ];
    let pack = pack(&members).unwrap();
    let files: Vec<_> = pack.files().collect();
    assert_eq!(files.len(), 2);
    let archive = ArchiveFile::parse(files[0].bytes()).unwrap();
    let names: Vec<String> = archive
        .members()
        .map(|member| String::from_utf8_lossy(member.unwrap().name()).into_owned())
        .collect();
    assert_eq!(names, ["main.o", "add.o", "call.o"]);
    assert_eq!(files[1].name, "imports.txt");
    assert_eq!(files[1].bytes(), b"__exit\n_memcpy\n_write\n");
}

#[test]
fn what_the_system_is_not_known_to_have_is_told() {
    let members = [("main.o", member(&["_main"], &["_write", "_CFRelease"]))];
    let error = pack(&members).unwrap_err();
    assert_eq!(error, "`runtime.a`: macOS is not known to have _CFRelease");
}
