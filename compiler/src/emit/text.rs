//! The text section: addresses of functions, and calls between them resolved.

use super::code::{CompiledFunction, Places, Relocation, Target};
use super::portable::CallSite;
use super::veneers::Group;
use super::{alignment, call};
use crate::error::{Error, ErrorKind, Result};
use crate::index::FuncId;
use crate::target::Arch;
use cranelift_codegen::binemit::Reloc;
use foldhash::{HashMap, HashMapExt};

/// The contents of the text section, and everything known about places in it.
#[derive(Debug)]
pub struct Text {
    pub bytes: Vec<u8>,
    /// Start and length of each function, in ascending order.
    pub functions: Vec<(FuncId, u32, u32)>,
    /// Where the code of each function is from.
    pub places: Vec<Places>,
    pub starts: HashMap<FuncId, u32>,
    /// What is left for the linker.
    pub relocs: Vec<Relocation>,
    /// Ascending.
    pub traps: Vec<(u32, u8)>,
    /// Ascending.
    pub call_sites: Vec<CallSite>,
}

/// More than the runtime library has of code.
const RUNTIME_BYTES_MAX: u64 = 8 << 20;

/// Addresses of places in the text are numbers of 31 bits.
const TEXT_BYTES_MAX: u64 = (2 << 30) - RUNTIME_BYTES_MAX;

/// How far calls reach.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    arch: Arch,
    /// Bytes of code that they reach across, the runtime library too.
    across: u64,
    /// There may be veneers for what is further away.
    has_veneers: bool,
}

impl Reach {
    /// `holds_addresses` says that the linker writes addresses into code.
    #[must_use]
    pub fn new(arch: Arch, holds_addresses: bool, bytes_max: Option<u64>) -> Reach {
        let has_veneers = holds_addresses && arch == Arch::Aarch64;
        let across = call::reach_bytes(arch) - RUNTIME_BYTES_MAX;
        Reach {
            arch,
            across: match bytes_max.filter(|_| has_veneers) {
                Some(max) => across.min(max),
                None => across,
            },
            has_veneers,
        }
    }
}

fn too_large(what: &str, bytes: u64, max: u64, arch: Arch) -> Error {
    let (bytes, max) = (bytes >> 20, max >> 20);
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "{what} is too large: {bytes} MiB of code, of which calls of {arch:?} reach across {max} MiB"
        ),
    )
}

/// What fills gaps between functions and is never reached: instructions that trap, `int3` and zeros.
const fn fill(arch: Arch) -> u8 {
    match arch {
        Arch::X86_64 => 0xcc,
        Arch::Aarch64 | Arch::Riscv64 => 0,
    }
}

impl Text {
    /// # Errors
    /// `Unsupported` for more code than calls of the target reach across, with veneers if there may be
    /// such.
    pub fn lay_out(compiled: Vec<CompiledFunction>, reach: Reach) -> Result<Text> {
        let mut text = Text {
            bytes: Vec::with_capacity(
                compiled
                    .iter()
                    .map(|f| f.bytes.len() + alignment::LINE_BYTES as usize)
                    .sum(),
            ),
            functions: Vec::with_capacity(compiled.len()),
            places: Vec::with_capacity(compiled.len()),
            starts: HashMap::with_capacity(compiled.len()),
            relocs: Vec::new(),
            traps: Vec::new(),
            call_sites: Vec::new(),
        };
        // No function is moved by more than a line.
        let line = u64::from(alignment::LINE_BYTES);
        let bytes: u64 = compiled.iter().map(|f| f.bytes.len() as u64 + line).sum();
        if bytes <= reach.across {
            for function in compiled {
                text.add(function, fill(reach.arch));
            }
        } else if reach.has_veneers && bytes <= TEXT_BYTES_MAX {
            text.add_in_groups(compiled, reach)?;
        } else {
            let max = match reach.has_veneers {
                true => TEXT_BYTES_MAX,
                false => reach.across,
            };
            return Err(too_large("the program", bytes, max, reach.arch));
        }
        text.resolve();
        Ok(text)
    }

    /// See [`super::veneers`].
    fn add_in_groups(&mut self, compiled: Vec<CompiledFunction>, reach: Reach) -> Result<()> {
        let mut group = Group::default();
        for function in compiled {
            let end_of = |text: &Text| {
                let start =
                    alignment::place(text.bytes.len(), function.start, function.bytes.len());
                start + function.bytes.len()
            };
            let mut bytes = group.bytes_with(end_of(self), &function.relocs) as u64;
            if bytes > reach.across && !group.is_empty(self.bytes.len()) {
                self.end_group(&group);
                group = Group::at(self.bytes.len(), self.relocs.len());
                bytes = group.bytes_with(end_of(self), &function.relocs) as u64;
            }
            if bytes > reach.across {
                return Err(too_large("a function", bytes, reach.across, reach.arch));
            }
            group.note(&function.relocs);
            self.add(function, fill(reach.arch));
        }
        self.end_group(&group);
        Ok(())
    }

    fn end_group(&mut self, group: &Group) {
        let starts = &self.starts;
        group.end(&mut self.bytes, &mut self.relocs, |target| match target {
            Target::Wasm(id) => starts.get(&id).is_some_and(|start| group.contains(*start)),
            _ => false,
        });
    }

    fn add(&mut self, function: CompiledFunction, fill: u8) {
        let start = alignment::place(self.bytes.len(), function.start, function.bytes.len());
        self.bytes.resize(start, fill);
        let start = offset(self.bytes.len());
        self.starts.insert(function.id, start);
        self.functions
            .push((function.id, start, offset(function.bytes.len())));
        self.bytes.extend_from_slice(&function.bytes);
        self.relocs
            .extend(function.relocs.iter().map(|r| Relocation {
                offset: start + r.offset,
                target: match r.target {
                    Target::Own(inside) => Target::Own(start + inside),
                    other => other,
                },
                ..*r
            }));
        self.traps
            .extend(function.traps.iter().map(|&(at, code)| (start + at, code)));
        self.places.push(function.places);
        self.call_sites
            .extend(function.call_sites.into_iter().map(|site| {
                CallSite {
                    return_offset: start + site.return_offset,
                    handlers: site
                        .handlers
                        .iter()
                        .map(|&(tag, at)| (tag, start + at))
                        .collect(),
                    ..site
                }
            }));
    }

    /// Fills in the distances between places of this text.
    fn resolve(&mut self) {
        let relocs = std::mem::take(&mut self.relocs);
        for reloc in relocs {
            let target = match reloc.target {
                // The whole address, in a veneer or in a jump through a table.
                _ if matches!(reloc.kind, Reloc::Abs8 | Reloc::Abs4) => None,
                Target::Wasm(id) => self.starts.get(&id).copied(),
                Target::Own(at) => Some(at),
                _ => None,
            };
            match target {
                Some(target) => {
                    let distance = i64::from(target) + reloc.addend - i64::from(reloc.offset);
                    let distance = i32::try_from(distance).expect("code is below 2 GiB");
                    call::set_distance(
                        &mut self.bytes,
                        reloc.offset as usize,
                        reloc.kind,
                        distance,
                    );
                }
                None => self.relocs.push(reloc),
            }
        }
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("code is below 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::code::Places;
    use std::time::Duration;

    const NOP: u32 = 0xd503_201f;
    const CALL: u32 = 0x9400_0000;
    const REACH: u64 = 4096;

    /// So many instructions, which begin with calls.
    fn function(id: usize, len: usize, calls: &[Target]) -> CompiledFunction {
        let words = (0..len).map(|at| if at < calls.len() { CALL } else { NOP });
        let relocs = calls.iter().enumerate().map(|(at, &target)| Relocation {
            offset: 4 * u32::try_from(at).unwrap(),
            kind: Reloc::Arm64Call,
            target,
            addend: 0,
        });
        CompiledFunction {
            id: FuncId::new(id),
            bytes: words.flat_map(u32::to_le_bytes).collect(),
            start: None,
            relocs: relocs.collect(),
            traps: Vec::new(),
            call_sites: Vec::new(),
            places: Places::default(),
            time: Duration::ZERO,
        }
    }

    fn laid_out(functions: Vec<CompiledFunction>) -> Result<Text> {
        let reach = Reach::new(Arch::Aarch64, true, Some(REACH));
        Text::lay_out(functions, reach)
    }

    fn word(text: &Text, at: usize) -> u32 {
        u32::from_le_bytes(*text.bytes[at..].first_chunk().unwrap())
    }

    /// Where the call at a place of the text ends up, and whether that is where it goes by itself.
    fn called(text: &Text, at: usize) -> (Target, bool) {
        let call = word(text, at);
        assert_eq!(call & 0xfc00_0000, CALL);
        let distance = (call << 6).cast_signed() >> 4;
        assert!(
            u64::from(distance.unsigned_abs()) < REACH,
            "it goes {distance} bytes"
        );
        let to = at.checked_add_signed(distance as isize).unwrap();
        let starts = &text.functions;
        if let Some((id, ..)) = starts.iter().find(|(_, start, _)| *start as usize == to) {
            return (Target::Wasm(*id), true);
        }
        // `ldr x16, .+8; br x16`, and the address.
        assert_eq!(
            (word(text, to), word(text, to + 4)),
            (0x5800_0050, 0xd61f_0200)
        );
        let mut relocs = text.relocs.iter();
        let reloc = relocs
            .find(|reloc| reloc.offset as usize == to + 8)
            .unwrap();
        assert_eq!((reloc.kind, reloc.addend), (Reloc::Abs8, 0));
        (reloc.target, false)
    }

    #[test]
    fn calls_beyond_their_reach_have_veneers() {
        // All call their neighbours, the first, the last, and two of the runtime library.
        let count = 40;
        let callees = |id: usize| {
            let near = [id.saturating_sub(1), (id + 1).min(count - 1), 0, count - 1];
            let near = near.map(|id| Target::Wasm(FuncId::new(id)));
            [
                &near[..],
                &[Target::Runtime(3), Target::Runtime(id as u32 % 5)],
            ]
            .concat()
        };
        let functions = (0..count).map(|id| function(id, 100, &callees(id)));
        let text = laid_out(functions.collect()).unwrap();
        let mut direct = 0;
        for id in 0..count {
            let start = text.starts[&FuncId::new(id)] as usize;
            for (position, callee) in callees(id).into_iter().enumerate() {
                let (found, is_direct) = called(&text, start + 4 * position);
                assert_eq!(found, callee, "{id}");
                direct += usize::from(is_direct);
            }
        }
        // Of two neighbours, most are in one group, which has a veneer for each of the others.
        assert!(direct > count, "{direct}");
        assert!(text.relocs.len() < count * 2, "{}", text.relocs.len());
    }

    #[test]
    fn small_programs_have_no_veneers() {
        let callees = [Target::Wasm(FuncId::new(1)), Target::Runtime(3)];
        let text = laid_out(vec![function(0, 10, &callees), function(1, 10, &[])]).unwrap();
        let left = text.relocs.iter().map(|reloc| (reloc.kind, reloc.target));
        let left: Vec<(Reloc, Target)> = left.collect();
        assert_eq!(
            left,
            [(Reloc::Arm64Call, Target::Runtime(3))],
            "for the linker"
        );
    }

    #[test]
    fn what_no_veneer_helps_is_an_error() {
        let long = function(0, 1100, &[Target::Runtime(3)]);
        let message = laid_out(vec![long]).unwrap_err().to_string();
        assert!(message.contains("a function is too large"), "{message}");
    }
}
