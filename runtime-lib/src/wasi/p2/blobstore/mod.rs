//! `wasi:blobstore`, version 0.2.0-draft: containers of objects in a directory that the build has
//! named.
//!
//! A container is looked for by its name in each call, so one that was removed meanwhile is not
//! there. Where the document is silent, `docs/drafts.md` says what happens.
#![allow(clippy::result_unit_err, reason = "a `result` of WIT need not say why")]

mod streams;
mod values;

use std::rc::Rc;

use crate::component::{Borrow, Call, Own, Resource};
use crate::host::blobstore::{self, Object, Place, Store};
use crate::record;
use crate::vm::process::{draft_policy, optional_text};

pub use values::{
    IncomingValue, OutgoingValue, incoming_value_consume_async, incoming_value_consume_sync,
    incoming_value_size, outgoing_value_finish, outgoing_value_new, outgoing_value_write_body,
};

/// What functions return: `error` is a text.
type Answer<T> = Result<T, String>;

const NOT_GRANTED: &str = "the program was granted no directory for containers: `-S blobstore-dir=DIR` \
                           of the build does that";

/// `container`.
pub struct Container {
    name: String,
}

/// `stream-object-names`: all names of a container at one moment.
pub struct Names {
    names: Vec<String>,
    next: usize,
}

impl Resource for Container {
    const INTERFACE: &'static str = "wasi:blobstore/container";
    const NAME: &'static str = "container";
}

impl Resource for Names {
    const INTERFACE: &'static str = "wasi:blobstore/container";
    const NAME: &'static str = "stream-object-names";
}

record! {
    /// `container-metadata`; the time in seconds since 1970.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct ContainerMetadata {
        name: String,
        created_at: u64,
    }
}

record! {
    /// `object-metadata`; the time in seconds since 1970, the size in bytes.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct ObjectMetadata {
        name: String,
        container: String,
        created_at: u64,
        size: u64,
    }
}

record! {
    /// `object-id`.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct ObjectId {
        container: String,
        object: String,
    }
}

/// The directory, once it is open.
#[derive(Default)]
struct Opened(Option<Rc<Store>>);

fn store(call: &mut Call<'_>) -> Answer<Rc<Store>> {
    let Opened(opened) = call.resources().singleton::<Opened>();
    if let Some(store) = opened {
        return Ok(Rc::clone(store));
    }
    let path = optional_text(&draft_policy().blobs).ok_or_else(|| NOT_GRANTED.to_owned())?;
    let store = Rc::new(Store::open(path).map_err(text)?);
    *opened = Some(Rc::clone(&store));
    Ok(store)
}

#[allow(clippy::needless_pass_by_value, reason = "`map_err` passes values")]
fn text(error: blobstore::Error) -> String {
    error.text()
}

fn place(id: &ObjectId) -> Answer<Place> {
    Place::new(&id.container, &id.object).map_err(text)
}

/// `create-container`.
pub fn create_container(call: &mut Call<'_>, name: String) -> Answer<Own<Container>> {
    store(call)?.create(&name).map_err(text)?;
    Ok(call.push(Container { name }))
}

/// `get-container`.
pub fn get_container(call: &mut Call<'_>, name: String) -> Answer<Own<Container>> {
    store(call)?.container(&name).map_err(text)?;
    Ok(call.push(Container { name }))
}

/// `delete-container`.
pub fn delete_container(call: &mut Call<'_>, name: String) -> Answer<()> {
    store(call)?.delete(&name).map_err(text)
}

/// `container-exists`.
pub fn container_exists(call: &mut Call<'_>, name: String) -> Answer<bool> {
    match store(call)?.container(&name) {
        Ok(_) => Ok(true),
        Err(blobstore::Error::NoContainer) => Ok(false),
        Err(error) => Err(error.text()),
    }
}

/// `copy-object`.
pub fn copy_object(call: &mut Call<'_>, src: ObjectId, dest: ObjectId) -> Answer<()> {
    let store = store(call)?;
    store.copy(&place(&src)?, &place(&dest)?).map_err(text)
}

/// `move-object`.
pub fn move_object(call: &mut Call<'_>, src: ObjectId, dest: ObjectId) -> Answer<()> {
    let store = store(call)?;
    store.rename(&place(&src)?, &place(&dest)?).map_err(text)
}

type This = Borrow<Container>;

fn container(call: &mut Call<'_>, this: This) -> Answer<blobstore::Container> {
    let store = store(call)?;
    store.container(&call.resource(&this).name).map_err(text)
}

/// `container.name`.
pub fn container_name(call: &mut Call<'_>, this: This) -> Answer<String> {
    Ok(call.resource(&this).name.clone())
}

/// `container.info`.
pub fn container_info(call: &mut Call<'_>, this: This) -> Answer<ContainerMetadata> {
    let created_at = container(call, this)?.created().map_err(text)?;
    let name = call.resource(&this).name.clone();
    Ok(ContainerMetadata { name, created_at })
}

/// `container.get-data`: of the bytes from `start` to `end`, that one too, those that there are.
pub fn container_get_data(
    call: &mut Call<'_>,
    this: This,
    name: String,
    start: u64,
    end: u64,
) -> Answer<Own<IncomingValue>> {
    if start > end {
        return Err(String::from("the range ends before it starts"));
    }
    let Object { file, bytes } = container(call, this)?.open(&name).map_err(text)?;
    let end = bytes.min(end.saturating_add(1));
    Ok(call.push(IncomingValue::new(file, start.min(end)..end)))
}

/// `container.write-data`: the object is there when the value is finished.
pub fn container_write_data(
    call: &mut Call<'_>,
    this: This,
    name: String,
    data: Borrow<OutgoingValue>,
) -> Answer<()> {
    container(call, this)?;
    let place = Place::new(&call.resource(&this).name, &name).map_err(text)?;
    call.resource(&data).add(place)
}

/// `container.list-objects`.
pub fn container_list_objects(call: &mut Call<'_>, this: This) -> Answer<Own<Names>> {
    let names = container(call, this)?.names().map_err(text)?;
    Ok(call.push(Names { names, next: 0 }))
}

/// `container.delete-object`.
pub fn container_delete_object(call: &mut Call<'_>, this: This, name: String) -> Answer<()> {
    container(call, this)?.remove(&[name]).map_err(text)
}

/// `container.delete-objects`.
pub fn container_delete_objects(call: &mut Call<'_>, this: This, names: Vec<String>) -> Answer<()> {
    container(call, this)?.remove(&names).map_err(text)
}

/// `container.has-object`.
pub fn container_has_object(call: &mut Call<'_>, this: This, name: String) -> Answer<bool> {
    match container(call, this)?.stat(&name) {
        Ok(_) => Ok(true),
        Err(blobstore::Error::NoObject) => Ok(false),
        Err(error) => Err(error.text()),
    }
}

/// `container.object-info`.
pub fn container_object_info(
    call: &mut Call<'_>,
    this: This,
    name: String,
) -> Answer<ObjectMetadata> {
    let stat = container(call, this)?.stat(&name).map_err(text)?;
    Ok(ObjectMetadata {
        name,
        container: call.resource(&this).name.clone(),
        created_at: u64::try_from(stat.modified.seconds).unwrap_or(0),
        size: stat.size,
    })
}

/// `container.clear`.
pub fn container_clear(call: &mut Call<'_>, this: This) -> Answer<()> {
    let container = container(call, this)?;
    let names = container.names().map_err(text)?;
    container.remove(&names).map_err(text)
}

impl Names {
    /// The next names, at most so many, and whether there are no more behind them.
    fn take(&mut self, count: u64) -> (&mut [String], bool) {
        let rest = self.names.get_mut(self.next..).unwrap_or_default();
        let taken = usize::try_from(count).map_or(rest.len(), |count| count.min(rest.len()));
        self.next += taken;
        let is_end = taken == rest.len();
        (rest.get_mut(..taken).unwrap_or_default(), is_end)
    }
}

/// `stream-object-names.read-stream-object-names`.
pub fn names_read(
    call: &mut Call<'_>,
    this: Borrow<Names>,
    len: u64,
) -> Answer<(Vec<String>, bool)> {
    let (names, is_end) = call.resource(&this).take(len);
    Ok((names.iter_mut().map(std::mem::take).collect(), is_end))
}

/// `stream-object-names.skip-stream-object-names`.
pub fn names_skip(call: &mut Call<'_>, this: Borrow<Names>, num: u64) -> Answer<(u64, bool)> {
    let (names, is_end) = call.resource(&this).take(num);
    Ok((names.len() as u64, is_end))
}
