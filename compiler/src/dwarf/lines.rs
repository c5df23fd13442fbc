//! Line tables: which line code is from.

use super::files::{Dwarf, Files, Unit, UnitFiles};
use super::source::Position;
use foldhash::HashSet;
use gimli::{Reader as _, Section as _};

/// The tables of all units. No position: nothing is known from the address on.
#[derive(Default)]
pub(super) struct Lines {
    rows: Vec<(u32, Option<Position>)>,
    /// Where sequences of rows begin: ascending, and those of a sequence are so by address.
    sequences: Vec<usize>,
    /// Tables that have been read: several units may have the same.
    seen: HashSet<usize>,
    /// Rows that were read. One takes a byte, and tables can overlap.
    read: usize,
}

impl Lines {
    pub(super) fn add(&mut self, dwarf: &Dwarf<'_>, unit: &Unit<'_>, files: &mut Files) {
        let Some(program) = unit.line_program.clone() else {
            return;
        };
        if !self.seen.insert(program.header().offset().0) {
            return;
        }
        let mut unit_files = UnitFiles::default();
        let mut sequence: Vec<(u32, Option<Position>)> = Vec::new();
        let mut rows = program.rows();
        let rows_max = dwarf.debug_line.reader().len();
        while self.read < rows_max
            && let Ok(Some((_, row))) = rows.next_row()
        {
            self.read += 1;
            let Ok(address) = u32::try_from(row.address()) else {
                sequence.clear();
                continue;
            };
            let position = (!row.end_sequence()).then(|| Position {
                file: unit_files.position(dwarf, unit, files, row.file_index()),
                line: row.line().map_or(0, |line| saturate(line.get())),
                column: match row.column() {
                    gimli::ColumnType::LeftEdge => 0,
                    gimli::ColumnType::Column(column) => saturate(column.get()),
                },
            });
            sequence.push((address, position));
            if row.end_sequence() {
                self.finish_sequence(&mut sequence);
            }
        }
    }

    /// What a linker has removed lies nowhere: it begins at 0, where the number of functions is, or at
    /// the end of all addresses.
    fn finish_sequence(&mut self, sequence: &mut Vec<(u32, Option<Position>)>) {
        let is_code = sequence
            .first()
            .is_some_and(|row| row.0 != 0 && row.0 < u32::MAX - 1);
        if is_code && sequence.is_sorted_by_key(|row| row.0) {
            self.sequences.push(self.rows.len());
            self.rows.append(sequence);
        }
        sequence.clear();
    }

    /// Ascending, one for each address.
    pub(super) fn finish(mut self) -> Vec<(u32, Option<Position>)> {
        // Sequences are functions, which lie one behind the other: as a rule that is all.
        let starts = self.sequences.iter();
        if !starts.is_sorted_by_key(|&start| self.rows[start].0) {
            self.order();
        }
        let mut rows = self.rows;
        // Where one sequence ends, another may begin.
        rows.sort_by_key(|row| (row.0, row.1.is_some()));
        rows.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same {
                earlier.1 = later.1;
            }
            is_same
        });
        rows
    }

    /// Brings the sequences into the order of their starts.
    fn order(&mut self) {
        let ends = self.sequences.iter().skip(1).copied();
        let ends = ends.chain([self.rows.len()]);
        let mut sequences: Vec<_> = self.sequences.iter().copied().zip(ends).collect();
        sequences.sort_by_key(|&(start, _)| self.rows[start].0);
        let sequences = sequences.iter();
        let mut rows = Vec::with_capacity(self.rows.len());
        for &(start, end) in sequences {
            rows.extend_from_slice(&self.rows[start..end]);
        }
        self.rows = rows;
    }
}

pub(super) fn saturate(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
