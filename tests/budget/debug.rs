//! Hostile debug information, read with `-g`.

use crate::shape::{Shape, assemble};

pub fn shapes() -> Vec<Shape> {
    vec![
        Shape::built(
            "units with tables of abbreviations that end together",
            || {
                let table = (0..100_000).flat_map(empty_unit).chain([0]);
                let unit = |number| unit(EMPTY_BYTES * number, &long_number(number));
                wasm(&units(20_000, unit), &table.collect::<Vec<_>>(), &[], &[])
            },
        ),
        Shape::built("units with the same long line table", || {
            let abbreviations = abbreviation(1, UNIT, 0, &[(STMT_LIST, SEC_OFFSET)]);
            let unit = |_| unit(0, &[1, 0, 0, 0, 0]);
            let line = lines(200_000);
            wasm(&units(20_000, unit), &end(abbreviations), &line, &[])
        }),
        Shape::built("inlined functions with the same long name", || {
            let places = (0..200_000).flat_map(|_| inlined(0));
            let tree = [&[1][..], &places.collect::<Vec<_>>(), &[0]].concat();
            wasm(
                &unit(0, &tree),
                &places_abbreviations(0),
                &[],
                &[b'n'; 8000],
            )
        }),
        Shape::built("functions inlined deep in each other", || {
            let depth = 100_000;
            let mut tree = vec![1];
            tree.extend((0..depth).flat_map(|_| inlined(0)));
            tree.extend(vec![0; depth + 1]);
            wasm(&unit(0, &tree), &places_abbreviations(1), &[], b"name\0")
        }),
    ]
    .into_iter()
    .map(|shape| shape.with(&["-g"]))
    .collect()
}

// Numbers of DWARF 4.
const UNIT: u8 = 0x11;
const INLINED: u8 = 0x1d;
const NAME: u8 = 0x03;
const STMT_LIST: u8 = 0x10;
const LOW_PC: u8 = 0x11;
const HIGH_PC: u8 = 0x12;
const ADDR: u8 = 0x01;
const DATA4: u8 = 0x06;
const STRP: u8 = 0x0e;
const SEC_OFFSET: u8 = 0x17;

fn abbreviation(number: u8, tag: u8, has_children: u8, attributes: &[(u8, u8)]) -> Vec<u8> {
    let attributes = attributes.iter().flat_map(|&(name, form)| [name, form]);
    [number, tag, has_children]
        .into_iter()
        .chain(attributes)
        .chain([0, 0])
        .collect()
}

fn end(mut table: Vec<u8>) -> Vec<u8> {
    table.push(0);
    table
}

/// The abbreviation of units without attributes; each has a number of its own.
fn empty_unit(number: usize) -> [u8; EMPTY_BYTES] {
    let [a, b, c] = long_number(number);
    [a, b, c, UNIT, 0, 0, 0]
}

const EMPTY_BYTES: usize = 7;

/// Another number for each, of three bytes.
fn long_number(number: usize) -> [u8; 3] {
    let number = number + (1 << 14);
    [0, 7, 14].map(|shift| (number >> shift) as u8 & 0x7f | if shift < 14 { 0x80 } else { 0 })
}

fn places_abbreviations(has_children: u8) -> Vec<u8> {
    let place = [(NAME, STRP), (LOW_PC, ADDR), (HIGH_PC, DATA4)];
    end([
        abbreviation(1, UNIT, 1, &[]),
        abbreviation(2, INLINED, has_children, &place),
    ]
    .concat())
}

/// A function that is inlined in the first bytes of the code.
fn inlined(name: u32) -> Vec<u8> {
    let mut entry = vec![2];
    for number in [name, 2, 4] {
        entry.extend(number.to_le_bytes());
    }
    entry
}

fn units(count: usize, unit: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    (0..count).flat_map(unit).collect()
}

fn unit(abbreviations: usize, entries: &[u8]) -> Vec<u8> {
    let mut unit = vec![4, 0];
    unit.extend((abbreviations as u32).to_le_bytes());
    unit.push(4);
    unit.extend(entries);
    sized(unit)
}

/// A line table with so many folders, and lines for the first bytes of the code.
fn lines(folders: usize) -> Vec<u8> {
    let mut head = vec![1, 1, 1, 0xfb, 14, 13];
    head.extend([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]);
    head.extend(b"d\0".repeat(folders));
    head.push(0);
    head.extend(b"f\0\0\0\0\0");
    let mut table = vec![4, 0];
    table.extend((head.len() as u32).to_le_bytes());
    table.extend(head);
    // Set the address, a row, two bytes further, the end.
    table.extend([0, 5, 2, 2, 0, 0, 0, 1, 2, 2, 0, 1, 1]);
    sized(table)
}

fn sized(bytes: Vec<u8>) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat()
}

fn wasm(info: &[u8], abbreviations: &[u8], line: &[u8], text: &[u8]) -> Vec<u8> {
    let mut wasm = assemble(r#"(module (func (export "_start") nop nop nop nop))"#);
    let text = [text, &[0]].concat();
    let sections = [
        (".debug_info", info),
        (".debug_abbrev", abbreviations),
        (".debug_line", line),
        (".debug_str", &text),
    ];
    for (name, bytes) in sections {
        let mut section = vec![name.len() as u8];
        section.extend(name.as_bytes());
        section.extend(bytes);
        wasm.push(0);
        leb128(&mut wasm, section.len());
        wasm.extend(section);
    }
    wasm
}

fn leb128(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}
