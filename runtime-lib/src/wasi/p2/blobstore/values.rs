//! What is written to objects and read from them.

use std::ops::Range;
use std::rc::{Rc, Weak};

use wasmelt_abi::TrapCode;

use super::streams::{BlobInput, BlobOutput, Body};
use super::{Answer, store, text};
use crate::component::{Borrow, Bytes, Call, Own, Resource};
use crate::host::blobstore::Place;
use crate::host::file::File;
use crate::wasi::p2::streams::{Input, Output};

/// One value becomes at most so many objects.
const PLACES_MAX: usize = 1000;

/// A list of the canonical ABI has no more bytes.
const SYNC_BYTES_MAX: u64 = (1 << 28) - 1;

/// `outgoing-value`.
pub struct OutgoingValue {
    body: Rc<Body>,
    /// Once the guest has asked for it.
    stream: Option<Weak<BlobOutput>>,
    /// What it becomes when it is finished.
    places: Vec<Place>,
}

/// `incoming-value`: a part of an object.
pub struct IncomingValue {
    file: File,
    range: Range<u64>,
}

impl Resource for OutgoingValue {
    const INTERFACE: &'static str = "wasi:blobstore/types";
    const NAME: &'static str = "outgoing-value";

    fn forbids_drop(&self) -> Option<TrapCode> {
        self.has_stream().then_some(TrapCode::ChildrenRemain)
    }
}

impl Resource for IncomingValue {
    const INTERFACE: &'static str = "wasi:blobstore/types";
    const NAME: &'static str = "incoming-value";
}

impl OutgoingValue {
    fn has_stream(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.strong_count() > 0)
    }

    pub(super) fn add(&mut self, place: Place) -> Answer<()> {
        if self.places.len() == PLACES_MAX {
            return Err(format!(
                "a value is written to more than {PLACES_MAX} objects"
            ));
        }
        self.places.push(place);
        Ok(())
    }
}

impl IncomingValue {
    pub(super) fn new(file: File, range: Range<u64>) -> IncomingValue {
        IncomingValue { file, range }
    }

    fn bytes(&self) -> u64 {
        self.range.end - self.range.start
    }
}

/// `outgoing-value.new-outgoing-value`. That there is no directory is said by what uses it.
pub fn outgoing_value_new(call: &mut Call<'_>) -> Own<OutgoingValue> {
    let store = store(call).ok();
    call.push(OutgoingValue {
        body: Rc::new(Body::new(store)),
        stream: None,
        places: Vec::new(),
    })
}

/// `outgoing-value.outgoing-value-write-body`.
pub fn outgoing_value_write_body(
    call: &mut Call<'_>,
    this: Borrow<OutgoingValue>,
) -> Result<Own<Output>, ()> {
    let value = call.resource(&this);
    if value.stream.is_some() {
        return Err(());
    }
    let stream = Rc::new(BlobOutput::new(&value.body));
    value.stream = Some(Rc::downgrade(&stream));
    let stream: Output = stream;
    Ok(call.push(stream))
}

/// `outgoing-value.finish`: the objects are there, and on the disk, when it returns.
pub fn outgoing_value_finish(call: &mut Call<'_>, this: Own<OutgoingValue>) -> Answer<()> {
    let value = call.take(this);
    if value.has_stream() {
        call.trap(TrapCode::ChildrenRemain);
    }
    if value.places.is_empty() {
        return Ok(());
    }
    let draft = value.body.finish().map_err(|error| text(error.into()))?;
    draft.put_all(&value.places).map_err(text)
}

/// `incoming-value.incoming-value-consume-sync`.
pub fn incoming_value_consume_sync(call: &mut Call<'_>, this: Own<IncomingValue>) -> Answer<Bytes> {
    let value = call.take(this);
    let bytes = value.bytes();
    if bytes > SYNC_BYTES_MAX {
        let error = "a list cannot have as many bytes: `incoming-value-consume-async` can";
        return Err(String::from(error));
    }
    let list = call.allocate_bytes(bytes as u32);
    let mut position = value.range.start;
    let mut rest = list.of_mut(call.memory());
    while !rest.is_empty() {
        match value.file.read_into_at(rest, position) {
            Ok(0) => return Err(String::from("the file has been cut off")),
            Ok(count) => {
                position += count as u64;
                rest = rest.get_mut(count..).unwrap_or_default();
            }
            Err(error) => return Err(text(error.into())),
        }
    }
    Ok(list)
}

/// `incoming-value.incoming-value-consume-async`.
pub fn incoming_value_consume_async(
    call: &mut Call<'_>,
    this: Own<IncomingValue>,
) -> Answer<Own<Input>> {
    let IncomingValue { file, range } = call.take(this);
    let stream: Input = Rc::new(BlobInput::new(file, range));
    Ok(call.push(stream))
}

/// `incoming-value.size`.
pub fn incoming_value_size(call: &mut Call<'_>, this: Borrow<IncomingValue>) -> u64 {
    call.resource(&this).bytes()
}
