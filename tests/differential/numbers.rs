//! Numbers that are read byte by byte, and loops with what `-O simplify` is about: states in masked locals,
//! conditions kept as numbers, pairs of addresses that differ by a constant, and lists whose links are
//! indices. In random forms, of which some only look like it.

use super::Question;
use super::generated::Random;
use std::fmt::Write;

/// Functions of either kind in a module.
const FUNCTIONS: usize = 5;
/// How often each is called.
const CALLS: usize = 16;
const PAGE: u64 = 65536;

/// A module and what is asked of it.
#[must_use]
pub fn module(seed: u64) -> (Vec<u8>, Vec<Question>) {
    let mut random = Random::new(seed ^ 0x6e75_6d62);
    let mut text = String::from("(module (memory $m (export \"m\") 1)\n(data (i32.const 0) \"");
    for _ in 0..PAGE {
        let _ = write!(text, "\\{:02x}", random.below(256));
    }
    text.push_str("\")\n");
    text.push_str(&cells(&mut random));
    for number in 0..FUNCTIONS {
        text.push_str(&reader(number, &mut random));
        text.push_str(&machine(number, &mut random));
        text.push_str(&walk(number, &mut random));
    }
    text.push(')');
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut questions = Vec::new();
    for call in 0..FUNCTIONS * CALLS {
        let small = random.below(40);
        let args = [
            address(&mut random),
            address(&mut random),
            small as u64,
            random.next(),
        ];
        for kind in ["read", "machine"] {
            questions.push(Question::of_numbers(kind, call % FUNCTIONS, &args));
        }
        let list = match random.below(6) {
            0 => address(&mut random),
            _ => LIST,
        };
        // At least one cell, as lists may lead back to themselves.
        let args = [list, link(&mut random).into(), small as u64 + 1];
        questions.push(Question::of_numbers("walk", call % FUNCTIONS, &args));
    }
    questions.push(Question::Memory {
        name: "m".to_owned(),
        index: "i32",
    });
    (wasm, questions)
}

/// In front of the end of the memory, anywhere, or outside.
fn address(random: &mut Random) -> u64 {
    let near = random.below(24) as u64;
    match random.below(4) {
        0 => PAGE - near,
        1 => near.wrapping_neg(),
        _ => random.next() % PAGE,
    }
}

/// Where the cell with the index 0 is.
const LIST: u64 = 40_000;
const CELL_BYTES: u64 = 8;
/// Cells in front of it, and behind.
const CELLS: [i32; 2] = [-20, 60];

/// The index of a cell, of which the shift takes the upper bits away.
fn link(random: &mut Random) -> u32 {
    let [first, end] = CELLS;
    let index = first + i32::try_from(random.below((end - first) as usize)).expect("few");
    let more = random.below(8) as u32;
    index.cast_unsigned().wrapping_add(more << 29)
}

/// Cells that lead to each other.
fn cells(random: &mut Random) -> String {
    let start = LIST.wrapping_add_signed(i64::from(CELLS[0]) * CELL_BYTES as i64);
    let mut text = format!("(data (i32.const {start}) \"");
    for _ in CELLS[0]..CELLS[1] {
        for byte in link(random).to_le_bytes() {
            let _ = write!(text, "\\{byte:02x}");
        }
        for _ in 4..CELL_BYTES {
            let _ = write!(text, "\\{:02x}", random.below(256));
        }
    }
    text + "\")\n"
}

/// A function that goes along cells.
fn walk(number: usize, random: &mut Random) -> String {
    let scale = [3, 3, 3, 3, 2, 0][random.below(6)];
    let offset = [0, 0, 0, 0, 8][random.below(5)];
    let address = match random.below(2) {
        0 => format!("(i32.add (local.get $list) (i32.shl (local.get $x) (i32.const {scale})))"),
        _ => format!("(i32.add (i32.shl (local.get $x) (i32.const {scale})) (local.get $list))"),
    };
    let store = match random.below(4) {
        0 => format!("(i32.store offset={offset} (local.get $at) (local.get $last))"),
        1 => format!(
            "(i32.store8 offset={} (local.get $at) (local.get $n))",
            offset + 5
        ),
        _ => String::new(),
    };
    let load = match random.below(4) {
        0 => "(i32.load16_s offset=4 (local.get $at))",
        1 => "(i32.xor (local.get $at) (i32.load8_u offset=6 (local.get $at)))",
        _ => "(i32.load8_u offset=4 (local.get $at))",
    };
    format!(
        r#"(func (export "walk{number}") (param $list i32) (param $x i32) (param $n i32)
    (result i32 i32 i32 i32) (local $at i32) (local $next i32) (local $last i32) (local $sum i32)
    (block $out (loop $more
      (local.set $at {address})
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) {load}))
      (local.set $next (i32.load offset={offset} (local.get $at)))
      {store}
      (local.set $last (local.get $x))
      (local.set $x (local.get $next))
      (br_if $out (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (br_if $more (i32.ne (local.get $x) (i32.const -1)))))
    (i32.load (local.get $at)) (local.get $x) (local.get $last) (local.get $sum))
"#
    )
}

/// A function that makes a number of bytes.
fn reader(number: usize, random: &mut Random) -> String {
    let count = [2, 4, 4, 8, 8, 3][random.below(6)];
    let ty = match count {
        8 => "i64",
        _ => ["i32", "i32", "i64"][random.below(3)],
    };
    let wide = if ty == "i64" { 8 } else { 4 };
    let is_reversed = random.below(4) != 0;
    let more = match random.below(3) {
        0 if wide > count => random.below(wide - count + 1),
        _ => 0,
    };
    let offset = [0, 0, 3, 100][random.below(4)];
    let odd = random.below(4 * count);
    let mut bytes: Vec<String> = (0..count)
        .map(|at| {
            let place = if is_reversed { count - 1 - at } else { at };
            let mut shift = 8 * (place + more);
            let mut at = offset + at;
            // Some are not such a number.
            if odd == place {
                shift ^= 8;
            } else if odd == count + place {
                at += 1;
            }
            let base = ["$p", "$q"][usize::from(odd == 2 * count + place)];
            let load = format!("({ty}.load8_u offset={at} (local.get {base}))");
            let load = match random.below(6) {
                0 => format!("({ty}.and (local.tee $x{ty} {load}) ({ty}.const 255))"),
                1 => format!("(local.tee $x{ty} {load})"),
                2 if ty == "i64" => {
                    format!("(i64.extend_i32_u (i32.load8_u offset={at} (local.get {base})))")
                }
                _ => load,
            };
            match shift {
                0 => load,
                _ => format!("({ty}.shl {load} ({ty}.const {shift}))"),
            }
        })
        .collect();
    // In any order, and joined in any.
    while bytes.len() > 1 {
        let first = bytes.swap_remove(random.below(bytes.len()));
        let second = bytes.swap_remove(random.below(bytes.len()));
        bytes.push(format!("({ty}.or {first} {second})"));
    }
    let between = match random.below(5) {
        0 => format!("(i32.store8 offset={offset} (local.get $q) (local.get $c))"),
        1 => "(local.set $n (i32.load (local.get $q)))".to_owned(),
        2 => "(local.set $n (i32.div_u (local.get $n) (local.get $c)))".to_owned(),
        _ => String::new(),
    };
    format!(
        r#"(func (export "read{number}") (param $p i32) (param $q i32) (param $n i32) (param $c i32)
    (result {ty} i32 i64 i32) (local $xi32 i32) (local $xi64 i64) (local $made {ty})
    (local.set $made {})
    {between}
    (local.set $made ({ty}.add (local.get $made) {}))
    (local.get $made) (local.get $xi32) (local.get $xi64) (local.get $n))
"#,
        bytes[0],
        bytes[0].replace("$p", "$q"),
    )
}

/// A function with a loop.
fn machine(number: usize, random: &mut Random) -> String {
    let step = [1, 4, 4, -8, 12][random.below(5)];
    let mask = [1, 3, 7, 15, 255, 65535, 6][random.below(7)];
    let states = random.below(3) + 2;
    let kept = match random.below(4) {
        0 => "(i32.eq (i32.load8_u (local.get $a)) (i32.and (local.get $c) (i32.const 255)))",
        1 => "(i32.eqz (i32.load16_u (local.get $b)))",
        2 => "(i32.lt_s (local.get $sum) (i32.or (local.get $c) (i32.const 0x70000000)))",
        _ => "(i32.xor (i32.eq (local.get $s) (i32.const 2)) (i32.const 1))",
    };
    let leaves = match random.below(3) {
        0 => "",
        1 => "(br_if $out (local.get $t))",
        _ => "(br_if $out (i32.eqz (local.get $t)))",
    };
    let mut arms = String::new();
    for state in 0..states {
        let next = match random.below(6) {
            0 => "(i32.load8_u (local.get $a))".to_owned(),
            1 => "(i32.and (local.get $sum) (i32.const 7))".to_owned(),
            2 => "(i32.add (local.get $s) (i32.const 1))".to_owned(),
            _ => format!("(i32.const {})", random.below(states + 1)),
        };
        let _ = writeln!(
            arms,
            "      (if (i32.eq (i32.and (local.get $s) (i32.const {mask})) (i32.const {state})) (then
        (local.set $s {next}) (local.set $sum (i32.add (local.get $sum) (local.get $t)))
        (br $next)))"
        );
    }
    let jump = [0, 0, 4, step][random.below(4)];
    let further = match random.below(4) {
        0 => "(i32.const 4)".to_owned(),
        _ => format!("(i32.const {step})"),
    };
    format!(
        r#"(func (export "machine{number}") (param $p i32) (param $q i32) (param $n i32) (param $c i32)
    (result i32 i32 i32 i32 i32) (local $a i32) (local $b i32) (local $s i32) (local $t i32) (local $sum i32)
    (local.set $a (local.get $p))
    (local.set $b (i32.add (local.get $p) (i32.const {step})))
    (block $out (loop $more
      (local.set $t {kept})
      {leaves}
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31))
        (i32.xor (i32.load8_u (local.get $a)) (i32.or (local.get $c) (i32.const 12)))))
      (block $next
{arms}
        (local.set $a (i32.add (local.get $b) (i32.const {jump})))
        (local.set $b (i32.add (local.get $a) {further}))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))
        (br $out))
      (local.set $a (local.get $b))
      (local.set $b (i32.add (local.get $b) (i32.const {step})))
      (br_if $more (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))))
    (local.get $a) (local.get $b) (local.get $s) (local.get $t) (local.get $sum))
"#
    )
}
