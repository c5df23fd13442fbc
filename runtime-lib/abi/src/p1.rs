//! The host functions of WASI 0.1, in one table: flat signatures from the witx document
//! `wasi_snapshot_preview1`. Each takes the caller's memory as a hidden first parameter and
//! returns an errno, except `proc_exit`, which returns nothing.

/// The same with the rows of those that may wait for long: programs with threads call others in
/// their place, which leave descriptors to other threads meanwhile.
#[macro_export]
macro_rules! for_each_p1_waiting_fn {
    ($($then:tt)+) => {
        $($then)+! {
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread_out: i32) -> i32;
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten_out: i32) -> i32;
            fd_read(fd: i32, iovs: i32, iovs_len: i32, nread_out: i32) -> i32;
            fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten_out: i32) -> i32;
            path_open(fd: i32, dirflags: i32, path: i32, path_len: i32, oflags: i32,
                rights_base: i64, rights_inheriting: i64, fdflags: i32, fd_out: i32) -> i32;
            poll_oneoff(subscriptions: i32, events: i32, nsubscriptions: i32,
                nevents_out: i32) -> i32;
            sock_accept(fd: i32, flags: i32, fd_out: i32) -> i32;
            sock_recv(fd: i32, iovs: i32, iovs_len: i32, ri_flags: i32, nread_out: i32,
                ro_flags_out: i32) -> i32;
            sock_send(fd: i32, iovs: i32, iovs_len: i32, si_flags: i32, nwritten_out: i32) -> i32;
        }
    };
}

/// Invokes `$then!`, a path, with the rows `name(param: type, …) -> result;` of the WASI 0.1
/// functions.
#[macro_export]
macro_rules! for_each_p1_fn {
    ($($then:tt)+) => {
        $($then)+! {
            args_get(argv: i32, argv_buf: i32) -> i32;
            args_sizes_get(argc_out: i32, argv_buf_size_out: i32) -> i32;
            environ_get(environ: i32, environ_buf: i32) -> i32;
            environ_sizes_get(count_out: i32, size_out: i32) -> i32;
            clock_res_get(id: i32, resolution_out: i32) -> i32;
            clock_time_get(id: i32, precision: i64, time_out: i32) -> i32;
            fd_advise(fd: i32, offset: i64, len: i64, advice: i32) -> i32;
            fd_allocate(fd: i32, offset: i64, len: i64) -> i32;
            fd_close(fd: i32) -> i32;
            fd_datasync(fd: i32) -> i32;
            fd_fdstat_get(fd: i32, stat_out: i32) -> i32;
            fd_fdstat_set_flags(fd: i32, flags: i32) -> i32;
            fd_fdstat_set_rights(fd: i32, base: i64, inheriting: i64) -> i32;
            fd_filestat_get(fd: i32, stat_out: i32) -> i32;
            fd_filestat_set_size(fd: i32, size: i64) -> i32;
            fd_filestat_set_times(fd: i32, atim: i64, mtim: i64, fst_flags: i32) -> i32;
            fd_pread(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nread_out: i32) -> i32;
            fd_prestat_get(fd: i32, prestat_out: i32) -> i32;
            fd_prestat_dir_name(fd: i32, path: i32, path_len: i32) -> i32;
            fd_pwrite(fd: i32, iovs: i32, iovs_len: i32, offset: i64, nwritten_out: i32) -> i32;
            fd_read(fd: i32, iovs: i32, iovs_len: i32, nread_out: i32) -> i32;
            fd_readdir(fd: i32, buf: i32, buf_len: i32, cookie: i64, used_out: i32) -> i32;
            fd_renumber(fd: i32, to: i32) -> i32;
            fd_seek(fd: i32, offset: i64, whence: i32, newoffset_out: i32) -> i32;
            fd_sync(fd: i32) -> i32;
            fd_tell(fd: i32, offset_out: i32) -> i32;
            fd_write(fd: i32, iovs: i32, iovs_len: i32, nwritten_out: i32) -> i32;
            path_create_directory(fd: i32, path: i32, path_len: i32) -> i32;
            path_filestat_get(fd: i32, flags: i32, path: i32, path_len: i32,
                stat_out: i32) -> i32;
            path_filestat_set_times(fd: i32, flags: i32, path: i32, path_len: i32, atim: i64,
                mtim: i64, fst_flags: i32) -> i32;
            path_link(old_fd: i32, old_flags: i32, old_path: i32, old_path_len: i32,
                new_fd: i32, new_path: i32, new_path_len: i32) -> i32;
            path_open(fd: i32, dirflags: i32, path: i32, path_len: i32, oflags: i32,
                rights_base: i64, rights_inheriting: i64, fdflags: i32, fd_out: i32) -> i32;
            path_readlink(fd: i32, path: i32, path_len: i32, buf: i32, buf_len: i32,
                used_out: i32) -> i32;
            path_remove_directory(fd: i32, path: i32, path_len: i32) -> i32;
            path_rename(fd: i32, old_path: i32, old_path_len: i32, new_fd: i32, new_path: i32,
                new_path_len: i32) -> i32;
            path_symlink(old_path: i32, old_path_len: i32, fd: i32, new_path: i32,
                new_path_len: i32) -> i32;
            path_unlink_file(fd: i32, path: i32, path_len: i32) -> i32;
            poll_oneoff(subscriptions: i32, events: i32, nsubscriptions: i32,
                nevents_out: i32) -> i32;
            proc_exit(code: i32) -> !;
            proc_raise(signal: i32) -> i32;
            sched_yield() -> i32;
            random_get(buf: i32, buf_len: i32) -> i32;
            sock_accept(fd: i32, flags: i32, fd_out: i32) -> i32;
            sock_recv(fd: i32, iovs: i32, iovs_len: i32, ri_flags: i32, nread_out: i32,
                ro_flags_out: i32) -> i32;
            sock_send(fd: i32, iovs: i32, iovs_len: i32, si_flags: i32, nwritten_out: i32) -> i32;
            sock_shutdown(fd: i32, how: i32) -> i32;
        }
    };
}
