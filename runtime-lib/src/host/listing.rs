//! The names in a directory, all at once.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, RawDir, SeekFrom, statat};
use rustix::io::Errno;

use super::Result;
use super::directory::Directory;
use super::stat::FileType;

/// Bytes of names that one system call delivers at most.
const BUFFER_BYTES: usize = 32 * 1024;

/// What a directory held at one moment, without `.` and `..`, in the order of the system.
#[derive(Debug, Default)]
pub struct Listing {
    names: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    name_end: usize,
    inode: u64,
    file_type: FileType,
}

/// One name in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    pub name: &'a [u8],
    pub inode: u64,
    pub file_type: FileType,
}

impl Directory {
    /// Reads the directory from its beginning.
    ///
    /// # Errors
    /// The system's.
    pub fn list(&self) -> Result<Listing> {
        let fd = self.as_fd();
        rustix::fs::seek(fd, SeekFrom::Start(0))?;
        let mut listing = Listing::default();
        let mut buffer = Vec::with_capacity(BUFFER_BYTES);
        let mut entries = RawDir::new(fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(Errno::INTR) => continue,
                // The directory itself has been removed: there is nothing in it.
                Err(Errno::NOENT) => break,
                Err(errno) => return Err(errno.into()),
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let mut file_type = FileType::from(entry.file_type());
            if entry.file_type() == rustix::fs::FileType::Unknown {
                match statat(fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => file_type = FileType::from_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(errno.into()),
                }
            }
            listing.names.extend_from_slice(name);
            let name_end = listing.names.len();
            listing.items.push(Item {
                name_end,
                inode: entry.ino(),
                file_type,
            });
        }
        Ok(listing)
    }
}

impl Listing {
    /// The entry with this index.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<Entry<'_>> {
        self.entries_from(index).next()
    }

    /// The entries from the one with this index on.
    pub fn entries_from(&self, index: usize) -> impl Iterator<Item = Entry<'_>> {
        let before = index
            .checked_sub(1)
            .and_then(|before| self.items.get(before));
        let mut name_start = before.map_or(0, |item| item.name_end);
        self.items
            .get(index..)
            .unwrap_or(&[])
            .iter()
            .map(move |item| {
                let name = self.names.get(name_start..item.name_end).unwrap_or(&[]);
                name_start = item.name_end;
                Entry {
                    name,
                    inode: item.inode,
                    file_type: item.file_type,
                }
            })
    }
}
