//! Random bytes of cryptographic quality, from the system.

use crate::sys::io::Errno;
use crate::sys::rand::{GetRandomFlags, getrandom};

use super::Result;

/// Fills the buffer.
///
/// # Errors
/// When the system has no source of random bytes.
pub fn fill(buffer: &mut [u8]) -> Result<()> {
    let mut rest = buffer;
    while !rest.is_empty() {
        match getrandom(&mut *rest, GetRandomFlags::empty()) {
            Ok(count) => rest = rest.get_mut(count..).unwrap_or(&mut []),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_large_buffers() {
        let mut buffer = vec![0; 1 << 20];
        fill(&mut buffer).unwrap();
        let zeros = buffer.iter().filter(|byte| **byte == 0).count();
        assert!(
            (3000..5300).contains(&zeros),
            "{zeros} zeros of 4096 expected"
        );
        fill(&mut []).unwrap();
    }
}
