//! `wasi:io`.

use crate::host_fns;
use crate::wasi::p2::{io, poll, streams};

host_fns! {
    "wasi:io/error" {
        "[method]error.to-debug-string" => io::error_to_debug_string;
        drop "error" => streams::IoError;
    }
    "wasi:io/poll" {
        "[method]pollable.ready" => poll::pollable_ready;
        "[method]pollable.block" => poll::pollable_block;
        "poll" => poll::poll;
        drop "pollable" => poll::Pollable;
    }
    "wasi:io/streams" {
        "[method]input-stream.read" => io::input_stream_read;
        "[method]input-stream.blocking-read" => io::input_stream_blocking_read;
        "[method]input-stream.skip" => io::input_stream_skip;
        "[method]input-stream.blocking-skip" => io::input_stream_blocking_skip;
        "[method]input-stream.subscribe" => io::input_stream_subscribe;
        "[method]output-stream.check-write" => io::output_stream_check_write;
        "[method]output-stream.write" => io::output_stream_write;
        "[method]output-stream.blocking-write-and-flush" =>
            io::output_stream_blocking_write_and_flush;
        "[method]output-stream.flush" => io::output_stream_flush;
        "[method]output-stream.blocking-flush" => io::output_stream_blocking_flush;
        "[method]output-stream.subscribe" => io::output_stream_subscribe;
        "[method]output-stream.write-zeroes" => io::output_stream_write_zeroes;
        "[method]output-stream.blocking-write-zeroes-and-flush" =>
            io::output_stream_blocking_write_zeroes_and_flush;
        "[method]output-stream.splice" => io::output_stream_splice;
        "[method]output-stream.blocking-splice" => io::output_stream_blocking_splice;
        drop "input-stream" => streams::Input;
        drop "output-stream" => streams::Output;
    }
}
