//! A bug of wasmelt, a panic above all, as a failure that asks for a report.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use crate::codes;
use crate::diagnostic::{Diagnostic, Exit, Failure};

/// What a panic said, from the hook that saw it.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work` and turns a panic in it, on whatever thread, into a failure that asks for a report.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    panic::set_hook(Box::new(|panic| {
        let mut first = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| panic.to_string());
    }));
    // Nothing that `work` has changed is looked at after a panic.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let _ = panic::take_hook();
    result.map_err(|_| {
        let said = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        bug(Diagnostic::error("wasmelt went wrong").note(said.unwrap_or_default()))
    })
}

/// A fault of wasmelt.
pub(crate) fn bug(diagnostic: Diagnostic) -> Failure {
    let diagnostic = diagnostic
        .page(&codes::BUG)
        .note("this is a bug in wasmelt, not in the input")
        .help("please report it, with the input and the command line");
    Failure {
        exit: Exit::Bug,
        diagnostic: Box::new(diagnostic),
        others: Vec::new(),
    }
}
