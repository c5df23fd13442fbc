//! A command: instantiate, call the entry, end.

use crate::vm::{process, start, trap};
use wasmelt_abi::Program;

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_command(program: &'static Program) -> ! {
    process::exit(run(program))
}

/// As above, for a program that has components.
#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_component(program: &'static Program) -> ! {
    trap::know_components();
    process::finish(run(program))
}

/// The exit code.
#[inline]
fn run(program: &'static Program) -> i32 {
    let store = start::start(program);
    start::instantiate_all(program, store);
    match program.entry {
        // SAFETY: compiled code for a store of this program.
        Some(entry) => unsafe { entry(store.base()) },
        None => 0,
    }
}
