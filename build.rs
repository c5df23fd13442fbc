//! Builds the runtime library for each target, and packs it with musl into files that the `wasmelt`
//! command carries inside.
//!
//! In come `runtime-lib`, toolchains for it and musl's `libc.a`; out goes `wasmelt-pack-TARGET.lz4`
//! in `OUT_DIR` for each target, empty where no toolchain is prepared, and for libraries
//! `wasmelt-pack-PROCESSOR-library.lz4`, without a C library, and for executables that may be loaded
//! anywhere `wasmelt-pack-PROCESSOR-pie.lz4`, where they are asked for. The same files appear in
//! `target/runtime-packs`, for commands that were built without. `WASMELT_RUNTIME_PACK` takes packs
//! that exist already instead: paths as in `PATH`.
//!
//! A toolchain is one that `runtime-lib/prepare-pack.sh` has prepared in `target/runtime-toolchain`
//! or in the folder that `WASMELT_RUNTIME_TOOLCHAIN` names. For this machine's own processor there
//! are, in this order, two more: the one that builds this package, if it has a standard library for
//! musl; the same one with its standard library for glibc, linked against musl all the same, which a
//! warning tells.

#[path = "runtime-lib/toolchain.rs"]
mod toolchain;

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use toolchain::{Toolchain, c_compiler};
use wasmelt_pack::make::{Recipe, Source, make, make_for_macos, make_for_windows};
use wasmelt_pack::{PACKED_START, PIE, Place};

/// musl's start file and library, in the order of a linker's command line. Without `crti.o` and
/// `crtn.o` the library's own empty `_init` and `_fini` are called: what those files begin and end
/// are sections that nothing here contributes to, at the cost of a page each start.
const LIBC_FILES: &[(&str, Place)] = &[(START, Place::Before), ("libc.a", Place::Behind)];

const START: &str = "crt1.o";

/// The start file of executables that may be loaded anywhere: it relocates them first.
const SELF_RELOCATING_START: &str = "rcrt1.o";

const ARCHIVE: &str = "libwasmelt_runtime.a";

/// The targets: what their toolchain and their pack are called by, and what rustc compiles for. A
/// machine's own begins with what its processor is called.
const TARGETS: &[(&str, &str, &str)] = &[
    ("x86_64", "x86_64-linux", "x86_64-unknown-linux-musl"),
    ("aarch64", "aarch64-linux", "aarch64-unknown-linux-musl"),
    ("riscv64", "riscv64-linux", "riscv64gc-unknown-linux-musl"),
    ("x86_64-windows", "x86_64-windows", WINDOWS),
    ("x86_64-macos", "x86_64-macos", "x86_64-apple-darwin"),
    ("aarch64-macos", "aarch64-macos", "aarch64-apple-darwin"),
];

const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// How the names of targets end that are for macOS.
const MACOS: &str = "-apple-darwin";

/// Import libraries of what Rust's standard library takes by name alone.
const WINDOWS_LIBRARIES: &[&str] = &[
    "libadvapi32.a",
    "libkernel32.a",
    "libntdll.a",
    "libuserenv.a",
    "libws2_32.a",
    "libmsvcrt.a",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    for path in [
        "build.rs",
        "runtime-lib/toolchain.rs",
        "Cargo.lock",
        "runtime-lib/Cargo.toml",
        "runtime-lib/src",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rerun-if-changed=runtime-lib/abi/Cargo.toml");
    println!("cargo::rerun-if-changed=runtime-lib/abi/src");
    println!("cargo::rerun-if-env-changed=WASMELT_RUNTIME_PACK");
    println!("cargo::rerun-if-env-changed=WASMELT_RUNTIME_TOOLCHAIN");
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let target_dir = target_dir(&out_dir)?;
    let own = variable("CARGO_CFG_TARGET_ARCH")?;
    let given = packs_given()?;
    println!("cargo::rustc-env=WASMELT_OWN_PACK=wasmelt-pack-{own}-linux.lz4");
    let crates = runtime_crates(&target_dir)?;
    write(&out_dir.join("runtime-crates.txt"), crates.as_bytes())?;
    for (arch, short, target) in TARGETS {
        let name = format!("wasmelt-pack-{short}.lz4");
        let pack = match given.get(*target) {
            Some(pack) => pack.clone(),
            None => match Toolchain::find(arch, target, *arch == own, &target_dir)? {
                Some(toolchain) => pack_of(target, &toolchain, &target_dir)?,
                None => Vec::new(),
            },
        };
        write_pack(&out_dir, &target_dir, &name, &pack)?;
    }
    for (arch, _, target) in TARGETS.iter().filter(|(.., it)| it.ends_with("-musl")) {
        let of_pack = format!("{target}{PIE}");
        let pack = match given.get(&of_pack) {
            Some(pack) => pack.clone(),
            None => match Toolchain::for_pie(arch, target, &target_dir)? {
                Some(toolchain) => pack_of(&of_pack, &toolchain, &target_dir)?,
                None => Vec::new(),
            },
        };
        write_pack(
            &out_dir,
            &target_dir,
            &format!("wasmelt-pack-{arch}-pie.lz4"),
            &pack,
        )?;
    }
    for (arch, _, target) in TARGETS {
        let Some(target) = target.strip_suffix("-musl") else {
            continue;
        };
        let target = format!("{target}-gnu");
        let pack = match given.get(&target) {
            Some(pack) => pack.clone(),
            None => match Toolchain::for_libraries(arch, &target, *arch == own, &target_dir)? {
                Some(toolchain) => library_pack(&toolchain, &target_dir)?,
                None => Vec::new(),
            },
        };
        let name = format!("wasmelt-pack-{arch}-library.lz4");
        write_pack(&out_dir, &target_dir, &name, &pack)?;
    }
    Ok(())
}

/// Writes a pack to where this build has it, and, unless it is empty, to where others find it.
fn write_pack(out_dir: &Path, target_dir: &Path, name: &str, pack: &[u8]) -> Result<(), String> {
    write(&out_dir.join(name), pack)?;
    let shared = target_dir.join("runtime-packs");
    fs::create_dir_all(&shared)
        .map_err(|error| format!("cannot create `{}`: {error}", shared.display()))?;
    match pack.is_empty() {
        true => Ok(()),
        false => write(&shared.join(name), pack),
    }
}

/// The crates that the runtime library is made of: name, version and licence a line, sorted.
fn runtime_crates(target_dir: &Path) -> Result<String, String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let target = format!("{}-unknown-linux-musl", variable("CARGO_CFG_TARGET_ARCH")?);
    let output = Command::new(variable("CARGO")?)
        .args(["tree", "--locked", "--edges=normal", "--prefix=none"])
        .args(["--format={p} | {l}", "--target", &target, "--manifest-path"])
        .arg(root.join("runtime-lib/Cargo.toml"))
        .env("CARGO_TARGET_DIR", target_dir)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`cargo tree` of the runtime library: {reason}"));
    }
    let mut crates = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some((package, license)) = line.split_once(" | ") else {
            continue;
        };
        let mut words = package.split(' ');
        let (name, version) = (words.next(), words.next());
        let (Some(name), Some(version)) = (name, version) else {
            continue;
        };
        // The runtime library itself and what it shares with the compiler.
        if name.starts_with("wasmelt-") {
            continue;
        }
        // Repeated packages are marked; an older way of writing alternatives is a slash.
        let license = license.trim_end_matches(" (*)").replace(" / ", "/");
        let license = license.replace('/', " OR ");
        let version = version.trim_start_matches('v');
        crates.insert(format!("{name} {version} {license}\n"));
    }
    Ok(crates.into_iter().collect())
}

/// The packs that `WASMELT_RUNTIME_PACK` names, by target.
fn packs_given() -> Result<HashMap<String, Vec<u8>>, String> {
    let given = env::var_os("WASMELT_RUNTIME_PACK").unwrap_or_default();
    let paths = env::split_paths(&given).filter(|path| !path.as_os_str().is_empty());
    let mut packs = HashMap::new();
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
        let bytes = read(&path)?;
        let pack = wasmelt_pack::RuntimePack::from_bytes(&bytes)
            .map_err(|error| format!("`{}`: {error}", path.display()))?;
        packs.insert(pack.target().to_owned(), bytes);
    }
    Ok(packs)
}

/// Compiles the runtime library for a target and packs it.
fn pack_of(target: &str, toolchain: &Toolchain, target_dir: &Path) -> Result<Vec<u8>, String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let archive = build_runtime(&root, target_dir, toolchain)?;
    if target == WINDOWS {
        return windows_pack(toolchain, &archive);
    }
    if target.ends_with(MACOS) {
        let runtime = runtime_source(&archive)?;
        return make_for_macos(target, &toolchain.provenance, &runtime, 12)
            .map_err(|error| error.to_string());
    }
    let mut sources = Vec::new();
    for &(name, place) in LIBC_FILES {
        if name == "libc.a" {
            sources.push(runtime_source(&archive)?);
        }
        let (file, name) = match name {
            START if toolchain.has_packed_relocations => (SELF_RELOCATING_START, PACKED_START),
            START if toolchain.is_pie => (SELF_RELOCATING_START, SELF_RELOCATING_START),
            other => (other, other),
        };
        let bytes = read(&toolchain.libc_dir.join(file))?;
        sources.push(Source {
            name: name.to_owned(),
            place,
            bytes,
        });
    }
    // All that compiled code and musl's start file refer to.
    let is_root = |name: &str| name.starts_with("wasmelt_") || name == "main";
    let recipe = Recipe {
        target,
        provenance: &toolchain.provenance,
        is_root: &is_root,
        level: 12,
    };
    make(&recipe, &sources).map_err(|error| error.to_string())
}

/// The runtime library, behind the compiled object.
fn runtime_source(archive: &Path) -> Result<Source, String> {
    Ok(Source {
        name: ARCHIVE.to_owned(),
        place: Place::Behind,
        bytes: read(archive)?,
    })
}

/// The pack for Windows, of the runtime library and the toolchain's import libraries.
fn windows_pack(toolchain: &Toolchain, archive: &Path) -> Result<Vec<u8>, String> {
    let source = |name: &str, path: &Path| -> Result<Source, String> {
        Ok(Source {
            name: name.to_owned(),
            place: Place::Behind,
            bytes: read(path)?,
        })
    };
    let libraries = WINDOWS_LIBRARIES.iter();
    let libraries = libraries.map(|name| source(name, &toolchain.libc_dir.join(name)));
    let libraries = libraries.collect::<Result<Vec<Source>, String>>()?;
    let runtime = runtime_source(archive)?;
    make_for_windows(WINDOWS, &toolchain.provenance, &runtime, &libraries, 12)
        .map_err(|error| error.to_string())
}

/// The pack for libraries: the runtime library alone, for the C library that embedders have, as code
/// that may lie anywhere.
fn library_pack(toolchain: &Toolchain, target_dir: &Path) -> Result<Vec<u8>, String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let archive = build_runtime(&root, target_dir, toolchain)?;
    let source = runtime_source(&archive)?;
    let recipe = Recipe {
        target: &toolchain.target,
        provenance: &toolchain.provenance,
        is_root: &|name| name.starts_with("wasmelt_"),
        level: 12,
    };
    make(&recipe, &[source]).map_err(|error| error.to_string())
}

/// Compiles `runtime-lib` and returns the path of the archive.
///
/// The folder is shared by all profiles of this workspace, so that a standard library that has to
/// be compiled too is compiled once; cargo's own lock keeps builds that run at once apart.
fn build_runtime(root: &Path, target_dir: &Path, toolchain: &Toolchain) -> Result<PathBuf, String> {
    // Other flags in the same folder would have everything compiled again each time.
    let build_dir = target_dir.join(match toolchain.is_pie {
        true => "runtime-pack-build-pie",
        false => "runtime-pack-build",
    });
    let mut command = Command::new(variable("CARGO")?);
    command
        .args([
            "rustc",
            "--lib",
            "--crate-type",
            "staticlib",
            "--profile",
            "rt",
            "--locked",
        ])
        .arg("--manifest-path")
        .arg(root.join("runtime-lib/Cargo.toml"))
        .arg("--target")
        .arg(&toolchain.target)
        .arg("--target-dir")
        .arg(&build_dir)
        .args(&toolchain.cargo_arguments);
    // The outer build's settings are for another crate, another target and another profile.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_outer = [
            "CARGO_FEATURE_",
            "CARGO_CFG_",
            "CARGO_PKG_",
            "CARGO_PROFILE_",
            "DEP_",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix))
            || matches!(
                &*text,
                "CARGO_BUILD_TARGET"
                    | "CARGO_ENCODED_RUSTFLAGS"
                    | "CARGO_TARGET_DIR"
                    | "RUSTC"
                    | "RUSTC_LINKER"
                    | "RUSTC_WORKSPACE_WRAPPER"
                    | "RUSTC_WRAPPER"
                    | "RUSTFLAGS"
            );
        if is_outer {
            command.env_remove(&name);
        }
    }
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        toolchain.rustflags().join("\x1f"),
    );
    command.envs(
        toolchain
            .environment
            .iter()
            .map(|(name, value)| (name, value)),
    );
    command.envs(c_compiler(toolchain));
    let output = command
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !output.status.success() {
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            println!("cargo::warning={line}");
        }
        return Err("the runtime library does not compile; its messages are above".to_owned());
    }
    Ok(build_dir.join(&toolchain.target).join("rt").join(ARCHIVE))
}

/// The folder that holds all that this workspace's builds write: `OUT_DIR` is
/// `TARGET/PROFILE/build/PACKAGE-HASH/out`, with the target triple before the profile in a build
/// for another target.
fn target_dir(out_dir: &Path) -> Result<PathBuf, String> {
    let above_profile = out_dir.ancestors().nth(4);
    let triple = variable("TARGET")?;
    let target_dir = match above_profile {
        Some(dir) if dir.ends_with(&triple) => dir.parent(),
        other => other,
    };
    target_dir
        .map(Path::to_owned)
        .ok_or_else(|| format!("`{}` is not in a target folder", out_dir.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo has not set `{name}`"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
