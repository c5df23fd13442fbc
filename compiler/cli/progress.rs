//! One line on the terminal while a long compilation goes on.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use wasmelt_compiler::Progress;

/// Shorter compilations show nothing.
const QUIET_FOR: Duration = Duration::from_millis(500);

/// Time between two updates of the line.
const INTERVAL: Duration = Duration::from_millis(50);

/// `Compiling app 812/1403 functions`.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    name: String,
    started: Instant,
    /// When the line was last written; none before the first time and when there is no terminal.
    state: Mutex<State>,
    enabled: bool,
}

#[derive(Debug, Default)]
struct State {
    written: Option<Instant>,
    done: usize,
}

impl ProgressLine {
    pub(crate) fn new(name: &str, enabled: bool) -> ProgressLine {
        ProgressLine {
            name: name.to_owned(),
            started: Instant::now(),
            state: Mutex::default(),
            enabled,
        }
    }

    /// Removes the line.
    pub(crate) fn finish(self) {
        if self
            .state
            .into_inner()
            .is_ok_and(|state| state.written.is_some())
        {
            write("\r\x1b[K");
        }
    }
}

impl Progress for ProgressLine {
    fn functions(&self, done: usize, total: usize) {
        if !self.enabled || self.started.elapsed() < QUIET_FOR {
            return;
        }
        // Another thread is writing: this step can be left out.
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        let due = state
            .written
            .is_none_or(|written| written.elapsed() >= INTERVAL);
        if due && done > state.done {
            write(&format!(
                "\r   Compiling {} {done}/{total} functions\x1b[K",
                self.name
            ));
            *state = State {
                written: Some(Instant::now()),
                done,
            };
        }
    }
}

/// Nobody is left to tell when the terminal is gone.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
