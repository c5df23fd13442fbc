//! `wasi:tls`, version 0.3.0-draft: clients of TLS between streams. Whose certificates are believed
//! is as in `wasi:http`.

mod error;
mod link;
mod streams;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;

use crate::component::ends::StreamReader;
use crate::component::tasks::HostFuture;
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::tls::client;
use crate::wasi::p2::http::ErrorNames;
use crate::wasi::p3::outcome::{Ended, Outcome, closed};
use error::{Error, error};
use link::Link;
use streams::{CipherSink, CipherSource, ClearSink, ClearSource};

pub use error::{TlsError, error_to_debug_string};

/// `connector`. Dropped before it connects, it never does.
pub struct Connector {
    link: Rc<RefCell<Link>>,
    sends: Cell<bool>,
    receives: Cell<bool>,
}

impl Resource for Connector {
    const INTERFACE: &'static str = "wasi:tls/client";
    const NAME: &'static str = "connector";
    const IS_P3: bool = true;
}

impl Drop for Connector {
    fn drop(&mut self) {
        let mut link = self.link.borrow_mut();
        if !link.is_begun() {
            link.fail("the connector was dropped before `connect`");
        }
    }
}

/// `connector.constructor`.
pub fn connector_new(call: &mut Call<'_>) -> Own<Connector> {
    call.push(Connector {
        link: Rc::default(),
        sends: Cell::new(false),
        receives: Cell::new(false),
    })
}

/// A stream, and how what it is for has ended.
type Transformed = (StreamReader<u8>, Ended<Error>);

/// `connector.send`.
pub fn connector_send(
    call: &mut Call<'_>,
    this: Borrow<Connector>,
    cleartext: StreamReader<u8>,
) -> Transformed {
    let connector = call.resource(&this);
    if connector.sends.replace(true) {
        return closed(error("`send` was called before"));
    }
    let (outcome, ended) = Outcome::new();
    connector.link.borrow_mut().set_send(outcome);
    cleartext.consume_bytes(ClearSink(Rc::clone(&connector.link)));
    let source = CipherSource(Rc::clone(&connector.link));
    (StreamReader::of_bytes(source), ended)
}

/// `connector.receive`.
pub fn connector_receive(
    call: &mut Call<'_>,
    this: Borrow<Connector>,
    ciphertext: StreamReader<u8>,
) -> Transformed {
    let connector = call.resource(&this);
    if connector.receives.replace(true) {
        return closed(error("`receive` was called before"));
    }
    let (outcome, ended) = Outcome::new();
    connector.link.borrow_mut().set_receive(outcome);
    ciphertext.consume_bytes(CipherSink(Rc::clone(&connector.link)));
    let source = ClearSource(Rc::clone(&connector.link));
    (StreamReader::of_bytes(source), ended)
}

/// `connector.connect`.
pub fn connector_connect(
    call: &mut Call<'_>,
    this: Own<Connector>,
    server: String,
) -> HostFuture<Result<(), Error>> {
    let connector = call.take(this);
    let link = Rc::clone(&connector.link);
    match (connector.sends.get(), connector.receives.get()) {
        (false, _) => link.borrow_mut().fail("`send` was not called before"),
        (_, false) => link.borrow_mut().fail("`receive` was not called before"),
        (true, true) => match client::session_of(&server) {
            Ok(session) => link.borrow_mut().begin(session),
            Err(why) => link.borrow_mut().fail(why.name()),
        },
    }
    Box::pin(async move {
        let done = poll_fn(|cx| link.borrow_mut().poll_handshake(cx)).await;
        done.map_err(error)
    })
}
