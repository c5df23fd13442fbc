//! Where functions keep their callers' registers (`.debug_frame`): so debuggers know what is in the
//! variables of all functions on the stack.

use super::super::text::Text;
use super::writing::{DebugSection, ENCODING, Writing, address};
use crate::target::Arch;
use gimli::write::{
    CallFrameInstruction as Instruction, CommonInformationEntry, DebugFrame, FrameDescriptionEntry,
    FrameTable,
};
use gimli::{Encoding, Register, SectionId};

/// Bytes of a frame record: the caller's frame pointer and the return address.
const RECORD_BYTES: i32 = 16;

/// The newest one of this section.
const VERSION: u16 = 4;

/// How functions begin.
struct Prologue {
    stack_pointer: u16,
    frame_pointer: u16,
    return_address: u16,
    /// Bytes of the return address that a call has put on the stack.
    pushed: i32,
    /// Behind which byte the record is complete, and behind which the frame pointer refers to it.
    record: u32,
    frame: u32,
}

const fn prologue(arch: Arch) -> Prologue {
    match arch {
        // `push rbp; mov rbp, rsp`
        Arch::X86_64 => Prologue {
            stack_pointer: 7,
            frame_pointer: 6,
            return_address: 16,
            pushed: 8,
            record: 1,
            frame: 4,
        },
        // `stp x29, x30, [sp, -16]!; mov x29, sp`
        Arch::Aarch64 => Prologue {
            stack_pointer: 31,
            frame_pointer: 29,
            return_address: 30,
            pushed: 0,
            record: 4,
            frame: 8,
        },
        // `addi sp, sp, -16; sd ra, 8(sp); sd s0, 0(sp); mv s0, sp`
        Arch::Riscv64 => Prologue {
            stack_pointer: 2,
            frame_pointer: 8,
            return_address: 1,
            pushed: 0,
            record: 12,
            frame: 16,
        },
    }
}

/// Of all functions that begin as functions with frame pointers do.
pub(super) fn section(text: &Text, arch: Arch) -> Option<DebugSection> {
    let begins = prologue(arch);
    let register = |number: u16| Register(number);
    let mut table = FrameTable::default();
    let encoding = Encoding {
        version: VERSION,
        ..ENCODING
    };
    let mut common = CommonInformationEntry::new(encoding, 1, -8, register(begins.return_address));
    let (sp, fp) = (
        register(begins.stack_pointer),
        register(begins.frame_pointer),
    );
    common.add_instruction(Instruction::Cfa(sp, begins.pushed));
    if begins.pushed != 0 {
        let at = Instruction::Offset(register(begins.return_address), -8);
        common.add_instruction(at);
    }
    let common = table.add_cie(common);
    for (&(_, start, bytes), places) in text.functions.iter().zip(&text.places) {
        let code = &text.bytes[start as usize..(start + bytes) as usize];
        if arch == Arch::X86_64 && !code.starts_with(&[0x55, 0x48, 0x89, 0xe5]) {
            continue;
        }
        let mut entry = FrameDescriptionEntry::new(address(start), bytes);
        let record = begins.record.min(bytes);
        entry.add_instruction(record, Instruction::CfaOffset(RECORD_BYTES));
        entry.add_instruction(record, Instruction::Offset(fp, -RECORD_BYTES));
        let ra = register(begins.return_address);
        entry.add_instruction(record, Instruction::Offset(ra, 8 - RECORD_BYTES));
        let frame = begins.frame.min(bytes);
        entry.add_instruction(frame, Instruction::CfaRegister(fp));
        for &(number, at) in &places.saved {
            let at = Instruction::Offset(register(number), at - RECORD_BYTES);
            entry.add_instruction(frame, at);
        }
        table.add_fde(common, entry);
    }
    let mut section = DebugFrame(Writing::default());
    let written = table.write_debug_frame(&mut section);
    written.expect("offsets are multiples of a word");
    section.0.finish(SectionId::DebugFrame)
}
