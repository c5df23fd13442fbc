//! Profiles: what functions count while a program runs, and what that says when it is built again.
//!
//! Comes in: a [`LinkPlan`](crate::plan::LinkPlan), and files that programs have written
//! (`wasmelt_abi::ProfileHeader`). Goes out: for each function the numbers of its counters
//! ([`Layout`]), or their values ([`Profile`]).
//!
//! A counter belongs to a place in a body: its entry, the header of a loop, the first arm of an `if`,
//! each way that a branch may take, a call through a table. Whatever else there is to know follows from
//! these, since what comes into a block goes out of it. Translation numbers them as it comes by.

mod file;
mod layout;
mod matching;
mod shape;

pub use layout::Layout;
pub use matching::{Counts, Matched, Profile};
pub use shape::{counters_of, distinct};

/// A profile as a file.
#[derive(Clone, PartialEq, Eq)]
pub struct ProfileFile {
    /// For messages.
    pub name: String,
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for ProfileFile {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// What is done about profiles in a build.
#[derive(Clone, Copy, Debug)]
pub enum Profiling<'a> {
    None,
    Generate(&'a Layout),
    Use(&'a Profile),
}
