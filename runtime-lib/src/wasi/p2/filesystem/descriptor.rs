//! The resource `descriptor`, and what can be done with it.

use crate::sys::fd::{AsFd, BorrowedFd};

use super::types::{Advice, DescriptorFlags, MetadataHashValue, OpenFlags, PathFlags};
use crate::host::directory::Directory;
use crate::host::file::File;
use crate::host::listing::Listing;
use crate::host::open::Open;
use crate::host::stat::{FileType, SetTime, Stat};
use crate::host::{self, Error, Result};
use crate::wasi::p2::streams::READ_BYTES_MAX;

/// A file or directory, of whatever version of WASI.
pub struct Descriptor {
    host: host::Descriptor,
    /// The guest has been given it, rather than opened it.
    preopened: bool,
}

impl Descriptor {
    pub(in crate::wasi) fn preopened(host: host::Descriptor) -> Descriptor {
        Descriptor {
            host,
            preopened: true,
        }
    }

    pub(in crate::wasi) fn host(&self) -> &host::Descriptor {
        &self.host
    }

    fn file(&self) -> Result<&File> {
        self.host.file()
    }

    fn directory(&self) -> Result<&Directory> {
        self.host.directory().map_err(|_| Error::NotDirectory)
    }

    /// Whether the guest was given it for reading only.
    pub(in crate::wasi) fn is_read_only(&self) -> bool {
        match self.host.directory() {
            Ok(directory) => directory.is_read_only(),
            Err(_) => self.host.file().is_ok_and(File::is_read_only),
        }
    }

    /// Whether it is a directory that things can be made in.
    pub(in crate::wasi) fn can_change(&self) -> bool {
        self.host.directory().is_ok_and(Directory::can_change)
    }

    /// The file that a stream reads.
    pub(in crate::wasi) fn readable(&self) -> Result<&File> {
        if self.host.directory().is_ok() {
            return Err(Error::IsDirectory);
        }
        self.file()
    }

    /// The file that a stream writes, which the guest may.
    pub(in crate::wasi) fn writable(&self) -> Result<&File> {
        let file = self.file()?;
        if file.is_read_only() {
            return Err(Error::NotPermitted);
        }
        Ok(file)
    }

    pub(in crate::wasi) fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        let advice = match advice {
            Advice::Normal => host::file::Advice::Normal,
            Advice::Sequential => host::file::Advice::Sequential,
            Advice::Random => host::file::Advice::Random,
            Advice::WillNeed => host::file::Advice::WillNeed,
            Advice::DontNeed => host::file::Advice::DontNeed,
            Advice::NoReuse => host::file::Advice::NoReuse,
        };
        self.file()?.advise(offset, len, advice)
    }

    pub(in crate::wasi) fn sync(&self) -> Result<()> {
        match self.host.directory() {
            Ok(directory) => directory.sync(true),
            Err(_) => self.file()?.sync(),
        }
    }

    pub(in crate::wasi) fn sync_data(&self) -> Result<()> {
        match self.host.directory() {
            Ok(directory) => directory.sync(false),
            Err(_) => self.file()?.sync_data(),
        }
    }

    /// Only a directory that was there from the beginning says that it can be changed, though
    /// those opened below it can be as well: so does Wasmtime.
    pub(in crate::wasi) fn flags(&self) -> Result<DescriptorFlags> {
        if let Ok(directory) = self.host.directory() {
            let change = self.preopened && directory.can_change();
            let change = given(change, DescriptorFlags::MUTATE_DIRECTORY);
            return Ok(DescriptorFlags::READ | change);
        }
        let mode = self.file()?.mode()?;
        Ok(given(mode.read, DescriptorFlags::READ)
            | given(mode.write, DescriptorFlags::WRITE)
            | given(mode.sync, DescriptorFlags::FILE_INTEGRITY_SYNC)
            | given(mode.data_sync, DescriptorFlags::DATA_INTEGRITY_SYNC))
    }

    pub(in crate::wasi) fn file_type(&self) -> Result<FileType> {
        self.host.file_type()
    }

    pub(in crate::wasi) fn set_size(&self, size: u64) -> Result<()> {
        self.file()?.set_size(size)
    }

    pub(in crate::wasi) fn set_times(&self, accessed: SetTime, modified: SetTime) -> Result<()> {
        self.host.set_times(accessed, modified)
    }

    /// The bytes, and whether it is at the end.
    pub(in crate::wasi) fn read(&self, len: u64, offset: u64) -> Result<(Vec<u8>, bool)> {
        let len = usize::try_from(len).map_or(READ_BYTES_MAX, |len| len.min(READ_BYTES_MAX));
        let bytes = self.file()?.read_at(len, offset)?;
        let end = bytes.is_empty();
        Ok((bytes, end))
    }

    pub(in crate::wasi) fn write(&self, bytes: &[u8], offset: u64) -> Result<u64> {
        Ok(self.file()?.write_at(bytes, offset)? as u64)
    }

    pub(in crate::wasi) fn stat(&self) -> Result<Stat> {
        self.host.stat()
    }

    pub(in crate::wasi) fn list(&self) -> Result<Listing> {
        self.directory()?.list()
    }

    pub(in crate::wasi) fn create_directory_at(&self, path: &str) -> Result<()> {
        self.directory()?.create_directory(path.as_ref())
    }

    pub(in crate::wasi) fn stat_at(&self, flags: PathFlags, path: &str) -> Result<Stat> {
        let directory = self.directory()?;
        directory.stat(path.as_ref(), flags.contains(PathFlags::SYMLINK_FOLLOW))
    }

    pub(in crate::wasi) fn set_times_at(
        &self,
        flags: PathFlags,
        path: &str,
        accessed: SetTime,
        modified: SetTime,
    ) -> Result<()> {
        let directory = self.directory()?;
        let follow = flags.contains(PathFlags::SYMLINK_FOLLOW);
        directory.set_times(path.as_ref(), follow, accessed, modified)
    }

    pub(in crate::wasi) fn link_at(
        &self,
        flags: PathFlags,
        path: &str,
        to: &Descriptor,
        to_path: &str,
    ) -> Result<()> {
        let (from, to) = (self.directory()?, to.directory()?);
        if from.is_read_only() || to.is_read_only() {
            return Err(Error::NotPermitted);
        }
        if flags.contains(PathFlags::SYMLINK_FOLLOW) {
            return Err(Error::Invalid);
        }
        from.link(path.as_ref(), to, to_path.as_ref())
    }

    /// `nonblocking`: neither opening nor using it ever makes anybody wait.
    pub(in crate::wasi) fn open_at(
        &self,
        path_flags: PathFlags,
        path: &str,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
        nonblocking: bool,
    ) -> Result<Descriptor> {
        let directory = self.directory()?;
        let open = Open {
            follow: path_flags.contains(PathFlags::SYMLINK_FOLLOW),
            create: open_flags.contains(OpenFlags::CREATE),
            directory: open_flags.contains(OpenFlags::DIRECTORY),
            exclusive: open_flags.contains(OpenFlags::EXCLUSIVE),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
            read: flags.contains(DescriptorFlags::READ),
            write: flags.contains(DescriptorFlags::WRITE),
            append: false,
            nonblocking,
            sync: flags.contains(DescriptorFlags::FILE_INTEGRITY_SYNC),
            data_sync: flags.contains(DescriptorFlags::DATA_INTEGRITY_SYNC),
            read_sync: flags.contains(DescriptorFlags::REQUESTED_WRITE_SYNC),
        };
        Ok(Descriptor {
            host: directory.open(path.as_ref(), open)?,
            preopened: false,
        })
    }

    pub(in crate::wasi) fn readlink_at(&self, path: &str) -> Result<String> {
        let target = self.directory()?.read_link(path.as_ref())?;
        let target = target.into_os_string().into_string();
        target.map_err(|_| Error::IllegalByteSequence)
    }

    pub(in crate::wasi) fn remove_directory_at(&self, path: &str) -> Result<()> {
        self.directory()?.remove_directory(path.as_ref())
    }

    pub(in crate::wasi) fn rename_at(
        &self,
        path: &str,
        to: &Descriptor,
        to_path: &str,
    ) -> Result<()> {
        let (from, to) = (self.directory()?, to.directory()?);
        from.rename(path.as_ref(), to, to_path.as_ref())
    }

    /// `target` is what the link contains, `path` where it is.
    pub(in crate::wasi) fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        self.directory()?.symlink(target.as_ref(), path.as_ref())
    }

    pub(in crate::wasi) fn unlink_file_at(&self, path: &str) -> Result<()> {
        self.directory()?.unlink_file(path.as_ref())
    }

    pub(in crate::wasi) fn is_same_object(&self, other: &Descriptor) -> bool {
        match (self.host.stat(), other.host.stat()) {
            (Ok(a), Ok(b)) => (a.device, a.inode) == (b.device, b.inode),
            _ => false,
        }
    }

    pub(in crate::wasi) fn metadata_hash(&self) -> Result<MetadataHashValue> {
        Ok(MetadataHashValue::of(&self.stat()?))
    }

    pub(in crate::wasi) fn metadata_hash_at(
        &self,
        flags: PathFlags,
        path: &str,
    ) -> Result<MetadataHashValue> {
        Ok(MetadataHashValue::of(&self.stat_at(flags, path)?))
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.host.as_fd()
    }
}

fn given(set: bool, flag: DescriptorFlags) -> DescriptorFlags {
    if set { flag } else { DescriptorFlags::empty() }
}
