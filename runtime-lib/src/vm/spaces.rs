//! In a library: address space for as many stores as there are, in several reservations, each larger
//! than the one before. The first is that of the process.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use super::space::{NoSpace, PROCESS, Space};
use super::store::Store;
use super::stores;
use wasmelt_abi::Program;

/// Slots of the first reservation.
const FIRST_SLOTS: usize = 4;

/// Slots of one reservation at most.
const SLOTS_MAX: usize = 1 << 10;

/// A reservation besides the first; they are never freed.
struct Further {
    space: Space,
    next: *mut Further,
}

/// The newest.
static NEWEST: AtomicPtr<Further> = AtomicPtr::new(null_mut());

/// Held by whoever reserves.
static SLOTS: Mutex<usize> = Mutex::new(0);

/// All of them.
fn all() -> impl Iterator<Item = &'static Space> {
    let mut next = match cfg!(feature = "library") {
        true => NEWEST.load(Ordering::Acquire),
        false => null_mut(),
    };
    let further = std::iter::from_fn(move || {
        // SAFETY: it is null, or has been made by `reserve`, and is never freed.
        let further = unsafe { next.as_ref() }?;
        next = further.next;
        Some(&further.space)
    });
    further.chain([&PROCESS])
}

/// The store that an address is in, and where in it.
#[inline]
pub(super) fn containing(address: usize) -> Option<(&'static Store, usize)> {
    if !cfg!(feature = "library") {
        return PROCESS.containing(address);
    }
    all().find_map(|space| space.containing(address))
}

/// A store, with its initial contents and nothing instantiated.
///
/// # Errors
/// When the system does not give the memory.
pub(crate) fn create(program: &'static Program) -> Result<&'static Store, NoSpace> {
    loop {
        let slots = *SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = None;
        if slots > 0 {
            for space in all() {
                match stores::create_mapped(space, None) {
                    Ok(store) => return Ok(store),
                    Err(error) if error.is_full() => {}
                    Err(error) => failure = Some(error),
                }
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        reserve(program, slots)?;
    }
}

/// Reserves more, unless somebody else has: there were so many slots.
fn reserve(program: &'static Program, before: usize) -> Result<(), NoSpace> {
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if *slots != before {
        return Ok(());
    }
    let mut more = before.clamp(FIRST_SLOTS, SLOTS_MAX);
    let first = before == 0;
    let further = (!first).then(|| {
        Box::new(Further {
            space: Space::new(),
            next: NEWEST.load(Ordering::Acquire),
        })
    });
    loop {
        let space = further.as_ref().map_or(&PROCESS, |further| &further.space);
        match space.open(program, more) {
            Ok(()) => break,
            Err(failure) if more == 1 => return Err(failure),
            Err(_) => more /= 2,
        }
    }
    if let Some(further) = further {
        NEWEST.store(Box::into_raw(further), Ordering::Release);
    }
    *slots += more;
    Ok(())
}

/// The end of a store, whose slot is free then.
pub(crate) fn drop_store(store: &'static Store) {
    let base = store.base().addr();
    let space = all().find(|space| space.containing(base).is_some());
    if let Some(space) = space {
        // A slot that the system does not take back is lost.
        let _ = stores::drop_store(space, store);
    }
}
