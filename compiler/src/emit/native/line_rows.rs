//! The rows of a unit's table of lines (`.debug_line`), as bytes: what the table's own program makes of
//! them (DWARF 5, section 6.2). A row is what has changed since the one before, mostly a byte or two.
//! `gimli` writes the head of the table, and would keep each instruction of the program for itself.

use super::writing::{ADDRESS_BYTES, ADDRESS_SIZE, DebugReloc, DebugTarget, unsigned};
use gimli::leb128::write::Leb128;
use gimli::{LineEncoding, constants};

#[derive(Default)]
pub(super) struct LineRows {
    pub(super) bytes: Vec<u8>,
    pub(super) relocs: Vec<DebugReloc>,
    last: LineRow,
}

/// What is true of code from there on.
#[derive(Clone, Copy)]
pub(super) struct LineRow {
    /// Bytes from the start of the function.
    pub(super) at: u32,
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// What is true at the start of a function.
impl Default for LineRow {
    fn default() -> LineRow {
        LineRow {
            at: 0,
            file: 1,
            line: 1,
            column: 0,
        }
    }
}

/// Operations from there on advance both line and address. The head says so.
const FIRST_SPECIAL: u64 = 13;
const LAST_SPECIAL: u64 = 255;

impl LineRows {
    /// A function begins there in the code.
    pub(super) fn begin(&mut self, start: u32) {
        self.extended(constants::DW_LNE_set_address, 1 + ADDRESS_BYTES);
        self.relocs.push(DebugReloc {
            offset: self.bytes.len(),
            bytes: ADDRESS_SIZE,
            target: DebugTarget::Code,
            addend: start.into(),
        });
        self.bytes.extend([0; ADDRESS_BYTES as usize]);
    }

    /// The next row of the function. If nothing is said of the file, it is that of the row before.
    pub(super) fn add(&mut self, at: u32, file: Option<u32>, line: u32, column: u32) {
        let last = self.last;
        let file = file.unwrap_or(last.file);
        if file != last.file {
            self.bytes.push(constants::DW_LNS_set_file.0);
            unsigned(&mut self.bytes, file.into());
        }
        if column != last.column {
            self.bytes.push(constants::DW_LNS_set_column.0);
            unsigned(&mut self.bytes, column.into());
        }
        let LineEncoding {
            line_base,
            line_range,
            ..
        } = LineEncoding::default();
        let (base, range) = (i64::from(line_base), u64::from(line_range));
        let lines = i64::from(line) - i64::from(last.line);
        // That of an operation which advances the line alone.
        let of_lines = u64::try_from(lines - base).ok();
        let of_lines = of_lines.filter(|&of_lines| of_lines < range);
        if of_lines.is_none() {
            self.bytes.push(constants::DW_LNS_advance_line.0);
            self.bytes.extend(Leb128::signed(lines).bytes());
        }
        let no_lines = FIRST_SPECIAL + line_base.unsigned_abs() as u64;
        let mut special = of_lines.map_or(no_lines, |of_lines| FIRST_SPECIAL + of_lines);
        let bytes = u64::from(at - last.at);
        if bytes != 0 {
            // Another operation advances the address as far as the last special one does.
            let constant = (LAST_SPECIAL - FIRST_SPECIAL) / range;
            if special + bytes * range <= LAST_SPECIAL {
                special += bytes * range;
            } else if bytes >= constant && special + (bytes - constant) * range <= LAST_SPECIAL {
                self.bytes.push(constants::DW_LNS_const_add_pc.0);
                special += (bytes - constant) * range;
            } else {
                self.bytes.push(constants::DW_LNS_advance_pc.0);
                unsigned(&mut self.bytes, bytes);
            }
        }
        self.bytes.push(match u8::try_from(special) {
            Ok(special) if u64::from(special) != no_lines => special,
            _ => constants::DW_LNS_copy.0,
        });
        self.last = LineRow {
            at,
            file,
            line,
            column,
        };
    }

    /// The function has so many bytes.
    pub(super) fn end(&mut self, bytes: u32) {
        if bytes != self.last.at {
            self.bytes.push(constants::DW_LNS_advance_pc.0);
            unsigned(&mut self.bytes, u64::from(bytes - self.last.at));
        }
        self.extended(constants::DW_LNE_end_sequence, 1);
        self.last = LineRow::default();
    }

    fn extended(&mut self, operation: gimli::DwLne, length: u64) {
        self.bytes.push(0);
        unsigned(&mut self.bytes, length);
        self.bytes.push(operation.0);
    }
}

#[cfg(test)]
mod tests {
    use super::LineRows;
    use gimli::write::{Address, DebugLine, EndianVec, LineProgram, LineString};
    use gimli::write::{LineStringTable, StringTable};
    use gimli::{Encoding, Format, LineEncoding, LittleEndian};

    /// The program that gimli writes for the same rows.
    fn written(rows: &[(u32, u32, u32)], bytes: u32) -> Vec<u8> {
        let encoding = Encoding {
            format: Format::Dwarf32,
            version: 5,
            address_size: 8,
        };
        let text = || LineString::String(b"x".to_vec());
        let new = || {
            LineProgram::new(
                encoding,
                LineEncoding::default(),
                text(),
                None,
                text(),
                None,
            )
        };
        let write = |program: &LineProgram| {
            let mut out = DebugLine(EndianVec::new(LittleEndian));
            let mut texts = (LineStringTable::default(), StringTable::default());
            let written = program.write(&mut out, encoding, &mut texts.0, &mut texts.1);
            written.expect("it has all that it refers to");
            out.0.into_vec()
        };
        let head = write(&new()).len();
        let mut program = new();
        program.begin_sequence(Some(Address::Constant(0)));
        for &(at, line, column) in rows {
            let row = program.row();
            (row.address_offset, row.line, row.column) = (at.into(), line.into(), column.into());
            program.generate_row();
        }
        program.end_sequence(bytes.into());
        write(&program).split_off(head)
    }

    #[test]
    fn rows_are_written_as_gimli_does() {
        let mut all = Vec::new();
        let (mut at, mut line) = (0, 100);
        for step in 0_u32..40 {
            for next in [
                line,
                line + 3,
                line + 9,
                line + 8,
                line - 5,
                line - 6,
                0,
                1,
                u32::MAX,
            ] {
                all.push((at, next, step % 3));
                at += step;
                line = next.clamp(10, 1000);
            }
        }
        let mut rows = LineRows::default();
        for bytes in [at + 7, all.last().map_or(0, |row| row.0)] {
            rows.bytes.clear();
            rows.begin(0);
            for &(at, line, column) in &all {
                rows.add(at, None, line, column);
            }
            rows.end(bytes);
            assert_eq!(rows.bytes, written(&all, bytes));
        }
    }
}
