//! `wasi:random`: all of it from the system, also what need not be unpredictable.

use wasmelt_abi::TrapCode;

use crate::component::{Bytes, Call};
use crate::host::random::fill;

/// One call gives no more than this; Wasmtime has the same limit.
const BYTES_MAX: u64 = 64 << 20;

/// `get-random-bytes`, `get-insecure-random-bytes`.
pub fn bytes(call: &mut Call<'_>, len: u64) -> Bytes {
    if len > BYTES_MAX {
        call.trap(TrapCode::TooManyRandomBytes);
    }
    let bytes = call.allocate_bytes(len as u32);
    if fill(bytes.of_mut(call.memory())).is_err() {
        call.trap(TrapCode::NoRandomBytes);
    }
    bytes
}

/// `get-random-u64`, `get-insecure-random-u64`.
pub fn number(call: &mut Call<'_>) -> u64 {
    let mut bytes = [0; 8];
    if fill(&mut bytes).is_err() {
        call.trap(TrapCode::NoRandomBytes);
    }
    u64::from_ne_bytes(bytes)
}

/// `insecure-seed`: another one every time.
pub fn insecure_seed(call: &mut Call<'_>) -> (u64, u64) {
    (number(call), number(call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Guest;
    use crate::vm::catch;

    #[test]
    fn bytes_are_random_and_limited() {
        let mut guest = Guest::new();
        let mut call = guest.call();
        let some = bytes(&mut call, 1000);
        let zeros = some.of(call.memory()).iter().filter(|byte| **byte == 0);
        assert!(zeros.count() < 50);
        assert!(bytes(&mut call, 0).is_empty());
        assert_ne!(number(&mut call), number(&mut call));
        let (low, high) = insecure_seed(&mut call);
        assert_ne!(low, high);
        for len in [BYTES_MAX + 1, u64::MAX] {
            let trap = catch(|| {
                let _ = bytes(&mut call, len);
            });
            assert_eq!(
                trap.map_err(|trap| trap.code),
                Err(TrapCode::TooManyRandomBytes)
            );
        }
    }
}
