//! Reading an input, and saying what it is when it is not WebAssembly.
//!
//! Only what can be told from a file's name and first bytes is decided here; the compiler reports
//! what is wrong inside a module.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use wasmelt_compiler::{InputKind, input_kind};

use crate::codes;
use crate::diagnostic::{Diagnostic, Failure, printable};

/// No input is larger than this; offsets in it fit 32 bits.
const INPUT_BYTES_MAX: u64 = 2 << 30;

/// Where an input comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum InputPath {
    Stdin,
    File(PathBuf),
}

/// An input in memory, of a kind that the compiler takes.
#[derive(Debug)]
pub(crate) struct Input {
    /// For messages.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_text: bool,
}

impl InputPath {
    /// `-` is standard input.
    pub(crate) fn new(path: &Path) -> InputPath {
        if path == Path::new("-") {
            InputPath::Stdin
        } else {
            InputPath::File(path.to_owned())
        }
    }

    /// The name for messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            InputPath::Stdin => String::from("<stdin>"),
            InputPath::File(path) => printable(&path.to_string_lossy()),
        }
    }

    /// The name without directories: what the program sees as `argv[0]`, as under Wasmtime.
    pub(crate) fn file_name(&self) -> OsString {
        match self {
            InputPath::Stdin => OsString::from("-"),
            InputPath::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_owned(),
        }
    }

    /// The name of what is made from it: `dir/app.component.wasm` makes `app`.
    pub(crate) fn stem(&self) -> String {
        let InputPath::File(path) = self else {
            return String::from("module");
        };
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let endings = [".wasm", ".wat", ".wac", ".component"];
        let mut stem = &*name;
        for ending in endings {
            stem = stem
                .strip_suffix(ending)
                .filter(|shorter| !shorter.is_empty())
                .unwrap_or(stem);
        }
        stem.to_owned()
    }
}

/// Reads an input and makes sure that the compiler takes its kind.
///
/// # Errors
/// When it cannot be read, or is something else than a component or module.
pub(crate) fn read(path: &InputPath) -> Result<Input, Failure> {
    from_bytes(path, read_bytes(path)?)
}

/// As [`read`], for bytes that were read already.
///
/// # Errors
/// When they are something else than a component or module.
pub(crate) fn from_bytes(path: &InputPath, bytes: Vec<u8>) -> Result<Input, Failure> {
    let name = path.shown();
    let extension = match path {
        InputPath::Stdin => None,
        InputPath::File(path) => path.extension().and_then(|extension| extension.to_str()),
    };
    if let Some(diagnostic) = foreign(&bytes, extension) {
        let diagnostic = diagnostic.place(name).page(&codes::NOT_WEBASSEMBLY);
        return Err(Failure::input(diagnostic));
    }
    Ok(Input {
        name,
        is_text: input_kind(&bytes) == InputKind::Text,
        bytes,
    })
}

/// The bytes of a file or of standard input.
///
/// # Errors
/// When there is no such file, it cannot be read, or it is too large.
pub(crate) fn read_bytes(path: &InputPath) -> Result<Vec<u8>, Failure> {
    let name = path.shown();
    let mut bytes = Vec::new();
    let read = match path {
        InputPath::Stdin => io::stdin()
            .lock()
            .take(INPUT_BYTES_MAX + 1)
            .read_to_end(&mut bytes),
        InputPath::File(path) => std::fs::File::open(path).and_then(|file| {
            let expected = file.metadata().map_or(0, |metadata| metadata.len());
            if expected <= INPUT_BYTES_MAX {
                // One more than the file has, so that the last read finds the end.
                bytes.reserve(usize::try_from(expected).map_or(0, |bytes| bytes + 1));
            }
            file.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)
        }),
    };
    read.map_err(|error| Failure::input(unreadable(path, &name, &error)))?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(Failure::input(
            Diagnostic::error("the input is larger than 2 GiB").place(name),
        ));
    }
    Ok(bytes)
}

fn unreadable(path: &InputPath, name: &str, error: &io::Error) -> Diagnostic {
    let message = format!("cannot read `{name}`: {}", reason(error));
    let diagnostic = Diagnostic::error(message).page(&codes::UNREADABLE);
    let is_word = matches!(path, InputPath::File(path) if path.extension().is_none());
    match error.kind() {
        io::ErrorKind::IsADirectory => diagnostic.help("give the path of a `.wasm` file"),
        io::ErrorKind::NotFound if is_word => diagnostic
            .help("give the path of a `.wasm` file, or a command: `wasmelt --help` lists them"),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => diagnostic.help("check the path"),
        io::ErrorKind::PermissionDenied => diagnostic.help("check the permissions of the file"),
        _ => diagnostic,
    }
}

/// An error of the system in the style of our messages: lower case, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    if error.kind() == io::ErrorKind::IsADirectory {
        return String::from("it is a directory");
    }
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Beginnings of files that are not WebAssembly: what the file is, and what to do.
static SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"\xfe\xed\xfa\xce", "a Mach-O file", RECOMPILE),
    (b"\xfe\xed\xfa\xcf", "a Mach-O file", RECOMPILE),
    (b"\xce\xfa\xed\xfe", "a Mach-O file", RECOMPILE),
    (b"\xcf\xfa\xed\xfe", "a Mach-O file", RECOMPILE),
    (
        b"\xca\xfe\xba\xbe",
        "a Mach-O universal file or a Java class",
        RECOMPILE,
    ),
    (b"BC\xc0\xde", "LLVM bitcode", RECOMPILE),
    (b"!<arch>\n", "a library archive", RECOMPILE),
    (b"!<thin>\n", "a library archive", RECOMPILE),
    (
        b"\x1f\x8b",
        "compressed with gzip",
        "decompress it first: `gzip -d`",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd",
        "decompress it first: `zstd -d`",
    ),
    (
        b"\xfd7zXZ\0",
        "compressed with xz",
        "decompress it first: `xz -d`",
    ),
    (
        b"BZh",
        "compressed with bzip2",
        "decompress it first: `bzip2 -d`",
    ),
    (
        b"PK\x03\x04",
        "a zip archive",
        "take the `.wasm` file out of it first: `unzip`",
    ),
    (
        b"version https://git-lfs",
        "a pointer to a file in Git LFS",
        "get the file: `git lfs pull`",
    ),
    (b"#!", "a script", RECOMPILE),
    (b"MZ", "a Windows executable", RECOMPILE),
];

const RECOMPILE: &str =
    "compile the program's source for WebAssembly, such as `cargo build --target wasm32-wasip2`";

/// Endings of the names of source files and what they are.
static SOURCES: &[(&str, &str)] = &[
    ("js mjs cjs", "JavaScript"),
    ("ts mts", "TypeScript"),
    ("rs", "Rust source"),
    ("c h", "C source"),
    ("cc cpp cxx hpp", "C++ source"),
    ("go", "Go source"),
    ("py", "Python source"),
    ("zig", "Zig source"),
    ("wit", "an interface in WIT"),
    ("html htm", "HTML"),
    ("json", "JSON"),
];

/// What the bytes are when they are nothing that the compiler could read.
fn foreign(bytes: &[u8], extension: Option<&str>) -> Option<Diagnostic> {
    // First, because the first byte of some looks like text.
    let known = SIGNATURES
        .iter()
        .find(|(beginning, ..)| bytes.starts_with(beginning));
    if let Some((_, what, help)) = known {
        return Some(Diagnostic::error(format!("this is {what}, not WebAssembly")).help(*help));
    }
    match input_kind(bytes) {
        InputKind::Module | InputKind::Component => return None,
        InputKind::Text if extension == Some("wast") => {
            return Some(
                Diagnostic::error("this is a test script, not one program")
                    .help("take one component or module out of it, into a `.wat` file"),
            );
        }
        InputKind::Text => return None,
        InputKind::Unknown => {}
    }
    if bytes.is_empty() {
        return Some(
            Diagnostic::error("the input is empty")
                .help("it should begin with `\\0asm`; was the step that makes it interrupted?"),
        );
    }
    if bytes.starts_with(b"\0asm") {
        return Some(bad_version(bytes));
    }
    if b"\0asm".starts_with(bytes) {
        return Some(truncated());
    }
    if bytes.starts_with(b"\x7fELF") {
        return Some(elf(bytes));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(
            Diagnostic::error("this is a tar archive, not WebAssembly")
                .help("take the `.wasm` file out of it first: `tar -x`"),
        );
    }
    Some(text_or_unknown(bytes, extension))
}

fn truncated() -> Diagnostic {
    Diagnostic::error("the input ends within its first eight bytes")
        .help("it is not complete; make or download it again")
}

/// The magic number is that of WebAssembly, and what follows is not a version we know.
fn bad_version(bytes: &[u8]) -> Diagnostic {
    let Some(version) = bytes.get(4..8) else {
        return truncated();
    };
    let number = u16::from_le_bytes([version[0], version[1]]);
    let layer = u16::from_le_bytes([version[2], version[3]]);
    match layer {
        1 => Diagnostic::error(format!(
            "this is a component in version {number} of the format"
        ))
        .note("the version that tools have written since 2023 is 13")
        .help("make it again with current tools"),
        _ => Diagnostic::error(format!("unknown version {number} of the binary format"))
            .note("a module is of version 1")
            .help("make it again with current tools"),
    }
}

fn elf(bytes: &[u8]) -> Diagnostic {
    /// What Wasmtime writes where other files name their operating system.
    const OS_ABI_WASMTIME: u8 = 200;
    if bytes.get(7) == Some(&OS_ABI_WASMTIME) {
        return Diagnostic::error("this is a module that Wasmtime has compiled for itself")
            .help("give wasmelt the `.wasm` file that it was made from");
    }
    let diagnostic = Diagnostic::error("this is a native ELF file, not WebAssembly");
    if crate::policy::of_executable(bytes).is_some() {
        return diagnostic
            .note("wasmelt made it")
            .help("it can be run as it is; `wasmelt inspect` shows what it may do");
    }
    diagnostic.help(RECOMPILE)
}

fn text_or_unknown(bytes: &[u8], extension: Option<&str>) -> Diagnostic {
    let first = &bytes[..bytes.len().min(4096)];
    let is_text = match std::str::from_utf8(first) {
        Ok(_) => true,
        // A character may be cut in two at the end.
        Err(error) => error.error_len().is_none(),
    } && !first.contains(&0);
    if !is_text {
        return Diagnostic::error("the input is not WebAssembly")
            .note("a component or module begins with the bytes 00 61 73 6d")
            .help("check that it is the right file and complete");
    }
    let source = extension.and_then(|extension| {
        SOURCES
            .iter()
            .find(|(endings, _)| endings.split(' ').any(|ending| ending == extension))
    });
    if extension == Some("toml") {
        return Diagnostic::error("this is TOML, not WebAssembly")
            .help("a manifest is given by `--config FILE`");
    }
    if extension == Some("wac") {
        return Diagnostic::error("this is a script that composes, not WebAssembly")
            .help("give it in place of an input: `--compose FILE.wac`");
    }
    let looks_like_html = first.trim_ascii_start().first() == Some(&b'<');
    match source {
        Some((_, what)) if !what.contains("HTML") => {
            Diagnostic::error(format!("this is {what}, not WebAssembly"))
                .help("compile it to WebAssembly first")
        }
        _ if looks_like_html => Diagnostic::error("this is HTML, not WebAssembly")
            .help("a server sent a page in place of the file; download it again"),
        _ => Diagnostic::error("this is text, and not WebAssembly's")
            .note("its text form begins with `(component` or `(module`")
            .help("check that it is the right file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems() {
        let cases = [
            ("app.wasm", "app"),
            ("dir/app.component.wasm", "app"),
            ("a.b.wat", "a.b"),
            ("app.wac", "app"),
            ("app", "app"),
            (".wasm", ".wasm"),
        ];
        for (path, stem) in cases {
            assert_eq!(InputPath::new(Path::new(path)).stem(), stem, "{path}");
        }
    }

    #[test]
    fn every_beginning_is_told() {
        for (beginning, what, _) in SIGNATURES {
            let told = foreign(beginning, None).unwrap();
            assert!(told.message.contains(what), "{}", told.message);
        }
        assert!(foreign(b"\0asm\x01\0\0\0", None).is_none());
    }
}
