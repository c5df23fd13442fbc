//! A store: one instantiation of the whole program in one slot of address space, with every memory
//! and context at a constant distance from its base.
//!
//! What others keep for a store hangs on it in *parts*, each made when it is first needed and gone
//! when the store is reset or dropped. Which store runs is noted in the thread that runs it: a
//! worker, which has what its stores share, is a thread, and what it has is thread-local.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use wasmelt_abi::MemoryHeader;

/// The kinds of parts.
const PARTS: usize = 7;

/// One store; its address is what `MemoryHeader::store` holds. It has a place for as long as the
/// process runs, and is in use or not.
#[derive(Debug)]
#[repr(C)]
pub struct Store {
    /// The argument of `Program::entry` and its like; 0 where it is not in use.
    base: AtomicUsize,
    parts: [AtomicPtr<u8>; PARTS],
}

/// What somebody keeps for a store: a place that all stores have.
#[derive(Debug)]
pub(crate) struct Part<T> {
    place: usize,
    value: PhantomData<fn() -> T>,
}

/// Where each part is. The first is the first to go.
pub(crate) mod place {
    pub(crate) const FUTURES: usize = 0;
    pub(crate) const TASKS: usize = 1;
    pub(crate) const COMPONENTS: usize = 2;
    pub(crate) const LIBRARY: usize = 3;
    pub(crate) const KEPT: usize = 4;
    pub(crate) const LINES: usize = 5;
    pub(crate) const HEAP: usize = 6;
}

/// A part as it is kept.
#[repr(C)]
struct Kept<T> {
    forget: unsafe fn(*mut u8),
    value: T,
}

impl<T: 'static> Part<T> {
    /// # Safety
    /// No other part has this place.
    pub(crate) const unsafe fn at(place: usize) -> Part<T> {
        Part {
            place,
            value: PhantomData,
        }
    }

    /// What is kept for a store, if there is something.
    #[inline]
    pub(crate) fn find(&self, store: &Store) -> Option<NonNull<T>> {
        let kept = store.parts[self.place].load(Ordering::Relaxed);
        let kept = NonNull::new(kept.cast::<Kept<T>>())?;
        // SAFETY: `keep` has put a `Kept<T>` there, as no other part has the place.
        Some(unsafe { NonNull::new_unchecked(&raw mut (*kept.as_ptr()).value) })
    }

    /// What is kept for a store, made where there is nothing.
    #[inline]
    pub(crate) fn of(&self, store: &Store, make: impl FnOnce() -> T) -> NonNull<T> {
        self.find(store).unwrap_or_else(|| self.keep(store, make()))
    }

    /// Keeps a value for a store, which has none yet.
    #[cold]
    pub(crate) fn keep(&self, store: &Store, value: T) -> NonNull<T> {
        unsafe fn forget<T>(kept: *mut u8) {
            // SAFETY: it is the box that is made below.
            drop(unsafe { Box::from_raw(kept.cast::<Kept<T>>()) });
        }
        let forget = forget::<T>;
        let kept = Box::into_raw(Box::new(Kept { forget, value }));
        store.parts[self.place].store(kept.cast(), Ordering::Relaxed);
        // SAFETY: it has just been made.
        unsafe { NonNull::new_unchecked(&raw mut (*kept).value) }
    }
}

impl Store {
    pub(super) const fn new() -> Store {
        Store {
            base: AtomicUsize::new(0),
            parts: [const { AtomicPtr::new(null_mut()) }; PARTS],
        }
    }

    /// The argument of `Program::entry`, `Instance::instantiate` and `Export::call`.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        with_exposed_provenance_mut(self.base.load(Ordering::Relaxed))
    }

    /// Takes the place of a store that begins here, unless somebody else has.
    pub(super) fn claim(&self, base: usize) -> bool {
        let claimed = self
            .base
            .compare_exchange(0, base, Ordering::Acquire, Ordering::Relaxed);
        claimed.is_ok()
    }

    /// The place is free.
    pub(super) fn release(&self) {
        self.base.store(0, Ordering::Release);
    }

    pub(super) fn is_in_use(&self) -> bool {
        self.base.load(Ordering::Relaxed) != 0
    }

    /// Drops what is kept for the store, until nothing is: destructors may ask for another part.
    pub(super) fn forget_parts(&self) {
        while let Some(part) = self
            .parts
            .iter()
            .find(|it| !it.load(Ordering::Relaxed).is_null())
        {
            let kept = part.swap(null_mut(), Ordering::Relaxed);
            // SAFETY: every `Kept` begins with this; nobody else has it any more.
            unsafe { (*kept.cast::<unsafe fn(*mut u8)>())(kept) };
        }
    }
}

/// The first store of the process, the only one of a command. Debuggers find it by its name
/// (`wasmelt_abi::FIRST_STORE_SYMBOL`), and in it where its memories are.
#[cfg_attr(not(test), unsafe(export_name = "wasmelt_first_store"))]
pub(super) static FIRST: Store = Store::new();

thread_local! {
    /// The store that runs in this thread; null for the first.
    static CURRENT: Cell<*const Store> = const { Cell::new(null()) };
}

/// The store that runs in this thread.
#[inline]
pub(crate) fn current() -> &'static Store {
    // SAFETY: stores are never freed.
    match unsafe { CURRENT.get().as_ref() } {
        Some(store) => store,
        None => none_current(),
    }
}

#[cfg(not(test))]
#[inline]
fn none_current() -> &'static Store {
    &FIRST
}

/// Each thread of the tests has a store of its own.
#[cfg(test)]
fn none_current() -> &'static Store {
    let store = new_for_tests();
    CURRENT.set(store);
    store
}

// SAFETY: nothing else has the place.
const KEPT: Part<Box<dyn Any>> = unsafe { Part::at(place::KEPT) };

/// Calls `look` with what a version of WASI keeps for the store that runs, made where there is
/// nothing. Everybody asks for one type.
pub(crate) fn with_kept<T: Any, R>(make: fn() -> T, look: impl FnOnce(&T) -> R) -> R {
    let kept = KEPT.of(current(), || Box::new(make()));
    // SAFETY: one thread has the store, which is there for as long as something of it runs.
    let kept = unsafe { kept.as_ref() }.downcast_ref::<T>();
    look(kept.expect("all ask for one type"))
}

/// Which store runs from now on; gives which did.
#[inline]
pub(crate) fn set_current(store: &'static Store) -> &'static Store {
    let before = current();
    CURRENT.set(store);
    before
}

/// The store of a memory.
///
/// # Safety
/// `memory` is byte 0 of a memory of a store.
#[inline]
pub(crate) unsafe fn of_memory(memory: *mut u8) -> &'static Store {
    // SAFETY: the header lies directly below byte 0, and whoever made the store has put it there.
    unsafe {
        &*(*memory.cast::<MemoryHeader>().sub(1))
            .store
            .cast::<Store>()
    }
}

/// A store of its own whose base is address 0.
#[cfg(test)]
pub(crate) fn new_for_tests() -> &'static Store {
    Box::leak(Box::new(Store::new()))
}
