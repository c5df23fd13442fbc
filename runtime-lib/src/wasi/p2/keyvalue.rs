//! `wasi:keyvalue`, version 0.2.0-draft: buckets that the build has named, beside one without a name.
//!
//! In memory they belong to the store: in a server a request sees nothing of others. Differs from
//! Wasmtime in that a bucket that is opened twice is one bucket.

use std::collections::HashMap;
use std::rc::Rc;

use crate::component::{Borrow, Bytes, Call, Own, Resource};
use crate::host::keyvalue::{self, InMemory};
use crate::vm::process::{draft_policy, items, optional_text};
use crate::{record, variant};

/// `bucket`.
pub struct Bucket(Rc<dyn keyvalue::Bucket>);

impl Resource for Bucket {
    const INTERFACE: &'static str = "wasi:keyvalue/store";
    const NAME: &'static str = "bucket";
}

variant! {
    /// `error`.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum Error {
        NoSuchStore,
        AccessDenied,
        Other(String),
    }
}

record! {
    /// `key-response`.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct KeyResponse {
        keys: Vec<String>,
        cursor: Option<u64>,
    }
}

impl From<keyvalue::Error> for Error {
    fn from(error: keyvalue::Error) -> Error {
        match error {
            keyvalue::Error::NoSuchStore => Error::NoSuchStore,
            keyvalue::Error::Other(text) => Error::Other(text),
        }
    }
}

type Answer<T> = Result<T, Error>;

/// The buckets of a store that are in memory.
#[derive(Default)]
struct Buckets(HashMap<String, Rc<dyn keyvalue::Bucket>>);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `open`.
///
/// # Errors
/// `no-such-store` for names that the build has not named.
pub fn open(call: &mut Call<'_>, identifier: String) -> Answer<Own<Bucket>> {
    let policy = draft_policy();
    let mut named = items(&policy.buckets).iter().map(items);
    if !identifier.is_empty() && named.all(|name| name != identifier.as_bytes()) {
        return Err(Error::NoSuchStore);
    }
    if let (Some(file), Some(provide)) = (optional_text(&policy.file), policy.provide_file) {
        provide();
        let bucket = keyvalue::open(&text(file), &identifier)?;
        return Ok(call.push(Bucket(bucket)));
    }
    let Buckets(buckets) = call.resources().singleton::<Buckets>();
    let bucket = buckets.entry(identifier).or_insert_with_key(|name| {
        let pairs = items(&policy.pairs).iter().filter(|_| name.is_empty());
        let pairs = pairs.map(|pair| (text(items(&pair.name)), items(&pair.value).to_vec()));
        Rc::new(InMemory::new(pairs))
    });
    let bucket = Rc::clone(bucket);
    Ok(call.push(Bucket(bucket)))
}

fn bucket(call: &mut Call<'_>, this: Borrow<Bucket>) -> Rc<dyn keyvalue::Bucket> {
    Rc::clone(&call.resource(&this).0)
}

/// `bucket.get`.
pub fn bucket_get(
    call: &mut Call<'_>,
    this: Borrow<Bucket>,
    key: String,
) -> Answer<Option<Vec<u8>>> {
    Ok(bucket(call, this).get(&key)?)
}

/// `bucket.set`.
pub fn bucket_set(
    call: &mut Call<'_>,
    this: Borrow<Bucket>,
    key: String,
    value: Bytes,
) -> Answer<()> {
    let value = value.of(call.memory()).to_vec();
    Ok(bucket(call, this).set(&[(key, value)])?)
}

/// `bucket.delete`.
pub fn bucket_delete(call: &mut Call<'_>, this: Borrow<Bucket>, key: String) -> Answer<()> {
    Ok(bucket(call, this).delete(&[key])?)
}

/// `bucket.exists`.
pub fn bucket_exists(call: &mut Call<'_>, this: Borrow<Bucket>, key: String) -> Answer<bool> {
    Ok(bucket(call, this).get(&key)?.is_some())
}

/// `bucket.list-keys`: all of them at once, behind as many as the cursor says.
pub fn bucket_list_keys(
    call: &mut Call<'_>,
    this: Borrow<Bucket>,
    cursor: Option<u64>,
) -> Answer<KeyResponse> {
    let mut keys = bucket(call, this).keys()?;
    let skipped = usize::try_from(cursor.unwrap_or(0)).map_or(keys.len(), |n| n.min(keys.len()));
    keys.drain(..skipped);
    Ok(KeyResponse { keys, cursor: None })
}

/// `atomics.increment`.
pub fn increment(
    call: &mut Call<'_>,
    this: Borrow<Bucket>,
    key: String,
    delta: u64,
) -> Answer<u64> {
    Ok(bucket(call, this).increment(&key, delta)?)
}

/// A pair, as it is lifted and lowered.
type Pair = (String, Vec<u8>);

/// `batch.get-many`.
pub fn get_many(
    call: &mut Call<'_>,
    this: Borrow<Bucket>,
    keys: Vec<String>,
) -> Answer<Vec<Option<Pair>>> {
    let bucket = bucket(call, this);
    let pairs = keys.into_iter().map(|key| {
        let value = bucket.get(&key)?;
        Ok(value.map(|value| (key, value)))
    });
    pairs.collect()
}

/// `batch.set-many`.
pub fn set_many(call: &mut Call<'_>, this: Borrow<Bucket>, pairs: Vec<Pair>) -> Answer<()> {
    Ok(bucket(call, this).set(&pairs)?)
}

/// `batch.delete-many`.
pub fn delete_many(call: &mut Call<'_>, this: Borrow<Bucket>, keys: Vec<String>) -> Answer<()> {
    Ok(bucket(call, this).delete(&keys)?)
}
