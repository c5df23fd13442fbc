//! Files as programs use them: opened by path, read and written whole.

use core::fmt::Debug;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use wasip3::filesystem::types::{
    Descriptor, DescriptorFlags, DirectoryEntry, ErrorCode, OpenFlags, PathFlags,
};
use wit_bindgen::rt::async_support::StreamResult;

use crate::say;

pub const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;
pub const READ: DescriptorFlags = DescriptorFlags::READ;
pub const WRITE: DescriptorFlags = DescriptorFlags::WRITE;

pub type Result<T> = core::result::Result<T, ErrorCode>;

/// A value, or the error's name.
pub fn kind<T: Debug>(result: &Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}").replace("ErrorCode::", ""),
    }
}

/// Opens what a link leads to, too.
pub async fn open(
    root: &Descriptor,
    path: &str,
    how: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Descriptor> {
    root.open_at(FOLLOW, path.to_string(), how, flags).await
}

/// A new file with this content.
pub async fn create(root: &Descriptor, path: &str, content: &[u8]) -> Descriptor {
    let how = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let file = open(root, path, how, READ | WRITE).await;
    let file = file.expect("a file can be made in the folder");
    let (rest, outcome) = write(&file, Some(0), content).await;
    assert!(rest == 0 && outcome.is_ok());
    file
}

/// Writes to an offset, or to the end: how many bytes were not taken, and the outcome.
pub async fn write(file: &Descriptor, offset: Option<u64>, bytes: &[u8]) -> (usize, Result<()>) {
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = match offset {
        Some(offset) => file.write_via_stream(reader, offset),
        None => file.append_via_stream(reader),
    };
    let rest = writer.write_all(bytes.to_vec()).await;
    drop(writer);
    (rest.len(), written.await)
}

/// At most so many bytes from an offset, and the outcome.
pub async fn read(file: &Descriptor, offset: u64, count: usize) -> (String, Result<()>) {
    let (mut reader, outcome) = file.read_via_stream(offset);
    let mut all = Vec::new();
    while all.len() < count {
        let (result, bytes) = reader.read(Vec::with_capacity(count - all.len())).await;
        all.extend(bytes);
        if result == StreamResult::Dropped {
            break;
        }
    }
    drop(reader);
    let text = String::from_utf8_lossy(&all).into_owned();
    (text, outcome.await)
}

/// The names in a folder with their types, in order.
pub async fn list(root: &Descriptor, path: &str) {
    let folder = match open(root, path, OpenFlags::DIRECTORY, READ).await {
        Ok(folder) => folder,
        Err(error) => return say!("list {path}: {error:?}"),
    };
    let (mut entries, outcome) = folder.read_directory();
    let mut found = Vec::<DirectoryEntry>::new();
    loop {
        let (result, some) = entries.read(Vec::with_capacity(2)).await;
        found.extend(some);
        if result == StreamResult::Dropped {
            break;
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<String> = found
        .iter()
        .map(|entry| format!("{}:{:?}", entry.name, entry.type_).replace("DescriptorType::", ""))
        .collect();
    say!("list {path}: {} {}", names.join(" "), kind(&outcome.await));
}
