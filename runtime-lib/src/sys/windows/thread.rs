//! Threads.

use windows_sys::Win32::System::Threading::SwitchToThread;

pub fn sched_yield() {
    // SAFETY: has no precondition.
    unsafe { SwitchToThread() };
}

pub mod futex {
    //! Words that threads wait for.

    use std::sync::atomic::AtomicU32;

    use windows_sys::Win32::System::Threading::{
        INFINITE, WaitOnAddress, WakeByAddressAll, WakeByAddressSingle,
    };

    use super::super::errno::{Errno, Result};

    pub use super::super::time::Timespec;

    bitflags::bitflags! {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct Flags: u32 {
            const PRIVATE = 1;
        }
    }

    /// Wakes threads that wait for the word: one, or all.
    ///
    /// # Errors
    /// None.
    pub fn wake(word: &AtomicU32, _flags: Flags, count: u32) -> Result<()> {
        let address = word.as_ptr().cast_const().cast();
        // SAFETY: the word is there.
        unsafe {
            match count {
                1 => WakeByAddressSingle(address),
                _ => WakeByAddressAll(address),
            }
        }
        Ok(())
    }

    /// Waits until the word is another, or is woken, or for so long.
    ///
    /// # Errors
    /// [`Errno::TIMEDOUT`].
    pub fn wait(
        word: &AtomicU32,
        _flags: Flags,
        value: u32,
        timeout: Option<&Timespec>,
    ) -> Result<()> {
        let ms = timeout.map_or(INFINITE, |time| {
            let ms = time.tv_sec.saturating_mul(1000);
            let ms = ms.saturating_add((time.tv_nsec + 999_999) / 1_000_000);
            u32::try_from(ms).unwrap_or(INFINITE - 1)
        });
        // SAFETY: both words are there.
        let woken = unsafe {
            WaitOnAddress(
                word.as_ptr().cast_const().cast(),
                (&raw const value).cast(),
                size_of::<u32>(),
                ms,
            )
        };
        if woken == 0 {
            Err(Errno::TIMEDOUT)
        } else {
            Ok(())
        }
    }
}
