//! The parts of a function's code, and what is known of each: its line, and what it is inlined by.

use super::super::code::Places;
use super::super::inlined::{Origin, Place};
use super::Writer;
use super::tree::{Span, Step, Tree};
use crate::dwarf::{Row, Source, row_near};
use crate::index::FuncId;
use foldhash::{HashMap, HashMapExt};

/// What is told of the code of one function. What a place is inlined by depends on its scope, not on
/// its line: there are many more places than nodes.
struct Paths<'a, 'w> {
    writer: &'w Writer<'a>,
    places: &'w Places,
    id: FuncId,
    /// By origin.
    bodies: Vec<Option<Option<Body<'a>>>>,
    tree: Tree<'a>,
    known: HashMap<Inside, usize>,
    /// By origin: the scope that was asked for last, and its node.
    last: Vec<Option<LastScope>>,
    /// Scopes around another: used again for each.
    path: Vec<Inside>,
    /// The row that was found last.
    near: usize,
}

/// A body of the input.
#[derive(Clone, Copy)]
struct Body<'a> {
    source: &'a Source,
    start: u32,
    /// What the source says of it.
    rows: &'a [Row],
}

/// A scope of what is from an origin; all of that if none.
type Inside = (Origin, Option<u32>);

/// A scope, and its node.
type LastScope = (Option<u32>, Option<usize>);

impl<'a> Writer<'a> {
    /// Those of the function at a position of the text, and the tree that they are in.
    pub(super) fn spans(&self, position: usize) -> (Vec<Span<'a>>, Tree<'a>) {
        let places = &self.text.places[position];
        let (id, _, bytes) = self.text.functions[position];
        let mut paths = Paths {
            writer: self,
            places,
            id,
            bodies: vec![None; 1 + places.frames.len()],
            tree: Tree::default(),
            known: HashMap::new(),
            last: vec![None; 1 + places.frames.len()],
            path: Vec::new(),
            near: 0,
        };
        let starts = places.list.iter().map(|point| point.0);
        let ends = starts.skip(1).chain([bytes]);
        let mut spans = Vec::with_capacity(places.list.len());
        for (&(start, place), end) in places.list.iter().zip(ends) {
            if start < end {
                let row = paths.row(place);
                spans.push(Span {
                    start,
                    end,
                    node: paths.node((place.origin, row.and_then(|(_, row)| row.scope))),
                    position: row.map(|(source, row)| (&*source.files, row.position)),
                });
            }
        }
        paths.tree.place(&spans);
        (spans, paths.tree)
    }
}

impl<'a> Paths<'a, '_> {
    fn func(&self, origin: Origin) -> FuncId {
        match origin {
            Origin::Itself => self.id,
            Origin::Frame(frame) => self.places.frames[frame as usize].func,
        }
    }

    fn body(&mut self, origin: Origin) -> Option<Body<'a>> {
        let number = origin.number();
        if let Some(known) = self.bodies[number] {
            return known;
        }
        let found = self.writer.plan.body_in_code(self.func(origin));
        let found = found.and_then(|(module, body)| {
            let source = self.writer.sources.get(&module)?;
            Some(Body {
                source,
                start: body.start,
                rows: source.rows_of(body.start, body.end),
            })
        });
        self.bodies[number] = Some(found);
        found
    }

    /// What the source says of a place.
    fn row(&mut self, place: Place) -> Option<(&'a Source, &'a Row)> {
        let offset = place.offset?;
        let body = self.body(place.origin)?;
        let row = row_near(body.rows, body.start + offset, &mut self.near)?;
        Some((body.source, row))
    }

    fn node(&mut self, inside: Inside) -> Option<usize> {
        let (origin, scope) = inside;
        if let Some((_, node)) = self.last[origin.number()].filter(|last| last.0 == scope) {
            return node;
        }
        // From there outwards, up to what is known.
        let mut path = std::mem::take(&mut self.path);
        let mut next = Some(inside);
        while let Some(inside) = next
            && inside != (Origin::Itself, None)
            && !self.known.contains_key(&inside)
        {
            path.push(inside);
            next = self.around(inside);
        }
        let mut node = next.and_then(|inside| self.known.get(&inside).copied());
        for inside in path.drain(..).rev() {
            let step = self.step(inside);
            let added = self.tree.add(node, step);
            self.known.insert(inside, added);
            node = Some(added);
        }
        self.path = path;
        self.last[origin.number()] = Some((scope, node));
        node
    }

    fn around(&mut self, (origin, scope): Inside) -> Option<Inside> {
        match (origin, scope) {
            (_, Some(number)) => {
                let source = self.body(origin)?.source;
                Some((origin, source.scopes[number as usize].parent))
            }
            (Origin::Frame(frame), None) => {
                let call = self.places.frames[frame as usize].call?;
                let row = self.row(call);
                Some((call.origin, row.and_then(|(_, row)| row.scope)))
            }
            (Origin::Itself, None) => None,
        }
    }

    fn step(&mut self, (origin, scope): Inside) -> Step<'a> {
        let func = self.func(origin);
        let of_scope = scope.and_then(|number| {
            let source = self.body(origin)?.source;
            Some((source, &source.scopes[number as usize]))
        });
        if let Some((source, of_scope)) = of_scope {
            return Step {
                name: of_scope.name.as_deref(),
                func,
                origin,
                scope,
                call: Some((&source.files, of_scope.call)),
            };
        }
        let call = match origin {
            Origin::Frame(frame) => self.places.frames[frame as usize].call,
            Origin::Itself => None,
        };
        let row = call.and_then(|call| self.row(call));
        Step {
            name: Some(self.writer.name(func)),
            func,
            origin,
            scope: None,
            call: row.map(|(source, row)| (&*source.files, row.position)),
        }
    }
}
