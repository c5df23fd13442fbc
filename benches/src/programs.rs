//! Real programs, compiled for WASI and natively: CoreMark, Lua, QuickJS and SQLite. Their sources come
//! from the registry, by cargo; a program that cannot be had is left out, with a word about why.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::options::Result;
use crate::tools::{Tools, programs_dir, succeed};

pub const NAMES: [&str; 4] = ["coremark", "lua", "quickjs", "sqlite"];

/// CoreMark in Rust: one package for both builds.
const COREMARK: &str = "coremark@1.0.0";
/// Three seeds, then the number of iterations: a third of a second.
const COREMARK_ARGS: [&str; 4] = ["0", "0", "0", "6000"];

/// The packages that carry the C sources of Lua, of QuickJS and of SQLite.
const C_SOURCES: &str = r#"[package]
name = "sources"
version = "0.0.0"
edition = "2024"
[workspace]
[dependencies]
libsqlite3-sys = { version = "=0.36.0", default-features = false }
lua-src = "=550.1.1"
rquickjs-sys = "=0.9.0"
"#;

/// A program, built for both.
pub struct Program {
    pub wasm: PathBuf,
    pub native: PathBuf,
    pub args: &'static [&'static str],
}

pub fn build(tools: &Tools, name: &str) -> Result<Option<Program>> {
    match name {
        "coremark" => coremark(tools),
        "lua" => c_program(tools, name, "lua-src/lua-5.4.8"),
        "quickjs" => c_program(tools, name, "rquickjs-sys/quickjs"),
        "sqlite" => c_program(tools, name, "libsqlite3-sys/sqlite3"),
        _ => Err(format!("there is no program `{name}`")),
    }
}

fn coremark(tools: &Tools) -> Result<Option<Program>> {
    const TARGET: &str = "wasm32-wasip1";
    let given = env::var_os("WASMELT_BENCH_COREMARK").filter(|path| !path.is_empty());
    let wasm = match given {
        Some(path) => path.into(),
        None if has_target(TARGET)? => {
            install_coremark(tools, &["--target", TARGET])?.with_extension("wasm")
        }
        None => {
            println!("coremark: needs the target {TARGET}, or WASMELT_BENCH_COREMARK=FILE");
            return Ok(None);
        }
    };
    let native = install_coremark(tools, &[])?;
    Ok(Some(Program {
        wasm,
        native,
        args: &COREMARK_ARGS,
    }))
}

/// Whether the standard library for a target is installed.
fn has_target(target: &str) -> Result<bool> {
    let libdir = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let libdir = libdir.map_err(|error| format!("`rustc`: {error}"))?;
    Ok(Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).exists())
}

/// Lets cargo fetch and compile CoreMark; returns the executable.
fn install_coremark(tools: &Tools, args: &[&str]) -> Result<PathBuf> {
    let root = tools.path(&format!("coremark{}", args.concat()));
    let mut line: Vec<String> = ["cargo", "install", "-q", "--root"]
        .map(str::to_owned)
        .to_vec();
    line.push(root.display().to_string());
    line.extend(args.iter().map(|&arg| arg.to_owned()));
    line.push(COREMARK.to_owned());
    succeed(&line)?;
    Ok(root.join("bin/coremark"))
}

/// A program in `benches/programs` that includes sources of the folder `include` of a package.
fn c_program(tools: &Tools, name: &str, include: &str) -> Result<Option<Program>> {
    let Some(wasi_cc) = &tools.wasi_cc else {
        println!("{name}: needs a C compiler for WASI: `pip install ziglang`, or WASI_CC=COMMAND");
        return Ok(None);
    };
    let source = programs_dir().join(format!("{name}.c"));
    let include = format!("-I{}", c_sources(tools)?.join(include).display());
    // Warnings about what is not our own are nobody's here.
    let wasm = tools.compile_c(wasi_cc, &source, "wasi", &["-s", "-w", &include])?;
    Ok(Some(Program {
        wasm,
        native: tools.native(&source, &["-w", &include])?,
        args: &[],
    }))
}

/// The folder into which cargo puts the packages with C sources.
fn c_sources(tools: &Tools) -> Result<PathBuf> {
    let package = tools.path("sources");
    let vendored = package.join("vendor");
    if vendored.exists() {
        return Ok(vendored);
    }
    let write = || {
        fs::create_dir_all(package.join("src"))?;
        fs::write(package.join("src/lib.rs"), "")?;
        fs::write(package.join("Cargo.toml"), C_SOURCES)
    };
    write().map_err(|error| format!("{}: {error}", package.display()))?;
    let manifest = package.join("Cargo.toml").display().to_string();
    let line = ["cargo", "vendor", "-q", "--manifest-path", &manifest];
    let mut line: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
    line.push(vendored.display().to_string());
    succeed(&line)?;
    Ok(vendored)
}
