//! What compiled code needs of a runtime whatever it imports: stores, memories, tables, traps,
//! exceptions. Nothing here knows WASI.

pub mod memory_view;
pub mod process;

pub use memory_view::{GuestMemory, Memory, OutOfBounds};
