//! The static library linked into every executable that wasmelt makes.
//!
//! `main` (in `vm::process`) looks at the program's description and jumps to one of the ways of
//! running it: `main_command`, `main_invoke`, `main_threads` or `main_script`. Compiled code calls the runtime
//! functions of `vm` and the host functions of `exports` by symbol; what a program does not call,
//! the linker drops.

#[cfg(any(panic = "abort", test))]
mod allocator;
pub mod component;
mod exports;
pub mod host;
pub mod io;
mod main_command;
mod main_http;
mod main_invoke;
mod main_library;
mod main_restricted;
mod main_script;
mod main_threads;
#[cfg(all(target_os = "linux", panic = "abort", not(feature = "library")))]
mod malloc;
#[cfg(panic = "abort")]
mod shims;
mod signatures;
pub mod sys;
pub mod vm;
pub mod wasi;

#[cfg(panic = "abort")]
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator::new();

wasmelt_abi::stamp!();
