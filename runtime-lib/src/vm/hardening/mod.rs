//! The kernel keeps the process to what the program was granted, before its first instruction: by
//! Landlock to the directories, by seccomp to the system calls that are made for what it may do.
//!
//! This is a second line: WASI's functions refuse already what is not granted. A server is
//! restricted when it has read its command line, whose files it needs. A system that has neither
//! runs the program without. A call that is refused ends the process with a message.

mod calls;
mod filter;
#[cfg(test)]
mod tests;

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::{env, fs, io};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError,
};
use wasmelt_abi::{Hardening, Policy, PreopenFlags, Program, SystemCalls};

use crate::sys;
use crate::vm::message::Message;
use crate::vm::process::{self, items};
use crate::vm::{signal, trap};

/// Newer kinds of access are left out where the kernel does not know them.
const LANDLOCK: ABI = ABI::V5;

/// What the C library reads to look up a name.
const NAMES: [&str; 4] = [
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/nsswitch.conf",
];
/// Where systems keep certificates.
const CERTIFICATES: [&str; 5] = [
    "/etc/ssl",
    "/etc/pki",
    "/usr/share/ca-certificates",
    "/usr/share/ssl",
    "/usr/local/share/certs",
];
/// Where a server reads how many processors it has, and which of its pages have changed.
const WORKERS: [&str; 2] = ["/proc", "/sys/fs/cgroup"];

/// `Program::host_init` of a hardened program.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmelt_harden(program: &'static Program) {
    let hardening = process::hardening(program).expect("the compiler wrote how it is hardened");
    if let Some(host_init) = hardening.host_init {
        // SAFETY: the compiler wrote the address of a function of this library.
        unsafe { host_init(program) };
    }
    restrict(program, hardening, &[]);
}

/// `Hardening::restrict` of a server.
#[unsafe(no_mangle)]
extern "C" fn wasmelt_restrict(program: &'static Program) {
    let hardening = process::hardening(program).expect("the compiler wrote how it is hardened");
    restrict(program, hardening, process::named_files());
}

fn restrict(
    program: &'static Program,
    hardening: &'static Hardening,
    named: &'static [(String, bool)],
) {
    let calls = hardening.calls;
    let own = items(&hardening.files).iter().map(items);
    let own = own.filter_map(|path| Some((str::from_utf8(path).ok()?, true)));
    let named = named
        .iter()
        .map(|(path, is_written)| (&**path, *is_written));
    let files: Vec<(&str, bool)> = own.chain(named).collect();
    // Without a call that opens files there is nothing for Landlock to do.
    let dirs = items(&hardening.dirs).iter().map(items);
    let dirs: Vec<&Path> = dirs.filter_map(|dir| sys::fs::path(dir).ok()).collect();
    let is_restricted = (calls & SystemCalls::OPENING == 0
        || restrict_files(&program.policy, calls, &files, &dirs).is_ok())
        && restrict_calls(calls);
    if !is_restricted {
        Message::new().text("error: the kernel does not take the restrictions of `--harden`\n");
        process::exit(1);
    }
}

/// `files` are those of a server's command line. They may be exchanged while it runs, so it is their
/// folders that are allowed, also those that links lead to.
fn restrict_files(
    policy: &'static Policy,
    families: u64,
    files: &[(&str, bool)],
    dirs: &[&Path],
) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(LANDLOCK);
    let mut rules = Ruleset::default().handle_access(all)?.create()?;
    for preopen in items(&policy.preopens) {
        let access = match preopen.flags & PreopenFlags::READ_ONLY {
            0 => all,
            _ => AccessFs::ReadFile | AccessFs::ReadDir,
        };
        if let Ok(path) = sys::fs::path(items(&preopen.host)) {
            rules = allow(rules, path, access)?;
        }
    }
    for dir in dirs {
        rules = allow(rules, dir, all)?;
    }
    let read: [(u64, &[&str]); 3] = [
        (SystemCalls::NAMES, &NAMES),
        (SystemCalls::CERTIFICATES, &CERTIFICATES),
        (SystemCalls::WORKERS, &WORKERS),
    ];
    for (family, paths) in read {
        for path in paths.iter().filter(|_| families & family != 0) {
            // The file itself, where the path is a link to it.
            let access = match fs::metadata(path) {
                Ok(found) if found.is_dir() => AccessFs::ReadFile | AccessFs::ReadDir,
                _ => AccessFs::ReadFile.into(),
            };
            rules = allow(rules, Path::new(path), access)?;
        }
    }
    if families & SystemCalls::CERTIFICATES != 0 {
        let file = process::named_path(process::CERTIFICATE_FILE);
        let folders = process::named_path(process::CERTIFICATE_FOLDERS);
        rules = allow_certificates(rules, file, folders)?;
    }
    for &(file, is_written) in files {
        let access = match is_written {
            true => all,
            false => AccessFs::ReadFile | AccessFs::ReadDir,
        };
        let target = fs::canonicalize(file).ok();
        for path in [Some(Path::new(file)), target.as_deref()]
            .into_iter()
            .flatten()
        {
            rules = allow(rules, folder_of(path), access)?;
        }
    }
    rules.restrict_self().map(|_| ())
}

/// Allows reading what the environment names: whoever starts the program has it read certificates
/// there. Of a file, that is the one that is there now, and nothing beside it.
fn allow_certificates(
    mut rules: RulesetCreated,
    file: Option<&Path>,
    folders: Option<&Path>,
) -> Result<RulesetCreated, RulesetError> {
    if let Some(file) = file.filter(|file| file.is_file()) {
        rules = allow(rules, file, AccessFs::ReadFile.into())?;
    }
    for folder in folders.iter().flat_map(env::split_paths) {
        rules = allow(rules, &folder, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    Ok(rules)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => file,
    }
}

/// Where there is nothing, nothing is allowed.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(found) => rules.add_rule(PathBeneath::new(found, access)),
        Err(_) => Ok(rules),
    }
}

/// Whether that was possible; it is, too, where the kernel has no seccomp.
fn restrict_calls(families: u64) -> bool {
    let mut filter = filter::program(calls::allowed(families));
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    let flags = (libc::SA_SIGINFO | libc::SA_ONSTACK) as u64;
    signal::set_action(libc::SIGSYS, refused as *const () as usize, flags);
    // SAFETY: the kernel reads the program, which is there.
    let failed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const program,
            ) != 0
    };
    let error = failed.then(|| io::Error::last_os_error().raw_os_error());
    matches!(error.flatten(), None | Some(libc::ENOSYS | libc::EINVAL))
}

/// Where the kernel has the number of a refused call, in what it tells of the signal.
const CALL_OFFSET: usize = 24;

/// The handler of a call that is refused.
unsafe extern "C" fn refused(_signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: the kernel passes a structure that has the number there.
    let call = unsafe { info.cast::<u8>().add(CALL_OFFSET).cast::<c_int>().read() };
    Message::new()
        .text("error: system call ")
        .decimal(u64::from(call.unsigned_abs()), 1)
        .text(" was refused: what the program was granted has no use for it\n");
    process::exit(trap::EXIT_CODE)
}
