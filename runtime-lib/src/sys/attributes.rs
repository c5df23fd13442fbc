//! What is told of a file.

/// The attributes of a file: times in seconds and nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Attributes {
    pub device: u64,
    pub inode: u64,
    pub mode: super::fs::RawMode,
    pub links: u64,
    pub size: u64,
    pub accessed: (i64, i64),
    pub modified: (i64, i64),
    pub changed: (i64, i64),
}
