//! Makes a runtime function whose signature is not that of the table in `wasmelt_abi`, from which
//! the compiler makes its calls, an error here.

use crate::component::ends::builtins::{
    end_lift, end_lower, future_cancel_read, future_cancel_write, future_drop_readable,
    future_drop_writable, future_new, future_read, future_write, stream_cancel_read,
    stream_cancel_write, stream_drop_readable, stream_drop_writable, stream_new, stream_read,
    stream_write,
};
use crate::component::error_context::{
    error_context_debug_message, error_context_drop, error_context_new, error_context_pass,
};
use crate::component::runtime_fns::{
    borrow_lift, borrow_lower, own_lift, own_lower, resource_drop, resource_new, resource_rep,
    scope_enter, scope_exit, string_transfer, string_transfer64, utf8_copy,
};
use crate::component::tasks::builtins::{
    backpressure_dec, backpressure_inc, context_get, context_set, subtask_cancel, subtask_drop,
    sync_enter, sync_exit, task_cancel, task_return, thread_yield, waitable_join,
    waitable_set_drop, waitable_set_new, waitable_set_poll, waitable_set_wait,
};
use crate::component::tasks::threads::{
    thread_index, thread_new_indirect, thread_promote, thread_resume_later, thread_suspend,
    thread_switch,
};
use crate::component::tasks::{async_call, run_async};
use crate::main_library::imports::{
    library_dropped, library_failed, library_imports, library_lower,
};
use crate::main_library::{
    library_call, library_drop, library_ended, library_lift, library_poll, library_refused,
    library_start,
};
use crate::vm::arch::throw;
use crate::vm::atomics::{memory_atomic_notify, memory_atomic_wait32, memory_atomic_wait64};
use crate::vm::exception::{exception_free, exception_new};
use crate::vm::gc::{gc_allocate, gc_collect};
use crate::vm::memory::{
    bytes_copy, memory_copy, memory_fill, memory_grow, memory_grow_or_trap, memory_init,
};
use crate::vm::profile::profile_call;
use crate::vm::sharing::{common_memory_grow, common_memory_grow_or_trap};
use crate::vm::table::{table_copy, table_fill, table_grow, table_grow_or_trap, table_init};

macro_rules! native {
    (ptr) => { *mut u8 };
    ($other:tt) => { $other };
}

macro_rules! check {
    ($( $name:ident ( $($param:ident : $type:ident),* ) -> $result:tt ; )*) => {
        $( const _: unsafe extern "C" fn($(native!($type)),*) -> native!($result) = $name; )*
    };
}

wasmelt_abi::for_each_runtime_fn!(check);
