//! Programs that count for a profile are not built for Windows: the command refuses.

use wasmelt_abi::Program;

/// There is none.
pub(crate) fn begin_if_any(_: &'static Program) {}

/// Nothing calls it.
#[unsafe(export_name = "wasmelt_profile_call")]
pub(crate) unsafe extern "C" fn profile_call(_: *mut u8, _: *mut u8) {}
