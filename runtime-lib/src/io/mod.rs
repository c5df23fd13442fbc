//! Waiting until one of several things happens: a descriptor becomes readable or writable, or the
//! monotonic clock shows a time.
//!
//! What is ready stays ready until somebody uses it up: whatever has been seen before, the system
//! is asked in the end. A few descriptors are waited for with one `poll(2)`, which leaves nothing
//! behind. Many are registered with the event loop of `reactor` once and cost nothing while they
//! are silent. Nothing here reads or writes, and nothing here knows a version of WASI.

mod apart;
mod aside;
mod driving;
mod futures;
mod numbered;
mod reactor;
#[cfg(test)]
pub(crate) mod script;
mod source;
mod tasks;
#[cfg(test)]
mod tests;
mod waiting;
mod wanted;

pub use apart::apart;
pub use aside::{Ended, Leave, block_on, can_leave, set_fiber, take_turns};
pub use driving::wait_any_driving;
pub use futures::{Changes, Pause, Ready, Sleep, ready, sleep_until, turn};
pub use numbered::Numbered;
pub use reactor::Waiting;
pub use source::{Handle, Source};
pub use tasks::{Task, run_woken as run_tasks, spawn};
pub use waiting::{notify, wait_any, wait_any_or_news, wait_for_descriptor, wait_one};
pub use wanted::{Event, Interest, Wanted, is_descriptor_ready, is_ready};
