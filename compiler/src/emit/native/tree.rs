//! Subroutines that are inlined in a function, as a tree with where each of them is.

use super::super::inlined::Origin;
use crate::dwarf::Position;
use crate::index::FuncId;
use std::collections::HashMap;

/// A part of a function's code.
#[derive(Debug)]
pub(super) struct Span<'a> {
    pub(super) start: u32,
    pub(super) end: u32,
    /// What it is inlined by, the outermost first.
    pub(super) steps: Vec<Step<'a>>,
    pub(super) position: Option<(&'a [String], Position)>,
}

/// A subroutine that is inlined in that before it, or a block of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    /// Tells it from others in the same one.
    pub(super) key: (FuncId, u32),
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

#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// Parents come first.
    pub(super) nodes: Vec<Node<'a>>,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) parent: Option<usize>,
    pub(super) step: Step<'a>,
    /// Start and end, ascending.
    pub(super) ranges: Vec<(u32, u32)>,
}

impl<'a> Tree<'a> {
    pub(super) fn of(spans: &[Span<'a>]) -> Tree<'a> {
        let mut nodes: Vec<Node<'a>> = Vec::new();
        let mut known: HashMap<(Option<usize>, (FuncId, u32)), usize> = HashMap::new();
        // The nodes of the span before: most of it is as in that.
        let mut path: Vec<usize> = Vec::new();
        for span in spans {
            for (depth, step) in span.steps.iter().enumerate() {
                let parent = depth.checked_sub(1).map(|above| path[above]);
                let is_same = |&node: &usize| {
                    let node: &Node<'_> = &nodes[node];
                    node.parent == parent && node.step.key == step.key
                };
                if !path.get(depth).is_some_and(is_same) {
                    let node = *known.entry((parent, step.key)).or_insert_with(|| {
                        nodes.push(Node {
                            parent,
                            step: *step,
                            ranges: Vec::new(),
                        });
                        nodes.len() - 1
                    });
                    path.truncate(depth);
                    path.push(node);
                }
                let ranges = &mut nodes[path[depth]].ranges;
                match ranges.last_mut() {
                    Some(last) if last.1 == span.start => last.1 = span.end,
                    _ => ranges.push((span.start, span.end)),
                }
            }
            path.truncate(span.steps.len());
        }
        Tree { nodes }
    }
}
