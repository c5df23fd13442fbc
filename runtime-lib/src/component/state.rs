//! What the component model keeps for a store: handle tables, scopes of calls, and the host's
//! resources. It is made when it is first needed, and found through the store that the header of
//! every memory names.

use std::sync::atomic::Ordering;

use crate::component::handles::HandleTable;
use crate::component::resource::Resources;
use crate::vm::process;
use crate::vm::store::Store;
use crate::vm::trap::raise;
use wasmelt_abi::TrapCode;

#[derive(Debug)]
pub struct State {
    /// One for each component instance.
    tables: Box<[HandleTable]>,
    pub(super) scopes: Scopes,
    pub(super) resources: Resources,
}

/// The calls between component instances that are going on, the innermost last: `Task` and
/// `Subtask` of the canonical ABI, as far as synchronous calls need them.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    scopes: Vec<Scope>,
    /// What all of them have lent: instance and handle.
    lent: Vec<(u32, u32)>,
}

#[derive(Debug)]
struct Scope {
    /// `num_borrows`.
    borrows: u32,
    /// How many handles the outer scopes have lent.
    lent_before: u32,
}

/// The state of a store.
///
/// # Safety
/// The reference is gone before anything else asks for it: before the next call into the guest.
#[inline]
pub(super) unsafe fn of_store<'a>(store: &'static Store) -> &'a mut State {
    let state = store.component_state().load(Ordering::Relaxed);
    let state = if state.is_null() {
        create(store)
    } else {
        state.cast::<State>()
    };
    // SAFETY: `create` made it and nothing frees it; the caller vouches for there being no other.
    unsafe { &mut *state }
}

#[cold]
fn create(store: &'static Store) -> *mut State {
    let instances = process::program().component_instances;
    let state = Box::leak(Box::new(State {
        tables: (0..instances).map(|_| HandleTable::default()).collect(),
        scopes: Scopes::default(),
        resources: Resources::default(),
    }));
    let address = std::ptr::from_mut(state);
    store
        .component_state()
        .store(address.cast(), Ordering::Relaxed);
    address
}

impl State {
    /// The handle table of a component instance.
    #[inline]
    pub(super) fn table(&mut self, instance: u32) -> &mut HandleTable {
        &mut self.tables[instance as usize]
    }

    /// `lift_borrow`: the rep of a handle that the innermost call is lent.
    #[inline]
    pub(super) fn lift_borrow(&mut self, instance: u32, resource: u32, handle: u32) -> u32 {
        let rep = self.table(instance).lift_borrow(handle, resource);
        self.scopes.lent.push((instance, handle));
        rep
    }

    /// `lower_borrow`: a borrowed handle that has to be dropped before the innermost call ends.
    #[inline]
    pub(super) fn lower_borrow(&mut self, instance: u32, resource: u32, rep: u32) -> u32 {
        let scope = self.scopes.scopes.len() - 1;
        self.scopes.scopes[scope].borrows += 1;
        self.table(instance).add_borrow(resource, rep, scope as u32)
    }

    /// Begins the scope of a call.
    #[inline]
    pub(super) fn scope_enter(&mut self) {
        self.scopes.scopes.push(Scope {
            borrows: 0,
            lent_before: self.lent(),
        });
    }

    /// Ends the innermost scope: `Task.return_` and `Subtask.deliver_resolve`.
    #[inline]
    pub(super) fn scope_exit(&mut self) {
        let scope = self
            .scopes
            .scopes
            .pop()
            .expect("compiled code enters a scope before it leaves it");
        if scope.borrows != 0 {
            raise(TrapCode::BorrowsRemain)
        }
        self.give_back(scope.lent_before);
    }

    /// A borrowed handle of this scope has been dropped.
    #[inline]
    pub(super) fn borrow_dropped(&mut self, scope: u32) {
        // The scope is gone when a trap has ended it.
        if let Some(scope) = self.scopes.scopes.get_mut(scope as usize) {
            scope.borrows -= 1;
        }
    }

    /// How many handles are lent.
    #[inline]
    pub(super) fn lent(&self) -> u32 {
        self.scopes.lent.len() as u32
    }

    /// Gives back what was lent since there were `before` handles lent.
    #[inline]
    pub(super) fn give_back(&mut self, before: u32) {
        while self.lent() > before {
            if let Some((instance, handle)) = self.scopes.lent.pop() {
                self.table(instance).give_back(handle);
            }
        }
    }

    /// Forgets the calls that a trap has ended: scopes beyond `depth`.
    pub(super) fn truncate_scopes(&mut self, depth: usize) {
        if let Some(scope) = self.scopes.scopes.get(depth) {
            self.give_back(scope.lent_before);
            self.scopes.scopes.truncate(depth);
        }
    }

    /// The number of calls that are going on.
    pub(super) fn depth(&self) -> usize {
        self.scopes.scopes.len()
    }
}
