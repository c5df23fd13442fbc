//! What the runtime library is compiled with: in comes what `runtime-lib/prepare-pack.sh` has
//! written, or the toolchain that builds this package; out go arguments and variables of cargo.

use super::{MACOS, WINDOWS, read, variable};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the runtime library is compiled with. Frame pointers are what backtraces of traps walk. What
/// is compiled for size inlines so little by itself that a request took a quarter longer.
const RUSTFLAGS: &[&str] = &[
    "-Cforce-frame-pointers=yes",
    "-Cllvm-args=-inline-threshold=120",
    "-Crelocation-model=static",
    "-Cpanic=abort",
];

/// What ring's C and assembly are compiled with, as the variables of the crate `cc`. They need
/// nothing of a C library but `memcpy` and the like, so that the machine's own compiler will do for
/// musl, if it leaves out what only its own C library has.
pub(super) fn c_compiler(toolchain: &Toolchain) -> Vec<(String, String)> {
    let target = &toolchain.target;
    let suffix = target.replace('-', "_");
    let compiler = format!("CC_{suffix}");
    let is_own = target != WINDOWS
        && !target.ends_with(MACOS)
        && env::var("HOST").is_ok_and(|host| host.split('-').next() == target.split('-').next());
    let is_chosen = [compiler.as_str(), "TARGET_CC", "CC"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    if let (Some(prepared), false) = (&toolchain.c_compiler, is_chosen) {
        let archiver = toolchain.archiver.clone();
        let archiver = archiver.map(|archiver| (format!("AR_{suffix}"), archiver));
        return [(compiler, prepared.clone())]
            .into_iter()
            .chain(archiver)
            .collect();
    }
    if is_chosen || !is_own {
        return Vec::new();
    }
    let flags = "-U_FORTIFY_SOURCE -fno-stack-protector";
    vec![
        (compiler, "cc".to_owned()),
        (format!("CFLAGS_{suffix}"), flags.to_owned()),
    ]
}

/// How the runtime library is compiled.
pub(super) struct Toolchain {
    /// What it is compiled for.
    pub(super) target: String,
    /// The folder of musl's files; empty for libraries, and for macOS.
    pub(super) libc_dir: PathBuf,
    pub(super) cargo_arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    /// For another processor than this machine's.
    c_compiler: Option<String>,
    /// What makes archives of its objects, where this machine's own does not know them: for macOS.
    archiver: Option<String>,
    /// What makes import libraries, for Windows.
    dlltool: Option<String>,
    /// For executables that may be loaded anywhere.
    pub(super) is_pie: bool,
    /// And musl's start for them reads packed lists of relocations.
    pub(super) has_packed_relocations: bool,
    /// The same in words.
    pub(super) provenance: String,
}

impl Toolchain {
    /// None where nothing is prepared for another processor than this machine's.
    pub(super) fn find(
        arch: &str,
        target: &str,
        is_own: bool,
        target_dir: &Path,
    ) -> Result<Option<Toolchain>, String> {
        if let Some(file) = prepared_file(arch, target_dir) {
            return Toolchain::prepared(target, &file).map(Some);
        }
        if is_own {
            return Toolchain::installed(target).map(Some);
        }
        Ok(None)
    }

    /// For libraries: the one that builds this package, for the target of this build, or one that is
    /// prepared for another processor.
    pub(super) fn for_libraries(
        arch: &str,
        target: &str,
        is_own: bool,
        target_dir: &Path,
    ) -> Result<Option<Toolchain>, String> {
        let mut toolchain = if is_own {
            Toolchain {
                target: variable("TARGET")?,
                libc_dir: PathBuf::new(),
                cargo_arguments: Vec::new(),
                environment: vec![("RUSTC".to_owned(), variable("RUSTC")?)],
                c_compiler: None,
                archiver: None,
                dlltool: None,
                is_pie: false,
                has_packed_relocations: false,
                provenance: "the toolchain's own standard library".to_owned(),
            }
        } else {
            match prepared_file(&format!("{arch}-library"), target_dir) {
                Some(file) => Toolchain::prepared(target, &file)?,
                None => return Ok(None),
            }
        };
        let features = "--features=library".to_owned();
        toolchain.cargo_arguments.push(features);
        // Libraries are few: what would make them smaller takes as long as all else here.
        let settings = [
            ("CARGO_PROFILE_RT_LTO", "off"),
            ("CARGO_PROFILE_RT_CODEGEN_UNITS", "16"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        toolchain.environment.extend(settings);
        Ok(Some(toolchain))
    }

    /// For executables that may be loaded anywhere: only where they are asked for, because their runtime
    /// library takes minutes, and its place in the command.
    pub(super) fn for_pie(
        arch: &str,
        target: &str,
        target_dir: &Path,
    ) -> Result<Option<Toolchain>, String> {
        let Some(file) = prepared_file(&format!("{arch}-pie"), target_dir) else {
            return Ok(None);
        };
        let mut toolchain = Toolchain::prepared(target, &file)?;
        toolchain.is_pie = true;
        let feature = "--features=pie".to_owned();
        toolchain.cargo_arguments.push(feature);
        Ok(Some(toolchain))
    }

    /// The toolchain that builds this package.
    fn installed(target: &str) -> Result<Toolchain, String> {
        let rustc = variable("RUSTC")?;
        let sysroot = Command::new(&rustc).args(["--print", "sysroot"]).output();
        let sysroot = sysroot.map_err(|error| format!("cannot run `{rustc}`: {error}"))?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
        let installed = sysroot.join("lib/rustlib").join(target).join("lib");
        let libc_dir = installed.join("self-contained");
        if libc_dir.join("libc.a").exists() {
            return Ok(Toolchain {
                target: target.to_owned(),
                libc_dir,
                cargo_arguments: Vec::new(),
                environment: vec![("RUSTC".to_owned(), rustc)],
                c_compiler: None,
                archiver: None,
                dlltool: None,
                is_pie: false,
                has_packed_relocations: false,
                provenance: "the toolchain's own standard library for musl".to_owned(),
            });
        }
        Toolchain::without_musl_std(target, &rustc)
    }

    /// From the file that the script has written.
    fn prepared(target: &str, file: &Path) -> Result<Toolchain, String> {
        let text = String::from_utf8_lossy(&read(file)?).into_owned();
        let value = |key: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            lines
                .filter(|(name, _)| *name == key)
                .map(|(_, value)| value.to_owned())
                .next()
        };
        let missing = |key: &str| format!("`{}` has no line `{key}=`", file.display());
        let made_for = value("target").ok_or_else(|| missing("target"))?;
        if made_for != target {
            return Err(format!(
                "`{}` is for {made_for}, not for {target}",
                file.display()
            ));
        }
        let rustc = value("rustc").ok_or_else(|| missing("rustc"))?;
        let is_without = target.ends_with("-linux-gnu") || target.ends_with(MACOS);
        let libc_dir = match is_without {
            true => PathBuf::new(),
            false => value("libc_dir").ok_or_else(|| missing("libc_dir"))?.into(),
        };
        let mut environment = vec![("RUSTC".to_owned(), rustc)];
        let mut cargo_arguments = Vec::new();
        if value("build_std").as_deref() == Some("yes") {
            environment.push(("RUSTC_BOOTSTRAP".to_owned(), "1".to_owned()));
            cargo_arguments.push("-Zbuild-std=std,panic_abort".to_owned());
            cargo_arguments.push("-Zbuild-std-features=".to_owned());
        }
        let provenance = value("provenance").ok_or_else(|| missing("provenance"))?;
        if target.ends_with(MACOS) {
            // The version that executables say they are for, of C as of Rust.
            environment.push(("MACOSX_DEPLOYMENT_TARGET".to_owned(), "11.0".to_owned()));
        }
        if target == WINDOWS {
            // For sections that can be left out one by one.
            environment.push(("RUSTC_BOOTSTRAP".to_owned(), "1".to_owned()));
        }
        Ok(Toolchain {
            target: target.to_owned(),
            libc_dir,
            cargo_arguments,
            environment,
            c_compiler: value("cc"),
            archiver: value("ar"),
            dlltool: value("dlltool"),
            is_pie: false,
            has_packed_relocations: value("packed_relocations").as_deref() == Some("yes"),
            provenance,
        })
    }

    /// The standard library for glibc asks little of glibc that musl does not have; the runtime
    /// library's module `shims` has that little.
    fn without_musl_std(target: &str, rustc: &str) -> Result<Toolchain, String> {
        let triple = target.replace("-unknown-linux-musl", "-linux-musl");
        let folders = [
            format!("/usr/lib/{triple}"),
            format!("/usr/{triple}/lib64"),
            format!("/usr/{triple}/lib"),
            "/usr/lib/musl/lib".to_owned(),
        ];
        let libc_dir = folders
            .iter()
            .map(PathBuf::from)
            .find(|dir| dir.join("libc.a").exists());
        let libc_dir = libc_dir.ok_or_else(|| {
            "musl is needed to build the runtime library: run runtime-lib/prepare-pack.sh, \
             or install it (apt-get install musl-dev), or rustup target add "
                .to_owned()
                + target
        })?;
        println!(
            "cargo::warning=no standard library for {target}: executables get the one for glibc \
             on musl; runtime-lib/prepare-pack.sh prepares the right one"
        );
        Ok(Toolchain {
            target: target.replace("-musl", "-gnu"),
            libc_dir,
            cargo_arguments: Vec::new(),
            environment: vec![("RUSTC".to_owned(), rustc.to_owned())],
            c_compiler: None,
            archiver: None,
            dlltool: None,
            is_pie: false,
            has_packed_relocations: false,
            provenance: "the toolchain's standard library for glibc, on musl".to_owned(),
        })
    }

    pub(super) fn rustflags(&self) -> Vec<String> {
        let mut flags: Vec<String> = RUSTFLAGS.iter().map(|&flag| flag.to_owned()).collect();
        if self.target == WINDOWS || self.target.ends_with(MACOS) {
            // There is no other kind of code than what may lie anywhere.
            flags.retain(|flag| flag != "-Crelocation-model=static");
        } else if self.libc_dir.as_os_str().is_empty() {
            flags.push("-Crelocation-model=pic".to_owned());
        } else if self.is_pie {
            flags.push("-Crelocation-model=pie".to_owned());
        }
        if self.target.starts_with("x86_64") {
            flags.push("-Ctarget-cpu=x86-64".to_owned());
        }
        if self.target == WINDOWS {
            // A linker that drops what is not used needs to know what is apart.
            flags.push("-Zfunction-sections=yes".to_owned());
        }
        if let Some(dlltool) = &self.dlltool {
            flags.push(format!("-Cdlltool={dlltool}"));
        }
        // Panics name files: of what other crates' are called, this machine's folders are no part.
        let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| {
            let home = env::var_os("HOME").map(PathBuf::from)?;
            Some(home.join(".cargo"))
        });
        if let Some(home) = home {
            let sources = home.join("registry/src");
            flags.push(format!("--remap-path-prefix={}=", sources.display()));
        }
        if self.target.starts_with("aarch64") {
            // Else each atomic operation is a call, and the start of each process a look at what
            // the processor has.
            flags.push("-Ctarget-feature=-outline-atomics".to_owned());
        }
        flags
    }
}

/// What `runtime-lib/prepare-pack.sh` has written for something, if it has: lines of `key=value`.
fn prepared_file(what: &str, target_dir: &Path) -> Option<PathBuf> {
    let prepared = env::var_os("WASMELT_RUNTIME_TOOLCHAIN").filter(|path| !path.is_empty());
    let prepared = prepared.map_or_else(|| target_dir.join("runtime-toolchain"), PathBuf::from);
    let file = prepared.join(format!("toolchain-{what}"));
    // Cargo takes a missing file for a changed one: until there is one, the script touches this file
    // instead.
    if !file.exists() {
        return None;
    }
    println!("cargo::rerun-if-changed={}", file.display());
    Some(file)
}
