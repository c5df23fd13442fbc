//! Arguments, results and error codes of the versions of WASI, side by side. What the functions
//! do is in `host`; nothing here makes a system call.
#![forbid(unsafe_code)]

pub mod p0;
pub mod p1;
pub mod p2;
pub mod p3;
