//! Directories that paths of names lead through, which come and go with what is in them.

use std::path::Path;

use crate::host::directory::Directory;
use crate::host::open::Open;
use crate::host::stat::FileType;
use crate::host::{Descriptor, Error, Result};

/// Directories within each other that are removed with a container. Its own are less deep.
pub(super) const DEPTH_MAX: u32 = 64;

/// How often directories are made that others remove because nothing is in them.
const ATTEMPTS: u32 = 100;

pub(super) const READ: Open = Open {
    follow: false,
    create: false,
    directory: false,
    exclusive: false,
    truncate: false,
    read: true,
    write: false,
    append: false,
    // Whatever else the directory has in it makes nobody wait.
    nonblocking: true,
    data_sync: false,
    sync: false,
    read_sync: false,
};

pub(super) const DIRECTORY: Open = Open {
    directory: true,
    nonblocking: false,
    ..READ
};

pub(super) fn is_missing(error: Error) -> bool {
    use Error::{IsDirectory, Loop, NoEntry, NotDirectory};
    matches!(error, NoEntry | NotDirectory | IsDirectory | Loop)
}

/// All but the last piece of a path, if it has several.
fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// Makes the directories that a path leads through.
fn make_parents(directory: &Directory, path: &str) -> Result<()> {
    for (at, _) in path.match_indices('/') {
        match directory.create_directory(Path::new(&path[..at])) {
            Ok(()) | Err(Error::Exist) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Does what needs the directories that a path leads through, which go as others remove what is in
/// them.
pub(super) fn within_parents(
    directory: &Directory,
    path: &str,
    mut attempt: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut attempts = if parent(path).is_some() { ATTEMPTS } else { 0 };
    loop {
        match attempt() {
            Err(Error::NoEntry) if attempts > 0 => attempts -= 1,
            result => return result,
        }
        match make_parents(directory, path) {
            Ok(()) | Err(Error::NoEntry) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Removes those directories of a path that nothing is in.
pub(super) fn remove_parents(directory: &Directory, path: &str) {
    let mut path = path;
    while let Some(above) = parent(path) {
        if directory.remove_directory(Path::new(above)).is_err() {
            return;
        }
        path = above;
    }
}

/// Has the disk have a name, and those of the directories that lead to it.
pub(super) fn sync_names(directory: &Directory, path: &str) -> Result<()> {
    for (at, _) in path.match_indices('/') {
        if let Descriptor::Directory(inner) = directory.open(Path::new(&path[..at]), DIRECTORY)? {
            inner.sync(true)?;
        }
    }
    directory.sync(true)
}

/// Removes a directory with everything in it.
pub(super) fn remove_all(directory: &Directory, name: &str, depth: u32) -> Result<()> {
    let opened = directory.open(Path::new(name), DIRECTORY)?;
    if let (Descriptor::Directory(inner), 1..) = (opened, depth) {
        for entry in inner.list()?.entries_from(0) {
            let name = str::from_utf8(entry.name).or(Err(Error::IllegalByteSequence))?;
            match entry.file_type {
                FileType::Directory => remove_all(&inner, name, depth - 1)?,
                _ => inner.unlink_file(Path::new(name))?,
            }
        }
    }
    directory.remove_directory(Path::new(name))
}
