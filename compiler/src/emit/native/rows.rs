//! Lines of a function's code.

use super::Writer;
use super::tree::Span;
use super::unit::OutUnit;
use super::writing::address;
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
        unit.lines.begin_sequence(Some(address(start)));
        for (at, position) in all {
            let position = position.filter(|(_, position)| position.file.is_some());
            let row = match position {
                Some((files, position)) => {
                    let file = self.file(unit, files, position.file);
                    (file.map(|file| file.0), position.line, position.column)
                }
                None => (None, 0, 0),
            };
            if last == Some(row) && at != 0 {
                continue;
            }
            last = Some(row);
            let (file, line, column) = row;
            let row = unit.lines.row();
            row.address_offset = at.into();
            if let Some(file) = file {
                row.file = file;
            }
            row.line = line.into();
            row.column = column.into();
            unit.lines.generate_row();
        }
        unit.lines.end_sequence(bytes.into());
    }
}
