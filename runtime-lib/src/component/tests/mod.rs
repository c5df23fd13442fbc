//! Lifting and lowering against bytes and slots that were computed by hand.

mod calls;
pub(crate) mod guest;
mod host_fns;
mod memory64;
mod strings;
mod table;
mod values;

pub(crate) use guest::{Guest, trap_text};
pub(crate) use table::{check_complete, check_host_fns};
