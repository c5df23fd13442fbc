//! Random functions, and functions for one idea each.

mod program;
mod random;
mod small;
