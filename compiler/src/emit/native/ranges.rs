//! Where in a function's code what is true of its source, and of functions inlined in it.

use super::super::code::Places;
use super::super::inlined::Origin;
use super::super::values::Holder;
use crate::dwarf::{Function, Source};
use crate::index::FuncId;
use std::cell::OnceCell;
use std::collections::HashMap;

/// A part of a body of the input, in bytes from its start.
pub(super) type Within = Option<(u32, u32)>;

/// By origin: offset in its body, start and end in the code.
type Spans = HashMap<Origin, Vec<(u32, u32, u32)>>;

/// A function's code.
pub(super) struct Ranges<'a> {
    places: &'a Places,
    bytes: u32,
    /// Positions in [`Places::values`].
    values: HashMap<(Origin, u32), Vec<usize>>,
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

impl<'a> Ranges<'a> {
    pub(super) fn new(places: &'a Places, bytes: u32) -> Ranges<'a> {
        let mut values: HashMap<(Origin, u32), Vec<usize>> = HashMap::new();
        for (position, (known, ..)) in places.values.iter().enumerate() {
            let of_local = values.entry((known.origin, known.local));
            of_local.or_default().push(position);
        }
        Ranges {
            places,
            bytes,
            values,
            spans: OnceCell::new(),
        }
    }

    /// The code of a part of a body.
    pub(super) fn code(&self, origin: Origin, within: Within) -> Vec<(u32, u32)> {
        let Some((from, to)) = within else {
            return vec![(0, self.bytes)];
        };
        let spans = self.spans(origin, from, to);
        let mut list: Vec<_> = spans.iter().map(|span| (span.1, span.2)).collect();
        list.sort_unstable();
        list
    }

    /// What holds a local, where that is known.
    pub(super) fn holders(
        &self,
        origin: Origin,
        local: u32,
        within: Within,
    ) -> Vec<(u32, u32, Holder)> {
        let (from, to) = within.unwrap_or((0, u32::MAX));
        let positions = self.values.get(&(origin, local));
        let mut list: Vec<(u32, u32, Holder)> = Vec::new();
        for &position in positions.into_iter().flatten() {
            let (known, start, end, holder) = self.places.values[position];
            let (first, last) = (from.max(known.from), to.min(known.to));
            if (first, last) == (0, u32::MAX) {
                list.push((start, end, holder));
            } else if first < last {
                for &(_, of_span, to) in self.spans(origin, first, last) {
                    let (start, end) = (start.max(of_span), end.min(to));
                    if start < end {
                        list.push((start, end, holder));
                    }
                }
            }
        }
        disjoint(list)
    }

    fn spans(&self, origin: Origin, from: u32, to: u32) -> &[(u32, u32, u32)] {
        let all = self.spans.get_or_init(|| spans(self.places, self.bytes));
        let Some(list) = all.get(&origin) else {
            return &[];
        };
        let first = list.partition_point(|span| span.0 < from);
        let last = list.partition_point(|span| span.0 < to);
        &list[first..last.max(first)]
    }
}

fn spans(places: &Places, bytes: u32) -> Spans {
    let mut spans = Spans::new();
    let starts = places.list.iter().map(|point| point.0);
    let ends = starts.skip(1).chain([bytes]);
    for (&(start, place), end) in places.list.iter().zip(ends) {
        let mut next = Some(place).filter(|_| start < end);
        while let Some(place) = next {
            if let Some(offset) = place.offset {
                let of_origin = spans.entry(place.origin).or_default();
                of_origin.push((offset, start, end));
            }
            next = match place.origin {
                Origin::Itself => None,
                Origin::Frame(frame) => places.frames[frame as usize].call,
            };
        }
    }
    for list in spans.values_mut() {
        list.sort_unstable();
    }
    spans
}

/// One of those that are true where several are.
fn disjoint(mut list: Vec<(u32, u32, Holder)>) -> Vec<(u32, u32, Holder)> {
    list.sort_unstable();
    let mut out: Vec<(u32, u32, Holder)> = Vec::with_capacity(list.len());
    for (start, end, holder) in list {
        let start = out.last().map_or(start, |last| start.max(last.1));
        if start >= end {
            continue;
        }
        match out.last_mut() {
            Some(last) if last.1 == start && last.2 == holder => last.1 = end,
            _ => out.push((start, end, holder)),
        }
    }
    out
}
