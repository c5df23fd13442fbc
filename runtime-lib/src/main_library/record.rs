//! What a library keeps for an instance, besides its store.

use std::ffi::CString;
use std::ptr::null;

use super::begun::Calls;
use super::blocks::Blocks;
use super::handles::Handles;
use crate::vm::store::{Part, Store, place};

pub(super) struct Record {
    /// A call has begun and not ended.
    pub(super) is_running: bool,
    pub(super) exit_code: i32,
    /// How it has ended.
    pub(super) text: CString,
    /// Those of the configuration.
    pub(super) imports: *const u8,
    /// What results refer to that are not finished.
    pub(super) blocks: Blocks,
    /// Those that nobody waits for.
    pub(super) calls: Calls,
    /// Resources of the program that the embedder has.
    pub(super) handles: Handles,
}

// SAFETY: nothing else has the place.
const RECORD: Part<Record> = unsafe { Part::at(place::LIBRARY) };

/// Calls `look` with the record, which asks for no other; made where there is none.
pub(super) fn with<R>(store: &'static Store, look: impl FnOnce(&mut Record) -> R) -> R {
    let mut record = RECORD.of(store, || Record {
        is_running: false,
        exit_code: 0,
        text: CString::default(),
        imports: null(),
        blocks: Blocks::default(),
        calls: Calls::default(),
        handles: Handles::default(),
    });
    // SAFETY: one thread at a time has the store, and nothing of it runs meanwhile.
    look(unsafe { record.as_mut() })
}
