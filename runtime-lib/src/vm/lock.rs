//! A lock of what threads share: a word, and the system's calls for waiting. The one of the standard
//! library waits by a function that can also take a deadline, and with that come, unless a compiler
//! takes it apart, the clock, panics and what prints them: half of hello world on RISC-V.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::thread::futex;

/// What the word says: nobody has the lock, somebody has it, somebody has it and others may wait.
const FREE: u32 = 0;
const HELD: u32 = 1;
const AWAITED: u32 = 2;

/// A value that one thread at a time looks at. Whoever has it does not panic.
#[derive(Debug)]
pub(crate) struct Lock<T> {
    word: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time has the value.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The value, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a, T>(&'a Lock<T>);

// SAFETY: what is shared is the value alone. The guard may not be sent; nothing needs it to be.
unsafe impl<T: Sync> Sync for Held<'_, T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock {
            word: AtomicU32::new(FREE),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until nobody has the lock.
    #[inline]
    pub(crate) fn lock(&self) -> Held<'_, T> {
        self.try_lock().unwrap_or_else(|| {
            self.wait();
            Held(self)
        })
    }

    /// None where somebody has it.
    #[inline]
    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        let taken = self
            .word
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed);
        taken.is_ok().then(|| Held(self))
    }

    /// Takes the lock as one that is awaited: whether others wait is not known any more.
    #[cold]
    #[inline(never)]
    fn wait(&self) {
        while self.word.swap(AWAITED, Ordering::Acquire) != FREE {
            // Whatever ends the call early, the loop looks again.
            let _ = futex::wait(&self.word, futex::Flags::PRIVATE, AWAITED, None);
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        let _ = futex::wake(&self.word, futex::Flags::PRIVATE, 1);
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.0.word.swap(FREE, Ordering::Release) == AWAITED {
            self.0.wake();
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this thread has the lock.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread has the lock, and this is the only reference.
        unsafe { &mut *self.0.value.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::Lock;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        static VALUE: Lock<(u64, u64)> = Lock::new((0, 0));
        static IS_HELD: AtomicBool = AtomicBool::new(false);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                thread::spawn(|| {
                    for _ in 0..50_000 {
                        let mut value = VALUE.lock();
                        assert!(!IS_HELD.swap(true, Ordering::Relaxed));
                        let (left, right) = *value;
                        assert_eq!(left, right);
                        *value = (left + 1, right + 1);
                        IS_HELD.store(false, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("it does not panic");
        }
        assert_eq!(*VALUE.lock(), (200_000, 200_000));
    }

    #[test]
    fn who_waits_is_woken() {
        static VALUE: Lock<u32> = Lock::new(0);
        let held = VALUE.lock();
        let other = thread::spawn(|| *VALUE.lock() += 1);
        while VALUE.word.load(Ordering::Relaxed) != super::AWAITED {
            thread::yield_now();
        }
        assert!(VALUE.try_lock().is_none());
        drop(held);
        other.join().expect("it is woken");
        assert_eq!(*VALUE.lock(), 1);
    }
}
