//! The object file: what is in it, and who writes it.
//!
//! Comes in: laid-out code, images and the program's description. [`Contents`] says what becomes
//! of them in no file's terms: sections, names of places in the code, what is imported, and what
//! refers to what. Two writers read it. `elf` writes what our own linker takes. `portable` writes
//! what leaves the house, by cranelift-object.

mod contents;
mod debug;
mod elf;
mod portable;

use super::blob::Address;
use super::code::Target;
use super::native;
use super::placement::image_is_mapped;
use super::program::Writer;
use super::text::Text;
use crate::compiled::{IMAGE_SECTION, POLICY_SECTION};
use crate::dwarf::Sources;
use crate::error::Result;
use crate::options::Options;
use crate::plan::LinkPlan;
use crate::profile::Layout;
use contents::{Contents, Data, Export, Function, Place, Relocation};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::LibCall;
use cranelift_codegen::isa::OwnedTargetIsa;
use foldhash::HashMap;
use std::borrow::Cow;
use wasmelt_abi::{GC_SYMBOL, HTTP_SYMBOL, PROGRAM_SYMBOL, RUNTIME_FN_PREFIX, RUNTIME_FNS};

/// The object for our own linker.
pub(super) fn write(
    plan: &LinkPlan<'_>,
    options: &Options,
    counters: Option<&Layout>,
    sources: &Sources,
    text: &Text,
) -> Vec<u8> {
    let contents = Contents::new(plan, options, counters, sources, text);
    elf::write(&contents, options.target.arch)
}

/// The object for other linkers.
///
/// # Errors
/// When a section is larger than such an object can have.
pub(super) fn write_portable(
    plan: &LinkPlan<'_>,
    options: &Options,
    counters: Option<&Layout>,
    sources: &Sources,
    text: &Text,
    isa: OwnedTargetIsa,
) -> Result<Vec<u8>> {
    let contents = Contents::new(plan, options, counters, sources, text);
    portable::write(&contents, isa, &options.name)
}

/// The position of the program's description in `Contents::data`.
const BLOB: usize = 0;

/// Collects what a [`Contents`] imports.
#[derive(Default)]
struct Imports {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Imports {
    fn place(&mut self, name: &str) -> Place {
        let position = self.positions.get(name).copied().unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.positions.insert(name.to_owned(), self.names.len() - 1);
            self.names.len() - 1
        });
        Place::Import(position)
    }
}

impl<'a> Contents<'a> {
    fn new(
        plan: &'a LinkPlan<'_>,
        options: &'a Options,
        counters: Option<&'a Layout>,
        sources: &'a Sources,
        text: &'a Text,
    ) -> Contents<'a> {
        let mut imports = Imports::default();
        let code_relocs = code_relocs(plan, text, &mut imports);
        let mut writer = Writer::new(plan, options, counters, sources, text);
        let exports = exports(&mut writer);
        let image = image_is_mapped(plan, options)
            .then(|| image(&writer, &mut imports, options.portable_object));
        let relocs = std::mem::take(&mut writer.blob.addresses)
            .iter()
            .map(|(at, address)| relocation(text, &mut imports, *at, address))
            .collect();
        let mut data = vec![Data {
            section: None,
            bytes: Cow::Owned(std::mem::take(&mut writer.blob.bytes)),
            align: 16,
            is_writable: false,
            is_kept: false,
            relocs,
        }];
        data.extend(image);
        let calls = writer.system_calls_note();
        data.extend(options.policy_note.as_ref().map(|note| Data {
            section: Some(POLICY_SECTION),
            bytes: Cow::Owned((note.clone() + &calls).into_bytes()),
            align: 1,
            is_writable: false,
            is_kept: true,
            relocs: Vec::new(),
        }));
        let entries = plan
            .library
            .fns
            .iter()
            .map(|of_library| (of_library.symbol.as_str(), text.starts[&of_library.func]));
        let functions = text.functions.iter().map(|&(id, start, bytes)| Function {
            name: &plan.funcs[id.index()].name,
            start,
            bytes,
        });
        Contents {
            code: &text.bytes,
            functions: functions.collect(),
            code_relocs,
            data,
            imports: imports.names,
            exports,
            entries: entries.collect(),
            is_library: plan.is_library(),
            debug: native::sections(plan, text, sources),
        }
    }
}

/// Writes the description; the names in it that the runtime library looks for, ascending.
fn exports(writer: &mut Writer<'_>) -> Vec<Export> {
    let program = writer.write();
    let http = writer.write_http();
    let heap = writer.write_heap();
    let found = [
        (PROGRAM_SYMBOL, Some(program)),
        (HTTP_SYMBOL, http),
        (GC_SYMBOL, heap),
        writer.write_drafts(),
    ];
    let mut exports: Vec<Export> = found
        .into_iter()
        .filter_map(|(name, at)| {
            Some(Export {
                name,
                data: BLOB,
                offset: usize::try_from(at?).expect("64-bit host"),
            })
        })
        .collect();
    exports.sort_by_key(|export| export.offset);
    exports
}

/// What code refers to outside of itself.
fn code_relocs(plan: &LinkPlan<'_>, text: &Text, imports: &mut Imports) -> Vec<Relocation> {
    let mut relocs: Vec<Relocation> = Vec::with_capacity(text.relocs.len());
    for reloc in &text.relocs {
        let place = match reloc.target {
            Target::Runtime(row) => {
                let name = RUNTIME_FNS[row as usize].name;
                imports.place(&format!("{RUNTIME_FN_PREFIX}{name}"))
            }
            Target::Host(host) => imports.place(&plan.host_fns[host.index()].symbol),
            Target::LibCall(call) => imports.place(libcall_symbol(call)),
            // In a veneer.
            Target::Wasm(id) => Place::Code(text.starts[&id]),
            // In a jump through a table.
            Target::Own(at) => Place::Code(at),
        };
        relocs.push(Relocation {
            offset: reloc.offset as usize,
            kind: reloc.kind,
            place,
            addend: reloc.addend,
        });
    }
    relocs.sort_by_key(|reloc| reloc.offset);
    relocs
}

/// Contexts of the first region, where they are mapped from the executable, and its initial memory if
/// that is to be in the object: our own linker gets it beside (`placement::parts`).
fn image<'a>(writer: &Writer<'a>, imports: &mut Imports, with_memory: bool) -> Data<'a> {
    let region = &writer.plan.regions[0];
    let before = region.below_bytes - region.below.bytes.len() as u64;
    let mut bytes = vec![0; usize::try_from(before).expect("64-bit host")];
    bytes.extend_from_slice(&region.below.bytes);
    if let Some(memory) = region.memory.filter(|_| with_memory) {
        bytes.extend_from_slice(&writer.plan.memories[memory.index()].image);
    }
    let relocs = region.below.relocs.iter().map(|&(offset, reloc)| {
        let at = before + region.below.position(offset) as u64;
        relocation(writer.text, imports, at, &writer.address(reloc))
    });
    Data {
        section: Some(IMAGE_SECTION),
        relocs: relocs.collect(),
        bytes: Cow::Owned(bytes),
        align: writer.plan.target.page_bytes,
        is_writable: true,
        is_kept: true,
    }
}

/// An 8-byte address in data.
fn relocation(text: &Text, imports: &mut Imports, at: u64, address: &Address) -> Relocation {
    let (place, addend) = match address {
        Address::Blob(offset) => (Place::Data(BLOB), offset.cast_signed()),
        Address::Code(func) => (Place::Code(text.starts[func]), 0),
        Address::Text => (Place::Code(0), 0),
        Address::Symbol(name) => (imports.place(name), 0),
    };
    Relocation {
        offset: usize::try_from(at).expect("64-bit host"),
        kind: Reloc::Abs8,
        place,
        addend,
    }
}

/// What old processors have no instruction for: functions of the runtime library.
fn libcall_symbol(call: LibCall) -> &'static str {
    match call {
        LibCall::CeilF32 => "wasmelt_ceil_f32",
        LibCall::CeilF64 => "wasmelt_ceil_f64",
        LibCall::FloorF32 => "wasmelt_floor_f32",
        LibCall::FloorF64 => "wasmelt_floor_f64",
        LibCall::TruncF32 => "wasmelt_trunc_f32",
        LibCall::TruncF64 => "wasmelt_trunc_f64",
        LibCall::NearestF32 => "wasmelt_nearest_f32",
        LibCall::NearestF64 => "wasmelt_nearest_f64",
        LibCall::FmaF32 => "wasmelt_fma_f32",
        LibCall::FmaF64 => "wasmelt_fma_f64",
        LibCall::X86Pshufb => "wasmelt_x86_pshufb",
        other => unreachable!("translation asks for no {other}"),
    }
}
