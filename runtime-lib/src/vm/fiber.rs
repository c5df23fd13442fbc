//! Stacks for code that can be left in the middle and gone on with later. Programs that need none
//! are linked without this.
//!
//! Each stack has a guard page below it: running into that is a trap like any other.

use std::cell::{Cell, RefCell};
use std::ptr::null;

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::vm::{backtrace, process, stacks};

/// Bytes of a stack, unless the program has a limit of its own. Pages that nothing touches cost
/// nothing.
const STACK_BYTES: usize = 1 << 20;

/// Stacks that are kept for later.
const POOL_MAX: usize = 64;

thread_local! {
    static POOL: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };

    /// Of the fiber that runs.
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(null()) };
}

/// The system has no memory for a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoStack;

/// A function that runs, or is going to, on a stack of its own.
pub struct Fiber {
    top: usize,
    /// Null before it has begun.
    yielder: *const Yielder<(), ()>,
    coroutine: Coroutine<(), (), (), DefaultStack>,
}

/// A stack that is free, made where none is kept.
///
/// # Errors
/// When the system does not give it.
pub(crate) fn take_stack() -> Result<DefaultStack, NoStack> {
    let make = || DefaultStack::new(stack_bytes()).map_err(|_| NoStack);
    POOL.with_borrow_mut(Vec::pop).map_or_else(make, Ok)
}

/// Bytes of a stack at least.
pub(crate) fn stack_bytes() -> usize {
    match process::program().policy.stack_bytes_max {
        0 => STACK_BYTES,
        bytes => bytes as usize,
    }
}

/// Keeps a stack for later.
pub(crate) fn keep_stack(stack: DefaultStack) {
    POOL.with_borrow_mut(|pool| {
        if pool.len() < POOL_MAX {
            pool.push(stack);
        }
    });
}

/// Stacks that are kept.
#[cfg(test)]
pub(crate) fn kept_stacks() -> usize {
    POOL.with_borrow(Vec::len)
}

impl Fiber {
    /// A fiber that has not begun.
    ///
    /// # Errors
    /// When there is no stack for it.
    pub fn new(body: impl FnOnce() + 'static) -> Result<Fiber, NoStack> {
        let stack = take_stack()?;
        let top = stack.base().get();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            YIELDER.set(yielder);
            body();
        });
        Ok(Fiber {
            top,
            yielder: null(),
            coroutine,
        })
    }

    /// Goes on until it is left or ends: whether it has ended. One that has is not resumed again.
    pub fn resume(&mut self) -> bool {
        let mut result = CoroutineResult::Yield(());
        YIELDER.set(self.yielder);
        stacks::run_on(self.top, || result = self.coroutine.resume(()));
        self.yielder = YIELDER.replace(null());
        matches!(result, CoroutineResult::Return(()))
    }

    /// The stack is free again, whether the function has returned, has been ended by a trap, or is
    /// never going on. Of what is on it then, nothing is dropped.
    pub fn end(mut self) {
        YIELDER.set(null());
        stacks::forget(self.top);
        // SAFETY: frames of compiled code need no destructors, and nothing refers to what frames
        // of the runtime own.
        unsafe { self.coroutine.force_reset() };
        keep_stack(self.coroutine.into_stack());
    }
}

/// Leaves the fiber that runs; returns when it is resumed. What runs may have gone on to a further
/// stack meanwhile.
pub fn leave() {
    let yielder = YIELDER.get();
    // SAFETY: it is null, or lies on the stack of the fiber that runs.
    let Some(yielder) = (unsafe { yielder.as_ref() }) else {
        return;
    };
    let end = backtrace::stack_end();
    stacks::leave(|| yielder.suspend(()));
    backtrace::set_stack_end(end);
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::vm::trap::{catch, raise};
    use wasmelt_abi::TrapCode;

    #[test]
    fn fibers_go_on_in_any_order() {
        let order: Rc<RefCell<Vec<u32>>> = Rc::default();
        let mut fibers: Vec<Fiber> = (0..3)
            .map(|number| {
                let order = Rc::clone(&order);
                let body = move || {
                    order.borrow_mut().push(number);
                    leave();
                    order.borrow_mut().push(10 + number);
                };
                Fiber::new(body).unwrap()
            })
            .collect();
        for index in [0, 1, 2] {
            assert!(!fibers[index].resume());
        }
        for index in [1, 0, 2] {
            assert!(fibers[index].resume());
        }
        assert_eq!(*order.borrow(), [0, 1, 2, 11, 10, 12]);
        fibers.into_iter().for_each(Fiber::end);
        leave();
    }

    #[test]
    fn a_fiber_is_left_from_a_stack_further_up() {
        let steps: Rc<RefCell<Vec<u32>>> = Rc::default();
        let seen = Rc::clone(&steps);
        let mut outer = Fiber::new(move || {
            let inner_stack = take_stack().unwrap();
            let top = inner_stack.base().get();
            let seen_inside = Rc::clone(&seen);
            let mut inner = Coroutine::with_stack(inner_stack, move |_: &Yielder<(), ()>, ()| {
                leave();
                seen_inside.borrow_mut().push(2);
                assert_eq!(backtrace::stack_end(), top);
            });
            stacks::run_on(top, || _ = inner.resume(()));
            seen.borrow_mut().push(3);
        })
        .unwrap();
        assert!(!outer.resume());
        steps.borrow_mut().push(1);
        assert!(outer.resume());
        assert_eq!(*steps.borrow(), [1, 2, 3]);
        outer.end();
        assert!(stacks::others().is_empty());
    }

    #[test]
    fn traps_end_a_fiber_and_no_other() {
        let mut other = Fiber::new(leave).unwrap();
        assert!(!other.resume());
        let kept = kept_stacks();
        let mut trapping = Fiber::new(|| {
            leave();
            raise(TrapCode::Unreachable)
        })
        .unwrap();
        for traps in [false, true] {
            assert_eq!(catch(|| _ = trapping.resume()).is_err(), traps);
        }
        trapping.end();
        assert!(other.resume());
        other.end();
        assert_eq!(kept_stacks(), kept + 2);
        assert!(stacks::others().is_empty());
    }
}
