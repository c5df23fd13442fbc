//! A command whose streams go through other components; see `wit/relay.wit`.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;

use futures::future::{join, join_all};
use guests::say;
use wasip3::cli::{environment, exit, stdin, stdout};
use wasmelt::relay::filter;

wit_bindgen::generate!({ path: "wit", world: "chain", generate_all });

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let mut arguments = arguments.iter().skip(1);
        let command = arguments.next().map_or("", |argument| argument);
        let number = arguments.next().and_then(|number| number.parse().ok());
        match command {
            "filter" => filter_input().await,
            "sum" => {
                let (input, _read) = stdin::read_via_stream();
                let sum = filter::sum(input).await;
                say!("{sum}");
            }
            "wait" => wait(number.unwrap_or(10)).await,
            "fail" => fail(number.unwrap_or(10)).await,
            _ => return Err(()),
        }
        Ok(())
    }
}

/// Standard input through the other component to standard output.
async fn filter_input() {
    let (input, read) = stdin::read_via_stream();
    let filtered = filter::filter(input).await;
    let written = stdout::write_via_stream(filtered).await;
    if written.is_err() || read.await.is_err() {
        exit::exit(Err(()));
    }
}

/// So many calls at the same time.
async fn wait(count: u32) {
    let calls: Vec<_> = (0..count).map(|number| filter::wait(number % 8)).collect();
    let waited: u32 = join_all(calls).await.iter().sum();
    say!("{waited}");
}

/// So many calls wait when another traps.
async fn fail(count: u32) {
    say!("before the trap");
    let waits = join_all((0..count).map(|_| filter::wait(60_000)));
    join(waits, filter::fail(5)).await;
}
