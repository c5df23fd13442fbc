//! `wasi:keyvalue`, versions 0.2.0-draft and 0.2.0-draft2: buckets that the build has named, beside
//! one without a name. Both versions have the same; what only one has says so.
//!
//! In memory they belong to the store: in a server a request sees nothing of others. Differs from
//! Wasmtime in that a bucket that is opened twice is one bucket.

mod draft2;

use std::collections::HashMap;
use std::rc::Rc;

use crate::component::{Borrow, Bytes, Call, Own, Resource};
use crate::host::keyvalue::{self, InMemory};
use crate::vm::process::{draft_policy, items, optional_text};
use crate::{record, variant};

pub use draft2::{Cas, bucket_list_keys2, cas_current, cas_new, increment2, swap};

/// `bucket` of a version.
pub trait Opened: Resource {
    fn new(bucket: Rc<dyn keyvalue::Bucket>) -> Self;
    fn bucket(&self) -> Rc<dyn keyvalue::Bucket>;
}

macro_rules! buckets {
    ($($(#[$meta:meta])* $name:ident $interface:literal;)*) => {
        $(
            $(#[$meta])*
            pub struct $name(Rc<dyn keyvalue::Bucket>);

            impl Resource for $name {
                const INTERFACE: &'static str = $interface;
                const NAME: &'static str = "bucket";
            }

            impl Opened for $name {
                fn new(bucket: Rc<dyn keyvalue::Bucket>) -> $name {
                    $name(bucket)
                }

                fn bucket(&self) -> Rc<dyn keyvalue::Bucket> {
                    Rc::clone(&self.0)
                }
            }
        )*
    };
}

buckets! {
    /// `bucket` of 0.2.0-draft.
    Bucket "wasi:keyvalue/store";
    /// `bucket` of 0.2.0-draft2.
    Bucket2 "wasi:keyvalue-draft2/store";
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
    /// `key-response` of 0.2.0-draft.
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
pub fn open<B: Opened>(call: &mut Call<'_>, identifier: String) -> Answer<Own<B>> {
    let policy = draft_policy();
    let mut named = items(&policy.buckets).iter().map(items);
    if !identifier.is_empty() && named.all(|name| name != identifier.as_bytes()) {
        return Err(Error::NoSuchStore);
    }
    if let (Some(file), Some(provide)) = (optional_text(&policy.file), policy.provide_file) {
        provide();
        let bucket = keyvalue::open(&text(file), &identifier)?;
        return Ok(call.push(B::new(bucket)));
    }
    let Buckets(buckets) = call.resources().singleton::<Buckets>();
    let bucket = buckets.entry(identifier).or_insert_with_key(|name| {
        let pairs = items(&policy.pairs).iter().filter(|_| name.is_empty());
        let pairs = pairs.map(|pair| (text(items(&pair.name)), items(&pair.value).to_vec()));
        Rc::new(InMemory::new(pairs))
    });
    let bucket = Rc::clone(bucket);
    Ok(call.push(B::new(bucket)))
}

fn bucket<B: Opened>(call: &mut Call<'_>, this: Borrow<B>) -> Rc<dyn keyvalue::Bucket> {
    call.resource(&this).bucket()
}

/// `bucket.get`.
pub fn bucket_get<B: Opened>(
    call: &mut Call<'_>,
    this: Borrow<B>,
    key: String,
) -> Answer<Option<Vec<u8>>> {
    Ok(bucket(call, this).get(&key)?)
}

/// `bucket.set`.
pub fn bucket_set<B: Opened>(
    call: &mut Call<'_>,
    this: Borrow<B>,
    key: String,
    value: Bytes,
) -> Answer<()> {
    let value = value.of(call.memory()).to_vec();
    Ok(bucket(call, this).set(&[(key, value)])?)
}

/// `bucket.delete`.
pub fn bucket_delete<B: Opened>(call: &mut Call<'_>, this: Borrow<B>, key: String) -> Answer<()> {
    Ok(bucket(call, this).delete(&[key])?)
}

/// `bucket.exists`.
pub fn bucket_exists<B: Opened>(call: &mut Call<'_>, this: Borrow<B>, key: String) -> Answer<bool> {
    Ok(bucket(call, this).get(&key)?.is_some())
}

/// `bucket.list-keys` of 0.2.0-draft: all of them at once, behind as many as the cursor says.
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

/// `atomics.increment` of 0.2.0-draft.
pub fn increment(
    call: &mut Call<'_>,
    this: Borrow<Bucket>,
    key: String,
    delta: u64,
) -> Answer<u64> {
    let numbers = 0..=u64::MAX.into();
    let sum = keyvalue::increment(&*bucket(call, this), &key, delta.into(), &numbers)?;
    Ok(sum as u64)
}

/// A pair, as it is lifted and lowered.
type Pair = (String, Vec<u8>);

/// `batch.get-many`.
pub fn get_many<B: Opened>(
    call: &mut Call<'_>,
    this: Borrow<B>,
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
pub fn set_many<B: Opened>(call: &mut Call<'_>, this: Borrow<B>, pairs: Vec<Pair>) -> Answer<()> {
    Ok(bucket(call, this).set(&pairs)?)
}

/// `batch.delete-many`.
pub fn delete_many<B: Opened>(
    call: &mut Call<'_>,
    this: Borrow<B>,
    keys: Vec<String>,
) -> Answer<()> {
    Ok(bucket(call, this).delete(&keys)?)
}
