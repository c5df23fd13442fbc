//! The resource `fields`.

use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::{self, FieldsError};
use crate::variant;

/// The resource `fields`, also called `headers` and `trailers`.
pub struct Fields(pub http::Fields);

impl Resource for Fields {
    const INTERFACE: &'static str = "wasi:http/types";
    const NAME: &'static str = "fields";
    const IS_P3: bool = true;
}

variant! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum HeaderError { InvalidSyntax, Forbidden, Immutable, SizeExceeded, Other(Option<String>) }
}

impl From<FieldsError> for HeaderError {
    fn from(error: FieldsError) -> HeaderError {
        match error {
            FieldsError::InvalidSyntax => HeaderError::InvalidSyntax,
            FieldsError::Forbidden => HeaderError::Forbidden,
            FieldsError::Immutable => HeaderError::Immutable,
            FieldsError::TooLarge => HeaderError::SizeExceeded,
        }
    }
}

type This = Borrow<Fields>;
type Result<T> = std::result::Result<T, HeaderError>;

pub fn fields_constructor(call: &mut Call<'_>) -> Own<Fields> {
    call.push(Fields(http::Fields::default()))
}

pub fn fields_from_list(
    call: &mut Call<'_>,
    entries: Vec<(String, Vec<u8>)>,
) -> Result<Own<Fields>> {
    let fields = http::Fields::from_list(entries)?;
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
    Ok(call.resource(&this).0.set(&name, value)?)
}

pub fn fields_delete(call: &mut Call<'_>, this: This, name: String) -> Result<()> {
    call.resource(&this).0.delete(&name)?;
    Ok(())
}

pub fn fields_get_and_delete(
    call: &mut Call<'_>,
    this: This,
    name: String,
) -> Result<Vec<Vec<u8>>> {
    Ok(call.resource(&this).0.delete(&name)?)
}

pub fn fields_append(call: &mut Call<'_>, this: This, name: String, value: Vec<u8>) -> Result<()> {
    Ok(call.resource(&this).0.append(&name, value)?)
}

pub fn fields_copy_all(call: &mut Call<'_>, this: This) -> Vec<(String, Vec<u8>)> {
    let fields = call.resource(&this).0.iter();
    fields
        .map(|field| (String::from(&*field.name), field.value.clone()))
        .collect()
}

pub fn fields_clone(call: &mut Call<'_>, this: This) -> Own<Fields> {
    let copy = call.resource(&this).0.to_mutable();
    call.push(Fields(copy))
}
