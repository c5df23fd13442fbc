//! Tests for another machine than this one: `WASMELT_TEST_TARGET=aarch64-linux` has executables made
//! for it, and run by an emulator, which is `WASMELT_TEST_EMULATOR`, or qemu's of that name.
//! `tests/cross.sh` sets both.

use std::env;
use std::path::PathBuf;

use wasmelt_compiler::Target;

/// Further arguments of the emulator: `WASMELT_TEST_ADDRESSES` limits the addresses of a process.
#[must_use]
pub fn arguments() -> Vec<String> {
    match env::var("WASMELT_TEST_ADDRESSES") {
        Ok(bytes) => vec!["-R".to_owned(), bytes],
        Err(_) => Vec::new(),
    }
}

/// What executables are made for.
///
/// # Panics
/// When the variable names no target.
#[must_use]
pub fn target() -> &'static Target {
    match env::var("WASMELT_TEST_TARGET") {
        Ok(name) => Target::named(&name).expect("`WASMELT_TEST_TARGET` is a target"),
        Err(_) => Target::host(),
    }
}

/// The emulator, where one is needed.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn emulator() -> Option<PathBuf> {
    let target = target();
    if target == Target::host() {
        return None;
    }
    if let Some(path) = env::var_os("WASMELT_TEST_EMULATOR") {
        return Some(path.into());
    }
    let processor = target.name.split('-').next().unwrap_or(target.name);
    let name = format!("qemu-{processor}-static");
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut paths = env::split_paths(&folders).map(|folder| folder.join(&name));
    let found = paths.find(|path| path.exists());
    Some(found.unwrap_or_else(|| panic!("{name} is in no folder of `PATH`")))
}
