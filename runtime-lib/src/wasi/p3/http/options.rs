//! The resource `request-options`.

use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http;
use crate::variant;

/// The resource `request-options`.
pub struct RequestOptions {
    pub(super) options: http::RequestOptions,
    /// It belongs to a request.
    pub(super) immutable: bool,
}

impl Resource for RequestOptions {
    const INTERFACE: &'static str = "wasi:http/types";
    const NAME: &'static str = "request-options";
    const IS_P3: bool = true;
}

variant! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum RequestOptionsError { NotSupported, Immutable, Other(Option<String>) }
}

type This = Borrow<RequestOptions>;
type Result<T> = std::result::Result<T, RequestOptionsError>;

impl RequestOptions {
    fn change(&mut self) -> Result<&mut http::RequestOptions> {
        match self.immutable {
            false => Ok(&mut self.options),
            true => Err(RequestOptionsError::Immutable),
        }
    }
}

fn new(call: &mut Call<'_>, options: http::RequestOptions) -> Own<RequestOptions> {
    call.push(RequestOptions {
        options,
        immutable: false,
    })
}

pub fn request_options_constructor(call: &mut Call<'_>) -> Own<RequestOptions> {
    new(call, http::RequestOptions::default())
}

pub fn request_options_clone(call: &mut Call<'_>, this: This) -> Own<RequestOptions> {
    let options = call.resource(&this).options;
    new(call, options)
}

pub fn request_options_connect_timeout(call: &mut Call<'_>, this: This) -> Option<u64> {
    call.resource(&this).options.connect_timeout_ns
}

pub fn request_options_set_connect_timeout(
    call: &mut Call<'_>,
    this: This,
    duration: Option<u64>,
) -> Result<()> {
    call.resource(&this).change()?.connect_timeout_ns = duration;
    Ok(())
}

pub fn request_options_first_byte_timeout(call: &mut Call<'_>, this: This) -> Option<u64> {
    call.resource(&this).options.first_byte_timeout_ns
}

pub fn request_options_set_first_byte_timeout(
    call: &mut Call<'_>,
    this: This,
    duration: Option<u64>,
) -> Result<()> {
    call.resource(&this).change()?.first_byte_timeout_ns = duration;
    Ok(())
}

pub fn request_options_between_bytes_timeout(call: &mut Call<'_>, this: This) -> Option<u64> {
    call.resource(&this).options.between_bytes_timeout_ns
}

pub fn request_options_set_between_bytes_timeout(
    call: &mut Call<'_>,
    this: This,
    duration: Option<u64>,
) -> Result<()> {
    call.resource(&this).change()?.between_bytes_timeout_ns = duration;
    Ok(())
}
