//! `wasi:random`: all of it from the system, also what need not be unpredictable.

use wasmelt_abi::{RANDOM_BYTES_MAX, TrapCode};

use crate::component::{Bytes, Call};
use crate::host::random::fill;
use crate::vm::process::{program, rare};

/// One call gives no more than this.
pub fn bytes_max() -> u64 {
    rare(program()).map_or(RANDOM_BYTES_MAX, |rare| rare.random_bytes_max)
}

/// `get-random-bytes`, `get-insecure-random-bytes`.
pub fn bytes(call: &mut Call<'_>, len: u64) -> Bytes {
    if len > bytes_max() {
        call.trap(TrapCode::TooManyRandomBytes);
    }
    let Ok(len) = u32::try_from(len) else {
        call.trap(TrapCode::TooManyRandomBytes)
    };
    let bytes = call.allocate_bytes(len);
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

/// What [`insecure_seed`] has given.
#[derive(Default)]
struct Seed(Option<(u64, u64)>);

/// `insecure-seed`: the same for the whole life of the program, in all versions.
pub fn insecure_seed(call: &mut Call<'_>) -> (u64, u64) {
    if let Some(known) = call.resources().singleton::<Seed>().0 {
        return known;
    }
    let seed = (number(call), number(call));
    call.resources().singleton::<Seed>().0 = Some(seed);
    seed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Guest;
    use crate::vm::catch;

    #[test]
    fn a_program_has_one_seed() {
        let (mut one, mut other) = (Guest::new(), Guest::new());
        let seed = insecure_seed(&mut one.call());
        assert_ne!(seed.0, seed.1);
        assert_eq!(insecure_seed(&mut one.call()), seed);
        assert_ne!(insecure_seed(&mut other.call()), seed);
    }

    #[test]
    fn bytes_are_random_and_limited() {
        let mut guest = Guest::new();
        let mut call = guest.call();
        let some = bytes(&mut call, 1000);
        let zeros = some.of(call.memory()).iter().filter(|byte| **byte == 0);
        assert!(zeros.count() < 50);
        assert!(bytes(&mut call, 0).is_empty());
        assert_ne!(number(&mut call), number(&mut call));
        for len in [RANDOM_BYTES_MAX + 1, u64::MAX] {
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
