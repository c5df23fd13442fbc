//! What embedders of a library and the runtime both know.

use crate::component::TypeDesc;
use crate::slice::{Slice, Str};

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
    /// An argument is not what its type says, or the instance waits for a function of its embedder;
    /// nothing was called.
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

/// A function that a component imports from the embedder.
#[repr(C)]
#[derive(Debug)]
pub struct LibraryImport {
    /// Among the functions of [`LibraryConfig::imports`].
    pub position: u64,
    /// For messages.
    pub name: Str,
    /// Calls it as C does: the function, its first parameter, slots of 8 bytes with a parameter each
    /// or its address if C passes it so, and the address for the result. Gives what the function
    /// gives.
    pub call: unsafe extern "C" fn(*const u8, *mut u8, *const u8, *mut u8) -> i32,
    /// One [`TypeDesc`] address a parameter.
    pub params: Slice<*const TypeDesc>,
    /// Null where there is none.
    pub result: *const TypeDesc,
}

/// Prefix of the symbols of the runtime library that embedders call by the name of their library:
/// `wasmelt_library_new` is `NAME_new`.
pub const LIBRARY_PREFIX: &str = "wasmelt_library_";

/// Those functions, without the prefix.
pub const LIBRARY_FNS: &[&str] = &["new", "delete", "message", "exit_code"];
