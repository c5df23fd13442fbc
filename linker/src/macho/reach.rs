//! Which pieces are used, and what symbols stand for.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::object::{Object, Symbol};
use super::processor::bad;
use super::relocation::{Form, Reloc, Target};
use crate::error::LinkError;

/// Where the program begins: the runtime library's.
pub(super) const ENTRY: &[u8] = b"_main";

/// A piece: the number of the object, that of its section there, and its own in that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Place {
    pub(super) object: usize,
    pub(super) section: usize,
    pub(super) piece: usize,
}

/// What something refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Meaning {
    /// A place in a piece: so far from its beginning, which may be behind its end.
    Piece {
        place: Place,
        offset: u64,
    },
    Absolute(u64),
    /// What the system's library has, by its number.
    Import(usize),
}

/// What the system's library has.
pub(super) struct Import<'a> {
    pub(super) name: &'a [u8],
    /// There may be none.
    pub(super) is_weak: bool,
}

/// Things, each once, by the order in which they came.
pub(super) struct Numbered<T> {
    pub(super) all: Vec<T>,
    numbers: HashMap<T, usize>,
}

impl<T: Copy + Eq + std::hash::Hash> Numbered<T> {
    fn new() -> Numbered<T> {
        Numbered {
            all: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    fn add(&mut self, thing: T) -> usize {
        let next = self.all.len();
        let number = *self.numbers.entry(thing).or_insert(next);
        if number == next {
            self.all.push(thing);
        }
        number
    }

    pub(super) fn number(&self, thing: &T) -> Option<usize> {
        self.numbers.get(thing).copied()
    }
}

/// What is used.
pub(super) struct Reached<'a> {
    pub(super) pieces: BTreeSet<Place>,
    pub(super) imports: Vec<Import<'a>>,
    /// What has its address in the table of addresses.
    pub(super) slots: Numbered<Meaning>,
    /// Imports that are called: they get a jump.
    pub(super) jumps: Numbered<usize>,
    pub(super) entry: Meaning,
    symbols: HashMap<(usize, usize), Meaning>,
}

struct Search<'a, 'b> {
    objects: &'b [Object<'a>],
    /// By the names that objects know each other's places by.
    names: HashMap<&'a [u8], (Meaning, bool)>,
    known: &'b HashSet<&'b [u8]>,
    import_numbers: HashMap<&'a [u8], usize>,
    reached: Reached<'a>,
    rest: Vec<Place>,
    missing: BTreeSet<String>,
}

impl<'a> Reached<'a> {
    /// From the entry on, from all that the first object has, and from what says that it is used.
    pub(super) fn find(
        objects: &[Object<'a>],
        known: &HashSet<&[u8]>,
    ) -> Result<Reached<'a>, LinkError> {
        let mut search = Search::new(objects, known);
        for (object, it) in objects.iter().enumerate() {
            for (section, it) in it.sections.iter().enumerate() {
                let all: Vec<usize> = (0..it.pieces()).collect();
                let pieces = if object == 0 { &all } else { &it.kept };
                for &piece in pieces {
                    search.use_piece(Place {
                        object,
                        section,
                        piece,
                    });
                }
            }
        }
        let Some(&(meaning, _)) = search.names.get(ENTRY) else {
            return Err(LinkError::UndefinedSymbols(vec!["main".to_owned()]));
        };
        search.use_meaning(meaning);
        search.reached.entry = meaning;
        while let Some(place) = search.rest.pop() {
            search.follow(place)?;
        }
        match search.missing.is_empty() {
            true => Ok(search.reached),
            false => Err(LinkError::UndefinedSymbols(
                search.missing.into_iter().collect(),
            )),
        }
    }

    /// What a relocation of an object refers to, which has been followed.
    pub(super) fn meaning(
        &self,
        objects: &[Object<'_>],
        object: usize,
        target: Target,
    ) -> Option<Meaning> {
        match target {
            Target::Symbol(symbol) => self.symbols.get(&(object, symbol)).copied(),
            Target::Place { section, offset } => {
                Some(at_place(&objects[object], object, section, offset))
            }
        }
    }
}

fn at_place(file: &Object<'_>, object: usize, section: usize, offset: u64) -> Meaning {
    let piece = file.sections[section].piece_at(offset);
    let start = file.sections[section].range(piece).start;
    let place = Place {
        object,
        section,
        piece,
    };
    Meaning::Piece {
        place,
        offset: offset - start,
    }
}

impl<'a, 'b> Search<'a, 'b> {
    fn new(objects: &'b [Object<'a>], known: &'b HashSet<&'b [u8]>) -> Search<'a, 'b> {
        let mut names: HashMap<&[u8], (Meaning, bool)> = HashMap::new();
        for (number, object) in objects.iter().enumerate() {
            for symbol in &object.symbols {
                if let Symbol::Defined {
                    name,
                    section,
                    offset,
                    is_global: true,
                    is_weak,
                } = *symbol
                {
                    let meaning = at_place(object, number, section, offset);
                    let first = names.entry(name).or_insert((meaning, is_weak));
                    // Of several the first counts, but for those that step back.
                    if first.1 && !is_weak {
                        *first = (meaning, false);
                    }
                }
            }
        }
        Search {
            objects,
            names,
            known,
            import_numbers: HashMap::new(),
            reached: Reached {
                pieces: BTreeSet::new(),
                imports: Vec::new(),
                slots: Numbered::new(),
                jumps: Numbered::new(),
                entry: Meaning::Absolute(0),
                symbols: HashMap::new(),
            },
            rest: Vec::new(),
            missing: BTreeSet::new(),
        }
    }

    fn use_piece(&mut self, place: Place) {
        let section = &self.objects[place.object].sections[place.section];
        if !section.is_left_out() && self.reached.pieces.insert(place) {
            self.rest.push(place);
        }
    }

    fn use_meaning(&mut self, meaning: Meaning) {
        if let Meaning::Piece { place, .. } = meaning {
            self.use_piece(place);
        }
    }

    /// Uses what a piece refers to.
    fn follow(&mut self, place: Place) -> Result<(), LinkError> {
        let section = &self.objects[place.object].sections[place.section];
        for reloc in section.relocs_of(place.piece) {
            self.follow_reloc(place.object, reloc)?;
        }
        Ok(())
    }

    fn follow_reloc(&mut self, object: usize, reloc: &Reloc) -> Result<(), LinkError> {
        if let Form::Distance { from, .. } = reloc.form {
            self.resolve(object, from)?;
        }
        let Some(meaning) = self.resolve(object, reloc.target)? else {
            return Ok(());
        };
        match (reloc.form, meaning) {
            (Form::Branch, Meaning::Import(number)) => {
                self.reached.jumps.add(number);
                self.reached.slots.add(meaning);
            }
            (form, _) if form.is_of_got() => {
                self.reached.slots.add(meaning);
            }
            (Form::Pointer, _) | (_, Meaning::Piece { .. }) => {}
            _ => return Err(bad("the address of something of the system's is in code")),
        }
        Ok(())
    }

    /// What is referred to, which is used from now on; nothing where that is missing, which is noted.
    fn resolve(&mut self, object: usize, target: Target) -> Result<Option<Meaning>, LinkError> {
        let found = match target {
            Target::Place { section, offset } => {
                Some(at_place(&self.objects[object], object, section, offset))
            }
            Target::Symbol(symbol) => match self.reached.symbols.get(&(object, symbol)) {
                Some(known) => return Ok(Some(*known)),
                None => {
                    let found = self.symbol(object, symbol)?;
                    if let Some(found) = found {
                        self.reached.symbols.insert((object, symbol), found);
                    }
                    found
                }
            },
        };
        if let Some(found) = found {
            self.use_meaning(found);
        }
        Ok(found)
    }

    fn symbol(&mut self, object: usize, symbol: usize) -> Result<Option<Meaning>, LinkError> {
        Ok(match self.objects[object].symbols[symbol] {
            Symbol::Nothing => return Err(bad("a relocation refers to no symbol")),
            Symbol::Absolute(value) => Some(Meaning::Absolute(value)),
            Symbol::Defined {
                name,
                is_global: true,
                ..
            } => self.names.get(name).map(|(meaning, _)| *meaning),
            Symbol::Defined {
                section, offset, ..
            } => Some(at_place(&self.objects[object], object, section, offset)),
            Symbol::Undefined { name, is_weak } => match self.names.get(name) {
                Some((meaning, _)) => Some(*meaning),
                None if self.known.contains(name) => Some(self.import(name, is_weak)),
                None => {
                    let name = name.strip_prefix(b"_").unwrap_or(name);
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.missing.insert(name);
                    None
                }
            },
        })
    }

    fn import(&mut self, name: &'a [u8], is_weak: bool) -> Meaning {
        let imports = &mut self.reached.imports;
        let number = *self.import_numbers.entry(name).or_insert_with(|| {
            imports.push(Import {
                name,
                is_weak: true,
            });
            imports.len() - 1
        });
        // Whoever does not do without it decides.
        imports[number].is_weak &= is_weak;
        Meaning::Import(number)
    }
}
