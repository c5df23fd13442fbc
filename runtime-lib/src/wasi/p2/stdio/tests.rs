//! The standard streams are the process's: each test starts this program again, to run its own
//! name as the child with pipes, and is both sides of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::wasi::p2::streams::wait_for_permit;

/// Set for the child.
const ROLE: &str = "WASMELT_TEST_CHILD";

/// The test again, as a child; `None` in the child itself.
fn child(test: &str) -> Option<Child> {
    if std::env::var_os(ROLE).is_some() {
        return None;
    }
    let path = module_path!().split_once("::").unwrap().1;
    let child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{path}::{test}"), "--exact", "--nocapture"])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Some(child.unwrap())
}

fn error_stream() -> StandardOutput {
    StandardOutput::new(Stream::Err)
}

#[test]
fn input_is_read_as_it_comes() {
    let Some(mut child) = child("input_is_read_as_it_comes") else {
        assert_eq!(StandardInput.read(10), Ok(vec![]));
        error_stream().write(b"1").unwrap();
        assert_eq!(StandardInput.blocking_read(3), Ok(b"hel".to_vec()));
        assert_eq!(StandardInput.read(0), Ok(vec![]));
        assert_eq!(StandardInput.read(10), Ok(b"lo".to_vec()));
        error_stream().write(b"2").unwrap();
        poll::wait(&StandardInput);
        assert_eq!(StandardInput.read(10), Err(StreamError::Closed));
        assert_eq!(StandardInput.blocking_read(10), Err(StreamError::Closed));
        return;
    };
    let mut byte = [0];
    let (mut stdin, mut stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    stderr.read_exact(&mut byte).unwrap();
    stdin.write_all(b"hello").unwrap();
    stderr.read_exact(&mut byte).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_pipe_that_is_full_gives_no_permit() {
    let Some(mut child) = child("a_pipe_that_is_full_gives_no_permit") else {
        let whole = error_stream().check_write().unwrap();
        error_stream().write(&vec![1; 4096]).unwrap();
        let mut sum = 4096;
        loop {
            match error_stream().check_write().unwrap() {
                0 => break,
                permit => {
                    assert_eq!(permit, 4096);
                    error_stream().write(&vec![1; permit]).unwrap();
                    sum += permit;
                }
            }
        }
        assert_eq!(sum, whole);
        assert!(!poll::is_ready(&error_stream()));
        StandardOutput::new(Stream::Out).write(b"full\n").unwrap();
        // The parent begins to read.
        StandardInput.blocking_read(1).unwrap_err();
        assert!(wait_for_permit(&error_stream()).is_ok());
        assert_eq!(error_stream().flush(), Ok(()));
        // More than the permit is waited for.
        assert_eq!(error_stream().write(&vec![1; 300_000]), Ok(()));
        return;
    };
    let mut stderr = child.stderr.take().unwrap();
    let size = rustix::pipe::fcntl_getpipe_size(&stderr).unwrap() as u64;
    // The test harness writes to standard output as well, not always whole lines.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("full")));
    drop(child.stdin.take());
    let mut got = Vec::new();
    stderr.read_to_end(&mut got).unwrap();
    assert_eq!(got.len() as u64, size + 300_000);
    assert!(got.iter().all(|byte| *byte == 1));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_pipe_without_a_reader_is_closed() {
    let Some(mut child) = child("a_pipe_without_a_reader_is_closed") else {
        StandardInput.blocking_read(1).unwrap_err();
        let broken = Err(StreamError::Closed);
        assert!(error_stream().check_write().unwrap() > 0);
        assert_eq!(error_stream().write(b"x"), broken);
        assert_eq!(error_stream().blocking_write_and_flush(b"x"), broken);
        return;
    };
    drop(child.stderr.take());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
