//! Files inside the executable, as directories and files see them: `directory` and `file` have
//! them in the place of what the system has open.
//!
//! What reads them is in `tree`, which only programs with something embedded are linked with; all
//! others know no more of it than [`Tree`].
//!
//! A directory in which, or below which, something is embedded hides what the system has under the
//! same name. Paths are followed here until they leave what is embedded, by name: symbolic links of
//! the system lead to what the system has.

mod packed;
mod tree;

use std::borrow::Cow;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cap_std::fs::Dir;
use wasmelt_abi::EmbeddedTree;

use super::stat::{FileType, Stat};
use super::{Error, Result};
use crate::vm::process::{embedded, program};

pub use packed::provide_packed;
pub use tree::provide;

/// All that is embedded. Nodes are known by their numbers.
pub(super) trait Tree: Send + Sync + Debug {
    /// What a path names, from a directory on.
    fn find(&self, start: u32, path: &str, follow_link: bool) -> Result<Found>;

    fn stat(&self, node: u32) -> Stat;

    /// Where a symbolic link leads.
    fn target(&self, node: u32) -> Result<PathBuf>;

    /// The node of this name in a directory.
    fn child(&self, directory: u32, name: &[u8]) -> Option<u32>;

    /// Everything in a directory, by name.
    fn children(&self, directory: u32, each: &mut dyn FnMut(&[u8], Stat));

    /// Reads from a position of a file: how many bytes, 0 at the end.
    fn read_at(&self, node: u32, into: &mut [u8], position: u64) -> usize;
}

/// What a path leads to.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Found {
    Node(u32),
    /// A directory that something is embedded in or below, and its path.
    Above(u32, String),
    /// Nothing that is embedded has to do with it: the path in the system.
    System(String),
    /// There is no such name in a directory that is embedded.
    Missing,
}

/// A node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Embedded {
    tree: &'static dyn Tree,
    node: u32,
}

/// The number of a node, or none, in so few bytes that descriptors are no larger by it: every program
/// copies some.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number([u8; 3]);

impl Number {
    pub(super) const NONE: Number = Number([0; 3]);

    pub(super) fn is_none(self) -> bool {
        self.0 == Number::NONE.0
    }

    pub(super) fn get(self) -> Option<Embedded> {
        let [low, middle, high] = self.0;
        let number = u32::from_le_bytes([low, middle, high, 0]);
        Some(Embedded {
            node: number.checked_sub(1)?,
            tree: *TREE.get()?,
        })
    }
}

impl From<Embedded> for Number {
    /// There are no more nodes than fit: `wasmelt_abi::EMBEDDED_NODES_MAX`.
    fn from(embedded: Embedded) -> Number {
        let [low, middle, high, _] = (embedded.node + 1).to_le_bytes();
        Number([low, middle, high])
    }
}

/// What a path names, from a directory on.
pub(super) enum Place<'a> {
    /// It is the system's, if it is there: the path from this directory on.
    System(&'a Dir, Cow<'a, Path>),
    Embedded(Embedded),
    /// A directory that something is embedded in or below. The system may have one, too.
    Above(Option<&'a Dir>, PathBuf, Embedded),
    /// A name that is not there, where nothing can be made.
    Missing,
}

static TREE: OnceLock<&'static dyn Tree> = OnceLock::new();

/// The node with a number of the program's description, less 1; none for 0.
pub(super) fn numbered(number: u64) -> Option<Embedded> {
    let node = u32::try_from(number.checked_sub(1)?).ok()?;
    let embedded: &'static EmbeddedTree = embedded(program())?;
    (embedded.provide)(embedded);
    let tree = *TREE.get()?;
    Some(Embedded { tree, node })
}

impl Embedded {
    pub(super) fn stat(self) -> Stat {
        self.tree.stat(self.node)
    }

    pub(super) fn target(self) -> Result<PathBuf> {
        match self.stat().file_type {
            FileType::SymbolicLink => self.tree.target(self.node),
            _ => Err(Error::Invalid),
        }
    }

    /// Whether a name of the system is hidden in this directory.
    pub(super) fn hides(self, name: &[u8]) -> bool {
        self.tree.child(self.node, name).is_some()
    }

    pub(super) fn for_each(self, each: &mut dyn FnMut(&[u8], Stat)) {
        self.tree.children(self.node, each);
    }

    pub(super) fn read_at(self, into: &mut [u8], position: u64) -> usize {
        self.tree.read_at(self.node, into, position)
    }

    /// What a path names from this directory on, which the system may have open as well.
    pub(super) fn place<'a>(
        self,
        dir: Option<&'a Dir>,
        path: &Path,
        follow_link: bool,
    ) -> Result<Place<'a>> {
        let path = path.to_str().ok_or(Error::IllegalByteSequence)?;
        let tree = self.tree;
        Ok(match (tree.find(self.node, path, follow_link)?, dir) {
            (Found::Node(node), _) => Place::Embedded(Embedded { tree, node }),
            (Found::Above(node, path), dir) => {
                Place::Above(dir, PathBuf::from(path), Embedded { tree, node })
            }
            (Found::System(path), Some(dir)) => Place::System(dir, PathBuf::from(path).into()),
            (Found::System(_), None) | (Found::Missing, _) => Place::Missing,
        })
    }
}
