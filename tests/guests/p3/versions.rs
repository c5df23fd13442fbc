//! A command of WASI 0.2 and of WASI 0.3, which uses both at the same time.

#![no_std]

extern crate alloc;

use guests::say;
use wasip2::cli::stdin as stdin_p2;
use wasip2::cli::stdout as stdout_p2;
use wasip2::io::streams::StreamError;
use wasip3::cli::{environment, exit, stdin};
use wasip3::clocks::monotonic_clock::wait_for;
use wit_bindgen::rt::async_support::StreamResult;

struct Program;

wasip3::cli::command::export!(Program);
wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        say_p2("of 0.2");
        Ok(())
    }
}

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        say!("of 0.3");
        say_p2("through 0.2");
        let arguments = environment::get_arguments();
        match arguments.get(1).map_or("", |argument| argument) {
            "alternately" => alternately().await,
            "exit" => wasip2::cli::exit::exit(Err(())),
            "exit-with-code" => exit::exit_with_code(7),
            "" => {}
            _ => return Err(()),
        }
        Ok(())
    }
}

fn say_p2(line: &str) {
    let output = stdout_p2::get_stdout();
    for part in [line, "\n"] {
        let written = output.blocking_write_and_flush(part.as_bytes());
        written.expect("standard output is open");
    }
}

/// Reads standard input through both, three bytes at a time.
async fn alternately() {
    let (mut input, read) = stdin::read_via_stream();
    let input_p2 = stdin_p2::get_stdin();
    loop {
        wait_for(1_000_000).await;
        let (result, bytes) = input.read(alloc::vec::Vec::with_capacity(3)).await;
        if !bytes.is_empty() {
            say!("0.3: {:?}", core::str::from_utf8(&bytes));
        }
        if result == StreamResult::Dropped {
            break;
        }
        match input_p2.blocking_read(3) {
            Ok(bytes) => say!("0.2: {:?}", core::str::from_utf8(&bytes)),
            Err(StreamError::Closed) => say!("0.2: closed"),
            Err(StreamError::LastOperationFailed(_)) => say!("0.2: failed"),
        }
    }
    drop(input);
    say!("{:?}, then 0.2: {}", read.await, input_p2.blocking_read(1).is_err());
}
