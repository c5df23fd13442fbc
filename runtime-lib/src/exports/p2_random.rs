//! `wasi:random`.

use crate::host_fns;
use crate::wasi::p2::random;

host_fns! {
    "wasi:random/random" {
        "get-random-bytes" => random::bytes;
        "get-random-u64" => random::number;
    }
    "wasi:random/insecure" {
        "get-insecure-random-bytes" => random::bytes;
        "get-insecure-random-u64" => random::number;
    }
    "wasi:random/insecure-seed" {
        "insecure-seed" => random::insecure_seed;
    }
}
