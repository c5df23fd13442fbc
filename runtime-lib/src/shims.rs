//! Symbols that Rust's standard library refers to and an executable has no other source for.
//!
//! Nothing unwinds here: panics abort, and traps walk frame pointers by themselves. So the
//! executable carries no unwinder, and what the standard library would call for a backtrace of a
//! panic finds no frames. The build script compiles this module in; a build for the host, with
//! unwinding, leaves it out.

use core::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK`.
const END_OF_STACK: c_int = 5;

/// `_Unwind_Backtrace`: walks no frames.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_trace: *const c_void, _argument: *mut c_void) -> c_int {
    END_OF_STACK
}

macro_rules! never_called {
    ($($name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name() -> ! {
                std::process::abort()
            }
        )*
    };
}

never_called! {
    _Unwind_DeleteException
    _Unwind_FindEnclosingFunction
    _Unwind_GetCFA
    _Unwind_GetDataRelBase
    _Unwind_GetIP
    _Unwind_GetIPInfo
    _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart
    _Unwind_GetTextRelBase
    _Unwind_RaiseException
    _Unwind_Resume
    _Unwind_SetGR
    _Unwind_SetIP
}

/// What only Windows asks for.
#[cfg(windows)]
mod windows {
    never_called! { _GCC_specific_handler }

    /// `IMAGE_TLS_DIRECTORY64`: what linkers tell the system of data that each thread has.
    #[repr(C)]
    struct Threads {
        data_start: usize,
        data_end: usize,
        index: *mut u32,
        callbacks: *const usize,
        zeros: u32,
        characteristics: u32,
    }

    // SAFETY: nobody here reads it.
    unsafe impl Sync for Threads {}

    static mut INDEX: u32 = 0;

    /// The standard library refers to this so that it is linked, for destructors of threads' data.
    /// There is no such data, and there are no threads here whose destructors matter.
    #[unsafe(no_mangle)]
    static _tls_used: Threads = Threads {
        data_start: 0,
        data_end: 0,
        index: &raw mut INDEX,
        callbacks: core::ptr::null(),
        zeros: 0,
        characteristics: 0,
    };
}

/// What a standard library that was compiled for glibc asks of it and musl does not have. For
/// builds without a standard library for musl.
#[cfg(all(unix, target_env = "gnu"))]
mod glibc {
    use core::ffi::{c_char, c_int};

    /// The resolver of musl reads its configuration anew each time.
    #[unsafe(no_mangle)]
    extern "C" fn __res_init() -> c_int {
        0
    }

    /// Asked before `__res_init` is called, which versions before 2.26 need.
    #[unsafe(no_mangle)]
    extern "C" fn gnu_get_libc_version() -> *const c_char {
        c"2.36".as_ptr()
    }
}
