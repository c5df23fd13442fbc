//! Loops that look for a byte, or compare bytes of two places, in random forms, over memories in which
//! bytes are found late, at the end, or not at all.

use super::Question;
use super::generated::Random;
use std::fmt::Write;

/// Loops of a module.
const LOOPS: usize = 6;
/// How often each is called.
const CALLS: usize = 24;
const PAGE: u64 = 65536;

/// A module and what is asked of it.
#[must_use]
pub fn module(seed: u64) -> (Vec<u8>, Vec<Question>) {
    let mut random = Random::new(seed ^ 0x6279_7465);
    let index = ["i32", "i64"][random.below(2)];
    let memory = random.below(2);
    let maximum = [" 4", ""][random.below(2)];
    let mut text = String::from("(module\n");
    if memory == 1 {
        text.push_str("(memory 1)\n");
    }
    let _ = writeln!(text, "(memory $text {index} 1{maximum})");
    let _ = writeln!(
        text,
        "(data (memory $text) ({index}.const 0) \"{}\")",
        contents(&mut random)
    );
    let _ = writeln!(
        text,
        r#"(func (export "grow") (drop (memory.grow $text ({index}.const 1))))"#
    );
    for number in 0..LOOPS {
        text.push_str(&byte_loop(number, index, &mut random));
    }
    text.push(')');
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (wasm, questions(index, &mut random))
}

/// A page of letters, in which other bytes are seldom.
fn contents(random: &mut Random) -> String {
    let seldom = [10, 100, 3000, 100_000][random.below(4)];
    let mut text = String::new();
    for _ in 0..PAGE {
        text.push_str(match random.below(seldom) {
            0 => "\\00",
            1 => "\\ff",
            2 => "Q",
            _ => "a",
        });
    }
    text
}

/// A function of two addresses, a number and a byte: where a loop has ended, and what it has counted.
fn byte_loop(number: usize, index: &str, random: &mut Random) -> String {
    // The address is a pointer that grows, or the sum of the parameter and an index that does.
    let is_pointer = random.below(2) == 0;
    let address = match is_pointer {
        true => "(local.get $i)".to_owned(),
        false => format!("({index}.add (local.get $p) (local.get $i))"),
    };
    let offset = [0, 0, 1, 40, 70_000][random.below(5)];
    let load = format!("(i32.load8_u $text offset={offset} {address})");
    let other = match is_pointer {
        true => "(local.get $j)".to_owned(),
        false => format!("({index}.add (local.get $q) (local.get $i))"),
    };
    let other = format!("(i32.load8_u $text {other})");
    let compares = random.below(2) == 0;
    let differ = |random: &mut Random| {
        let (one, other) = match random.below(2) {
            0 => (&load, &other),
            _ => (&other, &load),
        };
        match random.below(4) {
            0 => format!("(i32.sub {one} {other})"),
            1 => format!("(i32.xor {one} {other})"),
            2 => format!("(local.tee $b (i32.sub {one} {other}))"),
            _ => format!("(i32.ne {one} {other})"),
        }
    };
    let wanted = |random: &mut Random| match random.below(if compares { 6 } else { 5 }) {
        5 => format!("(i32.eqz {other})"),
        0 => format!("(i32.eqz {load})"),
        1 => format!("(i32.eq {load} (i32.const 0x51))"),
        2 => format!("(i32.eq (i32.and (local.get $c) (i32.const 255)) {load})"),
        3 => format!("(i32.eq {load} (local.get $c))"),
        _ => format!("(i32.eq (local.tee $b {load}) (i32.const 255))"),
    };
    let end = match (is_pointer, random.below(3)) {
        (_, 0) => format!("({index}.const {})", random.below(300)),
        (true, _) => format!("({index}.add (local.get $p) (local.get $n))"),
        (false, _) => "(local.get $n)".to_owned(),
    };
    let ends = ["eq", "ge_u", "gt_u", "ge_s", "gt_s"][random.below(5)];
    let ends = match random.below(6) {
        0 => format!("({index}.eqz (local.get $left))"),
        1 => format!("({index}.le_u (local.get $left) ({index}.const 5))"),
        2 => format!("({index}.lt_s (local.get $left) ({index}.const -7))"),
        _ => format!("({index}.{ends} (local.get $i) {end})"),
    };
    let first = if is_pointer { "(local.get $p)" } else { "" };
    let first = match first {
        "" => format!("({index}.const {})", [0, 0, 3][random.below(3)]),
        first => first.to_owned(),
    };
    let mut tests = match compares {
        true => vec![differ(random)],
        false => vec![wanted(random)],
    };
    if random.below(3) == 0 {
        let at = random.below(2);
        tests.insert(at, wanted(random));
    }
    let mut body: Vec<String> = match (tests.len(), random.below(2)) {
        (2, 0) => vec![format!("(br_if $out (i32.or {} {}))", tests[0], tests[1])],
        _ => tests
            .iter()
            .map(|test| format!("(br_if $out {test})"))
            .collect(),
    };
    let grows = format!("(local.set $i ({index}.add (local.get $i) ({index}.const 1)))");
    let grows_other = grows.replace("$i", "$j");
    let at = random.below(body.len() + 1);
    body.insert(at, grows);
    if is_pointer && compares {
        let at = random.below(body.len() + 1);
        body.insert(at, grows_other);
    }
    if random.below(4) != 0 {
        let at = random.below(body.len() + 1);
        body.insert(at, format!("(br_if $out {ends})"));
    }
    // What else is counted; a store keeps the loop as it is.
    let step = [0, 1, -1, 3, -40, 1 << 30][random.below(6)];
    let counts = format!("(local.set $k (i32.add (local.get $k) (i32.const {step})))");
    let counts = match random.below(8) {
        0 => "(i32.store8 $text (INDEX.const 9) (i32.const 7))".replace("INDEX", index),
        1 => "(local.set $k (i32.xor (local.get $k) (i32.const 5)))".to_owned(),
        _ => counts,
    };
    body.insert(random.below(body.len() + 1), counts);
    let left = format!("(local.set $left ({index}.add (local.get $left) ({index}.const -1)))");
    body.insert(random.below(body.len() + 1), left);
    let body = body.join("\n      ");
    format!(
        r#"(func (export "loop{number}") (param $p {index}) (param $q {index}) (param $n {index}) (param $c i32)
    (result {index} i32 i32 {index})
    (local $i {index}) (local $j {index}) (local $left {index}) (local $k i32) (local $b i32)
    (local.set $left (local.get $n))
    (local.set $i {first})
    (local.set $j (local.get $q))
    (block $out (loop $more
      {body}
      (br $more)))
    (local.get $i) (local.get $k) (local.get $b) (local.get $left))
"#
    )
}

fn questions(index: &str, random: &mut Random) -> Vec<Question> {
    let mut questions = Vec::new();
    let shown = |value: u64| match index {
        "i32" => format!("i32:{:08x}", value as u32),
        _ => format!("i64:{value:016x}"),
    };
    for call in 0..LOOPS * CALLS {
        if call % 50 == 49 {
            questions.push(Question::Call {
                name: "grow".to_owned(),
                args: Vec::new(),
            });
        }
        let near = random.below(80) as u64;
        let [at, other] = [(); 2].map(|()| address(random));
        let number = match random.below(6) {
            0 => random.below(3) as u64,
            1 => near.wrapping_neg(),
            2 => random.next() % PAGE,
            _ => random.below(100) as u64,
        };
        let byte = [0, 0x51, 0xff, 0x61, 0x151, 0x77][random.below(6)];
        questions.push(Question::Call {
            name: format!("loop{}", call % LOOPS),
            args: vec![
                shown(at),
                shown(other),
                shown(number),
                format!("i32:{byte:08x}"),
            ],
        });
    }
    questions
}

/// In front of the end of the memory or of a page, anywhere, or outside.
fn address(random: &mut Random) -> u64 {
    let near = random.below(80) as u64;
    match random.below(6) {
        0 | 1 => PAGE - near,
        2 => (random.below(16) as u64 + 1) * 4096 - near,
        3 => near.wrapping_neg(),
        _ => random.next() % PAGE,
    }
}
