//! What embedders of a library and the runtime both know.

/// What a function of a library gives.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LibraryStatus {
    Ok = 0,
    /// A trap has ended the call, and the instance with it.
    Trap = 1,
    /// The program has exited, which ends the instance as well.
    Exit = 2,
    /// The instance has been ended by an earlier call.
    Ended = 3,
    /// There is no memory for an instance, or for a result.
    NoMemory = 4,
    /// An argument is not what its type says, and nothing was called.
    Invalid = 5,
}

/// What an embedder says about a new instance: `NAME_config_t` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct LibraryConfig {
    /// No memory gets larger; 0 for what the program says.
    pub memory_bytes_max: u64,
    /// Bytes of the stack that compiled code may use; 0 for what was said when building.
    pub stack_bytes: u64,
    /// What the program imports: a word for the functions, and the address of each in order. It lives
    /// as long as the instance.
    pub imports: *const u8,
}

/// Prefix of the symbols of the runtime library that embedders call by the name of their library:
/// `wasmelt_library_new` is `NAME_new`.
pub const LIBRARY_PREFIX: &str = "wasmelt_library_";

/// Those functions, without the prefix.
pub const LIBRARY_FNS: &[&str] = &["new", "delete", "message", "exit_code"];
