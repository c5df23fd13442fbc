//! `memory.atomic.wait` and `memory.atomic.notify`: threads of the guest that wait for an address
//! are parked in one list, each on a word of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sys::thread::futex;

use crate::vm::memory::{check, len_of};
use crate::vm::trap::raise;
use wasmelt_abi::{MemoryHeader, TrapCode};

/// Results of a wait, as the threads proposal numbers them.
const WOKEN: i32 = 0;
const NOT_EQUAL: i32 = 1;
const TIMED_OUT: i32 = 2;

/// Bit of `MemoryHeader::flags`.
const SHARED: u32 = 1;

/// A thread that waits: the address, and the word on its stack that the waker sets.
#[derive(Clone, Copy)]
struct Waiter {
    address: usize,
    woken: *const AtomicU32,
}

// SAFETY: `woken` is the local of a thread that removes its entry before it returns.
unsafe impl Send for Waiter {}

/// Waiting threads, longest wait first.
static WAITERS: Mutex<Vec<Waiter>> = Mutex::new(Vec::new());

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
    if !unsafe { is_shared(memory) } {
        return 0;
    }
    let mut waiters = WAITERS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut left = count as u32;
    waiters.retain(|waiter| {
        if waiter.address != address || left == 0 {
            return true;
        }
        left -= 1;
        // SAFETY: the waiter is in the list, so its thread has not returned.
        let woken = unsafe { &*waiter.woken };
        woken.store(1, Ordering::Release);
        // An error means that nobody waits on the word yet; whoever comes will see it set.
        let _ = futex::wake(woken, futex::Flags::PRIVATE, 1);
        false
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
    if !unsafe { is_shared(memory) } {
        raise(TrapCode::AtomicWaitNonSharedMemory);
    }
    let deadline = u64::try_from(timeout_ns)
        .ok()
        .and_then(|timeout| Instant::now().checked_add(Duration::from_nanos(timeout)));
    let woken = AtomicU32::new(0);
    {
        let mut waiters = WAITERS
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Under the lock, so that no notification between the look and the wait is lost.
        if !as_expected() {
            return NOT_EQUAL;
        }
        waiters.push(Waiter {
            address,
            woken: &raw const woken,
        });
    }
    let result = park(&woken, deadline);
    if result == TIMED_OUT {
        let mut waiters = WAITERS
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        waiters.retain(|waiter| !std::ptr::eq(waiter.woken, &raw const woken));
        // A notification may have come between the timeout and the lock.
        if woken.load(Ordering::Acquire) != 0 {
            return WOKEN;
        }
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
    // The waker holds the lock while it refers to the word, which is about to go away.
    drop(
        WAITERS
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
    );
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

/// # Safety
/// `memory` is byte 0 of a memory.
unsafe fn is_shared(memory: *mut u8) -> bool {
    // SAFETY: the header lies directly below byte 0.
    unsafe { (*memory.cast::<MemoryHeader>().sub(1)).flags & SHARED != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::memory_view::test_memory::TestMemory;
    use crate::vm::trap::{TrapInfo, catch};

    fn set_shared(memory: *mut u8) {
        // SAFETY: the header lies directly below byte 0.
        unsafe { (*memory.cast::<MemoryHeader>().sub(1)).flags = SHARED };
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
