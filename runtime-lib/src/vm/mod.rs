//! What compiled code needs of a runtime whatever it imports: stores, memories, tables, traps,
//! exceptions. Nothing here knows WASI.

pub(crate) mod arch;
pub(crate) mod atomics;
pub(crate) mod backtrace;
pub(crate) mod bytes;
#[cfg_attr(target_os = "macos", path = "darwin/children.rs")]
#[cfg_attr(windows, path = "windows/children.rs")]
pub mod children;
mod code_map;
mod contents;
#[cfg(target_os = "linux")]
mod core_dump;
pub(crate) mod exception;
mod exception_pool;
mod fault;
pub mod fiber;
pub(crate) mod gc;
#[cfg(target_os = "linux")]
mod hardening;
#[cfg_attr(not(target_os = "linux"), path = "no_image_file.rs")]
mod image_file;
#[cfg(unix)]
#[cfg_attr(target_os = "macos", path = "darwin/kernel.rs")]
mod kernel;
mod landing;
mod libcalls;
pub(crate) mod lock;
pub(crate) mod memory;
pub mod memory_view;
pub mod message;
pub(crate) mod note;
#[cfg(target_os = "linux")]
mod on_trap;
mod pages;
mod places;
pub mod process;
pub(crate) mod processor;
#[cfg_attr(windows, path = "windows/profile.rs")]
pub(crate) mod profile;
pub(crate) mod sharing;
#[cfg_attr(windows, path = "windows/signal.rs")]
mod signal;
mod sources;
pub mod space;
pub(crate) mod spaces;
pub(crate) mod stack_limit;
pub(crate) mod stacks;
pub mod start;
pub mod store;
pub mod stores;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod threads;
#[cfg_attr(windows, path = "windows/timeout.rs")]
pub(crate) mod timeout;
pub mod trap;
pub mod trap_line;
#[cfg_attr(not(target_os = "linux"), path = "no_used_pages.rs")]
mod used_pages;
#[cfg_attr(windows, path = "windows/watch.rs")]
pub mod watch;
pub mod worker;

pub use memory_view::{GuestMemory, Memory, OutOfBounds};
#[cfg(test)]
pub(crate) use signal::install as install_signal_handlers;
pub use trap::{TrapInfo, catch, raise};
