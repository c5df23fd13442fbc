//! Links hand-made objects and runs what comes out, on Linux on x86-64.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use object::elf::{
    R_AARCH64_JUMP26, R_AARCH64_NONE, R_X86_64_64, R_X86_64_NONE, R_X86_64_PC32, R_X86_64_PLT32,
    SHF_ALLOC, SHF_GNU_RETAIN, SHF_WRITE, SHT_PROGBITS,
};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, Object as _, ObjectSegment, ObjectSymbol, SectionFlags,
    SectionKind, SymbolFlags, SymbolKind, SymbolScope,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use wasmelt_linker::{ImageSection, LinkError, LinkRequest, Linker, RuntimePack, Strip, link};
use wasmelt_pack::Place;

const IMAGE_SECTION: &str = ".wasmelt.image";
const IMAGE_ADDRESS: u64 = 0x1_0000_0000 - 0x1000;
const IMAGE_BYTES: usize = 0x12_1994;
const PAGE_BYTES: usize = 0x1000;
const MEMORY_BYTES: u64 = 0x40_0000;

/// What the program below returns.
const EXIT_CODE: i32 = 40 + 7 + 2 + 1 + 5;

struct Writer {
    object: Object<'static>,
}

impl Writer {
    fn new() -> Writer {
        Writer::of(Architecture::X86_64)
    }

    fn of(architecture: Architecture) -> Writer {
        Writer {
            object: Object::new(BinaryFormat::Elf, architecture, Endianness::Little),
        }
    }

    fn symbol(&mut self, name: &str, section: SymbolSection, kind: SymbolKind) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.into(),
            value: 0,
            size: 0,
            kind,
            scope: SymbolScope::Dynamic,
            weak: false,
            section,
            flags: SymbolFlags::None,
        })
    }

    /// A section of its own for the function.
    fn function(&mut self, name: &str, code: &[u8]) -> (SymbolId, SectionId) {
        let section_name = format!(".text.{name}").into_bytes();
        let section = self
            .object
            .add_section(Vec::new(), section_name, SectionKind::Text);
        self.object.append_section_data(section, code, 16);
        (
            self.symbol(name, SymbolSection::Section(section), SymbolKind::Text),
            section,
        )
    }

    fn image(&mut self, bytes: &[u8]) -> SectionId {
        let name = IMAGE_SECTION.as_bytes().to_vec();
        let image = self.object.add_section(Vec::new(), name, SectionKind::Data);
        self.object.section_mut(image).flags = SectionFlags::Elf {
            sh_type: SHT_PROGBITS,
            sh_flags: SHF_ALLOC | SHF_WRITE | SHF_GNU_RETAIN,
        };
        self.object.append_section_data(image, bytes, 0x1000);
        image
    }

    fn relocate(&mut self, section: SectionId, offset: u64, symbol: SymbolId, kind: u32, add: i64) {
        let r_type = object::elf::RelocationType(kind);
        let flags = object::RelocationFlags::Elf { r_type };
        let relocation = Relocation {
            offset,
            symbol,
            addend: add,
            flags,
        };
        self.object.add_relocation(section, relocation).unwrap();
    }
}

/// Start file: `exit(main())`.
fn start_object() -> Vec<u8> {
    let mut writer = Writer::new();
    let code = [0xe8, 0, 0, 0, 0, 0x89, 0xc7, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    let (_, section) = writer.function("_start", &code);
    let main = writer.symbol("main", SymbolSection::Undefined, SymbolKind::Text);
    writer.relocate(section, 1, main, R_X86_64_PLT32.0, -4);
    writer.object.write().unwrap()
}

/// Adds up: a number at the start of the image, one behind a long run of zeros, one that it first
/// writes to the end of the memory, one that it counts in `.bss`, and the result of a function
/// that it calls through a pointer in the image.
fn program_object() -> Vec<u8> {
    let mut writer = Writer::new();
    let far = IMAGE_ADDRESS + IMAGE_BYTES as u64 - 4;
    let tail = IMAGE_ADDRESS + MEMORY_BYTES - 4;
    let code = [
        &[0x53, 0x48, 0xb8][..], // push rbx; movabs rax, image
        &IMAGE_ADDRESS.to_le_bytes(),
        &[0x8b, 0x18, 0x48, 0xba], // mov ebx, [rax]; movabs rdx, far
        &far.to_le_bytes(),
        &[0x03, 0x1a, 0x48, 0xba], // add ebx, [rdx]; movabs rdx, tail
        &tail.to_le_bytes(),
        &[0xc7, 0x02, 2, 0, 0, 0], // mov dword [rdx], 2
        &[0x03, 0x1a],             // add ebx, [rdx]
        &[0xff, 0x05, 0, 0, 0, 0], // inc dword [rip + counter]
        &[0x03, 0x1d, 0, 0, 0, 0], // add ebx, [rip + counter]
        &[0xff, 0x50, 0x08],       // call [rax + 8]
        &[0x01, 0xd8, 0x5b, 0xc3], // add eax, ebx; pop rbx; ret
    ]
    .concat();
    let (_, main) = writer.function("main", &code);
    let bss =
        writer
            .object
            .add_section(Vec::new(), b".bss".to_vec(), SectionKind::UninitializedData);
    writer.object.append_section_bss(bss, 4, 4);
    let counter = writer.symbol("counter", SymbolSection::Section(bss), SymbolKind::Data);
    let inc = code
        .windows(2)
        .position(|pair| pair == [0xff, 0x05])
        .unwrap() as u64
        + 2;
    writer.relocate(main, inc, counter, R_X86_64_PC32.0, -4);
    writer.relocate(main, inc + 6, counter, R_X86_64_PC32.0, -4);
    let (five, _) = writer.function("five", &[0xb8, 5, 0, 0, 0, 0xc3]);
    writer.function("unused", &[0xcc; 4096]);
    let mut bytes = vec![0; PAGE_BYTES];
    bytes[0] = 40;
    let image = writer.image(&bytes);
    writer.relocate(image, 8, five, R_X86_64_64.0, 0);
    writer.object.write().unwrap()
}

/// Returns the image's first number; the image needs nothing of a linker.
fn plain_object() -> Vec<u8> {
    let mut writer = Writer::new();
    let code = [
        &[0x48, 0xb8][..],
        &IMAGE_ADDRESS.to_le_bytes(),
        &[0x8b, 0x00, 0xc3],
    ]
    .concat();
    writer.function("main", &code);
    writer.image(&[9, 0, 0, 0]);
    writer.object.write().unwrap()
}

fn pack(files: &[(&str, Place, &[u8])]) -> RuntimePack {
    let packed = wasmelt_pack::write("x86_64-unknown-linux-musl", "test", files, 1).unwrap();
    RuntimePack::from_bytes(&packed).unwrap()
}

fn start_pack() -> RuntimePack {
    pack(&[("crt1.o", Place::Before, &start_object())])
}

/// What is behind the image's section: a 7 at its end.
static PARTS: LazyLock<Vec<(u64, Vec<u8>)>> = LazyLock::new(|| {
    let start = IMAGE_BYTES / PAGE_BYTES * PAGE_BYTES;
    let mut bytes = vec![0; IMAGE_BYTES - start];
    bytes[IMAGE_BYTES - 4 - start] = 7;
    vec![(start as u64, bytes)]
});

fn image() -> Option<ImageSection<'static>> {
    Some(ImageSection {
        section: IMAGE_SECTION.to_owned(),
        address: IMAGE_ADDRESS,
        memory_bytes: MEMORY_BYTES,
        parts: &PARTS,
    })
}

fn link_to(folder: &Path, linker: Linker, strip: Strip) -> Result<PathBuf, LinkError> {
    let (object, pack) = (program_object(), start_pack());
    let request = LinkRequest {
        object: Arc::new(object),
        pack: &pack,
        image: image(),
        linker,
        strip,
        build_id: None,
        stack_bytes: None,
    };
    link(request).map(|executable| written(folder, &executable))
}

/// An executable as a file that can be run.
fn written(folder: &Path, executable: &[u8]) -> PathBuf {
    let program = folder.join("program");
    fs::write(&program, executable).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn exit_code(program: &Path) -> Option<i32> {
    Command::new(program).status().unwrap().code()
}

fn on_path(tool: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .map(|folder| folder.join(tool))
        .find(|path| path.exists())
}

#[test]
fn in_process() {
    let folder = tempfile::tempdir().unwrap();
    for strip in [Strip::None, Strip::Symbols] {
        let program = link_to(folder.path(), Linker::InProcess, strip).unwrap();
        assert_eq!(exit_code(&program), Some(EXIT_CODE), "{strip:?}");
        let bytes = fs::read(&program).unwrap();
        assert!(
            bytes.len() < 32 << 10,
            "{} bytes: zeros or unused code in the file",
            bytes.len()
        );
        let named = bytes.windows(8).any(|window| window == b"counter\0");
        assert_eq!(named, strip == Strip::None);
    }
}

/// A program whose local function is named as rustc names those of the runtime library.
#[test]
fn names_of_internals_are_left_out() {
    let mut writer = Writer::new();
    let (_, main) = writer.function("main", &[0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3]);
    for (offset, name) in [(1, "_ZN7runtime8internalE"), (6, "hello!_ZN5guestE")] {
        let (callee, _) = writer.function(name, &[0xb8, 9, 0, 0, 0, 0xc3]);
        writer.object.symbol_mut(callee).scope = SymbolScope::Compilation;
        writer.relocate(main, offset, callee, R_X86_64_PLT32.0, -4);
    }
    let object = Arc::new(writer.object.write().unwrap());
    let pack = start_pack();
    let folder = tempfile::tempdir().unwrap();
    for strip in [Strip::None, Strip::Internals] {
        let request = LinkRequest {
            object: Arc::clone(&object),
            pack: &pack,
            image: None,
            linker: Linker::InProcess,
            strip,
            build_id: None,
            stack_bytes: None,
        };
        let bytes = link(request).unwrap();
        assert_eq!(exit_code(&written(folder.path(), &bytes)), Some(9));
        let file = object::File::parse(&*bytes).unwrap();
        let named = |name: &str| file.symbol_by_name(name).is_some_and(|s| s.address() != 0);
        assert!(named("main") && named("_start") && named("hello!_ZN5guestE"));
        assert_eq!(named("_ZN7runtime8internalE"), strip == Strip::None);
    }
}

/// Each segment of a target with pages of 64 KiB begins at the same place of a page in the file and
/// in memory, and the file has no gaps for that.
#[test]
fn large_pages_leave_no_gaps() {
    const PAGE: u64 = 64 << 10;
    let mut writer = Writer::of(Architecture::Aarch64);
    // ret; the constant is referred to by nothing but the code.
    let (_, section) = writer.function("main", &0xd65f_03c0_u32.to_le_bytes());
    let constant = writer.object.add_section(
        Vec::new(),
        b".rodata.main".to_vec(),
        SectionKind::ReadOnlyData,
    );
    writer.object.append_section_data(constant, &[7; 5000], 8);
    let symbol = SymbolSection::Section(constant);
    let symbol = writer.symbol("constant", symbol, SymbolKind::Data);
    writer.relocate(section, 0, symbol, R_AARCH64_NONE.0, 0);
    let object = writer.object.write().unwrap();
    let mut start = Writer::of(Architecture::Aarch64);
    let (_, section) = start.function("_start", &0x1400_0000_u32.to_le_bytes());
    let main = start.symbol("main", SymbolSection::Undefined, SymbolKind::Text);
    start.relocate(section, 0, main, R_AARCH64_JUMP26.0, 0);
    let start = start.object.write().unwrap();
    let files = [("crt1.o", Place::Before, &*start)];
    let pack = wasmelt_pack::write("aarch64-unknown-linux-musl", "test", &files, 1).unwrap();
    let bytes = link(LinkRequest {
        object: Arc::new(object),
        pack: &RuntimePack::from_bytes(&pack).unwrap(),
        image: None,
        linker: Linker::InProcess,
        strip: Strip::None,
        build_id: None,
        stack_bytes: None,
    });
    let bytes = bytes.unwrap();
    assert!(bytes.len() < 8 << 10, "{} bytes", bytes.len());
    let file = object::File::parse(&*bytes).unwrap();
    let mut ends = 0;
    for segment in file.segments() {
        let (address, (offset, _)) = (segment.address(), segment.file_range());
        assert_eq!(address % PAGE, offset % PAGE);
        assert!(
            address >= ends,
            "{address:#x} shares a page with the one before"
        );
        ends = (address + segment.size()).next_multiple_of(PAGE);
    }
    assert_ne!(ends, 0);
}

/// What would be written to until addresses are known is never writable, as they are.
#[test]
fn what_is_settled_is_read_only() {
    let mut writer = Writer::new();
    // xor eax, eax; ret. The sections are referred to by nothing but the code.
    let (main, code) = writer.function("main", &[0x31, 0xc0, 0xc3]);
    let sections = [
        (".data.rel.ro.main", SectionKind::ReadOnlyDataWithRel),
        (".data.main", SectionKind::Data),
    ];
    for (name, kind) in sections {
        let section = writer.object.add_section(Vec::new(), name.into(), kind);
        writer.object.append_section_data(section, &[7; 16], 8);
        writer.relocate(section, 8, main, R_X86_64_64.0, 0);
        let symbol = writer.symbol(name, SymbolSection::Section(section), SymbolKind::Data);
        writer.relocate(code, 0, symbol, R_X86_64_NONE.0, 0);
    }
    let object = writer.object.write().unwrap();
    let bytes = link(LinkRequest {
        object: Arc::new(object),
        pack: &start_pack(),
        image: None,
        linker: Linker::InProcess,
        strip: Strip::None,
        build_id: None,
        stack_bytes: None,
    });
    let bytes = bytes.unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(exit_code(&written(folder.path(), &bytes)), Some(0));
    let file = object::File::parse(&*bytes).unwrap();
    let is_writable = |name: &str| {
        let symbol = file.symbols().find(|it| it.name() == Ok(name)).unwrap();
        let has = |segment: &object::Segment<'_, '_>| {
            let start = segment.address();
            (start..start + segment.size()).contains(&symbol.address())
        };
        let segment = file.segments().find(has).unwrap();
        let object::SegmentFlags::Elf { p_flags, .. } = segment.flags() else {
            panic!("it is an ELF file");
        };
        p_flags & object::elf::PF_W == object::elf::PF_W
    };
    assert_eq!(sections.map(|(name, _)| is_writable(name)), [false, true]);
}

#[test]
fn same_inputs_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = Vec::new();
    for _ in 0..3 {
        let program = link_to(folder.path(), Linker::InProcess, Strip::None).unwrap();
        made.push(fs::read(program).unwrap());
    }
    assert!(made[0] == made[1] && made[1] == made[2]);
}

#[test]
fn on_one_thread() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = pool
        .install(|| link_to(folder.path(), Linker::InProcess, Strip::Symbols))
        .unwrap();
    assert_eq!(exit_code(&program), Some(EXIT_CODE));
}

#[test]
fn with_linkers_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let found = ["gcc", "clang", "ld.bfd", "ld.lld"].into_iter();
    for tool in found
        .filter_map(on_path)
        .chain(on_path("cc").map(|_| "cc".into()))
    {
        let program = link_to(folder.path(), Linker::System(tool.clone()), Strip::Symbols);
        let program = program.unwrap_or_else(|error| panic!("{}: {error}", tool.display()));
        assert_eq!(exit_code(&program), Some(EXIT_CODE), "{}", tool.display());
    }
}

#[test]
fn images_without_relocations() {
    let folder = tempfile::tempdir().unwrap();
    let (object, pack) = (Arc::new(plain_object()), start_pack());
    let system = on_path("cc").map(|_| Linker::System("cc".into()));
    for linker in [Some(Linker::InProcess), system].into_iter().flatten() {
        let request = LinkRequest {
            object: Arc::clone(&object),
            pack: &pack,
            image: image(),
            linker: linker.clone(),
            strip: Strip::None,
            build_id: None,
            stack_bytes: None,
        };
        let program = written(folder.path(), &link(request).unwrap());
        assert_eq!(exit_code(&program), Some(9), "{linker:?}");
    }
}

#[test]
fn undefined_symbols_are_named() {
    let mut writer = Writer::new();
    let (_, main) = writer.function("main", &[0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3]);
    for (offset, name) in [(1, "wasmelt_b"), (6, "wasmelt_a")] {
        let symbol = writer.symbol(name, SymbolSection::Undefined, SymbolKind::Text);
        writer.relocate(main, offset, symbol, R_X86_64_PLT32.0, -4);
    }
    let object = writer.object.write().unwrap();
    let pack = start_pack();
    let request = LinkRequest {
        object: Arc::new(object),
        pack: &pack,
        image: None,
        linker: Linker::InProcess,
        strip: Strip::None,
        build_id: None,
        stack_bytes: None,
    };
    match link(request) {
        Err(LinkError::UndefinedSymbols(names)) => assert_eq!(names, ["wasmelt_a", "wasmelt_b"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn damaged_objects_are_errors() {
    let (object, pack) = (program_object(), start_pack());
    let headers = object.len() - 0x1000;
    // Bytes of the file header, of the code, and of what follows the image.
    for at in (0..0x100).chain(headers..object.len()).step_by(7) {
        let mut bent = object.clone();
        bent[at] ^= 0x55;
        let request = LinkRequest {
            object: Arc::new(bent),
            pack: &pack,
            image: image(),
            linker: Linker::InProcess,
            strip: Strip::None,
            build_id: None,
            stack_bytes: None,
        };
        // What is wrong need not matter to a linker; it may not be the end of this process.
        let _ = link(request);
    }
}

#[test]
fn tools_that_are_missing_or_fail() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Linker::System(folder.path().join("no-such-ld"));
    assert!(matches!(
        link_to(folder.path(), missing, Strip::None),
        Err(LinkError::ToolMissing { .. })
    ));
    let failing = Linker::System(on_path("false").unwrap());
    assert!(matches!(
        link_to(folder.path(), failing, Strip::None),
        Err(LinkError::ToolFailed { .. })
    ));
    assert!(!folder.path().join("program").exists());
}
