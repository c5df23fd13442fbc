//! Enums with values, slices and texts, for debuggers.
#![no_std]
#![no_main]

pub enum Shape {
    Empty,
    Circle(u32),
    Box { width: u32, height: u32 },
}

pub struct Named<'a> {
    pub name: &'a str,
    pub shape: Shape,
    pub inner: Option<&'a Named<'a>>,
}

#[inline(never)]
fn area(named: &Named<'_>) -> u32 {
    let own = match named.shape {
        Shape::Empty => 0,
        Shape::Circle(radius) => 3 * radius * radius,
        Shape::Box { width, height } => width * height,
    };
    let inside = match named.inner {
        Some(inner) => area(inner),
        None => 0,
    };
    own - inside
}

#[inline(never)]
fn total(sides: &[u32], scale: (u8, i64)) -> u64 {
    let mut sum = 0;
    for &side in sides {
        sum += u64::from(side);
    }
    sum * u64::from(scale.0)
}

#[unsafe(no_mangle)]
pub extern "C" fn shapes(width: u32) -> u32 {
    let circle = Named { name: "circle", shape: Shape::Circle(2), inner: None };
    let outer = Named {
        name: "outer",
        shape: Shape::Box { width, height: 6 },
        inner: Some(&circle),
    };
    let empty = Named { name: "empty", shape: Shape::Empty, inner: None };
    let sides = [width, 6, width, 6];
    let sum = total(&sides, (2, -9));
    area(&outer) + area(&empty) + sum as u32
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// `String` as the standard library has it, which would bring 800 KB of debug information.
mod owned {
    pub struct String {
        pub vec: Vec<u8>,
    }

    pub struct Vec<T> {
        pub buf: Buffer<T>,
        pub len: usize,
    }

    pub struct Buffer<T> {
        pub inner: Inner,
        _marker: core::marker::PhantomData<T>,
    }

    pub struct Inner {
        pub cap: usize,
        pub ptr: core::ptr::NonNull<u8>,
    }

    impl String {
        pub fn new(text: &'static str) -> String {
            let ptr = core::ptr::NonNull::from(text).cast();
            let inner = Inner { cap: text.len(), ptr };
            let buf = Buffer { inner, _marker: core::marker::PhantomData };
            String { vec: Vec { buf, len: text.len() } }
        }
    }
}

pub struct Person<'a> {
    pub name: owned::String,
    pub title: &'a str,
    pub friend: Option<&'a Person<'a>>,
}

#[inline(never)]
fn letters(person: &Person<'_>) -> usize {
    let friend = match person.friend {
        Some(friend) => letters(friend),
        None => 0,
    };
    friend + person.name.vec.len
}

#[unsafe(no_mangle)]
pub extern "C" fn people() -> usize {
    let ada = Person { name: owned::String::new("Ada"), title: "Lady", friend: None };
    let title = "Rear admiral";
    let grace = Person { name: owned::String::new("Grace"), title, friend: Some(&ada) };
    letters(&grace)
}
