//! Memory and `realloc` of canonical options.

use crate::vm::{GuestMemory, Memory};
use wasmelt_abi::{CanonOptions, LIST_BYTES_MAX, PtrType, Realloc, TrapCode};

/// What the canonical ABI does not accept of a guest. It becomes a trap, whose text depends on
/// who was about to read or write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// A string or list has too many bytes.
    TooLong,
    /// An address that the guest gave is not aligned: to this.
    Misaligned(u32),
    /// A string is not inside the memory.
    OutOfBounds,
    /// `realloc` gave an address that is not aligned.
    ReallocMisaligned,
    /// `realloc` gave a block that is not inside the memory.
    ReallocOutOfBounds,
    InvalidUtf8,
    /// The string ends inside a character.
    IncompleteUtf8,
    InvalidUtf16,
}

/// A guest's memory and its allocator.
#[derive(Debug)]
pub(super) struct Heap {
    memory: GuestMemory,
    store_base: *mut u8,
    realloc: Option<Realloc>,
    ptr_type: PtrType,
}

impl Heap {
    #[inline]
    pub(super) fn new(memory: Memory, store_base: *mut u8, options: &CanonOptions) -> Heap {
        Heap {
            memory: GuestMemory::from_header(memory),
            store_base,
            realloc: options.realloc,
            ptr_type: PtrType::of(options.ptr_type),
        }
    }

    /// The type of its addresses.
    #[inline]
    pub(super) fn ptr_type(&self) -> PtrType {
        self.ptr_type
    }

    /// The memory, of the length that it has now.
    #[inline]
    pub(super) fn memory(&mut self) -> &mut GuestMemory {
        &mut self.memory
    }

    /// `reallocate`, checked.
    #[inline]
    pub(super) fn realloc(
        &mut self,
        old: u64,
        old_bytes: u32,
        align: u32,
        bytes: u32,
    ) -> Result<u64, Fault> {
        let realloc = self
            .realloc
            .expect("validation demands `realloc` of what allocates");
        // SAFETY: compiled code of this store. The guest's memory is not looked at meanwhile: the
        // views of it borrow `self`.
        let at = unsafe {
            realloc(
                self.store_base,
                old,
                old_bytes.into(),
                align.into(),
                bytes.into(),
            )
        };
        self.memory.refresh();
        if !at.is_multiple_of(align.into()) {
            return Err(Fault::ReallocMisaligned);
        }
        match self.memory.bytes(at, bytes) {
            Ok(_) => Ok(at),
            Err(_) => Err(Fault::ReallocOutOfBounds),
        }
    }

    /// `allocate`, for as many bytes as a string or list may have after it has grown.
    #[inline]
    pub(super) fn allocate(&mut self, align: u32, bytes: u64) -> Result<u64, Fault> {
        let bytes = u32::try_from(bytes).map_err(|_| Fault::TooLong)?;
        self.realloc(0, 0, align, bytes)
    }

    /// A block that `realloc` gave.
    #[inline]
    pub(super) fn block(&mut self, at: u64, bytes: u32) -> &mut [u8] {
        self.memory
            .bytes_mut(at, bytes)
            .expect("`realloc` has checked the block")
    }
}

impl Fault {
    /// The trap between component instances, where whoever calls sees a block out of bounds as a
    /// string out of bounds.
    pub(super) fn between_guests(self) -> TrapCode {
        match self {
            Fault::Misaligned(_) | Fault::ReallocMisaligned => TrapCode::UnalignedPointer,
            Fault::TooLong | Fault::OutOfBounds | Fault::ReallocOutOfBounds => {
                TrapCode::StringOutOfBounds
            }
            Fault::InvalidUtf8 | Fault::IncompleteUtf8 => TrapCode::InvalidString,
            Fault::InvalidUtf16 => TrapCode::InvalidUtf16,
        }
    }
}

/// Checks the number of bytes of a list or string.
#[inline]
pub(super) fn check_len(bytes: u64) -> Result<u32, Fault> {
    match u32::try_from(bytes) {
        Ok(bytes) if bytes <= LIST_BYTES_MAX => Ok(bytes),
        _ => Err(Fault::TooLong),
    }
}
