//! Executables for macOS, as other readers of the format understand them: the crate `object`, and LLVM's
//! tools where they are installed. Nothing of them has ever been run.
//!
//! Each target is left out, with a note, if its runtime pack is not in this build. With
//! `WASMELT_TEST_PROGRAMS=FOLDER`, the programs of that folder are looked at too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::macho::{
    LC_CODE_SIGNATURE, LinkeditDataCommand, MH_PIE, MachHeader64, PLATFORM_MACOS, VM_PROT_EXECUTE,
    VM_PROT_WRITE,
};
use object::read::macho::MachOFile;
use object::{LittleEndian as LE, Object, ObjectSection, ObjectSymbol, SectionKind};
use sha2::{Digest, Sha256};

type File<'a> = MachOFile<'a, MachHeader64<LE>>;

/// Target, what LLVM calls the processor, and bytes of a page.
const TARGETS: [(&str, &str, u64); 2] = [
    ("aarch64-macos", "arm64", 0x4000),
    ("x86_64-macos", "x86_64", 0x1000),
];

/// Nothing is below, so that what is null leads to nothing.
const BASE: u64 = 1 << 32;

/// Of the digests in a signature.
const SIGNED_PAGE_BYTES: usize = 4096;

/// Programs: files of `tests/guests`, commands and servers, and what they are built with.
const GUESTS: [(&str, &[&str]); 7] = [
    ("files", &["--dir", "."]),
    ("traps-rust", &["--invoke", "trap"]),
    ("p2-cli", &["-g"]),
    ("p2-requests", &["-S", "http"]),
    ("p2-server", &["--tls"]),
    ("p3-streams", &["-C", "strip=none"]),
    ("p3-server", &["-C", "strip=symbols"]),
];

const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\10\00\00\00\06\00\00\00hello\n")
  (func (export "_start")
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))))"#;

fn wasmelt() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wasmelt"))
}

/// The targets whose packs are in this build.
fn ready() -> Vec<(&'static str, &'static str, u64)> {
    let listing = wasmelt().arg("targets").output().unwrap().stdout;
    let listing = String::from_utf8(listing).unwrap();
    let is_ready = |name: &str| listing.contains(&format!("{name}: ready"));
    let (there, absent): (Vec<_>, Vec<_>) =
        TARGETS.into_iter().partition(|(name, ..)| is_ready(name));
    for (name, ..) in absent {
        eprintln!("note: no runtime pack for {name}: its executables are not checked");
    }
    there
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("macos-{name}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn build(input: &Path, target: &str, flags: &[&str], output: &Path) -> Vec<u8> {
    let built = try_build(input, target, flags, output);
    built.unwrap_or_else(|errors| panic!("{}: {errors}", input.display()))
}

/// The executable, or what the command says.
fn try_build(input: &Path, target: &str, flags: &[&str], output: &Path) -> Result<Vec<u8>, String> {
    let mut command = wasmelt();
    command.arg(input).args(["--target", target, "-o"]);
    let built = command.arg(output).args(flags).output().unwrap();
    match built.status.success() {
        true => Ok(fs::read(output).unwrap()),
        false => Err(String::from_utf8_lossy(&built.stderr).into_owned()),
    }
}

#[test]
fn programs_are_whole() {
    let folder = folder("whole");
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    for (target, llvm, page) in ready() {
        for (guest, flags) in GUESTS {
            let output = folder.join(format!("{guest}-{target}"));
            let input = guests.join(format!("{guest}.wasm"));
            let bytes = build(&input, target, flags, &output);
            Executable::read(&bytes, page).check(&format!("{guest}, {target}"));
            ask_llvm(&output, llvm, &bytes);
        }
    }
}

#[test]
fn real_programs_are_whole() {
    let Some(programs) = std::env::var_os("WASMELT_TEST_PROGRAMS") else {
        return;
    };
    let folder = folder("real");
    let entries = fs::read_dir(programs).unwrap();
    let mut programs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    programs.retain(|path| path.extension().is_some_and(|it| it == "wasm"));
    programs.sort();
    for (target, llvm, page) in ready() {
        for program in &programs {
            let name = program.file_stem().unwrap().to_str().unwrap();
            let output = folder.join(format!("{name}-{target}"));
            match try_build(program, target, &["-S", "http"], &output) {
                Ok(bytes) => {
                    eprintln!("{name}, {target}: {} bytes", bytes.len());
                    Executable::read(&bytes, page).check(&format!("{name}, {target}"));
                    ask_llvm(&output, llvm, &bytes);
                }
                Err(errors) if errors.contains(": unsupported: ") => {
                    let why = errors.lines().next().unwrap_or_default();
                    eprintln!("{name}, {target}: {why}");
                }
                Err(errors) => panic!("{name}, {target}: {errors}"),
            }
        }
    }
}

#[test]
fn hello_is_small_and_told() {
    let folder = folder("hello");
    let input = folder.join("hello.wat");
    fs::write(&input, HELLO).unwrap();
    for (target, _, page) in ready() {
        let output = folder.join(target);
        let bytes = build(&input, target, &[], &output);
        Executable::read(&bytes, page).check(target);
        assert!(bytes.len() <= 64 << 10, "{target}: {} bytes", bytes.len());
        // Whatever it is called and wherever it is.
        let again = build(&input, target, &[], &folder.join("again"));
        assert!(bytes == again, "{target}: another file");
        let told = wasmelt().arg("inspect").arg(&output).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains("entry          _start"), "{told}");
        let measured = wasmelt().args(["inspect", "--size"]).arg(&output).output();
        let measured = String::from_utf8(measured.unwrap().stdout).unwrap();
        assert!(measured.contains("__TEXT,__text"), "{measured}");
        assert!(
            measured.contains("<wasm function 1> (the module)"),
            "{measured}"
        );
        assert!(
            measured.contains("runtime library, without symbols"),
            "{measured}"
        );
    }
}

#[test]
fn what_there_is_not_is_refused() {
    let folder = folder("refused");
    let input = folder.join("hello.wat");
    fs::write(&input, HELLO).unwrap();
    let shared = folder.join("shared.wat");
    fs::write(
        &shared,
        r#"(module (memory 1 1 shared) (func (export "_start")
             (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))))"#,
    )
    .unwrap();
    let objects = folder.join("objects.wat");
    fs::write(
        &objects,
        r#"(module (type $s (struct (field i32)))
             (func (export "_start") (drop (struct.new $s (i32.const 1)))))"#,
    )
    .unwrap();
    let cases: [(&Path, &[&str], &str); 11] = [
        (&input, &["--emit", "oci"], "container images are for Linux"),
        (&input, &["--emit", "staticlib"], "libraries are for Linux"),
        (&input, &["--emit", "sharedlib"], "libraries are for Linux"),
        (&input, &["--linker", "cc"], "`--linker` are for Linux"),
        (&input, &["--harden"], "`--harden` is what Linux can"),
        (
            &input,
            &["--profile-generate"],
            "count for a profile are for Linux",
        ),
        (&input, &["-D", "coredump"], "are for Linux"),
        (&input, &["--split-debug"], "`--split-debug` are for Linux"),
        (&input, &["--server", "workers=2"], "are for Linux"),
        (&shared, &[], "unsupported: shared memories"),
        (&objects, &[], "unsupported: garbage collection"),
    ];
    for (target, ..) in ready() {
        for (input, flags, message) in cases {
            let output = folder.join("refused");
            let mut command = wasmelt();
            command.arg(input).args(["--target", target, "-o"]);
            let built = command.arg(&output).args(flags).output().unwrap();
            let errors = String::from_utf8_lossy(&built.stderr);
            assert!(!built.status.success(), "{flags:?}");
            assert!(errors.contains(message), "{flags:?}: {errors}");
            assert!(!output.exists(), "{flags:?}");
        }
    }
}

/// An executable, and what its load commands say.
struct Executable<'a> {
    file: File<'a>,
    bytes: &'a [u8],
    page: u64,
    /// Name, address, bytes in memory, place in the file, bytes there, and access.
    segments: Vec<(String, u64, u64, u64, u64, u32)>,
    rebased: BTreeSet<u64>,
    bound: BTreeMap<u64, String>,
    libraries: Vec<String>,
    exports: Vec<String>,
    entry: u64,
    versions: Vec<(u32, u32)>,
    /// Of the signature: where it is, its bytes, its name, and how many digests are right.
    signature: Option<(u64, u64, String, usize)>,
}

impl<'a> Executable<'a> {
    fn read(bytes: &'a [u8], page: u64) -> Executable<'a> {
        let mut found = Executable {
            file: MachOFile::parse(bytes).unwrap(),
            bytes,
            page,
            segments: Vec::new(),
            rebased: BTreeSet::new(),
            bound: BTreeMap::new(),
            libraries: Vec::new(),
            exports: Vec::new(),
            entry: 0,
            versions: Vec::new(),
            signature: None,
        };
        let mut commands = found.file.macho_load_commands().unwrap();
        while let Some(command) = commands.next().unwrap() {
            if let Some((it, _)) = command.segment_64().unwrap() {
                let name = it.segname.split(|byte| *byte == 0).next().unwrap();
                found.segments.push((
                    String::from_utf8(name.to_vec()).unwrap(),
                    it.vmaddr.get(LE),
                    it.vmsize.get(LE),
                    it.fileoff.get(LE),
                    it.filesize.get(LE),
                    it.initprot.get(LE).0,
                ));
                assert_eq!(it.initprot.get(LE), it.maxprot.get(LE));
            }
            if let Some(main) = command.entry_point().unwrap() {
                found.entry = main.entryoff.get(LE);
            }
            if let Some((it, _)) = command.build_version(LE).unwrap() {
                assert_eq!(it.platform.get(LE), PLATFORM_MACOS);
                found.versions.push((it.minos.get(LE).0, it.sdk.get(LE).0));
            }
            if let Some(it) = command.dylib().unwrap() {
                let name = command.string(LE, it.dylib.name).unwrap();
                let name = String::from_utf8(name.to_vec()).unwrap();
                found.libraries.push(name);
            }
            if let Some(info) = command.dyld_info().unwrap() {
                found.read_fixups(info);
            }
            if command.cmd() == LC_CODE_SIGNATURE {
                found.read_signature(command.data().unwrap());
            }
        }
        found
    }

    fn read_fixups(&mut self, info: &object::macho::DyldInfoCommand<LE>) {
        let segments = &self.segments;
        let address = |segment: u8, offset| segments[usize::from(segment)].1 + offset;
        let mut rebases = info.rebases(LE, self.bytes, 8).unwrap();
        while let Some(it) = rebases.next().unwrap() {
            let at = address(it.segment_index, it.segment_offset);
            assert!(self.rebased.insert(at), "twice at {at:#x}");
        }
        let mut binds = info.binds(LE, self.bytes, 8).unwrap();
        while let Some(it) = binds.next().unwrap() {
            let name = String::from_utf8(it.symbol.to_vec()).unwrap();
            let at = address(it.segment_index, it.segment_offset);
            assert_eq!(it.dylib.0, 1, "{name}");
            assert!(self.bound.insert(at, name).is_none(), "twice at {at:#x}");
        }
        let mut trie = info.exports_trie(LE, self.bytes).unwrap();
        while let Some(it) = trie.next().unwrap() {
            self.exports
                .push(String::from_utf8(it.name().to_vec()).unwrap());
        }
    }

    fn read_signature(&mut self, place: &LinkeditDataCommand<LE>) {
        let signature = place.code_signature(LE, self.bytes).unwrap();
        let mut blobs = signature.blobs();
        let directory = blobs.next().unwrap().unwrap();
        let directory = directory.code_directory().unwrap().unwrap();
        let start = place.dataoff.get(LE);
        assert_eq!(directory.code_limit(), u64::from(start));
        let signed = &self.bytes[..start as usize];
        let pages = signed.chunks(SIGNED_PAGE_BYTES).enumerate();
        let right = pages.filter(|(number, page)| {
            directory.code_hash(*number as u32) == Ok(&*Sha256::digest(page))
        });
        let name = String::from_utf8(directory.ident().unwrap().to_vec()).unwrap();
        let right = right.count();
        let bytes = place.datasize.get(LE);
        self.signature = Some((start.into(), bytes.into(), name, right));
    }

    fn check(&self, what: &str) {
        self.check_segments(what);
        self.check_addresses(what);
        assert_eq!(self.versions, [(11 << 16, 11 << 16)], "{what}");
        assert_eq!(self.libraries, ["/usr/lib/libSystem.B.dylib"], "{what}");
        assert_eq!(self.exports, ["__mh_execute_header", "_main"], "{what}");
        let flags = self.file.macho_header().flags.get(LE).0;
        assert!(flags & MH_PIE.0 != 0, "{what}");
        let uuid = self.file.mach_uuid().unwrap();
        assert!(uuid.is_some_and(|uuid| uuid != [0; 16]), "{what}");
        let (start, bytes, name, right) = self.signature.as_ref().expect("it is signed");
        assert_eq!(start + bytes, self.bytes.len() as u64, "{what}");
        assert_eq!(start % 16, 0, "{what}");
        assert!(name.starts_with("wasmelt-") && name.len() == 40, "{name}");
        let pages = (*start as usize).div_ceil(SIGNED_PAGE_BYTES);
        assert_eq!(*right, pages, "{what}: digests");
    }

    /// One behind the other, in memory and in the file, in whole pages; nothing is both written and
    /// executed.
    fn check_segments(&self, what: &str) {
        let (first, rest) = self.segments.split_first().unwrap();
        assert_eq!(first.0, "__PAGEZERO");
        assert_eq!((first.1, first.2, first.4, first.5), (0, BASE, 0, 0));
        let (mut address, mut offset) = (BASE, 0);
        for (name, start, bytes, at, file_bytes, access) in rest {
            assert_eq!((*start, *at), (address, offset), "{what}: {name}");
            assert_eq!(
                (start % self.page, at % self.page),
                (0, 0),
                "{what}: {name}"
            );
            let both = VM_PROT_WRITE.0 | VM_PROT_EXECUTE.0;
            assert_ne!(access & both, both, "{what}: {name}");
            assert!(file_bytes <= bytes, "{what}: {name}");
            address = start + bytes;
            offset = at + file_bytes;
        }
        assert_eq!(rest[0].0, "__TEXT");
        assert_eq!(rest.last().unwrap().0, "__LINKEDIT");
        assert_eq!(offset, self.bytes.len() as u64, "{what}");
        for section in self.file.sections() {
            let (start, bytes) = (section.address(), section.size());
            let segment = section.segment_name().unwrap().unwrap();
            let segment = rest.iter().find(|it| it.0 == segment).unwrap();
            let is_inside = start >= segment.1 && start + bytes <= segment.1 + segment.2;
            assert!(is_inside, "{what}: {:?}", section.name());
            assert_eq!(start % section.align(), 0, "{what}: {:?}", section.name());
            if let Some((at, _)) = section.file_range() {
                assert_eq!(at - segment.3, start - segment.1, "{what}");
            }
        }
    }

    /// What the loader changes can be written and leads into the executable; what nobody here defines is
    /// all bound, and nothing else.
    fn check_addresses(&self, what: &str) {
        let end = self.segments.last().unwrap().1;
        for at in self.rebased.iter().chain(self.bound.keys()) {
            assert_eq!(at % 8, 0, "{what}: {at:#x}");
            let mut segments = self.segments.iter();
            let segment = segments
                .find(|it| (it.1..it.1 + it.4).contains(at))
                .unwrap();
            assert!(segment.5 & VM_PROT_WRITE.0 != 0, "{what}: {at:#x}");
            let place = (at - segment.1 + segment.3) as usize;
            let value = u64::from_le_bytes(*self.bytes[place..].first_chunk().unwrap());
            match self.bound.contains_key(at) {
                true => assert_eq!(value, 0, "{what}: {at:#x}"),
                false => assert!((BASE..end).contains(&value), "{what}: {value:#x}"),
            }
        }
        let undefined = self.file.symbols().filter(|symbol| symbol.is_undefined());
        let undefined: BTreeSet<String> = undefined
            .map(|symbol| symbol.name().unwrap().to_owned())
            .collect();
        let bound: BTreeSet<String> = self.bound.values().cloned().collect();
        assert_eq!(undefined, bound, "{what}");
        let mut sections = self.file.sections();
        let text = sections.find(|section| section.kind() == SectionKind::Text);
        let text = text.unwrap();
        let code = text.address()..text.address() + text.size();
        assert!(code.contains(&(BASE + self.entry)), "{what}");
        let main = self.file.symbols().find(|it| it.name() == Ok("_main"));
        assert_eq!(main.unwrap().address(), BASE + self.entry, "{what}");
        let note = self.file.section_by_name("__wasmelt").unwrap();
        assert!(note.data().unwrap().starts_with(b"wasmelt "), "{what}");
    }
}

/// LLVM's tools find the same, if there are any.
fn ask_llvm(path: &Path, processor: &str, bytes: &[u8]) {
    let dump = |option: &str| -> Option<String> {
        let mut command = Command::new("llvm-objdump");
        let found = command.args(["--macho", option]).arg(path).output().ok()?;
        let errors = String::from_utf8_lossy(&found.stderr).into_owned();
        assert!(found.status.success() && errors.is_empty(), "{errors}");
        Some(String::from_utf8_lossy(&found.stdout).into_owned())
    };
    let Some(headers) = dump("--private-headers") else {
        eprintln!("note: no llvm-objdump: its view of executables is not asked for");
        return;
    };
    for text in [
        "LC_DYLD_INFO_ONLY",
        "LC_CODE_SIGNATURE",
        "minos 11.0",
        "PIE",
    ] {
        assert!(headers.contains(text), "{text}: {headers}");
    }
    let found = Executable::read(bytes, 1);
    let lines = |text: &str| -> usize {
        let rows = text.lines().filter(|line| line.starts_with("__DATA"));
        rows.count()
    };
    let binds = dump("--bind").unwrap();
    assert_eq!(lines(&binds), found.bound.len(), "{processor}");
    assert_eq!(
        binds.matches("libSystem").count(),
        found.bound.len(),
        "{processor}"
    );
    let rebases = dump("--rebase").unwrap();
    assert_eq!(lines(&rebases), found.rebased.len(), "{processor}");
    let exports = dump("--exports-trie").unwrap();
    assert!(exports.contains("_main"), "{exports}");
}
