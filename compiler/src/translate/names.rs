//! How CLIF refers to functions: a namespace and an index.

use wasmelt_abi::RUNTIME_FNS;

/// Compiled functions; the index is a `FuncId`.
pub const WASM: u32 = 0;
/// Runtime functions; the index is the row of `wasmelt_abi::RUNTIME_FNS`.
pub const RUNTIME: u32 = 1;
/// Host functions; the index is a `HostFnId`.
pub const HOST: u32 = 2;

/// The row of a runtime function.
///
/// # Panics
/// When there is no such function: a mistake in this crate.
#[must_use]
pub fn runtime_fn(name: &str) -> u32 {
    let row = RUNTIME_FNS.iter().position(|f| f.name == name);
    u32::try_from(row.expect("a runtime function of the table")).expect("small")
}
