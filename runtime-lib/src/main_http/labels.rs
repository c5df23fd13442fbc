//! Lines of what guests write: before each stands by whom it was written, as `wasmtime serve` has it.
//! A line goes out when it is whole, so that those of several guests are not mixed.

use std::cell::{Cell, RefCell};
use std::io::IoSlice;
use std::rc::Rc;

use crate::host::{Descriptor, Stream};
use crate::vm::store::{self, Part, place};
use crate::wasi::p2::labels::{Labels, set_labels};

/// Bytes of a line that is written in parts if it has no end.
const LINE_BYTES_MAX: usize = 4096;

thread_local! {
    /// The worker's number.
    static WORKER: Cell<usize> = const { Cell::new(0) };
    /// The instance that goes on, in the order of its worker's.
    static INSTANCE: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: no other part has this place.
const LINES: Part<Output> = unsafe { Part::at(place::LINES) };

/// The streams of an instance.
struct Output {
    out: Rc<dyn Labels>,
    err: Rc<dyn Labels>,
}

/// Has what guests of this worker write labelled.
pub(super) fn label_output(worker: usize) {
    WORKER.set(worker);
    set_labels(|stream| {
        // SAFETY: nothing keeps a reference to the part.
        let output = unsafe { LINES.of(store::current(), Output::new).as_ref() };
        Rc::clone(match stream {
            Stream::Err => &output.err,
            Stream::In | Stream::Out => &output.out,
        })
    });
}

/// This instance goes on.
pub(super) fn set_instance(number: u64) {
    INSTANCE.set(number);
}

impl Output {
    fn new() -> Output {
        let who = match (WORKER.get(), INSTANCE.get()) {
            (0, instance) => instance.to_string(),
            (worker, instance) => format!("{worker}.{instance}"),
        };
        Output {
            out: Rc::new(Lines::new(Stream::Out, format!("stdout [{who}] :: "))),
            err: Rc::new(Lines::new(Stream::Err, format!("stderr [{who}] :: "))),
        }
    }
}

struct Lines {
    stream: Stream,
    label: String,
    /// What has no end yet, with its label.
    line: RefCell<Vec<u8>>,
    /// The label of the line has been written.
    is_begun: Cell<bool>,
}

impl Lines {
    fn new(stream: Stream, label: String) -> Lines {
        Lines {
            stream,
            label,
            line: RefCell::default(),
            is_begun: Cell::new(false),
        }
    }
}

impl Labels for Lines {
    fn label(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + self.label.len());
        let line = &mut *self.line.borrow_mut();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_begun.replace(true) {
                line.extend_from_slice(self.label.as_bytes());
            }
            line.extend_from_slice(part);
            let is_whole = part.ends_with(b"\n");
            if is_whole || line.len() > LINE_BYTES_MAX {
                out.append(line);
            }
            if is_whole {
                self.is_begun.set(false);
            }
        }
        out
    }
}

impl Drop for Lines {
    /// What a guest has begun is written when it ends.
    fn drop(&mut self) {
        let line = self.line.get_mut();
        if self.is_begun.get() {
            line.push(b'\n');
            // Whoever does not listen misses it.
            let _ = Descriptor::Stream(self.stream).write(&[IoSlice::new(line)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_with_their_label() {
        let lines = Lines::new(Stream::Out, "> ".to_owned());
        let label = |text: &str| String::from_utf8(lines.label(text.as_bytes())).unwrap();
        assert_eq!(label("a\nb\n"), "> a\n> b\n");
        assert_eq!(label("c"), "");
        assert_eq!(label("d\n\ne"), "> cd\n> \n");
        let long = "x".repeat(LINE_BYTES_MAX);
        assert_eq!(label(&long), format!("> e{long}"));
        assert_eq!(label("y\n"), "y\n");
        assert_eq!(label(""), "");
    }
}
