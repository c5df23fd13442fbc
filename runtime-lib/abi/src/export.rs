//! Exports of components, which are called with values whose types only run time knows.

use crate::component::{CanonOptions, TypeDesc};
use crate::slice::{Slice, Str};
use crate::tasks::AsyncLift;

/// A lifted function that the root of a component exports.
#[repr(C)]
#[derive(Debug)]
pub struct ComponentExport {
    /// In a script, the number of the component; 0 otherwise.
    pub component: u64,
    /// `name`, or `interface#name`.
    pub name: Str,
    /// Enters the instance (which can trap) and calls the core function: base of the store and
    /// slots of 8 bytes, flat parameters before and flat results after. Afterwards the results
    /// are lifted and `finish` is called with the same slots.
    pub call: unsafe extern "C" fn(*mut u8, *mut u64),
    /// Calls `post-return`, if there is one, and leaves the instance.
    pub finish: unsafe extern "C" fn(*mut u8, *mut u64),
    pub options: CanonOptions,
    pub param_names: Slice<Str>,
    /// One [`TypeDesc`] address a parameter.
    pub params: Slice<*const TypeDesc>,
    /// Null where there is none.
    pub result: *const TypeDesc,
    /// Number of flat parameters; with more than 16, their tuple lies in memory instead.
    pub flat_params: u64,
    /// Of a function of async type, which is called as a task instead of by `call` and `finish`;
    /// null otherwise.
    pub lift: *const AsyncLift,
}
