//! Random functions, and functions for one idea each.

mod random;
mod small;
