//! WASI 0.3: the WIT documents of version 0.3.2, and where they are silent, what Wasmtime does.
//!
//! Comes in: lifted values, handles and the readable ends of streams. Goes out: values to lower,
//! or Rust futures of them. What does not differ from 0.2 is that of `wasi/p2`.

pub mod cli;
pub mod clocks;
pub mod filesystem;
pub mod http;
mod outcome;
pub mod random;
pub mod sockets;
mod stdio;
pub mod tls;
