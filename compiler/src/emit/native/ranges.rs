//! Where in a function's code what is true of its source, and of functions inlined in it.

use super::super::code::Places;
use super::super::inlined::{KnownValue, Origin};
use super::super::known::{Order, Span};
use super::super::values::ValuePlace;
use crate::dwarf::{Function, Source, Variable};
use crate::index::FuncId;
use std::cell::OnceCell;
use std::ops::Range;

/// A part of a body of the input, in bytes from its start.
pub(super) type Within = Option<(u32, u32)>;

/// By number of an origin.
type Spans = Vec<Vec<Span>>;

/// A function's code.
pub(super) struct Ranges<'a> {
    places: &'a Places,
    bytes: u32,
    /// What is known, by origin and local and then as in the body, and which of [`Places::values`]
    /// say where.
    known: Vec<(KnownValue, Range<usize>)>,
    /// Offsets in the body of an origin, ascending, and the code that is from there.
    spans: OnceCell<Spans>,
}

/// A function of the input, or one that is inlined, in the code of a function.
#[derive(Clone, Copy)]
pub(super) struct Whose<'a, 'r> {
    pub(super) func: FuncId,
    pub(super) origin: Origin,
    pub(super) source: &'a Source,
    pub(super) function: &'a Function,
    pub(super) ranges: &'r Ranges<'a>,
    /// Where the code begins.
    pub(super) start: u32,
}

impl<'a> Whose<'a, '_> {
    /// The variables of a scope.
    pub(super) fn variables(&self, scope: Option<u32>) -> &'a [Variable] {
        let all = &self.function.variables;
        let first = all.partition_point(|variable| variable.scope < scope);
        let behind = all[first..].partition_point(|variable| variable.scope == scope);
        &all[first..first + behind]
    }
}

impl<'a> Ranges<'a> {
    pub(super) fn new(places: &'a Places, bytes: u32) -> Ranges<'a> {
        let mut known = Vec::new();
        let mut first = 0;
        for of_known in places.values.chunk_by(|a, b| a.value == b.value) {
            let values = first..first + of_known.len();
            first = values.end;
            known.push((places.known[of_known[0].value as usize], values));
        }
        known.sort_unstable_by_key(|(known, _)| (known.origin, known.local, known.from));
        Ranges {
            places,
            bytes,
            known,
            spans: OnceCell::new(),
        }
    }

    /// Puts the code of a part of a body into a list. Gives how much was looked at for it.
    pub(super) fn code(&self, origin: Origin, within: Within, list: &mut Vec<(u32, u32)>) -> usize {
        list.clear();
        let Some((from, to)) = within else {
            list.push((0, self.bytes));
            return 1;
        };
        let spans = self.spans(origin, from, to);
        list.extend(spans.iter().map(|span| (span.1, span.2)));
        // Much of it is in the order of the body: such a sort makes use of that.
        list.sort_by_key(|part| part.0);
        list.dedup_by(|next, before| {
            let continues = next.0 == before.1;
            if continues {
                before.1 = next.1;
            }
            continues
        });
        spans.len()
    }

    /// Puts what holds a local into a list, where that is known. Gives how much was looked at for it. It
    /// is known in no part of the body that is in `within` by half.
    pub(super) fn holders(
        &self,
        origin: Origin,
        local: u32,
        within: Within,
        list: &mut Vec<ValuePlace>,
    ) -> usize {
        let (from, to) = within.unwrap_or((0, u32::MAX));
        let before = |known: &KnownValue| (known.origin, known.local, known.from);
        let asked = (origin, local, from);
        let first = self
            .known
            .partition_point(|(known, _)| before(known) < asked);
        let known = self.known[first..].iter().take_while(|(known, _)| {
            (known.origin, known.local) == (origin, local) && known.from < to
        });
        list.clear();
        let mut looked = 0;
        for (known, values) in known {
            looked += 1;
            if known.to <= to {
                list.extend_from_slice(&self.places.values[values.clone()]);
            }
        }
        looked += list.len();
        list.sort_unstable_by_key(|held| held.start);
        list.dedup_by(|next, before| {
            let continues = next.start == before.end && next.place == before.place;
            if continues {
                before.end = next.end;
            }
            continues
        });
        looked
    }

    fn spans(&self, origin: Origin, from: u32, to: u32) -> &[Span] {
        let all = self.spans.get_or_init(|| spans(self.places, self.bytes));
        let Some(list) = all.get(origin.number()) else {
            return &[];
        };
        let first = list.partition_point(|span| span.0 < from);
        let last = list.partition_point(|span| span.0 < to);
        &list[first..last.max(first)]
    }
}

fn spans(places: &Places, bytes: u32) -> Spans {
    let mut spans = Spans::new();
    spans.resize_with(1 + places.frames.len(), Vec::new);
    let starts = places.list.iter().map(|point| point.0);
    let ends = starts.skip(1).chain([bytes]);
    for (&(start, place), end) in places.list.iter().zip(ends) {
        let mut next = Some(place).filter(|_| start < end);
        while let Some(place) = next {
            if let Some(offset) = place.offset {
                spans[place.origin.number()].push((offset, start, end));
            }
            next = match place.origin {
                Origin::Itself => None,
                Origin::Frame(frame) => places.frames[frame as usize].call,
            };
        }
    }
    let mut order = Order::default();
    for list in &mut spans {
        order.sort(list);
    }
    spans
}
