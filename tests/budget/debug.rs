//! Hostile debug information, read with `-g`.

use crate::shape::{Shape, assemble, each};

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
        Shape::built("types that are names of each other", || {
            let chain = |at| chain(200_000, at);
            let store = "(i32.store (i32.const 8) (i32.const 1))";
            one_function(&[&variable_of(0), &chain(TREE_START)], &[], store)
        }),
        Shape::built("units with the types of another", types_of_another),
        Shape::built("namespaces deep in each other", || {
            let depth = 100_000;
            let mut tree = vec![1];
            tree.extend((0..depth).flat_map(|_| [NAMESPACE_ENTRY, 0, 0, 0, 0]));
            tree.extend([GLOBAL_ENTRY, 0, 0, 0, 0, 5, 3, 0, 4, 0, 0]);
            tree.extend(vec![0; depth]);
            tree.extend([function_at(2, 4), inlined_at(2, 4), vec![0, 0, 0]].concat());
            wasm(&unit(0, &tree), &abbreviations(), &[], b"name\0")
        }),
        Shape::built("variables with the same long list of locations", || {
            let list = (0..10_000).flat_map(|_| located(2, 6, &[0xed, 0, 0]));
            let list: Vec<u8> = list.chain([0; 8]).collect();
            let variables: Vec<u8> = (0..200_000).flat_map(|_| listed(0)).collect();
            let store = "(i32.store (i32.const 8) (local.get 0))";
            one_function(&[&variables], &list, &format!("(local i32) {store}"))
        }),
        Shape::built("variables that are constants in a long function", || {
            in_long_function(|_| vec![0x31, 0x9f])
        }),
        Shape::built("variables that are locals in a long function", || {
            in_long_function(|_| vec![0xed, 0, 0, 0x9f])
        }),
        Shape::built("a value that many locals have", || {
            let count = 2000;
            let list: Vec<u8> = (0..count)
                .flat_map(|local| {
                    let [a, b, _] = long_number(local);
                    [
                        located(1, u32::MAX - 2, &[0xed, 0, a, b, 1, 0x9f]),
                        vec![0; 8],
                    ]
                    .concat()
                })
                .collect();
            let bytes = list.len() / count;
            let variables = (0..count).flat_map(|number| listed((number * bytes) as u32));
            let sets = each(count, |local| format!("(local.set {local} (local.get $a))"));
            let locals = format!("{} (local $a i32)", "(local i32)".repeat(count));
            let uses = "(call $f (local.get $a))".repeat(3000);
            one_function(
                &[&variables.collect::<Vec<_>>()],
                &list,
                &format!("{locals} (local.set $a (i32.load (i32.const 0))) {sets} {uses}"),
            )
        }),
        Shape::built("inlined functions, each at its own place", || {
            let (rows, depth) = (1000, 100);
            let mut tree = Vec::new();
            for row in 0..rows {
                for level in 0..depth {
                    let start = 16 + 7 * (row * depth + level);
                    tree.extend(inlined_at(start, 7 * (depth - level)));
                }
                tree.extend(vec![0; depth as usize]);
            }
            let stores = "(i32.store (i32.const 8) (i32.const 1))".repeat(100_000);
            one_function(&[&tree], &[], &stores)
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
const SUBPROGRAM: u8 = 0x2e;
const VARIABLE: u8 = 0x34;
const TYPEDEF: u8 = 0x16;
const NAMESPACE: u8 = 0x39;
const TYPE: u8 = 0x49;
const LOCATION: u8 = 0x02;
const EXPRLOC: u8 = 0x18;
const REF_ADDR: u8 = 0x10;
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

// Numbers of abbreviations.
const FUNCTION_ENTRY: u8 = 2;
const TYPED_ENTRY: u8 = 3;
const LISTED_ENTRY: u8 = 4;
const TYPE_ENTRY: u8 = 5;
const NAMESPACE_ENTRY: u8 = 6;
const GLOBAL_ENTRY: u8 = 7;
const INLINED_ENTRY: u8 = 8;

fn abbreviations() -> Vec<u8> {
    let code = [(NAME, STRP), (LOW_PC, ADDR), (HIGH_PC, DATA4)];
    end([
        abbreviation(1, UNIT, 1, &[]),
        abbreviation(FUNCTION_ENTRY, SUBPROGRAM, 1, &code),
        abbreviation(TYPED_ENTRY, VARIABLE, 0, &[(NAME, STRP), (TYPE, REF_ADDR)]),
        abbreviation(
            LISTED_ENTRY,
            VARIABLE,
            0,
            &[(NAME, STRP), (LOCATION, SEC_OFFSET)],
        ),
        abbreviation(TYPE_ENTRY, TYPEDEF, 0, &[(TYPE, REF_ADDR)]),
        abbreviation(NAMESPACE_ENTRY, NAMESPACE, 1, &[(NAME, STRP)]),
        abbreviation(
            GLOBAL_ENTRY,
            VARIABLE,
            0,
            &[(NAME, STRP), (LOCATION, EXPRLOC)],
        ),
        abbreviation(INLINED_ENTRY, INLINED, 1, &code),
    ]
    .concat())
}

/// Bytes of a unit before its entries.
const HEADER_BYTES: usize = 11;

const TYPE_BYTES: usize = 5;

/// Types that are at a place of the section, each another name of the next.
fn chain(count: usize, at: usize) -> Vec<u8> {
    let next = (0..count).map(|number| at + TYPE_BYTES * ((number + 1) % count));
    next.flat_map(|next| [&[TYPE_ENTRY][..], &(next as u32).to_le_bytes()].concat())
        .collect()
}

/// What [`one_function`] has before its trees.
const FUNCTION_BYTES: usize = 1 + 13;

/// Where the types are behind a variable in it.
const TREE_START: usize = HEADER_BYTES + FUNCTION_BYTES + 9;

fn function_at(start: u32, bytes: u32) -> Vec<u8> {
    let numbers = [0, start, bytes].map(u32::to_le_bytes).concat();
    [&[FUNCTION_ENTRY][..], &numbers].concat()
}

fn inlined_at(start: u32, bytes: u32) -> Vec<u8> {
    let numbers = [0, start, bytes].map(u32::to_le_bytes).concat();
    [&[INLINED_ENTRY][..], &numbers].concat()
}

/// A variable of a type, which is at a place of the section; of the first type behind it if at 0.
fn variable_of(ty: usize) -> Vec<u8> {
    let ty = if ty == 0 { TREE_START } else { ty };
    [&[TYPED_ENTRY, 0, 0, 0, 0][..], &(ty as u32).to_le_bytes()].concat()
}

fn listed(at: u32) -> Vec<u8> {
    [&[LISTED_ENTRY, 0, 0, 0, 0][..], &at.to_le_bytes()].concat()
}

/// A part of a list of locations.
fn located(start: u32, end: u32, expression: &[u8]) -> Vec<u8> {
    let bounds = [start, end].map(u32::to_le_bytes).concat();
    let length = (expression.len() as u16).to_le_bytes();
    [&bounds, &length[..], expression].concat()
}

/// A module with one function that has something in it, and something that is inlined: without, nothing
/// is said of its code.
fn one_function(trees: &[&[u8]], lists: &[u8], code: &str) -> Vec<u8> {
    let function = [function_at(8, 1 << 24), trees.concat(), inlined_at(8, 2)];
    let tree = [&[1][..], &function.concat(), &[0, 0, 0]].concat();
    let text = format!(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $f (param i32)))
            (memory (export "memory") 1) (func (export "_start") {code}))"#
    );
    with_sections(
        assemble(&text),
        &[
            (".debug_info", &unit(0, &tree)),
            (".debug_abbrev", &abbreviations()),
            (".debug_loc", lists),
            (".debug_str", b"name\0"),
        ],
    )
}

/// Variables, each of which is something from its own place in the function on.
fn in_long_function(expression: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let count = 20_000;
    let one = |number| {
        [
            located(8 + number, 1 << 23, &expression(number)),
            vec![0; 8],
        ]
        .concat()
    };
    let lists: Vec<u8> = (0..count).flat_map(one).collect();
    let bytes = lists.len() as u32 / count;
    let variables: Vec<u8> = (0..count).flat_map(|n| listed(n * bytes)).collect();
    let store = "(i32.store (i32.const 8) (local.get 0)) (local.set 0 (i32.load (i32.const 4)))";
    one_function(
        &[&variables],
        &lists,
        &format!("(local i32) {}", store.repeat(20_000)),
    )
}

/// Functions of units of their own, each with a variable whose type is in the first unit.
fn types_of_another() -> Vec<u8> {
    let count = 4000;
    let entries = |number: u32, ty: usize, types: Vec<u8>| {
        // Behind the number of functions, two bytes, each takes six, of which the first is its size.
        let start = 2 + 6 * number + 1;
        let inlined = inlined_at(start, 2);
        unit(
            0,
            &[
                vec![1],
                function_at(start, 2),
                variable_of(ty),
                types,
                inlined,
                vec![0, 0, 0],
            ]
            .concat(),
        )
    };
    let mut info = entries(0, 0, chain(4000, TREE_START));
    info.extend((1..count).flat_map(|number| entries(number, TREE_START, Vec::new())));
    // All constants take two bytes.
    let functions = each(count as usize, |number| {
        format!("(func (result i32) (i32.const {}))", 64 + number)
    });
    let table = each(count as usize, |number| format!(" {number}"));
    let text = format!(
        r#"(module (type $t (func (result i32))) (memory 1) {functions}
            (func (export "_start") (drop (call_indirect (type $t) (i32.load (i32.const 0)))))
            (table {count} funcref) (elem (i32.const 0) func{table}))"#
    );
    with_sections(
        assemble(&text),
        &[
            (".debug_info", &info),
            (".debug_abbrev", &abbreviations()),
            (".debug_str", b"name\0"),
        ],
    )
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
    let wasm = assemble(r#"(module (func (export "_start") nop nop nop nop))"#);
    let text = [text, &[0]].concat();
    let sections = [
        (".debug_info", info),
        (".debug_abbrev", abbreviations),
        (".debug_line", line),
        (".debug_str", &*text),
    ];
    with_sections(wasm, &sections)
}

fn with_sections(mut wasm: Vec<u8>, sections: &[(&str, &[u8])]) -> Vec<u8> {
    for (name, bytes) in sections {
        let mut section = vec![name.len() as u8];
        section.extend(name.as_bytes());
        section.extend(*bytes);
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
