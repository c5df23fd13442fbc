//! Which system calls a program may make, by what it has use for.
//!
//! Those are the calls of the runtime library, of the crates that it uses and of the C library; the
//! processors' tables differ in the older ones, which newer ports of Linux have not.

use libc::c_long;
use wasmelt_abi::SystemCalls;

/// Calls that any program makes: standard streams, memory, time, signals, the end.
const ANY: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_ppoll,
    libc::SYS_pipe2,
    libc::SYS_splice,
    // Of what is no socket, they fail.
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_utimensat,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_setitimer,
    libc::SYS_sched_yield,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_prlimit64,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The same calls as they were once.
#[cfg(target_arch = "x86_64")]
const ANY_OLD: &[c_long] = &[libc::SYS_poll, libc::SYS_dup2, libc::SYS_pipe];
#[cfg(not(target_arch = "x86_64"))]
const ANY_OLD: &[c_long] = &[];

const FILES: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_readlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fstatfs,
    libc::SYS_statfs,
    libc::SYS_getcwd,
    libc::SYS_flock,
];

#[cfg(target_arch = "x86_64")]
const FILES_OLD: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_unlink,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
];
#[cfg(target_arch = "aarch64")]
const FILES_OLD: &[c_long] = &[libc::SYS_renameat];
#[cfg(target_arch = "riscv64")]
const FILES_OLD: &[c_long] = &[];

const SOCKETS: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
];

const EVENTS: &[c_long] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_getaffinity,
    libc::SYS_prctl,
];

#[cfg(target_arch = "x86_64")]
const EVENTS_OLD: &[c_long] = &[libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const EVENTS_OLD: &[c_long] = &[];

const WORKERS: &[c_long] = &[
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_kill,
    libc::SYS_getppid,
    libc::SYS_setpgid,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
    libc::SYS_signalfd4,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_sched_setaffinity,
    libc::SYS_getrusage,
];

#[cfg(target_arch = "x86_64")]
const WORKERS_OLD: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const WORKERS_OLD: &[c_long] = &[];

/// Those who open files.
pub(super) const OPENING: u64 =
    SystemCalls::FILES | SystemCalls::NAMES | SystemCalls::CERTIFICATES | SystemCalls::WORKERS;

/// The calls of a program with these bits of [`SystemCalls`].
pub(super) fn allowed(families: u64) -> impl Iterator<Item = c_long> {
    let lists = [
        (u64::MAX, [ANY, ANY_OLD]),
        (OPENING, [FILES, FILES_OLD]),
        (SystemCalls::SOCKETS | SystemCalls::NAMES, [SOCKETS, &[]]),
        (
            SystemCalls::EVENTS | SystemCalls::NAMES,
            [EVENTS, EVENTS_OLD],
        ),
        (SystemCalls::WORKERS, [WORKERS, WORKERS_OLD]),
    ];
    lists
        .into_iter()
        .filter(move |(bits, _)| *bits == u64::MAX || bits & families != 0)
        .flat_map(|(_, calls)| calls)
        .flatten()
        .copied()
}
