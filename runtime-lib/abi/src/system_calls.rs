//! System calls, by what they are for.

/// Families of system calls that a program has use for, besides those that any has.
#[derive(Debug)]
pub struct SystemCalls;

impl SystemCalls {
    /// Opens, lists and changes files. Which ones, the granted directories say.
    pub const FILES: u64 = 1;
    /// Sockets.
    pub const SOCKETS: u64 = 2;
    /// Looks names up, for which the C library reads files of the system.
    pub const NAMES: u64 = 4;
    /// Reads the certificates of the system.
    pub const CERTIFICATES: u64 = 8;
    /// Waits for several things, with threads that wait for what cannot be waited for otherwise.
    pub const EVENTS: u64 = 16;
    /// Starts processes of its own kind, and looks after them.
    pub const WORKERS: u64 = 32;
}
