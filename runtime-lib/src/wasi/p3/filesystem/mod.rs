//! `wasi:filesystem`.
//!
//! What a descriptor can do is in `wasi/p2/filesystem`, for both versions. Different here: the
//! error codes; streams, which go between file and guest without a copy; what may wait is opened
//! so that it never does, and is waited for by the event loop.
//!
//! Differs from the WIT: what a guest was given for reading only is `not-permitted`, not
//! `read-only`. Wasmtime's tests for both versions demand it of opening, truncating, linking,
//! renaming and streams; and a guest that was not allowed to write is not on a disk that nobody can
//! write to.
//!
//! Differs from the WIT: a directory that was opened without `mutate-directory` can be changed
//! all the same if the one it was opened in can. C libraries have no way to ask for the flag.

mod file;
mod open;
mod streams;
#[cfg(test)]
mod tests;
mod types;

pub use file::File;

use std::rc::Rc;

use super::outcome::{Ended, Outcome};
use crate::component::ends::StreamReader;
use crate::component::tasks::{HostFuture, New};
use crate::component::{Borrow, Call, Own};
use crate::host::{self, Error};
use crate::io::apart;
use crate::wasi::p2::filesystem::{
    Advice, Descriptor, DescriptorFlags, MetadataHashValue, OpenFlags, PathFlags, preopened,
};

use types::{DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, NewTimestamp, Result};

type Fd = Borrow<File>;

fn shared(call: &mut Call<'_>, fd: &Fd) -> Rc<Descriptor> {
    Rc::clone(call.resource(fd).descriptor())
}

/// The descriptor of an operation that changes something.
fn changed(call: &mut Call<'_>, fd: &Fd) -> host::Result<Rc<Descriptor>> {
    let descriptor = shared(call, fd);
    if descriptor.is_read_only() {
        return Err(Error::NotPermitted);
    }
    Ok(descriptor)
}

/// Waits for the disk; of the attributes, for at least what is needed to find the file.
fn synced(call: &mut Call<'_>, fd: &Fd, attributes: bool) -> HostFuture<Result<()>> {
    let descriptor = shared(call, fd);
    Box::pin(async move {
        let done = match descriptor.host().syncing(attributes) {
            Ok(work) => apart(work).await,
            Err(_) if attributes => descriptor.sync(),
            Err(_) => descriptor.sync_data(),
        };
        Ok(done?)
    })
}

/// Regular files and directories never make anybody wait.
fn at_once<T: 'static>(operation: impl FnOnce() -> host::Result<T>) -> HostFuture<Result<T>> {
    Box::pin(std::future::ready(operation().map_err(ErrorCode::from)))
}

pub fn read_via_stream(
    call: &mut Call<'_>,
    fd: Fd,
    offset: u64,
) -> (StreamReader<u8>, Ended<ErrorCode>) {
    streams::read(call.resource(&fd), offset)
}

pub fn write_via_stream(
    call: &mut Call<'_>,
    fd: Fd,
    data: StreamReader<u8>,
    offset: u64,
) -> Ended<ErrorCode> {
    streams::write(call.resource(&fd), data, Some(offset))
}

pub fn append_via_stream(call: &mut Call<'_>, fd: Fd, data: StreamReader<u8>) -> Ended<ErrorCode> {
    streams::write(call.resource(&fd), data, None)
}

pub fn read_directory(
    call: &mut Call<'_>,
    fd: Fd,
) -> (StreamReader<DirectoryEntry>, Ended<ErrorCode>) {
    let (mut outcome, ended) = Outcome::new();
    let listing = shared(call, &fd).list().unwrap_or_else(|error| {
        outcome.fail(error.into());
        host::listing::Listing::default()
    });
    let mut index = 0..;
    let entries = std::iter::from_fn(move || {
        let entry = listing.entry(index.next()?)?;
        match DirectoryEntry::try_from(entry) {
            Ok(entry) => Some(entry),
            Err(error) => {
                outcome.fail(error);
                None
            }
        }
    });
    (StreamReader::of_iter(entries), ended)
}

pub fn advise(
    call: &mut Call<'_>,
    fd: Fd,
    offset: u64,
    length: u64,
    advice: Advice,
) -> HostFuture<Result<()>> {
    at_once(|| shared(call, &fd).advise(offset, length, advice))
}

pub fn sync_data(call: &mut Call<'_>, fd: Fd) -> HostFuture<Result<()>> {
    synced(call, &fd, false)
}

pub fn sync(call: &mut Call<'_>, fd: Fd) -> HostFuture<Result<()>> {
    synced(call, &fd, true)
}

pub fn get_flags(call: &mut Call<'_>, fd: Fd) -> HostFuture<Result<DescriptorFlags>> {
    at_once(|| call.resource(&fd).flags())
}

pub fn get_type(call: &mut Call<'_>, fd: Fd) -> HostFuture<Result<DescriptorType>> {
    at_once(|| Ok(shared(call, &fd).file_type()?.into()))
}

pub fn set_size(call: &mut Call<'_>, fd: Fd, size: u64) -> HostFuture<Result<()>> {
    at_once(|| changed(call, &fd)?.set_size(size))
}

pub fn set_times(
    call: &mut Call<'_>,
    fd: Fd,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> HostFuture<Result<()>> {
    at_once(|| {
        let (accessed, modified) = (accessed.checked()?, modified.checked()?);
        changed(call, &fd)?.set_times(accessed, modified)
    })
}

pub fn create_directory_at(call: &mut Call<'_>, fd: Fd, path: String) -> HostFuture<Result<()>> {
    at_once(|| changed(call, &fd)?.create_directory_at(&path))
}

pub fn stat(call: &mut Call<'_>, fd: Fd) -> HostFuture<Result<DescriptorStat>> {
    at_once(|| Ok(shared(call, &fd).stat()?.into()))
}

pub fn stat_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
) -> HostFuture<Result<DescriptorStat>> {
    at_once(|| Ok(shared(call, &fd).stat_at(flags, &path)?.into()))
}

pub fn set_times_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> HostFuture<Result<()>> {
    at_once(|| {
        let (accessed, modified) = (accessed.checked()?, modified.checked()?);
        changed(call, &fd)?.set_times_at(flags, &path, accessed, modified)
    })
}

pub fn link_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
    to: Fd,
    to_path: String,
) -> HostFuture<Result<()>> {
    at_once(|| {
        let to = changed(call, &to)?;
        changed(call, &fd)?.link_at(flags, &path, &to, &to_path)
    })
}

pub fn open_at(
    call: &mut Call<'_>,
    fd: Fd,
    path_flags: PathFlags,
    path: String,
    open_flags: OpenFlags,
    flags: DescriptorFlags,
) -> HostFuture<Result<New<File>>> {
    let directory = shared(call, &fd);
    let opening = open::Opening {
        path_flags,
        path,
        open_flags,
        flags,
    };
    Box::pin(open::open(directory, opening))
}

pub fn readlink_at(call: &mut Call<'_>, fd: Fd, path: String) -> HostFuture<Result<String>> {
    at_once(|| shared(call, &fd).readlink_at(&path))
}

pub fn remove_directory_at(call: &mut Call<'_>, fd: Fd, path: String) -> HostFuture<Result<()>> {
    at_once(|| changed(call, &fd)?.remove_directory_at(&path))
}

pub fn rename_at(
    call: &mut Call<'_>,
    fd: Fd,
    path: String,
    to: Fd,
    to_path: String,
) -> HostFuture<Result<()>> {
    at_once(|| {
        let to = changed(call, &to)?;
        changed(call, &fd)?.rename_at(&path, &to, &to_path)
    })
}

pub fn symlink_at(
    call: &mut Call<'_>,
    fd: Fd,
    target: String,
    path: String,
) -> HostFuture<Result<()>> {
    at_once(|| changed(call, &fd)?.symlink_at(&target, &path))
}

pub fn unlink_file_at(call: &mut Call<'_>, fd: Fd, path: String) -> HostFuture<Result<()>> {
    at_once(|| changed(call, &fd)?.unlink_file_at(&path))
}

pub fn is_same_object(call: &mut Call<'_>, fd: Fd, other: Fd) -> HostFuture<bool> {
    let other = shared(call, &other);
    let same = shared(call, &fd).is_same_object(&other);
    Box::pin(std::future::ready(same))
}

pub fn metadata_hash(call: &mut Call<'_>, fd: Fd) -> HostFuture<Result<MetadataHashValue>> {
    at_once(|| shared(call, &fd).metadata_hash())
}

pub fn metadata_hash_at(
    call: &mut Call<'_>,
    fd: Fd,
    flags: PathFlags,
    path: String,
) -> HostFuture<Result<MetadataHashValue>> {
    at_once(|| shared(call, &fd).metadata_hash_at(flags, &path))
}

/// `preopens.get-directories`.
pub fn get_directories(call: &mut Call<'_>) -> Vec<(Own<File>, String)> {
    let directories = preopened().into_iter();
    directories
        .map(|(directory, name)| (call.push(File::new(directory, false)), name))
        .collect()
}
