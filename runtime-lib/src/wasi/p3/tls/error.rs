//! Errors of TLS.

use crate::component::tasks::New;
use crate::component::{Borrow, Call, Resource};

/// `error`: a text for people, by the names that `wasi:http` has.
pub struct TlsError(&'static str);

impl Resource for TlsError {
    const INTERFACE: &'static str = "wasi:tls/types";
    const NAME: &'static str = "error";
    const IS_P3: bool = true;
}

/// One that is passed to the guest.
pub(super) type Error = New<TlsError>;

pub(super) fn error(text: &'static str) -> Error {
    New(TlsError(text))
}

/// `error.to-debug-string`.
pub fn error_to_debug_string(call: &mut Call<'_>, this: Borrow<TlsError>) -> &'static str {
    call.resource(&this).0
}
