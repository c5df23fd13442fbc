//! Code before and after, byte by byte; and the lengths of all instructions there are.

use super::instruction::Instruction;
use super::{Flow, Shortener};
use crate::emit::alignment::backward;
use crate::emit::portable::{CallSite, PortableCode, PortableReloc, PortableTarget};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::LibCall;
use iced_x86::{Code, Decoder, DecoderOptions, Register};

/// All that may be in front of an opcode, and each opcode of each table.
fn starts() -> Vec<Vec<u8>> {
    let prefixes: [&[u8]; 12] = [
        &[],
        &[0x66],
        &[0xf2],
        &[0xf3],
        &[0x40],
        &[0x48],
        &[0x4f],
        &[0x66, 0x48],
        &[0x66, 0x41],
        &[0xf2, 0x48],
        &[0xf3, 0x45],
        &[0x66, 0xf0],
    ];
    let escapes: [&[u8]; 4] = [&[], &[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
    let mut starts = Vec::new();
    for prefix in prefixes {
        starts.extend(escapes.map(|escape| [prefix, escape].concat()));
    }
    for second in [0xe1, 0xc1, 0x61, 0x01] {
        for map in [1, 2, 3] {
            starts.extend([0x78, 0x79, 0xf9, 0x7d].map(|third| vec![0xc4, second | map, third]));
            starts.push(vec![0x62, (second & 0xf0) | map, 0x7d, 0x48]);
            starts.push(vec![0x62, (second & 0xf0) | map, 0xfd, 0x28]);
        }
    }
    starts.extend([vec![0xc5, 0xf8], vec![0xc5, 0x79]]);
    starts
}

/// Every opcode of every table, with every ModRM byte: as long as another decoder says, where that
/// knows the instruction.
#[test]
fn instructions_are_as_long_as_they_are() {
    let mut known = 0;
    for start in starts() {
        for opcode in 0..=255 {
            for modrm in 0..=255 {
                // The last has no base register.
                for sib in [0x24, 0x65] {
                    let mut code = start.clone();
                    code.extend([opcode, modrm, sib]);
                    code.resize(24, 0x11);
                    let Some(found) = Instruction::decode(&code) else {
                        continue;
                    };
                    let other = Decoder::new(64, &code, DecoderOptions::NONE).decode();
                    if other.code() == Code::INVALID {
                        continue;
                    }
                    known += 1;
                    assert_eq!(usize::from(found.bytes), other.len(), "{code:02x?}");
                    let is_relative = found.is_relative();
                    assert_eq!(is_relative, other.is_ip_rel_memory_operand(), "{code:02x?}");
                    if found.is_on_stack(&code) {
                        assert_eq!(other.memory_base(), Register::RSP, "{code:02x?}");
                        assert_eq!(other.memory_index(), Register::None, "{code:02x?}");
                    }
                }
            }
        }
    }
    assert!(known > 4_000_000, "{known}");
}

/// Code with nothing beside it.
fn code(parts: &[&[u8]]) -> PortableCode {
    PortableCode {
        bytes: parts.concat(),
        start: None,
        relocs: Vec::new(),
        traps: Vec::new(),
        call_sites: Vec::new(),
        lines: Vec::new(),
        values: Vec::new(),
        saved: Vec::new(),
    }
}

fn shortened(mut code: PortableCode, blocks: &[u32]) -> PortableCode {
    let mut flow = Flow {
        blocks: blocks.to_vec(),
        branches: Vec::new(),
    };
    Shortener::default().shorten(&mut code, &mut flow);
    code
}

/// A loop that two lines would have is moved into the second one. What a call before it returns to is
/// in front of what is put there, and branches to the loop go behind.
#[test]
fn a_small_loop_is_moved_into_one_line() {
    // add ecx, -1; jne to the addition
    let round: &[u8] = &[0x83, 0xc1, 0xff, 0x0f, 0x85, 0xf7, 0xff, 0xff, 0xff];
    // A call of something else, the loop, and a long one by which the function's start is chosen.
    let call: &[u8] = &[0xe8, 0, 0, 0, 0];
    let back: &[u8] = &[0xe9, 0xc1, 0xff, 0xff, 0xff];
    let push = [0x50; 62];
    let mut before = code(&[&push[..56], call, round, &push, &push[..58], back, RET]);
    before.relocs.push(PortableReloc {
        offset: 57,
        kind: Reloc::X86CallPCRel4,
        target: PortableTarget::LibCall(LibCall::Probestack),
        addend: -4,
    });
    before.call_sites.push(CallSite {
        return_offset: 61,
        fp_to_sp_bytes: 0,
        handlers: Vec::new(),
    });
    let flow = || Flow {
        blocks: vec![0, 61, 70, 132, 195],
        branches: Vec::new(),
    };
    let (mut moved, mut after) = (flow(), before.clone());
    Shortener::new(true, false).shorten(&mut after, &mut moved);
    assert_eq!(after.bytes[61..64], [0x0f, 0x1f, 0]);
    assert_eq!(after.bytes[64..69], [0x83, 0xc1, 0xff, 0x75, 0xfb]);
    assert_eq!(after.bytes[189..191], [0xeb, 0xc4]);
    assert_eq!(after.call_sites[0].return_offset, 61);
    assert_eq!(moved.blocks, [0, 64, 69, 131, 191]);
    let branches = [(0, 64), (64, 64), (64, 69), (69, 131), (131, 131)];
    assert_eq!(moved.branches, branches);
    let mut moved = flow();
    Shortener::new(false, false).shorten(&mut before, &mut moved);
    assert_eq!(moved.blocks, [0, 61, 66, 128, 188]);
}

/// Padding is made for where the function is to begin then, and one of more than half of a line is moved as well,
/// up to a length.
#[test]
fn a_function_begins_where_its_padding_is_made_for() {
    // The second loop lies in two lines wherever the first, of a line, lies in one.
    let (push, first) = ([0x50; 62], [0x75, 0xc0]);
    for (length, padding) in [(38, 34), (39, 0)] {
        // jne to so many bytes before
        let back = [0x75, 0u8.wrapping_sub(length + 2)];
        let parts: [&[u8]; 6] = [
            &push,
            &first,
            &push[..30],
            &push[..length.into()],
            &back,
            RET,
        ];
        let before = code(&parts);
        let end = u32::from(length) + 96;
        let mut flow = Flow {
            blocks: vec![0, 64, 94, end],
            branches: Vec::new(),
        };
        let mut after = before.clone();
        let start = Shortener::new(true, false).shorten(&mut after, &mut flow);
        assert_eq!(start, (padding > 0).then_some(0));
        assert_eq!(after.bytes.len() - before.bytes.len(), padding as usize);
        assert_eq!(flow.blocks, [0, 64, 94 + padding, end + padding]);
    }
}

/// Ways are those that the code has, whatever it was said to have. A block that lies out of the way is none
/// of a loop.
#[test]
fn ways_are_read_from_the_code() {
    // nop; jne 6; jne 1; ret; jmp 3
    let before = code(&[&[0x90], &[0x75, 3], &[0x75, 0xfc], RET, &[0xeb, 0xfb]]);
    let mut flow = Flow {
        blocks: vec![0, 1, 3, 5, 6],
        branches: vec![(5, 3), (3, 0)],
    };
    Shortener::default().shorten(&mut before.clone(), &mut flow);
    let ways = [(0, 1), (1, 6), (1, 3), (3, 1), (3, 5), (6, 3)];
    assert_eq!(flow.branches, ways);
    assert_eq!(backward(&ways), [(3, 1)]);
}

const ENTER: &[u8] = &[0x55, 0x48, 0x89, 0xe5];
const LEAVE: &[u8] = &[0x48, 0x89, 0xec, 0x5d];
const RET: &[u8] = &[0xc3];

#[test]
fn a_frame_is_made_addressed_and_taken_away_in_fewer_bytes() {
    let before = code(&[
        ENTER,
        // sub rsp, 0x30; mov [rsp+0x10], rbx; mov [rsp+0x18], r12; mov [rsp+0x20], r14
        &[0x48, 0x83, 0xec, 0x30],
        &[0x48, 0x89, 0x5c, 0x24, 0x10],
        &[0x4c, 0x89, 0x64, 0x24, 0x18],
        &[0x4c, 0x89, 0x74, 0x24, 0x20],
        // mov [rsp+8], rdi; mov eax, [rsp+8]; mov [rsp], rax
        &[0x48, 0x89, 0x7c, 0x24, 0x08],
        &[0x8b, 0x44, 0x24, 0x08],
        &[0x48, 0x89, 0x04, 0x24],
        // mov rbx, [rsp+0x10]; mov r12, [rsp+0x18]; mov r14, [rsp+0x20]; add rsp, 0x30
        &[0x48, 0x8b, 0x5c, 0x24, 0x10],
        &[0x4c, 0x8b, 0x64, 0x24, 0x18],
        &[0x4c, 0x8b, 0x74, 0x24, 0x20],
        &[0x48, 0x83, 0xc4, 0x30],
        LEAVE,
        RET,
    ]);
    let after = code(&[
        ENTER,
        // push r14; push r12; push rbx; sub rsp, 0x18
        &[0x41, 0x56, 0x41, 0x54, 0x53, 0x48, 0x83, 0xec, 0x18],
        // mov [rbp-0x28], rdi; mov eax, [rbp-0x28]; mov [rsp], rax
        &[0x48, 0x89, 0x7d, 0xd8],
        &[0x8b, 0x45, 0xd8],
        &[0x48, 0x89, 0x04, 0x24],
        // add rsp, 0x18; pop rbx; pop r12; pop r14; pop rbp
        &[0x48, 0x83, 0xc4, 0x18, 0x5b, 0x41, 0x5c, 0x41, 0x5e, 0x5d],
        RET,
    ]);
    assert_eq!(shortened(before, &[0]), after);
}

#[test]
fn a_frame_without_saved_registers_is_left_at_once() {
    let before = code(&[
        ENTER,
        // sub rsp, 0x200; movzx rax, byte [rsp+0x180]; add rsp, 0x200
        &[0x48, 0x81, 0xec, 0, 2, 0, 0],
        &[0x48, 0x0f, 0xb6, 0x84, 0x24, 0x80, 1, 0, 0],
        &[0x48, 0x81, 0xc4, 0, 2, 0, 0],
        LEAVE,
        RET,
    ]);
    let after = code(&[
        ENTER,
        &[0x48, 0x81, 0xec, 0, 2, 0, 0],
        // movzx eax, byte [rbp-0x80]; leave
        &[0x0f, 0xb6, 0x45, 0x80],
        &[0xc9],
        RET,
    ]);
    assert_eq!(shortened(before, &[0]), after);
    let without = code(&[ENTER, &[0x48, 0x31, 0xc0], LEAVE, RET]);
    let after = code(&[ENTER, &[0x31, 0xc0], &[0x5d], RET]);
    assert_eq!(shortened(without, &[0]), after);
}

/// What moves the stack pointer otherwise, or restores registers from elsewhere.
#[test]
fn a_frame_that_is_not_understood_stays() {
    let frames: [&[&[u8]]; 4] = [
        // push rax
        &[
            &[0x48, 0x83, 0xec, 0x30],
            &[0x50],
            &[0x48, 0x83, 0xc4, 0x30],
            LEAVE,
        ],
        // mov rsp, rax
        &[
            &[0x48, 0x83, 0xec, 0x30],
            &[0x48, 0x89, 0xc4],
            &[0x48, 0x83, 0xc4, 0x30],
            LEAVE,
        ],
        // Another sum.
        &[&[0x48, 0x83, 0xec, 0x30], &[0x48, 0x83, 0xc4, 0x20], LEAVE],
        // mov [rsp+0x20], rbx, which is not restored.
        &[
            &[0x48, 0x83, 0xec, 0x30],
            &[0x48, 0x89, 0x5c, 0x24, 0x20],
            &[0x48, 0x83, 0xc4, 0x30],
            LEAVE,
        ],
    ];
    for frame in frames {
        // mov rax, [rsp+8]
        let access: &[u8] = &[0x48, 0x8b, 0x44, 0x24, 8];
        let whole = [
            &[ENTER, frame[0]],
            &frame[1..frame.len() - 2],
            &[access],
            &frame[frame.len() - 2..],
            &[RET],
        ];
        let before = code(&whole.concat());
        assert_eq!(shortened(before.clone(), &[0]), before);
    }
}

#[test]
fn everything_that_says_where_something_is_follows() {
    let table = |entries: [i32; 3]| entries.map(i32::to_le_bytes).concat();
    let constant: [u8; 16] = *b"aligned constant";
    let call: &[u8] = &[0xe8, 0, 0, 0, 0];
    // lea rcx, [rip+9]; movsxd rax, [rcx+rdx*4]; add rcx, rax; jmp rcx
    let jump: &[u8] = &[
        0x48, 0x8d, 0x0d, 9, 0, 0, 0, 0x48, 0x63, 0x04, 0x91, 0x48, 0x01, 0xc1, 0xff, 0xe1,
    ];
    let relocated = |offset| PortableReloc {
        offset,
        kind: Reloc::X86CallPCRel4,
        target: PortableTarget::LibCall(LibCall::FloorF64),
        addend: -4,
    };
    let site = |return_offset, handler| CallSite {
        return_offset,
        fp_to_sp_bytes: 0,
        handlers: vec![(1, handler)],
    };
    let before = PortableCode {
        relocs: vec![relocated(49)],
        traps: vec![(39, 7)],
        call_sites: vec![site(53, 33)],
        lines: vec![(41, 3)],
        values: Vec::new(),
        saved: Vec::new(),
        ..code(&[
            // 0: jmp 33
            &[0xe9, 28, 0, 0, 0],
            jump,
            // 21: to 5, 33 and 39
            &table([5 - 21, 33 - 21, 39 - 21]),
            // 33: jne 0; 39: ud2; 41: movaps xmm0, [64]; call
            &[0x0f, 0x85, 0xd9, 0xff, 0xff, 0xff, 0x0f, 0x0b],
            &[0x0f, 0x28, 0x05, 16, 0, 0, 0],
            call,
            &[0; 11],
            &constant,
        ])
    };
    let after = PortableCode {
        relocs: vec![relocated(42)],
        traps: vec![(32, 7)],
        call_sites: vec![site(46, 30)],
        lines: vec![(34, 3)],
        values: Vec::new(),
        saved: Vec::new(),
        ..code(&[
            // 0: jmp 30
            &[0xeb, 28],
            jump,
            // 18: to 2, 30 and 32
            &table([2 - 18, 30 - 18, 32 - 18]),
            // 30: jne 0; 32: ud2; 34: movaps xmm0, [48]; call
            &[0x75, 0xe0, 0x0f, 0x0b],
            &[0x0f, 0x28, 0x05, 7, 0, 0, 0],
            call,
            &[0; 2],
            &constant,
        ])
    };
    assert_eq!(shortened(before, &[0, 5, 33, 39]), after);
}

#[test]
fn numbers_that_a_byte_holds_take_one() {
    let pairs: [(&[u8], &[u8]); 10] = [
        // add esi, 1; add r11d, -4; and rax, 15, whose upper half is zero as well
        (&[0x81, 0xc6, 1, 0, 0, 0], &[0x83, 0xc6, 1]),
        (
            &[0x41, 0x81, 0xc3, 0xfc, 0xff, 0xff, 0xff],
            &[0x41, 0x83, 0xc3, 0xfc],
        ),
        (&[0x48, 0x81, 0xe0, 15, 0, 0, 0], &[0x83, 0xe0, 15]),
        // cmp eax, 127, and 128; sub rax, -128
        (&[0x3d, 127, 0, 0, 0], &[0x83, 0xf8, 127]),
        (&[0x3d, 128, 0, 0, 0], &[0x3d, 128, 0, 0, 0]),
        (
            &[0x48, 0x2d, 0x80, 0xff, 0xff, 0xff],
            &[0x48, 0x83, 0xe8, 0x80],
        ),
        // imul eax, [rdi+8], 12
        (&[0x69, 0x47, 8, 12, 0, 0, 0], &[0x6b, 0x47, 8, 12]),
        // test eax, 3; test esi, 3; test r9, 3
        (&[0xa9, 3, 0, 0, 0], &[0xa8, 3]),
        (&[0xf7, 0xc6, 3, 0, 0, 0], &[0x40, 0xf6, 0xc6, 3]),
        (&[0x49, 0xf7, 0xc1, 3, 0, 0, 0], &[0x41, 0xf6, 0xc1, 3]),
    ];
    for (long, short) in pairs {
        let after = shortened(code(&[long, RET]), &[0]);
        assert_eq!(after, code(&[short, RET]), "{long:02x?}");
    }
    // test ecx, 128, whose sign would be another; test dword [rdi], 3, of which there are four bytes
    let stay: [&[u8]; 2] = [&[0xf7, 0xc1, 128, 0, 0, 0], &[0xf7, 0x07, 3, 0, 0, 0]];
    for code in stay.map(|bytes| code(&[bytes, RET])) {
        assert_eq!(shortened(code.clone(), &[0]), code);
    }
}

#[test]
fn what_is_not_understood_stays() {
    let jump: &[u8] = &[0xe9, 1, 0, 0, 0, 0x90];
    let codes = [
        // No instruction.
        code(&[jump, &[0x06]]),
        // A branch into the middle of what would be another.
        code(&[jump, &[0xe9, 0xf7, 0xff, 0xff, 0xff]]),
        // An address of no jump table: lea rcx, [rip+0]
        code(&[jump, &[0x48, 0x8d, 0x0d, 0, 0, 0, 0], RET]),
        // A trap within an instruction that becomes another.
        PortableCode {
            traps: vec![(2, 1)],
            ..code(&[jump, RET])
        },
    ];
    for before in codes {
        assert_eq!(shortened(before.clone(), &[0]), before);
    }
    let understood = shortened(code(&[jump, RET]), &[0]);
    assert_eq!(understood, code(&[&[0xeb, 1, 0x90], RET]));
}

/// A load of an index, and Cranelift's jump through a table of three entries and the default, to blocks
/// of one `ret` each.
fn table_jump() -> PortableCode {
    code(&[
        // mov ecx, [rdi]; mov eax, 3; cmp ecx, eax; cmovb eax, ecx
        &[0x8b, 0x0f],
        &[0xb8, 3, 0, 0, 0],
        &[0x3b, 0xc8],
        &[0x0f, 0x42, 0xc1],
        // lea rdx, [rip+9]; movsxd rax, [rdx+4*rax]; add rdx, rax; jmp rdx
        &[0x48, 0x8d, 0x15, 9, 0, 0, 0],
        &[0x48, 0x63, 0x04, 0x82],
        &[0x48, 0x03, 0xd0],
        &[0xff, 0xe2],
        &[16, 0, 0, 0, 17, 0, 0, 0, 18, 0, 0, 0, 19, 0, 0, 0],
        RET,
        RET,
        RET,
        RET,
    ])
}

fn shortened_with_addresses(mut code: PortableCode, blocks: &[u32]) -> PortableCode {
    let mut flow = Flow {
        blocks: blocks.to_vec(),
        branches: Vec::new(),
    };
    Shortener::new(false, true).shorten(&mut code, &mut flow);
    code
}

#[test]
fn a_jump_through_a_table_loads_an_address() {
    let after = shortened_with_addresses(table_jump(), &[0, 44, 45, 46, 47]);
    let expected: [&[u8]; 8] = [
        &[0x8b, 0x0f],
        // cmp ecx, 3; jae to the last; mov edx, [table+4*rcx]; jmp rdx
        &[0x83, 0xf9, 3],
        &[0x73, 28],
        &[0x8b, 0x14, 0x8d, 0, 0, 0, 0],
        &[0xff, 0xe2],
        // What was there; the linker writes addresses over it.
        &[16, 0, 0, 0, 17, 0, 0, 0, 18, 0, 0, 0, 19, 0, 0, 0],
        &[RET[0]; 2],
        &[RET[0]; 2],
    ];
    assert_eq!(after.bytes, expected.concat());
    let relocs = after.relocs.iter();
    let relocs: Vec<_> = relocs.map(|r| (r.offset, r.kind, r.target)).collect();
    let own = |offset, to| (offset, Reloc::Abs4, PortableTarget::Own(to));
    let table = [own(16, 32), own(20, 33), own(24, 34), own(28, 35)];
    assert_eq!(relocs, [&[own(10, 16)], &table[..]].concat());
}

#[test]
fn an_index_that_is_not_known_to_be_extended_is_copied() {
    let mut before = table_jump();
    // mov dword ptr [rdi], ecx
    before.bytes[0] = 0x89;
    let after = shortened_with_addresses(before, &[0, 44, 45, 46, 47]);
    // mov eax, ecx, behind the comparison; the index is rax.
    assert_eq!(after.bytes[2..7], [0x83, 0xf9, 3, 0x89, 0xc8]);
    assert_eq!(after.bytes[9..12], [0x8b, 0x14, 0x85]);
}

#[test]
fn a_jump_through_a_table_stays_where_a_block_begins_in_it() {
    let after = shortened_with_addresses(table_jump(), &[0, 7, 44, 45, 46, 47]);
    assert_eq!(after.bytes, table_jump().bytes);
    // And where nobody writes addresses into code.
    let after = shortened(table_jump(), &[0, 44, 45, 46, 47]);
    assert_eq!(after.bytes, table_jump().bytes);
}

/// What is called is loaded by the call; not where the register is read later, where a block begins
/// between the two, or from the stack.
#[test]
fn a_call_loads_what_it_calls() {
    let load: &[u8] = &[0x48, 0x8b, 0x40, 8];
    let call: &[u8] = &[0xff, 0xd0];
    assert_eq!(
        shortened(code(&[load, call, RET]), &[]).bytes,
        [&[0xff, 0x50, 8], RET].concat()
    );
    // mov r11, [r9 + 4*rcx]; call r11
    let load: &[u8] = &[0x4d, 0x8b, 0x1c, 0x89];
    let other: &[u8] = &[0x41, 0xff, 0xd3];
    assert_eq!(
        shortened(code(&[load, other, RET]), &[]).bytes,
        [&[0x41, 0xff, 0x14, 0x89], RET].concat()
    );
    for (load, call) in [
        // Another register than what is called, one that callees save, one of an argument.
        (&[0x48, 0x8b, 0x08][..], call),
        (&[0x48, 0x8b, 0x18], &[0xff, 0xd3]),
        (&[0x48, 0x8b, 0x39], &[0xff, 0xd7]),
        // Half of it, and `jmp`.
        (&[0x8b, 0x00], call),
        (&[0x48, 0x8b, 0x00], &[0xff, 0xe0]),
        // From the stack.
        (&[0x48, 0x8b, 0x04, 0x24], call),
    ] {
        let before = code(&[load, call, RET]);
        assert_eq!(shortened(before.clone(), &[]).bytes, before.bytes);
    }
    let load: &[u8] = &[0x48, 0x8b, 0x00];
    let before = code(&[load, call, RET]);
    assert_eq!(shortened(before.clone(), &[3]).bytes, before.bytes);
}

/// A fault of the load is one of the call, and what is behind the call is where it ends.
#[test]
fn a_call_that_loads_is_where_the_load_was() {
    let mut before = code(&[&[0x90], &[0x49, 0x8b, 0x02], &[0xff, 0xd0], RET]);
    before.traps.push((1, 1));
    before.call_sites.push(CallSite {
        return_offset: 6,
        fp_to_sp_bytes: 0,
        handlers: Vec::new(),
    });
    let after = shortened(before, &[]);
    assert_eq!(after.bytes, [&[0x90, 0x41, 0xff, 0x12], RET].concat());
    assert_eq!(
        (after.traps[0].0, after.call_sites[0].return_offset),
        (1, 4)
    );
}
