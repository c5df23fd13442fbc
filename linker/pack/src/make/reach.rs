//! Which sections a linker could ever want, as a graph: sections are nodes, relocations edges.
//!
//! Errs on the side of keeping: where several members define a symbol, all definitions count.

use object::build::Id;
use object::build::elf::{Builder, Relocation, Section, SectionData, Symbol};
use object::elf;
use std::collections::{HashMap, HashSet};

/// What is reached of one member.
#[derive(Clone, Default)]
pub(super) struct Reached {
    /// Whether anything refers to the member.
    pub(super) is_loaded: bool,
    /// By section index; without the sections of relocations and tables.
    pub(super) sections: Vec<bool>,
}

/// The relocations of a member, by the index of the section that they apply to.
type RelocationsByTarget<'b> = HashMap<usize, Vec<&'b [Relocation]>>;

fn relocations_by_target<'b>(builder: &'b Builder<'_>) -> RelocationsByTarget<'b> {
    let mut by_target = RelocationsByTarget::new();
    for section in &builder.sections {
        if let (SectionData::Relocation(relocations), Some(target)) =
            (&section.data, relocation_target(section))
        {
            by_target
                .entry(target)
                .or_default()
                .push(relocations.as_slice());
        }
    }
    by_target
}

/// Index of the section that a relocation section applies to.
pub(super) fn relocation_target(section: &Section<'_>) -> Option<usize> {
    match section.sh_info_section {
        Some(id) => Some(id.index()),
        // Some assemblers leave out the flag that says that the number is a section's; it counts
        // from 1, indices here from 0.
        None => (section.sh_info as usize).checked_sub(1),
    }
}

struct Graph<'b, 'data> {
    builders: &'b [Builder<'data>],
    relocations: Vec<RelocationsByTarget<'b>>,
    /// By member and section: what is left out whoever refers to it.
    unwanted: Vec<Vec<bool>>,
    /// Where each global symbol is defined: member, and section unless it is absolute or common.
    definitions: HashMap<&'b [u8], Vec<(usize, Option<usize>)>>,
    reached: Vec<Reached>,
    todo: Vec<(usize, usize)>,
    /// Names that something reached refers to without asking for a definition to be loaded.
    weak: HashSet<&'b [u8]>,
}

/// Everything reached from the symbols that `is_root` names and from the members that are
/// `always` linked.
pub(super) fn reach(
    builders: &[Builder<'_>],
    always: &[bool],
    is_root: &dyn Fn(&str) -> bool,
) -> Vec<Reached> {
    let mut graph = Graph::new(builders);
    for member in (0..builders.len()).filter(|&member| always[member]) {
        graph.load(member);
        for section in builders[member]
            .sections
            .iter()
            .filter(|section| section.is_alloc())
        {
            graph.visit(member, section.id().index());
        }
    }
    let roots: Vec<&[u8]> = graph.definitions.keys().copied().collect();
    for name in roots {
        if std::str::from_utf8(name).is_ok_and(is_root) {
            graph.refer(name);
        }
    }
    loop {
        graph.drain();
        if !graph.resolve_weak() {
            return graph.reached;
        }
    }
}

impl<'b, 'data> Graph<'b, 'data> {
    fn new(builders: &'b [Builder<'data>]) -> Graph<'b, 'data> {
        let mut definitions: HashMap<&[u8], Vec<_>> = HashMap::new();
        for (member, builder) in builders.iter().enumerate() {
            for symbol in builder
                .symbols
                .iter()
                .filter(|s| !is_local(s) && !is_undefined(s))
            {
                let section = symbol.section.map(|id| id.index());
                definitions
                    .entry(symbol.name.as_slice())
                    .or_default()
                    .push((member, section));
            }
        }
        let reached = builders.iter().map(|builder| Reached {
            is_loaded: false,
            sections: vec![false; section_count(builder)],
        });
        Graph {
            builders,
            relocations: builders.iter().map(relocations_by_target).collect(),
            unwanted: builders.iter().map(unwanted).collect(),
            definitions,
            reached: reached.collect(),
            todo: Vec::new(),
            weak: HashSet::new(),
        }
    }

    fn load(&mut self, member: usize) {
        if std::mem::replace(&mut self.reached[member].is_loaded, true) {
            return;
        }
        for section in self.builders[member]
            .sections
            .iter()
            .filter(|s| is_kept_with_member(s))
        {
            self.visit(member, section.id().index());
        }
    }

    fn visit(&mut self, member: usize, section: usize) {
        if !self.unwanted[member][section]
            && !std::mem::replace(&mut self.reached[member].sections[section], true)
        {
            self.load(member);
            self.todo.push((member, section));
        }
    }

    fn refer(&mut self, name: &[u8]) {
        for (member, section) in self.definitions.get(name).cloned().unwrap_or_default() {
            self.load(member);
            if let Some(section) = section {
                self.visit(member, section);
            }
        }
    }

    fn drain(&mut self) {
        while let Some((member, section)) = self.todo.pop() {
            let builder = &self.builders[member];
            let relocations = self.relocations[member]
                .get(&section)
                .cloned()
                .unwrap_or_default();
            for id in relocations.into_iter().flatten().filter_map(|r| r.symbol) {
                let symbol = builder.symbols.get(id);
                if let Some(section) = symbol.section {
                    self.visit(member, section.index());
                }
                let name = symbol.name.as_slice();
                if is_local(symbol) {
                    continue;
                }
                if is_undefined(symbol) && symbol.st_bind() == elf::STB_GLOBAL {
                    self.refer(name);
                } else {
                    self.weak.insert(name);
                }
            }
        }
    }

    /// Weak references take a definition from members that are loaded anyway. Returns whether
    /// that reached anything new.
    fn resolve_weak(&mut self) -> bool {
        let names: Vec<&[u8]> = self.weak.iter().copied().collect();
        for name in names {
            for (member, section) in self.definitions.get(name).cloned().unwrap_or_default() {
                if let (true, Some(section)) = (self.reached[member].is_loaded, section) {
                    self.visit(member, section);
                }
            }
        }
        !self.todo.is_empty()
    }
}

fn section_count(builder: &Builder<'_>) -> usize {
    builder
        .sections
        .iter()
        .map(|section| section.id().index() + 1)
        .max()
        .unwrap_or(0)
}

fn is_local(symbol: &Symbol<'_>) -> bool {
    symbol.st_bind() == elf::STB_LOCAL
}

fn is_undefined(symbol: &Symbol<'_>) -> bool {
    symbol.section.is_none() && symbol.st_shndx == elf::SHN_UNDEF
}

/// Sections that are part of an executable as soon as their member is.
fn is_kept_with_member(section: &Section<'_>) -> bool {
    let name = section.name.as_slice();
    let is_list = matches!(
        section.sh_type,
        elf::SHT_INIT_ARRAY | elf::SHT_FINI_ARRAY | elf::SHT_PREINIT_ARRAY
    ) || matches!(name, b".init" | b".fini")
        || name.starts_with(b".ctors")
        || name.starts_with(b".dtors");
    // A linker defines `__start_` and `__stop_` symbols for sections with such names.
    let is_c_name = !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let is_retained = section.sh_flags.contains(elf::SHF_GNU_RETAIN);
    section.is_alloc() && (is_list || is_c_name || is_retained)
}

fn unwanted(builder: &Builder<'_>) -> Vec<bool> {
    let mut unwanted = vec![false; section_count(builder)];
    for section in &builder.sections {
        unwanted[section.id().index()] = is_unwanted(section);
    }
    unwanted
}

/// Unwind tables are of no use where nothing unwinds, and they hold on to code.
fn is_unwanted(section: &Section<'_>) -> bool {
    let name = section.name.as_slice();
    name.starts_with(b".eh_frame")
        || name.starts_with(b".gcc_except_table")
        || name.starts_with(b".note.gnu")
}
