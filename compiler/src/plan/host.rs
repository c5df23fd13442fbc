//! Imports that the runtime library provides: names to symbols.

use super::sigs::SigTable;
use crate::error::{Error, Result};
use crate::index::SigId;
use crate::withheld::Withheld;
use wasmelt_abi::{AbiFn, AbiType, P0_DIFFERENT, P0_PREFIX, P1_FNS, P1_PREFIX};
use wasmparser::{FuncType, ValType};

const P1: &str = "wasi_snapshot_preview1";
const P0: &str = "wasi_unstable";
/// What spec-test scripts import; only there.
const SPECTEST: &str = "spectest";

/// A function of the runtime library that a program imports.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HostFn {
    pub symbol: String,
    pub module: String,
    pub name: String,
    /// Type on the wasm side; the native one has the memory before it.
    pub sig: SigId,
    pub diverges: bool,
}

/// Finds the host function for an import.
///
/// # Errors
/// `Link`, naming the import and what to do.
pub(super) fn resolve(
    module: &str,
    name: &str,
    ty: &FuncType,
    sigs: &mut SigTable,
    script: bool,
    withheld: Withheld,
) -> Result<HostFn> {
    if script && module == SPECTEST && name.starts_with("print") {
        return Ok(HostFn {
            symbol: format!("wasmelt_spectest_{name}"),
            module: module.to_owned(),
            name: name.to_owned(),
            sig: sigs.intern(ty),
            diverges: false,
        });
    }
    if module != P1 && module != P0 {
        return Err(unknown_module(module, name));
    }
    if let Some(key) = withheld.key_of(module, name) {
        return Err(self::withheld(module, name, key));
    }
    let Some(row) = P1_FNS.iter().find(|row| row.name == name) else {
        return Err(unknown_function(module, name));
    };
    check_type(row, module, ty)?;
    let prefix = if module == P0 && P0_DIFFERENT.contains(&name) {
        P0_PREFIX
    } else {
        P1_PREFIX
    };
    Ok(HostFn {
        symbol: format!("{prefix}{name}"),
        module: module.to_owned(),
        name: name.to_owned(),
        sig: sigs.intern(ty),
        diverges: row.diverges,
    })
}

fn check_type(row: &AbiFn, module: &str, ty: &FuncType) -> Result<()> {
    let flat = |t: &AbiType| match t {
        AbiType::I32 => ValType::I32,
        AbiType::I64 | AbiType::Ptr => ValType::I64,
    };
    let params: Vec<_> = row.params.iter().map(flat).collect();
    let results: Vec<_> = row.result.iter().map(flat).collect();
    if ty.params() == params && ty.results() == results {
        return Ok(());
    }
    let expected = FuncType::new(params, results);
    Err(Error::link(format!(
        "import `{module}` `{}` has the wrong type",
        row.name
    ))
    .note(format!("imported as {}", type_text(ty)))
    .note(format!("WASI defines {}", type_text(&expected))))
}

/// A function type as text: `(i32, i64) -> (i32)`.
#[must_use]
pub fn type_text(ty: &FuncType) -> String {
    let list = |types: &[ValType]| {
        types
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    format!("({}) -> ({})", list(ty.params()), list(ty.results()))
}

/// The error for an import whose module nobody provides; names the tool that makes such modules
/// where it can be told.
pub(super) fn unknown_module(module: &str, name: &str) -> Error {
    let error = Error::link(format!("nothing provides the import `{module}` `{name}`"));
    let browser = ["wbg", "__wbindgen_placeholder__", "./", "gojs", "go"];
    if module == "env" && (name.starts_with("invoke_") || name.starts_with("emscripten_")) {
        error
            .note("the module was made by Emscripten for a JavaScript host")
            .help("build it for WASI: `clang --target=wasm32-wasip1`, or Emscripten's `-sSTANDALONE_WASM`")
    } else if browser.iter().any(|b| module.starts_with(b)) {
        error
            .note("the module was made for a JavaScript host, not for WASI")
            .help("build it for `wasm32-wasip1` (Rust), `GOOS=wasip1` (Go) or with a WASI SDK (C)")
    } else if module == "napi" || module == "emnapi" || module == "env" && name.starts_with("napi_")
    {
        error
            .note("the module is an addon of Node.js (N-API), not a program")
            .help("load it in Node.js, or build the program that it is a part of for WASI")
    } else if module == "env" {
        error
            .note("`env` is where linkers put symbols that no object file defines")
            .help("define the function, or trap when it is called: `-W unknown-imports-trap`")
    } else {
        error
            .note("modules are linked against WASI 0.1 (`wasi_snapshot_preview1`)")
            .help("trap when it is called: `-W unknown-imports-trap`")
    }
}

fn unknown_function(module: &str, name: &str) -> Error {
    let error = Error::link(format!("`{module}` has no function `{name}`"));
    let closest = P1_FNS
        .iter()
        .min_by_key(|row| edit_distance(row.name, name));
    match closest {
        Some(row) if edit_distance(row.name, name) <= name.len() / 2 => {
            error.help(format!("the closest name is `{}`", row.name))
        }
        _ => error.help("trap when it is called: `-W unknown-imports-trap`"),
    }
}

/// The error for an import that is there and that the program is not to have.
pub(super) fn withheld(module: &str, name: &str, key: &str) -> Error {
    let message = format!("import `{module}` `{name}` is withheld from the program");
    Error::link(message).help(format!("leave out `-S {key}=n`"))
}

/// Levenshtein distance in bytes.
pub(super) fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::edit_distance;

    #[test]
    fn distance() {
        assert_eq!(edit_distance("fd_read", "fd_read"), 0);
        assert_eq!(edit_distance("fd_read", "fd_raed"), 2);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("fd_write", "fd_pwrite"), 1);
    }
}
