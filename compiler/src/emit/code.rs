//! Machine code for every reachable function, in parallel.

use super::entries::{calls, is_called_directly, is_entry};
use super::incremental::{CodeCache, Key};
use super::inline::{Candidates, Choice, Inliner};
use super::inlined::{Frame, Inlined, KnownValue, Place};
use super::isa::{holds_addresses, jump_table_isa};
use super::optimize::Optimizer;
use super::portable::{CallSite, PortableCode, PortableTarget};
use super::saved::{Saved, pushed, saved};
use super::shorten::{Flow, Shortener};
use super::unchanged::Unchanged;
use super::values::{self, ValuePlace};
use super::{alignment, counted, improve};
use crate::compiled::Progress;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{FuncId, HostFnId};
use crate::options::{OptLevel, RegisterAllocation};
use crate::plan::LinkPlan;
use crate::target::Arch;
use crate::translate::{Locals, Translation, limit_stack, names, translate};
use crate::workers;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, LibCall, SourceLoc, UserExternalName, UserExternalNameRef};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings;
use cranelift_codegen::{CodegenError, CodegenResult, CompiledCode, Context};
use foldhash::HashSet;
use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use wasmelt_registers::{Allocator, Counted, Labelled, Locations, Quick, Spills};

/// A compiled function, position independent but for its relocations.
#[derive(Debug)]
pub struct CompiledFunction {
    pub id: FuncId,
    pub bytes: Vec<u8>,
    /// Where it begins behind a multiple of [`alignment::LINE_BYTES`], if that matters.
    pub start: Option<u32>,
    pub relocs: Vec<Relocation>,
    /// Offset and `wasmelt_abi::TrapCode` byte.
    pub traps: Vec<(u32, u8)>,
    pub call_sites: Vec<CallSite>,
    pub places: Places,
    /// What compiling it took.
    pub time: Duration,
}

/// Where a function's code is from.
#[derive(Clone, Default, Debug)]
pub struct Places {
    /// What is inlined.
    pub frames: Vec<Frame>,
    /// From which offset on the code is from which place, ascending. Without `-g` it is exact only
    /// where code may stop, and nothing for a function in which nothing is inlined.
    pub list: Vec<(u32, Place)>,
    /// What is known of locals that are followed.
    pub known: Vec<KnownValue>,
    /// Where that is in the code: in the order of [`Places::known`], and then of the code.
    pub values: Vec<ValuePlace>,
    /// With `-g` and for core dumps: the caller's registers that the function saves.
    pub saved: Vec<Saved>,
}

#[derive(Clone, Copy, Debug)]
pub struct Relocation {
    pub offset: u32,
    pub kind: cranelift_codegen::binemit::Reloc,
    pub target: Target,
    pub addend: i64,
}

/// What code refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    Wasm(FuncId),
    Runtime(u32),
    Host(HostFnId),
    LibCall(LibCall),
    /// A place in the function itself.
    Own(u32),
}

/// With more entries in its jump tables, a function begins anywhere: see [`jump_table_isa`].
const JUMP_TABLE_ENTRIES_MAX: usize = 1000;

/// What one thread reuses from function to function.
pub(super) struct Worker {
    pub(super) context: Context,
    locals: Locals,
    optimizer: Optimizer,
    registers: regalloc2::Ctx,
    /// What the allocator is told.
    counted: Counted,
    labelled: Rc<RefCell<Labelled>>,
    /// What the labels of the last function stand for.
    labels: Vec<(u32, u32)>,
    shortener: Option<Shortener>,
    jump_table_isa: OnceCell<OwnedTargetIsa>,
}

impl Worker {
    pub(super) fn new(translation: Translation<'_>) -> Worker {
        let options = translation.options;
        let mut registers = regalloc2::Ctx::default();
        let counted = Counted::default();
        let mut spills = Spills::default();
        registers.own = match options.registers() {
            RegisterAllocation::Scan => {
                let allocator = Allocator::new(Rc::clone(&counted));
                spills = allocator.spills();
                Some(Box::new(allocator))
            }
            RegisterAllocation::SinglePass => Some(Box::new(Quick::default())),
            RegisterAllocation::Backtracking => None,
        };
        registers.own_alone = options.verify;
        let is_thorough = options.registers() != RegisterAllocation::SinglePass;
        if is_thorough && options.spill_cleanup && options.opt_level != OptLevel::None {
            registers.reviser = Some(Box::new(spills));
        }
        let labelled = Rc::new(RefCell::new(Labelled::default()));
        if options.follows_locals() {
            let locations = Locations::new(registers.reviser.take(), Rc::clone(&labelled));
            registers.reviser = Some(Box::new(locations));
        }
        let is_x86 = options.target.arch == Arch::X86_64;
        let shortens = is_x86 && options.short_encodings && options.opt_level != OptLevel::None;
        Worker {
            context: Context::new(),
            locals: Locals::default(),
            optimizer: Optimizer::default(),
            registers,
            counted,
            labelled,
            labels: Vec::new(),
            shortener: shortens.then(|| {
                let pads_loops = options.loop_padding && options.opt_level == OptLevel::Speed;
                let addresses = holds_addresses(options, translation.plan);
                Shortener::new(pads_loops, options.branch_tables && addresses)
            }),
            jump_table_isa: OnceCell::new(),
        }
    }

    /// Optimises and compiles the function in `context`. `Context::compile` would do the same, but
    /// for what comes between optimising and lowering.
    pub(super) fn machine_code(
        &mut self,
        translation: Translation<'_>,
        inlined: &mut Inlined,
    ) -> CodegenResult<CompiledCode> {
        let (context, isa) = (&mut self.context, translation.isa);
        let optimises = isa.flags().opt_level() != settings::OptLevel::None;
        let before = context.func.dfg.num_values();
        let mut control = ControlPlane::default();
        if optimises && !translation.options.simplify {
            values::resolve(&context.func, inlined);
            context.optimize(isa, &mut control)?;
        } else {
            improve::prepare(context, isa, inlined)?;
            if optimises {
                improve::thread(context, translation.options, inlined);
                self.optimizer.optimize(context);
                context.verify_if(isa)?;
                let values = inlined.values.iter_mut().map(|known| &mut known.value);
                let copies = inlined.copies.iter_mut().map(|(value, _)| value);
                for value in values.chain(copies) {
                    *value = self.optimizer.find(context, *value);
                }
            }
        }
        if optimises {
            improve::improve(context, translation.options);
            context.verify_if(isa)?;
        }
        self.labels = values::label(&mut context.func, before, inlined);
        let (func, domtree) = (&context.func, &context.domtree);
        *self.counted.borrow_mut() = counted::by_block(func, domtree, &inlined.counts);
        let tables = func.dfg.jump_tables.values();
        let entries: usize = tables.map(|table| table.as_slice().len()).sum();
        let isa = match entries {
            0..=JUMP_TABLE_ENTRIES_MAX => isa,
            _ => &**self
                .jump_table_isa
                .get_or_init(|| jump_table_isa(translation.options)),
        };
        let disassemble = context.want_disasm;
        let code = isa.compile_function(
            func,
            domtree,
            &mut self.registers,
            disassemble,
            &mut control,
        )?;
        Ok(code.apply_params(&func.params))
    }

    /// The code as it is kept, in its shortest form and with a place in a line of the cache.
    fn portable(
        &mut self,
        code: CompiledCode,
        inlined: &Inlined,
        translation: Translation<'_>,
    ) -> PortableCode {
        let options = translation.options;
        let mut portable = PortableCode::new(&code, options.keeps_offsets());
        let arch = options.target.arch;
        let (saved, saved_bytes) = saved(&code, arch);
        portable.saved = saved;
        let (func, labelled) = (&self.context.func, self.labelled.borrow());
        if func.dfg.values_labels.is_some()
            && let Some(start) = values::slots_start(func, &code, labelled.slots, saved_bytes)
        {
            let from = (inlined, &*portable.lines);
            portable.values = values::places(&code, &labelled, &self.labels, from, (arch, start));
        }
        let mut flow = Flow {
            blocks: code.bb_starts,
            branches: code.bb_edges,
        };
        let mut start = None;
        if let Some(shortener) = &mut self.shortener {
            start = shortener.shorten(&mut portable, &mut flow);
            if let Some(saved) = pushed(&portable.bytes, arch) {
                portable.saved = saved;
            }
        }
        portable.start =
            start.or_else(|| alignment::start(&flow.blocks, &flow.branches, portable.len()));
        portable
    }
}

/// Compiles every reachable function, or takes its code from a cache, with which comes the input; the
/// result is in `FuncId` order.
///
/// # Errors
/// The first error in that order.
pub fn compile_all(
    translation: Translation<'_>,
    progress: &dyn Progress,
    cache: Option<(&CodeCache, &[u8])>,
) -> Result<Vec<CompiledFunction>> {
    let plan = translation.plan;
    let mut choice = Choice::new(translation);
    let mut ids = reachable(plan);
    let all = ids.len();
    let whole = choice.clone();
    let unchanged =
        cache.and_then(|(cache, input)| Unchanged::new(translation, cache, &whole, input));
    let mut compiled = Vec::new();
    if let Some(unchanged) = &unchanged {
        let found = workers::map(&ids, || (), |(), &id| taken(unchanged, id));
        compiled.extend(found.into_iter().flatten());
        let known: HashSet<FuncId> = compiled.iter().map(|function| function.id).collect();
        ids.retain(|id| !known.contains(id));
        choice = choice.for_callers(translation, &ids)?;
    }
    let candidates = Candidates::translate(translation, &choice)?;
    // The largest first: what they need is there for all others, and no thread waits for one of them
    // at the end.
    ids.sort_by_key(|&id| Reverse(plan.facts(id).map_or(0, |facts| facts.operators)));
    let done = AtomicUsize::new(compiled.len());
    let results = workers::map(
        &ids,
        || Worker::new(translation),
        |worker, &id| {
            let cache = cache.map(|(cache, _)| (cache, unchanged.as_ref()));
            let compiled = compile(translation, &candidates, id, worker, cache);
            progress.functions(done.fetch_add(1, Ordering::Relaxed) + 1, all);
            compiled
        },
    );
    let mut results: Vec<_> = ids.iter().zip(results).collect();
    results.sort_unstable_by_key(|(id, _)| **id);
    for (_, result) in results {
        compiled.push(result?);
    }
    compiled.sort_unstable_by_key(|function| function.id);
    Ok(compiled)
}

/// A function as it was in the last build, if nothing has changed for it.
fn taken(unchanged: &Unchanged<'_>, id: FuncId) -> Option<CompiledFunction> {
    let started = Instant::now();
    let kept = unchanged.find(id)?;
    let name = |name: UserExternalNameRef| kept.names[name.as_u32() as usize].clone();
    Some(placed(id, kept.code, name, kept.inlined, started))
}

/// Translates every reachable function, and keeps nothing.
///
/// # Errors
/// The first error in the order of functions, with one of each other message.
pub fn check(translation: Translation<'_>) -> Result<()> {
    let ids = reachable(translation.plan);
    let results = workers::map(
        &ids,
        || Worker::new(translation),
        |worker, &id| {
            worker.context.clear();
            let Worker {
                context, locals, ..
            } = worker;
            translate(translation, id, &mut context.func, locals)?;
            check_vectors(translation, id, &context.func)
        },
    );
    let mut errors: Vec<Error> = Vec::new();
    for error in results.into_iter().filter_map(Result::err) {
        if errors.iter().all(|other| other.message != error.message) {
            errors.push(error);
        }
    }
    let mut errors = errors.into_iter();
    match errors.next() {
        None => Ok(()),
        Some(first) => Err(Error {
            others: errors.collect(),
            ..first
        }),
    }
}

pub(super) fn reachable(plan: &LinkPlan<'_>) -> Vec<FuncId> {
    (0..plan.funcs.len())
        .map(FuncId::new)
        .filter(|id| plan.reachable[id.index()])
        .collect()
}

/// CLIF of a function with its small callees inlined, in `worker.context`.
pub(super) fn translate_and_inline(
    translation: Translation<'_>,
    candidates: &Candidates<'_>,
    id: FuncId,
    worker: &mut Worker,
) -> Result<Inlined> {
    worker.context.clear();
    let mut inlined;
    match candidates.get(translation.plan, id) {
        Some(candidate) => (worker.context.func, inlined) = candidate,
        None => {
            let notes = translate(
                translation,
                id,
                &mut worker.context.func,
                &mut worker.locals,
            )?;
            inlined = Inlined::new(&notes);
            // Entries run once: what they call is to be seen in backtraces.
            let is_entry = is_entry(translation.plan, id);
            let may_inline = !is_entry || is_called_directly(translation.plan, id);
            if may_inline && !translation.is_unused(id) {
                let before = is_entry.then(|| worker.context.func.clone());
                let mut inliner = Inliner::new(candidates, translation.plan, id, &notes.calls);
                worker
                    .context
                    .inline(&mut inliner)
                    .map_err(|e| internal(&e))?;
                inlined = inliner.locate(&mut worker.context.func, &notes);
                // A trap of what is called would not find its way to the landing of an entry.
                if let Some(before) = before
                    && calls(&worker.context.func) >= calls(&before)
                {
                    worker.context.func = before;
                    inlined = Inlined::new(&notes);
                }
            }
        }
    }
    if translation.plan.checks_stack(id) {
        limit_stack(&mut worker.context.func);
    }
    Ok(inlined)
}

/// Refuses vectors where processors need not have any.
pub(super) fn check_vectors(
    translation: Translation<'_>,
    id: FuncId,
    func: &ir::Function,
) -> Result<()> {
    let mut values = func.dfg.values();
    if translation.has_vectors || !values.any(|value| func.dfg.value_type(value).is_vector()) {
        return Ok(());
    }
    let target = translation.options.target.name;
    let name = &translation.plan.funcs[id.index()].name;
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("SIMD needs vectors, which not every processor of {target} has"),
    )
    .note(format!("function `{name}` uses it"))
    .help("compile for processors that have them: `-C target-feature=+v`"))
}

fn compile(
    translation: Translation<'_>,
    candidates: &Candidates<'_>,
    id: FuncId,
    worker: &mut Worker,
    cache: Option<(&CodeCache, Option<&Unchanged<'_>>)>,
) -> Result<CompiledFunction> {
    let started = Instant::now();
    let translation = translation.of(id);
    let mut inlined = translate_and_inline(translation, candidates, id, worker)?;
    check_vectors(translation, id, &worker.context.func)?;
    let func = &worker.context.func;
    let key = |(cache, unchanged)| (cache, unchanged, Key::new(translation, func, &inlined));
    let key: Option<(&CodeCache, Option<&Unchanged<'_>>, Key)> = cache.map(key);
    let kept = key.and_then(|(cache, _, key)| cache.find(key, func));
    if let Some((_, Some(unchanged), key)) = key {
        unchanged.add(id, key, func, &inlined);
    }
    let code = match kept {
        Some(code) => code,
        None => {
            let code = worker
                .machine_code(translation, &mut inlined)
                .map_err(|error| codegen_error(&error, &translation.plan.funcs[id.index()].name))?;
            let code = worker.portable(code, &inlined, translation);
            if let Some((cache, _, key)) = key {
                cache.add(key, &code);
            }
            code
        }
    };
    let names = worker.context.func.params.user_named_funcs();
    let name = |name: UserExternalNameRef| names[name].clone();
    Ok(placed(id, code, name, inlined, started))
}

/// Code as a function of this program.
fn placed(
    id: FuncId,
    mut code: PortableCode,
    name: impl Fn(UserExternalNameRef) -> UserExternalName,
    inlined: Inlined,
    started: Instant,
) -> CompiledFunction {
    let relocs = code.relocs.iter().map(|reloc| Relocation {
        offset: reloc.offset,
        kind: reloc.kind,
        target: match reloc.target {
            PortableTarget::Name(at) => target(&name(at)),
            PortableTarget::LibCall(call) => Target::LibCall(call),
            PortableTarget::Own(at) => Target::Own(at),
        },
        addend: reloc.addend,
    });
    CompiledFunction {
        id,
        start: code.start,
        relocs: relocs.collect(),
        places: places(&mut code, inlined),
        bytes: code.bytes,
        traps: code.traps,
        call_sites: code.call_sites,
        time: started.elapsed(),
    }
}

fn places(code: &mut PortableCode, inlined: Inlined) -> Places {
    let list = code.lines.iter();
    let list = list.map(|&(at, location)| (at, inlined.place(SourceLoc::new(location))));
    let list: Vec<_> = list.collect();
    let mut values = std::mem::take(&mut code.values);
    // Kept code may be damaged.
    values.retain(|held| (held.value as usize) < inlined.values.len());
    let known = match values.is_empty() {
        true => Vec::new(),
        false => inlined.values,
    };
    let frames = match list.is_empty() {
        true => Vec::new(),
        false => inlined.frames,
    };
    Places {
        frames,
        list,
        known,
        values,
        saved: std::mem::take(&mut code.saved),
    }
}

fn target(name: &UserExternalName) -> Target {
    match name.namespace {
        names::WASM => Target::Wasm(FuncId(name.index)),
        names::RUNTIME => Target::Runtime(name.index),
        _ => Target::Host(HostFnId(name.index)),
    }
}

pub(super) fn codegen_error(error: &CodegenError, function: &str) -> Error {
    match error {
        CodegenError::CodeTooLarge | CodegenError::ImplLimitExceeded => Error::new(
            ErrorKind::Unsupported,
            format!("function `{function}` is too large to compile"),
        )
        .help("split the function, or compile it to wasm with less inlining"),
        other => internal(other).note(format!("in function `{function}`")),
    }
}

fn internal(error: &CodegenError) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("code generation failed: {error}"),
    )
    .help("this is a bug of wasmelt: please report it with the input file")
}
