//! Buffers of guests that take part in a copy: `BufferGuestImpl` of the canonical ABI.

use crate::component::call::Call;
use crate::component::types::Type;
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use crate::vm::{GuestMemory, Memory};
use wasmelt_abi::{CanonOptions, PtrType, TrapCode};

/// `Buffer.MAX_LENGTH`: the most elements.
pub(super) const LENGTH_MAX: u32 = (1 << 28) - 1;

/// Elements in a guest's memory that are read or written next. It refers to memory that stays
/// where it is and never shrinks, so that what has been checked stays right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffer {
    /// Byte 0 of the memory of the options; any instance pointer where there is no element type.
    pub(super) memory: *mut u8,
    options: &'static CanonOptions,
    /// `t`; none for `stream` and `future` without a payload.
    pub(super) element: Option<Type>,
    /// `ptr`: where the next element is.
    pub(super) at: u64,
    progress: u32,
    length: u32,
}

impl Buffer {
    /// `BufferGuestImpl.__init__`: traps unless all elements are inside the memory and aligned.
    ///
    /// # Safety
    /// `memory` is byte 0 of the memory of the options; any instance pointer of the store where
    /// there is no element type.
    pub(super) unsafe fn new(
        memory: *mut u8,
        options: &'static CanonOptions,
        element: Option<Type>,
        at: u64,
        length: u64,
    ) -> Buffer {
        if length > LENGTH_MAX.into() {
            raise(TrapCode::CopyTooLong)
        }
        let buffer = Buffer {
            memory,
            options,
            element,
            at,
            progress: 0,
            length: length as u32,
        };
        if let Some(element) = element
            && length > 0
        {
            buffer.check(element);
        }
        buffer
    }

    fn check(&self, element: Type) {
        if !self
            .at
            .is_multiple_of(element.align(self.ptr_type()).into())
        {
            let text = [Piece::Text("pointer not aligned")];
            raise_with(TrapInfo::with_text(TrapCode::PointerMisaligned, &text))
        }
        // Below 2^56: neither has more than 28 bits.
        let bytes = u64::from(self.length) * u64::from(element.bytes(self.ptr_type()));
        let end = self.at.checked_add(bytes);
        if end.is_none_or(|end| end > self.memory().len()) {
            let text = [Piece::Text("pointer out of bounds of memory")];
            raise_with(TrapInfo::with_text(TrapCode::MemoryOutOfBounds, &text))
        }
    }

    pub(super) fn remain(&self) -> u32 {
        self.length - self.progress
    }

    pub(super) fn is_zero_length(&self) -> bool {
        self.length == 0
    }

    pub(super) fn progress(&self) -> u32 {
        self.progress
    }

    /// The component instance whose buffer it is.
    pub(super) fn instance(&self) -> u32 {
        self.options.instance
    }

    /// Where the next element is.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn ptr_type(&self) -> PtrType {
        PtrType::of(self.options.ptr_type)
    }

    /// The context in which elements are lifted or lowered.
    pub(super) fn call(&self) -> Call<'static> {
        // SAFETY: whoever made the buffer vouched for the memory.
        Call::new(unsafe { Memory::at(self.memory) }, self.options)
    }

    /// The next `count` elements have been read or written.
    pub(super) fn advance(&mut self, count: u32) {
        assert!(count <= self.remain(), "a buffer is not left");
        self.progress += count;
        let bytes = self.element.map_or(0, |ty| ty.bytes(self.ptr_type()));
        self.at += u64::from(count) * u64::from(bytes);
    }

    /// The bytes of the elements that are left, to read. Elements are bytes.
    pub(super) fn bytes<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        let memory = self.memory();
        look(memory.bytes(self.at, self.remain()).expect(CHECKED))
    }

    /// The bytes of the elements that are left, to write. Elements are bytes.
    pub(super) fn bytes_mut<R>(&self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut memory = self.memory();
        change(memory.bytes_mut(self.at, self.remain()).expect(CHECKED))
    }

    fn memory(&self) -> GuestMemory {
        // SAFETY: whoever made the buffer vouched for the memory.
        GuestMemory::from_header(unsafe { Memory::at(self.memory) })
    }
}

const CHECKED: &str = "the elements were found to be inside the memory";

/// `trap_if(inst is self.pending_inst and not none_or_number_type(self.t))`.
pub(super) fn check_instances(a: &Buffer, b: &Buffer) {
    if a.instance() == b.instance() && !a.element.is_none_or(Type::is_number) {
        raise(TrapCode::CopyWithinInstance)
    }
}
