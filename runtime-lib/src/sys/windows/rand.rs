//! Random bytes.

use std::ptr::null_mut;

use windows_sys::Win32::Security::Cryptography::{
    BCRYPT_USE_SYSTEM_PREFERRED_RNG, BCryptGenRandom,
};

use super::errno::{Errno, Result};

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct GetRandomFlags: u32 {}
}

/// Fills a buffer: how many bytes.
///
/// # Errors
/// [`Errno::NOSYS`] where the system has no source.
pub fn getrandom(into: &mut [u8], _flags: GetRandomFlags) -> Result<usize> {
    let len = u32::try_from(into.len()).unwrap_or(u32::MAX);
    // SAFETY: the buffer has room for so many bytes.
    let status = unsafe {
        BCryptGenRandom(
            null_mut(),
            into.as_mut_ptr(),
            len,
            BCRYPT_USE_SYSTEM_PREFERRED_RNG,
        )
    };
    if status == 0 {
        Ok(len as usize)
    } else {
        Err(Errno::NOSYS)
    }
}
