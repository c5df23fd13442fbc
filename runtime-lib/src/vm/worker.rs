//! A worker: one thread, or forked process, with the stores that it keeps ready.
//!
//! What else its stores share belongs to the thread as well: the event loop, timers and futures
//! (`io`), stacks of fibers (`tasks::fiber`), and directories that are opened once. A command has
//! one store and needs no worker.

use std::cell::{Cell, RefCell};

use super::image_file::ImageFile;
use super::space::{NoSpace, Space};
use super::store::{Store, set_current};
use super::stores;
use super::trap::{TrapInfo, catch};
use super::used_pages::UsedPages;

/// See the module's documentation. A store that it gives is used by its thread alone.
#[derive(Debug)]
pub struct Worker {
    space: &'static Space,
    used: UsedPages,
    file: Option<ImageFile>,
    /// Stores that are as they were created.
    idle: RefCell<Vec<&'static Store>>,
    idle_max: usize,
    /// The fewest that there have been since the last [`Worker::trim`].
    idle_min: Cell<usize>,
}

impl Worker {
    /// A worker that keeps up to `idle_max` stores ready. It is made in the thread, and after the
    /// last `fork`, that uses it.
    #[must_use]
    pub fn new(space: &'static Space, idle_max: usize) -> Worker {
        Worker {
            space,
            used: UsedPages::new(),
            file: ImageFile::open(space.program()),
            idle: RefCell::default(),
            idle_max,
            idle_min: Cell::new(0),
        }
    }

    #[cfg(test)]
    pub(super) fn without_pagemap(space: &'static Space) -> Worker {
        let mut worker = Worker::new(space, 1);
        worker.used = UsedPages::unknown();
        worker
    }

    /// A store with its initial contents.
    ///
    /// # Errors
    /// When all slots are in use, or the system does not give the memory.
    pub fn take(&self) -> Result<&'static Store, NoSpace> {
        let idle = self.idle.borrow_mut().pop();
        self.idle_min
            .set(self.idle_min.get().min(self.idle.borrow().len()));
        idle.map_or_else(|| stores::create_mapped(self.space, self.file.as_ref()), Ok)
    }

    /// Runs something in a store. A trap ends `body`, and the store with it, whose owner gives it
    /// back; the process and its other stores go on.
    ///
    /// # Errors
    /// The trap.
    pub fn run(&self, store: &'static Store, body: impl FnOnce()) -> Result<(), TrapInfo> {
        let outer = set_current(store);
        let outcome = catch(body);
        set_current(outer);
        outcome
    }

    /// A store is no longer needed: it is reset and kept, or dropped.
    pub fn give_back(&self, store: &'static Store) {
        let outer = set_current(store);
        let is_kept = self.idle.borrow().len() < self.idle_max
            && stores::reset(self.space, store, &self.used, self.file.as_ref()).is_ok();
        if is_kept {
            self.idle.borrow_mut().push(store);
        } else {
            // A slot that the system does not take back is lost.
            let _ = stores::drop_store(self.space, store);
        }
        set_current(outer);
    }
}

impl Worker {
    /// Drops the stores that nobody has needed since the last time, but for one: whether there may
    /// be others the next time.
    pub fn trim(&self) -> bool {
        let (count, unused) = {
            let idle = self.idle.borrow();
            (
                idle.len(),
                self.idle_min.get().min(idle.len().saturating_sub(1)),
            )
        };
        // Those that were given back last are taken first.
        let dropped: Vec<&'static Store> = self.idle.borrow_mut().drain(..unused).collect();
        for store in dropped {
            let _ = stores::drop_store(self.space, store);
        }
        self.idle_min.set(count - unused);
        count - unused > 1
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for store in self.idle.take() {
            let _ = stores::drop_store(self.space, store);
        }
    }
}
