//! Answers of the driver against what a script expects.

use wast::core::{NanPattern, V128Pattern};
use wast::token::{F32, F64};

use crate::value::Value;

/// What a result has to look like, in the driver's words.
#[derive(Debug)]
pub enum Pattern {
    Exact(String),
    /// A reference of one of these types that is not null.
    NotNull(&'static [&'static str]),
    AnyNull,
    /// A number of `bytes` bytes, of type `ty`, with NaNs among its lanes.
    Lanes {
        ty: &'static str,
        lanes: Vec<Lane>,
        lane_bits: u32,
    },
    Either(Vec<Pattern>),
    /// The one result of a component's function.
    Component(Value),
}

/// One lane, or a number that has but one.
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    Bits(u64),
    /// A NaN with only the quiet bit set, of either sign.
    CanonicalNan,
    /// A NaN with the quiet bit set, among others.
    ArithmeticNan,
}

impl Pattern {
    pub fn f32(pattern: &NanPattern<F32>) -> Pattern {
        Pattern::Lanes {
            ty: "f32",
            lanes: vec![lane32(pattern)],
            lane_bits: 32,
        }
    }

    pub fn f64(pattern: &NanPattern<F64>) -> Pattern {
        Pattern::Lanes {
            ty: "f64",
            lanes: vec![lane64(pattern)],
            lane_bits: 64,
        }
    }

    pub fn v128(pattern: &V128Pattern) -> Pattern {
        let integers =
            |lanes: &mut dyn Iterator<Item = u64>| lanes.map(Lane::Bits).collect::<Vec<_>>();
        let (lane_bits, lanes) = match pattern {
            V128Pattern::I8x16(lanes) => (
                8,
                integers(&mut lanes.iter().map(|lane| u64::from(lane.cast_unsigned()))),
            ),
            V128Pattern::I16x8(lanes) => (
                16,
                integers(&mut lanes.iter().map(|lane| u64::from(lane.cast_unsigned()))),
            ),
            V128Pattern::I32x4(lanes) => (
                32,
                integers(&mut lanes.iter().map(|lane| u64::from(lane.cast_unsigned()))),
            ),
            V128Pattern::I64x2(lanes) => (
                64,
                integers(&mut lanes.iter().map(|lane| lane.cast_unsigned())),
            ),
            V128Pattern::F32x4(lanes) => (32, lanes.iter().map(lane32).collect()),
            V128Pattern::F64x2(lanes) => (64, lanes.iter().map(lane64).collect()),
        };
        Pattern::Lanes {
            ty: "v128",
            lanes,
            lane_bits,
        }
    }

    /// Whether one result of the driver, such as `i32:0000002a`, is as expected.
    #[must_use]
    pub fn matches(&self, result: &str) -> bool {
        let (ty, value) = result.split_once(':').unwrap_or((result, ""));
        match self {
            Pattern::Exact(text) => text == result,
            Pattern::NotNull(wanted) => wanted.contains(&ty) && value != "null",
            Pattern::AnyNull => value == "null",
            Pattern::Either(cases) => cases.iter().any(|case| case.matches(result)),
            Pattern::Component(value) => value.matches(result),
            Pattern::Lanes {
                ty: wanted,
                lanes,
                lane_bits,
            } => {
                let Ok(mut bits) = u128::from_str_radix(value, 16) else {
                    return false;
                };
                let mask = (1_u128 << lane_bits) - 1;
                let fit = lanes.iter().all(|lane| {
                    let fits = lane.matches((bits & mask) as u64, *lane_bits);
                    bits >>= lane_bits;
                    fits
                });
                *wanted == ty && fit
            }
        }
    }
}

impl Lane {
    fn matches(self, bits: u64, lane_bits: u32) -> bool {
        let (quiet, sign) = match lane_bits {
            32 => (0x7fc0_0000, 1 << 31),
            _ => (0x7ff8_0000_0000_0000, 1 << 63),
        };
        match self {
            Lane::Bits(wanted) => bits == wanted,
            Lane::CanonicalNan => bits & !sign == quiet,
            Lane::ArithmeticNan => bits & quiet == quiet,
        }
    }
}

fn lane32(pattern: &NanPattern<F32>) -> Lane {
    match pattern {
        NanPattern::Value(value) => Lane::Bits(u64::from(value.bits)),
        NanPattern::CanonicalNan => Lane::CanonicalNan,
        NanPattern::ArithmeticNan => Lane::ArithmeticNan,
    }
}

fn lane64(pattern: &NanPattern<F64>) -> Lane {
    match pattern {
        NanPattern::Value(value) => Lane::Bits(value.bits),
        NanPattern::CanonicalNan => Lane::CanonicalNan,
        NanPattern::ArithmeticNan => Lane::ArithmeticNan,
    }
}

/// Traps whose text is Wasmtime's and not the specification's: ours, and how the scripts' begins.
const TRAP_TEXTS: &[(&str, &str)] = &[
    ("wasm `unreachable` instruction executed", "unreachable"),
    ("null reference", "null"),
    ("atomic wait on non-shared memory", "expected shared memory"),
    ("uninitialized element", "null function"),
    ("out of bounds table access", "out of bounds"),
    ("invalid utf-16 sequence", "unpaired surrogate"),
    ("invalid variant discriminant", "discriminant "),
    (
        "cannot read after being notified that the writable end dropped",
        "cannot read from stream after being notified that the writable end dropped",
    ),
    (
        "cannot write after being notified that the readable end dropped",
        "cannot write to stream after being notified that the readable end dropped",
    ),
    (
        "cannot write after being notified that the readable end dropped",
        "cannot write to future after previous write succeeded or readable end dropped",
    ),
    // Both say that a synchronous call has nobody to wait for.
    (
        "cannot block a synchronous task before returning",
        "deadlock detected",
    ),
];

/// Whether the trap with text `actual` is the one that a script calls `expected`. Scripts add
/// details such as the number of an element, and shorten other texts.
#[must_use]
pub fn trap_matches(expected: &str, actual: &str) -> bool {
    let expected = expected.strip_prefix("wasm trap: ").unwrap_or(expected);
    actual.contains(expected)
        || expected.starts_with(actual)
        || TRAP_TEXTS
            .iter()
            .any(|(ours, theirs)| *ours == actual && expected.starts_with(theirs))
}
