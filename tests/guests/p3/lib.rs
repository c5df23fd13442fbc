//! What the programs share: memory, and standard output.

#![no_std]

extern crate alloc;

use core::fmt;

use alloc::vec::Vec;

use wasip3::cli::stdout;
use wit_bindgen::rt::async_support::{StreamReader, StreamResult};

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Writes a line to standard output.
pub async fn say(line: fmt::Arguments<'_>) {
    let mut text = alloc::fmt::format(line);
    text.push('\n');
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = stdout::write_via_stream(reader);
    writer.write_all(text.into_bytes()).await;
    drop(writer);
    // Whoever does not listen misses it.
    let _ = written.await;
}

/// `say` with a format.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::say(format_args!($($argument)*)).await };
}

/// Everything up to the end of a stream.
pub async fn read_all(stream: &mut StreamReader<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (result, bytes) = stream.read(Vec::with_capacity(4096)).await;
        all.extend(bytes);
        if result == StreamResult::Dropped {
            return all;
        }
    }
}
