//! Streams from and to the standard files, and timers.

#![no_std]

extern crate alloc;

use core::pin::pin;

use alloc::vec::Vec;

use futures::future::{join, join_all, select};
use guests::say;
use wasip3::cli::{environment, exit, stderr, stdin, stdout};
use wasip3::clocks::monotonic_clock::{now, wait_for, wait_until};
use wit_bindgen::rt::async_support::StreamResult;

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
            "copy" => copy(number.unwrap_or(BLOCK_BYTES)).await,
            "pass" => pass().await,
            "count" => count().await,
            "timers" => timers(number.unwrap_or(3)).await,
            "partial" => partial().await,
            "closed" => closed().await,
            "cancel" => cancel().await,
            "zero" => zero().await,
            "errors" => errors().await,
            "idle" => wait_for(number.unwrap_or(0) as u64 * MILLISECOND).await,
            "exit" => exit::exit_with_code(number.unwrap_or(0) as u8),
            _ => return Err(()),
        }
        Ok(())
    }
}

/// Standard input to standard output, through the program's memory.
async fn copy(block_bytes: usize) {
    let (mut input, read) = stdin::read_via_stream();
    let (mut output, reader) = wasip3::wit_stream::new();
    let written = stdout::write_via_stream(reader);
    let mut block = Vec::with_capacity(block_bytes);
    loop {
        let (result, bytes) = input.read(block).await;
        block = output.write_all(bytes).await;
        if result == StreamResult::Dropped || !block.is_empty() {
            break;
        }
    }
    drop((input, output));
    if read.await.is_err() || written.await.is_err() {
        exit::exit(Err(()));
    }
}

/// Standard input to standard output, without looking.
async fn pass() {
    let (input, read) = stdin::read_via_stream();
    let written = stdout::write_via_stream(input).await;
    if written.is_err() || read.await.is_err() {
        exit::exit(Err(()));
    }
}

/// How much standard input has.
async fn count() {
    let (mut input, read) = stdin::read_via_stream();
    let bytes = guests::read_all(&mut input).await;
    drop(input);
    say!("{} bytes, {:?}", bytes.len(), read.await);
}

/// So many timers at the same time.
async fn timers(count: usize) {
    let start = now();
    let waits = (0..count as u64).map(|number| wait_for((number % 20) * MILLISECOND));
    join_all(waits).await;
    wait_until(start).await;
    let late = now() - start >= (count.min(20) as u64 - 1) * MILLISECOND;
    say!("{count} timers: {late}");
}

/// A read that gets less than it could, and a write that is taken in parts.
async fn partial() {
    let (mut writer, mut reader) = wasip3::wit_stream::new();
    let write = async {
        let rest = writer.write_all(b"0123456789".to_vec()).await;
        drop(writer);
        rest.len()
    };
    let read = async {
        let mut parts = Vec::new();
        loop {
            let (result, bytes) = reader.read(Vec::with_capacity(4)).await;
            parts.push(bytes.len());
            if result == StreamResult::Dropped {
                return parts;
            }
        }
    };
    let (rest, parts) = join(write, read).await;
    say!("left {rest}, parts {parts:?}");
}

/// What a writer sees whose reader is gone, and a reader whose writer is gone.
async fn closed() {
    let (mut writer, reader) = wasip3::wit_stream::new();
    drop(reader);
    let rest = writer.write_all(b"nobody".to_vec()).await;
    say!("nobody reads {} bytes", rest.len());
    let (writer, mut reader) = wasip3::wit_stream::new::<u8>();
    drop(writer);
    let (result, bytes) = reader.read(Vec::with_capacity(4)).await;
    say!("nobody writes: {result:?}, {} bytes", bytes.len());
    let (mut input, read) = stdin::read_via_stream();
    let _ = input.read(Vec::with_capacity(1)).await;
    drop(input);
    say!("no longer read: {:?}", read.await);
}

/// Of two timers the first, and a read that is given up.
async fn cancel() {
    let start = now();
    let (short, long) = (wait_for(5 * MILLISECOND), wait_for(10_000 * MILLISECOND));
    drop(select(pin!(short), pin!(long)).await);
    say!("given up early: {}", now() - start < 5_000 * MILLISECOND);
    let (mut input, _read) = stdin::read_via_stream();
    let read = input.read(Vec::with_capacity(16));
    let given_up = match select(pin!(read), pin!(wait_for(5 * MILLISECOND))).await {
        futures::future::Either::Left(_) => false,
        futures::future::Either::Right(_) => true,
    };
    say!("nothing was typed: {given_up}");
}

/// A read of nothing, which waits until there is something, and a write of nothing, which waits
/// until somebody reads.
async fn zero() {
    let (mut writer, mut reader) = wasip3::wit_stream::new();
    let write = async {
        let (nothing, _) = writer.write(Vec::new()).await;
        let (something, rest) = writer.write(b"abc".to_vec()).await;
        (nothing, something, rest.remaining())
    };
    let read = async {
        let (nothing, _) = reader.read(Vec::with_capacity(0)).await;
        let (something, bytes) = reader.read(Vec::with_capacity(8)).await;
        (nothing, something, bytes.len())
    };
    let (write, read) = join(write, read).await;
    say!("written {write:?}");
    say!("read {read:?}");
}

/// A stream to standard error, and what its future says.
async fn errors() {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = stderr::write_via_stream(reader);
    let rest = writer.write_all(b"to standard error\n".to_vec()).await;
    drop(writer);
    say!("left {}, {:?}", rest.len(), written.await);
}
