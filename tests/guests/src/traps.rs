//! Ways to trap, for backtraces with lines: `trap` calls one of them by its number.
#![no_std]

use core::hint::black_box;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

#[derive(Clone, Copy)]
struct Account {
    balance: u32,
    limit: u32,
}

impl Account {
    fn draw(&mut self, amount: u32) -> u32 {
        self.balance = self.balance.checked_sub(amount).expect("enough");
        self.limit
    }
}

#[inline(never)]
fn pick(values: &[u32], at: usize) -> u32 {
    values[at]
}

#[inline(never)]
fn sum(values: &[u32], at: usize) -> u32 {
    values.iter().map(|value| value + pick(values, at)).sum()
}

#[inline(never)]
fn divide(value: u32, by: u32) -> u32 {
    value / by
}

#[inline(never)]
fn unwrap(value: Option<u32>) -> u32 {
    value.unwrap()
}

#[inline(never)]
fn recurse(depth: u32) -> u32 {
    match depth {
        0 => core::arch::wasm32::unreachable(),
        _ => recurse(depth - 1) + black_box(1),
    }
}

#[inline(never)]
fn cast(value: &dyn Fn(u32) -> u32) -> u32 {
    value(black_box(3))
}

#[unsafe(no_mangle)]
pub extern "C" fn trap(which: u32) -> u32 {
    let values = black_box([1, 2, 3]);
    match which {
        0 => pick(&values, 7),
        1 => sum(&values, 3),
        2 => divide(which, black_box(0)),
        3 => unwrap(black_box(None)),
        4 => recurse(2),
        5 => cast(&|value| values[value as usize]),
        6 => {
            let mut account = Account {
                balance: black_box(5),
                limit: 9,
            };
            account.draw(black_box(6))
        }
        _ => core::str::from_utf8(black_box(&[0xff])).unwrap().len() as u32,
    }
}
