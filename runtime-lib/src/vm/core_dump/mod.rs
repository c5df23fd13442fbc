//! The core dump of a program that traps: a module with the memories and globals as they are, and
//! custom sections that say which modules and instances there were and where in them the program was.
//! The format is that of WebAssembly's tool conventions (`Coredump.md`), as Wasmtime writes it.
//!
//! It is written in a handler of signals: without an allocation, in one pass. What is not known
//! beforehand, lengths and counts, is filled in afterwards.
//!
//! Values of locals are there where the compiler says what holds them ([`locals`]). Those of the stack of
//! operands are not known: they are in registers, or nowhere.

mod locals;
mod output;
#[cfg(test)]
mod tests;

use std::ffi::CStr;
use std::ops::Range;

use crate::vm::code_map;
use crate::vm::memory_view::{GuestMemory, Memory};
use crate::vm::message::Message;
use crate::vm::on_trap::Place;
use crate::vm::places::{self, Origin};
use crate::vm::process::items;
use crate::vm::store;
use locals::{Frame, Held, Known};
use output::{Fault, Output};
use wasmelt_abi::places::ITSELF;
use wasmelt_abi::{CodeMap, DumpFunction, DumpGlobal, DumpMemory, OnTrap, dump_local};

/// Contents of memories are written by pieces of at least this many bytes; those of zeros are left out.
const PIECE_BYTES_MIN: u64 = 4096;

/// Fewer zeros take no more room than the head of another segment.
const ZEROS_BETWEEN: usize = 8;

/// There are never more segments of data: readers of modules have a limit of 100,000.
const SEGMENTS_MAX: u64 = 1 << 16;

/// So many frames are written, the innermost.
const FRAMES_MAX: u32 = 100_000;

mod section {
    pub(super) const CUSTOM: u8 = 0;
    pub(super) const MEMORY: u8 = 5;
    pub(super) const GLOBAL: u8 = 6;
    pub(super) const DATA: u8 = 11;
}

mod op {
    pub(super) const END: u8 = 0x0b;
    pub(super) const I32_CONST: u8 = 0x41;
    pub(super) const I64_CONST: u8 = 0x42;
}

/// `OnTrap::write`.
///
/// # Safety
/// The address is that of a [`Place`].
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmelt_core_dump(place: *const u8) {
    // SAFETY: as the caller says.
    let place = unsafe { &*place.cast::<Place<'_>>() };
    // SAFETY: a zero byte follows the text.
    let path = unsafe { CStr::from_ptr(items(&place.on_trap.path).as_ptr().cast()) };
    let mut message = Message::new();
    match write(path, place) {
        Ok(()) => message
            .text("  note: core dumped at `")
            .bytes(path.to_bytes())
            .text("`\n"),
        Err(fault) => message
            .text("  note: no core dump at `")
            .bytes(path.to_bytes())
            .text("`: ")
            .bytes(text_of(&fault))
            .text("\n"),
    };
}

fn text_of(fault: &Fault) -> &'static [u8] {
    match fault {
        Fault::TooLarge => b"there are 4 GiB or more to be written",
        Fault::System(errno) => {
            // SAFETY: the C library has a text for every number, and nothing else asks for one.
            let text = unsafe { CStr::from_ptr(libc::strerror(errno.raw_os_error())) };
            text.to_bytes()
        }
    }
}

fn write(path: &CStr, place: &Place<'_>) -> Result<(), Fault> {
    let on_trap = place.on_trap;
    let mut out = Output::create(path)?;
    out.bytes(items(&on_trap.head));
    write_memories(&mut out, on_trap);
    out.section(section::GLOBAL, |out| {
        let globals = items(&on_trap.globals);
        out.number(globals.len() as u64);
        for global in globals {
            write_global(out, global);
        }
    });
    out.section(section::DATA, |out| write_data(out, on_trap));
    out.bytes(items(&on_trap.tail));
    out.section(section::CUSTOM, |out| {
        out.name(b"corestack");
        out.byte(0);
        out.name(b"main");
        out.counted(|out| write_frames(out, place));
    });
    out.finish(path)
}

/// A memory as it is now.
fn view(memory: &DumpMemory) -> GuestMemory {
    let base = store::current().base();
    // SAFETY: the compiler wrote where in a store it is.
    let memory = unsafe { Memory::at(base.wrapping_add(memory.offset as usize)) };
    GuestMemory::from_header(memory)
}

fn write_memories(out: &mut Output, on_trap: &'static OnTrap) {
    out.section(section::MEMORY, |out| {
        let memories = items(&on_trap.memories);
        out.number(memories.len() as u64);
        for memory in memories {
            out.number(memory.flags);
            out.number(view(memory).len() >> memory.page_bytes_log2);
            if memory.flags & DumpMemory::HAS_MAXIMUM != 0 {
                out.number(memory.pages_max);
            }
            if memory.flags & DumpMemory::HAS_PAGE_SIZE != 0 {
                out.number(memory.page_bytes_log2);
            }
        }
    });
}

fn write_global(out: &mut Output, global: &'static DumpGlobal) {
    out.bytes(items(&global.encoded));
    if global.bytes == 0 {
        return;
    }
    let slot = store::current().base().wrapping_add(global.offset as usize);
    let mut value = [0; 16];
    let len = (global.bytes as usize).min(value.len());
    // SAFETY: the compiler wrote where in a store's contexts the value is, and how long.
    unsafe { std::ptr::copy_nonoverlapping(slot, value.as_mut_ptr(), len) };
    let [first, second, ..] = global.instruction.to_le_bytes();
    out.byte(first);
    if second != 0 {
        out.byte(second);
    }
    let number = u128::from_le_bytes(value);
    match first {
        op::I32_CONST => out.signed(i64::from(number as i32)),
        op::I64_CONST => out.signed(number as i64),
        _ => out.bytes(value.get(..len).unwrap_or(&[])),
    }
    out.byte(op::END);
}

/// The segments of all memories.
fn write_data(out: &mut Output, on_trap: &'static OnTrap) {
    let memories = items(&on_trap.memories);
    let total = memories
        .iter()
        .map(|memory| view(memory).len())
        .sum::<u64>();
    // Each memory may have a piece that is not whole.
    let pieces = SEGMENTS_MAX - (memories.len() as u64).min(SEGMENTS_MAX / 2);
    let piece = total.div_ceil(pieces).next_power_of_two();
    let piece = piece.max(PIECE_BYTES_MIN) as usize;
    out.counted(|out| {
        let mut count = 0;
        for (number, memory) in (0..).zip(memories) {
            let view = view(memory);
            let bytes = view.all();
            for segment in segments(bytes, piece) {
                match number {
                    0 => out.byte(0),
                    _ => {
                        out.byte(2);
                        out.number(number);
                    }
                }
                if memory.flags & DumpMemory::IS_64 != 0 {
                    out.byte(op::I64_CONST);
                    out.signed(segment.start as i64);
                } else {
                    out.byte(op::I32_CONST);
                    out.signed(i64::from(segment.start as i32));
                }
                out.byte(op::END);
                let contents = bytes.get(segment).unwrap_or(&[]);
                out.number(contents.len() as u64);
                out.bytes(contents);
                count += 1;
                if out.has_failed() {
                    return count;
                }
            }
        }
        count
    });
}

/// Where there is anything but zeros. There are no more segments than pieces; those with few zeros between
/// them are one.
fn segments(bytes: &[u8], piece: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut segment: Option<Range<usize>> = None;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let contents = rest.get(..piece).unwrap_or(rest);
            let set = without_zeros(contents);
            let start = at;
            at += contents.len();
            match (&mut segment, set) {
                (None, Some(Range { start: first, end })) => {
                    segment = Some(start + first..start + end)
                }
                (Some(segment), Some(Range { start: first, end }))
                    if start + first - segment.end < ZEROS_BETWEEN =>
                {
                    segment.end = start + end;
                }
                (Some(_), Some(_)) => {
                    at = start;
                    break;
                }
                (Some(_), None) => break,
                (None, None) => {}
            }
        }
        segment
    })
}

/// Where bytes begin and end to be anything but zeros.
fn without_zeros(bytes: &[u8]) -> Option<Range<usize>> {
    /// Memories are mostly zeros: those are looked at by so many at once.
    const MANY: usize = 64;
    let is_set = |byte: &u8| *byte != 0;
    let are_set = |many: &[u8; MANY]| *many != [0; MANY];
    let (many, rest) = bytes.as_chunks::<MANY>();
    let whole = many.len() * MANY;
    let first = many.iter().position(are_set).map_or(whole, |at| at * MANY);
    let last = many.iter().rposition(are_set);
    let last = last.filter(|_| rest.iter().all(|byte| *byte == 0));
    let end = last.map_or(bytes.len(), |at| (at + 1) * MANY);
    let part = bytes.get(first..end)?;
    let start = part.iter().position(is_set)?;
    let last = part.iter().rposition(is_set)?;
    Some(first + start..first + last + 1)
}

/// The frames, innermost first; gives how many. Functions of no module are left out.
fn write_frames(out: &mut Output, place: &Place<'_>) -> u32 {
    let code = code_map::of_program();
    let functions = items(&place.on_trap.functions);
    let innermost = (place.pc, place.frames.innermost_fp());
    let mut registers = Held::at_trap(place.registers);
    // Where the stack ends, a function has not saved yet what it uses.
    let mut has_saved = !place.is_exhausted;
    // A return address may be that of the next function: the call is before it.
    let callers = place.frames.clone();
    let callers = callers.map(|frame| (frame.return_address.wrapping_sub(1), frame.fp));
    let mut count = 0;
    for (address, fp) in std::iter::once(innermost).chain(callers) {
        let offset = code_map::offset_of(code, address);
        let found = offset.and_then(|offset| Some((offset, code_map::function_at(code, offset)?)));
        let Some((offset, (function, start))) = found else {
            registers = Held::NOTHING;
            continue;
        };
        let frame = Frame {
            function,
            distance: offset - start,
            fp,
            registers: &registers,
        };
        for inner in 0.. {
            if count == FRAMES_MAX || out.has_failed() {
                return count;
            }
            let Some(origin) = origin(code, offset, inner) else {
                break;
            };
            let function = functions.get(origin.function);
            if let Some(function) = function.filter(|it| it.instance != DumpFunction::NONE) {
                let known = locals::known(place.on_trap, &frame, origin.place);
                write_frame(out, function, origin.offset.unwrap_or(0), known);
                count += 1;
            }
        }
        registers = match has_saved {
            true => frame.callers_registers(place.on_trap),
            false => Held::NOTHING,
        };
        has_saved = true;
    }
    count
}

fn write_frame(
    out: &mut Output,
    function: &DumpFunction,
    offset: u32,
    known: impl Iterator<Item = Known>,
) {
    const MISSING: u8 = 1;
    out.byte(0);
    out.number(function.instance.into());
    out.number(function.index.into());
    out.number(offset.into());
    out.number(function.locals.into());
    let mut next = 0;
    for known in known {
        // What holds a local in several places holds the same.
        if (next..function.locals).contains(&known.local) {
            (next..known.local).for_each(|_| out.byte(MISSING));
            write_local(out, known);
            next = known.local + 1;
        }
    }
    (next..function.locals).for_each(|_| out.byte(MISSING));
    out.number(0);
}

fn write_local(out: &mut Output, known: Known) {
    out.byte(locals::tag(known.form));
    match known.form {
        dump_local::I32 => out.signed(i64::from(known.bits as i32)),
        dump_local::I64 => out.signed(known.bits as i64),
        dump_local::F32 => out.bytes(&(known.bits as u32).to_le_bytes()),
        _ => out.bytes(&known.bits.to_le_bytes()),
    }
}

/// The function with this number that the code at an offset is from, innermost first.
fn origin(code: &'static CodeMap, offset: u32, number: usize) -> Option<Origin> {
    if let Some(places) = places::known(code) {
        return places::origin(code, places, offset, number);
    }
    let (function, _) = code_map::function_at(code, offset)?;
    let origin = Origin {
        function,
        offset: None,
        place: ITSELF,
    };
    (number == 0).then_some(origin)
}
