//! WASI 0.2: the WIT documents of version 0.2.12, and where they are silent, what Wasmtime does.
//!
//! Comes in: lifted values and handles. Goes out: values to lower. A resource is an object of
//! Rust, shared by its handle and whatever was made from it.

pub mod blobstore;
pub mod cli;
pub mod clocks;
pub mod config;
pub mod filesystem;
pub mod http;
pub mod io;
pub mod keyvalue;
pub mod labels;
pub mod logging;
pub mod poll;
pub mod random;
pub mod sockets;
mod stdio;
pub mod streams;
pub mod tls;
