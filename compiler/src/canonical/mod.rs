//! The canonical ABI: how values of components lie in memory and in flat parameters.
//!
//! Specification: component model, "Canonical ABI". Names follow it.

mod intern;
mod nature;
mod outline;
mod passing;
mod ty;
mod types;

pub use nature::UNROLLED_MAX;
pub use outline::Helper;
pub use passing::{FLAT_PARAMS_MAX, Form, LiftStyle, Passing};
pub use ty::{Case, Field, Flat, FuncTy, FuncTyId, Layout, Ty, TyId, val_type};
pub use types::Types;
