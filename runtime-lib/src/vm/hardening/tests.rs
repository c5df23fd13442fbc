//! Each in a process of its own, which stays restricted.

use super::{LANDLOCK, allow_certificates, restrict_calls, restrict_files};
use crate::sys::process::Pid;
use crate::vm::process::program;
use crate::vm::trap::EXIT_CODE;
use landlock::{Access, AccessFs, Ruleset, RulesetAttr, RulesetCreated};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use wasmelt_abi::{Policy, Preopen, PreopenFlags, Slice, Str, SystemCalls};

/// How a process ends that does this; -1 where a signal ends it.
fn status_of(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs `body` alone and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = body();
        // SAFETY: nothing of the test's process is to be run here.
        unsafe { libc::_exit(code) };
    }
    let child = Pid::from_raw(child).expect("a process");
    let waited = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty());
    let (_, status) = waited.expect("a child").expect("it has ended");
    status.exit_status().unwrap_or(-1)
}

#[test]
fn what_nothing_has_use_for_ends_the_process() {
    let code = status_of(|| {
        assert!(restrict_calls(0));
        // SAFETY: it takes no arguments.
        unsafe { libc::syscall(libc::SYS_getuid) };
        0
    });
    assert_eq!(code, EXIT_CODE);
    let code = status_of(|| {
        assert!(restrict_calls(SystemCalls::FILES));
        let _ = File::open("/");
        3
    });
    assert_eq!(code, 3);
}

fn text(text: &str) -> Str {
    let text = text.to_owned().leak();
    Slice {
        start: text.as_ptr(),
        len: text.len() as u64,
    }
}

#[test]
fn directories_are_all_that_there_is() {
    let granted = tempfile::tempdir().expect("a folder");
    let read = tempfile::tempdir().expect("a folder");
    let path = |folder: &tempfile::TempDir, name: &str| folder.path().join(name);
    fs::write(path(&granted, "old"), "text").expect("it is ours");
    fs::write(path(&read, "old"), "text").expect("it is ours");
    let preopens =
        [(&granted, 0), (&read, PreopenFlags::READ_ONLY)].map(|(folder, flags)| Preopen {
            host: text(folder.path().to_str().expect("text")),
            guest: text("/"),
            flags,
            embedded: 0,
        });
    let preopens: &'static [Preopen] = Box::leak(Box::new(preopens));
    let policy: &'static Policy = Box::leak(Box::new(Policy {
        preopens: Slice {
            start: preopens.as_ptr(),
            len: preopens.len() as u64,
        },
        ..program_policy()
    }));
    let denied = |result: io::Result<()>| match result {
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        Ok(()) => false,
    };
    let code = status_of(|| {
        let restricted = restrict_files(policy, 0, &[], &[]).is_ok();
        let right = [
            restricted,
            fs::read(path(&granted, "old")).is_ok(),
            fs::write(path(&granted, "new"), "text").is_ok(),
            fs::read(path(&read, "old")).is_ok(),
            denied(fs::write(path(&read, "new"), "text")),
            denied(File::open("/etc/hosts").map(|_| ())),
        ];
        right.iter().filter(|&&is_right| is_right).count() as i32
    });
    assert_eq!(code, 6);
}

#[test]
fn certificates_that_the_environment_names_can_be_read() {
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let path = |folder: usize, name: &str| folders[folder].path().join(name);
    for (folder, name) in [(0, "named"), (0, "beside"), (1, "a"), (2, "b")] {
        fs::write(path(folder, name), "text").expect("it is ours");
    }
    std::os::unix::fs::symlink(path(0, "named"), path(0, "link")).expect("it is ours");
    let lists = std::env::join_paths([folders[1].path(), folders[2].path()]).expect("no colons");
    let code = status_of(|| {
        let all = AccessFs::from_all(LANDLOCK);
        let rules = Ruleset::default().handle_access(all);
        let rules = rules.and_then(Ruleset::create).expect("it is there");
        // A folder in the place of a file gives nothing.
        let rules = allow_certificates(rules, Some(Path::new("/")), None);
        let rules = rules.and_then(|rules| {
            allow_certificates(rules, Some(&path(0, "link")), Some(Path::new(&lists)))
        });
        let restricted = rules.and_then(RulesetCreated::restrict_self).is_ok();
        let right = [
            restricted,
            fs::read(path(0, "link")).is_ok(),
            fs::read(path(0, "beside")).is_err(),
            fs::write(path(0, "named"), "text").is_err(),
            fs::read(path(1, "a")).is_ok(),
            fs::read_dir(path(2, "")).is_ok_and(|mut found| found.next().is_some()),
            fs::write(path(2, "b"), "text").is_err(),
        ];
        right.iter().filter(|&&is_right| is_right).count() as i32
    });
    assert_eq!(code, 7);
}

fn program_policy() -> Policy {
    let policy = &program().policy;
    Policy {
        preopens: Slice {
            start: policy.preopens.start,
            len: 0,
        },
        env: Slice {
            start: policy.env.start,
            len: 0,
        },
        argv0: text(""),
        args: Slice {
            start: policy.args.start,
            len: 0,
        },
        flags: 0,
        stack_bytes_max: 0,
    }
}
