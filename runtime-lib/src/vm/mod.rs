//! What compiled code needs of a runtime whatever it imports: stores, memories, tables, traps,
//! exceptions. Nothing here knows WASI.

mod arch;
mod atomics;
mod backtrace;
pub(crate) mod bytes;
mod code_map;
mod exception;
mod exception_pool;
mod libcalls;
mod memory;
pub mod memory_view;
pub mod message;
pub mod process;
mod signal;
mod signatures;
pub(crate) mod stacks;
pub mod start;
pub mod store;
mod table;
pub mod trap;

pub use memory_view::{GuestMemory, Memory, OutOfBounds};
#[cfg(test)]
pub(crate) use signal::install as install_signal_handlers;
pub use trap::{TrapInfo, catch, raise};
