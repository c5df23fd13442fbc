//! Buckets of pairs: in memory, or in a file that lasts.
//!
//! What keeps them in a file is reached through [`provide`], so that a program without one is linked
//! without it.

pub mod file;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Why a bucket did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// There is no bucket of that name.
    NoSuchStore,
    /// For people.
    Other(String),
}

pub type Result<T> = std::result::Result<T, Error>;

/// Pairs, each under its key. What a call has changed has happened when it returns.
pub trait Bucket {
    /// The value of a key.
    ///
    /// # Errors
    /// What the file's keeper says.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>>;

    /// Sets all of these, or none where that fails.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    fn set(&self, pairs: &[(String, Vec<u8>)]) -> Result<()>;

    /// Removes all of these that are there, or none where that fails.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    fn delete(&self, keys: &[String]) -> Result<()>;

    /// All keys, ascending.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    fn keys(&self) -> Result<Vec<String>>;

    /// Sets a key to what `change` makes of its value, if that makes anything; nobody else changes
    /// it meanwhile.
    ///
    /// # Errors
    /// That of `change`, and as [`Bucket::get`].
    fn update(&self, key: &str, change: &mut Change<'_>) -> Result<()>;
}

/// What becomes of a value.
pub type Change<'a> = dyn FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>> + 'a;

/// Adds to a number, which is 0 where there is none; gives the sum. Before it and behind it, it is
/// within `numbers`.
///
/// # Errors
/// Where the value is no number, or the sum would be too large; and as [`Bucket::get`].
pub fn increment(
    bucket: &dyn Bucket,
    key: &str,
    delta: i128,
    numbers: &RangeInclusive<i128>,
) -> Result<i128> {
    let mut found = 0;
    bucket.update(key, &mut |value| {
        found = sum(value, delta, numbers)?;
        Ok(Some(found.to_string().into_bytes()))
    })?;
    Ok(found)
}

/// Sets a key, if its value is still the one that was `seen`; otherwise gives the one that it has.
///
/// # Errors
/// As [`Bucket::get`].
pub fn swap(
    bucket: &dyn Bucket,
    key: &str,
    seen: Option<&[u8]>,
    value: &[u8],
) -> Result<std::result::Result<(), Option<Vec<u8>>>> {
    let mut outcome = Ok(());
    bucket.update(key, &mut |now| {
        if now == seen {
            return Ok(Some(value.to_vec()));
        }
        outcome = Err(now.map(<[u8]>::to_vec));
        Ok(None)
    })?;
    Ok(outcome)
}

/// A bucket that ends with the program, or the request.
#[derive(Default)]
pub struct InMemory(RefCell<BTreeMap<String, Vec<u8>>>);

impl InMemory {
    pub fn new(pairs: impl Iterator<Item = (String, Vec<u8>)>) -> InMemory {
        InMemory(RefCell::new(pairs.collect()))
    }
}

impl Bucket for InMemory {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn set(&self, pairs: &[(String, Vec<u8>)]) -> Result<()> {
        self.0.borrow_mut().extend(pairs.iter().cloned());
        Ok(())
    }

    fn delete(&self, keys: &[String]) -> Result<()> {
        let mut pairs = self.0.borrow_mut();
        keys.iter().for_each(|key| drop(pairs.remove(key)));
        Ok(())
    }

    fn keys(&self) -> Result<Vec<String>> {
        Ok(self.0.borrow().keys().cloned().collect())
    }

    fn update(&self, key: &str, change: &mut Change<'_>) -> Result<()> {
        let mut pairs = self.0.borrow_mut();
        if let Some(value) = change(pairs.get(key).map(|value| &**value))? {
            pairs.insert(key.to_owned(), value);
        }
        Ok(())
    }
}

/// A number is kept in decimal digits, as Wasmtime does.
fn sum(value: Option<&[u8]>, delta: i128, numbers: &RangeInclusive<i128>) -> Result<i128> {
    let other = |text: &str| Error::Other(text.to_owned());
    let digits =
        str::from_utf8(value.unwrap_or(b"0")).map_err(|_| other("the value is no text"))?;
    let number = digits
        .parse()
        .ok()
        .filter(|number| numbers.contains(number));
    let number: i128 = number.ok_or_else(|| other("the value is no number"))?;
    // Both are of 64 bits.
    Some(number + delta)
        .filter(|sum| numbers.contains(sum))
        .ok_or_else(|| other("the number would be too large"))
}

/// Opens a bucket of the file at a path.
type Open = fn(path: &str, name: &str) -> Result<Rc<dyn Bucket>>;

thread_local! {
    static OPEN: Cell<Option<Open>> = const { Cell::new(None) };
}

/// The thread's buckets are opened so.
pub fn provide(open: Open) {
    OPEN.set(Some(open));
}

/// A bucket of a file.
///
/// # Errors
/// Where the file cannot be opened.
pub fn open(path: &str, name: &str) -> Result<Rc<dyn Bucket>> {
    match OPEN.get() {
        Some(open) => open(path, name),
        None => Err(Error::NoSuchStore),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_do_the_same_wherever_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pairs");
        let path = path.to_str().expect("text");
        file::provide();
        let in_file = open(path, "a").expect("it is made");
        let in_memory: Rc<dyn Bucket> = Rc::new(InMemory::default());
        for bucket in [in_file, in_memory] {
            assert_eq!(bucket.get("x"), Ok(None));
            assert_eq!(bucket.keys(), Ok(vec![]));
            let pairs = [("x", "1"), ("", "no number"), ("y", "")];
            let pairs = pairs.map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()));
            assert_eq!(bucket.set(&pairs), Ok(()));
            assert_eq!(bucket.get("y"), Ok(Some(vec![])));
            let unsigned = 0..=i128::from(u64::MAX);
            let increment = |key, delta| increment(&*bucket, key, delta, &unsigned);
            assert_eq!(increment("x", 41), Ok(42));
            assert_eq!(increment("new", 0), Ok(0));
            assert_eq!(bucket.get("x"), Ok(Some(b"42".to_vec())));
            for (key, delta) in [("", 1), ("x", u64::MAX.into()), ("x", -43)] {
                assert!(matches!(increment(key, delta), Err(Error::Other(_))));
            }
            assert_eq!(swap(&*bucket, "x", Some(b"42"), b"43"), Ok(Ok(())));
            let changed = Err(Some(b"43".to_vec()));
            assert_eq!(swap(&*bucket, "x", Some(b"42"), b"44"), Ok(changed.clone()));
            assert_eq!(swap(&*bucket, "x", None, b"44"), Ok(changed));
            assert_eq!(swap(&*bucket, "none", Some(b""), b"44"), Ok(Err(None)));
            assert_eq!(bucket.get("none"), Ok(None));
            assert_eq!(bucket.delete(&["y".to_owned(), "z".to_owned()]), Ok(()));
            let keys = ["", "new", "x"].map(str::to_owned).to_vec();
            assert_eq!(bucket.keys(), Ok(keys));
        }
        let other = open(path, "b").expect("the file is open");
        assert_eq!(other.keys(), Ok(vec![]));
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("text");
        std::fs::write(&path, "some text").expect("it is ours");
        file::provide();
        let found = std::thread::spawn(move || {
            file::provide();
            open(path.to_str().expect("text"), "").is_err()
        });
        assert!(found.join().expect("no panic"));
    }
}
