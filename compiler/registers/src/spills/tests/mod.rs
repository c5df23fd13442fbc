//! Moves that are removed, and that what is left is enough.

mod cleaned;
mod random;
