//! Sections that nothing loads, as an object has them.

use super::super::native::{DebugSection, DebugTarget};
use foldhash::{HashMap, HashMapExt};
use object::write::{Object, Relocation, Symbol, SymbolId, SymbolSection};
use object::{
    RelocationEncoding, RelocationFlags, RelocationKind, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};
use wasmelt_abi::FIRST_STORE_SYMBOL;

/// Adds them. They refer to the code, to each other, and to where the runtime keeps the address of the
/// first store.
pub(super) fn add(object: &mut Object<'_>, debug: &[DebugSection], code: SymbolId) {
    let mut places = HashMap::new();
    for section in debug {
        let name = section.name.as_bytes().to_vec();
        let id = object.add_section(Vec::new(), name, SectionKind::Debug);
        object.append_section_data(id, &section.bytes, 1);
        places.insert(section.name, (id, object.section_symbol(id)));
    }
    let mut store = None;
    for section in debug {
        for reloc in &section.relocs {
            let symbol = match reloc.target {
                DebugTarget::Code => code,
                DebugTarget::Section(name) => places[name].1,
                DebugTarget::Store => *store.get_or_insert_with(|| {
                    object.add_symbol(Symbol {
                        name: FIRST_STORE_SYMBOL.into(),
                        value: 0,
                        size: 0,
                        kind: SymbolKind::Data,
                        scope: SymbolScope::Unknown,
                        weak: false,
                        section: SymbolSection::Undefined,
                        flags: SymbolFlags::None,
                    })
                }),
            };
            let relocation = Relocation {
                offset: reloc.offset as u64,
                symbol,
                addend: reloc.addend,
                flags: RelocationFlags::Generic {
                    kind: RelocationKind::Absolute,
                    encoding: RelocationEncoding::Generic,
                    size: 8 * reloc.bytes,
                },
            };
            object
                .add_relocation(places[section.name].0, relocation)
                .expect("a relocation of the target");
        }
    }
}
