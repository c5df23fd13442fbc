//! The caller of a pair of components; see `wit/pair.wit`. Prints what it gets back, or, with the
//! argument `bench`, how long calls take: all kinds, or the one that is named behind it.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use guests::say;
use wasip2::cli::environment::get_arguments;
use wasip2::clocks::monotonic_clock::now;
use wasmelt::pair::values::{self, Colour, Counter, Person, Point, Rights, Shape};

wit_bindgen::generate!({ path: "wit", world: "caller" });

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        if arguments.get(1).is_some_and(|first| first == "bench") {
            bench(arguments.get(2).map(|kind| kind.as_str()));
            return Ok(());
        }
        scalars();
        lists();
        compounds();
        resources();
        Ok(())
    }
}

fn scalars() {
    values::nothing();
    say!("add {} {}", values::add(40, 2), values::add(i32::MAX, 1));
    say!("{:?}", values::integers(1, 2, 3, 4, 5, 6, 7, 8));
    say!(
        "{:?}",
        values::integers(
            -128,
            255,
            -32768,
            65535,
            i32::MIN,
            u32::MAX,
            i64::MIN,
            u64::MAX
        )
    );
    say!("{:?}", values::floats(1.5, -3.0, true, 'a'));
    say!(
        "{:?}",
        values::floats(f32::NAN, f64::INFINITY, false, '\u{1f600}')
    );
    let (first, last) = ("first", "letzter \u{fc}");
    say!(
        "{}",
        values::many(
            1, 2, first, 4, 5.5, 6, 7, 8, 9, 10, 11, 12, 13, 14, last, 16
        )
    );
}

fn lists() {
    for name in ["", "world", "\u{e4}\u{4e16}\u{1f600}"] {
        say!("{:?}", values::greet(name));
    }
    let long = "long ".repeat(20_000);
    say!("{} bytes", values::greet(&long).len());
    say!("{} bytes", values::text_bytes(&values::same_text(&long)));
    let numbers: Vec<u32> = (0..100_000).collect();
    let same = values::same_numbers(&numbers) == numbers;
    say!("{} numbers, the same {same}", values::count(&numbers));
    say!("sums {} {}", values::sum(&[]), values::sum(&numbers));
    say!("{:?}", values::reverse(b"abc"));
    say!(
        "{:?}",
        values::transpose(&[vec![1, 2, 3], vec![], vec![4, 5]])
    );
    say!(
        "{:?}",
        values::sort(&["pear", "", "apple", "fig"].map(String::from))
    );
}

fn person(name: &str, age: u8) -> Person {
    Person {
        name: String::from(name),
        age,
        tags: vec![String::from("one"), String::from("two")],
        home: (age > 30).then_some(Point { x: -1, y: 1 }),
    }
}

fn compounds() {
    say!("{:?}", values::older(&person("Ada", 36)));
    say!("{}", values::age(&person("Ada", 36)));
    say!(
        "{:?}",
        values::oldest(&[person("Bob", 20), person("Eve", 54), person("Al", 53)])
    );
    say!("{:?}", values::oldest(&[]));
    say!(
        "{:?}",
        values::move_by(Point { x: 1, y: -1 }, Point { x: 10, y: 20 })
    );
    let shapes = [
        Shape::Circle(2.0),
        Shape::Rectangle((3.0, 4.0)),
        Shape::Named(String::from("blob")),
        Shape::Nothing,
    ];
    for shape in &shapes {
        say!("{:?}", values::grow(shape, 1.5));
    }
    say!(
        "{:?}",
        [Colour::Red, Colour::Green, Colour::Blue].map(values::next)
    );
    say!(
        "{:?} {:?}",
        values::invert(Rights::READ | Rights::LAST),
        values::invert(Rights::all())
    );
    say!(
        "{:?} {:?}",
        values::parse("4294967295"),
        values::parse("4294967296")
    );
    say!("{:?} {:?}", values::check(true), values::check(false));
    say!(
        "{:?}",
        [None, Some(None), Some(Some(1))].map(values::nested)
    );
}

fn resources() {
    let (left, right) = (Counter::new(40), Counter::new(1));
    say!("add {} {}", right.add(1), right.add(0));
    say!("equal {} {}", left.equals(&right), left.equals(&left));
    say!(
        "total {}, live {}",
        values::total(&[&left, &right, &left]),
        values::live()
    );
    let both = Counter::join(left, right);
    say!("joined {}, live {}", both.add(0), values::live());
    let halves = values::split(both);
    let sums: Vec<u32> = halves.iter().map(|half| half.add(0)).collect();
    say!("split {sums:?}, live {}", values::live());
    drop(halves);
    say!("live {}", values::live());
}

const CALLS: u32 = 1_000_000;

/// Prints a name and the nanoseconds of a call.
fn time(name: &str, calls: u32, call: &mut dyn FnMut()) {
    for _ in 0..calls / 10 {
        call();
    }
    let start = now();
    for _ in 0..calls {
        call();
    }
    let picoseconds = (now() - start) * 1000 / u64::from(calls);
    say!("{name} {}.{:03}", picoseconds / 1000, picoseconds % 1000);
}

/// Calls of one kind, or of all.
fn bench(kind: Option<&str>) {
    let mut sum = 0;
    let time = |name: &str, calls: u32, call: &mut dyn FnMut()| {
        if kind.is_none_or(|kind| kind == name) {
            time(name, calls, call);
        }
    };
    time("numbers", 10 * CALLS, &mut || sum = values::add(sum, 1));
    let text = "one of the strings";
    time("string", CALLS, &mut || {
        assert!(values::text_bytes(text) == 18);
    });
    time("string-both-ways", CALLS, &mut || {
        assert!(values::same_text(text).len() == 18);
    });
    let numbers: Vec<u32> = (0..100).collect();
    time("list", CALLS, &mut || {
        assert!(values::count(&numbers) == 100);
    });
    time("list-both-ways", CALLS, &mut || {
        assert!(values::same_numbers(&numbers).len() == 100);
    });
    let at = Point { x: 1, y: 2 };
    time("record", 10 * CALLS, &mut || {
        assert!(values::move_by(at, at).x == 2);
    });
    let ada = person("Ada", 36);
    time("record-of-strings", CALLS, &mut || {
        assert!(values::age(&ada) == 36);
    });
    let counter = Counter::new(0);
    time("method", 10 * CALLS, &mut || {
        sum = sum.wrapping_add(counter.add(1) as i32);
    });
    time("resource", CALLS, &mut || drop(Counter::new(1)));
    say!("checksum {sum}");
}
