//! What WASI does, once for all its versions.
