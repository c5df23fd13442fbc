//! The object file: three sections, their symbols and relocations.

use super::blob::Address;
use super::code::Target;
use super::program::Writer;
use super::text::Text;
use crate::IMAGE_SECTION;
use crate::index::FuncId;
use crate::options::Options;
use crate::plan::LinkPlan;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::LibCall;
use object::write::{
    Object, Relocation, SectionId, StandardSection, Symbol, SymbolId, SymbolSection,
};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind,
    SymbolFlags, SymbolKind, SymbolScope, elf,
};
use std::collections::HashMap;
use wasmelt_abi::{HTTP_SYMBOL, PROGRAM_SYMBOL, RUNTIME_FN_PREFIX, RUNTIME_FNS};

struct Sections {
    text: SectionId,
    blob: SectionId,
    /// Where the first region's contents are mapped from the executable.
    image: Option<SectionId>,
}

struct Emitter<'a> {
    plan: &'a LinkPlan<'a>,
    text: &'a Text,
    object: Object<'static>,
    sections: Sections,
    external: HashMap<String, SymbolId>,
}

/// Writes the object.
///
/// # Panics
/// When the object writer refuses what this file gives it: a mistake here.
pub(super) fn write(plan: &LinkPlan<'_>, options: &Options, text: &Text) -> Vec<u8> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
    let blob = object.add_section(
        Vec::new(),
        b".rodata.wasmelt".to_vec(),
        SectionKind::ReadOnlyData,
    );
    let image = super::image_is_mapped(plan).then(|| image_section(&mut object));
    // Says that nothing here needs an executable stack.
    object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
    let sections = Sections {
        text: object.section_id(StandardSection::Text),
        blob,
        image,
    };
    let mut emitter = Emitter {
        plan,
        text,
        object,
        sections,
        external: HashMap::new(),
    };
    emitter.write_text();
    let mut writer = Writer::new(plan, options, text);
    let program = writer.write();
    let http = writer.write_http();
    if let Some(image) = emitter.sections.image {
        emitter.write_image(&writer, image);
    }
    emitter.write_blob(&writer);
    emitter.define(PROGRAM_SYMBOL, program);
    if let Some(http) = http {
        emitter.define(HTTP_SYMBOL, http);
    }
    if let Some(note) = &options.policy_note {
        let kind = SectionKind::ReadOnlyData;
        let section =
            emitter
                .object
                .add_section(Vec::new(), crate::POLICY_SECTION.as_bytes().to_vec(), kind);
        emitter.object.section_mut(section).flags = SectionFlags::Elf {
            sh_type: elf::SHT_PROGBITS,
            sh_flags: elf::SHF_ALLOC | elf::SHF_GNU_RETAIN,
        };
        emitter
            .object
            .append_section_data(section, note.as_bytes(), 1);
    }
    emitter.object.write().expect("a well-formed object")
}

fn image_section(object: &mut Object<'static>) -> SectionId {
    let name = IMAGE_SECTION.as_bytes().to_vec();
    let image = object.add_section(Vec::new(), name, SectionKind::Data);
    // Nothing refers to it: it has to be kept from being collected.
    object.section_mut(image).flags = SectionFlags::Elf {
        sh_type: elf::SHT_PROGBITS,
        sh_flags: elf::SHF_ALLOC | elf::SHF_WRITE | elf::SHF_GNU_RETAIN,
    };
    image
}

impl Emitter<'_> {
    fn write_text(&mut self) {
        let text = self.text;
        self.object
            .append_section_data(self.sections.text, &text.bytes, 64);
        for &(id, start, len) in &text.functions {
            let name = &self.plan.funcs[id.index()].name;
            if name.is_empty() {
                continue;
            }
            self.object.add_symbol(Symbol {
                // ELF's strings end at a zero byte; wasm's may hold some.
                name: name.bytes().filter(|&byte| byte != 0).collect(),
                value: u64::from(start),
                size: u64::from(len),
                kind: SymbolKind::Text,
                scope: SymbolScope::Compilation,
                weak: false,
                section: SymbolSection::Section(self.sections.text),
                flags: SymbolFlags::None,
            });
        }
        for reloc in &text.relocs {
            let name = match reloc.target {
                Target::Runtime(row) => {
                    format!("{RUNTIME_FN_PREFIX}{}", RUNTIME_FNS[row as usize].name)
                }
                Target::Host(host) => self.plan.host_fns[host.index()].symbol.clone(),
                Target::LibCall(call) => libcall_symbol(call).to_owned(),
                Target::Wasm(_) | Target::Own(_) => {
                    unreachable!("distances within the text are resolved")
                }
            };
            let symbol = self.external(&name);
            self.relocation(
                self.sections.text,
                u64::from(reloc.offset),
                symbol,
                reloc.addend,
                elf_type(reloc.kind),
            );
        }
    }

    fn relocation(
        &mut self,
        section: SectionId,
        offset: u64,
        symbol: SymbolId,
        addend: i64,
        r_type: elf::RelocationType,
    ) {
        self.object
            .add_relocation(
                section,
                Relocation {
                    offset,
                    symbol,
                    addend,
                    flags: RelocationFlags::Elf { r_type },
                },
            )
            .expect("a relocation of x86-64");
    }

    fn external(&mut self, name: &str) -> SymbolId {
        if let Some(&symbol) = self.external.get(name) {
            return symbol;
        }
        let symbol = self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Unknown,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        });
        self.external.insert(name.to_owned(), symbol);
        symbol
    }

    fn code_offset(&self, func: FuncId) -> u64 {
        u64::from(self.text.starts[&func])
    }

    fn address(&mut self, section: SectionId, at: u64, address: &Address) {
        let (symbol, addend) = match address {
            Address::Blob(offset) => (self.object.section_symbol(self.sections.blob), *offset),
            Address::Code(func) => (
                self.object.section_symbol(self.sections.text),
                self.code_offset(*func),
            ),
            Address::Text => (self.object.section_symbol(self.sections.text), 0),
            Address::Symbol(name) => (self.external(name), 0),
        };
        self.relocation(section, at, symbol, addend.cast_signed(), elf::R_X86_64_64);
    }

    /// Contexts and initial memory of the first region.
    fn write_image(&mut self, writer: &Writer<'_>, section: SectionId) {
        let region = &self.plan.regions[0];
        let mut bytes = region.below.bytes.clone();
        if let Some(memory) = region.memory {
            bytes.extend_from_slice(&self.plan.memories[memory.index()].image);
        }
        self.object
            .append_section_data(section, &bytes, crate::plan::PAGE_BYTES);
        for &(offset, reloc) in &region.below.relocs {
            let address = writer.address(reloc);
            let at = region.below.position(offset) as u64;
            self.address(section, at, &address);
        }
    }

    fn write_blob(&mut self, writer: &Writer<'_>) {
        self.object
            .append_section_data(self.sections.blob, &writer.blob.bytes, 16);
        for (at, address) in &writer.blob.addresses {
            self.address(self.sections.blob, *at, address);
        }
    }

    /// A symbol of the description, for the runtime library.
    fn define(&mut self, name: &str, at: u64) {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: at,
            size: 0,
            kind: SymbolKind::Data,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(self.sections.blob),
            flags: SymbolFlags::None,
        });
    }
}

fn elf_type(kind: Reloc) -> elf::RelocationType {
    match kind {
        Reloc::Abs8 => elf::R_X86_64_64,
        Reloc::X86PCRel4 => elf::R_X86_64_PC32,
        Reloc::X86CallPCRel4 | Reloc::X86CallPLTRel4 => elf::R_X86_64_PLT32,
        other => unreachable!("static x86-64 code has no relocation {other}"),
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
