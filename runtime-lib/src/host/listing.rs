//! The names in a directory, all at once.

use super::Result;
use super::directory::Directory;
use super::stat::FileType;
use crate::sys::fd::AsFd;
use crate::sys::fs::for_each_name;

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
        let mut listing = Listing::default();
        let (dir, embedded) = self.parts();
        if let Some(dir) = dir {
            for_each_name(dir.as_fd(), |name, inode, file_type| {
                if !embedded.is_some_and(|embedded| embedded.hides(name)) {
                    listing.add(name, inode, file_type.into());
                }
            })?;
        }
        if let Some(embedded) = embedded {
            embedded.for_each(&mut |name, stat| listing.add(name, stat.inode, stat.file_type));
        }
        Ok(listing)
    }
}

impl Listing {
    fn add(&mut self, name: &[u8], inode: u64, file_type: FileType) {
        self.names.extend_from_slice(name);
        self.items.push(Item {
            name_end: self.names.len(),
            inode,
            file_type,
        });
    }

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
