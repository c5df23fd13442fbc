//! `fd_readdir`.
//!
//! A cookie is the index of an entry; entries 0 and 1 are `.` and `..`. Reading from cookie 0
//! lists the directory afresh; the listing is kept for the calls that go on reading, so that no
//! entry is missed or seen twice when others are created or removed meanwhile.

use std::sync::{Mutex, PoisonError};

use super::rights::Rights;
use super::types::{Record, filetype};
use super::{Errno, Result, table};
use crate::host::directory::Directory;
use crate::host::listing::{Entry, Listing};
use crate::host::stat::FileType;
use crate::vm::GuestMemory;

/// How many listings are kept. A directory whose listing was given up is listed again, and the
/// cookie counts in the new listing.
const LISTINGS_MAX: usize = 16;

/// The listings, the latest last, with the serial numbers of their directories.
static LISTINGS: Mutex<Vec<(u64, Listing)>> = Mutex::new(Vec::new());

/// Entries before those of the listing.
const DOTS: [&[u8]; 2] = [b".", b".."];

/// Where the next entry goes, and how much room is left.
struct Cursor {
    at: u32,
    left: u32,
}

pub(super) fn fd_readdir(
    memory: &mut GuestMemory,
    fd: u32,
    buf: u32,
    buf_len: u32,
    cookie: u64,
    used_out: u32,
) -> Result<()> {
    let mut cursor = Cursor {
        at: buf,
        left: buf_len,
    };
    table::with(fd, |entry| {
        let directory = entry.require_directory(Rights::FD_READDIR)?;
        let first = usize::try_from(cookie).map_err(|_| Errno::OVERFLOW)?;
        write_entries(memory, &mut cursor, directory, first)
    })?;
    Ok(memory.write_u32(used_out, buf_len - cursor.left)?)
}

/// Writes the entries from index `first` on, until the buffer is full or all are written.
fn write_entries(
    memory: &mut GuestMemory,
    cursor: &mut Cursor,
    directory: &Directory,
    first: usize,
) -> Result<()> {
    let inode = directory.inode()?;
    let dots = DOTS.map(|name| Entry {
        name,
        inode,
        file_type: FileType::Directory,
    });
    let mut listings = LISTINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let listing = listing(&mut listings, directory, first)?;
    let rest = listing.entries_from(first.saturating_sub(dots.len()));
    let entries = dots.into_iter().skip(first).chain(rest);
    for (next, entry) in (first as u64 + 1..).zip(entries) {
        if std::str::from_utf8(entry.name).is_err() {
            return Err(Errno::ILSEQ);
        }
        let dirent = Record::<24>::new()
            .put(0, next.to_le_bytes())
            .put(8, entry.inode.to_le_bytes())
            .put(16, (entry.name.len() as u32).to_le_bytes())
            .put(20, [filetype(entry.file_type)]);
        cursor.write(memory, dirent.bytes())?;
        cursor.write(memory, entry.name)?;
        if cursor.left == 0 {
            break;
        }
    }
    Ok(())
}

/// The kept listing of the directory, or a new one at its beginning.
fn listing<'a>(
    listings: &'a mut Vec<(u64, Listing)>,
    directory: &Directory,
    first: usize,
) -> Result<&'a Listing> {
    let kept = listings
        .iter()
        .position(|(serial, _)| *serial == directory.serial());
    let index = match kept {
        Some(index) if first > 0 => index,
        kept => {
            let listing = directory.list()?;
            if kept.is_some() || listings.len() == LISTINGS_MAX {
                listings.remove(kept.unwrap_or(0));
            }
            listings.push((directory.serial(), listing));
            listings.len() - 1
        }
    };
    listings
        .get(index)
        .map(|(_, listing)| listing)
        .ok_or(Errno::INVAL)
}

impl Cursor {
    /// Writes as much of the bytes as there is room for.
    fn write(&mut self, memory: &mut GuestMemory, bytes: &[u8]) -> Result<()> {
        let count = self.left.min(bytes.len() as u32);
        memory.write_bytes(self.at, bytes.get(..count as usize).unwrap_or(bytes))?;
        self.left -= count;
        // An address that wraps is never used: the last byte written was at the end of memory.
        self.at = self.at.wrapping_add(count);
        Ok(())
    }
}
