//! What is in one container.

use std::path::Path;
use std::time::SystemTime;

use super::directories::{DIRECTORY, READ, is_missing, remove_parents};
use super::error::{Error, Result};
use super::names;
use crate::host::Descriptor;
use crate::host::directory::Directory;
use crate::host::file::File;
use crate::host::stat::{FileType, Stat};

/// A container that was there when it was asked for.
pub struct Container {
    pub(super) directory: Directory,
}

/// An object as it was when it was opened.
pub struct Object {
    pub file: File,
    pub bytes: u64,
}

impl Container {
    /// When it was made, in seconds since 1970; when it was last changed, where the file system does
    /// not say.
    ///
    /// # Errors
    /// The system's; so for all of the following.
    pub fn created(&self) -> Result<u64> {
        let modified = self.directory.own_stat()?.modified.seconds;
        let metadata = self.directory.parts().0.map(|dir| dir.dir_metadata());
        let created = metadata.and_then(|found| found.ok()?.created().ok());
        let created = created.map(|time| time.into_std().duration_since(SystemTime::UNIX_EPOCH));
        Ok(match created {
            Some(Ok(since)) => since.as_secs(),
            _ => u64::try_from(modified).unwrap_or(0),
        })
    }

    /// # Errors
    /// [`Error::NoObject`].
    pub fn open(&self, name: &str) -> Result<Object> {
        self.at(&names::to_path(name)?)
    }

    pub(super) fn at(&self, path: &str) -> Result<Object> {
        let file = match self.directory.open(Path::new(path), READ) {
            Ok(Descriptor::File(file)) => file,
            Ok(_) => return Err(Error::NoObject),
            Err(error) if is_missing(error) => return Err(Error::NoObject),
            Err(error) => return Err(error.into()),
        };
        let stat =
            Stat::from_system(&crate::sys::fs::fstat(&file).map_err(crate::host::Error::from)?);
        match stat.file_type {
            FileType::RegularFile => Ok(Object {
                file,
                bytes: stat.size,
            }),
            _ => Err(Error::NoObject),
        }
    }

    /// The attributes of an object. It never changes, so it was made when it was last changed.
    ///
    /// # Errors
    /// [`Error::NoObject`].
    pub fn stat(&self, name: &str) -> Result<Stat> {
        self.stat_at(&names::to_path(name)?)
    }

    pub(super) fn stat_at(&self, path: &str) -> Result<Stat> {
        match self.directory.stat(Path::new(path), false) {
            Ok(stat) if stat.file_type == FileType::RegularFile => Ok(stat),
            Ok(_) => Err(Error::NoObject),
            Err(error) if is_missing(error) => Err(Error::NoObject),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all objects, ascending. Whatever else is in the directory has none.
    ///
    /// # Errors
    /// As above.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        walk(&self.directory, "", &mut names)?;
        names.sort_unstable();
        Ok(names)
    }

    /// Removes those of these objects that are there.
    ///
    /// # Errors
    /// As above. The names before the one that fails are gone.
    pub fn remove(&self, names: &[String]) -> Result<()> {
        for name in names {
            let path = names::to_path(name)?;
            match self.stat_at(&path) {
                Ok(_) => {}
                Err(Error::NoObject) => continue,
                Err(error) => return Err(error),
            }
            match self.directory.unlink_file(Path::new(&path)) {
                Err(error) if !is_missing(error) => return Err(error.into()),
                _ => remove_parents(&self.directory, &path),
            }
        }
        Ok(self.directory.sync(true)?)
    }
}

/// Adds the names of the objects in a directory that the path `above` leads to, which ends in `/` if
/// it leads anywhere.
fn walk(directory: &Directory, above: &str, names: &mut Vec<String>) -> Result<()> {
    for entry in directory.list()?.entries_from(0) {
        let Ok(name) = str::from_utf8(entry.name) else {
            continue;
        };
        match entry.file_type {
            FileType::RegularFile => names.extend(names::of_path(&format!("{above}{name}"))),
            FileType::Directory if name.ends_with('%') && above.len() < names::PATH_BYTES_MAX => {
                // It may have gone meanwhile.
                if let Ok(Descriptor::Directory(inner)) = directory.open(Path::new(name), DIRECTORY)
                {
                    walk(&inner, &format!("{above}{name}/"), names)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
