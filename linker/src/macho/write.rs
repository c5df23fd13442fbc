//! The file: header, load commands, segments, symbols, and the signature at its end.

use object::macho;
use sha2::{Digest, Sha256};

use super::image::Image;
use super::object::{Object, Symbol};
use super::place::{HEADER_BYTES, IMAGE_BASE, Kind, Laid, Placed, SLOT_BYTES, Segment, jump_bytes};
use super::processor::{Processor, bad};
use super::reach::{ENTRY, Meaning, Place, Reached};
use super::{fixups, sign};
use crate::error::LinkError;
use crate::request::{LinkRequest, MACHO_RUNTIME_SYMBOL, Strip};

/// The oldest macOS that the executable is for, and the one whose ways it expects: 11.0, the first one
/// on AArch64.
const SYSTEM_VERSION: u32 = 11 << 16;

const LOADER: &str = "/usr/lib/dyld";
const LIBRARY: &str = "/usr/lib/libSystem.B.dylib";

/// Versions of the library: that of then, and the oldest that would do.
const LIBRARY_VERSION: u32 = 1292 << 16;
const LIBRARY_COMPATIBILITY: u32 = 1 << 16;

const READ: u32 = 1;
const WRITE: u32 = 2;
const EXECUTE: u32 = 4;

const UUID_BYTES: usize = 16;
const SYMBOL_BYTES: usize = 16;

/// A segment of the executable, with its sections.
struct Mapped<'a> {
    name: &'static str,
    start: u64,
    /// In memory, and in the file, whole pages both.
    bytes: u64,
    file_bytes: u64,
    access: u32,
    flags: u32,
    sections: &'a [Laid],
}

/// What is behind the segments: where each part is, relative to the first.
struct Edit {
    bytes: Vec<u8>,
    rebase: (usize, usize),
    bind: (usize, usize),
    export: (usize, usize),
    symbols: (usize, usize),
    indirect: (usize, usize),
    strings: (usize, usize),
    /// How many symbols are local, defined for others, and undefined.
    counts: [usize; 3],
}

pub(super) fn write(
    objects: &[Object<'_>],
    reached: &Reached<'_>,
    placed: &Placed,
    image: Image,
    request: &LinkRequest<'_>,
    processor: Processor,
) -> Result<Vec<u8>, LinkError> {
    let segments = segments(placed, processor);
    let in_segment = |address: u64| {
        let within = |it: &Mapped<'_>| (it.start..it.start + it.file_bytes).contains(&address);
        let number = segments.iter().position(within)?;
        // The first is the one that nothing is in.
        Some((number as u8 + 1, address - segments[number].start))
    };
    let entry = placed.address(reached.entry);
    let entry = entry.ok_or_else(|| bad("`main` is left out"))? - IMAGE_BASE;
    let unplaced = || bad("an address is in no segment");
    let mut edit = Edit::new();
    let rebases = fixups::rebases(&image.rebases, in_segment).ok_or_else(unplaced)?;
    edit.rebase = edit.append(&rebases);
    let binds = fixups::binds(&image.binds, &reached.imports, in_segment);
    edit.bind = edit.append(&binds.ok_or_else(unplaced)?);
    edit.export = edit.append(&fixups::exports(entry));
    edit.append_symbols(objects, reached, placed, entry, request.strip);
    let last = segments.last().ok_or_else(unplaced)?;
    let edit_start = last.start + last.bytes;
    let edit_at = (last.start - IMAGE_BASE) + last.file_bytes;
    let mut file = image.bytes;
    file.resize(edit_at as usize, 0);
    file.extend_from_slice(&edit.bytes);
    file.resize(file.len().next_multiple_of(16), 0);
    let signature_at = file.len() as u64;
    let uuid = uuid(&file, request);
    let identifier: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let identifier = format!("wasmelt-{identifier}");
    let signature = (
        signature_at,
        sign::signature_bytes(signature_at, &identifier),
    );
    let commands = Commands {
        segments: &segments,
        placed,
        reached,
        edit: &edit,
        edit_start,
        edit_at,
        signature,
        entry,
        uuid,
        stack_bytes: request.stack_bytes.unwrap_or(0),
        processor,
    };
    let header = commands.header();
    if header.len() as u64 > HEADER_BYTES {
        return Err(bad("its header has no room"));
    }
    file[..header.len()].copy_from_slice(&header);
    let text_bytes = segments[0].file_bytes;
    file.extend(sign::signature(&file, &identifier, text_bytes));
    Ok(file)
}

fn segments(placed: &Placed, processor: Processor) -> Vec<Mapped<'_>> {
    let page = processor.page_bytes();
    let all = [
        (Segment::Text, "__TEXT", READ | EXECUTE, 0),
        (
            Segment::Const,
            "__DATA_CONST",
            READ | WRITE,
            macho::SG_READ_ONLY.0,
        ),
        (Segment::Data, "__DATA", READ | WRITE, 0),
    ];
    let mut segments = Vec::new();
    for (segment, name, access, flags) in all {
        let is_here = |laid: &Laid| laid.kind.segment() == segment;
        let Some(first) = placed.sections.iter().position(is_here) else {
            continue;
        };
        let count = placed.sections[first..]
            .iter()
            .take_while(|laid| is_here(laid))
            .count();
        let sections = &placed.sections[first..first + count];
        let start = match segment {
            Segment::Text => IMAGE_BASE,
            _ => sections[0].start / page * page,
        };
        let in_file = sections.iter().rfind(|laid| !laid.kind.is_zeros());
        let file_end = in_file.map_or(start, |laid| laid.end);
        segments.push(Mapped {
            name,
            start,
            bytes: (sections[count - 1].end - start).next_multiple_of(page),
            file_bytes: (file_end - start).next_multiple_of(page),
            access,
            flags,
            sections,
        });
    }
    segments
}

/// What the executable is known by: what was asked for, or what its bytes make.
fn uuid(file: &[u8], request: &LinkRequest<'_>) -> [u8; UUID_BYTES] {
    let mut uuid = [0; UUID_BYTES];
    match &request.build_id {
        Some(id) => uuid.copy_from_slice(&id[..UUID_BYTES]),
        None => uuid.copy_from_slice(&Sha256::digest(file)[..UUID_BYTES]),
    }
    // Made of a digest, in the usual form.
    uuid[6] = uuid[6] & 0x0f | 0x50;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

impl Edit {
    fn new() -> Edit {
        Edit {
            bytes: Vec::new(),
            rebase: (0, 0),
            bind: (0, 0),
            export: (0, 0),
            symbols: (0, 0),
            indirect: (0, 0),
            strings: (0, 0),
            counts: [0; 3],
        }
    }

    /// Where it is, and how many bytes it has.
    fn append(&mut self, bytes: &[u8]) -> (usize, usize) {
        let at = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        (at, bytes.len())
    }

    /// The symbols, what the tables of jumps and addresses are of, and the names.
    fn append_symbols(
        &mut self,
        objects: &[Object<'_>],
        reached: &Reached<'_>,
        placed: &Placed,
        entry: u64,
        strip: Strip,
    ) {
        let mut table = Vec::new();
        // The first name is none.
        let mut strings = vec![b' ', 0];
        let mut add = |name: &[u8], flags: u8, section: u8, description: u16, value: u64| {
            table.extend((strings.len() as u32).to_le_bytes());
            table.extend([flags, section]);
            table.extend(description.to_le_bytes());
            table.extend(value.to_le_bytes());
            strings.extend_from_slice(name);
            strings.push(0);
        };
        let locals = locals(objects, reached, placed, strip);
        for (name, section, address) in &locals {
            add(name, macho::N_SECT.0, *section, 0, *address);
        }
        let global = macho::N_SECT.0 | macho::N_EXT.0;
        let referenced = macho::REFERENCED_DYNAMICALLY.0;
        let header = b"__mh_execute_header";
        add(header, global, 1, referenced, IMAGE_BASE);
        add(ENTRY, global, 1, 0, IMAGE_BASE + entry);
        for import in &reached.imports {
            let weak = match import.is_weak {
                true => macho::N_WEAK_REF.0,
                false => 0,
            };
            // The number of the library is in the upper half.
            add(import.name, macho::N_EXT.0, 0, weak | 1 << 8, 0);
        }
        self.counts = [locals.len(), 2, reached.imports.len()];
        let first_import = locals.len() + 2;
        let number = |import: usize| ((first_import + import) as u32).to_le_bytes();
        let mut indirect = Vec::new();
        for import in &reached.jumps.all {
            indirect.extend(number(*import));
        }
        for meaning in &reached.slots.all {
            indirect.extend(match meaning {
                Meaning::Import(import) => number(*import),
                _ => macho::INDIRECT_SYMBOL_LOCAL.0.to_le_bytes(),
            });
        }
        self.symbols = self.append(&table);
        self.indirect = self.append(&indirect);
        self.strings = self.append(&strings);
    }
}

/// The names of what is not for others: name, number of the section, and address.
fn locals<'a>(
    objects: &[Object<'a>],
    reached: &Reached<'_>,
    placed: &Placed,
    strip: Strip,
) -> Vec<(&'a [u8], u8, u64)> {
    let count = match strip {
        Strip::None => objects.len(),
        // The first is the compiled one.
        Strip::Internals => 1,
        Strip::Symbols => 0,
    };
    let kinds: std::collections::HashMap<Place, Kind> = placed
        .order
        .iter()
        .map(|(place, kind, _)| (*place, *kind))
        .collect();
    let mut found = Vec::new();
    if strip == Strip::Internals {
        found.extend(runtime_start(placed));
    }
    for (object, file) in objects.iter().enumerate().take(count) {
        for symbol in &file.symbols {
            let Symbol::Defined {
                name,
                section,
                offset,
                ..
            } = *symbol
            else {
                continue;
            };
            let piece = file.sections[section].piece_at(offset);
            let place = Place {
                object,
                section,
                piece,
            };
            let is_own = name.first() == Some(&b'_') && name != ENTRY;
            let (true, true, Some(kind)) =
                (is_own, reached.pieces.contains(&place), kinds.get(&place))
            else {
                continue;
            };
            let start = file.sections[section].range(piece).start;
            let offset = offset - start;
            let address = placed.address(Meaning::Piece { place, offset });
            let number = placed.sections.iter().position(|laid| laid.kind == *kind);
            if let (Some(address), Some(number)) = (address, number) {
                found.push((name, number as u8 + 1, address));
            }
        }
    }
    found
}

/// A name for where the compiled code ends, and all begins whose names are left out: symbols have no
/// sizes, and the last function's would be the rest of the code.
fn runtime_start(placed: &Placed) -> Option<(&'static [u8], u8, u64)> {
    let is_it = |(place, kind, _): &&(Place, Kind, u64)| *kind == Kind::Text && place.object != 0;
    let (_, kind, address) = placed.order.iter().find(is_it)?;
    let number = placed.sections.iter().position(|laid| laid.kind == *kind)?;
    Some((MACHO_RUNTIME_SYMBOL.as_bytes(), number as u8 + 1, *address))
}

/// What the header is made of.
struct Commands<'a> {
    segments: &'a [Mapped<'a>],
    placed: &'a Placed,
    reached: &'a Reached<'a>,
    edit: &'a Edit,
    /// Where what is behind the segments is in memory, and in the file.
    edit_start: u64,
    edit_at: u64,
    /// Where it is in the file, and its bytes.
    signature: (u64, u64),
    entry: u64,
    uuid: [u8; UUID_BYTES],
    stack_bytes: u64,
    processor: Processor,
}

/// Little-endian numbers.
#[derive(Default)]
struct Words(Vec<u8>);

impl Words {
    fn small(&mut self, values: &[u32]) {
        values
            .iter()
            .for_each(|value| self.0.extend(value.to_le_bytes()));
    }

    fn large(&mut self, values: &[u64]) {
        values
            .iter()
            .for_each(|value| self.0.extend(value.to_le_bytes()));
    }

    /// A name of 16 bytes.
    fn name(&mut self, name: &str) {
        let end = self.0.len() + 16;
        self.0.extend_from_slice(name.as_bytes());
        self.0.resize(end, 0);
    }
}

/// The bytes of a load command: its kind, its length, and its contents in whole words.
fn command(kind: macho::LoadCommandType, contents: Words) -> Vec<u8> {
    let len = (8 + contents.0.len()).next_multiple_of(8);
    let mut out = Words::default();
    out.small(&[kind.0, len as u32]);
    out.0.extend(contents.0);
    out.0.resize(len, 0);
    out.0
}

impl Commands<'_> {
    fn header(&self) -> Vec<u8> {
        let commands = self.all();
        let bytes: usize = commands.iter().map(Vec::len).sum();
        let mut flags =
            macho::MH_NOUNDEFS.0 | macho::MH_DYLDLINK.0 | macho::MH_TWOLEVEL.0 | macho::MH_PIE.0;
        if self.placed.section(Kind::ThreadVariables).is_some() {
            flags |= macho::MH_HAS_TLV_DESCRIPTORS.0;
        }
        let subtype = match self.processor {
            Processor::Aarch64 => 0,
            Processor::X86_64 => 3,
        };
        let mut out = Words::default();
        out.small(&[
            macho::MH_MAGIC_64,
            self.processor.cpu_type(),
            subtype,
            macho::MH_EXECUTE.0,
            commands.len() as u32,
            bytes as u32,
            flags,
            0,
        ]);
        out.0.extend(commands.concat());
        out.0
    }

    fn all(&self) -> Vec<Vec<u8>> {
        let nothing = Mapped {
            name: "__PAGEZERO",
            start: 0,
            bytes: IMAGE_BASE,
            file_bytes: 0,
            access: 0,
            flags: 0,
            sections: &[],
        };
        let mut all = vec![self.segment(&nothing, 0)];
        for segment in self.segments {
            all.push(self.segment(segment, segment.start - IMAGE_BASE));
        }
        let (signature_at, signature_bytes) = self.signature;
        let edit_bytes = signature_at + signature_bytes - self.edit_at;
        let edit = Mapped {
            name: "__LINKEDIT",
            start: self.edit_start,
            bytes: edit_bytes.next_multiple_of(self.processor.page_bytes()),
            file_bytes: edit_bytes,
            access: READ,
            flags: 0,
            sections: &[],
        };
        all.push(self.segment(&edit, self.edit_at));
        all.push(self.fixups());
        all.push(self.symbols());
        all.push(self.kinds_of_symbols());
        let text = |kind, text: &str| {
            let mut words = Words::default();
            words.small(&[12]);
            words.0.extend(text.as_bytes());
            words.0.push(0);
            command(kind, words)
        };
        all.push(text(macho::LC_LOAD_DYLINKER, LOADER));
        all.push(command(macho::LC_UUID, Words(self.uuid.to_vec())));
        let mut version = Words::default();
        version.small(&[macho::PLATFORM_MACOS.0, SYSTEM_VERSION, SYSTEM_VERSION, 0]);
        all.push(command(macho::LC_BUILD_VERSION, version));
        let mut source = Words::default();
        source.large(&[0]);
        all.push(command(macho::LC_SOURCE_VERSION, source));
        let mut main = Words::default();
        main.large(&[self.entry, self.stack_bytes]);
        all.push(command(macho::LC_MAIN, main));
        let mut library = Words::default();
        library.small(&[24, 2, LIBRARY_VERSION, LIBRARY_COMPATIBILITY]);
        library.0.extend(LIBRARY.as_bytes());
        library.0.push(0);
        all.push(command(macho::LC_LOAD_DYLIB, library));
        let mut signature = Words::default();
        signature.small(&[signature_at as u32, signature_bytes as u32]);
        all.push(command(macho::LC_CODE_SIGNATURE, signature));
        all
    }

    fn segment(&self, segment: &Mapped<'_>, file_at: u64) -> Vec<u8> {
        let mut words = Words::default();
        words.name(segment.name);
        words.large(&[segment.start, segment.bytes, file_at, segment.file_bytes]);
        let count = segment.sections.len() as u32;
        words.small(&[segment.access, segment.access, count, segment.flags]);
        for laid in segment.sections {
            let (name, flags) = laid.kind.section();
            words.name(name);
            words.name(segment.name);
            words.large(&[laid.start, laid.end - laid.start]);
            let at = match laid.kind.is_zeros() {
                true => 0,
                false => laid.start - IMAGE_BASE,
            };
            // Of a table of jumps or addresses, where what it is of is told.
            let (indirect, entry_bytes) = match laid.kind {
                Kind::Jumps => (0, jump_bytes(self.processor) as u32),
                Kind::Slots => (self.reached.jumps.all.len() as u32, 0),
                _ => (0, 0),
            };
            let align = laid.align.trailing_zeros();
            words.small(&[at as u32, align, 0, 0, flags, indirect, entry_bytes, 0]);
        }
        command(macho::LC_SEGMENT_64, words)
    }

    /// Where a part of what is behind the segments is in the file, and its bytes.
    fn part(&self, (at, bytes): (usize, usize)) -> [u32; 2] {
        match bytes {
            0 => [0, 0],
            _ => [self.edit_at as u32 + at as u32, bytes as u32],
        }
    }

    fn fixups(&self) -> Vec<u8> {
        let mut words = Words::default();
        words.small(&self.part(self.edit.rebase));
        words.small(&self.part(self.edit.bind));
        // None that are weak, and none that wait until they are called.
        words.small(&[0; 4]);
        words.small(&self.part(self.edit.export));
        command(macho::LC_DYLD_INFO_ONLY, words)
    }

    fn symbols(&self) -> Vec<u8> {
        let [at, bytes] = self.part(self.edit.symbols);
        let mut words = Words::default();
        words.small(&[at, bytes / SYMBOL_BYTES as u32]);
        words.small(&self.part(self.edit.strings));
        command(macho::LC_SYMTAB, words)
    }

    fn kinds_of_symbols(&self) -> Vec<u8> {
        let [locals, defined, undefined] = self.edit.counts.map(|count| count as u32);
        let mut words = Words::default();
        words.small(&[0, locals, locals, defined, locals + defined, undefined]);
        // No tables of contents, modules and references.
        words.small(&[0; 6]);
        let [at, bytes] = self.part(self.edit.indirect);
        words.small(&[at, bytes / 4]);
        // No relocations.
        words.small(&[0; 4]);
        command(macho::LC_DYSYMTAB, words)
    }
}

/// The size of an address in the table, which relocations rely on.
const _: () = assert!(SLOT_BYTES == 8);
