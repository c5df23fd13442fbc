//! A directory that is open, and paths below it.
//!
//! Paths are resolved by cap-std, which never leaves the directory: by `openat2` with
//! `RESOLVE_BENEATH` where the kernel has it, component by component elsewhere. It defines what
//! trailing slashes and symbolic links mean. Absolute targets of symbolic links are refused. What
//! the standard library has no name for, such as opening without following a link, is cap-fs-ext's.

use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{DirExt, FollowSymlinks, SystemTimeSpec};
use cap_std::fs::Dir;

use super::file;
use super::stat::{FileType, SetTime, Stat, timestamps};
use super::{Error, Result};
use crate::sys;
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    dir: Dir,
    read_only: bool,
    serial: u64,
}

impl Directory {
    /// `read_only`: nothing below it can be changed.
    pub(super) fn new(fd: OwnedFd, read_only: bool) -> Directory {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        Directory {
            dir: sys::fs::dir(fd),
            read_only,
            serial,
        }
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
        Ok(Stat::from_system(&sys::fs::fstat(&self.dir)?).inode)
    }

    /// For what is done below it.
    pub(super) fn as_dir(&self) -> &Dir {
        &self.dir
    }

    /// Whether nothing below it can be changed.
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
        file::sync(&self.dir, attributes)
    }

    /// The attributes of what the path names.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] for paths that lead outside, otherwise the system's; so for all
    /// of the following.
    pub fn stat(&self, path: &Path, follow_link: bool) -> Result<Stat> {
        let metadata = if follow_link {
            self.dir.metadata(path)?
        } else {
            self.dir.symlink_metadata(path)?
        };
        Ok(Stat::from_metadata(&metadata))
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
        self.require_writable()?;
        if accessed.is_before_1970() || modified.is_before_1970() {
            let times = timestamps(accessed, modified);
            let follow = follow(follow_link);
            return Ok(sys::fs::set_early_times(&self.dir, path, follow, &times)?);
        }
        let (accessed, modified) = (time_spec(accessed), time_spec(modified));
        if follow_link {
            self.dir.set_times(path, accessed, modified)?;
        } else {
            self.dir.set_symlink_times(path, accessed, modified)?;
        }
        Ok(())
    }

    /// Creates a directory.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn create_directory(&self, path: &Path) -> Result<()> {
        self.require_writable()?;
        Ok(self.dir.create_dir(path)?)
    }

    /// Gives a file another name. Symbolic links are linked, not followed.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read in either directory.
    pub fn link(&self, path: &Path, to: &Directory, to_path: &Path) -> Result<()> {
        self.require_writable()?;
        to.require_writable()?;
        let linked = self.dir.hard_link(path, &to.dir, to_path);
        match linked.map_err(Error::from) {
            // Where Landlock restricts the program, it is asked before the file system.
            Err(Error::CrossDevice)
                if (self.dir.symlink_metadata(path)).is_ok_and(|found| found.is_dir()) =>
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
        Ok(self.dir.rename(path, &to.dir, to_path)?)
    }

    /// Creates a symbolic link at `path`.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read, and for an absolute target.
    pub fn symlink(&self, target: &Path, path: &Path) -> Result<()> {
        self.require_writable()?;
        Ok(DirExt::symlink(&self.dir, target, path)?)
    }

    /// The target of a symbolic link.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] for an absolute target.
    pub fn read_link(&self, path: &Path) -> Result<PathBuf> {
        Ok(self.dir.read_link(path)?)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn remove_directory(&self, path: &Path) -> Result<()> {
        self.require_writable()?;
        Ok(self.dir.remove_dir(path)?)
    }

    /// Removes a name that is not a directory's.
    ///
    /// # Errors
    /// Also [`Error::NotPermitted`] where the guest may only read.
    pub fn unlink_file(&self, path: &Path) -> Result<()> {
        self.require_writable()?;
        Ok(self.dir.remove_file(path)?)
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
        self.dir.as_fd()
    }
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
