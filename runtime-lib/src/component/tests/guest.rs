//! A guest for tests: a memory with an allocator that only ever takes the next free block.

use std::cell::{Cell, RefCell};

use crate::component::Call;
use crate::vm::memory_view::test_memory::TestMemory;
use crate::vm::store::{self, Store};
use crate::vm::{Memory, catch};
use wasmelt_abi::{CanonOptions, MemoryHeader, StringEncoding};

/// Where the first block is.
pub(crate) const FIRST_BLOCK: u32 = 1 << 10;

thread_local! {
    /// Byte 0 of the memory that is allocated in.
    static MEMORY: Cell<*mut u8> = const { Cell::new(std::ptr::null_mut()) };
    /// The end of the last block, of the guest that allocates.
    static NEXT: Cell<u32> = const { Cell::new(FIRST_BLOCK) };
    /// Added to every address.
    static WRONG_BY: Cell<u32> = const { Cell::new(0) };
    /// All calls: old size, alignment, new size.
    static CALLS: RefCell<Vec<(u32, u32, u32)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) struct Guest {
    memory: TestMemory,
    pub(crate) options: CanonOptions,
}

impl Guest {
    /// A guest in a store of its own.
    pub(crate) fn new() -> Guest {
        Guest::in_store(store::new_for_tests(), 0, StringEncoding::Utf8)
    }

    pub(crate) fn in_store(
        store: &'static Store,
        instance: u32,
        encoding: StringEncoding,
    ) -> Guest {
        store::set_current(store);
        let mut memory = TestMemory::in_store(64 << 10, store);
        NEXT.set(FIRST_BLOCK);
        WRONG_BY.set(0);
        CALLS.take();
        let options = CanonOptions {
            memory_offset: memory.start().expose_provenance() as u64,
            realloc: Some(realloc),
            instance,
            encoding: encoding as u32,
            is_async: 0,
            ptr_type: 0,
        };
        Guest { memory, options }
    }

    /// Byte 0 of the memory, which is the one that is allocated in from now on.
    pub(crate) fn memory(&mut self) -> Memory {
        MEMORY.set(self.memory.start());
        // SAFETY: a `TestMemory` has the header of a store.
        unsafe { Memory::at(self.memory.start()) }
    }

    pub(crate) fn call(&mut self) -> Call<'_> {
        let memory = self.memory();
        Call::new(memory, &self.options)
    }

    pub(crate) fn write(&mut self, at: u32, bytes: &[u8]) {
        self.memory.view().write_bytes(at, bytes).unwrap();
    }

    pub(crate) fn read(&mut self, at: u32, len: u32) -> Vec<u8> {
        self.memory.view().bytes(at, len).unwrap().to_vec()
    }

    /// Makes the memory seem as long as this.
    pub(crate) fn set_len(&mut self, len: u64) {
        // SAFETY: a `TestMemory` has a header, and nothing else refers to it now.
        unsafe { (*self.memory.start().cast::<MemoryHeader>().sub(1)).bytes = len };
    }
}

/// From now on, `realloc` gives an address that is so many bytes too high.
pub(crate) fn let_realloc_be_wrong_by(bytes: u32) {
    WRONG_BY.set(bytes);
}

/// The calls of `realloc` since the last guest was made: old size, alignment, new size.
pub(crate) fn realloc_calls() -> Vec<(u32, u32, u32)> {
    CALLS.with_borrow(Clone::clone)
}

/// The text of the trap that ends `body`.
pub(crate) fn trap_text(body: impl FnOnce()) -> String {
    catch(body).map_or_else(|trap| trap.to_string(), |()| "no trap".to_owned())
}

unsafe extern "C" fn realloc(_: *mut u8, old: u64, old_bytes: u64, align: u64, bytes: u64) -> u64 {
    let short = |number: u64| u32::try_from(number).expect("tests allocate little");
    let [old, old_bytes, align, bytes] = [old, old_bytes, align, bytes].map(short);
    CALLS.with_borrow_mut(|calls| calls.push((old_bytes, align, bytes)));
    let at = NEXT.get().next_multiple_of(align);
    NEXT.set(at + bytes);
    let memory = MEMORY.get();
    // SAFETY: blocks of tests fit into their memory, and nothing else refers to it meanwhile.
    unsafe {
        let header = memory.cast::<MemoryHeader>().sub(1);
        (*header).bytes = (*header).bytes.max(u64::from(at + bytes));
        let kept = old_bytes.min(bytes) as usize;
        memory
            .add(at as usize)
            .copy_from(memory.add(old as usize), kept);
    }
    (at + WRONG_BY.get()).into()
}
