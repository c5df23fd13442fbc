//! What goes wrong, while other things are under way.

#![no_std]

extern crate alloc;

use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use futures::future::{join, join_all};
use guests::say;
use wasip3::cli::types::ErrorCode;
use wasip3::cli::{environment, stderr, stdin, stdout};
use wasip3::clocks::monotonic_clock::wait_for;
use wit_bindgen::rt::async_support::{StreamResult, StreamWriter};

const MILLISECOND: u64 = 1_000_000;
const BLOCK_BYTES: usize = 64 * 1024;

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        let mut arguments = arguments.iter().skip(1);
        let command = arguments.next().map_or("", |argument| argument);
        let number = arguments.next().and_then(|number| number.parse().ok());
        match command {
            "trap" => trap().await,
            "deadlock" => deadlock().await,
            "late-deadlock" => {
                wait_for(MILLISECOND).await;
                deadlock().await;
            }
            "flood" => flood().await,
            "write" => write(number.unwrap_or(10)).await,
            "many" => many(number.unwrap_or(2)).await,
            "storm" => storm(number.unwrap_or(0) as u64).await,
            _ => return Err(()),
        }
        Ok(())
    }
}

/// Writes a line to standard error.
async fn report(line: fmt::Arguments<'_>) {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = stderr::write_via_stream(reader);
    writer.write_all(format!("{line}\n").into_bytes()).await;
    drop(writer);
    let _ = written.await;
}

/// Traps while a timer, a read and a write that is not over are under way.
async fn trap() {
    say!("before the trap");
    let (mut input, _read) = stdin::read_via_stream();
    let (mut output, reader) = wasip3::wit_stream::new();
    let _written = stdout::write_via_stream(reader);
    let others = async {
        output.write_all(b"of a stream that is still open\n".to_vec()).await;
        join(wait_for(60_000 * MILLISECOND), input.read(Vec::with_capacity(1))).await;
    };
    let end = async {
        wait_for(5 * MILLISECOND).await;
        core::arch::wasm32::unreachable()
    };
    join(others, end).await;
}

/// Waits for what only this task itself could write.
async fn deadlock() {
    say!("before the deadlock");
    let (writer, mut reader) = wasip3::wit_stream::new::<u8>();
    reader.read(Vec::with_capacity(1)).await;
    drop(writer);
}

/// Writes to standard output until nobody reads.
async fn flood() {
    let (mut output, reader) = wasip3::wit_stream::new();
    let written = stdout::write_via_stream(reader);
    let (_, told) = join(write_blocks(&mut output), async { written.await }).await;
    report(format_args!("nobody reads: {told:?}")).await;
    let (mut again, reader) = wasip3::wit_stream::new();
    let written = stdout::write_via_stream(reader);
    let rest = again.write_all(b"again".to_vec()).await;
    drop(again);
    let told = written.await;
    report(format_args!("again: left {}, {told:?}", rest.len())).await;
}

async fn write_blocks(output: &mut StreamWriter<u8>) {
    let mut block = Vec::new();
    while block.is_empty() {
        block.resize(BLOCK_BYTES, b'y');
        block = output.write_all(block).await;
    }
}

/// Writes so many bytes, and says what became of them.
async fn write(count: usize) {
    let (mut output, reader) = wasip3::wit_stream::new();
    let written = stdout::write_via_stream(reader);
    let mut block = Vec::new();
    block.resize(count, b'x');
    let rest = output.write_all(block).await;
    drop(output);
    let told: Result<(), ErrorCode> = written.await;
    report(format_args!("left {}, {told:?}", rest.len())).await;
}

/// So many streams of standard input and timers at the same time: how many bytes they got.
async fn many(count: usize) {
    let reads = (0..count).map(|number| async move {
        wait_for((number % 7) as u64 * MILLISECOND).await;
        let (mut input, read) = stdin::read_via_stream();
        let mut bytes = 0;
        loop {
            let (result, some) = input.read(Vec::with_capacity(10)).await;
            bytes += some.len();
            if result == StreamResult::Dropped {
                drop(input);
                return (bytes, read.await.is_ok());
            }
        }
    });
    let read = join_all(reads).await;
    let bytes: usize = read.iter().map(|(bytes, _)| bytes).sum();
    let well = read.iter().all(|(_, well)| *well);
    say!("{bytes} bytes, without error {well}");
}

/// Waits for so many milliseconds and for the end of standard input.
async fn storm(milliseconds: u64) {
    say!("ready");
    let ((bytes, well), ()) = join(
        async {
            let (mut input, read) = stdin::read_via_stream();
            let bytes = guests::read_all(&mut input).await;
            drop(input);
            (bytes.len(), read.await.is_ok())
        },
        wait_for(milliseconds * MILLISECOND),
    )
    .await;
    say!("{bytes} bytes, without error {well}");
}
