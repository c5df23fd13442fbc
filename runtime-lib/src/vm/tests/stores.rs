//! Several stores of one program: created, used, reset in place, dropped.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::component::{Guest, trap_text};
use crate::vm::memory::memory_grow;
use crate::vm::store::{Part, current, place};
use crate::vm::stores::create;
use crate::vm::table::table_grow;
use crate::vm::worker::Worker;
use crate::vm::{TrapInfo, raise};
use wasmelt_abi::TrapCode;

/// Panics unless the store is as it was created.
fn check_initial(store: &'static Store) {
    let mut expected = vec![0; 20 * WASM_PAGE as usize];
    expected[100..100 + TEXT.len()].copy_from_slice(TEXT);
    assert!(bytes(store, 0, expected.len()) == expected);
    // SAFETY: it is in a context of the store.
    assert_eq!(unsafe { *global(store) }, NUMBER);
    assert_eq!(elements(store), [7, 8, 8]);
    assert!(!is_accessible(memory(store).wrapping_add(expected.len())));
    let after = table(store);
    // SAFETY: as above.
    let end = unsafe { (*after).elements.wrapping_add(WASM_PAGE as usize / 8) };
    assert!(!is_accessible(end.cast()));
    // SAFETY: byte 0 of a memory of the store.
    let found = unsafe { crate::vm::store::of_memory(memory(store)) };
    assert!(std::ptr::eq(found, store));
}

/// Changes everything that a guest can, touching so many pages of memory.
fn change(store: &'static Store, pages: usize) {
    for page in 0..pages {
        write(store, page * 4096 + 99, b"something else");
    }
    let last = 24 * WASM_PAGE as usize - 1;
    // SAFETY: these are a memory, a global and a table of the store.
    unsafe {
        assert_eq!(memory_grow(memory(store), 4), 20);
        *global(store) += 1;
        assert_eq!(table_grow(table(store).cast(), 9, 10_000), 3);
        *(*table(store)).elements = 1;
    }
    write(store, last, b"x");
}

#[test]
fn stores_lie_in_slots() {
    let space = space(3);
    let stores: Vec<_> = (0..3).map(|_| create(space).expect("a slot")).collect();
    assert_eq!(
        create(space).err().map(|it| it.errno),
        Some(rustix::io::Errno::MFILE)
    );
    for store in &stores {
        check_initial(store);
        let inside = memory(store).addr() + 12_345;
        let (found, offset) = space.containing(inside).expect("it is in a store");
        assert!(std::ptr::eq(found, *store));
        assert_eq!(offset, FIRST_MEMORY as usize + 12_345);
        let access = |at: u64| {
            let (store, offset) = space.containing(memory(store).addr() + at as usize)?;
            space.access_out_of_bounds(store, offset)
        };
        assert!(access(20 * WASM_PAGE - 1).is_none());
        let outside = access(20 * WASM_PAGE + 5).expect("it is outside the memory");
        assert_eq!(outside.address, 20 * WASM_PAGE + 5);
    }
    assert!(space.containing(stores[0].base().addr() - 1).is_none());
    let end = stores[2].base().addr() + space.slot_bytes();
    assert!(space.containing(end).is_none());
}

#[test]
fn a_slot_is_used_again() {
    let space = space(2);
    let worker = Worker::new(space, 0);
    let (first, second) = (worker.take().unwrap(), worker.take().unwrap());
    change(first, 3);
    change(second, 3);
    let base = first.base();
    worker.give_back(first);
    assert!(space.containing(base.addr()).is_none());
    assert!(!is_accessible(base));
    let again = worker.take().unwrap();
    assert_eq!(again.base(), base);
    check_initial(again);
    assert_eq!(bytes(second, 99, 14), b"something else");
}

#[test]
fn a_reset_store_is_as_it_was_created() {
    for worker in [Worker::new(space(2), 1), Worker::without_pagemap(space(2))] {
        // Another store lies beside it, and stays as it is.
        let other = worker.take().unwrap();
        change(other, 2);
        let mut store = worker.take().unwrap();
        // Some pages are copied back one by one; more than that the system takes back.
        for pages in [1, 0, 100, 255, 300, 2] {
            change(store, pages);
            // What it has grown by before is zero when it grows again.
            let grown = bytes(store, 20 * WASM_PAGE as usize, 4 * WASM_PAGE as usize - 1);
            assert!(grown.iter().all(|byte| *byte == 0));
            let base = store.base();
            worker.give_back(store);
            store = worker.take().unwrap();
            assert_eq!(store.base(), base);
            check_initial(store);
        }
        assert_eq!(bytes(other, 4096 + 99, 14), b"something else");
        // SAFETY: it is in a context of the store.
        assert_eq!(unsafe { *global(other) }, NUMBER + 1);
    }
}

/// Counts how often it is dropped.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

// SAFETY: no part of these tests is at this place but this one.
const COUNTED: Part<Counted> = unsafe { Part::at(place::TASKS) };

#[test]
fn parts_go_with_what_a_store_was() {
    let worker = Worker::new(space(1), 1);
    let store = worker.take().unwrap();
    let dropped = Rc::new(Cell::new(0));
    for round in 1..3 {
        assert!(COUNTED.find(store).is_none());
        COUNTED.of(store, || Counted(Rc::clone(&dropped)));
        COUNTED.of(store, || unreachable!("there is one"));
        assert_eq!(dropped.get(), round - 1);
        worker.give_back(store);
        assert_eq!(dropped.get(), round);
        assert!(std::ptr::eq(worker.take().unwrap(), store));
    }
}

#[test]
fn handles_go_with_what_a_store_was() {
    let worker = Worker::new(space(1), 1);
    let store = worker.take().unwrap();
    let guest = || Guest::in_store(store, 1, wasmelt_abi::StringEncoding::Utf8);
    let handle = guest().call().lower_own(300, 5);
    assert_eq!(guest().call().lift_own(300, handle), 5);
    let handle = guest().call().lower_own(300, 6);
    worker.give_back(store);
    assert!(std::ptr::eq(worker.take().unwrap(), store));
    let text = trap_text(|| _ = guest().call().lift_own(300, handle));
    assert_eq!(text, format!("unknown handle index {handle}"));
}

#[test]
fn a_trap_ends_one_store_and_not_another() {
    let worker = Worker::new(space(2), 2);
    let (first, second) = (worker.take().unwrap(), worker.take().unwrap());
    change(second, 1);
    let outcome = worker.run(first, || {
        assert!(std::ptr::eq(current(), first));
        change(first, 1);
        let inner = worker.run(second, || {
            assert!(std::ptr::eq(current(), second));
            write(second, 0, b"still there");
        });
        assert_eq!(inner, Ok(()));
        raise(TrapCode::Unreachable)
    });
    assert_eq!(outcome, Err(TrapInfo::new(TrapCode::Unreachable)));
    worker.give_back(first);
    assert_eq!(bytes(second, 0, 11), b"still there");
    let outcome = worker.run(second, || write(second, 0, b"and goes on"));
    assert_eq!(outcome, Ok(()));
    assert_eq!(bytes(second, 0, 11), b"and goes on");
    check_initial(worker.take().unwrap());
}

#[test]
fn stores_that_were_not_needed_lately_are_dropped() {
    let space = space(4);
    let worker = Worker::new(space, 4);
    let in_use = || {
        space
            .stores()
            .iter()
            .filter(|store| store.is_in_use())
            .count()
    };
    let need = |count: usize| {
        let stores: Vec<_> = (0..count).map(|_| worker.take().expect("a slot")).collect();
        stores.into_iter().for_each(|store| worker.give_back(store));
    };
    need(4);
    assert!(worker.trim(), "all of them were needed");
    assert_eq!(in_use(), 4);
    need(2);
    assert!(worker.trim());
    assert_eq!(in_use(), 2);
    assert!(!worker.trim(), "one is kept in any case");
    assert_eq!(in_use(), 1);
    check_initial(worker.take().expect("a slot"));
}
