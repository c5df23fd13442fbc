//! What the component model keeps for a store: handle tables, scopes of calls, the host's
//! resources, and what tasks need. It is made when it is first needed, and found through the store
//! that the header of every memory names.

use std::any::Any;
use std::rc::Rc;

use crate::component::handles::{HandleTable, Lent};
use crate::component::resource::Resources;
use crate::component::tasks::model::{Instance, Waitable, unlink};
use crate::vm::process;
use crate::vm::store::{Part, Store, place};
use crate::vm::trap::raise;
use wasmelt_abi::TrapCode;

pub struct State {
    /// One for each component instance.
    tables: Box<[HandleTable]>,
    pub(super) scopes: Scopes,
    pub(super) resources: Resources,
    /// What the handles of waitables, waitable sets and error contexts stand for, and what is
    /// between lifting and lowering.
    objects: Vec<Object>,
    /// Objects that are free.
    free_objects: Vec<u32>,
    /// One for each component instance, made when a task first enters it.
    instances: Box<[Option<Rc<Instance>>]>,
    /// `num_borrows` of tasks.
    task_borrows: Vec<u32>,
    /// Those that no task has.
    free_borrows: Vec<u32>,
}

enum Object {
    Free,
    Waitable(Rc<dyn Waitable>),
    Other(Rc<dyn Any>),
}

impl Drop for State {
    fn drop(&mut self) {
        self.forget_instances();
        for object in &self.objects {
            if let Object::Waitable(waitable) = object {
                unlink(waitable);
            }
        }
    }
}

/// The bit that numbers of tasks have in the place of a scope's.
const OF_TASK: u32 = 1 << 31;

/// The calls between component instances that are going on, the innermost last: `Task` and
/// `Subtask` of the canonical ABI, as far as synchronous calls need them.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    scopes: Vec<Scope>,
    /// What all of them have lent: instance and handle.
    lent: Lent,
}

#[derive(Debug)]
struct Scope {
    /// `num_borrows`.
    borrows: u32,
    /// How many handles the outer scopes have lent.
    lent_before: u32,
    /// Which scope borrowed handles are counted in: this one, or a task's.
    number: u32,
}

// SAFETY: nothing else has this place.
const STATE: Part<State> = unsafe { Part::at(place::COMPONENTS) };

/// The state of a store.
///
/// # Safety
/// The reference is gone before anything else asks for it: before the next call into the guest.
#[inline]
pub(super) unsafe fn of_store<'a>(store: &'static Store) -> &'a mut State {
    // SAFETY: the store has it as long as it runs; the caller vouches for there being no other.
    unsafe { STATE.of(store, State::new).as_mut() }
}

/// As [`of_store`], for no longer than `body` runs; it does not run the guest.
#[inline]
pub(super) fn with<R>(store: &'static Store, body: impl FnOnce(&mut State) -> R) -> R {
    // SAFETY: `body` neither runs the guest nor asks for the state.
    body(unsafe { of_store(store) })
}

const LIFTED: &str = "what is lowered has been lifted";
const OF_KIND: &str = "a handle of this kind stands for such an object";

impl State {
    #[cold]
    fn new() -> State {
        let instances = process::program().component_instances;
        State {
            tables: (0..instances).map(|_| HandleTable::default()).collect(),
            scopes: Scopes::default(),
            resources: Resources::default(),
            objects: Vec::new(),
            free_objects: Vec::new(),
            instances: (0..instances).map(|_| None).collect(),
            task_borrows: Vec::new(),
            free_borrows: Vec::new(),
        }
    }

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
        let index = self.scopes.scopes.len() - 1;
        let scope = &mut self.scopes.scopes[index];
        let number = scope.number;
        if number & OF_TASK == 0 {
            scope.borrows += 1;
        } else {
            self.task_borrows[(number & !OF_TASK) as usize] += 1;
        }
        self.table(instance).add_borrow(resource, rep, number)
    }

    /// Begins the scope of a call.
    #[inline]
    pub(super) fn scope_enter(&mut self) {
        let number = self.scopes.scopes.len() as u32;
        self.push_scope(number);
    }

    #[inline]
    fn push_scope(&mut self, number: u32) {
        self.scopes.scopes.push(Scope {
            borrows: 0,
            lent_before: self.lent(),
            number,
        });
    }

    /// Begins to lower the parameters of a task, whose borrowed handles count for the task.
    pub(super) fn scope_enter_task(&mut self, borrows: u32) {
        self.push_scope(OF_TASK | borrows);
    }

    /// Ends that: what has been lent meanwhile.
    pub(super) fn scope_exit_task(&mut self) -> Lent {
        let scope = self.scopes.scopes.pop();
        let before = scope.map_or(0, |scope| scope.lent_before);
        self.take_lent(before)
    }

    /// What was lent since there were `before` handles lent, which somebody else gives back.
    pub(super) fn take_lent(&mut self, before: u32) -> Lent {
        self.scopes.lent.split_off(before as usize)
    }

    /// Gives back what [`State::take_lent`] has taken: `Subtask.deliver_resolve`.
    pub(super) fn give_back_all(&mut self, lent: &Lent) {
        for (instance, handle) in lent {
            self.table(*instance).give_back(*handle);
        }
    }

    /// A number under which borrowed handles of a task are counted.
    pub(super) fn task_borrows_new(&mut self) -> u32 {
        self.free_borrows.pop().unwrap_or_else(|| {
            self.task_borrows.push(0);
            self.task_borrows.len() as u32 - 1
        })
    }

    /// `num_borrows` of a task.
    pub(super) fn task_borrows(&self, number: u32) -> u32 {
        self.task_borrows[number as usize]
    }

    /// The task is over.
    pub(super) fn task_borrows_free(&mut self, number: u32) {
        self.task_borrows[number as usize] = 0;
        self.free_borrows.push(number);
    }

    /// What tasks need of a component instance.
    pub(super) fn instance(&mut self, instance: u32) -> Rc<Instance> {
        let place = &mut self.instances[instance as usize];
        place
            .get_or_insert_with(|| Rc::new(Instance::default()))
            .clone()
    }

    /// Forgets the tasks that are in or before any instance.
    pub(super) fn forget_instances(&mut self) {
        for instance in self.instances.iter_mut().filter_map(Option::take) {
            instance.forget();
        }
    }

    /// A handle of a waitable.
    pub(in crate::component) fn add_waitable(
        &mut self,
        instance: u32,
        kind: u32,
        waitable: Rc<dyn Waitable>,
    ) -> u32 {
        self.add(instance, kind, Object::Waitable(waitable))
    }

    /// A handle of something that is no waitable.
    pub(in crate::component) fn add_object(
        &mut self,
        instance: u32,
        kind: u32,
        object: Rc<dyn Any>,
    ) -> u32 {
        self.add(instance, kind, Object::Other(object))
    }

    fn add(&mut self, instance: u32, kind: u32, object: Object) -> u32 {
        let rep = self.put(object);
        self.table(instance).add_own(kind, rep)
    }

    fn put(&mut self, object: Object) -> u32 {
        let rep = self.free_objects.pop().unwrap_or_else(|| {
            self.objects.push(Object::Free);
            self.objects.len() as u32 - 1
        });
        self.objects[rep as usize] = object;
        rep
    }

    fn take(&mut self, rep: u32) -> Object {
        self.free_objects.push(rep);
        std::mem::replace(&mut self.objects[rep as usize], Object::Free)
    }

    /// Keeps what has been lifted from one instance and not yet lowered to another: its number.
    pub(in crate::component) fn put_in_transit(&mut self, object: Rc<dyn Any>) -> u32 {
        self.put(Object::Other(object))
    }

    /// What [`State::put_in_transit`] has given this number.
    pub(in crate::component) fn take_from_transit<T: 'static>(&mut self, rep: u32) -> Rc<T> {
        match self.take(rep) {
            Object::Other(object) => object.downcast().expect(LIFTED),
            Object::Waitable(_) | Object::Free => unreachable!("{LIFTED}"),
        }
    }

    /// What a handle of this kind stands for.
    pub(in crate::component) fn object<T: 'static>(
        &mut self,
        instance: u32,
        kind: u32,
        handle: u32,
    ) -> Rc<T> {
        let rep = self.table(instance).rep(handle, kind);
        let object = match &self.objects[rep as usize] {
            Object::Waitable(waitable) => waitable.clone().as_any(),
            Object::Other(object) => object.clone(),
            Object::Free => unreachable!("{OF_KIND}"),
        };
        object.downcast().expect(OF_KIND)
    }

    /// As [`State::object`]; the handle is gone afterwards.
    pub(in crate::component) fn remove_object<T: 'static>(
        &mut self,
        instance: u32,
        kind: u32,
        handle: u32,
    ) -> Rc<T> {
        let object = self.object(instance, kind, handle);
        let rep = self.table(instance).lift_own(handle, kind);
        self.take(rep);
        object
    }

    /// What a handle of a waitable of any kind stands for.
    pub(in crate::component) fn waitable(
        &mut self,
        instance: u32,
        handle: u32,
    ) -> Rc<dyn Waitable> {
        let rep = self.table(instance).waitable(handle);
        match &self.objects[rep as usize] {
            Object::Waitable(waitable) => waitable.clone(),
            Object::Other(_) | Object::Free => unreachable!("{OF_KIND}"),
        }
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
        if scope & OF_TASK != 0 {
            self.task_borrows[(scope & !OF_TASK) as usize] -= 1;
            return;
        }
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
