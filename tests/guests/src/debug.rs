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
