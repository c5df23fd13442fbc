//! Lines of a function's code.

use super::Writer;
use super::tree::Span;
use super::unit::OutUnit;
use crate::dwarf::{Function, Source};

impl<'a> Writer<'a> {
    pub(super) fn add_rows(
        &mut self,
        unit: &mut OutUnit<'a>,
        source: &'a Source,
        function: &Function,
        position: usize,
        spans: &[Span<'a>],
    ) {
        let (_, start, bytes) = self.text.functions[position];
        // Before the first instruction is what makes the frame.
        let mut declared = function.declared;
        if declared.file.is_none() {
            declared = spans
                .iter()
                .find_map(|span| span.position)
                .map_or(declared, |p| p.1);
        }
        let first = (0, Some((&*source.files, declared)));
        let all = std::iter::once(first).chain(spans.iter().map(|s| (s.start, s.position)));
        let mut last = None;
        unit.rows.begin(start);
        for (at, position) in all {
            let position = position.filter(|(_, position)| position.file.is_some());
            let row = match position {
                Some((files, position)) => {
                    let file = self.file(unit, files, position.file);
                    (file, position.line, position.column)
                }
                None => (None, 0, 0),
            };
            if last == Some(row) && at != 0 {
                continue;
            }
            last = Some(row);
            let (file, line, column) = row;
            unit.rows.add(at, file, line, column);
        }
        unit.rows.end(bytes);
    }
}
