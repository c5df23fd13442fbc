//! What a trap leaves behind besides its message (`-D coredump`, `-D abort`).

use crate::slice::Str;

/// A memory of a core dump.
#[repr(C)]
#[derive(Debug)]
pub struct DumpMemory {
    /// Byte 0, as an offset from the base of the store.
    pub offset: u64,
    /// Flags of its type in the binary format.
    pub flags: u64,
    /// Its declared maximum in pages, where a flag says that there is one.
    pub pages_max: u64,
    pub page_bytes_log2: u64,
}

impl DumpMemory {
    /// Bits of the flags.
    pub const HAS_MAXIMUM: u64 = 1;
    pub const IS_64: u64 = 4;
    pub const HAS_PAGE_SIZE: u64 = 8;
}

/// A global of a core dump.
#[repr(C)]
#[derive(Debug)]
pub struct DumpGlobal {
    /// Its type in the binary format, and of one that does not change its value, too.
    pub encoded: Str,
    /// Where the value is, as an offset from the base of the store.
    pub offset: u64,
    /// How long it is in bytes; 0 if it is in `encoded`.
    pub bytes: u64,
    /// The instruction that makes a constant of the value, where that is not in `encoded`: one byte, or
    /// two of which the second is the higher.
    pub instruction: u64,
}

/// A function that frames are of.
#[repr(C)]
#[derive(Debug)]
pub struct DumpFunction {
    /// The number of its instance; [`DumpFunction::NONE`] if it is of no module.
    pub instance: u32,
    /// Its index in its module.
    pub index: u32,
    /// How many locals it has, parameters among them.
    pub locals: u32,
}

impl DumpFunction {
    pub const NONE: u32 = u32::MAX;
}

/// How `OnTrap::locals` says where values of locals are. It has records in groups, as
/// [`crate::places`] has them:
///
/// ```text
/// contents: number of saved registers, those, entries, ascending by place and local
/// saved: a register of the caller, where it is saved
/// entry: place, local, bytes of code before it, bytes of code in which it is true, kind, where
/// kind: form of the value, and `REGISTER` if that is in a register
/// where: a register, or bytes from the frame pointer (may be negative)
/// ```
///
/// A place is a number that [`crate::places`] has for it, a register one that DWARF has for it, and all numbers
/// are like those there.
pub mod dump_local {
    /// Forms.
    pub const I32: u8 = 0;
    pub const I64: u8 = 1;
    pub const F32: u8 = 2;
    pub const F64: u8 = 3;
    pub const REGISTER: u8 = 4;
}

/// The symbol of what runs such a program.
pub const ON_TRAP_SYMBOL: &str = "wasmelt_main_on_trap";

/// The symbol of what writes core dumps.
pub const CORE_DUMP_SYMBOL: &str = "wasmelt_core_dump";
