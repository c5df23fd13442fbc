//! `wasi:clocks` of WASI 0.3.

use crate::host_fns;
use crate::wasi::p3::clocks;

host_fns! {
    prefix "wasmelt_p3:";
    "wasi:clocks/monotonic-clock" {
        "now" => clocks::monotonic_now;
        "get-resolution" => clocks::monotonic_resolution;
        async "wait-until" => clocks::wait_until;
        async "wait-for" => clocks::wait_for;
    }
    "wasi:clocks/system-clock" {
        "now" => clocks::system_now;
        "get-resolution" => clocks::system_resolution;
    }
    "wasi:clocks/timezone" {
        "iana-id" => clocks::iana_id;
        "utc-offset" => clocks::utc_offset;
        "to-debug-string" => clocks::to_debug_string;
    }
}
