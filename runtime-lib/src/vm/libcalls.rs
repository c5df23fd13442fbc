//! What compiled code calls for instructions that the processor it was compiled for does not have:
//! rounding before SSE4.1, fused multiplication before FMA, byte shuffles before SSSE3.
//!
//! Called by Cranelift's own convention for library calls, which is C's. The symbols are named in
//! the compiler's `emit::object`. Nothing here knows memories or stores.

/// Rounding as WebAssembly defines it: the sign of zeros stays, and a NaN comes back quiet.
///
/// Below `$integers_from` the integers fit into an `i64`; from there on every number is one.
/// `$quiet` is the bit that tells quiet NaNs from signalling ones.
macro_rules! rounding {
    (
        $type:ty, $integers_from:literal, $quiet:literal,
        $ceil:ident $ceil_symbol:literal, $floor:ident $floor_symbol:literal,
        $trunc:ident $trunc_symbol:literal, $nearest:ident $nearest_symbol:literal
    ) => {
        #[unsafe(export_name = $trunc_symbol)]
        extern "C" fn $trunc(value: $type) -> $type {
            if value.abs() < $integers_from {
                (value as i64 as $type).copysign(value)
            } else if value.is_nan() {
                // Arithmetic does so too, but the compiler may leave `value + 0.0` out.
                <$type>::from_bits(value.to_bits() | $quiet)
            } else {
                value
            }
        }

        #[unsafe(export_name = $floor_symbol)]
        extern "C" fn $floor(value: $type) -> $type {
            let integer = $trunc(value);
            if integer > value {
                integer - 1.0
            } else {
                integer
            }
        }

        #[unsafe(export_name = $ceil_symbol)]
        extern "C" fn $ceil(value: $type) -> $type {
            let integer = $trunc(value);
            if integer < value {
                integer + 1.0
            } else {
                integer
            }
        }

        /// Ties go to the even integer, as the sum with `$integers_from` has no bits below one.
        #[unsafe(export_name = $nearest_symbol)]
        extern "C" fn $nearest(value: $type) -> $type {
            if value.abs() < $integers_from {
                (value.abs() + $integers_from - $integers_from).copysign(value)
            } else {
                $trunc(value)
            }
        }
    };
}

rounding!(
    f32, 8_388_608.0, 0x0040_0000,
    ceil_f32 "wasmelt_ceil_f32", floor_f32 "wasmelt_floor_f32",
    trunc_f32 "wasmelt_trunc_f32", nearest_f32 "wasmelt_nearest_f32"
);
rounding!(
    f64, 4_503_599_627_370_496.0, 0x0008_0000_0000_0000,
    ceil_f64 "wasmelt_ceil_f64", floor_f64 "wasmelt_floor_f64",
    trunc_f64 "wasmelt_trunc_f64", nearest_f64 "wasmelt_nearest_f64"
);

/// Windows has no such function that rounds once; nothing that can be compiled calls for it.
#[cfg(any(unix, test))]
#[unsafe(export_name = "wasmelt_fma_f32")]
extern "C" fn fma_f32(left: f32, right: f32, addend: f32) -> f32 {
    left.mul_add(right, addend)
}

#[cfg(any(unix, test))]
#[unsafe(export_name = "wasmelt_fma_f64")]
extern "C" fn fma_f64(left: f64, right: f64, addend: f64) -> f64 {
    left.mul_add(right, addend)
}

/// The instruction PSHUFB: each byte of the result is the byte of `bytes` that the low four bits
/// of the selector's byte name, or zero where its highest bit is set.
#[cfg(target_arch = "x86_64")]
#[allow(
    improper_ctypes_definitions,
    reason = "the ABI of x86-64 passes vectors of 16 bytes in registers"
)]
#[unsafe(export_name = "wasmelt_x86_pshufb")]
extern "C" fn x86_pshufb(
    bytes: std::arch::x86_64::__m128i,
    selectors: std::arch::x86_64::__m128i,
) -> std::arch::x86_64::__m128i {
    // SAFETY: every pattern of bits is a value of both types, which are of one size.
    let bytes: [u8; 16] = unsafe { std::mem::transmute(bytes) };
    // SAFETY: as above.
    let selectors: [u8; 16] = unsafe { std::mem::transmute(selectors) };
    let chosen = selectors.map(|selector| match selector & 0x80 {
        0 => bytes[usize::from(selector & 15)],
        _ => 0,
    });
    // SAFETY: as above.
    unsafe { std::mem::transmute(chosen) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the standard library, which rounds in software too.
    #[test]
    fn rounds_as_the_standard_library() {
        let mut state = 1_u64;
        for step in 0..200_000_u64 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Half of the values have exponents around those of integers.
            let exponent = 1015 + (state >> 40) % 70;
            let bits = if step % 2 == 0 {
                state
            } else {
                state & !(0x7ff << 52) | exponent << 52
            };
            let value = f64::from_bits(bits);
            let same =
                |ours: f64, theirs: f64| ours.to_bits() == theirs.to_bits() || value.is_nan();
            assert!(same(ceil_f64(value), value.ceil()), "ceil {value:e}");
            assert!(same(floor_f64(value), value.floor()), "floor {value:e}");
            assert!(same(trunc_f64(value), value.trunc()), "trunc {value:e}");
            assert!(
                same(nearest_f64(value), value.round_ties_even()),
                "nearest {value:e}"
            );
            let value = value as f32;
            let same =
                |ours: f32, theirs: f32| ours.to_bits() == theirs.to_bits() || value.is_nan();
            assert!(same(ceil_f32(value), value.ceil()), "ceil {value:e}");
            assert!(same(floor_f32(value), value.floor()), "floor {value:e}");
            assert!(same(trunc_f32(value), value.trunc()), "trunc {value:e}");
            assert!(
                same(nearest_f32(value), value.round_ties_even()),
                "nearest {value:e}"
            );
        }
    }

    #[test]
    fn edges() {
        for value in [
            0.5,
            1.5,
            2.5,
            0.0,
            f64::INFINITY,
            4_503_599_627_370_495.5,
            0.49999999999999994,
        ] {
            for value in [value, -value] {
                assert_eq!(
                    nearest_f64(value).to_bits(),
                    value.round_ties_even().to_bits()
                );
                assert_eq!(ceil_f64(value).to_bits(), value.ceil().to_bits());
                assert_eq!(floor_f64(value).to_bits(), value.floor().to_bits());
            }
        }
    }

    #[test]
    fn fused_multiplication_rounds_once() {
        assert_eq!(
            fma_f32(1.000_000_1, 1.000_000_1, -1.000_000_2),
            1.421_085_5e-14
        );
        assert_eq!(fma_f64(0.1, 10.0, -1.0), 5.551_115_123_125_783e-17);
    }

    #[test]
    fn nan_becomes_quiet() {
        let signalling = f64::from_bits(0x7ff0_0000_0000_0001);
        for round in [ceil_f64, floor_f64, trunc_f64, nearest_f64] {
            assert_eq!(round(signalling).to_bits(), 0x7ff8_0000_0000_0001);
        }
        let signalling = f32::from_bits(0xff80_0001);
        for round in [ceil_f32, floor_f32, trunc_f32, nearest_f32] {
            assert_eq!(round(signalling).to_bits(), 0xffc0_0001);
        }
    }
}
