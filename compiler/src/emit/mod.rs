//! CLIF to machine code to an object file.
//!
//! Comes in: a [`LinkPlan`]. Goes out: an ELF relocatable object with compiled code, the image of
//! contexts and initial memory, and the description of the program for the runtime. Translation
//! and compilation of a function happen together, in parallel over functions, so that only code
//! that may be inlined is ever kept as CLIF.

mod alignment;
mod blob;
mod branch_tables;
mod budget;
mod byte_order;
mod bytes;
mod call;
mod code;
mod component;
mod copies;
mod counted;
mod drafts;
mod dump_locals;
mod embedded;
mod entries;
mod hardened;
mod heap;
mod http;
mod improve;
mod incremental;
mod inline;
mod inlined;
mod isa;
mod jump_threading;
mod known;
mod listing;
mod loops;
mod native;
mod object;
mod on_trap;
mod optimize;
mod placement;
mod places;
mod portable;
mod profile;
mod program;
mod rare;
mod renamed;
mod saved;
mod shorten;
mod size;
mod sources;
mod survey;
mod tasks;
mod text;
mod unchanged;
mod values;
mod veneers;

pub use incremental::CodeCache;
pub use isa::target_isa;
pub use text::{Reach, Text};

use crate::compiled::{Compiled, ImagePlacement, Progress, Report};
use crate::debug_files;
use crate::dwarf::{self, Detail, NamedLocal, Sources};
use crate::error::Result;
use crate::index::FuncId;
use crate::options::{DebugInfo, Options, TextKind};
use crate::plan::LinkPlan;
use crate::profile::{Layout, Profile, Profiling};
use crate::translate::Translation;
use code::Target;
use foldhash::{HashMap, HashMapExt};
use isa::unused_isa;
use placement::{image_is_mapped, mapped_bytes};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Finds what would keep [`emit`] from compiling.
///
/// # Errors
/// As there; faults that have other messages are told with the first.
pub fn check(plan: &LinkPlan<'_>, options: &Options) -> Result<()> {
    let isa = target_isa(options);
    code::check(Translation {
        plan,
        options,
        isa: &*isa,
        unused_isa: &*isa,
        has_vectors: isa::has_vectors(options),
        has_fma: isa::has_fma(options),
        profiling: Profiling::None,
        locals: None,
    })
}

/// What a build writes for a profile, and what it takes from others.
fn profiles(plan: &LinkPlan<'_>, options: &Options) -> Result<(Option<Layout>, Option<Profile>)> {
    let generate = plan.profile.map(|_| Layout::new(plan)).transpose()?;
    let used = match options.profile_use.is_empty() {
        true => None,
        false => Some(Profile::new(plan, &options.profile_use)?),
    };
    Ok((generate, used))
}

/// The host functions that code calls. What nothing calls of what is imported is often but what a
/// standard library brings.
fn host_imports(plan: &LinkPlan<'_>, text: &Text) -> Vec<(String, String)> {
    let called: BTreeSet<usize> = text
        .relocs
        .iter()
        .filter_map(|reloc| match reloc.target {
            Target::Host(host) => Some(host.index()),
            _ => None,
        })
        .collect();
    let called = called.iter().map(|&host| &plan.host_fns[host]);
    called
        .filter(|host| !host.module.is_empty())
        .map(|host| (host.module.clone(), host.name.clone()))
        .collect()
}

/// How many functions a report names.
const DEAREST_MAX: usize = 5;

/// The functions of the input that took longest to compile.
fn dearest(plan: &LinkPlan<'_>, functions: &[code::CompiledFunction]) -> Vec<(String, Duration)> {
    let mut dearest: Vec<_> = functions
        .iter()
        .map(|function| (&plan.funcs[function.id.index()].name, function.time))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    dearest.sort_by_key(|&(_, time)| Reverse(time));
    dearest.truncate(DEAREST_MAX);
    let owned = |(name, time): (&String, Duration)| (name.clone(), time);
    dearest.into_iter().map(owned).collect()
}

/// Functions in the order in which they lie in the executable: those with a hot part side by side, and
/// those that are not run behind all others.
fn in_order(
    mut functions: Vec<code::CompiledFunction>,
    translation: Translation<'_>,
) -> Vec<code::CompiledFunction> {
    if let Some(profile) = translation.profile() {
        functions.sort_by_key(|function| {
            (
                profile.is_unused(function.id),
                !profile.has_hot_part(function.id),
            )
        });
    }
    functions
}

/// What the DWARF of modules says.
fn read_sources(plan: &LinkPlan<'_>, options: &Options, detail: Detail) -> Sources {
    let units = plan.units.par_iter().enumerate();
    units
        .filter_map(|(number, unit)| {
            let file = unit.module.debug_file;
            let file = file.and_then(|name| options.debug_files.get(name));
            let source = match file {
                Some(file) => dwarf::read(&debug_files::sections(file), detail),
                None => dwarf::read(&unit.module.debug, detail),
            };
            Some((number, source?))
        })
        .collect()
}

/// The locals in which functions have what debuggers are told of, and where they are told.
fn tracked_locals(plan: &LinkPlan<'_>, sources: &Sources) -> HashMap<FuncId, Vec<NamedLocal>> {
    if sources.is_empty() {
        return HashMap::new();
    }
    let ids = (0..plan.funcs.len()).map(FuncId::new);
    let reachable = ids.filter(|id| plan.reachable[id.index()]);
    let with_locals = reachable.filter_map(|id| {
        let (unit, code) = plan.body_in_code(id)?;
        let source = sources.get(&unit)?;
        let function = source.function_in(code.start, code.end)?;
        Some((id, function.locals(code.start, &source.operations)))
    });
    with_locals
        .filter(|(_, locals)| !locals.is_empty())
        .collect()
}

/// Compiles every reachable function and writes the object. With a cache of code comes the input.
///
/// # Errors
/// `Unsupported` for instructions that are not translated yet.
pub fn emit(
    plan: &LinkPlan<'_>,
    options: &Options,
    progress: &dyn Progress,
    cache: Option<(&CodeCache, &[u8])>,
    report: &mut Report,
) -> Result<Compiled> {
    let isa = target_isa(options);
    let unused_isa = unused_isa(options);
    let (counters, profile) = profiles(plan, options)?;
    report.profile = profile.as_ref().map(|profile| profile.matched);
    let sources = match options.debug_info {
        DebugInfo::None => Sources::new(),
        DebugInfo::Lines => read_sources(plan, options, Detail::Lines),
        DebugInfo::Full => read_sources(plan, options, Detail::Full),
    };
    let locals = tracked_locals(plan, &sources);
    let translation = Translation {
        plan,
        options,
        isa: &*isa,
        unused_isa: &*unused_isa,
        has_vectors: isa::has_vectors(options),
        has_fma: isa::has_fma(options),
        profiling: match (&counters, &profile) {
            (Some(counters), _) => Profiling::Generate(counters),
            (None, Some(profile)) => Profiling::Use(profile),
            (None, None) => Profiling::None,
        },
        locals: Some(&locals).filter(|locals| !locals.is_empty() || options.dumps_core()),
    };
    if let Some(kind) = options.emit_text {
        let text = match kind {
            TextKind::Clif => listing::clif(translation)?,
            TextKind::Asm => listing::assembly(translation)?,
        };
        return Ok(Compiled {
            object: Vec::new(),
            image: None,
            text: Some(text),
            report: report.clone(),
        });
    }
    let start = Instant::now();
    let functions = code::compile_all(translation, progress, cache)?;
    report.functions_compiled = functions.len();
    report.functions_reused = cache.map_or(0, |(cache, _)| cache.reused());
    report.phases.push(("compile", start.elapsed()));
    report.dearest_functions = dearest(plan, &functions);
    let start = Instant::now();
    let functions = in_order(functions, translation);
    let is_portable = isa::is_portable(options);
    let reach = Reach::new(
        options.target.arch,
        isa::holds_addresses(options, plan),
        options.call_reach_bytes_max,
    );
    let text = Text::lay_out(functions, reach)?;
    report.code_bytes = text.bytes.len() as u64;
    report.host_imports = host_imports(plan, &text);
    let object = if is_portable {
        object::write_portable(plan, options, counters.as_ref(), &sources, &text, isa)?
    } else {
        object::write(plan, options, counters.as_ref(), &sources, &text)
    };
    report.phases.push(("emit", start.elapsed()));
    let image = image_is_mapped(plan, options).then(|| ImagePlacement {
        address: plan.memory_address() - plan.regions[0].below_bytes,
        memory_bytes: mapped_bytes(plan),
        parts: match is_portable {
            true => Vec::new(),
            false => placement::parts(plan),
        },
    });
    Ok(Compiled {
        object,
        image,
        text: None,
        report: report.clone(),
    })
}
