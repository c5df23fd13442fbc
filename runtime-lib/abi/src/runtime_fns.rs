//! The runtime functions that compiled code calls, in one table.
//!
//! `memory` is the address of byte 0 of a memory; addresses, lengths and page counts in a guest
//! memory or table are zero-extended to `i64`. A function that can trap does so itself and then
//! does not return. Symbols carry [`crate::RUNTIME_FN_PREFIX`]; the convention is the C one.

/// Invokes `$then!`, a path, with the rows `name(param: type, …) -> result;` of the runtime
/// functions.
#[macro_export]
macro_rules! for_each_runtime_fn {
    ($($then:tt)+) => {
        $($then)+! {
            memory_grow(memory: ptr, delta_pages: i64) -> i64;
            memory_copy(dst_memory: ptr, src_memory: ptr, dst: i64, src: i64, len: i64) -> ();
            memory_fill(memory: ptr, dst: i64, value: i32, len: i64) -> ();
            memory_init(memory: ptr, segment: ptr, dst: i64, src: i64, len: i64) -> ();
            table_grow(table: ptr, init: i64, delta: i64) -> i64;
            table_copy(dst_elements: ptr, dst_table_len: i64, src_elements: ptr,
                src_table_len: i64, dst: i64, src: i64, len: i64) -> ();
            table_fill(elements: ptr, table_len: i64, dst: i64, value: i64, len: i64) -> ();
            table_init(elements: ptr, table_len: i64, segment: ptr, dst: i64, src: i64,
                len: i64) -> ();
            exception_new(tag: i32, values: i64) -> ptr;
            exception_free(exception: ptr) -> ();
            throw(exception: ptr) -> !;
            memory_atomic_notify(memory: ptr, addr: i64, count: i32) -> i32;
            memory_atomic_wait32(memory: ptr, addr: i64, expected: i32, timeout_ns: i64) -> i32;
            memory_atomic_wait64(memory: ptr, addr: i64, expected: i64, timeout_ns: i64) -> i32;
        }
    };
}
