//! `wasi:random`: all of it from the system, also what need not be unpredictable.

use crate::component::{Bytes, Call};

pub use crate::wasi::p2::random::number;

/// One call gives no more than this.
const BYTES_MAX: u64 = 64 << 20;

/// `get-random-bytes`, `get-insecure-random-bytes`: of more than can be had at once, a part.
pub fn bytes(call: &mut Call<'_>, max_len: u64) -> Bytes {
    crate::wasi::p2::random::bytes(call, max_len.min(BYTES_MAX))
}

/// What [`insecure_seed`] has given.
#[derive(Default)]
struct Seed(Option<(u64, u64)>);

/// `get-insecure-seed`: the same for the whole life of the program.
pub fn insecure_seed(call: &mut Call<'_>) -> (u64, u64) {
    if let Some(known) = call.resources().singleton::<Seed>().0 {
        return known;
    }
    let seed = crate::wasi::p2::random::insecure_seed(call);
    call.resources().singleton::<Seed>().0 = Some(seed);
    seed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Guest;

    #[test]
    fn a_program_has_one_seed() {
        let (mut one, mut other) = (Guest::new(), Guest::new());
        let seed = insecure_seed(&mut one.call());
        assert_eq!(insecure_seed(&mut one.call()), seed);
        assert_ne!(insecure_seed(&mut other.call()), seed);
    }

    #[test]
    fn bytes_are_random() {
        let mut guest = Guest::new();
        let mut call = guest.call();
        let some = bytes(&mut call, 1000);
        let zeros = some.of(call.memory()).iter().filter(|byte| **byte == 0);
        assert!(zeros.count() < 50);
        assert!(bytes(&mut call, 0).is_empty());
    }
}
