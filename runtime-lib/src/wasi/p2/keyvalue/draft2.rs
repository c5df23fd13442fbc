//! What 0.2.0-draft2 has otherwise than 0.2.0-draft, or has alone.

use std::rc::Rc;

use super::{Answer, Bucket2, Error, Opened};
use crate::component::{Borrow, Bytes, Call, Own, Resource};
use crate::host::keyvalue::{self, Bucket};
use crate::{record, variant};

/// `cas`: a value that was seen.
pub struct Cas {
    bucket: Rc<dyn Bucket>,
    key: String,
    seen: Option<Vec<u8>>,
}

impl Resource for Cas {
    const INTERFACE: &'static str = "wasi:keyvalue-draft2/atomics";
    const NAME: &'static str = "cas";
}

variant! {
    /// `cas-error`.
    pub enum CasError {
        StoreError(Error),
        CasFailed(Own<Cas>),
    }
}

record! {
    /// `key-response`.
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct KeyResponse {
        keys: Vec<String>,
        cursor: Option<String>,
    }
}

/// `bucket.list-keys`: all of them at once, behind the one that the cursor names.
pub fn bucket_list_keys2(
    call: &mut Call<'_>,
    this: Borrow<Bucket2>,
    cursor: Option<String>,
) -> Answer<KeyResponse> {
    let mut keys = call.resource(&this).bucket().keys()?;
    keys.retain(|key| Some(key) > cursor.as_ref());
    Ok(KeyResponse { keys, cursor: None })
}

/// `atomics.increment`.
pub fn increment2(
    call: &mut Call<'_>,
    this: Borrow<Bucket2>,
    key: String,
    delta: i64,
) -> Answer<i64> {
    let bucket = call.resource(&this).bucket();
    let numbers = i64::MIN.into()..=i64::MAX.into();
    let sum = keyvalue::increment(&*bucket, &key, delta.into(), &numbers)?;
    Ok(sum as i64)
}

/// `cas.new`.
pub fn cas_new(call: &mut Call<'_>, bucket: Borrow<Bucket2>, key: String) -> Answer<Own<Cas>> {
    let bucket = call.resource(&bucket).bucket();
    let seen = bucket.get(&key)?;
    Ok(call.push(Cas { bucket, key, seen }))
}

/// `cas.current`: the value that `swap` compares with.
pub fn cas_current(call: &mut Call<'_>, this: Borrow<Cas>) -> Answer<Option<Vec<u8>>> {
    Ok(call.resource(&this).seen.clone())
}

/// `atomics.swap`.
pub fn swap(call: &mut Call<'_>, cas: Own<Cas>, value: Bytes) -> Result<(), CasError> {
    let Cas { bucket, key, seen } = call.take(cas);
    let value = value.of(call.memory()).to_vec();
    match keyvalue::swap(&*bucket, &key, seen.as_deref(), &value) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(seen)) => Err(CasError::CasFailed(call.push(Cas { bucket, key, seen }))),
        Err(error) => Err(CasError::StoreError(error.into())),
    }
}
