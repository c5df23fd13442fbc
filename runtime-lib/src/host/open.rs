//! Opening what is below a directory.

use std::path::Path;

use cap_fs_ext::{OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::OpenOptions;

use super::descriptor::Descriptor;
use super::directory::{Directory, follow};
use super::embedded::{Embedded, Place};
use super::fd::above_streams;
use super::file::File;
use super::stat::FileType;
use super::{Error, Result};
use crate::sys::fd::OwnedFd;

/// How [`Directory::open`] opens.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Open {
    /// Follow a symbolic link that the path ends in.
    pub follow: bool,
    pub create: bool,
    /// Fail unless it is a directory.
    pub directory: bool,
    /// With `create`: fail if it exists.
    pub exclusive: bool,
    pub truncate: bool,
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub nonblocking: bool,
    pub data_sync: bool,
    pub sync: bool,
    pub read_sync: bool,
}

impl Directory {
    /// Opens a file or directory, which inherits the permission to change.
    ///
    /// What is not opened for writing can be read, whether asked for or not.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a directory to be created or truncated, [`Error::NotPermitted`]
    /// where the guest may only read and for paths that lead outside, otherwise the system's.
    pub fn open(&self, path: &Path, open: Open) -> Result<Descriptor> {
        if open.directory && (open.create || open.exclusive || open.truncate) {
            return Err(Error::Invalid);
        }
        let write = open.write || open.create || open.truncate;
        // cap-std refuses what the system does not: to append to what is truncated, or
        // not written.
        let append_later = open.append && (open.truncate || !write);
        if write {
            self.require_writable()?;
        }
        let mut options = OpenOptions::new();
        options
            .read(open.read || !open.write)
            .write(write)
            .append(open.append && !append_later)
            .truncate(open.truncate)
            .create(open.create && !open.exclusive)
            .create_new(open.create && open.exclusive)
            // Windows wants to know.
            .maybe_dir(!write)
            .follow(follow(open.follow))
            .nonblock(open.nonblocking)
            .sync(open.sync)
            .dsync(open.data_sync)
            .rsync(open.read_sync);
        let (dir, path) = match self.place(path, open.follow)? {
            Place::System(dir, path) => (dir, path),
            Place::Embedded(embedded) => return open_embedded(embedded, open),
            Place::Above(_, _, embedded) if write => return open_embedded(embedded, open),
            Place::Above(dir, path, embedded) => {
                let opened = dir.and_then(|dir| dir.open_with(path, &options).ok());
                let system = opened.and_then(|opened| self.opened_below(opened.into_std().into()));
                return Ok(Descriptor::Directory(Directory::embedded(system, embedded)));
            }
            Place::Missing if open.create => return Err(Error::ReadOnly),
            Place::Missing => return Err(Error::NoEntry),
        };
        let opened = dir.open_with(&path, &options);
        // Windows has one error for a directory that is to be written to and for what is forbidden.
        #[cfg(windows)]
        if write && opened.is_err() && dir.metadata(&path).is_ok_and(|found| found.is_dir()) {
            return Err(Error::IsDirectory);
        }
        let opened = opened?;
        let fd = above_streams(opened.into_std().into())?;
        if FileType::from_mode(crate::sys::fs::fstat(&fd)?.st_mode) == FileType::Directory {
            return Ok(Descriptor::Directory(Directory::new(
                fd,
                self.is_read_only(),
            )));
        }
        if open.directory {
            return Err(Error::NotDirectory);
        }
        let descriptor = Descriptor::File(File::new(fd, self.is_read_only()));
        if append_later {
            descriptor.set_flags(true, open.nonblocking)?;
        }
        Ok(descriptor)
    }

    /// What was opened below it, if that is a directory.
    fn opened_below(&self, fd: OwnedFd) -> Option<Directory> {
        let fd = above_streams(fd).ok()?;
        let stat = crate::sys::fs::fstat(&fd).ok()?;
        let is_directory = FileType::from_mode(stat.st_mode) == FileType::Directory;
        is_directory.then(|| Directory::new(fd, self.is_read_only()))
    }
}

/// What is embedded, as a file system that cannot be written to opens it.
fn open_embedded(embedded: Embedded, open: Open) -> Result<Descriptor> {
    let write = open.write || open.create || open.truncate;
    match embedded.stat().file_type {
        _ if open.create && open.exclusive => Err(Error::Exist),
        FileType::Directory if write => Err(Error::IsDirectory),
        FileType::Directory => Ok(Descriptor::Directory(Directory::embedded(None, embedded))),
        _ if open.directory => Err(Error::NotDirectory),
        FileType::SymbolicLink => Err(Error::Loop),
        _ if open.write || open.truncate => Err(Error::ReadOnly),
        _ => Ok(Descriptor::File(File::embedded(embedded)?)),
    }
}
