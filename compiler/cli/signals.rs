//! Removing the unfinished output when the command is interrupted.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// The file that must not be left behind.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on, an interruption removes `path` before it ends the process.
pub(crate) fn remove_on_interruption(path: &Path) {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.to_owned());
    static WATCH: Once = Once::new();
    WATCH.call_once(watch);
}

/// The file is finished, or gone.
pub(crate) fn keep() {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Without the watch, an interruption leaves a file behind: no reason not to go on.
fn watch() {
    // A limit on file sizes becomes an error of the write rather than the end of the process.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let ignored = ignored();
    let watched = [SIGHUP, SIGINT, SIGTERM]
        .into_iter()
        .filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let Ok(mut signals) = Signals::new(watched) else {
        return;
    };
    let _ = std::thread::Builder::new()
        .name(String::from("interruption"))
        .spawn(move || {
            for signal in signals.forever() {
                let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(path) = &*unfinished {
                    let _ = std::fs::remove_file(path);
                }
                // Ends the process as the signal would have. The lock is held until then, so that the
                // file is not renamed in between.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
}

/// The signals that `nohup` or a shell has switched off for us, a bit each from the lowest.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
