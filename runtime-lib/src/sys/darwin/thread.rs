//! Threads.

pub use rustix::thread::*;

pub mod futex {
    //! Words that threads wait for.

    use std::ffi::{c_int, c_void};
    use std::sync::atomic::AtomicU32;

    use rustix::io::{Errno, Result};

    pub use rustix::time::Timespec;

    bitflags::bitflags! {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct Flags: u32 {
            const PRIVATE = 1;
        }
    }

    /// `UL_COMPARE_AND_WAIT`, with errors as results (`ULF_NO_ERRNO`).
    const COMPARE_AND_WAIT: u32 = 0x0100_0001;

    /// `ULF_WAKE_ALL`
    const WAKE_ALL: u32 = 0x100;

    unsafe extern "C" {
        /// No header file has these two, but the system's own C++ library is built on them, since
        /// 10.12. What came in their place is of 14.4.
        fn __ulock_wait(operation: u32, word: *mut c_void, value: u64, timeout_us: u32) -> c_int;
        fn __ulock_wake(operation: u32, word: *mut c_void, value: u64) -> c_int;
    }

    /// Wakes threads that wait for the word: one, or all.
    ///
    /// # Errors
    /// None: that nobody waits is none.
    pub fn wake(word: &AtomicU32, _flags: Flags, count: u32) -> Result<()> {
        let all = if count == 1 { 0 } else { WAKE_ALL };
        // SAFETY: the word is there.
        unsafe { __ulock_wake(COMPARE_AND_WAIT | all, word.as_ptr().cast(), 0) };
        Ok(())
    }

    /// Waits until the word is another, or is woken, or for so long.
    ///
    /// # Errors
    /// [`Errno::TIMEDOUT`], and [`Errno::INTR`] or what else the system says.
    pub fn wait(
        word: &AtomicU32,
        _flags: Flags,
        value: u32,
        timeout: Option<&Timespec>,
    ) -> Result<()> {
        // To it, nothing is for ever.
        let timeout_us = timeout.map_or(0, |time| {
            let us = time.tv_sec.saturating_mul(1_000_000);
            let us = us.saturating_add((time.tv_nsec + 999) / 1000);
            u32::try_from(us).unwrap_or(u32::MAX).max(1)
        });
        // SAFETY: the word is there.
        let result = unsafe {
            __ulock_wait(
                COMPARE_AND_WAIT,
                word.as_ptr().cast(),
                value.into(),
                timeout_us,
            )
        };
        match result {
            0.. => Ok(()),
            error => Err(Errno::from_raw_os_error(-error)),
        }
    }
}
