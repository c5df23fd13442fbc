//! `wasi:sockets/ip-name-lookup`.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::network::{ErrorCode, IpAddress, Network};
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::Error;
use crate::host::lookup::{self, Answer, Lookup};
use crate::io::{Interest, Source, Wanted};
use crate::wasi::p2::poll::{Pollable, Subscribe};

/// The resource `resolve-address-stream`, which pollables have a share of.
pub type ResolveAddressStream = Rc<Addresses>;

impl Resource for ResolveAddressStream {
    const INTERFACE: &'static str = "wasi:sockets/ip-name-lookup";
    const NAME: &'static str = "resolve-address-stream";
}

pub fn resolve_addresses(
    call: &mut Call<'_>,
    _: Borrow<Network>,
    name: String,
) -> Result<Own<ResolveAddressStream>, ErrorCode> {
    let addresses = Addresses::start(&name)?;
    Ok(call.push(Rc::new(addresses)))
}

pub fn resolve_next_address(
    call: &mut Call<'_>,
    stream: Borrow<ResolveAddressStream>,
) -> Result<Option<IpAddress>, ErrorCode> {
    Ok(call.resource(&stream).next_address()?.map(IpAddress::from))
}

pub fn subscribe(call: &mut Call<'_>, stream: Borrow<ResolveAddressStream>) -> Own<Pollable> {
    let stream = Rc::clone(call.resource(&stream));
    call.push(Pollable::new(stream))
}

/// The addresses of a name.
pub struct Addresses {
    lookup: RefCell<Lookup>,
    /// What is readable once there is an answer; nothing if there was one at once.
    done: Option<Rc<Source<Arc<Answer>>>>,
}

impl Addresses {
    pub(super) fn start(name: &str) -> Result<Addresses, ErrorCode> {
        if !lookup::is_allowed() {
            return Err(ErrorCode::PermanentResolverFailure);
        }
        let lookup = Lookup::start(name)?;
        let done = lookup
            .awaited()
            .map(|done| Rc::new(Source::new(Arc::clone(done))));
        Ok(Addresses {
            lookup: RefCell::new(lookup),
            done,
        })
    }

    fn next_address(&self) -> Result<Option<IpAddr>, ErrorCode> {
        match self.lookup.borrow_mut().next_address() {
            Err(Error::NoEntry) => Err(ErrorCode::NameUnresolvable),
            result => Ok(result?),
        }
    }
}

impl Subscribe for Addresses {
    fn wanted(&self) -> Wanted {
        match &self.done {
            Some(done) => Wanted::Ready(done.handle(), Interest::Readable),
            None => Wanted::Now,
        }
    }
}
