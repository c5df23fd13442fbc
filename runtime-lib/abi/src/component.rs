//! What the component model adds: options of lifted and lowered functions, types of values, and
//! how host functions of WASI 0.2 and later are called.
//!
//! A host function of a component is an `extern "C" fn(memory, options, slots)`:
//! - `memory`: byte 0 of the memory of the canonical options, or any instance pointer of the
//!   store when the options have none; the header below it names the store.
//! - `options`: the [`CanonOptions`] of the `canon lower`.
//! - `slots`: the flat parameters, 8 bytes each (`i32` and `f32` in the low half, zero-extended);
//!   or, with more than 16 of them, one slot with their address in the memory. A result that is
//!   one flat value is written to slot 0. Any other result goes to the address in the memory that
//!   the slot behind the parameters holds.
//!
//! Its symbol is [`P2_PREFIX`], the interface without its version, `#`, and the function's name:
//! `wasmelt_p2:wasi:io/streams#[method]input-stream.read`. The destructor of a resource has the
//! same form, its name is `[resource-drop]` and the resource's:
//! `extern "C" fn(memory, rep: u32)`.

use crate::slice::{Slice, Str};

/// See the module's documentation.
pub const P2_PREFIX: &str = "wasmelt_p2:";

/// As [`P2_PREFIX`], for WASI 0.3.
pub const P3_PREFIX: &str = "wasmelt_p3:";

/// The [`crate::Program::host_init`] of a program that asks for [`P2_PREOPENS`] of any version and
/// has some.
pub const P2_INIT: &str = "wasmelt_p2_init";

/// The host function that hands out preopened directories, without its prefix.
pub const P2_PREOPENS: &str = "wasi:filesystem/preopens#get-directories";

/// As [`P2_PREFIX`], for what test scripts import.
pub const SPECTEST_PREFIX: &str = "wasmelt_spectest:";

/// Prefix of the name of a resource's destructor.
pub const RESOURCE_DROP: &str = "[resource-drop]";

/// `MAX_FLAT_PARAMS` of the canonical ABI.
pub const FLAT_PARAMS_MAX: usize = 16;

/// `MAX_FLAT_ASYNC_PARAMS` of the canonical ABI.
pub const FLAT_ASYNC_PARAMS_MAX: usize = 4;

/// Lists and strings have at most this many bytes.
pub const LIST_BYTES_MAX: u32 = (1 << 28) - 1;

/// How strings lie in memory.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StringEncoding {
    Utf8 = 0,
    Utf16 = 1,
    /// `latin1+utf16`: the top bit of the length says which.
    CompactUtf16 = 2,
}

/// The type of addresses and lengths of a memory: `ptr_type` of the canonical ABI.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PtrType {
    I32 = 0,
    I64 = 1,
}

impl PtrType {
    /// What a number in [`CanonOptions`] stands for.
    #[must_use]
    pub const fn of(number: u32) -> PtrType {
        match number {
            0 => PtrType::I32,
            _ => PtrType::I64,
        }
    }

    /// `ptr_size`.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            PtrType::I32 => 4,
            PtrType::I64 => 8,
        }
    }
}

/// Calls a `realloc`: base of the store, old address, old size, alignment, new size. Numbers of 32
/// bits are zero-extended.
pub type Realloc = unsafe extern "C" fn(*mut u8, u64, u64, u64, u64) -> u64;

/// The canonical options of a lifted or lowered function, read-only.
#[repr(C)]
#[derive(Debug)]
pub struct CanonOptions {
    /// Byte 0 of the memory, as an offset from the base of the store; `u64::MAX` without one.
    pub memory_offset: u64,
    /// Checks nothing; sets and clears what the canonical ABI says around the call.
    pub realloc: Option<Realloc>,
    /// Number of the component instance, in whose table handles are.
    pub instance: u32,
    /// A [`StringEncoding`].
    pub encoding: u32,
    /// 1 for a function that is lowered with `async`: at most [`FLAT_ASYNC_PARAMS_MAX`] flat
    /// parameters, the result always at an address, and the state of the call in slot 0.
    pub is_async: u32,
    /// The [`PtrType`] of the memory; [`PtrType::I32`] without one.
    pub ptr_type: u32,
}

/// What a type is; the byte of [`TypeDesc::kind`].
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TypeKind {
    Bool = 0,
    S8 = 1,
    U8 = 2,
    S16 = 3,
    U16 = 4,
    S32 = 5,
    U32 = 6,
    S64 = 7,
    U64 = 8,
    F32 = 9,
    F64 = 10,
    Char = 11,
    String = 12,
    /// One member: the element.
    List = 13,
    /// Members with names.
    Record = 14,
    /// Members without names.
    Tuple = 15,
    /// Members are cases: names, and types or none.
    Variant = 16,
    /// Members are names alone.
    Enum = 17,
    /// One member.
    Option = 18,
    /// Two members, `ok` and `err`: types or none.
    Result = 19,
    /// Members are names alone.
    Flags = 20,
    Own = 21,
    Borrow = 22,
    /// One member, and `len` elements.
    FixedList = 23,
    /// Two members: key and value. Lies in memory as a list of pairs.
    Map = 24,
    Stream = 25,
    Future = 26,
    ErrorContext = 27,
}

/// A value type, for what is called with values that only run time knows: exports of
/// `--invoke` and of test scripts.
#[repr(C)]
#[derive(Debug)]
pub struct TypeDesc {
    /// A [`TypeKind`].
    pub kind: u32,
    /// Of a fixed-length list: its length. Of a handle: the number of the resource type.
    pub len: u32,
    /// Size in a memory, in bytes, by its [`PtrType`].
    pub bytes: [u32; 2],
    /// As `bytes`.
    pub align: [u32; 2],
    /// Number of flat values; 17 stands for any number beyond 16.
    pub flat_len: u32,
    /// Of a handle: the component instance that defines the resource type, plus 1; [`EMBEDDERS`], or
    /// 0 where the host has it.
    pub definer: u32,
    pub members: Slice<TypeMember>,
}

/// [`TypeDesc::definer`] of resources that the embedder of a library makes.
pub const EMBEDDERS: u32 = u32::MAX;

#[repr(C)]
#[derive(Debug)]
pub struct TypeMember {
    pub name: Str,
    /// Null where there is none.
    pub ty: *const TypeDesc,
}
