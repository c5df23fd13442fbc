//! What WASI does, once for all its versions: descriptors, directories, clocks, random bytes,
//! polling, sockets, arguments and the environment.
//!
//! Everything here speaks of the host: buffers, paths, file descriptors. What a version of WASI
//! calls things, the numbers it gives them and where they lie in guest memory is in `wasi`.
//! Nothing is buffered, so that ending the process at any time loses nothing.
#![forbid(unsafe_code)]

pub mod blobstore;
pub mod buffers;
pub(crate) mod calendar;
pub mod chunk;
pub mod clocks;
pub mod descriptor;
pub mod directory;
pub mod embedded;
pub mod environment;
pub mod error;
mod fd;
pub mod file;
pub mod http;
pub mod keyvalue;
pub mod listing;
pub mod lookup;
pub mod net;
pub mod open;
pub mod poll;
pub mod preopens;
pub mod process;
pub mod random;
#[cfg_attr(not(target_os = "linux"), path = "no_socket.rs")]
pub mod socket;
#[cfg_attr(not(target_os = "linux"), path = "no_socket_io.rs")]
pub mod socket_io;
pub mod socket_options;
pub mod stat;
pub mod tcp;
pub mod udp;

pub use descriptor::{Descriptor, Stream};
pub use error::Error;

/// What host functions return.
pub type Result<T> = std::result::Result<T, Error>;
