//! `wasi:random`: all of it from the system, also what need not be unpredictable.

use crate::component::{Bytes, Call};
use crate::wasi::p2::random::bytes_max;

pub use crate::wasi::p2::random::{insecure_seed, number};

/// `get-random-bytes`, `get-insecure-random-bytes`: of more than can be had at once, a part.
pub fn bytes(call: &mut Call<'_>, max_len: u64) -> Bytes {
    crate::wasi::p2::random::bytes(call, max_len.min(bytes_max()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Guest;

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
