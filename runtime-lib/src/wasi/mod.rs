//! Arguments, results and error codes of the versions of WASI.
