//! Subroutines that are inlined in a function, as a tree with where each of them is.

use super::super::inlined::Origin;
use crate::dwarf::Position;
use crate::index::FuncId;

/// A part of a function's code. The parts of a function lie one behind the other.
#[derive(Debug)]
pub(super) struct Span<'a> {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The innermost one that it is in: of [`Tree::nodes`].
    pub(super) node: Option<usize>,
    pub(super) position: Option<(&'a [String], Position)>,
}

/// A subroutine that is inlined in that above it, or a block of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    /// Nothing for a block.
    pub(super) name: Option<&'a str>,
    /// The function whose scope it is, which is inlined there.
    pub(super) func: FuncId,
    pub(super) origin: Origin,
    /// Of the function's source; the function itself if none.
    pub(super) scope: Option<u32>,
    /// Where it is called.
    pub(super) call: Option<(&'a [String], Position)>,
}

#[derive(Default, Debug)]
pub(super) struct Tree<'a> {
    /// Parents come first.
    pub(super) nodes: Vec<Node<'a>>,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) parent: Option<usize>,
    depth: usize,
    pub(super) step: Step<'a>,
    /// Start and end, ascending.
    pub(super) ranges: Vec<(u32, u32)>,
}

/// The nodes in each.
pub(super) struct Inside {
    /// Those that are in the function itself.
    pub(super) first: Vec<usize>,
    /// Where those in each node begin, and the end.
    starts: Vec<usize>,
    nodes: Vec<usize>,
}

impl Inside {
    pub(super) fn of(&self, node: usize) -> &[usize] {
        &self.nodes[self.starts[node]..self.starts[node + 1]]
    }
}

impl<'a> Tree<'a> {
    pub(super) fn add(&mut self, parent: Option<usize>, step: Step<'a>) -> usize {
        self.nodes.push(Node {
            parent,
            depth: parent.map_or(0, |parent| 1 + self.nodes[parent].depth),
            step,
            ranges: Vec::new(),
        });
        self.nodes.len() - 1
    }

    /// Which nodes are in which.
    pub(super) fn inside(&self) -> Inside {
        let mut inside = Inside {
            first: Vec::new(),
            starts: vec![0; self.nodes.len() + 1],
            nodes: vec![0; self.nodes.len()],
        };
        for node in &self.nodes {
            if let Some(parent) = node.parent {
                inside.starts[parent + 1] += 1;
            }
        }
        for number in 1..inside.starts.len() {
            inside.starts[number] += inside.starts[number - 1];
        }
        let mut next = inside.starts.clone();
        for (number, node) in self.nodes.iter().enumerate() {
            match node.parent {
                Some(parent) => {
                    inside.nodes[next[parent]] = number;
                    next[parent] += 1;
                }
                None => inside.first.push(number),
            }
        }
        inside
    }

    /// Notes where the nodes are.
    pub(super) fn place(&mut self, spans: &[Span<'a>]) {
        // The nodes around a span, the outermost first.
        let mut path: Vec<usize> = Vec::new();
        let mut inner: Vec<usize> = Vec::new();
        for span in spans {
            let mut next = span.node;
            while let Some(node) = next
                && path.get(self.nodes[node].depth) != Some(&node)
            {
                inner.push(node);
                next = self.nodes[node].parent;
            }
            let common = next.map_or(0, |node| 1 + self.nodes[node].depth);
            self.leave(&mut path, common, span.start);
            for node in inner.drain(..).rev() {
                self.nodes[node].ranges.push((span.start, span.end));
                path.push(node);
            }
        }
        let end = spans.last().map_or(0, |span| span.end);
        self.leave(&mut path, 0, end);
    }

    /// What is deeper in the path ends.
    fn leave(&mut self, path: &mut Vec<usize>, depth: usize, end: u32) {
        for node in path.drain(depth..) {
            if let Some(range) = self.nodes[node].ranges.last_mut() {
                range.1 = end;
            }
        }
    }
}
