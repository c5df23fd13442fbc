//! A directory that is open, and paths below it: the system's, or embedded in the executable, or
//! both.
//!
//! Paths are resolved by cap-std, which never leaves the directory: by `openat2` with
//! `RESOLVE_BENEATH` where the kernel has it, component by component elsewhere. It defines what
//! trailing slashes and symbolic links mean. Absolute targets of symbolic links are refused. What
//! the standard library has no name for, such as opening without following a link, is cap-fs-ext's.

use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{DirExt, FollowSymlinks, SystemTimeSpec};
use cap_std::fs::Dir;

use super::embedded::{Embedded, Number, Place};
use super::fd::duplicate;
use super::file;
use super::stat::{FileType, SetTime, Stat, timestamps};
use super::{Error, Result};
use crate::sys;
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::fs::NOWHERE;

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    /// None for one that is embedded alone.
    dir: Option<Dir>,
    read_only: bool,
    serial: u64,
    /// What is embedded: the directory itself, or something in it or below it.
    embedded: Number,
}

impl Directory {
    /// `read_only`: nothing below it can be changed.
    pub(super) fn new(fd: OwnedFd, read_only: bool) -> Directory {
        Directory {
            dir: Some(sys::fs::dir(fd)),
            read_only,
            serial: new_serial(),
            embedded: Number::NONE,
        }
    }

    /// One that is embedded, or that something is embedded in or below: `system` is what the
    /// system has in its place.
    pub(super) fn embedded(system: Option<Directory>, embedded: Embedded) -> Directory {
        Directory {
            read_only: system.as_ref().is_some_and(|system| system.read_only),
            dir: system.and_then(|system| system.dir),
            serial: new_serial(),
            embedded: embedded.into(),
        }
    }

    /// See [`super::Descriptor::another`].
    pub(super) fn another(&self) -> Result<Directory> {
        let dir = self.dir.as_ref().map(duplicate).transpose()?;
        Ok(Directory {
            dir: dir.map(sys::fs::dir),
            ..*self
        })
    }

    /// A number that no other open directory ever has.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The directory's own inode number.
    ///
    /// # Errors
    /// The system's.
    pub fn inode(&self) -> Result<u64> {
        Ok(self.own_stat()?.inode)
    }

    /// The directory's own attributes.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn own_stat(&self) -> Result<Stat> {
        match (&self.dir, self.embedded.get()) {
            (None, Some(embedded)) => Ok(embedded.stat()),
            _ => Ok(Stat::from_system(&sys::fs::fstat(self)?)),
        }
    }

    /// What the system has, if it has anything, and what is embedded.
    pub(super) fn parts(&self) -> (Option<&Dir>, Option<Embedded>) {
        (self.dir.as_ref(), self.embedded.get())
    }

    /// Where what a path names is.
    ///
    /// # Errors
    /// Those of following a path through what is embedded.
    pub(super) fn place<'a>(&'a self, path: &'a Path, follow_link: bool) -> Result<Place<'a>> {
        match (self.embedded.get(), &self.dir) {
            (Some(embedded), dir) => embedded.place(dir.as_ref(), path, follow_link),
            (None, Some(dir)) => Ok(Place::System(dir, path.into())),
            (None, None) => Ok(Place::Missing),
        }
    }

    /// Where the system has what is to be changed.
    fn changed<'a>(
        &'a self,
        path: &'a Path,
        follow_link: bool,
    ) -> Result<(&'a Dir, Cow<'a, Path>)> {
        self.require_writable()?;
        match self.place(path, follow_link)? {
            Place::System(dir, path) => Ok((dir, path)),
            Place::Embedded(_) => Err(Error::ReadOnly),
            Place::Above(..) => Err(Error::Busy),
            Place::Missing => Err(Error::NoEntry),
        }
    }

    /// Where the system is to have something new.
    fn made<'a>(&'a self, path: &'a Path) -> Result<(&'a Dir, Cow<'a, Path>)> {
        self.require_writable()?;
        match self.place(path, false)? {
            Place::System(dir, path) => Ok((dir, path)),
            Place::Embedded(_) | Place::Above(..) => Err(Error::Exist),
            Place::Missing => Err(Error::ReadOnly),
        }
    }

    /// Whether anything can be made in it.
    #[must_use]
    pub fn can_change(&self) -> bool {
        self.dir.is_some() && !self.read_only
    }

    /// Whether the guest was given it for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Waits until what was changed in it is on disk; of the attributes, at least what is needed
    /// to find it.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self, attributes: bool) -> Result<()> {
        match &self.dir {
            Some(dir) => file::sync(dir, attributes),
            None => Ok(()),
        }
    }

    /// The attributes of what the path names.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for paths that lead outside, otherwise the system's; so for all
    /// of the following.
    pub fn stat(&self, path: &Path, follow_link: bool) -> Result<Stat> {
        let (dir, path, embedded) = match self.place(path, follow_link)? {
            Place::System(dir, path) => (dir, path, None),
            Place::Above(Some(dir), path, embedded) => (dir, path.into(), Some(embedded)),
            Place::Embedded(embedded) | Place::Above(None, _, embedded) => {
                return Ok(embedded.stat());
            }
            Place::Missing => return Err(Error::NoEntry),
        };
        let metadata = if follow_link {
            dir.metadata(path)
        } else {
            dir.symlink_metadata(path)
        };
        match (metadata, embedded) {
            (Ok(metadata), Some(embedded)) if !metadata.is_dir() => Ok(embedded.stat()),
            (Err(_), Some(embedded)) => Ok(embedded.stat()),
            (metadata, _) => Ok(Stat::from_metadata(&metadata?)),
        }
    }

    /// Sets the times of what the path names.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn set_times(
        &self,
        path: &Path,
        follow_link: bool,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let (dir, path) = self.changed(path, follow_link)?;
        if accessed.is_before_1970() || modified.is_before_1970() {
            let times = timestamps(accessed, modified);
            let follow = follow(follow_link);
            return Ok(sys::fs::set_early_times(dir, &path, follow, &times)?);
        }
        let (accessed, modified) = (time_spec(accessed), time_spec(modified));
        if follow_link {
            dir.set_times(path, accessed, modified)?;
        } else {
            dir.set_symlink_times(path, accessed, modified)?;
        }
        Ok(())
    }

    /// Creates a directory.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn create_directory(&self, path: &Path) -> Result<()> {
        let (dir, path) = self.made(path)?;
        Ok(dir.create_dir(path)?)
    }

    /// Gives a file another name. Symbolic links are linked, not followed.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read in either directory.
    pub fn link(&self, path: &Path, to: &Directory, to_path: &Path) -> Result<()> {
        to.require_writable()?;
        let (dir, path) = self.changed(path, false)?;
        let (to_dir, to_path) = to.made(to_path)?;
        let linked = dir.hard_link(&path, to_dir, to_path);
        match linked.map_err(Error::from) {
            // Where Landlock restricts the program, it is asked before the file system.
            Err(Error::CrossDevice)
                if dir
                    .symlink_metadata(&path)
                    .is_ok_and(|found| found.is_dir()) =>
            {
                Err(Error::NotPermitted)
            }
            linked => linked,
        }
    }

    /// Moves a file or directory.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read in either directory.
    pub fn rename(&self, path: &Path, to: &Directory, to_path: &Path) -> Result<()> {
        self.require_writable()?;
        to.require_writable()?;
        to.require_directory_for(to_path, || self.stat(path, false))?;
        let (dir, path) = self.changed(path, false)?;
        let (to_dir, to_path) = match to.place(to_path, false)? {
            Place::Missing => return Err(Error::ReadOnly),
            _ => to.changed(to_path, false)?,
        };
        Ok(dir.rename(path, to_dir, to_path)?)
    }

    /// Creates a symbolic link at `path`.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read, and for an absolute target.
    pub fn symlink(&self, target: &Path, path: &Path) -> Result<()> {
        let (dir, path) = self.made(path)?;
        Ok(DirExt::symlink(dir, target, &*path)?)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] for an absolute target.
    pub fn read_link(&self, path: &Path) -> Result<PathBuf> {
        match self.place(path, false)? {
            Place::System(dir, path) => Ok(dir.read_link(path)?),
            Place::Embedded(embedded) => embedded.target(),
            Place::Above(..) => Err(Error::Invalid),
            Place::Missing => Err(Error::NoEntry),
        }
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn remove_directory(&self, path: &Path) -> Result<()> {
        let (dir, path) = self.changed(path, false)?;
        Ok(dir.remove_dir(path)?)
    }

    /// Removes a name that is not a directory's.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn unlink_file(&self, path: &Path) -> Result<()> {
        let (dir, path) = self.changed(path, false)?;
        Ok(dir.remove_file(path)?)
    }

    /// A name with a slash behind it is a directory's. cap-std takes no notice of that in
    /// the new name of a file that is renamed.
    fn require_directory_for(
        &self,
        path: &Path,
        renamed: impl FnOnce() -> Result<Stat>,
    ) -> Result<()> {
        let slash = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let named = path.components().next_back();
        if !slash || !matches!(named, Some(Component::Normal(_))) {
            return Ok(());
        }
        let Ok(stat) = renamed() else { return Ok(()) };
        if stat.file_type == FileType::Directory {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|parent| *parent != "") {
            self.stat(parent, true)?;
        }
        Err(Error::NotDirectory)
    }

    pub(super) fn require_writable(&self) -> Result<()> {
        if self.read_only {
            Err(Error::NotPermitted)
        } else {
            Ok(())
        }
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.dir {
            Some(dir) => dir.as_fd(),
            None => NOWHERE,
        }
    }
}

fn new_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn follow(follow_link: bool) -> FollowSymlinks {
    if follow_link {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    }
}

/// For cap-std. Not for times before 1970.
fn time_spec(time: SetTime) -> Option<SystemTimeSpec> {
    match time {
        SetTime::Keep => None,
        SetTime::Now => Some(SystemTimeSpec::SymbolicNow),
        SetTime::To(time) => {
            let since = Duration::new(time.seconds.unsigned_abs(), time.nanoseconds);
            let time = SystemTime::UNIX_EPOCH.checked_add(since)?;
            Some(SystemTimeSpec::Absolute(
                cap_std::time::SystemTime::from_std(time),
            ))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A directory of the host, as a test's guest sees it.
    pub(crate) fn open(path: &Path, read_only: bool) -> Directory {
        Directory::new(std::fs::File::open(path).unwrap().into(), read_only)
    }
}
