//! `wasi:filesystem`.
//!
//! Paths are resolved by `host::directory`; a guest gets no further than the directories it was
//! given, and where one was given for reading, nothing below it can be changed.

mod descriptor;
mod preopens;
mod streams;
#[cfg(test)]
mod tests;
mod types;

use std::rc::Rc;

use crate::component::{Borrow, Bytes, Call, Own, Resource};
use crate::host::listing::Listing;
use crate::wasi::p2::streams::{Input, IoError, Output};

use types::{DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp};

pub use descriptor::Descriptor;
pub(in crate::wasi) use preopens::preopened;
pub use preopens::{get_directories, init};
pub(in crate::wasi) use types::error_codes;
pub use types::{Advice, DescriptorFlags, MetadataHashValue, OpenFlags, PathFlags};

type Result<T> = std::result::Result<T, ErrorCode>;

const SYNCED: [DescriptorFlags; 3] = [
    DescriptorFlags::FILE_INTEGRITY_SYNC,
    DescriptorFlags::DATA_INTEGRITY_SYNC,
    DescriptorFlags::REQUESTED_WRITE_SYNC,
];

/// The resource `descriptor`, which streams have a share of.
pub type File = Rc<Descriptor>;

impl Resource for File {
    const INTERFACE: &'static str = "wasi:filesystem/types";
    const NAME: &'static str = "descriptor";
}

/// The resource `directory-entry-stream`.
pub struct DirectoryEntryStream {
    listing: Listing,
    next: usize,
}

impl Resource for DirectoryEntryStream {
    const INTERFACE: &'static str = "wasi:filesystem/types";
    const NAME: &'static str = "directory-entry-stream";
}

type Fd = Borrow<File>;

fn file(call: &mut Call<'_>, fd: Fd) -> File {
    Rc::clone(call.resource(&fd))
}

pub fn read_via_stream(call: &mut Call<'_>, fd: Fd, offset: u64) -> Result<Own<Input>> {
    let stream = streams::reader(&file(call, fd), offset)?;
    Ok(call.push(stream))
}

pub fn write_via_stream(call: &mut Call<'_>, fd: Fd, offset: u64) -> Result<Own<Output>> {
    let stream = streams::writer(&file(call, fd), Some(offset))?;
    Ok(call.push(stream))
}

pub fn append_via_stream(call: &mut Call<'_>, fd: Fd) -> Result<Own<Output>> {
    let stream = streams::writer(&file(call, fd), None)?;
    Ok(call.push(stream))
}

pub fn advise(call: &mut Call<'_>, fd: Fd, offset: u64, len: u64, advice: Advice) -> Result<()> {
    Ok(call.resource(&fd).advise(offset, len, advice)?)
}

pub fn sync_data(call: &mut Call<'_>, fd: Fd) -> Result<()> {
    Ok(call.resource(&fd).sync_data()?)
}

pub fn get_flags(call: &mut Call<'_>, fd: Fd) -> Result<DescriptorFlags> {
    Ok(call.resource(&fd).flags()?)
}

pub fn get_type(call: &mut Call<'_>, fd: Fd) -> Result<DescriptorType> {
    Ok(call.resource(&fd).file_type()?.into())
}

pub fn set_size(call: &mut Call<'_>, fd: Fd, size: u64) -> Result<()> {
    Ok(call.resource(&fd).set_size(size)?)
}

pub fn set_times(
    call: &mut Call<'_>,
    fd: Fd,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> Result<()> {
    let (accessed, modified) = (accessed.checked()?, modified.checked()?);
    Ok(call.resource(&fd).set_times(accessed, modified)?)
}

pub fn read(call: &mut Call<'_>, fd: Fd, len: u64, offset: u64) -> Result<(Vec<u8>, bool)> {
    Ok(call.resource(&fd).read(len, offset)?)
}

pub fn write(call: &mut Call<'_>, fd: Fd, bytes: Bytes, offset: u64) -> Result<u64> {
    let (resources, memory) = call.resources_and_memory();
    Ok(resources.get(&fd).write(bytes.of(memory), offset)?)
}

pub fn read_directory(call: &mut Call<'_>, fd: Fd) -> Result<Own<DirectoryEntryStream>> {
    let listing = call.resource(&fd).list()?;
    Ok(call.push(DirectoryEntryStream::of(listing)))
}

pub fn sync(call: &mut Call<'_>, fd: Fd) -> Result<()> {
    Ok(call.resource(&fd).sync()?)
}

pub fn create_directory_at(call: &mut Call<'_>, fd: Fd, path: String) -> Result<()> {
    Ok(call.resource(&fd).create_directory_at(&path)?)
}

pub fn stat(call: &mut Call<'_>, fd: Fd) -> Result<DescriptorStat> {
    Ok(call.resource(&fd).stat()?.into())
}

pub fn stat_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
) -> Result<DescriptorStat> {
    Ok(call.resource(&fd).stat_at(flags, &path)?.into())
}

pub fn set_times_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> Result<()> {
    let (accessed, modified) = (accessed.checked()?, modified.checked()?);
    let directory = call.resource(&fd);
    Ok(directory.set_times_at(flags, &path, accessed, modified)?)
}

pub fn link_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
    to: Fd,
    to_path: String,
) -> Result<()> {
    let to = file(call, to);
    Ok(call.resource(&fd).link_at(flags, &path, &to, &to_path)?)
}

pub fn open_at(
    call: &mut Call<'_>,
    fd: Fd,
    path_flags: PathFlags,
    path: String,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Own<File>> {
    // Wasmtime opens nothing with these.
    if SYNCED.iter().any(|flag| flags.contains(*flag)) {
        return Err(ErrorCode::Unsupported);
    }
    let directory = call.resource(&fd);
    let opened = directory.open_at(path_flags, &path, open_flags, flags, false)?;
    Ok(call.push(Rc::new(opened)))
}

pub fn readlink_at(call: &mut Call<'_>, fd: Fd, path: String) -> Result<String> {
    Ok(call.resource(&fd).readlink_at(&path)?)
}

pub fn remove_directory_at(call: &mut Call<'_>, fd: Fd, path: String) -> Result<()> {
    Ok(call.resource(&fd).remove_directory_at(&path)?)
}

pub fn rename_at(call: &mut Call<'_>, fd: Fd, path: String, to: Fd, to_path: String) -> Result<()> {
    let to = file(call, to);
    Ok(call.resource(&fd).rename_at(&path, &to, &to_path)?)
}

pub fn symlink_at(call: &mut Call<'_>, fd: Fd, target: String, path: String) -> Result<()> {
    Ok(call.resource(&fd).symlink_at(&target, &path)?)
}

pub fn unlink_file_at(call: &mut Call<'_>, fd: Fd, path: String) -> Result<()> {
    Ok(call.resource(&fd).unlink_file_at(&path)?)
}

pub fn is_same_object(call: &mut Call<'_>, fd: Fd, other: Fd) -> bool {
    let other = file(call, other);
    call.resource(&fd).is_same_object(&other)
}

pub fn metadata_hash(call: &mut Call<'_>, fd: Fd) -> Result<MetadataHashValue> {
    Ok(call.resource(&fd).metadata_hash()?)
}

pub fn metadata_hash_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
) -> Result<MetadataHashValue> {
    Ok(call.resource(&fd).metadata_hash_at(flags, &path)?)
}

pub fn read_directory_entry(
    call: &mut Call<'_>,
    stream: Borrow<DirectoryEntryStream>,
) -> Result<Option<DirectoryEntry>> {
    call.resource(&stream).next_entry()
}

pub fn filesystem_error_code(call: &mut Call<'_>, error: Borrow<IoError>) -> Option<ErrorCode> {
    ErrorCode::of_filesystem(call.resource(&error).system()?)
}

impl DirectoryEntryStream {
    fn of(listing: Listing) -> DirectoryEntryStream {
        DirectoryEntryStream { listing, next: 0 }
    }

    fn next_entry(&mut self) -> Result<Option<DirectoryEntry>> {
        let Some(entry) = self.listing.entry(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        let name = std::str::from_utf8(entry.name).map_err(|_| ErrorCode::IllegalByteSequence)?;
        Ok(Some(DirectoryEntry {
            r#type: entry.file_type.into(),
            name: name.to_owned(),
        }))
    }
}
