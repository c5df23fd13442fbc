//! `wasi:random` of WASI 0.3.

use crate::host_fns;
use crate::wasi::p3::random;

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:random/random" {
        "get-random-bytes" => random::bytes;
        "get-random-u64" => random::number;
    }
    "wasi:random/insecure" {
        "get-insecure-random-bytes" => random::bytes;
        "get-insecure-random-u64" => random::number;
    }
    "wasi:random/insecure-seed" {
        "get-insecure-seed" => random::insecure_seed;
    }
}
