//! The middle of a chain: passes a stream on, changed, to the next component; see
//! `wit/relay.wit`.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;

use wasmelt::relay::filter;
use wit_bindgen::rt::async_support::{StreamReader, StreamResult, spawn_local};

extern crate guests;

wit_bindgen::generate!({ path: "wit", world: "stage", generate_all });

const BLOCK_BYTES: usize = 64 * 1024;

struct Stage;

export!(Stage);

impl exports::wasmelt::relay::filter::Guest for Stage {
    async fn filter(mut data: StreamReader<u8>) -> StreamReader<u8> {
        let (mut writer, reader) = wit_stream::new();
        spawn_local(async move {
            let mut block = Vec::with_capacity(BLOCK_BYTES);
            loop {
                let (result, mut bytes) = data.read(block).await;
                bytes.iter_mut().for_each(|byte| *byte ^= 1);
                block = writer.write_all(bytes).await;
                if result == StreamResult::Dropped || !block.is_empty() {
                    return;
                }
            }
        });
        filter::filter(reader).await
    }

    async fn sum(data: StreamReader<u8>) -> u64 {
        filter::sum(data).await
    }

    async fn wait(milliseconds: u32) -> u32 {
        filter::wait(milliseconds).await
    }

    async fn fail(milliseconds: u32) {
        filter::fail(milliseconds).await;
    }
}
