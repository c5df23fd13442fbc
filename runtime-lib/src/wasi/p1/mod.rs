//! WASI 0.1, `wasi_snapshot_preview1`: the witx document of that name, and where it is silent,
//! what Wasmtime does.
//!
//! Comes in: a view of the caller's memory and flat numbers. Goes out: an error code, and results
//! in the memory. Each function checks its flags, then its paths or descriptors, in the order of
//! Wasmtime. Differs from the spec: descriptors get the highest free number below the largest
//! in use, as in Wasmtime.

mod clock;
mod environment;
mod errno;
mod fd;
mod path;
mod poll;
mod preopens;
mod process;
mod readdir;
mod rights;
mod sock;
mod table;
#[cfg(test)]
mod tests;
mod types;
mod waiting;

use crate::vm::{GuestMemory, trap};
use wasmelt_abi::TrapCode;

pub use errno::Errno;
pub use preopens::init;

pub(super) use fd::{filestat_of, seek};
pub(super) use path::filestat_at;
pub(super) use poll::{Layout as PollLayout, poll};
pub(super) use table::Locked;
pub(super) use types::{Filestat, Record};

/// The functions of this version: they take unsigned numbers and return a `Result`.
mod functions {
    pub(super) use super::clock::{clock_res_get, clock_time_get};
    pub(super) use super::environment::{args_get, args_sizes_get, environ_get, environ_sizes_get};
    pub(super) use super::fd::{
        fd_advise, fd_allocate, fd_close, fd_datasync, fd_fdstat_get, fd_fdstat_set_flags,
        fd_fdstat_set_rights, fd_filestat_get, fd_filestat_set_size, fd_filestat_set_times,
        fd_prestat_dir_name, fd_prestat_get, fd_renumber, fd_seek, fd_sync, fd_tell,
    };
    pub(super) use super::path::{
        path_create_directory, path_filestat_get, path_filestat_set_times, path_link,
        path_readlink, path_remove_directory, path_rename, path_symlink, path_unlink_file,
    };
    pub(super) use super::process::{proc_exit, proc_raise, random_get, sched_yield};
    pub(super) use super::readdir::fd_readdir;
    pub(super) use super::sock::sock_shutdown;

    pub(super) use super::waiting::locked::{
        fd_pread, fd_pwrite, fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv,
        sock_send,
    };
}

/// What the functions return inside.
pub(super) type Result<T> = std::result::Result<T, Errno>;

/// The error code of a result.
///
/// A pointer outside the memory ends the program, as the witx document demands and Wasmtime does:
/// it comes up to here as [`Errno::FAULT`], so that nothing is held when the program ends. So does
/// one that is not aligned, with `misaligned` the bits that ought to be zero; whoever has failed
/// already is told that instead.
pub(super) fn answer(result: Result<()>, misaligned: u64) -> i32 {
    match result {
        Ok(()) if misaligned == 0 => 0,
        Ok(()) => trap::raise(TrapCode::PointerMisaligned),
        Err(Errno::FAULT) => trap::raise(TrapCode::MemoryOutOfBounds),
        Err(errno) => errno.code(),
    }
}

/// The alignment of what a parameter with this name points to, by the witx document; 1 for what is
/// not a pointer.
pub(super) const fn alignment(param: &str) -> u64 {
    match param.as_bytes() {
        b"subscriptions" | b"events" | b"stat_out" | b"time_out" | b"resolution_out"
        | b"offset_out" | b"newoffset_out" => 8,
        b"iovs" | b"argv" | b"environ" | b"argc_out" | b"argv_buf_size_out" | b"count_out"
        | b"size_out" | b"prestat_out" | b"nread_out" | b"nwritten_out" | b"used_out"
        | b"fd_out" | b"nevents_out" => 4,
        b"ro_flags_out" => 2,
        _ => 1,
    }
}

/// The bits of a parameter that its alignment wants to be zero.
macro_rules! misaligned {
    ($param:ident) => {
        $param as u64 & const { crate::wasi::p1::alignment(stringify!($param)) - 1 }
    };
}

pub(super) use misaligned;

macro_rules! entry_points {
    ($( $name:ident ( $($param:ident : $type:ident),* ) -> $result:tt ; )*) => {
        $( entry_points!(@$result $name $($param $type)*); )*
    };
    (@! $name:ident $($param:ident $type:ident)*) => {
        #[doc = concat!("`", stringify!($name), "` of WASI 0.1.")]
        pub fn $name(memory: &mut GuestMemory $(, $param: $type)*) -> ! {
            functions::$name(memory $(, $param.cast_unsigned())*)
        }
    };
    (@$result:ident $name:ident $($param:ident $type:ident)*) => {
        #[doc = concat!("`", stringify!($name), "` of WASI 0.1.")]
        #[allow(clippy::too_many_arguments)] // The parameters are those of the witx document.
        pub fn $name(memory: &mut GuestMemory $(, $param: $type)*) -> $result {
            let misaligned = 0 $(| misaligned!($param))*;
            answer(functions::$name(memory $(, $param.cast_unsigned())*), misaligned)
        }
    };
}

wasmelt_abi::for_each_p1_fn!(entry_points);

/// The functions that may wait for long, of a program with threads.
pub mod threads {
    use super::answer;
    use crate::vm::GuestMemory;

    mod functions {
        pub(super) use crate::wasi::p1::waiting::shared::{
            fd_pread, fd_pwrite, fd_read, fd_write, path_open, poll_oneoff, sock_accept, sock_recv,
            sock_send,
        };
    }

    wasmelt_abi::for_each_p1_waiting_fn!(entry_points);
}
