//! Random functions, and functions for one idea each.

pub mod random;
pub mod small;
