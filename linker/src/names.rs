//! Leaves the names of the runtime library's own functions and data out of a linked file, and those
//! of the C library's.
//!
//! They are long and many: of a server they were a fifth. What is in the program's object, what the
//! runtime library exports, and what C programs call too (`memcpy`) keeps its name, so that a
//! debugger or profiler shows where in the program it is.

use crate::elf::Elf;
use object::elf::{SHT_SYMTAB, STB_LOCAL, Sym64};
use object::endian::{LittleEndian as LE, U32};
use object::pod;

type Symbol = Sym64<LE>;

/// Contents for two sections instead of those that were linked.
pub(crate) struct Names {
    /// Of the table of symbols.
    pub(crate) table: usize,
    pub(crate) symbols: Vec<u8>,
    /// How many of the symbols are local: they come first.
    pub(crate) locals: u32,
    /// Of the table of their names.
    pub(crate) strings: usize,
    pub(crate) text: Vec<u8>,
}

impl Names {
    /// Nothing where there are no symbols.
    pub(crate) fn without_internals(elf: &Elf<'_>) -> Option<Names> {
        let mut sections = elf.sections.iter();
        let table = sections.position(|section| section.sh_type.get(LE) == SHT_SYMTAB)?;
        let section = elf.sections.get(table)?;
        let strings = usize::try_from(section.sh_link.get(LE)).ok()?;
        let symbols = elf.section_bytes(section)?;
        let count = symbols.len() / size_of::<Symbol>();
        let symbols = pod::slice_from_bytes::<Symbol>(symbols, count).ok()?.0;
        let linked = elf.section_bytes(elf.sections.get(strings)?)?;
        let mut names = Names {
            table,
            symbols: Vec::new(),
            locals: 0,
            strings,
            text: vec![0],
        };
        for symbol in symbols {
            names.keep(symbol, linked);
        }
        Some(names)
    }

    fn keep(&mut self, symbol: &Symbol, linked: &[u8]) {
        let is_local = symbol.st_bind() == STB_LOCAL;
        let name = name(symbol, linked);
        if is_internal(name) {
            return;
        }
        let mut symbol = *symbol;
        if !name.is_empty() {
            symbol.st_name = U32::new(LE, u32::try_from(self.text.len()).unwrap_or(0));
            self.text.extend_from_slice(name);
            self.text.push(0);
        }
        self.locals += u32::from(is_local);
        self.symbols.extend_from_slice(pod::bytes_of(&symbol));
    }
}

/// The name with which a symbol was linked.
fn name<'a>(symbol: &Symbol, linked: &'a [u8]) -> &'a [u8] {
    let rest = linked.get(symbol.st_name.get(LE) as usize..);
    let mut parts = rest.unwrap_or_default().split(|byte| *byte == 0);
    parts.next().unwrap_or_default()
}

/// Whether rustc has made the name, or it is one of those that C reserves. A program's own have the
/// module's name in front and a `!`.
fn is_internal(name: &[u8]) -> bool {
    // What debug information alone refers to.
    if name == b"wasmelt_first_store" {
        return true;
    }
    name.starts_with(b"_") && name != b"_start" && !name.contains(&b'!')
}
