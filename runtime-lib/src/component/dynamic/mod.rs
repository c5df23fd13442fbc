//! Exports that are called with values whose types only run time knows: `--invoke`, and the driver
//! of test scripts.
//!
//! Text comes in and goes out as WAVE (`read`, `show`); between, values are lowered and lifted as
//! the canonical ABI says (`lower`, `lift`), by the types of the program's description.
//! Specification: CanonicalABI.md, "`canon lift`", for a caller that is the host. A function of
//! async type is called as a task, and runs until it has a result.

mod call;
mod lift;
mod lower;
mod read;
mod show;
#[cfg(test)]
mod tests;
mod transfer;
mod value;

pub use call::{abandon, call, params};
pub use read::{complete, list, value};
pub use show::show;
pub(super) use transfer::transfer_elements;
pub use value::Value;
