//! Which sections are used, and what symbols stand for.

use std::collections::{BTreeSet, HashMap};

use object::LittleEndian as LE;

use super::coff::{Object, Symbol};
use super::imports::{Imports, Known};
use crate::error::LinkError;

/// A section: the number of the object, and its own there.
pub(super) type Place = (usize, usize);

/// What a symbol stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Section {
        place: Place,
        offset: u32,
    },
    Absolute(u32),
    /// Where the address of an imported function is.
    Slot(usize),
    /// A jump to an imported function, by its position.
    Jump(usize),
}

/// How the frame of a function is laid out, for whoever walks frames: one entry of `.pdata`.
pub(super) struct Frame {
    pub(super) place: Place,
    /// Where in the section.
    pub(super) offset: u32,
    /// Where the function begins.
    pub(super) function: (Place, u32),
}

const FRAME_BYTES: u32 = 12;

/// What is used.
pub(super) struct Reached<'a> {
    pub(super) sections: BTreeSet<Place>,
    pub(super) frames: Vec<Frame>,
    pub(super) imports: Imports<'a>,
    pub(super) entry: Target,
    targets: HashMap<(usize, usize), Target>,
}

/// By the names that objects know each other's places by.
type Names<'a> = HashMap<&'a [u8], (Place, u32)>;

struct Search<'a, 'b> {
    objects: &'b [Object<'a>],
    names: Names<'a>,
    known: &'b Known<'a>,
    reached: Reached<'a>,
    /// Frames of functions in a section, which are used when that is.
    frames: HashMap<Place, Vec<Frame>>,
    rest: Vec<Place>,
    missing: BTreeSet<String>,
}

impl<'a> Reached<'a> {
    /// From the entry on, and from all that the first object has.
    pub(super) fn find(
        objects: &[Object<'a>],
        known: &Known<'a>,
        entry: &[u8],
    ) -> Result<Reached<'a>, LinkError> {
        let mut search = Search::new(objects, known);
        for section in 0..objects[0].sections.len() {
            search.use_section((0, section));
        }
        let Some(&(place, offset)) = search.names.get(entry) else {
            let entry = String::from_utf8_lossy(entry).into_owned();
            return Err(LinkError::UndefinedSymbols(vec![entry]));
        };
        search.use_section(place);
        search.reached.entry = Target::Section { place, offset };
        while let Some(place) = search.rest.pop() {
            search.follow(place)?;
        }
        if !search.missing.is_empty() {
            let missing = search.missing.into_iter().collect();
            return Err(LinkError::UndefinedSymbols(missing));
        }
        let mut reached = search.reached;
        reached.frames.sort_by_key(|frame| frame.function);
        Ok(reached)
    }

    /// What a symbol of an object stands for, which has been followed.
    pub(super) fn target(&self, object: usize, symbol: usize) -> Option<Target> {
        self.targets.get(&(object, symbol)).copied()
    }
}

impl<'a, 'b> Search<'a, 'b> {
    fn new(objects: &'b [Object<'a>], known: &'b Known<'a>) -> Search<'a, 'b> {
        let mut names = Names::new();
        for (number, object) in objects.iter().enumerate() {
            for symbol in &object.symbols {
                if let Symbol::Defined {
                    section,
                    offset,
                    name: Some(name),
                } = *symbol
                {
                    // Of several, which are the same function then, the first counts.
                    names.entry(name).or_insert(((number, section), offset));
                }
            }
        }
        let mut search = Search {
            objects,
            names,
            known,
            reached: Reached {
                sections: BTreeSet::new(),
                frames: Vec::new(),
                imports: Imports::default(),
                entry: Target::Absolute(0),
                targets: HashMap::new(),
            },
            frames: HashMap::new(),
            rest: Vec::new(),
            missing: BTreeSet::new(),
        };
        search.collect_frames();
        search
    }

    /// Every entry of every `.pdata`, by the section of its function.
    fn collect_frames(&mut self) {
        for (number, object) in self.objects.iter().enumerate() {
            for (position, section) in object.sections.iter().enumerate() {
                if !section.name.starts_with(b".pdata") {
                    continue;
                }
                for reloc in section.relocations {
                    let offset = reloc.virtual_address.get(LE);
                    let symbol = reloc.symbol_table_index.get(LE) as usize;
                    let Some(addend) = read_u32(section.bytes, offset) else {
                        continue;
                    };
                    if !offset.is_multiple_of(FRAME_BYTES) {
                        continue;
                    }
                    if let Some(Symbol::Defined {
                        section,
                        offset: at,
                        ..
                    }) = object.symbols.get(symbol)
                    {
                        let function = ((number, *section), at.wrapping_add(addend));
                        let place = (number, position);
                        let list = self.frames.entry(function.0).or_default();
                        list.push(Frame {
                            place,
                            offset,
                            function,
                        });
                    }
                }
            }
        }
    }

    fn use_section(&mut self, place: Place) {
        if !self.objects[place.0].is_left_out(place.1) && self.reached.sections.insert(place) {
            self.rest.push(place);
        }
    }

    /// Uses what a section refers to, and what describes the frames of its functions.
    fn follow(&mut self, place: Place) -> Result<(), LinkError> {
        let section = &self.objects[place.0].sections[place.1];
        for reloc in section.relocations {
            self.use_symbol(place.0, reloc.symbol_table_index.get(LE) as usize)?;
        }
        for frame in self.frames.remove(&place).unwrap_or_default() {
            let pdata = &self.objects[frame.place.0].sections[frame.place.1];
            for reloc in pdata.relocations {
                let at = reloc.virtual_address.get(LE);
                if (frame.offset..frame.offset + FRAME_BYTES).contains(&at) {
                    self.use_symbol(frame.place.0, reloc.symbol_table_index.get(LE) as usize)?;
                }
            }
            self.reached.frames.push(frame);
        }
        Ok(())
    }

    fn use_symbol(&mut self, object: usize, symbol: usize) -> Result<(), LinkError> {
        if self.reached.targets.contains_key(&(object, symbol)) {
            return Ok(());
        }
        let Some(target) = self.target(object, symbol)? else {
            return Ok(());
        };
        self.reached.targets.insert((object, symbol), target);
        if let Target::Section { place, .. } = target {
            self.use_section(place);
        }
        Ok(())
    }

    /// What a symbol stands for; nothing where that is missing, which is noted.
    fn target(&mut self, object: usize, symbol: usize) -> Result<Option<Target>, LinkError> {
        let bad = || LinkError::Failed("a relocation refers to no symbol".to_owned());
        let found = *self.objects[object].symbols.get(symbol).ok_or_else(bad)?;
        Ok(match found {
            Symbol::Nothing => return Err(bad()),
            Symbol::Absolute(value) => Some(Target::Absolute(value)),
            Symbol::Defined {
                name: Some(name), ..
            } => self.named(name),
            Symbol::Defined {
                section, offset, ..
            } => Some(Target::Section {
                place: (object, section),
                offset,
            }),
            Symbol::Undefined(name) => match self.named(name).or_else(|| self.imported(name)) {
                None => {
                    self.missing
                        .insert(String::from_utf8_lossy(name).into_owned());
                    None
                }
                found => found,
            },
            Symbol::Weak(name, default) => match self.named(name) {
                None if default != symbol => self.target(object, default)?,
                found => found,
            },
        })
    }

    fn named(&self, name: &[u8]) -> Option<Target> {
        let &(place, offset) = self.names.get(name)?;
        Some(Target::Section { place, offset })
    }

    fn imported(&mut self, name: &[u8]) -> Option<Target> {
        let imports = &mut self.reached.imports;
        if let Some(name) = name.strip_prefix(b"__imp_") {
            let (library, name) = self.known.find(name)?;
            return Some(Target::Slot(imports.number(library, name)));
        }
        let (library, name) = self.known.find(name)?;
        let number = imports.number(library, name);
        Some(Target::Jump(imports.jump(number)))
    }
}

pub(super) fn read_u32(bytes: &[u8], at: u32) -> Option<u32> {
    let bytes = bytes.get(at as usize..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}
