//! System calls, by what they are for.

/// Families of system calls that a program has use for, besides those that any has.
#[derive(Debug)]
pub struct SystemCalls;

impl SystemCalls {
    /// Opens, lists and changes files. Which ones, the granted directories say.
    pub const FILES: u64 = 1;
    /// Sockets.
    pub const SOCKETS: u64 = 2;
    /// Looks names up, for which the C library reads files of the system.
    pub const NAMES: u64 = 4;
    /// Reads the certificates of the system.
    pub const CERTIFICATES: u64 = 8;
    /// Waits for several things, with threads that wait for what cannot be waited for otherwise.
    pub const EVENTS: u64 = 16;
    /// Starts processes of its own kind, and looks after them.
    pub const WORKERS: u64 = 32;
}

/// The calls of each family, by the names of the C library's constants: those of all processors, and
/// what the tables of two of them have from earlier times, which newer ports of Linux have not.
///
/// Those are the calls of the runtime library, of the crates that it uses and of the C library. Any program
/// makes those of standard streams, memory, time, signals, the end; what is about sockets among them fails
/// where there are none. `files` is for whoever opens some (`OPENING`), `sockets` and `events` also for
/// whoever looks up names.
#[macro_export]
macro_rules! for_each_system_call {
    ($with:ident) => {
        $with! {
            any {
                all: SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv
                    SYS_pwritev SYS_preadv2 SYS_pwritev2 SYS_lseek SYS_close SYS_fstat SYS_statx
                    SYS_fcntl SYS_ioctl SYS_dup SYS_dup3 SYS_ppoll SYS_pipe2 SYS_splice SYS_sendto
                    SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_shutdown SYS_ftruncate SYS_fallocate
                    SYS_fadvise64 SYS_fsync SYS_fdatasync SYS_utimensat SYS_mmap SYS_munmap
                    SYS_mprotect SYS_mremap SYS_madvise SYS_brk SYS_futex SYS_getrandom
                    SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep
                    SYS_setitimer SYS_sched_yield SYS_getpid SYS_gettid SYS_tkill SYS_tgkill
                    SYS_prlimit64 SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn
                    SYS_sigaltstack SYS_restart_syscall SYS_exit SYS_exit_group;
                x86_64: SYS_poll SYS_dup2 SYS_pipe;
                aarch64:;
            }
            files {
                all: SYS_openat SYS_openat2 SYS_newfstatat SYS_faccessat SYS_faccessat2
                    SYS_getdents64 SYS_mkdirat SYS_unlinkat SYS_renameat2 SYS_linkat SYS_symlinkat
                    SYS_readlinkat SYS_fchmod SYS_fchmodat SYS_fstatfs SYS_statfs SYS_getcwd
                    SYS_flock;
                x86_64: SYS_open SYS_stat SYS_lstat SYS_access SYS_readlink SYS_rename SYS_renameat
                    SYS_unlink SYS_mkdir SYS_rmdir;
                aarch64: SYS_renameat;
            }
            sockets {
                all: SYS_socket SYS_socketpair SYS_connect SYS_bind SYS_listen SYS_accept
                    SYS_accept4 SYS_sendmmsg SYS_recvmmsg SYS_setsockopt SYS_getsockopt
                    SYS_getsockname SYS_getpeername;
                x86_64:;
                aarch64:;
            }
            events {
                all: SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2
                    SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_clone SYS_clone3
                    SYS_set_robust_list SYS_set_tid_address SYS_rseq SYS_membarrier
                    SYS_sched_getaffinity SYS_prctl;
                x86_64: SYS_epoll_wait;
                aarch64:;
            }
            workers {
                all: SYS_wait4 SYS_waitid SYS_kill SYS_getppid SYS_setpgid SYS_rt_sigtimedwait
                    SYS_rt_sigsuspend SYS_signalfd4 SYS_pidfd_open SYS_pidfd_send_signal
                    SYS_sched_setaffinity SYS_getrusage;
                x86_64: SYS_fork SYS_vfork;
                aarch64:;
            }
        }
    };
}

impl SystemCalls {
    /// Those who open files.
    pub const OPENING: u64 =
        SystemCalls::FILES | SystemCalls::NAMES | SystemCalls::CERTIFICATES | SystemCalls::WORKERS;

    /// For which bits a program makes the calls of a family of the table, in its order.
    pub const FAMILIES: [u64; 5] = [
        u64::MAX,
        SystemCalls::OPENING,
        SystemCalls::SOCKETS | SystemCalls::NAMES,
        SystemCalls::EVENTS | SystemCalls::NAMES,
        SystemCalls::WORKERS,
    ];

    /// Whether a program with these bits makes the calls of the family at a position of the table.
    #[must_use]
    pub const fn has(bits: u64, family: usize) -> bool {
        family == 0 || bits & SystemCalls::FAMILIES[family] != 0
    }
}
