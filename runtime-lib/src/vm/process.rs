//! The process: its arguments, its environment, the program it runs, and its end.
//!
//! `main` does the least that a program needs; nothing is copied, parsed or allocated.

use std::ffi::{CStr, c_char};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use wasmelt_abi::{DraftPolicy, EmbeddedTree, Hardening, HttpPolicy, Program, Rare, Slice, Str};

static ARGC: AtomicUsize = AtomicUsize::new(0);
static ARGV: AtomicPtr<*const c_char> = AtomicPtr::new(std::ptr::null_mut());
static ENVP: AtomicPtr<*const c_char> = AtomicPtr::new(std::ptr::null_mut());

/// The arguments of the process, `argv[0]` first, as the system passed them.
pub fn args() -> impl Iterator<Item = &'static [u8]> {
    strings(&ARGV).take(ARGC.load(Ordering::Relaxed))
}

/// From now on there are no arguments but the first: those that there were have been used.
pub fn forget_args() {
    ARGC.store(ARGC.load(Ordering::Relaxed).min(1), Ordering::Relaxed);
}

/// The environment of the process: `NAME=value` each.
pub fn environ() -> impl Iterator<Item = &'static [u8]> {
    strings(&ENVP)
}

/// The variables that say whose certificates are believed: those of a file, and of folders.
pub(crate) const CERTIFICATE_FILE: &[u8] = b"SSL_CERT_FILE=";
pub(crate) const CERTIFICATE_FOLDERS: &[u8] = b"SSL_CERT_DIR=";

/// The path that a variable of the environment has, by what its text begins with (`NAME=`); none where
/// that is empty.
pub(crate) fn named_path(variable: &[u8]) -> Option<&'static Path> {
    let value = environ().find_map(|pair| pair.strip_prefix(variable))?;
    match value {
        [] => None,
        value => crate::sys::fs::path(value).ok(),
    }
}

/// In a library, where nobody has passed it: the environment is that of the process.
pub(crate) fn adopt_environment() {
    ENVP.store(crate::sys::executable::environment(), Ordering::Relaxed);
}

/// The items of a null-terminated list of C strings.
fn strings(list: &'static AtomicPtr<*const c_char>) -> impl Iterator<Item = &'static [u8]> {
    let mut next = list.load(Ordering::Relaxed);
    std::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: `argv` and `envp` are null-terminated arrays, and the loop stops at the null.
        let item = unsafe { *next };
        if item.is_null() {
            next = std::ptr::null_mut();
            return None;
        }
        // SAFETY: the item at `next` was not the terminating null, so one more follows.
        next = unsafe { next.add(1) };
        // SAFETY: the items are C strings that live as long as the process.
        Some(unsafe { CStr::from_ptr(item) }.to_bytes())
    })
}

pub(super) use crate::sys::executable::segments;

/// The items of a list in the program's description. A [`Slice`] exists nowhere else, and there
/// the compiler wrote it.
#[must_use]
#[inline]
pub fn items<T>(slice: &'static Slice<T>) -> &'static [T] {
    if slice.start.is_null() {
        return &[];
    }
    // SAFETY: the compiler wrote `start` and `len` of an array in read-only data.
    unsafe { std::slice::from_raw_parts(slice.start, slice.len as usize) }
}

/// The bytes of a text in the program's description, or `None` where there is none.
#[must_use]
#[inline]
pub fn optional_text(text: &'static Str) -> Option<&'static [u8]> {
    (!text.start.is_null()).then(|| items(text))
}

/// What is to be done before a component's program ends, where there is anything.
static BEFORE_EXIT: [OnceLock<fn()>; 2] = [const { OnceLock::new() }; 2];

/// Who has something to do before a program ends.
#[derive(Clone, Copy)]
pub(crate) enum Leaving {
    /// A server, whose guests end themselves alone; or what a guest of WASI 0.2 has left unsent.
    First,
    /// What a guest of WASI 0.3 has left unsent.
    Second,
}

/// Has this called when a component's program has returned, or exits. Only the first of a kind
/// counts.
pub(crate) fn before_exit(who: Leaving, then: fn()) {
    BEFORE_EXIT[who as usize].get_or_init(|| then);
}

/// As [`exit`], after what is to be done before.
pub(crate) fn finish(code: i32) -> ! {
    for then in BEFORE_EXIT.iter().filter_map(OnceLock::get) {
        then();
    }
    exit(code)
}

/// In a library, what ends the call instead of the process.
static LEAVE: OnceLock<fn(i32)> = OnceLock::new();

/// From now on the process goes on when a program exits.
pub(crate) fn leave_with(leave: fn(i32)) {
    LEAVE.get_or_init(|| leave);
}

/// Ends the process without running anything else.
pub fn exit(code: i32) -> ! {
    if cfg!(feature = "library")
        && let Some(leave) = LEAVE.get()
    {
        leave(code);
    }
    crate::sys::executable::exit(code)
}

/// What few programs have.
#[must_use]
pub fn rare(program: &'static Program) -> Option<&'static Rare> {
    // SAFETY: the compiler wrote null or the address of the structure in read-only data.
    unsafe { program.rare.as_ref() }
}

/// How the kernel keeps the program to its grants, if it does.
#[must_use]
pub fn hardening(program: &'static Program) -> Option<&'static Hardening> {
    // SAFETY: as in `rare`.
    rare(program).and_then(|rare| unsafe { rare.hardening.as_ref() })
}

/// The files that the command line of a server names; `true` for those that it writes or makes.
static NAMED_FILES: OnceLock<Vec<(String, bool)>> = OnceLock::new();

/// Notes the files that the command line names, once.
pub fn name_files(files: Vec<(String, bool)>) {
    let _ = NAMED_FILES.set(files);
}

/// Those that were noted.
#[must_use]
pub fn named_files() -> &'static [(String, bool)] {
    NAMED_FILES.get().map_or(&[], |files| files)
}

/// What is embedded in the executable.
#[must_use]
pub fn embedded(program: &'static Program) -> Option<&'static EmbeddedTree> {
    // SAFETY: as in `rare`.
    unsafe { rare(program)?.embedded.as_ref() }
}

pub use entry::{draft_policy, http_policy, program};

#[cfg(not(test))]
mod entry {
    use super::{ARGC, ARGV, DraftPolicy, ENVP, HttpPolicy, Ordering, Program, c_char};
    use crate::vm::message::Message;

    unsafe extern "C" {
        static wasmelt_program: Program;
        static wasmelt_http: HttpPolicy;
        static wasmelt_drafts: DraftPolicy;
    }

    /// What a program has that imports interfaces of WASI which are drafts.
    #[must_use]
    #[inline]
    pub fn draft_policy() -> &'static DraftPolicy {
        // SAFETY: as of `program`; the compiler defines the symbol for such programs.
        unsafe { &wasmelt_drafts }
    }

    /// What a program that imports or exports `wasi:http` may do with it.
    #[must_use]
    #[inline]
    pub fn http_policy() -> &'static HttpPolicy {
        // SAFETY: as of `program`; the compiler defines the symbol for such programs.
        unsafe { &wasmelt_http }
    }

    /// The program that this process runs.
    #[must_use]
    #[inline]
    pub fn program() -> &'static Program {
        // SAFETY: the compiler defines the symbol as read-only data; the stamp symbol makes sure
        // that it has the layout of this version.
        unsafe { &wasmelt_program }
    }

    /// C's `main`: called by the start files of the C library, with nothing of Rust's before it.
    #[cfg(unix)]
    #[unsafe(no_mangle)]
    extern "C" fn main(
        argc: std::ffi::c_int,
        argv: *mut *const c_char,
        envp: *mut *const c_char,
    ) -> std::ffi::c_int {
        run(argc as usize, argv, envp)
    }

    /// Where Windows begins: there are no start files.
    #[cfg(windows)]
    #[unsafe(no_mangle)]
    extern "C" fn wasmelt_start() -> ! {
        let (argc, argv, envp) = crate::sys::executable::strings();
        run(argc, argv, envp)
    }

    #[inline(always)]
    fn run(argc: usize, argv: *mut *const c_char, envp: *mut *const c_char) -> ! {
        ARGC.store(argc, Ordering::Relaxed);
        ARGV.store(argv, Ordering::Relaxed);
        ENVP.store(envp, Ordering::Relaxed);
        #[cfg(feature = "pie")]
        if !crate::sys::executable::protect_relocated() {
            Message::new().text("error: the system does not protect the program's constants\n");
            super::exit(1);
        }
        let program = program();
        if program.version != u64::from(wasmelt_abi::VERSION) {
            Message::new().text("error: the runtime library is not that of the compiler\n");
            super::exit(1);
        }
        // SAFETY: the compiler wrote the address of one of the `wasmelt_main_*` functions.
        unsafe { (program.main)(program) }
    }
}

/// Unit tests run without a compiled program; theirs is empty and may do nothing.
#[cfg(test)]
mod entry {
    use std::ptr::null;

    use super::{DraftPolicy, HttpPolicy, Program};
    use wasmelt_abi::{CodeMap, Policy, Slice};

    fn empty<T>() -> Slice<T> {
        Slice {
            start: null(),
            len: 0,
        }
    }

    unsafe extern "C" fn no_main(_: &'static Program) -> ! {
        super::exit(0)
    }

    pub fn draft_policy() -> &'static DraftPolicy {
        Box::leak(Box::new(DraftPolicy {
            config: empty(),
            pairs: empty(),
            buckets: empty(),
            file: empty(),
            provide_file: None,
            blobs: empty(),
            log_level: 0,
            log_flags: 0,
        }))
    }

    pub fn http_policy() -> &'static HttpPolicy {
        Box::leak(Box::new(HttpPolicy {
            flags: 0,
            hosts: empty(),
            provide_tls: None,
            offer_http2: None,
            offer_tls: None,
            server_options: empty(),
        }))
    }

    pub fn program() -> &'static Program {
        let code = CodeMap {
            text_start: null(),
            text_bytes: 0,
            trap_offsets: empty(),
            trap_codes: null(),
            function_offsets: empty(),
            name_offsets: null(),
            names: empty(),
            call_sites: empty(),
            handlers: null(),
            places: null(),
        };
        let policy = Policy {
            preopens: empty(),
            env: empty(),
            argv0: empty(),
            args: empty(),
            flags: 0,
            stack_bytes_max: 0,
        };
        Box::leak(Box::new(Program {
            version: u64::from(wasmelt_abi::VERSION),
            main: no_main,
            entry: None,
            rare: null(),
            host_init: None,
            store_bytes: 0,
            image_store_base: 0,
            image_mapped_bytes: 0,
            regions: empty(),
            tables: empty(),
            instances: empty(),
            exports: empty(),
            component_exports: empty(),
            component_instances: 4,
            funcrefs: null(),
            code,
            policy,
        }))
    }
}
