//! The resource `fields`.

use wasmelt_abi::TrapCode;

use super::types::HeaderError;
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::{self, FieldsError};

/// The resource `fields`, also called `headers` and `trailers`.
pub struct Fields(pub http::Fields);

impl Resource for Fields {
    const INTERFACE: &'static str = "wasi:http/types";
    const NAME: &'static str = "fields";
}

type This = Borrow<Fields>;
type Result<T> = std::result::Result<T, HeaderError>;

/// Too many fields are a trap: there is no error for them.
fn answer<T>(call: &Call<'_>, result: std::result::Result<T, FieldsError>) -> Result<T> {
    let error = |error| HeaderError::of(error);
    result.map_err(|why| error(why).unwrap_or_else(|| call.trap(TrapCode::FieldsTooLarge)))
}

pub fn fields_constructor(call: &mut Call<'_>) -> Own<Fields> {
    call.push(Fields(http::Fields::default()))
}

pub fn fields_from_list(
    call: &mut Call<'_>,
    entries: Vec<(String, Vec<u8>)>,
) -> Result<Own<Fields>> {
    let fields = answer(call, http::Fields::from_list(entries))?;
    Ok(call.push(Fields(fields)))
}

pub fn fields_get(call: &mut Call<'_>, this: This, name: String) -> Vec<Vec<u8>> {
    let fields = &call.resource(&this).0;
    fields.values(&name).map(<[u8]>::to_vec).collect()
}

pub fn fields_has(call: &mut Call<'_>, this: This, name: String) -> bool {
    call.resource(&this).0.has(&name)
}

pub fn fields_set(
    call: &mut Call<'_>,
    this: This,
    name: String,
    value: Vec<Vec<u8>>,
) -> Result<()> {
    let result = call.resource(&this).0.set(&name, value);
    answer(call, result)
}

pub fn fields_delete(call: &mut Call<'_>, this: This, name: String) -> Result<()> {
    let result = call.resource(&this).0.delete(&name);
    answer(call, result.map(drop))
}

pub fn fields_append(call: &mut Call<'_>, this: This, name: String, value: Vec<u8>) -> Result<()> {
    let result = call.resource(&this).0.append(&name, value);
    answer(call, result)
}

pub fn fields_entries(call: &mut Call<'_>, this: This) -> Vec<(String, Vec<u8>)> {
    let fields = call.resource(&this).0.iter();
    fields
        .map(|field| (String::from(&*field.name), field.value.clone()))
        .collect()
}

pub fn fields_clone(call: &mut Call<'_>, this: This) -> Own<Fields> {
    let copy = call.resource(&this).0.to_mutable();
    call.push(Fields(copy))
}
