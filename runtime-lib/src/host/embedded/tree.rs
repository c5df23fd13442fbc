//! The tree as the compiler has written it: nodes in the order of breadth, which are looked up by
//! halves, and contents that are read where the system has mapped them, unless they are compressed.

use std::fmt::Debug;
use std::path::PathBuf;

use wasmelt_abi::{EmbeddedKind, EmbeddedNode, EmbeddedTree};

use super::{Found, TREE, Tree};
use crate::host::stat::{FileType, Stat, Time};
use crate::host::{Error, Result};
use crate::vm::process::items;

/// As many symbolic links a path may lead through; Linux has the same limit.
const LINKS_MAX: usize = 40;

/// No file system has longer names.
const NAME_BYTES_MAX: usize = 255;

/// What `stat` says of the device.
const DEVICE: u64 = 0x656d_6265;

/// Lets the program find what is embedded: `EmbeddedTree::provide`.
pub fn provide(embedded: &'static EmbeddedTree) {
    provide_with(embedded, || Box::new(Plain(items(&embedded.contents))));
}

/// The same with whatever reads the contents.
pub(super) fn provide_with(
    embedded: &'static EmbeddedTree,
    contents: impl FnOnce() -> Box<dyn Contents>,
) {
    TREE.get_or_init(|| {
        Box::leak(Box::new(Nodes {
            nodes: items(&embedded.nodes),
            names: items(&embedded.names),
            contents: contents(),
        }))
    });
}

/// The bytes that nodes count.
pub(super) trait Contents: Send + Sync + Debug {
    /// Reads from a position as many as there is room for, or as there are: how many.
    fn read_at(&self, into: &mut [u8], position: u64) -> usize;
}

/// They lie in the executable.
#[derive(Debug)]
struct Plain(&'static [u8]);

impl Contents for Plain {
    fn read_at(&self, into: &mut [u8], position: u64) -> usize {
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        copy(self.0.get(start..).unwrap_or(&[]), into)
    }
}

/// Copies what there is room for: how many bytes.
pub(super) fn copy(from: &[u8], into: &mut [u8]) -> usize {
    let count = from.len().min(into.len());
    if let (Some(into), Some(from)) = (into.get_mut(..count), from.get(..count)) {
        into.copy_from_slice(from);
    }
    count
}

#[derive(Debug)]
struct Nodes {
    nodes: &'static [EmbeddedNode],
    names: &'static [u8],
    contents: Box<dyn Contents>,
}

/// The way to a directory: its node, and the name that leads there from the one before.
struct Way {
    start: u32,
    steps: Vec<(u32, String)>,
}

impl Way {
    fn node(&self) -> u32 {
        self.steps.last().map_or(self.start, |(node, _)| *node)
    }

    /// The path from the start to the directory, and on by `rest`.
    fn path(&self, rest: &str) -> String {
        let mut path = String::new();
        for name in self.steps.iter().map(|(_, name)| &**name) {
            path.push_str(name);
            path.push('/');
        }
        path.push_str(rest);
        if path.is_empty() {
            path.push('.');
        }
        path
    }
}

impl Nodes {
    fn node(&self, number: u32) -> Option<&'static EmbeddedNode> {
        self.nodes.get(number as usize)
    }

    fn kind(&self, number: u32) -> Option<u64> {
        self.node(number).map(|node| node.kind)
    }

    fn name(&self, node: &EmbeddedNode) -> &'static [u8] {
        part(self.names, node.name_start, node.name_bytes.into())
    }

    /// Where the contents of a file or a link begin, and how many bytes they are.
    fn contents(&self, number: u32) -> (u64, u64) {
        match self.node(number) {
            Some(node) if !is_directory(node.kind) => (node.start, node.len),
            _ => (0, 0),
        }
    }

    fn in_directory(&self, number: u32) -> &'static [EmbeddedNode] {
        match self.node(number) {
            Some(node) if is_directory(node.kind) => part(self.nodes, node.start, node.len),
            _ => &[],
        }
    }
}

fn is_directory(kind: u64) -> bool {
    matches!(kind, EmbeddedKind::DIRECTORY | EmbeddedKind::ABOVE)
}

fn part<T>(all: &'static [T], start: u64, len: u64) -> &'static [T] {
    let end = start.saturating_add(len) as usize;
    all.get(start as usize..end).unwrap_or(&[])
}

/// The first name of a path, and what follows it.
fn split(path: &str) -> (&str, &str) {
    path.split_once('/').unwrap_or((path, ""))
}

impl Tree for Nodes {
    fn find(&self, start: u32, path: &str, follow_link: bool) -> Result<Found> {
        if path.is_empty() {
            return Err(Error::NoEntry);
        }
        if path.contains('\0') {
            return Err(Error::Invalid);
        }
        let mut way = Way {
            start,
            steps: Vec::new(),
        };
        let mut rest = path.to_owned();
        let mut links = 0;
        if rest.starts_with('/') {
            return Err(Error::NotPermitted);
        }
        loop {
            let trimmed = rest.trim_start_matches('/');
            let (name, behind) = split(trimmed);
            match name {
                "" => break,
                "." => {
                    rest = behind.to_owned();
                    continue;
                }
                ".." => {
                    way.steps.pop().ok_or(Error::NotPermitted)?;
                    rest = behind.to_owned();
                    continue;
                }
                _ if name.len() > NAME_BYTES_MAX => return Err(Error::NameTooLong),
                _ => {}
            }
            let is_last = behind.trim_start_matches('/').is_empty();
            let Some(child) = self.child(way.node(), name.as_bytes()) else {
                return match self.kind(way.node()) {
                    Some(EmbeddedKind::ABOVE) => Ok(Found::System(way.path(trimmed))),
                    _ if is_last => Ok(Found::Missing),
                    _ => Err(Error::NoEntry),
                };
            };
            match self.kind(child) {
                Some(EmbeddedKind::FILE) if is_last && !trimmed.ends_with('/') => {
                    return Ok(Found::Node(child));
                }
                Some(EmbeddedKind::FILE) => return Err(Error::NotDirectory),
                Some(EmbeddedKind::LINK) => {
                    if is_last && !follow_link && !trimmed.ends_with('/') {
                        return Ok(Found::Node(child));
                    }
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Error::Loop);
                    }
                    let target = self.target(child)?;
                    let target = target.to_str().ok_or(Error::IllegalByteSequence)?;
                    if target.starts_with('/') {
                        return Err(Error::NotPermitted);
                    }
                    let slash = if trimmed.contains('/') { "/" } else { "" };
                    rest = format!("{target}{slash}{behind}");
                }
                _ => {
                    let name = name.to_owned();
                    rest = behind.to_owned();
                    way.steps.push((child, name));
                }
            }
        }
        match self.kind(way.node()) {
            Some(EmbeddedKind::ABOVE) => Ok(Found::Above(way.node(), way.path(""))),
            _ => Ok(Found::Node(way.node())),
        }
    }

    fn stat(&self, number: u32) -> Stat {
        let file_type = match self.kind(number) {
            Some(EmbeddedKind::FILE) => FileType::RegularFile,
            Some(EmbeddedKind::LINK) => FileType::SymbolicLink,
            _ => FileType::Directory,
        };
        let (seconds, ns) = self
            .node(number)
            .map_or((0, 0), |node| (node.modified_s, node.modified_ns));
        let time = Time {
            seconds,
            nanoseconds: ns,
        };
        Stat {
            device: DEVICE,
            inode: u64::from(number) + 1,
            file_type,
            links: 1,
            size: self.contents(number).1,
            accessed: time,
            modified: time,
            changed: time,
        }
    }

    fn target(&self, number: u32) -> Result<PathBuf> {
        let mut target = vec![0; usize::try_from(self.contents(number).1).unwrap_or(0)];
        self.read_at(number, &mut target, 0);
        let target = String::from_utf8(target);
        target
            .map(PathBuf::from)
            .map_err(|_| Error::IllegalByteSequence)
    }

    fn child(&self, directory: u32, name: &[u8]) -> Option<u32> {
        let first = u32::try_from(self.node(directory)?.start).ok()?;
        let nodes = self.in_directory(directory);
        let index = nodes.binary_search_by(|node| self.name(node).cmp(name));
        first.checked_add(u32::try_from(index.ok()?).ok()?)
    }

    fn children(&self, directory: u32, each: &mut dyn FnMut(&[u8], Stat)) {
        let first = self.node(directory).map_or(0, |node| node.start as u32);
        for (number, node) in (first..).zip(self.in_directory(directory)) {
            each(self.name(node), self.stat(number));
        }
    }

    fn read_at(&self, number: u32, into: &mut [u8], position: u64) -> usize {
        let (start, len) = self.contents(number);
        let rest = usize::try_from(len.saturating_sub(position)).unwrap_or(usize::MAX);
        let count = rest.min(into.len());
        match into.get_mut(..count) {
            Some([]) | None => 0,
            Some(into) => self.contents.read_at(into, start.saturating_add(position)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `lib/a` (a file), `lib/up` → `../own`, `lib/loop` → `loop`, in a directory of the system.
    fn nodes() -> Nodes {
        let names = b"libaloopup";
        let contents = b"texttextloop../own";
        let node = |name: (u64, u32), kind, start, len| EmbeddedNode {
            name_start: name.0,
            start,
            len,
            modified_s: 5,
            modified_ns: 0,
            name_bytes: name.1,
            kind,
        };
        Nodes {
            nodes: Box::leak(Box::new([
                node((0, 0), EmbeddedKind::ABOVE, 1, 1),
                node((0, 3), EmbeddedKind::DIRECTORY, 2, 3),
                node((3, 1), EmbeddedKind::FILE, 0, 8),
                node((4, 4), EmbeddedKind::LINK, 8, 4),
                node((8, 2), EmbeddedKind::LINK, 12, 6),
            ])),
            names,
            contents: Box::new(Plain(contents)),
        }
    }

    #[test]
    fn paths_are_followed_by_name() {
        let nodes = nodes();
        let find = |path| nodes.find(0, path, true);
        assert_eq!(find("lib/a"), Ok(Found::Node(2)));
        assert_eq!(find("./lib//./a"), Ok(Found::Node(2)));
        assert_eq!(find("lib/"), Ok(Found::Node(1)));
        assert_eq!(find("lib/../lib/a"), Ok(Found::Node(2)));
        assert_eq!(find("lib/.."), Ok(Found::Above(0, String::from("."))));
        assert_eq!(
            find("lib/../own/b/"),
            Ok(Found::System(String::from("own/b/")))
        );
        assert_eq!(find("lib/b"), Ok(Found::Missing));
        assert_eq!(find("lib/b/c"), Err(Error::NoEntry));
        assert_eq!(find("lib/a/"), Err(Error::NotDirectory));
        assert_eq!(find("lib/a/b"), Err(Error::NotDirectory));
        assert_eq!(find(""), Err(Error::NoEntry));
        assert_eq!(find("/lib"), Err(Error::NotPermitted));
        assert_eq!(find("lib/../.."), Err(Error::NotPermitted));
    }

    #[test]
    fn links_lead_on_and_never_out() {
        let nodes = nodes();
        assert_eq!(nodes.find(0, "lib/loop", true), Err(Error::Loop));
        assert_eq!(nodes.find(0, "lib/loop", false), Ok(Found::Node(3)));
        let own = Found::System(String::from("own"));
        assert_eq!(nodes.find(0, "lib/up", true), Ok(own));
        let below = Found::System(String::from("own/x"));
        assert_eq!(nodes.find(0, "lib/up/x", false), Ok(below));
        assert_eq!(nodes.find(1, "up", true), Err(Error::NotPermitted));
    }

    #[test]
    fn files_are_read_from_any_position() {
        let nodes = nodes();
        let mut into = [0; 5];
        assert_eq!(nodes.read_at(2, &mut into, 2), 5);
        assert_eq!(&into, b"xttex");
        assert_eq!(nodes.read_at(2, &mut into, 6), 2);
        assert_eq!(nodes.read_at(2, &mut into, 8), 0);
        assert_eq!(nodes.read_at(2, &mut into, u64::MAX), 0);
        assert_eq!(nodes.stat(2).size, 8);
        assert_eq!(nodes.stat(1).size, 0);
    }
}
