//! The callee of a pair of components; see `wit/pair.wit`.

#![no_std]

extern crate alloc;

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use exports::wasmelt::pair::values::{
    Colour, Counter, CounterBorrow, Guest, GuestCounter, Person, Point, Rights, Shape,
};

// The bindings use nothing of it, but its memory is what they allocate from.
extern crate guests;

wit_bindgen::generate!({ path: "wit", world: "callee" });

struct Callee;

export!(Callee);

static LIVE: AtomicU32 = AtomicU32::new(0);

struct Count(Cell<u32>);

impl Count {
    fn of(start: u32) -> Count {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Count(Cell::new(start))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

impl GuestCounter for Count {
    fn new(start: u32) -> Count {
        Count::of(start)
    }

    fn add(&self, count: u32) -> u32 {
        self.0.set(self.0.get().wrapping_add(count));
        self.0.get()
    }

    fn join(left: Counter, right: Counter) -> Counter {
        let sum = left.get::<Count>().0.get() + right.get::<Count>().0.get();
        Counter::new(Count::of(sum))
    }

    fn equals(&self, other: CounterBorrow<'_>) -> bool {
        self.0.get() == other.get::<Count>().0.get()
    }
}

impl Guest for Callee {
    type Counter = Count;

    fn nothing() {}

    fn same_text(text: String) -> String {
        text
    }

    fn same_numbers(numbers: Vec<u32>) -> Vec<u32> {
        numbers
    }

    fn text_bytes(text: String) -> u32 {
        text.len() as u32
    }

    fn count(numbers: Vec<u32>) -> u32 {
        numbers.len() as u32
    }

    fn age(who: Person) -> u8 {
        who.age
    }

    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    #[rustfmt::skip]
    fn integers(
        a: i8, b: u8, c: i16, d: u16, e: i32, f: u32, g: i64, h: u64,
    ) -> (i8, u8, i16, u16, i32, u32, i64, u64) {
        (!a, !b, !c, !d, !e, !f, !g, !h)
    }

    fn floats(a: f32, b: f64, c: bool, d: char) -> (f32, f64, bool, char) {
        (-a, b / 2.0, !c, char::from_u32(d as u32 + 1).unwrap_or('?'))
    }

    #[rustfmt::skip]
    fn many(
        a: u32, b: u64, c: String, d: u8, e: f64, f: u32, g: u32, h: u32,
        i: u32, j: u32, k: u32, l: u32, m: u32, n: u32, o: String, p: u32,
    ) -> String {
        let numbers = [f, g, h, i, j, k, l, m, n, p];
        format!("{a} {b} {c} {d} {e} {o} {numbers:?}")
    }

    fn greet(name: String) -> String {
        format!("hello, {name}")
    }

    fn sum(numbers: Vec<u32>) -> u64 {
        numbers.iter().map(|&number| u64::from(number)).sum()
    }

    fn reverse(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.reverse();
        bytes
    }

    fn transpose(rows: Vec<Vec<u16>>) -> Vec<Vec<u16>> {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let column = |at: usize| rows.iter().filter_map(|row| row.get(at).copied()).collect();
        (0..width).map(column).collect()
    }

    fn sort(mut words: Vec<String>) -> Vec<String> {
        words.sort();
        words
    }

    fn older(mut who: Person) -> Person {
        who.age += 1;
        who.tags.push(format!("{} years", who.age));
        who
    }

    fn oldest(people: Vec<Person>) -> Option<Person> {
        people.into_iter().max_by_key(|person| person.age)
    }

    fn move_by(start: Point, by: Point) -> Point {
        Point {
            x: start.x + by.x,
            y: start.y + by.y,
        }
    }

    fn grow(what: Shape, by: f64) -> Shape {
        match what {
            Shape::Circle(radius) => Shape::Circle(radius * by),
            Shape::Rectangle((a, b)) => Shape::Rectangle((a * by as f32, b * by as f32)),
            Shape::Named(name) => Shape::Named(format!("{name} times {by}")),
            Shape::Nothing => Shape::Nothing,
        }
    }

    fn next(what: Colour) -> Colour {
        match what {
            Colour::Red => Colour::Green,
            Colour::Green => Colour::Blue,
            Colour::Blue => Colour::Red,
        }
    }

    fn invert(what: Rights) -> Rights {
        !what
    }

    fn parse(text: String) -> Result<u32, String> {
        text.parse().map_err(|_| format!("{text:?} is no number"))
    }

    fn check(fine: bool) -> Result<(), Colour> {
        if fine { Ok(()) } else { Err(Colour::Blue) }
    }

    fn nested(what: Option<Option<u8>>) -> Option<Option<u8>> {
        match what {
            None => Some(None),
            Some(None) => Some(Some(7)),
            Some(Some(_)) => None,
        }
    }

    fn total(counters: Vec<CounterBorrow<'_>>) -> u64 {
        let value = |counter: &CounterBorrow<'_>| u64::from(counter.get::<Count>().0.get());
        counters.iter().map(value).sum()
    }

    fn split(what: Counter) -> Vec<Counter> {
        let value = what.get::<Count>().0.get();
        let halves = [value / 2, value - value / 2];
        halves.map(|half| Counter::new(Count::of(half))).into()
    }

    fn live() -> u32 {
        LIVE.load(Ordering::Relaxed)
    }
}
