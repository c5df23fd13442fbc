//! The one tree that is made of what is embedded and of the directories that are granted.

use crate::embedded::{Embedded, EmbeddedItem, EmbeddedNode};
use crate::options::Policy;
use std::collections::{BTreeMap, VecDeque};

/// What the program finds: nodes in the order of breadth, and the directories that are open.
#[derive(Default, Debug)]
pub(crate) struct Layout<'a> {
    /// None if nothing is embedded.
    pub(crate) nodes: Vec<Flat<'a>>,
    pub(crate) preopens: Vec<Preopened>,
}

/// A directory that the program finds open.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Preopened {
    /// The directory that is granted, by its position; none for one that is embedded alone.
    pub(crate) dir: Option<usize>,
    pub(crate) guest: String,
    /// What is embedded in its place or below it.
    pub(crate) node: Option<usize>,
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Flat<'a> {
    pub(crate) name: &'a str,
    pub(crate) modified: (i64, u32),
    pub(crate) item: FlatItem<'a>,
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) enum FlatItem<'a> {
    Directory {
        /// It is the system's, and only leads to what is embedded.
        is_above: bool,
        first: usize,
        count: usize,
    },
    File(&'a [u8]),
    Link(&'a str),
}

/// A node of all that is embedded, in one tree.
struct Merged<'a> {
    modified: (i64, u32),
    item: MergedItem<'a>,
}

enum MergedItem<'a> {
    Directory {
        is_above: bool,
        children: BTreeMap<&'a str, Merged<'a>>,
    },
    File(&'a [u8]),
    Link(&'a str),
}

impl<'a> Layout<'a> {
    pub(crate) fn of(policy: &'a Policy) -> Layout<'a> {
        let granted: Vec<Vec<&str>> = policy.dirs.iter().map(|dir| steps(&dir.guest)).collect();
        let mut root = Merged::directory(true);
        for embedded in &policy.embedded {
            let steps = steps(&embedded.guest);
            let is_granted = granted.contains(&steps);
            root.below(&steps).overlay(&embedded.tree, is_granted);
        }
        let (nodes, numbers) = flat(&root);
        let mut preopens = Vec::new();
        for (position, dir) in policy.dirs.iter().enumerate() {
            let node = numbers.get(&granted[position]).copied();
            preopens.push(Preopened {
                dir: Some(position),
                guest: dir.guest.clone(),
                node: node.filter(|&node| nodes[node].is_above() && !policy.embedded.is_empty()),
            });
        }
        let mut open = granted;
        for guest in roots(policy) {
            let steps = steps(guest);
            // What has been embedded later may have a file in its place.
            let node = numbers.get(&steps).copied();
            if let Some(node) = node.filter(|_| !open.contains(&steps)) {
                preopens.push(Preopened {
                    dir: None,
                    guest: guest.to_owned(),
                    node: Some(node),
                });
                open.push(steps);
            }
        }
        Layout {
            nodes: match policy.embedded.is_empty() {
                true => Vec::new(),
                false => nodes,
            },
            preopens,
        }
    }
}

impl Flat<'_> {
    fn is_above(&self) -> bool {
        matches!(self.item, FlatItem::Directory { is_above: true, .. })
    }
}

/// The directories that the program has to find open because of what is embedded: a file is in one,
/// unless it is below another.
fn roots(policy: &Policy) -> Vec<&str> {
    let is_file = |embedded: &Embedded| !matches!(embedded.tree.item, EmbeddedItem::Directory(_));
    let (files, directories): (Vec<_>, Vec<_>) = policy
        .embedded
        .iter()
        .partition(|embedded| is_file(embedded));
    let mut roots: Vec<&str> = directories.into_iter().map(|e| &*e.guest).collect();
    let granted = policy.dirs.iter().map(|dir| &*dir.guest);
    let mut open: Vec<&str> = granted.chain(roots.iter().copied()).collect();
    for file in files {
        let parent = match file.guest.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((parent, _)) => parent,
            None => ".",
        };
        let path = steps(parent);
        if !open.iter().any(|open| path.starts_with(&steps(open))) {
            roots.push(parent);
            open.push(parent);
        }
    }
    roots
}

/// The names that a path of the guest leads through. C libraries take `/x` and `x` for the same.
fn steps(path: &str) -> Vec<&str> {
    let names = path.split('/');
    names.filter(|name| !matches!(*name, "" | ".")).collect()
}

impl<'a> Merged<'a> {
    fn directory(is_above: bool) -> Merged<'a> {
        Merged {
            modified: (0, 0),
            item: MergedItem::Directory {
                is_above,
                children: BTreeMap::new(),
            },
        }
    }

    /// What is in a directory, which it becomes if it is none, and whether that is the system's.
    fn children(&mut self, is_above: bool) -> (&mut BTreeMap<&'a str, Merged<'a>>, &mut bool) {
        if !matches!(self.item, MergedItem::Directory { .. }) {
            *self = Merged::directory(is_above);
        }
        match &mut self.item {
            MergedItem::Directory { is_above, children } => (children, is_above),
            MergedItem::File(_) | MergedItem::Link(_) => unreachable!("it is a directory"),
        }
    }

    /// The node at the end of a path.
    fn below(&mut self, steps: &[&'a str]) -> &mut Merged<'a> {
        let mut node = self;
        for name in steps {
            let (children, is_above) = node.children(false);
            let is_above = *is_above;
            node = children
                .entry(name)
                .or_insert_with(|| Merged::directory(is_above));
        }
        node
    }

    /// Lays a tree over what is there.
    fn overlay(&mut self, tree: &'a EmbeddedNode, is_granted: bool) {
        match &tree.item {
            EmbeddedItem::File(contents) => self.item = MergedItem::File(&contents.0),
            EmbeddedItem::Link(target) => self.item = MergedItem::Link(target),
            EmbeddedItem::Directory(directory) => {
                let (children, is_above) = self.children(is_granted);
                *is_above = is_granted;
                for (name, node) in directory {
                    let child = children.entry(name);
                    child
                        .or_insert_with(|| Merged::directory(false))
                        .overlay(node, false);
                }
            }
        }
        self.modified = tree.modified;
    }
}

/// The nodes in the order of breadth, and the numbers of directories by their paths.
fn flat<'a>(root: &Merged<'a>) -> (Vec<Flat<'a>>, BTreeMap<Vec<&'a str>, usize>) {
    let mut nodes = Vec::new();
    let mut numbers = BTreeMap::new();
    let mut queue = VecDeque::from([("", Vec::new(), root)]);
    let mut found = 1;
    while let Some((name, path, node)) = queue.pop_front() {
        let item = match &node.item {
            MergedItem::File(contents) => FlatItem::File(contents),
            MergedItem::Link(target) => FlatItem::Link(target),
            MergedItem::Directory { is_above, children } => {
                let first = found;
                found += children.len();
                for (&name, child) in children {
                    let mut path = path.clone();
                    path.push(name);
                    queue.push_back((name, path, child));
                }
                numbers.insert(path, nodes.len());
                FlatItem::Directory {
                    is_above: *is_above,
                    first,
                    count: children.len(),
                }
            }
        };
        nodes.push(Flat {
            name,
            modified: node.modified,
            item,
        });
    }
    (nodes, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::FileContents;
    use crate::options::Dir;
    use std::sync::Arc;

    fn file(text: &str) -> EmbeddedNode {
        EmbeddedNode {
            modified: (7, 0),
            item: EmbeddedItem::File(FileContents(text.as_bytes().to_vec())),
        }
    }

    fn embedded(guest: &str, names: &[&str]) -> Embedded {
        let children = names.iter().map(|name| ((*name).to_owned(), file(name)));
        Embedded {
            guest: guest.to_owned(),
            tree: Arc::new(EmbeddedNode {
                modified: (9, 0),
                item: EmbeddedItem::Directory(children.collect()),
            }),
        }
    }

    fn policy(dirs: &[&str], embedded: Vec<Embedded>) -> Policy {
        let dir = |guest: &&str| Dir {
            host: "host".into(),
            guest: (*guest).to_owned(),
            read_only: false,
            optional: false,
        };
        Policy {
            dirs: dirs.iter().map(dir).collect(),
            embedded,
            ..Policy::default()
        }
    }

    /// Each node with its kind, and each open directory with its node.
    fn shown(policy: &Policy) -> (String, String) {
        let layout = Layout::of(policy);
        let node = |node: &Flat| match &node.item {
            FlatItem::Directory { is_above: true, .. } => format!("({})", node.name),
            FlatItem::Directory { .. } => format!("{}/", node.name),
            FlatItem::File(_) => node.name.to_owned(),
            FlatItem::Link(target) => format!("{}>{target}", node.name),
        };
        let nodes: Vec<String> = layout.nodes.iter().map(node).collect();
        let preopen = |open: &Preopened| match open.node {
            Some(node) => format!("{}={node}", open.guest),
            None => open.guest.clone(),
        };
        let preopens: Vec<String> = layout.preopens.iter().map(preopen).collect();
        (nodes.join(" "), preopens.join(" "))
    }

    #[test]
    fn what_is_embedded_is_open_by_itself() {
        let alone = policy(&[], vec![embedded("/usr/lib", &["b", "a"])]);
        let shown = shown(&alone);
        assert_eq!(shown.0, "() (usr) lib/ a b");
        assert_eq!(shown.1, "/usr/lib=2");
    }

    #[test]
    fn it_lies_over_and_below_what_is_granted() {
        let over = policy(&["."], vec![embedded("/", &["a"])]);
        assert_eq!(shown(&over), ("() a".to_owned(), ".=0".to_owned()));
        let below = policy(&["/", "/other"], vec![embedded("/usr", &["a"])]);
        assert_eq!(shown(&below).0, "() usr/ a");
        assert_eq!(shown(&below).1, "/=0 /other /usr=1");
    }

    #[test]
    fn later_trees_lie_over_earlier_ones() {
        let two = vec![embedded("x", &["a", "b"]), embedded("x/b/c", &["d"])];
        assert_eq!(shown(&policy(&[], two)).0, "() x/ a b/ c/ d");
        let two = vec![embedded("x/b", &["d"]), embedded("x", &["a", "b"])];
        assert_eq!(shown(&policy(&[], two)).0, "() x/ a b");
    }

    #[test]
    fn a_file_is_in_a_directory() {
        let one = |guest: &str| Embedded {
            guest: guest.to_owned(),
            tree: Arc::new(file("text")),
        };
        assert_eq!(shown(&policy(&[], vec![one("/etc/x")])).1, "/etc=1");
        assert_eq!(shown(&policy(&[], vec![one("x")])).1, ".=0");
        let granted = policy(&["/etc"], vec![one("/etc/x")]);
        assert_eq!(
            shown(&granted),
            ("() (etc) x".to_owned(), "/etc=1".to_owned())
        );
    }

    #[test]
    fn without_anything_embedded_there_are_no_nodes() {
        assert_eq!(
            shown(&policy(&["."], vec![])),
            (String::new(), ".".to_owned())
        );
    }
}
