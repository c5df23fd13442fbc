//! In which code something is known of a local: that which is from a part of the body of the function
//! whose local it is.

use super::inlined::{Inlined, KnownValue, Origin};
use cranelift_codegen::ir::SourceLoc;

/// Offset in a body, start and end of the code that is from there.
pub type Span = (u32, u32, u32);

/// Brings spans that are in the order of the code into that of a body: it counts how many there are of
/// each offset. Bodies that are much longer than the spans are many are sorted.
#[derive(Default)]
pub struct Order {
    starts: Vec<u32>,
    sorted: Vec<Span>,
}

/// So many bytes of a body for each span.
const BODY_BYTES_PER_SPAN: usize = 16;

impl Order {
    pub fn sort(&mut self, spans: &mut Vec<Span>) {
        let offsets = || spans.iter().map(|span| span.0);
        let (Some(least), Some(most)) = (offsets().min(), offsets().max()) else {
            return;
        };
        let bytes = (most - least) as usize;
        if bytes / BODY_BYTES_PER_SPAN > spans.len() {
            spans.sort_by_key(|span| span.0);
            return;
        }
        self.starts.clear();
        self.starts.resize(bytes + 2, 0);
        for span in &*spans {
            self.starts[(span.0 - least) as usize + 1] += 1;
        }
        let mut count = 0;
        for start in &mut self.starts {
            count += *start;
            *start = count;
        }
        self.sorted.clear();
        self.sorted.resize(spans.len(), Span::default());
        for span in &*spans {
            let start = &mut self.starts[(span.0 - least) as usize];
            self.sorted[*start as usize] = *span;
            *start += 1;
        }
        std::mem::swap(spans, &mut self.sorted);
    }
}

/// Code by what it is from.
pub struct Parts<'a> {
    inlined: &'a Inlined,
    end: u32,
    /// By origin: offset in its body, start and end of the code.
    spans: Vec<Vec<Span>>,
    /// What was asked for last, and the answer.
    last: Option<(Origin, u32, u32)>,
    found: Vec<(u32, u32)>,
    /// So many spans may still be looked at: parts of a body can overlap.
    left: usize,
}

/// Spans for each value that is known, on average and at most.
const SPANS_PER_VALUE: usize = 256;

impl<'a> Parts<'a> {
    /// `lines` are offsets and the source locations that are true from there on, up to `end`.
    pub fn new(inlined: &'a Inlined, lines: &[(u32, u32)], end: u32) -> Parts<'a> {
        let mut parts = Parts {
            inlined,
            end,
            spans: vec![Vec::new(); 1 + inlined.frames.len()],
            last: None,
            found: Vec::new(),
            left: SPANS_PER_VALUE * (inlined.values.len() + lines.len()),
        };
        if inlined.values.iter().any(|known| !is_everywhere(known)) {
            parts.add_spans(lines);
        }
        parts
    }

    fn add_spans(&mut self, lines: &[(u32, u32)]) {
        let ends = lines.iter().skip(1).map(|line| line.0).chain([self.end]);
        for (&(start, location), end) in lines.iter().zip(ends) {
            if start >= end {
                continue;
            }
            let mut next = Some(self.inlined.place(SourceLoc::new(location)));
            while let Some(place) = next {
                if let Some(offset) = place.offset {
                    self.spans[place.origin.number()].push((offset, start, end));
                }
                next = match place.origin {
                    Origin::Itself => None,
                    Origin::Frame(frame) => self.inlined.frames[frame as usize].call,
                };
            }
        }
        let mut order = Order::default();
        for spans in &mut self.spans {
            order.sort(spans);
        }
    }

    /// The code where a value is known, ascending; nothing at all where that takes too long.
    pub fn of(&mut self, known: &KnownValue) -> Option<&[(u32, u32)]> {
        let asked = (known.origin, known.from, known.to);
        if self.last == Some(asked) {
            self.left = self.left.checked_sub(self.found.len())?;
            return Some(&self.found);
        }
        self.last = Some(asked);
        self.found.clear();
        if is_everywhere(known) {
            self.found.push((0, self.end));
            return Some(&self.found);
        }
        let spans = &self.spans[known.origin.number()];
        let first = spans.partition_point(|span| span.0 < known.from);
        let last = spans.partition_point(|span| span.0 < known.to);
        let spans = &spans[first..last.max(first)];
        self.left = self.left.checked_sub(spans.len())?;
        self.found.extend(spans.iter().map(|span| (span.1, span.2)));
        self.found.sort_by_key(|found| found.0);
        self.found.dedup_by(|next, before| {
            let continues = next.0 <= before.1;
            if continues {
                before.1 = before.1.max(next.1);
            }
            continues
        });
        Some(&self.found)
    }
}

/// Such a value is known where code is of no place of the source, too.
fn is_everywhere(known: &KnownValue) -> bool {
    (known.from, known.to) == (0, u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Order, Span};

    #[test]
    fn spans_are_in_the_order_of_a_body() {
        let mut order = Order::default();
        for bytes in [1, 10, 1000, 1 << 30] {
            let offset = |number: u32| 7 + number.wrapping_mul(2_654_435_761) % bytes;
            let spans = (0..100).map(|number| (offset(number), 4 * number, 4 * number + 3));
            let mut spans: Vec<Span> = spans.collect();
            let mut expected = spans.clone();
            expected.sort_unstable();
            order.sort(&mut spans);
            assert_eq!(spans, expected);
        }
        order.sort(&mut Vec::new());
    }
}
