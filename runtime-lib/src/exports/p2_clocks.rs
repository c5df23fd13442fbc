//! `wasi:clocks`.

use crate::host_fns;
use crate::wasi::p2::clocks;

host_fns! {
    "wasi:clocks/monotonic-clock" {
        "now" => clocks::monotonic_now;
        "resolution" => clocks::monotonic_resolution;
        "subscribe-instant" => clocks::subscribe_instant;
        "subscribe-duration" => clocks::subscribe_duration;
    }
    "wasi:clocks/wall-clock" {
        "now" => clocks::wall_now;
        "resolution" => clocks::wall_resolution;
    }
    "wasi:clocks/timezone" {
        "display" => clocks::timezone_display;
        "utc-offset" => clocks::timezone_utc_offset;
    }
}
