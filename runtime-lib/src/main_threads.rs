//! A command that can start threads: as any other, with a store for each thread.

use crate::vm::{process, sharing, start, threads};
use wasmelt_abi::Program;

#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_threads(program: &'static Program) -> ! {
    let slots = 1 + threads::of(program).threads_max;
    let slots = usize::try_from(slots).unwrap_or(usize::MAX);
    let store = start::start_threads(program, slots, || sharing::create(0));
    let mut code = 0;
    threads::run(store, || {
        start::instantiate_all(program, store);
        if let Some(entry) = program.entry {
            // SAFETY: compiled code for a store of this program.
            code = unsafe { entry(store.base()) };
        }
    });
    process::exit(code)
}
