//! The programs that a run needs: the native compilers, `wasmtime`, and wasmelt itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::measure::Invocation;
use crate::options::{Options, Result};

/// Where the kernels are, sources and modules.
pub fn kernels_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

/// Where the loops over arrays are, sources and modules.
pub fn loops_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("loops")
}

/// Where the programs are of which the bench carries a part.
pub fn programs_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

pub struct Tools {
    /// The command that is measured.
    wasmelt: PathBuf,
    /// Compiles C for this machine.
    cc: String,
    /// Links statically, with a word about which C library.
    static_cc: (Vec<String>, &'static str),
    /// Compiles C for WASI.
    pub wasi_cc: Option<Vec<String>>,
    /// The line that `wasmtime --version` prints.
    pub wasmtime: Option<String>,
    flags: Vec<String>,
    dir: TempDir,
}

impl Tools {
    pub fn find(options: &Options) -> Result<Tools> {
        let cc = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let musl_cc = env::var("MUSL_CC").unwrap_or_else(|_| "musl-gcc".to_owned());
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let static_cc = if version(&words(&musl_cc)).is_some() {
            (words(&format!("{musl_cc} -static")), "musl")
        } else {
            (
                words(&format!("{cc} -static")),
                "the compiler's own C library, not musl",
            )
        };
        let wasi_cc = env::var("WASI_CC")
            .unwrap_or_else(|_| "python3 -m ziglang cc -target wasm32-wasi".to_owned());
        let wasi_cc = Some(words(&wasi_cc)).filter(|line| version(line).is_some());
        let dir = TempDir::new().map_err(|error| error.to_string())?;
        let wasmtime = version(&words("wasmtime"));
        Ok(Tools {
            wasmelt: wasmelt()?,
            cc,
            static_cc,
            wasi_cc,
            wasmtime,
            flags: options.flags.clone(),
            dir,
        })
    }

    pub fn describe(&self) {
        println!("wasmelt: {}", self.wasmelt.display());
        let cc = version(std::slice::from_ref(&self.cc))
            .unwrap_or_else(|| format!("`{}` is missing", self.cc));
        println!("native: {cc}");
        println!(
            "static C: `{}` ({})",
            self.static_cc.0.join(" "),
            self.static_cc.1
        );
        if let Some(wasi_cc) = &self.wasi_cc {
            println!("C for WASI: `{}`", wasi_cc.join(" "));
        }
        match &self.wasmtime {
            Some(wasmtime) => println!("wasmtime: {wasmtime}"),
            None => println!("wasmtime: not on PATH; its columns are left out"),
        }
        if !self.flags.is_empty() {
            println!("flags of `wasmelt build`: {}", self.flags.join(" "));
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An executable that wasmelt makes of a module.
    pub fn wasmelt(&self, wasm: &Path) -> Result<PathBuf> {
        self.wasmelt_with(wasm, &[])
    }

    /// The same with more flags.
    pub fn wasmelt_with(&self, wasm: &Path, flags: &[&str]) -> Result<PathBuf> {
        let flags_in_name = flags.concat().replace('/', "_");
        let output = self.path(&format!("{}-wasmelt{flags_in_name}", stem(wasm)));
        let mut line = self.wasmelt_line(wasm, &output);
        line.extend(flags.iter().map(|&flag| flag.to_owned()));
        succeed(&line)?;
        Ok(output)
    }

    /// The same, made with the profile of one run.
    pub fn wasmelt_profiled(&self, wasm: &Path, args: &[&str]) -> Result<PathBuf> {
        let profile = self.path(&format!("{}.profile", stem(wasm)));
        let profile = profile.display();
        let counting = self.wasmelt_with(wasm, &["--profile-generate"])?;
        let run = Command::new(&counting)
            .args(args)
            .env("WASMELT_PROFILE_FILE", profile.to_string())
            .output();
        run.map_err(|error| format!("`{}`: {error}", counting.display()))?;
        self.wasmelt_with(wasm, &["--profile-use", &profile.to_string()])
    }

    /// The command that makes it.
    pub fn wasmelt_line(&self, wasm: &Path, output: &Path) -> Vec<String> {
        let mut line = vec![self.wasmelt.display().to_string()];
        line.extend(["build", "-q", "-o"].map(str::to_owned));
        line.extend([output, wasm].map(|path| path.display().to_string()));
        line.extend_from_slice(&self.flags);
        line
    }

    /// How `wasmtime` runs a module that it has compiled ahead.
    pub fn wasmtime(&self, wasm: &Path) -> Result<Option<Invocation>> {
        if self.wasmtime.is_none() {
            return Ok(None);
        }
        let output = self.path(&format!("{}.cwasm", stem(wasm)));
        succeed(&wasmtime_line(wasm, &output))?;
        let path = output.display().to_string();
        Ok(Some(Invocation::new(
            "wasmtime",
            &["run", "--allow-precompiled", &path],
        )))
    }

    /// An executable of a C program, by the native compiler.
    pub fn native(&self, source: &Path, flags: &[&str]) -> Result<PathBuf> {
        self.compile_c(std::slice::from_ref(&self.cc), source, "native", flags)
    }

    /// The same, linked statically and stripped.
    pub fn native_static(&self, source: &Path) -> Result<PathBuf> {
        self.compile_c(&self.static_cc.0, source, "static", &["-s"])
    }

    /// Compiles a C program; `kind` becomes a part of the executable's name.
    pub fn compile_c(
        &self,
        compiler: &[String],
        source: &Path,
        kind: &str,
        flags: &[&str],
    ) -> Result<PathBuf> {
        let output = self.path(&format!("{}-{kind}", stem(source)));
        let mut line = compiler.to_vec();
        line.extend(flags.iter().map(|&flag| flag.to_owned()));
        line.extend(["-O2".to_owned(), "-o".to_owned()]);
        line.extend([output.as_path(), source].map(|path| path.display().to_string()));
        line.push("-lm".to_owned());
        succeed(&line)?;
        Ok(output)
    }
}

/// The command that the environment names, or the one of this workspace, built now.
fn wasmelt() -> Result<PathBuf> {
    if let Some(given) = env::var_os("WASMELT").filter(|path| !path.is_empty()) {
        return Ok(given.into());
    }
    let here = env::current_exe().map_err(|error| error.to_string())?;
    let target = here
        .ancestors()
        .nth(2)
        .ok_or("this program is not in a target folder")?;
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let line = [
        &cargo,
        "build",
        "-q",
        "--release",
        "-p",
        "wasmelt",
        "--target-dir",
    ];
    let mut line: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
    line.push(target.display().to_string());
    succeed(&line)?;
    Ok(target.join("release/wasmelt"))
}

/// The command by which `wasmtime` compiles a module.
pub fn wasmtime_line(wasm: &Path, output: &Path) -> Vec<String> {
    let mut line = ["wasmtime", "compile", "-o"].map(str::to_owned).to_vec();
    line.extend([output, wasm].map(|path| path.display().to_string()));
    line
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The first line that `--version` prints, if the program is there.
pub fn version(line: &[String]) -> Option<String> {
    let (program, args) = line.split_first()?;
    let output = Command::new(program)
        .args(args)
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output
        .status
        .success()
        .then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Runs a command that has to succeed.
pub fn succeed(line: &[String]) -> Result<Output> {
    let (program, args) = line.split_first().expect("a command has a program");
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| format!("`{program}`: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{}` failed: {}\n{said}",
        line.join(" "),
        output.status
    ))
}
