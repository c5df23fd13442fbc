//! The resource `descriptor`, and what can be done with it.

use std::rc::Rc;

use super::streams::{Reader, Writer};
use super::types::{
    Advice, DescriptorFlags, DescriptorType, ErrorCode, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags,
};
use crate::host;
use crate::host::directory::{Directory, Open};
use crate::host::file::File;
use crate::host::listing::Listing;
use crate::host::stat::Stat;
use crate::wasi::p2::streams::{Input, Output, READ_BYTES_MAX};

pub type Result<T> = std::result::Result<T, ErrorCode>;

/// Flags that nothing can be opened with.
const SYNCED: [DescriptorFlags; 3] = [
    DescriptorFlags::FILE_INTEGRITY_SYNC,
    DescriptorFlags::DATA_INTEGRITY_SYNC,
    DescriptorFlags::REQUESTED_WRITE_SYNC,
];

/// A file or directory.
pub struct Descriptor {
    host: host::Descriptor,
    /// The guest has been given it, rather than opened it.
    preopened: bool,
}

impl Descriptor {
    pub(super) fn preopened(host: host::Descriptor) -> Descriptor {
        Descriptor {
            host,
            preopened: true,
        }
    }

    pub(super) fn host(&self) -> &host::Descriptor {
        &self.host
    }

    fn file(&self) -> Result<&File> {
        Ok(self.host.file()?)
    }

    fn directory(&self) -> Result<&Directory> {
        self.host.directory().map_err(|_| ErrorCode::NotDirectory)
    }

    /// The file, which the guest may write.
    fn writable(&self) -> Result<&File> {
        let file = self.file()?;
        if file.is_read_only() {
            return Err(ErrorCode::NotPermitted);
        }
        Ok(file)
    }

    pub(super) fn read_via_stream(self: &Rc<Self>, offset: u64) -> Result<Input> {
        if self.host.directory().is_ok() {
            return Err(ErrorCode::IsDirectory);
        }
        self.file()?;
        Ok(Rc::new(Reader::new(self, offset)))
    }

    /// Without an offset, at the end.
    pub(super) fn write_via_stream(self: &Rc<Self>, offset: Option<u64>) -> Result<Output> {
        self.writable()?;
        Ok(Rc::new(Writer::new(self, offset)))
    }

    pub(super) fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        let advice = match advice {
            Advice::Normal => host::file::Advice::Normal,
            Advice::Sequential => host::file::Advice::Sequential,
            Advice::Random => host::file::Advice::Random,
            Advice::WillNeed => host::file::Advice::WillNeed,
            Advice::DontNeed => host::file::Advice::DontNeed,
            Advice::NoReuse => host::file::Advice::NoReuse,
        };
        Ok(self.file()?.advise(offset, len, advice)?)
    }

    pub(super) fn sync(&self) -> Result<()> {
        match self.host.directory() {
            Ok(directory) => Ok(directory.sync(true)?),
            Err(_) => Ok(self.file()?.sync()?),
        }
    }

    pub(super) fn sync_data(&self) -> Result<()> {
        match self.host.directory() {
            Ok(directory) => Ok(directory.sync(false)?),
            Err(_) => Ok(self.file()?.sync_data()?),
        }
    }

    /// Only a directory that was there from the beginning says that it can be changed, though
    /// those opened below it can be as well: so does Wasmtime.
    pub(super) fn flags(&self) -> Result<DescriptorFlags> {
        if let Ok(directory) = self.host.directory() {
            let change = self.preopened && !directory.is_read_only();
            let change = given(change, DescriptorFlags::MUTATE_DIRECTORY);
            return Ok(DescriptorFlags::READ | change);
        }
        let mode = self.file()?.mode()?;
        let read = given(mode.read, DescriptorFlags::READ);
        Ok(read | given(mode.write, DescriptorFlags::WRITE))
    }

    pub(super) fn descriptor_type(&self) -> Result<DescriptorType> {
        Ok(self.host.file_type()?.into())
    }

    pub(super) fn set_size(&self, size: u64) -> Result<()> {
        Ok(self.file()?.set_size(size)?)
    }

    pub(super) fn set_times(&self, accessed: NewTimestamp, modified: NewTimestamp) -> Result<()> {
        let (accessed, modified) = (accessed.checked()?, modified.checked()?);
        Ok(self.host.set_times(accessed, modified)?)
    }

    /// The bytes, and whether it is at the end.
    pub(super) fn read(&self, len: u64, offset: u64) -> Result<(Vec<u8>, bool)> {
        let len = usize::try_from(len).map_or(READ_BYTES_MAX, |len| len.min(READ_BYTES_MAX));
        let bytes = self.file()?.read_at(len, offset)?;
        let end = bytes.is_empty();
        Ok((bytes, end))
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> Result<u64> {
        Ok(self.file()?.write_at(bytes, offset)? as u64)
    }

    pub(super) fn stat(&self) -> Result<Stat> {
        Ok(self.host.stat()?)
    }

    pub(super) fn list(&self) -> Result<Listing> {
        Ok(self.directory()?.list()?)
    }

    pub(super) fn create_directory_at(&self, path: &str) -> Result<()> {
        Ok(self.directory()?.create_directory(path.as_ref())?)
    }

    pub(super) fn stat_at(&self, flags: PathFlags, path: &str) -> Result<Stat> {
        let directory = self.directory()?;
        Ok(directory.stat(path.as_ref(), flags.contains(PathFlags::SYMLINK_FOLLOW))?)
    }

    pub(super) fn set_times_at(
        &self,
        flags: PathFlags,
        path: &str,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Result<()> {
        let directory = self.directory()?;
        let (accessed, modified) = (accessed.checked()?, modified.checked()?);
        let follow = flags.contains(PathFlags::SYMLINK_FOLLOW);
        Ok(directory.set_times(path.as_ref(), follow, accessed, modified)?)
    }

    pub(super) fn link_at(
        &self,
        flags: PathFlags,
        path: &str,
        to: &Descriptor,
        to_path: &str,
    ) -> Result<()> {
        let (from, to) = (self.directory()?, to.directory()?);
        if from.is_read_only() || to.is_read_only() {
            return Err(ErrorCode::NotPermitted);
        }
        if flags.contains(PathFlags::SYMLINK_FOLLOW) {
            return Err(ErrorCode::Invalid);
        }
        Ok(from.link(path.as_ref(), to, to_path.as_ref())?)
    }

    pub(super) fn open_at(
        &self,
        path_flags: PathFlags,
        path: &str,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Descriptor> {
        let directory = self.directory()?;
        if SYNCED.iter().any(|flag| flags.contains(*flag)) {
            return Err(ErrorCode::Unsupported);
        }
        let open = Open {
            follow: path_flags.contains(PathFlags::SYMLINK_FOLLOW),
            create: open_flags.contains(OpenFlags::CREATE),
            directory: open_flags.contains(OpenFlags::DIRECTORY),
            exclusive: open_flags.contains(OpenFlags::EXCLUSIVE),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
            read: flags.contains(DescriptorFlags::READ),
            write: flags.contains(DescriptorFlags::WRITE),
            ..Open::default()
        };
        Ok(Descriptor {
            host: directory.open(path.as_ref(), open)?,
            preopened: false,
        })
    }

    pub(super) fn readlink_at(&self, path: &str) -> Result<String> {
        let target = self.directory()?.read_link(path.as_ref())?;
        let target = target.into_os_string().into_string();
        target.map_err(|_| ErrorCode::IllegalByteSequence)
    }

    pub(super) fn remove_directory_at(&self, path: &str) -> Result<()> {
        Ok(self.directory()?.remove_directory(path.as_ref())?)
    }

    pub(super) fn rename_at(&self, path: &str, to: &Descriptor, to_path: &str) -> Result<()> {
        let (from, to) = (self.directory()?, to.directory()?);
        Ok(from.rename(path.as_ref(), to, to_path.as_ref())?)
    }

    /// `target` is what the link contains, `path` where it is.
    pub(super) fn symlink_at(&self, target: &str, path: &str) -> Result<()> {
        Ok(self.directory()?.symlink(target.as_ref(), path.as_ref())?)
    }

    pub(super) fn unlink_file_at(&self, path: &str) -> Result<()> {
        Ok(self.directory()?.unlink_file(path.as_ref())?)
    }

    pub(super) fn is_same_object(&self, other: &Descriptor) -> bool {
        match (self.host.stat(), other.host.stat()) {
            (Ok(a), Ok(b)) => (a.device, a.inode) == (b.device, b.inode),
            _ => false,
        }
    }

    pub(super) fn metadata_hash(&self) -> Result<MetadataHashValue> {
        Ok(MetadataHashValue::of(&self.stat()?))
    }

    pub(super) fn metadata_hash_at(
        &self,
        flags: PathFlags,
        path: &str,
    ) -> Result<MetadataHashValue> {
        Ok(MetadataHashValue::of(&self.stat_at(flags, path)?))
    }
}

fn given(set: bool, flag: DescriptorFlags) -> DescriptorFlags {
    if set { flag } else { DescriptorFlags::empty() }
}
