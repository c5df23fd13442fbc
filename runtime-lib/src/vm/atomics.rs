//! `memory.atomic.wait` and `memory.atomic.notify`: threads of the guest that wait for an address
//! are parked in lists, each thread on a word of its own. Addresses have their lists by their digest,
//! so that who wakes others does not look at all who wait.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sys::thread::futex;

use crate::vm::memory::{check, len_of};
use crate::vm::store::of_memory;
use crate::vm::trap::raise;
use wasmelt_abi::{MemoryFlags, MemoryHeader, TrapCode};

/// Results of a wait, as the threads proposal numbers them.
const WOKEN: i32 = 0;
const NOT_EQUAL: i32 = 1;
const TIMED_OUT: i32 = 2;

/// A thread that waits: for what, and the word on its stack that the waker sets.
#[derive(Clone, Copy)]
struct Waiter {
    key: usize,
    woken: *const AtomicU32,
}

// SAFETY: `woken` is the local of a thread that removes its entry before it returns.
unsafe impl Send for Waiter {}

/// Threads that wait for addresses of one digest, longest wait first.
struct Waiters {
    list: Mutex<Vec<Waiter>>,
    /// How many there are, or are about to be.
    count: AtomicUsize,
}

/// The number of lists.
const LISTS: usize = 64;

/// By digest.
static WAITERS: [Waiters; LISTS] = [const {
    Waiters {
        list: Mutex::new(Vec::new()),
        count: AtomicUsize::new(0),
    }
}; LISTS];

impl Waiters {
    /// Those who wait for an address among others.
    fn of(key: usize) -> &'static Waiters {
        // Words that are waited for lie at different places of larger objects.
        let digest = (key >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &WAITERS[digest >> (usize::BITS - LISTS.ilog2())]
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiter>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, list: &mut Vec<Waiter>, mut is_it: impl FnMut(&Waiter) -> bool) {
        let before = list.len();
        list.retain(|waiter| !is_it(waiter));
        self.count.fetch_sub(before - list.len(), Ordering::Relaxed);
    }
}

/// Wakes up to `count` threads that wait for the address; returns how many.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_memory_atomic_notify")]
pub(crate) unsafe extern "C" fn memory_atomic_notify(
    memory: *mut u8,
    addr: i64,
    count: i32,
) -> i32 {
    // SAFETY: the caller vouches for the memory.
    let address = unsafe { checked(memory, addr, 4) };
    // SAFETY: as above.
    let Some(key) = (unsafe { key(memory, address) }) else {
        return 0;
    };
    let waiters = Waiters::of(key);
    // Either this sees who is about to wait, or they see what the guest has written before.
    fence(Ordering::SeqCst);
    if waiters.count.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    let mut left = count as u32;
    waiters.remove(&mut waiters.lock(), |waiter| {
        if waiter.key != key || left == 0 {
            return false;
        }
        left -= 1;
        // SAFETY: the waiter is in the list, so its thread has not returned.
        let woken = unsafe { &*waiter.woken };
        woken.store(1, Ordering::Release);
        // An error means that nobody waits on the word yet; whoever comes will see it set.
        let _ = futex::wake(woken, futex::Flags::PRIVATE, 1);
        true
    });
    (count as u32 - left) as i32
}

/// Waits until notified if the 32 bits at the address are `expected`; a negative timeout is none.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_memory_atomic_wait32")]
pub(crate) unsafe extern "C" fn memory_atomic_wait32(
    memory: *mut u8,
    addr: i64,
    expected: i32,
    timeout_ns: i64,
) -> i32 {
    // SAFETY: the caller vouches for the memory; `checked` makes sure of range and alignment.
    unsafe {
        let address = checked(memory, addr, 4);
        let word = AtomicU32::from_ptr(std::ptr::with_exposed_provenance_mut(address));
        wait(memory, address, timeout_ns, || {
            word.load(Ordering::SeqCst).to_le() == expected as u32
        })
    }
}

/// As [`memory_atomic_wait32`], for 64 bits.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_memory_atomic_wait64")]
pub(crate) unsafe extern "C" fn memory_atomic_wait64(
    memory: *mut u8,
    addr: i64,
    expected: i64,
    timeout_ns: i64,
) -> i32 {
    // SAFETY: as in `memory_atomic_wait32`.
    unsafe {
        let address = checked(memory, addr, 8);
        let word = AtomicU64::from_ptr(std::ptr::with_exposed_provenance_mut(address));
        wait(memory, address, timeout_ns, || {
            word.load(Ordering::SeqCst).to_le() == expected as u64
        })
    }
}

/// # Safety
/// `memory` is byte 0 of a memory.
unsafe fn wait(
    memory: *mut u8,
    address: usize,
    timeout_ns: i64,
    as_expected: impl Fn() -> bool,
) -> i32 {
    // SAFETY: the caller vouches for the memory.
    let Some(key) = (unsafe { key(memory, address) }) else {
        raise(TrapCode::AtomicWaitNonSharedMemory);
    };
    let deadline = u64::try_from(timeout_ns)
        .ok()
        .and_then(|timeout| Instant::now().checked_add(Duration::from_nanos(timeout)));
    let woken = AtomicU32::new(0);
    let is_this = |waiter: &Waiter| std::ptr::eq(waiter.woken, &raw const woken);
    let waiters = Waiters::of(key);
    {
        let mut list = waiters.lock();
        waiters.count.fetch_add(1, Ordering::SeqCst);
        // Under the lock, so that no notification between the look and the wait is lost.
        list.push(Waiter {
            key,
            woken: &raw const woken,
        });
        if !as_expected() {
            waiters.remove(&mut list, is_this);
            return NOT_EQUAL;
        }
    }
    let result = park(&woken, deadline);
    // Whoever wakes it holds the lock while it refers to the word, which is about to go away.
    let mut list = waiters.lock();
    if result == TIMED_OUT {
        // A notification may have come between the timeout and the lock.
        if woken.load(Ordering::Acquire) != 0 {
            return WOKEN;
        }
        waiters.remove(&mut list, is_this);
    }
    result
}

/// Blocks until the word is set or the time is over.
fn park(woken: &AtomicU32, deadline: Option<Instant>) -> i32 {
    while woken.load(Ordering::Acquire) == 0 {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return TIMED_OUT;
        }
        let left = left.map(|left| futex::Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        });
        // Whatever ends the call early, the loop looks again.
        let _ = futex::wait(woken, futex::Flags::PRIVATE, 0, left.as_ref());
    }
    WOKEN
}

/// The native address of `size` aligned bytes inside the memory; traps if they are not that.
///
/// # Safety
/// `memory` is byte 0 of a memory.
unsafe fn checked(memory: *mut u8, addr: i64, size: i64) -> usize {
    if addr % size != 0 {
        raise(TrapCode::HeapMisaligned);
    }
    // SAFETY: the caller vouches for the memory.
    check(unsafe { len_of(memory) }, addr, size);
    memory.expose_provenance() + addr as usize
}

/// What an address of a shared memory is called by all threads, which may have the memory in
/// different places; nothing if it is not shared.
///
/// # Safety
/// `memory` is byte 0 of a memory.
unsafe fn key(memory: *mut u8, address: usize) -> Option<usize> {
    // SAFETY: the header lies directly below byte 0.
    let flags = unsafe { (*memory.cast::<MemoryHeader>().sub(1)).flags };
    match flags & MemoryFlags::COMMON {
        0 => (flags & MemoryFlags::SHARED != 0).then_some(address),
        // SAFETY: the caller vouches for the memory.
        _ => Some(address - unsafe { of_memory(memory) }.base().addr()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::memory_view::test_memory::TestMemory;
    use crate::vm::trap::{TrapInfo, catch};

    fn set_shared(memory: *mut u8) {
        // SAFETY: the header lies directly below byte 0.
        unsafe { (*memory.cast::<MemoryHeader>().sub(1)).flags = MemoryFlags::SHARED };
    }

    #[test]
    fn waits_need_a_shared_memory() {
        let mut owner = TestMemory::new(64);
        let memory = owner.start();
        let trapped = |run: &dyn Fn()| catch(run).map_err(|trap| trap.code);
        // SAFETY: `memory` is byte 0 of a memory.
        let wait = |addr| {
            trapped(&|| {
                // SAFETY: `memory` is byte 0 of a memory.
                unsafe { memory_atomic_wait32(memory, addr, 0, 0) };
            })
        };
        assert_eq!(wait(0), Err(TrapCode::AtomicWaitNonSharedMemory));
        assert_eq!(wait(2), Err(TrapCode::HeapMisaligned));
        assert_eq!(wait(64), Err(TrapCode::MemoryOutOfBounds));
        // SAFETY: as above.
        assert_eq!(unsafe { memory_atomic_notify(memory, 60, 1) }, 0);
        // SAFETY: as above.
        let notify = catch(|| {
            // SAFETY: as above.
            unsafe { memory_atomic_notify(memory, 64, 1) };
        });
        assert_eq!(notify, Err(TrapInfo::new(TrapCode::MemoryOutOfBounds)));
    }

    #[test]
    fn one_thread_alone_times_out() {
        let mut owner = TestMemory::new(64);
        owner.view().write_u64(8_u32, 5).unwrap();
        let memory = owner.start();
        set_shared(memory);
        // SAFETY: `memory` is byte 0 of a memory.
        unsafe {
            assert_eq!(memory_atomic_wait64(memory, 8, 6, -1), NOT_EQUAL);
            assert_eq!(memory_atomic_wait64(memory, 8, 5, 0), TIMED_OUT);
            assert_eq!(memory_atomic_wait32(memory, 8, 5, 1_000_000), TIMED_OUT);
            assert_eq!(memory_atomic_notify(memory, 8, -1), 0);
        }
    }

    #[test]
    fn notified_threads_wake() {
        let mut owner = TestMemory::new(64);
        let memory = owner.start();
        set_shared(memory);
        let address = memory.expose_provenance();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                std::thread::spawn(move || {
                    let memory = std::ptr::with_exposed_provenance_mut(address);
                    // SAFETY: the memory lives until the threads are joined.
                    unsafe { memory_atomic_wait32(memory, 16, 0, -1) }
                })
            })
            .collect();
        let mut woken = 0;
        while woken < 3 {
            // SAFETY: `memory` is byte 0 of a memory.
            let now = unsafe { memory_atomic_notify(memory, 16, 2) };
            assert!(now <= 2);
            woken += now;
            std::thread::yield_now();
        }
        assert_eq!(woken, 3);
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), WOKEN);
        }
    }
}
