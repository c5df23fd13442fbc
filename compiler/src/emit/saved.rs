//! Where a function keeps its caller's registers, for debuggers: without it they know those of the
//! innermost function alone.

use super::values::dwarf_number;
use crate::target::Arch;
use cranelift_codegen::CompiledCode;
use cranelift_codegen::isa::unwind::UnwindInst;

/// A register by DWARF's number, and bytes from the frame pointer.
pub type Saved = (u16, i32);

/// `push rbp; mov rbp, rsp`.
const ENTRY: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];

/// What Cranelift has saved, and how many bytes below the frame pointer are for that.
pub fn saved(code: &CompiledCode, arch: Arch) -> (Vec<Saved>, i32) {
    let mut list = Vec::new();
    let mut bytes = 0;
    for (_, inst) in &code.buffer.unwind_info {
        match *inst {
            UnwindInst::DefineNewFrame {
                offset_downward_to_clobbers,
                ..
            } => bytes = i32::try_from(offset_downward_to_clobbers).unwrap_or(0),
            UnwindInst::SaveReg {
                clobber_offset,
                reg,
            } => {
                let at = i32::try_from(clobber_offset).unwrap_or(0) - bytes;
                list.extend(dwarf_number(reg.into(), arch).map(|number| (number, at)));
            }
            _ => {}
        }
    }
    (list, bytes)
}

/// Code that has become shorter saves registers by `push`, in the order of their places.
pub fn pushed(code: &[u8], arch: Arch) -> Option<Vec<Saved>> {
    let mut rest = code.strip_prefix(&ENTRY).filter(|_| arch == Arch::X86_64)?;
    let mut list = Vec::new();
    let mut at = 0;
    loop {
        let number = match rest {
            [0x53, behind @ ..] => {
                rest = behind;
                3
            }
            [0x41, byte @ 0x54..=0x57, behind @ ..] => {
                rest = behind;
                u16::from(byte - 0x50) + 8
            }
            _ => break,
        };
        at -= 8;
        list.push((number, at));
    }
    (!list.is_empty()).then_some(list)
}
