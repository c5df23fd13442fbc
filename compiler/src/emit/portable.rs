//! Machine code of a function as it can be kept for another build: what it refers to by name is
//! numbered as in the function's own CLIF, and places in the input are distances.

use super::bytes::{Reader, Writer};
use super::saved::Saved;
use super::values::{Holder, ValuePlace};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{self, ExternalName, LibCall, SourceLoc, UserExternalNameRef};
use cranelift_codegen::{
    CompiledCode, Final, FinalizedMachCallSite, FinalizedMachExceptionHandler,
    FinalizedRelocTarget, MachBufferFinalized,
};
use cranelift_entity::EntityRef;

/// The kinds of relocations that code of functions has.
const KINDS: [Reloc; 7] = [
    Reloc::Abs8,
    Reloc::X86PCRel4,
    Reloc::X86CallPCRel4,
    Reloc::X86CallPLTRel4,
    Reloc::Arm64Call,
    Reloc::RiscvCallPlt,
    Reloc::Abs4,
];

#[derive(Clone, PartialEq, Debug)]
pub struct PortableCode {
    pub bytes: Vec<u8>,
    /// Where it begins behind a multiple of [`super::alignment::LINE_BYTES`], if that matters.
    pub start: Option<u32>,
    pub relocs: Vec<PortableReloc>,
    /// Offset and `wasmelt_abi::TrapCode` byte.
    pub traps: Vec<(u32, u8)>,
    pub call_sites: Vec<CallSite>,
    /// Offset, and the source location that is true from there on ([`super::inlined`]).
    pub lines: Vec<(u32, u32)>,
    /// Where values of locals are.
    pub values: Vec<ValuePlace>,
    /// Registers of the caller, and where they are.
    pub saved: Vec<Saved>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PortableReloc {
    pub offset: u32,
    pub kind: Reloc,
    pub target: PortableTarget,
    pub addend: i64,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PortableTarget {
    /// A name of the function's CLIF.
    Name(UserExternalNameRef),
    LibCall(LibCall),
    /// A place in the function itself.
    Own(u32),
}

/// A call with exception handlers.
#[derive(Clone, PartialEq, Debug)]
pub struct CallSite {
    pub return_offset: u32,
    pub fp_to_sp_bytes: u32,
    /// Tag, or `u32::MAX`, and landing offset.
    pub handlers: Vec<(u32, u32)>,
}

impl PortableCode {
    pub fn new(code: &CompiledCode, with_lines: bool) -> Self {
        let buffer = &code.buffer;
        let relocs = buffer.relocs().iter().map(|reloc| PortableReloc {
            offset: reloc.offset,
            kind: reloc.kind,
            target: target(&reloc.target),
            addend: reloc.addend,
        });
        let traps = buffer.traps().iter();
        PortableCode {
            bytes: buffer.data().to_vec(),
            start: None,
            relocs: relocs.collect(),
            // That of an access to memory is known by the address.
            traps: traps
                .filter(|trap| trap.code != ir::TrapCode::HEAP_OUT_OF_BOUNDS)
                .map(|trap| (trap.offset, trap_byte(trap.code)))
                .collect(),
            call_sites: buffer
                .call_sites()
                .filter_map(|site| call_site(&site))
                .collect(),
            lines: match with_lines {
                true => lines(buffer),
                false => lines_where_code_stops(buffer),
            },
            values: Vec::new(),
            saved: Vec::new(),
        }
    }

    /// Bytes of the code.
    ///
    /// # Panics
    /// For more than 4 GiB.
    pub fn len(&self) -> u32 {
        u32::try_from(self.bytes.len()).expect("a function's code is below 4 GiB")
    }

    /// All of it in bytes; nothing if it has something that no other code has.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let mut writer = Writer(Vec::with_capacity(self.bytes.len() + 64));
        writer.number(self.start.unwrap_or(u32::MAX));
        writer.count(self.bytes.len());
        writer.0.extend_from_slice(&self.bytes);
        writer.count(self.relocs.len());
        for reloc in &self.relocs {
            let kind = KINDS.iter().position(|&kind| kind == reloc.kind)?;
            let libcalls = LibCall::all_libcalls();
            let (form, value) = match reloc.target {
                PortableTarget::Name(name) => (0, name.as_u32()),
                PortableTarget::LibCall(call) => {
                    let position = libcalls.iter().position(|&other| other == call)?;
                    (1, u32::try_from(position).ok()?)
                }
                PortableTarget::Own(at) => (2, at),
            };
            writer.number(reloc.offset);
            writer.0.extend([u8::try_from(kind).ok()?, form]);
            writer.number(value);
            writer.0.extend(reloc.addend.to_le_bytes());
        }
        writer.count(self.traps.len());
        for &(offset, code) in &self.traps {
            writer.number(offset);
            writer.0.push(code);
        }
        writer.count(self.call_sites.len());
        for site in &self.call_sites {
            writer.number(site.return_offset);
            writer.number(site.fp_to_sp_bytes);
            writer.pairs(&site.handlers);
        }
        writer.pairs(&self.lines);
        writer.count(self.values.len());
        for held in &self.values {
            writer.number(held.value);
            writer.number(held.start);
            writer.number(held.end);
            match held.place {
                Holder::Register(number) => writer.pairs(&[(0, number.into())]),
                Holder::Frame(at) => writer.pairs(&[(1, at.cast_unsigned())]),
            }
        }
        let saved = self.saved.iter();
        let saved = saved.map(|&(register, at)| (register.into(), at.cast_unsigned()));
        writer.pairs(&saved.collect::<Vec<_>>());
        Some(writer.0)
    }

    /// What [`Self::to_bytes`] has written; nothing if it is something else. `names` is how many the
    /// function has.
    pub fn from_bytes(bytes: &[u8], names: usize) -> Option<PortableCode> {
        let mut reader = Reader(bytes);
        let start = Some(reader.number()?).filter(|&start| start < super::alignment::LINE_BYTES);
        let length = reader.number()? as usize;
        let code = reader.take(length)?.to_vec();
        let relocs = reader.list(18, |reader| {
            let offset = reader.number()?;
            let [kind, form] = *reader.array()?;
            let value = reader.number()?;
            let addend = i64::from_le_bytes(*reader.array()?);
            let target = match form {
                0 if (value as usize) < names => {
                    PortableTarget::Name(UserExternalNameRef::new(value as usize))
                }
                1 => PortableTarget::LibCall(*LibCall::all_libcalls().get(value as usize)?),
                2 => PortableTarget::Own(value),
                _ => return None,
            };
            Some(PortableReloc {
                offset,
                kind: *KINDS.get(usize::from(kind))?,
                target,
                addend,
            })
        })?;
        let traps = reader.list(5, |reader| {
            Some((reader.number()?, reader.array::<1>()?[0]))
        })?;
        let call_sites = reader.list(12, |reader| {
            Some(CallSite {
                return_offset: reader.number()?,
                fp_to_sp_bytes: reader.number()?,
                handlers: reader.pairs()?,
            })
        })?;
        let lines = reader.pairs()?;
        let values = reader.list(24, |reader| {
            let (value, start, end) = (reader.number()?, reader.number()?, reader.number()?);
            let place = match *reader.pairs()? {
                [(0, number)] => Holder::Register(u16::try_from(number).ok()?),
                [(1, at)] => Holder::Frame(at.cast_signed()),
                _ => return None,
            };
            Some(ValuePlace {
                value,
                start,
                end,
                place,
            })
        })?;
        let saved = reader.pairs()?.into_iter();
        let saved =
            saved.map(|(register, at)| Some((u16::try_from(register).ok()?, at.cast_signed())));
        let saved = saved.collect::<Option<_>>()?;
        reader.0.is_empty().then_some(PortableCode {
            bytes: code,
            start,
            relocs,
            traps,
            call_sites,
            lines,
            values,
            saved,
        })
    }
}

/// All that is known.
fn lines(buffer: &MachBufferFinalized<Final>) -> Vec<(u32, u32)> {
    let lines = buffer.get_srclocs_sorted().iter();
    let known = lines.filter(|line| !line.loc.is_default());
    known.map(|line| (line.start, line.loc.bits())).collect()
}

/// What is true of instructions that trap and of calls, where something is inlined.
fn lines_where_code_stops(buffer: &MachBufferFinalized<Final>) -> Vec<(u32, u32)> {
    let known = buffer.get_srclocs_sorted();
    if known.iter().all(|line| line.loc.is_default()) {
        return Vec::new();
    }
    let traps = buffer.traps().iter().map(|trap| trap.offset);
    // The instruction that the call is, not the next one.
    let calls = buffer.call_sites().map(|call| call.ret_addr - 1);
    let mut stops: Vec<u32> = traps.chain(calls).collect();
    stops.sort_unstable();
    let mut known = known.iter().peekable();
    let mut lines: Vec<(u32, u32)> = Vec::new();
    for stop in stops {
        while known.next_if(|line| line.end <= stop).is_some() {}
        let (start, location) = match known.peek() {
            Some(line) if line.start <= stop => (line.start, line.loc),
            _ => (stop, SourceLoc::default()),
        };
        let before = lines
            .last()
            .map_or(SourceLoc::default().bits(), |line| line.1);
        if before != location.bits() {
            lines.push((start, location.bits()));
        }
    }
    lines
}

fn target(target: &FinalizedRelocTarget) -> PortableTarget {
    match target {
        FinalizedRelocTarget::Func(offset) => PortableTarget::Own(*offset),
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => PortableTarget::Name(*name),
        FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) => {
            PortableTarget::LibCall(*call)
        }
        FinalizedRelocTarget::ExternalName(
            ExternalName::TestCase(_) | ExternalName::KnownSymbol(_),
        ) => unreachable!("translation names functions by number"),
    }
}

fn call_site(site: &FinalizedMachCallSite<'_>) -> Option<CallSite> {
    if site.exception_handlers.is_empty() {
        return None;
    }
    let handlers = site
        .exception_handlers
        .iter()
        .filter_map(|handler| match *handler {
            FinalizedMachExceptionHandler::Tag(tag, offset) => Some((tag.as_u32(), offset)),
            FinalizedMachExceptionHandler::Default(offset) => Some((u32::MAX, offset)),
            FinalizedMachExceptionHandler::Context(_) => None,
        })
        .collect();
    let fp_to_sp_bytes = site
        .frame_offset
        .expect("frames with handlers have a frame pointer");
    Some(CallSite {
        return_offset: site.ret_addr,
        fp_to_sp_bytes,
        handlers,
    })
}

/// Cranelift's own codes come from its lowering of divisions and conversions.
fn trap_byte(code: ir::TrapCode) -> u8 {
    use wasmelt_abi::TrapCode as Abi;
    let code = match code {
        ir::TrapCode::INTEGER_OVERFLOW => Abi::IntegerOverflow,
        ir::TrapCode::INTEGER_DIVISION_BY_ZERO => Abi::IntegerDivisionByZero,
        ir::TrapCode::BAD_CONVERSION_TO_INTEGER => Abi::BadConversionToInteger,
        ir::TrapCode::STACK_OVERFLOW => Abi::StackOverflow,
        user => return user.as_raw().get(),
    };
    code as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> PortableCode {
        let reloc = |target| PortableReloc {
            offset: 7,
            kind: Reloc::X86CallPCRel4,
            target,
            addend: -4,
        };
        PortableCode {
            bytes: vec![0x90; 100],
            start: Some(48),
            relocs: vec![
                reloc(PortableTarget::Name(UserExternalNameRef::new(2))),
                reloc(PortableTarget::LibCall(LibCall::FloorF64)),
                reloc(PortableTarget::Own(31)),
            ],
            traps: vec![(3, 1), (9, 2)],
            call_sites: vec![CallSite {
                return_offset: 11,
                fp_to_sp_bytes: 64,
                handlers: vec![(0, 50), (u32::MAX, 60)],
            }],
            lines: vec![(0, 0), (5, u32::MAX)],
            values: vec![
                ValuePlace {
                    value: 1,
                    start: 3,
                    end: 8,
                    place: Holder::Register(16),
                },
                ValuePlace {
                    value: 0,
                    start: 0,
                    end: 9,
                    place: Holder::Frame(-24),
                },
            ],
            saved: vec![(3, -8)],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = code().to_bytes().unwrap();
        assert_eq!(PortableCode::from_bytes(&bytes, 3), Some(code()));
        // The third name of two.
        assert_eq!(PortableCode::from_bytes(&bytes, 2), None);
    }

    #[test]
    fn what_is_damaged_is_nothing_or_code() {
        let bytes = code().to_bytes().unwrap();
        for length in 0..bytes.len() {
            assert_eq!(PortableCode::from_bytes(&bytes[..length], 3), None);
        }
        assert_eq!(PortableCode::from_bytes(&[&*bytes, b"x"].concat(), 3), None);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] = !damaged[at];
            // Only that it neither panics nor allocates without bounds.
            let _ = PortableCode::from_bytes(&damaged, 3);
        }
    }
}
