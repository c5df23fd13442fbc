//! The text section: addresses of functions, and calls between them resolved.

use super::code::{CompiledFunction, Places, Relocation, Target};
use super::portable::CallSite;
use super::{alignment, call};
use crate::error::{Error, ErrorKind, Result};
use crate::index::FuncId;
use crate::target::Arch;
use std::collections::HashMap;

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

/// What fills gaps between functions and is never reached: instructions that trap, `int3` and zeros.
const fn fill(arch: Arch) -> u8 {
    match arch {
        Arch::X86_64 => 0xcc,
        Arch::Aarch64 | Arch::Riscv64 => 0,
    }
}

impl Text {
    /// # Errors
    /// `Unsupported` for more code than calls of the target reach across.
    ///
    /// # Panics
    /// When the code exceeds 4 GiB.
    pub fn lay_out(compiled: Vec<CompiledFunction>, arch: Arch) -> Result<Text> {
        let mut text = Text {
            bytes: Vec::with_capacity(compiled.iter().map(|f| f.bytes.len() + 16).sum()),
            functions: Vec::with_capacity(compiled.len()),
            places: Vec::with_capacity(compiled.len()),
            starts: HashMap::with_capacity(compiled.len()),
            relocs: Vec::new(),
            traps: Vec::new(),
            call_sites: Vec::new(),
        };
        for function in compiled {
            text.add(function, fill(arch));
        }
        // The runtime library is called from all of it.
        let max = call::reach_bytes(arch) - RUNTIME_BYTES_MAX;
        if text.bytes.len() as u64 > max {
            let mib = |bytes: u64| bytes >> 20;
            let (bytes, max) = (mib(text.bytes.len() as u64), mib(max));
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the program is too large: {bytes} MiB of code, of which calls of {arch:?} reach across {max} MiB"
                ),
            ));
        }
        text.resolve();
        Ok(text)
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
