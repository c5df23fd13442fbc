//! A component that passes streams on; see `wit/relay.wit`.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;

use wit_bindgen::rt::async_support::{StreamReader, StreamResult, spawn_local};

extern crate guests;

wit_bindgen::generate!({ path: "wit", world: "relay", generate_all });

const BLOCK_BYTES: usize = 64 * 1024;

struct Relay;

export!(Relay);

impl exports::wasmelt::relay::filter::Guest for Relay {
    async fn filter(mut data: StreamReader<u8>) -> StreamReader<u8> {
        let (mut writer, reader) = wit_stream::new();
        spawn_local(async move {
            let mut block = Vec::with_capacity(BLOCK_BYTES);
            loop {
                let (result, mut bytes) = data.read(block).await;
                bytes.iter_mut().for_each(|byte| *byte ^= 0x20);
                block = writer.write_all(bytes).await;
                if result == StreamResult::Dropped || !block.is_empty() {
                    return;
                }
            }
        });
        reader
    }

    async fn sum(mut data: StreamReader<u8>) -> u64 {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        let mut sum = 0;
        loop {
            let (result, mut bytes) = data.read(block).await;
            sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
            if result == StreamResult::Dropped {
                return sum;
            }
            bytes.clear();
            block = bytes;
        }
    }

    async fn wait(milliseconds: u32) -> u32 {
        wasip3::clocks::monotonic_clock::wait_for(u64::from(milliseconds) * 1_000_000).await;
        milliseconds
    }

    async fn fail(milliseconds: u32) {
        Self::wait(milliseconds).await;
        core::arch::wasm32::unreachable()
    }
}
