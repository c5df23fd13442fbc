//! The runtime functions that compiled code calls, in one table.
//!
//! `memory` is the address of byte 0 of a memory; addresses, lengths and page counts in a guest
//! memory or table are zero-extended to `i64`. A function that can trap does so itself and then
//! does not return. Symbols carry [`crate::RUNTIME_FN_PREFIX`]; the convention is the C one.

/// Those of the component model: `memory` is any instance pointer of the store, `instance` the
/// number of a component instance, `resource` that of a resource type, `options`, `from` and `to`
/// are `CanonOptions`.
/// - `resource_drop` removes a handle and gives the rep that its destructor is to be called with,
///   or -1 when it was a borrow.
/// - `own_lift` removes an owned handle and gives its rep; `own_lower` adds one.
/// - `borrow_lift` gives the rep of an owned or borrowed handle, which it lends to the innermost
///   scope; `borrow_lower` adds a borrowed handle to the innermost scope.
/// - `scope_enter` begins the scope of a call between component instances, `scope_exit` ends it:
///   lent handles are given back, and borrowed ones have to be gone.
/// - `string_transfer` copies a string of `units` code units (with the tag bit of `latin1+utf16`)
///   from one memory to another; gives the new address, and in the upper half the new length.
///   Both memories have addresses of 32 bits; `string_transfer64` does the same where one of them
///   has not, and writes the two numbers to `out`.
/// - `bytes_copy` copies bytes of memories that have been checked; both are addresses.
/// - `utf8_copy` copies a string likewise, and traps unless it is UTF-8.
///
/// Those of async calls; before a built-in, compiled code has checked `may_leave` where the
/// canonical ABI says so:
/// - `async_call` is a lowered function of async type that another component lifts: `record` is an
///   `AsyncCall`, `slots` are the caller's. With `async` the result is the packed state of the
///   call, otherwise 0.
/// - `run_async` calls `wasi:cli/run`, lifted as `lift` (an `AsyncLift`) says, waits until it has
///   returned, and gives the exit code.
/// - `task_return` has a `TaskReturn` for its record.
/// - `waitable_set_wait` and `waitable_set_poll` get the memory of their option.
/// - `sync_enter` and `sync_exit` enclose a call of a synchronous function of another instance
///   that uses context slots or built-ins that block.
/// - `thread_new_indirect` has a `ThreadStart` for its record, and what was found in the table:
///   the code and the instance pointer of the function.
/// - `thread_switch` is `thread.suspend-then-resume` or `thread.yield-then-resume`,
///   `thread_promote` the same with `promote`.
/// - The others are the built-ins of their names.
///
/// Those of streams and futures: `ty` is an `EndType`, `memory` the memory of its options where
/// they have one; `end`, `start` and `count` are those of the built-in of the same name, and so is
/// what they give.
/// - `end_lift` takes the readable end with a handle out of an instance's table and gives a
///   number, which `end_lower` makes a handle in another instance's table of; `ty` is a `TypeDesc`.
///
/// Those of error contexts: `options` are those of the built-in, `memory` is their memory.
/// - `error_context_pass` makes a handle in the table of instance `to` of what a handle in that of
///   instance `from` stands for.
///
/// Those of libraries: `memory` is the base of the store. They are called by functions that an
/// embedder calls, and give a `wasmelt_abi::LibraryStatus`:
/// - `library_call` calls the export of this number with its slots, as `Export::call` says.
/// - `library_lift` calls the component's export of this number. A slot of 8 bytes holds a parameter,
///   or its address if C passes it so; the result goes to an address.
/// - `library_start` begins such a call, of a function of async type: what slots and the result's
///   address refer to stays there until it has ended, of which `done` is told with `user`.
///   `library_poll` has those that have been begun go on, and says how many have not ended.
/// - `library_drop` ends a resource of the program that the embedder has a handle of, by the export
///   that calls its destructor.
/// - `library_lower` is a function that the embedder provides to a component: `record` is a
///   `LibraryImport`, and the rest as for a host function. `library_dropped` tells the embedder that
///   a resource of its own is gone.
/// - `library_imports` gives the `LibraryConfig::imports` of the instance, `library_failed` is called
///   when one of them has failed.
/// - `library_refused` is called where a store has been ended, or is in use.
/// - `library_ended` is called where a trap has come up to the embedder's call.
///
/// In a program that writes a profile, `profile_call` counts that a place calls the function whose
/// code begins at `code`; `counters` are those of the place.
///
/// `common_memory_grow` is `memory_grow` of a memory that the stores of all threads have.
///
/// Of garbage-collected objects, `allocation` is the `GcAllocation` of the store:
/// - `gc_allocate` gives a new object of so many bytes with this header and zeros behind it, and
///   may collect.
/// - `gc_collect` collects.
///
/// Invokes `$then!`, a path, with the rows `name(param: type, …) -> result;` of the runtime
/// functions.
#[macro_export]
macro_rules! for_each_runtime_fn {
    ($($then:tt)+) => {
        $($then)+! {
            memory_grow(memory: ptr, delta_pages: i64) -> i64;
            memory_grow_or_trap(memory: ptr, delta_pages: i64) -> i64;
            common_memory_grow(memory: ptr, delta_pages: i64) -> i64;
            common_memory_grow_or_trap(memory: ptr, delta_pages: i64) -> i64;
            memory_copy(dst_memory: ptr, src_memory: ptr, dst: i64, src: i64, len: i64) -> ();
            memory_fill(memory: ptr, dst: i64, value: i32, len: i64) -> ();
            memory_init(memory: ptr, segment: ptr, dst: i64, src: i64, len: i64) -> ();
            table_grow(table: ptr, init: i64, delta: i64) -> i64;
            table_grow_or_trap(table: ptr, init: i64, delta: i64) -> i64;
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
            resource_new(memory: ptr, instance: i32, resource: i32, rep: i32) -> i32;
            resource_rep(memory: ptr, instance: i32, resource: i32, handle: i32) -> i32;
            resource_drop(memory: ptr, instance: i32, resource: i32, handle: i32) -> i64;
            own_lift(memory: ptr, instance: i32, resource: i32, handle: i32) -> i32;
            own_lower(memory: ptr, instance: i32, resource: i32, rep: i32) -> i32;
            borrow_lift(memory: ptr, instance: i32, resource: i32, handle: i32) -> i32;
            borrow_lower(memory: ptr, instance: i32, resource: i32, rep: i32) -> i32;
            scope_enter(memory: ptr) -> ();
            scope_exit(memory: ptr) -> ();
            string_transfer(memory: ptr, from: ptr, to: ptr, start: i32, units: i32) -> i64;
            bytes_copy(to: ptr, from: ptr, bytes: i64) -> ();
            utf8_copy(to: ptr, from: ptr, bytes: i64) -> ();
            async_call(memory: ptr, record: ptr, slots: ptr) -> i32;
            run_async(memory: ptr, lift: ptr) -> i32;
            task_return(memory: ptr, record: ptr, slots: ptr) -> ();
            task_cancel(memory: ptr, instance: i32) -> ();
            subtask_cancel(memory: ptr, instance: i32, is_async: i32, subtask: i32) -> i32;
            subtask_drop(memory: ptr, instance: i32, subtask: i32) -> ();
            waitable_set_new(memory: ptr, instance: i32) -> i32;
            waitable_set_wait(memory: ptr, instance: i32, cancellable: i32, set: i32,
                out: i64) -> i32;
            waitable_set_poll(memory: ptr, instance: i32, cancellable: i32, set: i32,
                out: i64) -> i32;
            waitable_set_drop(memory: ptr, instance: i32, set: i32) -> ();
            waitable_join(memory: ptr, instance: i32, waitable: i32, set: i32) -> ();
            context_get(memory: ptr, slot: i32) -> i64;
            context_set(memory: ptr, slot: i32, value: i64) -> ();
            sync_enter(memory: ptr) -> ();
            sync_exit(memory: ptr) -> ();
            backpressure_inc(memory: ptr, instance: i32) -> ();
            backpressure_dec(memory: ptr, instance: i32) -> ();
            thread_yield(memory: ptr, instance: i32, cancellable: i32) -> i32;
            thread_index(memory: ptr, instance: i32) -> i32;
            thread_new_indirect(memory: ptr, record: ptr, function: ptr, pointer: ptr,
                argument: i64) -> i32;
            thread_resume_later(memory: ptr, instance: i32, thread: i32) -> ();
            thread_suspend(memory: ptr, instance: i32) -> i32;
            thread_switch(memory: ptr, instance: i32, yields: i32, thread: i32) -> i32;
            thread_promote(memory: ptr, instance: i32, yields: i32, thread: i32) -> i32;
            stream_new(memory: ptr, ty: ptr) -> i64;
            stream_read(memory: ptr, ty: ptr, end: i32, start: i64, count: i64) -> i32;
            stream_write(memory: ptr, ty: ptr, end: i32, start: i64, count: i64) -> i32;
            stream_cancel_read(memory: ptr, ty: ptr, end: i32) -> i32;
            stream_cancel_write(memory: ptr, ty: ptr, end: i32) -> i32;
            stream_drop_readable(memory: ptr, ty: ptr, end: i32) -> ();
            stream_drop_writable(memory: ptr, ty: ptr, end: i32) -> ();
            future_new(memory: ptr, ty: ptr) -> i64;
            future_read(memory: ptr, ty: ptr, end: i32, start: i64) -> i32;
            future_write(memory: ptr, ty: ptr, end: i32, start: i64) -> i32;
            future_cancel_read(memory: ptr, ty: ptr, end: i32) -> i32;
            future_cancel_write(memory: ptr, ty: ptr, end: i32) -> i32;
            future_drop_readable(memory: ptr, ty: ptr, end: i32) -> ();
            future_drop_writable(memory: ptr, ty: ptr, end: i32) -> ();
            end_lift(memory: ptr, instance: i32, ty: ptr, handle: i32) -> i32;
            end_lower(memory: ptr, instance: i32, ty: ptr, rep: i32) -> i32;
            error_context_new(memory: ptr, options: ptr, start: i64, units: i64) -> i32;
            error_context_debug_message(memory: ptr, options: ptr, handle: i32, out: i64) -> ();
            error_context_drop(memory: ptr, instance: i32, handle: i32) -> ();
            error_context_pass(memory: ptr, from: i32, to: i32, handle: i32) -> i32;
            library_call(memory: ptr, export: i64, slots: ptr) -> i32;
            library_lift(memory: ptr, export: i64, slots: ptr, result: ptr) -> i32;
            library_start(memory: ptr, export: i64, slots: ptr, result: ptr, done: ptr, user: ptr) -> i32;
            library_poll(memory: ptr, timeout_ns: i64, pending: ptr) -> i32;
            library_drop(memory: ptr, export: i64, resource: i32, handle: i32) -> i32;
            library_lower(memory: ptr, record: ptr, options: ptr, slots: ptr) -> ();
            library_dropped(memory: ptr, import: i32, rep: i32) -> ();
            library_imports(memory: ptr) -> ptr;
            library_failed(memory: ptr, status: i32) -> !;
            library_refused(memory: ptr) -> i32;
            library_ended(memory: ptr) -> i32;
            string_transfer64(memory: ptr, from: ptr, to: ptr, start: i64, units: i64,
                out: ptr) -> ();
            profile_call(counters: ptr, code: ptr) -> ();
            gc_allocate(memory: ptr, allocation: ptr, header: i32, bytes: i64) -> i64;
            gc_collect(memory: ptr, allocation: ptr) -> ();
        }
    };
}
