//! Buckets of pairs: in memory, or in a file that lasts.
//!
//! What keeps them in a file is reached through [`provide`], so that a program without one is linked
//! without it.

pub mod file;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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

    /// Adds to a number, which is 0 where there is none; gives the sum.
    ///
    /// # Errors
    /// Where the value is no number, or the sum would be too large; and as [`Bucket::get`].
    fn increment(&self, key: &str, delta: u64) -> Result<u64>;
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

    fn increment(&self, key: &str, delta: u64) -> Result<u64> {
        let mut pairs = self.0.borrow_mut();
        let sum = sum(pairs.get(key).map(|value| &**value), delta)?;
        pairs.insert(key.to_owned(), sum.to_string().into_bytes());
        Ok(sum)
    }
}

/// A number is kept in decimal digits, as Wasmtime does.
fn sum(value: Option<&[u8]>, delta: u64) -> Result<u64> {
    let other = |text: &str| Error::Other(text.to_owned());
    let digits =
        str::from_utf8(value.unwrap_or(b"0")).map_err(|_| other("the value is no text"))?;
    let number: u64 = digits
        .parse()
        .map_err(|_| other("the value is no number"))?;
    number
        .checked_add(delta)
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
            assert_eq!(bucket.increment("x", 41), Ok(42));
            assert_eq!(bucket.increment("new", 0), Ok(0));
            assert_eq!(bucket.get("x"), Ok(Some(b"42".to_vec())));
            for (key, delta) in [("", 1), ("x", u64::MAX)] {
                assert!(matches!(bucket.increment(key, delta), Err(Error::Other(_))));
            }
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
