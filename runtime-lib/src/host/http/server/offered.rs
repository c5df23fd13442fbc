//! What a server can do only if it was built so: HTTP/2 and TLS. Nothing of the server refers to
//! either, so that only those are linked with it that were asked for it.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::access_log::Visitor;
use super::connection::Connection;
use super::reply::Asked;
use super::settings::{Certificate, Settings};
use crate::host::http::Result;
use crate::host::http::transport::Transport;

/// The worker, as one of its connections sees it.
pub trait Served {
    fn settings(&self) -> &Settings;

    /// Who it is, if there is an access log.
    fn visitor(&self) -> Option<&Visitor>;

    /// Has a guest answer.
    fn take(&self, asked: Asked);

    /// Happens when the server is about to end.
    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Answers the requests of a connection until it ends.
pub type Speak = fn(Connection, Rc<dyn Served>) -> Pin<Box<dyn Future<Output = ()>>>;

/// TLS with a certificate.
pub trait ServerTls {
    /// Greets a client.
    fn secure(&self, below: Box<dyn Transport>) -> Securing;
}

/// A connection with TLS, as soon as both sides know each other.
pub type Securing = Pin<Box<dyn Future<Output = Result<Secured>>>>;

pub struct Secured {
    pub transport: Box<dyn Transport>,
    /// Both sides speak HTTP/2 on it.
    pub by_http2: bool,
}

/// Reads the files; what is wrong with them is for people.
pub type LoadTls = fn(&Certificate) -> std::result::Result<Rc<dyn ServerTls>, String>;

thread_local! {
    static HTTP2: Cell<Option<Speak>> = const { Cell::new(None) };
    static TLS: Cell<Option<LoadTls>> = const { Cell::new(None) };
}

/// Gives the server HTTP/2, and the workers that it is going to start.
pub fn offer_http2(speak: Speak) {
    HTTP2.set(Some(speak));
}

/// As [`offer_http2`], of TLS.
pub fn offer_tls(load: LoadTls) {
    TLS.set(Some(load));
}

pub(super) fn http2() -> Option<Speak> {
    HTTP2.get()
}

/// Reads the files.
///
/// # Errors
/// What is wrong with them, or that the server has no TLS.
pub(super) fn load_tls(
    certificate: &Certificate,
) -> std::result::Result<Rc<dyn ServerTls>, String> {
    match TLS.get() {
        Some(load) => load(certificate),
        None => Err("this server was built without TLS; `wasmelt --tls` builds one with it".into()),
    }
}
