//! What a command line asks for, in plain structs: `resolve` makes them, the subcommands do it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::ValueEnum;
use wasmelt_compiler::Options;
use wasmelt_linker::{Linker, Strip};

use crate::diagnostic::Console;
use crate::input::InputPath;

/// `wasmelt build`.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) input: InputPath,
    pub(crate) composition: Composition,
    pub(crate) preloads: Vec<PreloadFile>,
    /// Profiles of earlier runs.
    pub(crate) profiles: Vec<PathBuf>,
    pub(crate) output: OutputPath,
    pub(crate) emit: Emit,
    pub(crate) options: Options,
    /// The same for further platforms of a container image.
    pub(crate) others: Vec<Options>,
    pub(crate) link: LinkOptions,
    pub(crate) image: ImageOptions,
    /// The export that initialises the input when it is built.
    pub(crate) preinit: Option<String>,
    /// Functions that are as in the last build are not compiled again.
    pub(crate) incremental: bool,
    /// What debuggers read is in a file of its own.
    pub(crate) split_debug: Option<PathBuf>,
    pub(crate) console: Console,
}

/// What the command line says about a container image.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct ImageOptions {
    /// `NAME:TAG`.
    pub(crate) reference: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// `UID` or `UID:GID`.
    pub(crate) user: Option<String>,
}

/// `wasmelt check`.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) inputs: Vec<InputPath>,
    pub(crate) composition: Composition,
    pub(crate) preloads: Vec<PreloadFile>,
    pub(crate) options: Options,
    pub(crate) console: Console,
}

/// `wasmelt run`.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) input: InputPath,
    pub(crate) composition: Composition,
    pub(crate) preloads: Vec<PreloadFile>,
    pub(crate) options: Options,
    pub(crate) link: LinkOptions,
    pub(crate) console: Console,
    /// `argv[0]` of the program.
    pub(crate) argv0: OsString,
    pub(crate) args: Vec<OsString>,
    /// Set in the program's environment when it starts; values are not baked in, so that they
    /// neither lie on disk nor make another executable.
    pub(crate) env: Vec<(String, String)>,
}

/// A module that provides imports under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PreloadFile {
    pub(crate) name: String,
    pub(crate) path: InputPath,
}

/// How the executable is linked.
#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    pub(crate) linker: Linker,
    pub(crate) strip: Strip,
    /// The executable has an ID, by which debuggers find what belongs to it.
    pub(crate) build_id: bool,
    /// Bytes of the stack, if the program has a limit of its own.
    pub(crate) stack_bytes: Option<u64>,
    /// Files with runtime packs.
    pub(crate) packs: Vec<PathBuf>,
}

/// Where the result of `build` goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OutputPath {
    Stdout,
    File(PathBuf),
}

impl OutputPath {
    pub(crate) fn file_name(&self) -> Option<&OsStr> {
        match self {
            OutputPath::File(path) => path.file_name(),
            OutputPath::Stdout => None,
        }
    }
}

/// What the command line says about composition.
#[derive(Clone, Default, Debug)]
pub(crate) struct Composition {
    /// The input is to be a component.
    pub(crate) is_component: bool,
    /// The input is a wac script.
    pub(crate) is_script: bool,
    /// The packages of a script that `--dep` names: name and file.
    pub(crate) packages: Vec<(String, PathBuf)>,
    /// Where the other packages of a script are.
    pub(crate) folder: PathBuf,
    pub(crate) plugs: Vec<InputPath>,
}

/// `--emit`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Emit {
    /// An executable
    Exe,
    /// An object file, to be linked by other means
    Obj,
    /// A static library for C programs, with the header that `header` writes
    Staticlib,
    /// A shared library, likewise
    Sharedlib,
    /// The header of a library
    Header,
    /// A folder with a Rust crate over a static library
    Rust,
    /// Cranelift's intermediate representation
    Clif,
    /// Assembly
    Asm,
    /// A container image with the executable in it (OCI, a tar file)
    Oci,
    /// A bill of materials (CycloneDX)
    Sbom,
}
