//! State machines: loops that dispatch on a local which their cases set. In random forms, of which some have
//! states that nobody sets, transitions that are computed, or circles of states.

use super::Question;
use super::generated::Random;
use std::fmt::Write;

/// Functions in a module.
const FUNCTIONS: usize = 6;
/// How often each is called.
const CALLS: usize = 12;
const PAGE: u64 = 65536;
/// Bytes that cases compare with.
const LETTERS: [usize; 5] = [0, 44, 46, 48, 97];

/// A module and what is asked of it.
#[must_use]
pub fn module(seed: u64) -> (Vec<u8>, Vec<Question>) {
    let mut random = Random::new(seed.wrapping_mul(0xd134_2543_de82_ef95));
    let mut text = String::from("(module (memory $m (export \"m\") 1)\n(data (i32.const 0) \"");
    for _ in 0..PAGE {
        let byte = match random.below(8) {
            0 => random.below(256),
            _ => LETTERS[random.below(LETTERS.len())],
        };
        let _ = write!(text, "\\{byte:02x}");
    }
    text.push_str(
        "\")\n(func $twice (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))\n",
    );
    for number in 0..FUNCTIONS {
        text.push_str(&machine(number, &mut random));
    }
    text.push(')');
    let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut questions = Vec::new();
    for call in 0..FUNCTIONS * CALLS {
        let near = random.below(40) as u64;
        let address = match random.below(6) {
            0 => PAGE - near,
            1 => near.wrapping_neg(),
            _ => random.next() % PAGE,
        };
        let state = match random.below(3) {
            0 => random.next(),
            _ => random.below(10) as u64,
        };
        let args = [address, 1 + random.below(60) as u64, state, random.next()];
        questions.push(Question::of_numbers("machine", call % FUNCTIONS, &args));
    }
    questions.push(Question::Memory {
        name: "m".to_owned(),
        index: "i32",
    });
    (wasm, questions)
}

/// What the cases of a machine may do.
struct Shape {
    states: usize,
    /// States lead to themselves and to later ones, mostly.
    goes_forward: bool,
    /// Some transitions are computed.
    computes: bool,
    /// The machine has locals that go round with the state.
    carries: bool,
}

fn machine(number: usize, random: &mut Random) -> String {
    let shape = Shape {
        states: 4 + random.below(5),
        goes_forward: random.below(3) != 0,
        computes: random.below(4) == 0,
        carries: random.below(2) == 0,
    };
    let first = match random.below(5) {
        0 => "(local.get $s0)".to_owned(),
        _ => format!("(i32.const {})", random.below(shape.states)),
    };
    let count = "(br_if $out (i32.eqz (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))";
    let load = "(local.set $c (i32.load8_u (local.get $p)))
      (local.set $p (i32.add (local.get $p) (i32.const 1)))";
    let ends = match random.below(4) {
        0 => format!("(br_if $out (i32.eq (local.get $s) (i32.const {})))", random.below(shape.states)),
        1 => "(br_if $out (i32.eqz (local.get $c)))".to_owned(),
        2 => "(if (i32.gt_u (local.get $s) (i32.const 3)) (then (local.set $sum (i32.add (local.get $sum) (i32.const 9)))))"
            .to_owned(),
        _ => String::new(),
    };
    let mut front = [count, load, &ends];
    let last = random.below(3);
    front.swap(0, last);
    // What is behind the cases comes in front of the next iteration's dispatch.
    let (front, back) = match random.below(3) {
        0 => (front.concat(), String::new()),
        1 => (front[..2].join("\n      "), front[2].to_owned()),
        _ => (front[..1].concat(), front[1..].join("\n      ")),
    };
    let index = match random.below(5) {
        0 => "(i32.and (local.get $s) (i32.const 255))".to_owned(),
        1 => "(i32.sub (local.get $s) (i32.const 1))".to_owned(),
        2 => "(i32.and (local.get $s) (i32.const 7))".to_owned(),
        _ => "(local.get $s)".to_owned(),
    };
    let mut targets = String::new();
    for state in 0..shape.states {
        let case = match random.below(8) {
            0 => random.below(shape.states),
            _ => state,
        };
        let _ = write!(targets, " $case{case}");
    }
    let rest = ["$next", "$out", "$case0"][random.below(3)];
    let mut body = format!("(br_table{targets} {rest} {index})");
    for state in 0..shape.states {
        body = format!(
            "(block $case{state}\n{body})\n{}",
            case(state, &shape, random)
        );
        // Others go on with the next case.
        if random.below(6) != 0 {
            body.push_str("(br $next)\n");
        }
    }
    format!(
        r#"(func (export "machine{number}") (param $p i32) (param $n i32) (param $s0 i32) (param $x i32)
    (result i32 i32 i32 i32 i32 i32) (local $s i32) (local $c i32) (local $sum i32) (local $y i32)
    (local.set $s {first})
    (block $out (loop $more
      {front}
      (block $next
{body})
      {back}
      (br $more)))
    (local.get $p) (local.get $n) (local.get $s) (local.get $c) (local.get $sum)
    (i32.xor (local.get $x) (local.get $y)))
"#
    )
}

/// What is done in a state.
fn case(state: usize, shape: &Shape, random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..1 + random.below(3) {
        let letter = LETTERS[random.below(LETTERS.len())];
        let condition = match random.below(4) {
            0 => format!("(i32.lt_u (local.get $c) (i32.const {letter}))"),
            1 => format!(
                "(i32.lt_u (i32.and (i32.sub (local.get $c) (i32.const {letter})) (i32.const 255)) (i32.const 10))"
            ),
            2 => format!("(i32.ne (local.get $c) (i32.const {letter}))"),
            _ => format!("(i32.eq (local.get $c) (i32.const {letter}))"),
        };
        let [one, other] = [(); 2].map(|()| next(state, shape, random));
        let work = work(shape, random);
        let _ = match random.below(4) {
            0 => writeln!(text, "(local.set $s (select {one} {other} {condition}))"),
            1 => writeln!(
                text,
                "(if {condition} (then {work} (local.set $s {one}) (br $next)))"
            ),
            2 => writeln!(
                text,
                "(if {condition} (then (local.set $s {one})) (else {work} (local.set $s {other})))"
            ),
            _ => writeln!(text, "{work} (if {condition} (then (local.set $s {one})))"),
        };
    }
    text
}

/// The next state.
fn next(state: usize, shape: &Shape, random: &mut Random) -> String {
    if shape.computes && random.below(3) == 0 {
        return match random.below(4) {
            0 => "(i32.add (local.get $s) (i32.const 1))".to_owned(),
            1 => "(i32.and (local.get $s) (i32.const 3))".to_owned(),
            2 => "(i32.and (local.get $c) (i32.const 7))".to_owned(),
            _ => "(local.get $s)".to_owned(),
        };
    }
    let later = match shape.goes_forward {
        true => state + random.below(shape.states - state),
        false => random.below(shape.states + 1),
    };
    format!("(i32.const {later})")
}

fn work(shape: &Shape, random: &mut Random) -> String {
    match random.below(if shape.carries { 7 } else { 4 }) {
        0 => "(local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $c)))"
            .to_owned(),
        1 => "(local.set $sum (i32.add (local.get $sum) (local.get $s)))".to_owned(),
        2 => "(i32.store8 offset=1 (local.get $p) (local.get $n))".to_owned(),
        3 => String::new(),
        4 => "(local.set $x (i32.add (local.get $x) (local.get $c)))".to_owned(),
        5 => "(local.set $y (local.get $x)) (local.set $x (local.get $p))".to_owned(),
        _ => "(local.set $y (call $twice (local.get $sum)))".to_owned(),
    }
}
