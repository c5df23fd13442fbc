//! Containers of objects in a directory of the host: a container is a directory there, an object a
//! file in it.
//!
//! An object is never written to: what is new is a temporary file, which is on the disk before it
//! takes the object's name. So whoever looks finds all of it or what was there before, and whoever
//! has an object open reads on in what it was. Whoever writes a temporary file has it locked: that of
//! a process that was killed is removed when another one opens the store, where there are such locks.

mod container;
mod directories;
mod error;
mod names;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use super::directory::Directory;
use super::fd::above_streams;
use super::file::File;
use super::open::Open;
use super::stat::FileType;
use super::{Descriptor, random};
use crate::sys;

use directories::{DEPTH_MAX, DIRECTORY, READ};
use directories::{is_missing, remove_all, remove_parents, sync_names, within_parents};

pub use container::{Container, Object};
pub use error::{Error, Result};

/// Bytes that are copied at a time.
const COPIED_BYTES: usize = 256 * 1024;

/// All containers.
pub struct Store {
    root: Directory,
}

/// An object: the path of its container, its own there.
pub struct Place {
    container: String,
    object: String,
}

impl Place {
    /// # Errors
    /// [`Error::NameTooLong`].
    pub fn new(container: &str, object: &str) -> Result<Place> {
        Ok(Place {
            container: names::to_path(container)?,
            object: names::to_path(object)?,
        })
    }
}

impl Store {
    /// # Errors
    /// [`Error::NoStore`].
    pub fn open(path: &[u8]) -> Result<Store> {
        let open = || -> super::Result<Directory> {
            let fd = sys::fs::open_directory(sys::fs::path(path)?)?;
            Ok(Directory::new(above_streams(fd)?, false))
        };
        let root = open().map_err(Error::NoStore)?;
        // It is rubbish where that fails.
        let _ = remove_left(&root);
        Ok(Store { root })
    }

    fn directory(&self, path: &str) -> Result<Directory> {
        match self.root.open(Path::new(path), DIRECTORY) {
            Ok(Descriptor::Directory(directory)) => Ok(directory),
            Ok(_) => Err(Error::NoContainer),
            Err(error) if is_missing(error) => Err(Error::NoContainer),
            Err(error) => Err(error.into()),
        }
    }

    /// # Errors
    /// [`Error::NoContainer`], otherwise the system's; so for all of the following.
    pub fn container(&self, name: &str) -> Result<Container> {
        let directory = self.directory(&names::to_path(name)?)?;
        Ok(Container { directory })
    }

    /// # Errors
    /// [`Error::ContainerExists`].
    pub fn create(&self, name: &str) -> Result<Container> {
        let path = names::to_path(name)?;
        let make = || self.root.create_directory(Path::new(&path));
        match within_parents(&self.root, &path, make) {
            Ok(()) => sync_names(&self.root, &path)?,
            Err(super::Error::Exist) => return Err(Error::ContainerExists),
            Err(error) => return Err(error.into()),
        }
        self.container(name)
    }

    /// Removes a container with everything in it. It is gone at once: it gets another name first.
    ///
    /// # Errors
    /// As above.
    pub fn delete(&self, name: &str) -> Result<()> {
        let path = names::to_path(name)?;
        // What is no directory is no container.
        self.directory(&path)?;
        let removed = temporary_name()?;
        let (from, to) = (Path::new(&path), Path::new(&removed));
        match self.root.rename(from, &self.root, to) {
            Ok(()) => {}
            Err(error) if is_missing(error) => return Err(Error::NoContainer),
            Err(error) => return Err(error.into()),
        }
        remove_parents(&self.root, &path);
        remove_all(&self.root, &removed, DEPTH_MAX)?;
        Ok(self.root.sync(true)?)
    }

    /// A file that is to become an object.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(self: &Rc<Store>) -> super::Result<Draft> {
        loop {
            if let Some(draft) = self.try_begin()? {
                return Ok(draft);
            }
        }
    }

    /// Nothing if another process has taken the file for one that was left.
    fn try_begin(self: &Rc<Store>) -> super::Result<Option<Draft>> {
        let name = temporary_name()?;
        let open = Open {
            create: true,
            exclusive: true,
            write: true,
            nonblocking: false,
            ..READ
        };
        let Descriptor::File(file) = self.root.open(Path::new(&name), open)? else {
            return Err(super::Error::Io);
        };
        match sys::fs::lock_now(&file) {
            Ok(false) => return Ok(None),
            Ok(true) if sys::fs::fstat(&file)?.st_nlink == 0 => return Ok(None),
            // Where there are no locks, nobody removes what was left.
            Ok(true) | Err(_) => {}
        }
        Ok(Some(Draft {
            store: Rc::clone(self),
            name,
            file,
            is_named: Cell::new(true),
        }))
    }

    /// # Errors
    /// Also [`Error::NoObject`].
    pub fn copy(self: &Rc<Store>, from: &Place, to: &Place) -> Result<()> {
        let object = self.directory(&from.container)?;
        let object = Container { directory: object }.at(&from.object)?;
        self.directory(&to.container)?;
        let draft = self.begin()?;
        draft.fill(&object.file)?;
        draft.put(to)
    }

    /// # Errors
    /// As [`Store::copy`].
    pub fn rename(&self, from: &Place, to: &Place) -> Result<()> {
        let old = self.directory(&from.container)?;
        let new = self.directory(&to.container)?;
        // What is no file is no object.
        let old = Container { directory: old };
        old.stat_at(&from.object)?;
        let (from_path, to_path) = (Path::new(&from.object), Path::new(&to.object));
        within_parents(&new, &to.object, || {
            old.directory.rename(from_path, &new, to_path)
        })
        .map_err(|error| match error {
            super::Error::NoEntry => Error::NoObject,
            error => error.into(),
        })?;
        remove_parents(&old.directory, &from.object);
        sync_names(&new, &to.object)?;
        Ok(old.directory.sync(true)?)
    }
}

/// A name that no container has: `%` would be an escape there.
fn temporary_name() -> super::Result<String> {
    let mut number = [0; 16];
    random::fill(&mut number)?;
    Ok(format!("{TEMPORARY}{:032x}", u128::from_le_bytes(number)))
}

/// What such names begin with.
const TEMPORARY: &str = "%.";

/// Removes the temporary files that nobody has open any more who would give them a name.
fn remove_left(root: &Directory) -> super::Result<()> {
    for entry in root.list()?.entries_from(0) {
        let Ok(name) = str::from_utf8(entry.name) else {
            continue;
        };
        if entry.file_type != FileType::RegularFile || !name.starts_with(TEMPORARY) {
            continue;
        }
        let path = Path::new(name);
        if let Ok(Descriptor::File(file)) = root.open(path, READ)
            && let Ok(true) = sys::fs::lock_now(&file)
        {
            // A name is used once: what is locked is it, or it has got another one meanwhile.
            let _ = root.unlink_file(path);
        }
    }
    Ok(())
}

/// A file without a name of its own yet. Dropped, it is gone.
pub struct Draft {
    store: Rc<Store>,
    name: String,
    file: File,
    is_named: Cell<bool>,
}

impl Draft {
    /// Writes to the end.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&self, bytes: &[u8], position: u64) -> super::Result<()> {
        let mut rest = bytes;
        let mut position = position;
        while !rest.is_empty() {
            let written = self.file.write_at(rest, position)?;
            position += written as u64;
            rest = rest
                .get(written..)
                .filter(|_| written > 0)
                .ok_or(super::Error::Io)?;
        }
        Ok(())
    }

    fn fill(&self, from: &File) -> super::Result<()> {
        let mut position = 0;
        loop {
            let bytes = from.read_at(COPIED_BYTES, position)?;
            if bytes.is_empty() {
                return Ok(());
            }
            self.append(&bytes, position)?;
            position += bytes.len() as u64;
            super::buffers::give_back(bytes);
        }
    }

    /// Makes it an object of several names.
    ///
    /// # Errors
    /// [`Error::NoContainer`], otherwise the system's. The names before the one that fails are there.
    pub fn put_all(self, places: &[Place]) -> Result<()> {
        let Some((last, others)) = places.split_last() else {
            return Ok(());
        };
        for place in others {
            let another = self.store.begin()?;
            another.fill(&self.file)?;
            another.put(place)?;
        }
        self.put(last)
    }

    /// Makes it an object, in the place of the one that is there.
    fn put(self, place: &Place) -> Result<()> {
        let container = self.store.directory(&place.container)?;
        self.file.sync_data()?;
        let (from, to) = (Path::new(&self.name), Path::new(&place.object));
        within_parents(&container, &place.object, || {
            self.store.root.rename(from, &container, to)
        })?;
        self.is_named.set(false);
        Ok(sync_names(&container, &place.object)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.is_named.get() {
            // It is rubbish where that fails.
            let _ = self.store.root.unlink_file(Path::new(&self.name));
        }
    }
}
