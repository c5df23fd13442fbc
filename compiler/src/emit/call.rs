//! Instructions that refer to a place by its distance.

use crate::target::Arch;
use cranelift_codegen::binemit::Reloc;

/// How far a call reaches in each direction.
pub fn reach_bytes(arch: Arch) -> u64 {
    match arch {
        Arch::X86_64 | Arch::Riscv64 => 2 << 30,
        Arch::Aarch64 => 128 << 20,
    }
}

/// Puts a distance into the instruction, or pair of them, at an offset of the code.
///
/// # Panics
/// When the distance is further than [`reach_bytes`], or it is no instruction of a call.
pub fn set_distance(code: &mut [u8], at: usize, kind: Reloc, distance: i32) {
    let mut change = |at: usize, change: &dyn Fn(u32) -> u32| {
        let bytes = code[at..at + 4].first_chunk_mut().expect("four bytes");
        *bytes = change(u32::from_le_bytes(*bytes)).to_le_bytes();
    };
    let bits = distance.cast_unsigned();
    match kind {
        Reloc::X86CallPCRel4 | Reloc::X86PCRel4 => change(at, &|_| bits),
        // `bl` and `b`: a number of instructions in the lowest 26 bits.
        Reloc::Arm64Call => {
            assert!((-1 << 27..1 << 27).contains(&distance), "it is in reach");
            change(at, &|word| word & !0x03ff_ffff | bits >> 2 & 0x03ff_ffff);
        }
        // `auipc` adds the upper 20 bits, `jalr` the lower 12 with their sign.
        Reloc::RiscvCallPlt => {
            let upper = bits.wrapping_add(0x800) & !0xfff;
            change(at, &|word| word & 0xfff | upper);
            change(at + 4, &|word| word & 0x000f_ffff | bits << 20);
        }
        other => unreachable!("code refers to itself by no {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(words: &[u32], kind: Reloc, distance: i32) -> Vec<u32> {
        let mut code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        set_distance(&mut code, 0, kind, distance);
        let words = code.as_chunks::<4>().0;
        words.iter().map(|&word| u32::from_le_bytes(word)).collect()
    }

    #[test]
    fn distances_are_encoded_as_assemblers_do() {
        // bl .+8; bl .-4; b .+0x7fffffc
        assert_eq!(encoded(&[0x9400_0000], Reloc::Arm64Call, 8), [0x9400_0002]);
        assert_eq!(encoded(&[0x9400_0000], Reloc::Arm64Call, -4), [0x97ff_ffff]);
        let far = encoded(&[0x1400_0000], Reloc::Arm64Call, 0x7ff_fffc);
        assert_eq!(far, [0x15ff_ffff]);
        // auipc ra, 0x1; jalr -0x800(ra): 0x1000 - 0x800.
        let pair = [0x0000_0097, 0x0000_80e7];
        let call = Reloc::RiscvCallPlt;
        assert_eq!(encoded(&pair, call, 0x800), [0x0000_1097, 0x8000_80e7]);
        assert_eq!(encoded(&pair, call, -4), [0x0000_0097, 0xffc0_80e7]);
        assert_eq!(encoded(&pair, call, -0x1001), [0xffff_f097, 0xfff0_80e7]);
    }
}
