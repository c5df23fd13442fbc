//! The context of one call between a guest and the host: `LiftLowerContext` of the canonical ABI.

use std::ptr::NonNull;

use crate::component::handles::Lent;
use crate::component::heap::{Fault, Heap};
use crate::component::resource::{Own, Rep, Resource, Resources};
use crate::component::state::{self, State};
use crate::component::strings::{self, Source};
use crate::vm::store::{self, Store};
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use crate::vm::{GuestMemory, Memory, process};
use wasmelt_abi::{CanonOptions, PtrType, TrapCode};

/// What `load` and `store` may rely on.
pub(super) const INSIDE: &str = "whoever loads or stores has checked the address";

/// See the module's documentation. What refers to the guest's memory or to the resources borrows
/// the call, and so is gone before anything can run the guest.
#[derive(Debug)]
pub struct Call<'a> {
    heap: Heap,
    options: &'a CanonOptions,
    store: &'static Store,
    state: NonNull<State>,
    /// How many handles were lent before this call.
    lent_before: u32,
}

impl<'a> Call<'a> {
    /// The context of a call of the host. `memory` is byte 0 of the memory of the options, or any
    /// instance pointer of the store when they have none.
    #[must_use]
    #[inline]
    pub fn new(memory: Memory, options: &'a CanonOptions) -> Call<'a> {
        // SAFETY: a `Memory` comes from compiled code, so a store is in its header.
        let store = unsafe { store::of_memory(memory.start()) };
        // SAFETY: nothing of the guest runs before the reference is turned into a pointer.
        let state = unsafe { state::of_store(store) };
        Call {
            heap: Heap::new(memory, store.base(), options),
            options,
            store,
            lent_before: state.lent(),
            state: NonNull::from(state),
        }
    }

    /// The context of a call of a guest's export by the host.
    #[must_use]
    pub fn of_export(store: &'static Store, options: &'a CanonOptions) -> Call<'a> {
        let offset = if options.memory_offset == u64::MAX {
            process::items(&process::program().regions)
                .first()
                .expect("a program has a region")
                .memory_offset
        } else {
            options.memory_offset
        };
        // SAFETY: the compiler wrote the offset of a region of the store.
        let memory = unsafe { Memory::at(store.base().wrapping_add(offset as usize)) };
        Call::new(memory, options)
    }

    /// The store of the guest.
    #[must_use]
    pub fn store(&self) -> &'static Store {
        self.store
    }

    /// The number of the component instance.
    #[must_use]
    pub fn instance(&self) -> u32 {
        self.options.instance
    }

    /// The guest's memory, of the length that it has now.
    #[must_use]
    #[inline]
    pub fn memory(&mut self) -> &mut GuestMemory {
        self.heap.memory()
    }

    /// The resources of the host.
    #[must_use]
    #[inline]
    pub fn resources(&mut self) -> &mut Resources {
        &mut self.state().resources
    }

    /// Both at once.
    #[must_use]
    #[inline]
    pub fn resources_and_memory(&mut self) -> (&mut Resources, &mut GuestMemory) {
        // SAFETY: `state` says why it may be used; `heap` is no part of it.
        let state = unsafe { self.state.as_mut() };
        (&mut state.resources, self.heap.memory())
    }

    /// [`Resources::get_mut`].
    #[must_use]
    #[inline]
    pub fn resource<T: Resource>(&mut self, handle: &impl Rep<T>) -> &mut T {
        self.resources().get_mut(handle)
    }

    /// [`Resources::push`].
    #[must_use]
    #[inline]
    pub fn push<T: Resource>(&mut self, value: T) -> Own<T> {
        self.resources().push(value)
    }

    /// [`Resources::take`].
    #[inline]
    pub fn take<T: Resource>(&mut self, handle: Own<T>) -> T {
        self.resources().take(handle)
    }

    /// Ends the program, or the call of a test script that it is part of.
    pub fn trap(&self, code: TrapCode) -> ! {
        raise(code)
    }

    #[inline]
    pub(super) fn state(&mut self) -> &mut State {
        // SAFETY: the state lives as long as the store. The reference borrows `self`, of which
        // everything that runs the guest needs a borrow of its own.
        unsafe { self.state.as_mut() }
    }

    /// `reallocate`.
    #[must_use]
    #[inline]
    pub fn realloc(&mut self, old: u64, old_bytes: u32, align: u32, bytes: u32) -> u64 {
        let result = self.heap.realloc(old, old_bytes, align, bytes);
        result.unwrap_or_else(|fault| refuse(fault))
    }

    /// `allocate`.
    #[must_use]
    #[inline]
    pub fn allocate(&mut self, align: u32, bytes: u64) -> u64 {
        let result = self.heap.allocate(align, bytes);
        result.unwrap_or_else(|fault| refuse(fault))
    }

    /// The type of addresses of the guest's memory.
    #[must_use]
    #[inline]
    pub fn ptr_type(&self) -> PtrType {
        self.heap.ptr_type()
    }

    /// A flat value as an address or length. Behind one of 32 bits, a flat value that several types
    /// share may have others.
    #[must_use]
    #[inline]
    pub fn pointer(&self, bits: u64) -> u64 {
        match self.ptr_type() {
            PtrType::I32 => u64::from(bits as u32),
            PtrType::I64 => bits,
        }
    }

    /// Address and length of a string or list in memory.
    #[must_use]
    #[inline]
    pub fn load_range(&mut self, at: u64) -> (u64, u64) {
        match self.ptr_type() {
            PtrType::I32 => (self.load_u32(at).into(), self.load_u32(at + 4).into()),
            PtrType::I64 => (self.load_u64(at), self.load_u64(at + 8)),
        }
    }

    fn load_u32(&mut self, at: u64) -> u32 {
        self.memory().read_u32(at).expect(INSIDE)
    }

    fn load_u64(&mut self, at: u64) -> u64 {
        self.memory().read_u64(at).expect(INSIDE)
    }

    /// Writes address and length of a string or list.
    #[inline]
    pub fn store_range(&mut self, (start, len): (u64, u64), at: u64) {
        match self.ptr_type() {
            PtrType::I32 => {
                let words = [start as u32, len as u32];
                for (at, word) in [at, at + 4].into_iter().zip(words) {
                    self.memory().write_u32(at, word).expect(INSIDE);
                }
            }
            PtrType::I64 => {
                for (at, word) in [at, at + 8].into_iter().zip([start, len]) {
                    self.memory().write_u64(at, word).expect(INSIDE);
                }
            }
        }
    }

    /// `load_string_from_range`.
    #[must_use]
    pub fn load_string(&mut self, range: (u64, u64)) -> String {
        let encoding = strings::encoding(self.options.encoding);
        let ptr_type = self.ptr_type();
        strings::source(self.heap.memory(), (encoding, ptr_type), range)
            .and_then(Source::decode)
            .unwrap_or_else(|fault| refuse(fault))
    }

    /// `store_string_into_range`: address, and length with its tag.
    #[must_use]
    pub fn store_string(&mut self, text: &str) -> (u64, u64) {
        if text.len() > wasmelt_abi::LIST_BYTES_MAX as usize {
            raise(TrapCode::ListTooLong)
        }
        let encoding = strings::encoding(self.options.encoding);
        strings::store(&mut self.heap, Source::Utf8(text.as_bytes()), encoding)
            .unwrap_or_else(|fault| refuse(fault))
    }

    /// `load_list_from_range` up to the elements: traps unless as many elements of this size and
    /// alignment are at `at`. Gives their number.
    #[inline]
    pub fn check_list(&mut self, (at, len): (u64, u64), bytes: u32, align: u32) -> u32 {
        let total = len.saturating_mul(bytes.into());
        if total > wasmelt_abi::LIST_BYTES_MAX.into() {
            raise(TrapCode::ListTooLong)
        }
        if !at.is_multiple_of(align.into()) {
            let text = [Piece::Text("list pointer is not aligned")];
            raise_with(TrapInfo::with_text(TrapCode::PointerMisaligned, &text))
        }
        if self.memory().bytes(at, total as u32).is_err() {
            let text = [Piece::Text("list pointer/length out of bounds of memory")];
            raise_with(TrapInfo::with_text(TrapCode::ListOutOfBounds, &text))
        }
        len as u32
    }

    /// `trap_if`s of parameters or results that lie in memory.
    #[inline]
    pub fn check_tuple(&mut self, at: u64, bytes: u32, align: u32) {
        if !at.is_multiple_of(align.into()) {
            let text = [Piece::Text("pointer not aligned")];
            raise_with(TrapInfo::with_text(TrapCode::PointerMisaligned, &text))
        }
        if self.memory().bytes(at, bytes).is_err() {
            let text = [Piece::Text("pointer out of bounds of memory")];
            raise_with(TrapInfo::with_text(TrapCode::MemoryOutOfBounds, &text))
        }
    }

    /// `lift_own`: the rep of an owned handle.
    #[must_use]
    #[inline]
    pub fn lift_own(&mut self, resource: u32, handle: u32) -> u32 {
        let instance = self.instance();
        self.state().table(instance).lift_own(handle, resource)
    }

    /// `lower_own`: an owned handle.
    #[must_use]
    #[inline]
    pub fn lower_own(&mut self, resource: u32, rep: u32) -> u32 {
        let instance = self.instance();
        self.state().table(instance).add_own(resource, rep)
    }

    /// `lift_borrow`: the rep of a handle, which is lent until [`Call::finish`].
    #[must_use]
    #[inline]
    pub fn lift_borrow(&mut self, resource: u32, handle: u32) -> u32 {
        let instance = self.instance();
        self.state().lift_borrow(instance, resource, handle)
    }

    /// `lower_borrow`: a borrowed handle of the scope that [`Call::enter_scope`] has begun.
    #[must_use]
    #[inline]
    pub fn lower_borrow(&mut self, resource: u32, rep: u32) -> u32 {
        let instance = self.instance();
        self.state().lower_borrow(instance, resource, rep)
    }

    /// Before arguments of a guest's export are lowered.
    pub fn enter_scope(&mut self) {
        self.state().scope_enter();
    }

    /// After a guest's export has returned: traps if it has kept borrowed handles.
    pub fn exit_scope(&mut self) {
        self.state().scope_exit();
    }

    /// How many scopes there are.
    #[must_use]
    pub fn depth(&mut self) -> usize {
        self.state().depth()
    }

    /// After a trap has been caught: leaves the scopes that it has ended.
    pub fn unwind_to(&mut self, depth: usize) {
        self.state().truncate_scopes(depth);
    }

    /// What the guest has lent to this call, which somebody else gives back.
    pub(super) fn take_lent(&mut self) -> Lent {
        let before = self.lent_before;
        self.state().take_lent(before)
    }

    /// Gives back what the guest has lent to this call.
    #[inline]
    pub fn finish(&mut self) {
        let before = self.lent_before;
        self.state().give_back(before);
    }
}

/// The trap of what the host does not accept.
#[cold]
fn refuse(fault: Fault) -> ! {
    let plain = |text| [Piece::Text(text), Piece::Text("")];
    let (code, text) = match fault {
        Fault::TooLong => raise(TrapCode::ListTooLong),
        Fault::ReallocMisaligned => raise(TrapCode::ReallocMisaligned),
        Fault::ReallocOutOfBounds => raise(TrapCode::ReallocOutOfBounds),
        Fault::InvalidUtf8 => raise(TrapCode::InvalidString),
        Fault::InvalidUtf16 => raise(TrapCode::InvalidUtf16),
        Fault::Misaligned(align) => (
            TrapCode::PointerMisaligned,
            [
                Piece::Text("string pointer not aligned to "),
                Piece::Number(align.into()),
            ],
        ),
        Fault::OutOfBounds => (
            TrapCode::StringOutOfBounds,
            plain("string pointer/length out of bounds of memory"),
        ),
        Fault::IncompleteUtf8 => (
            TrapCode::InvalidString,
            plain("incomplete utf-8 byte sequence"),
        ),
    };
    raise_with(TrapInfo::with_text(code, &text))
}
