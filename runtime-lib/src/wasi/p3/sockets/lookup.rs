//! `wasi:sockets/ip-name-lookup`.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::types::IpAddress;
use crate::component::Call;
use crate::component::tasks::HostFuture;
use crate::host::Error;
use crate::host::lookup::{self, Lookup};
use crate::io::{self, Interest, Source};
use crate::variant;

variant! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum ErrorCode {
        AccessDenied,
        InvalidArgument,
        NameUnresolvable,
        TemporaryResolverFailure,
        PermanentResolverFailure,
        Other(Option<String>),
    }
}

/// `resolve-addresses`.
pub fn resolve_addresses(
    _: &mut Call<'_>,
    name: String,
) -> HostFuture<Result<Vec<IpAddress>, ErrorCode>> {
    Box::pin(async move {
        if !lookup::is_allowed() {
            return Err(ErrorCode::PermanentResolverFailure);
        }
        let addresses = addresses(&name).await?;
        Ok(addresses.into_iter().map(IpAddress::from).collect())
    })
}

/// All addresses of a name, of which there is at least one.
pub(super) async fn addresses(name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
    let mut lookup = Lookup::start(name)?;
    if let Some(done) = lookup.awaited() {
        let done = Rc::new(Source::new(Arc::clone(done)));
        io::ready(done.handle(), Interest::Readable).await;
    }
    let mut addresses = Vec::new();
    while let Some(address) = lookup.next_address()? {
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(ErrorCode::NameUnresolvable);
    }
    Ok(addresses)
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> ErrorCode {
        match error {
            Error::Invalid => ErrorCode::InvalidArgument,
            Error::NoEntry => ErrorCode::NameUnresolvable,
            // No thread or no descriptor is left.
            Error::WouldBlock
            | Error::InsufficientMemory
            | Error::TooManyOpenFiles
            | Error::TooManyOpenFilesInSystem => ErrorCode::TemporaryResolverFailure,
            error => ErrorCode::Other(Some(error.name().to_owned())),
        }
    }
}
