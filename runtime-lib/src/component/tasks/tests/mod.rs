//! Tasks of guests that are made by hand.

mod blocking;
mod calls;
mod cancel;
mod crowds;
mod entering;
mod fairness;
mod guests;
mod host;
mod interleavings;
mod model;
mod random;
mod threads;
mod traps;
