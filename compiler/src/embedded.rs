//! Files inside the executable, as the command has read them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// `--embed HOST[::GUEST]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Embedded {
    /// Where the program sees it.
    pub guest: String,
    pub tree: Arc<EmbeddedNode>,
}

/// A file, a symbolic link or a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmbeddedNode {
    /// When it was changed: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    pub item: EmbeddedItem,
}

/// What a node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EmbeddedItem {
    Directory(BTreeMap<String, EmbeddedNode>),
    File(FileContents),
    /// Where it leads.
    Link(String),
}

/// What is in a file.
#[derive(Clone, PartialEq, Eq)]
pub struct FileContents(pub Vec<u8>);

impl fmt::Debug for FileContents {
    /// As short as what tells it from all others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::hash(&self.0).to_hex())
    }
}

impl EmbeddedNode {
    /// Files in it, and their bytes.
    #[must_use]
    pub fn count(&self) -> (usize, u64) {
        match &self.item {
            EmbeddedItem::File(contents) => (1, contents.0.len() as u64),
            EmbeddedItem::Link(_) => (0, 0),
            EmbeddedItem::Directory(children) => children
                .values()
                .map(EmbeddedNode::count)
                .fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_by_their_hash() {
        let (one, other) = (FileContents(vec![1; 1000]), FileContents(vec![2; 1000]));
        assert_eq!(format!("{one:?}").len(), 64);
        assert_ne!(format!("{one:?}"), format!("{other:?}"));
    }
}
