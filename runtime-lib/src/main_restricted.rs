//! A program that may not run for ever, does not get all standard streams, needs a processor that is
//! not any, or writes a profile: that is seen to first, then it runs like any other.

use crate::host::descriptor::{Stream, discard};
use crate::vm::message::Message;
use crate::vm::{process, processor, profile, timeout};
use wasmelt_abi::{Program, Streams};

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_restricted(program: &'static Program) -> ! {
    let rare = process::rare(program).expect("the compiler wrote what restricts the program");
    processor::check(rare.features);
    let streams = [
        (Streams::STDIN, Stream::In),
        (Streams::STDOUT, Stream::Out),
        (Streams::STDERR, Stream::Err),
    ];
    for (bit, stream) in streams {
        if rare.withheld_streams & bit != 0 && discard(stream).is_err() {
            Message::new()
                .text("error: cannot open `/dev/null`, which takes the place of a stream\n");
            process::exit(1);
        }
    }
    profile::begin_if_any(program);
    timeout::start(rare.timeout_ns);
    // SAFETY: the compiler wrote the address of one of the other `wasmelt_main_*` functions.
    unsafe { (rare.main)(program) }
}
