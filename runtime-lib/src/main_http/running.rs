//! A request that a guest answers, and what is said about it.

use std::cell::Cell;
use std::io::Write;

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::server::{Asked, Reply};

/// What is said of a request that is over its time.
pub(super) const TOO_LATE: &str = "the request has taken too long";

/// A request that a guest answers.
pub(super) struct Running {
    pub(super) reply: Reply,
    /// What the client wants, for the log.
    wants: String,
    pub(super) deadline_ns: Option<u64>,
    /// It is over, and there is no response to be missed.
    pub(super) has_failed: Cell<bool>,
    /// Nothing of it is left but, at most, the body of its response.
    pub(super) has_returned: Cell<bool>,
}

impl Running {
    pub(super) fn new(asked: &Asked, limit_ns: Option<u64>) -> Running {
        let path = asked.head.path_with_query.as_deref().unwrap_or_default();
        Running {
            reply: asked.reply.clone(),
            wants: [asked.head.method.name(), " ", path].concat(),
            deadline_ns: limit_ns.map(|ns| now_ns(Clock::Monotonic).saturating_add(ns)),
            has_failed: Cell::new(false),
            has_returned: Cell::new(false),
        }
    }

    /// Says what has become of it, once.
    pub(super) fn complain(&self, what: &str) {
        if !self.has_failed.replace(true) {
            complain(&format!("{}: {what}", self.wants));
        }
    }
}

pub(super) fn complain(message: &str) {
    // Nothing is left to be done when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {message}");
}
