//! Runtime packs: those that this command was built with, and those that are given by path.

use std::cell::OnceCell;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use wasmelt_compiler::{Options, System, TARGETS, Target};
use wasmelt_linker::{PIE, RuntimePack};

use crate::codes;
use crate::diagnostic::{Diagnostic, Failure};
use crate::input::reason;

/// Packs by target, from the files that the build script has written for them.
macro_rules! packs {
    ($($target:literal: $file:literal),* $(,)?) => {
        [$((
            $target,
            include_bytes!(concat!(env!("OUT_DIR"), "/wasmelt-pack-", $file, ".lz4")),
        )),*]
    };
}

/// By target: what the build script has packed, nothing where it could not.
static BUILT_IN: [(&str, &[u8]); 6] = packs! {
    "x86_64-linux": "x86_64-linux",
    "aarch64-linux": "aarch64-linux",
    "riscv64-linux": "riscv64-linux",
    "x86_64-windows": "x86_64-windows",
    "x86_64-macos": "x86_64-macos",
    "aarch64-macos": "aarch64-macos",
};

/// The same for libraries, which are linked with the C library that their embedder has.
static BUILT_IN_FOR_LIBRARIES: [(&str, &[u8]); 3] = packs! {
    "x86_64-linux": "x86_64-library",
    "aarch64-linux": "aarch64-library",
    "riscv64-linux": "riscv64-library",
};

/// The same for executables that may be loaded anywhere.
static BUILT_IN_FOR_PIE: [(&str, &[u8]); 3] = packs! {
    "x86_64-linux": "x86_64-pie",
    "aarch64-linux": "aarch64-pie",
    "riscv64-linux": "riscv64-pie",
};

/// What is linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Executable,
    /// An executable that may be loaded anywhere, where others are at addresses of their own (`-C pie`).
    Pie,
    Library,
}

impl Kind {
    /// That of executables with these options.
    pub(crate) fn of_executable(options: &Options) -> Kind {
        match options.position_independent {
            true => Kind::Pie,
            false => Kind::Executable,
        }
    }

    /// What a pack for it is called by, if there can be one.
    fn triple(self, target: &Target) -> Option<String> {
        match self {
            Kind::Executable => Some(target.triple.to_owned()),
            Kind::Pie if target.system == System::Linux => Some(format!("{}{PIE}", target.triple)),
            Kind::Pie => None,
            Kind::Library => target.library_triple(),
        }
    }
}

/// Names paths of packs, as `PATH` does those of programs.
const VARIABLE: &str = "WASMELT_RUNTIME_PACK";

/// A pack, and the path that it was read from.
#[derive(Debug)]
pub(crate) struct Pack {
    pack: OnceCell<RuntimePack>,
    /// The bytes of a built-in one. They are decompressed when it is used, which is behind the
    /// compilation: until then, its memory is for that.
    built_in: &'static [u8],
    pub(crate) path: Option<PathBuf>,
}

impl Pack {
    fn read_from(path: &Path, pack: RuntimePack) -> Pack {
        Pack {
            pack: OnceCell::from(pack),
            built_in: &[],
            path: Some(path.to_owned()),
        }
    }

    pub(crate) fn pack(&self) -> &RuntimePack {
        self.pack.get_or_init(|| {
            RuntimePack::from_bytes(self.built_in).expect("the build script has written it")
        })
    }
}

/// The pack for a target: one of `given`, one that the environment names, or a built-in one.
///
/// # Errors
/// When there is none, when one cannot be read, and when none of those given is for the target.
pub(crate) fn find(target: &Target, kind: Kind, given: &[PathBuf]) -> Result<Pack, Failure> {
    let Some(triple) = kind.triple(target) else {
        let diagnostic = match kind {
            Kind::Pie => Diagnostic::error(format!(
                "`-C pie` is for Linux, not for {}",
                target.name
            ))
            .help("leave it out: executables for other systems may be loaded anywhere as they are"),
            Kind::Executable | Kind::Library => {
                let message = format!("libraries are for Linux, not for {}", target.name);
                Diagnostic::error(message).help("write an object: `--emit obj`")
            }
        };
        return Err(Failure::usage(diagnostic));
    };
    if let Some(missing) = target.missing() {
        let message = format!("only object files can be made for {}", target.name);
        return Err(Failure::usage(
            Diagnostic::error(message)
                .page(&codes::TARGET)
                .note(format!("executables would need {missing}"))
                .help("write an object: `--emit obj`"),
        ));
    }
    let mut others = Vec::new();
    for path in given {
        let pack = read(path)?;
        if pack.target() == triple {
            return Ok(Pack::read_from(path, pack));
        }
        others.push(format!("`{}` is for {}", path.display(), pack.target()));
    }
    if !others.is_empty() {
        let of = match kind {
            Kind::Executable => "",
            Kind::Pie => "position-independent executables of ",
            Kind::Library => "libraries of ",
        };
        let message = format!("no `--runtime-pack` is for {of}{}", target.name);
        let diagnostic = others
            .into_iter()
            .fold(Diagnostic::error(message), |d, other| d.note(other));
        return Err(Failure::usage(diagnostic));
    }
    for path in from_environment() {
        let pack = read(&path)?;
        if pack.target() == triple {
            return Ok(Pack::read_from(&path, pack));
        }
    }
    match built_in(target, kind) {
        Some(built_in) => Ok(Pack {
            pack: OnceCell::new(),
            built_in,
            path: None,
        }),
        None => Err(missing(target, kind)),
    }
}

fn from_environment() -> Vec<PathBuf> {
    let paths = env::var_os(VARIABLE).unwrap_or_default();
    let paths = env::split_paths(&paths);
    paths.filter(|path| !path.as_os_str().is_empty()).collect()
}

fn built_in(target: &Target, kind: Kind) -> Option<&'static [u8]> {
    let packs = match kind {
        Kind::Executable => BUILT_IN.as_slice(),
        Kind::Pie => BUILT_IN_FOR_PIE.as_slice(),
        Kind::Library => BUILT_IN_FOR_LIBRARIES.as_slice(),
    };
    let found = packs.iter().find(|(name, _)| *name == target.name);
    found
        .map(|(_, bytes)| *bytes)
        .filter(|bytes| !bytes.is_empty())
}

fn read(path: &Path) -> Result<RuntimePack, Failure> {
    let failure = |why: String| {
        let message = format!("cannot use the runtime pack `{}`: {why}", path.display());
        Failure::input(Diagnostic::error(message))
    };
    let bytes = fs::read(path).map_err(|error| failure(reason(&error)))?;
    RuntimePack::from_bytes(&bytes).map_err(|error| failure(error.to_string()))
}

fn missing(target: &Target, kind: Kind) -> Failure {
    let (what, of, option) = match kind {
        Kind::Executable => ("executables", "", ""),
        Kind::Pie => (
            "position-independent executables",
            " for position-independent executables",
            " --pie",
        ),
        Kind::Library => ("libraries", " for libraries", " --libraries"),
    };
    let processor = match target.system {
        System::Linux => target.name.split('-').next().unwrap_or(target.name),
        System::Macos | System::Windows => target.name,
    };
    Failure::usage(
        Diagnostic::error(format!("there is no runtime pack{of} for {}", target.name))
            .page(&codes::TARGET)
            .note(format!(
                "what {what} are linked with is a pack of its own for each target"
            ))
            .help(format!(
                "give one that somebody has built: `--runtime-pack PATH`, or `{VARIABLE}=PATH`"
            ))
            .help(format!(
                "or build wasmelt with it: `runtime-lib/prepare-pack.sh{option} --target \
                 {processor}`, then `cargo build --release`"
            )),
    )
}

/// The table of `wasmelt targets`.
///
/// # Errors
/// When a pack that the environment names cannot be read.
pub(crate) fn listing() -> Result<String, Failure> {
    let mut given = Vec::new();
    for path in from_environment() {
        given.push((read(&path)?, path));
    }
    let mut text = String::new();
    for target in &TARGETS {
        let of = |triple: &str| given.iter().find(|(pack, _)| pack.target() == triple);
        let by_path = of(target.triple);
        let other = |kind: Kind| {
            let triple = kind.triple(target)?;
            Some(match (of(&triple), built_in(target, kind)) {
                (Some((_, path)), _) => format!("ready, by `{}`", path.display()),
                (None, Some(_)) => String::from("ready"),
                (None, None) => String::from("no runtime pack"),
            })
        };
        let missing = target.missing();
        let state = match (missing, by_path, built_in(target, Kind::Executable)) {
            (Some(_), ..) => String::from("object files only"),
            (None, Some((_, path)), _) => format!("ready, by `{}`", path.display()),
            (None, None, Some(_)) => String::from("ready"),
            (None, None, None) => String::from("no runtime pack: objects only"),
        };
        let own = match target == Target::host() {
            true => ", this machine's",
            false => "",
        };
        let _ = writeln!(text, "{}{own}: {state}", target.name);
        let _ = writeln!(text, "  triple      {}", target.triple);
        for (name, kind) in [("libraries", Kind::Library), ("pie", Kind::Pie)] {
            if let Some(state) = other(kind) {
                let _ = writeln!(text, "  {name:<11} {state}");
            }
        }
        let levels = target.levels.iter().map(|level| {
            let is_default = level.name == target.default_level().name;
            let mark = if is_default { " (default)" } else { "" };
            format!("{}{mark}", level.name)
        });
        let levels: Vec<String> = levels.collect();
        let _ = writeln!(text, "  processors  {}", levels.join(", "));
        let features: Vec<&str> = target.features.iter().map(|f| f.name).collect();
        let _ = writeln!(text, "  features    {}", features.join(", "));
        if let Some(missing) = missing {
            let _ = writeln!(text, "  missing     {missing}");
        }
        if let Some(untried) = target.untried() {
            let _ = writeln!(text, "  tried       {untried}");
        }
    }
    Ok(text)
}
