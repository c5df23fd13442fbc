//! Streams of the standard files; the last argument says what is done with them.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use guests::{outcome, read_all, say};
use wasip2::cli::environment::get_arguments;
use wasip2::cli::stderr::get_stderr;
use wasip2::cli::stdin::get_stdin;
use wasip2::cli::stdout::get_stdout;
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, StreamError};

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let mode = get_arguments().pop().unwrap_or_default();
        match mode.as_str() {
            "read" => read(),
            "skip" => skip(),
            "write" => write(),
            "zeroes" => zeroes(),
            "splice" => splice(),
            "count" => say!("{} bytes", read_all(&get_stdin()).len()),
            "copy" => return copy(),
            "wait" => wait(),
            "until-failure" => until_failure(),
            "too-much-at-once" => too_much_at_once(),
            "poll-nothing" => {
                poll(&[]);
            }
            _ => return Err(()),
        }
        Ok(())
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|_| String::from("not UTF-8"))
}

/// The next bytes, however they come.
fn exactly(stream: &InputStream, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        stream.subscribe().block();
        match stream.read((count - bytes.len()) as u64) {
            Ok(more) => bytes.extend(more),
            Err(_) => break,
        }
    }
    bytes
}

/// Wants `hello, streams\n` on standard input.
fn read() {
    let stdin = get_stdin();
    say!("read of nothing: {}", outcome(&stdin.read(0)));
    say!(
        "blocking read of 5: {:?}",
        stdin.blocking_read(5).map(text).ok()
    );
    say!("read of 2: {:?}", text(exactly(&stdin, 2)));
    say!("the rest: {:?}", text(read_all(&stdin)));
    say!("after the end: {}", outcome(&stdin.blocking_read(1)));
    say!("without blocking: {}", outcome(&stdin.read(1)));
    let pollable = stdin.subscribe();
    pollable.block();
    say!("ready at the end: {}", pollable.ready());
}

/// Wants `0123456789` on standard input.
fn skip() {
    let stdin = get_stdin();
    say!("blocking skip of 3: {:?}", stdin.blocking_skip(3).ok());
    stdin.subscribe().block();
    say!("skip of 2: {:?}", stdin.skip(2).ok());
    say!("then: {:?}", text(exactly(&stdin, 2)));
    let mut skipped = 0;
    let end = loop {
        match stdin.blocking_skip(100) {
            Ok(count) => skipped += count,
            Err(error) => break Err::<(), _>(error),
        }
    };
    say!("skipped {skipped} to the end: {}", outcome(&end));
}

fn write() {
    let stdout = get_stdout();
    let permit = stdout.check_write();
    say!(
        "a permit at first: {}",
        matches!(permit, Ok(bytes) if bytes > 0)
    );
    stdout.subscribe().block();
    let _ = stdout.check_write();
    say!("write: {}", outcome(&stdout.write(b"written\n")));
    say!("flush: {}", outcome(&stdout.flush()));
    stdout.subscribe().block();
    say!("blocking flush: {}", outcome(&stdout.blocking_flush()));
    say!(
        "at once: {}",
        outcome(&stdout.blocking_write_and_flush(b"blocking\n"))
    );
    say!(
        "nothing: {}",
        outcome(&stdout.blocking_write_and_flush(b""))
    );
    let stderr = get_stderr();
    say!(
        "another: {}",
        outcome(&stderr.blocking_write_and_flush(b"to stderr\n"))
    );
    let pollable = stdout.subscribe();
    pollable.block();
    say!("ready: {}", pollable.ready());
}

fn zeroes() {
    let stdout = get_stdout();
    stdout.subscribe().block();
    let _ = stdout.check_write();
    let now = outcome(&stdout.write_zeroes(3));
    let _ = stdout.blocking_flush();
    let blocking = outcome(&stdout.blocking_write_zeroes_and_flush(4096));
    say!("\nzeroes: {now} {blocking}");
}

fn splice() {
    let (stdin, stdout) = (get_stdin(), get_stdout());
    stdin.subscribe().block();
    stdout.subscribe().block();
    let first = stdout.splice(&stdin, 4).ok();
    let _ = stdout.blocking_flush();
    let mut rest = 0;
    let end = loop {
        match stdout.blocking_splice(&stdin, 1000) {
            Ok(count) => rest += count,
            Err(error) => break Err::<(), _>(error),
        }
    };
    let _ = stdout.blocking_flush();
    say!("spliced {first:?} and {rest}: {}", outcome(&end));
}

/// Standard input to standard output, by permits.
fn copy() -> Result<(), ()> {
    let (stdin, stdout) = (get_stdin(), get_stdout());
    let (readable, writable) = (stdin.subscribe(), stdout.subscribe());
    let mut waiting: Vec<u8> = Vec::new();
    let mut ended = false;
    while !ended || !waiting.is_empty() {
        if waiting.is_empty() {
            readable.block();
            match stdin.read(65536) {
                Ok(bytes) => waiting = bytes,
                Err(StreamError::Closed) => ended = true,
                Err(StreamError::LastOperationFailed(_)) => return Err(()),
            }
            continue;
        }
        writable.block();
        let permit = stdout.check_write().map_err(drop)? as usize;
        let part = permit.min(waiting.len());
        stdout.write(&waiting[..part]).map_err(drop)?;
        waiting.drain(..part);
    }
    stdout.blocking_flush().map_err(drop)
}

/// Wants input that comes later than 50 ms and ends after it.
fn wait() {
    use wasip2::clocks::monotonic_clock::subscribe_duration;
    let stdin = get_stdin();
    let readable = stdin.subscribe();
    say!("ready too early: {}", readable.ready());
    let (short, long) = (
        subscribe_duration(50_000_000),
        subscribe_duration(60_000_000_000),
    );
    say!("first: {:?}", poll(&[&readable, &long, &short]));
    say!("then: {:?}", poll(&[&long, &readable]));
    say!("read: {:?}", stdin.read(100).map(text).ok());
    readable.block();
    say!("at the end: {}", outcome(&stdin.read(100)));
    say!("twice the same: {:?}", poll(&[&short, &short]));
}

/// Writes until nobody reads any more; what happened is told on standard error.
fn until_failure() {
    let stdout = get_stdout();
    let line = [b'y'; 1024];
    let error = loop {
        match stdout.blocking_write_and_flush(&line) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    let told = match &error {
        StreamError::Closed => true,
        StreamError::LastOperationFailed(error) => !error.to_debug_string().is_empty(),
    };
    let message = alloc::format!("told why: {told}\n");
    let _ = get_stderr().blocking_write_and_flush(message.as_bytes());
}

fn too_much_at_once() {
    let _ = get_stdout().blocking_write_and_flush(&[b'x'; 4097]);
    say!("written more than 4096 bytes");
}
