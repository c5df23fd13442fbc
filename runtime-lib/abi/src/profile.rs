//! Profiles: how often each part of a program has run, as a file.
//!
//! A program that was built to write one maps the file and counts in it, so that whatever ends the
//! process, what it has counted is there. Processes that run at the same time count in the same
//! file, and so do later runs. The compiler reads it.
//!
//! ```text
//! ProfileHeader │ ProfileFunction … │ zeros │ counters, 8 bytes each
//! ```
//!
//! What lies before the counters is the same for every run of one executable.

/// The first bytes of a profile.
pub const PROFILE_MAGIC: [u8; 8] = *b"wasmeltP";

/// The version of everything in this file.
pub const PROFILE_VERSION: u32 = 1;

/// The counters begin at a multiple of this many bytes.
pub const PROFILE_ALIGN: u64 = 64;

/// How many functions that a place has called are told apart.
pub const PROFILE_TARGETS: usize = 4;

/// The counters of a place that calls functions through a table or a reference: for each of
/// [`PROFILE_TARGETS`] functions where its code begins behind the start of all code, plus one, and
/// how often it was called.
pub const PROFILE_CALL_COUNTERS: usize = 2 * PROFILE_TARGETS;

/// The symbol that [`crate::Profile::begin`] holds.
pub const PROFILE_BEGIN_SYMBOL: &str = "wasmelt_profile_begin";

/// The symbol of the address of the first counter, which compiled code loads.
pub const PROFILE_COUNTERS_SYMBOL: &str = "wasmelt_profile_counters";

/// Names the file in the place of [`crate::Profile::path`].
pub const PROFILE_VARIABLE: &str = "WASMELT_PROFILE_FILE";

/// All numbers are little endian.
#[repr(C)]
#[derive(Debug)]
pub struct ProfileHeader {
    /// [`PROFILE_MAGIC`].
    pub magic: [u8; 8],
    /// [`PROFILE_VERSION`].
    pub version: u32,
    /// How many [`ProfileFunction`] follow.
    pub functions: u32,
    /// How many counters there are.
    pub counters: u64,
}

/// A function that counts.
#[repr(C)]
#[derive(Debug)]
pub struct ProfileFunction {
    /// A digest of its name.
    pub name: u64,
    /// A digest of what of its body decides what is counted.
    pub shape: u64,
    /// Its first counter, the first being 0.
    pub first: u64,
    /// How many it has.
    pub counters: u32,
    /// Where its code begins behind the start of all code.
    pub code: u32,
}
