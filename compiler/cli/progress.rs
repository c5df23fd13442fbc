//! One line on the terminal while a long compilation goes on.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use terminal_size::{Width, terminal_size_of};
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
            let columns = terminal_size_of(std::io::stderr());
            let columns = columns.map_or(usize::MAX, |(Width(columns), _)| columns.into());
            let line = line(&self.name, done, total, columns);
            write(&format!("\r{line}\x1b[K"));
            *state = State {
                written: Some(Instant::now()),
                done,
            };
        }
    }
}

/// As much of the line as fits into so many columns: one that is broken could not be written over.
/// The last column stays free, as some terminals go to the next line behind it.
fn line(name: &str, done: usize, total: usize, columns: usize) -> String {
    let room = columns.saturating_sub(1);
    let count = format!("{done}/{total}");
    let forms = [
        format!("   Compiling {name} {count} functions"),
        format!("Compiling {name} {count}"),
        format!("{name} {count}"),
        count,
    ];
    let fits = |form: &&String| form.chars().count() <= room;
    forms.iter().find(fits).cloned().unwrap_or_default()
}

/// Nobody is left to tell when the terminal is gone.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_fit() {
        let shown = |columns| line("application", 812, 1403, columns);
        assert_eq!(shown(80), "   Compiling application 812/1403 functions");
        assert_eq!(shown(31), "Compiling application 812/1403");
        assert_eq!(shown(30), "application 812/1403");
        assert_eq!(shown(10), "812/1403");
        assert_eq!(shown(5), "");
        for columns in 0..60 {
            assert!(shown(columns).chars().count() <= columns.saturating_sub(1));
        }
    }
}
