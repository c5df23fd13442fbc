//! Which exports an embedder of a library calls, and by what names.
//!
//! Names are `PREFIX_EXPORT` in C's letters. A function of the header that every library has keeps
//! its name; an export that would have it, or that of another export, gets a `_` behind its own.

use super::library::{ComponentImport, LibraryFn, LibraryImport, LibraryItem, c_name, prefix};
use super::{Callee, Embedded, ExportPlan, FuncKind, LinkPlan, Resource};
use crate::error::{Error, Result};
use crate::index::{FuncId, InstanceIndex, LiftId, ResourceId};
use crate::parse::Extern;
use foldhash::HashSet;
use wasmelt_abi::LIBRARY_FNS;
use wasmparser::{FuncType, ValType};

/// Finds what a core module exports.
///
/// # Errors
/// When there is nothing.
pub(super) fn choose_exports(
    plan: &mut LinkPlan<'_>,
    instance: InstanceIndex,
    program: &str,
) -> Result<()> {
    let mut names = Names::new(program);
    let exports: Vec<(String, Extern)> = plan
        .module(instance)
        .exports
        .iter()
        .map(|export| (export.name.to_owned(), export.item))
        .collect();
    for (name, item) in exports {
        // It is called when an instance is made.
        if name == "_initialize" {
            continue;
        }
        let Some((func, item)) = plan.library_item(instance, item) else {
            plan.library.left_out.push(name);
            continue;
        };
        plan.library.fns.push(LibraryFn {
            symbol: names.symbol(&name),
            name,
            func,
            item,
        });
    }
    match plan.library.fns.is_empty() {
        false => Ok(()),
        true => Err(Error::usage("the module exports nothing that C can call")
            .help("export functions of numbers, or build a component")),
    }
}

/// The function that has what was begun go on.
const POLL: &str = "poll";

/// The names that are given to exports.
struct Names {
    prefix: String,
    taken: HashSet<String>,
}

impl Names {
    fn new(program: &str) -> Names {
        Names {
            prefix: prefix(program),
            taken: LIBRARY_FNS.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The symbol of an export: of `interface#function` without the package and its version.
    fn symbol(&mut self, name: &str) -> String {
        let name = self.name(name);
        format!("{}_{name}", self.prefix)
    }

    /// The same without the prefix of the library.
    fn name(&mut self, name: &str) -> String {
        let mut in_c = match name.split_once('#') {
            Some((interface, function)) => {
                let interface = interface.split('@').next().unwrap_or(interface);
                let word = interface.rsplit(['/', ':']).next().unwrap_or(interface);
                format!("{}_{}", c_name(word), function_name(function))
            }
            None => function_name(name),
        };
        while !self.taken.insert(in_c.clone()) {
            in_c.push('_');
        }
        in_c
    }
}

/// The name of a function in C: `counter_new` for the constructor of a resource, `counter_step` for
/// a method.
fn function_name(name: &str) -> String {
    match name.strip_prefix("[constructor]") {
        Some(resource) => format!("{}_new", c_name(resource)),
        None => c_name(name.split_once(']').map_or(name, |(_, name)| name)),
    }
}

/// Finds what a component exports; each has been made callable.
///
/// # Errors
/// When there is nothing.
pub(super) fn choose_lifts(plan: &mut LinkPlan<'_>, program: &str) -> Result<()> {
    let mut names = Names::new(program);
    let exports: Vec<_> = (0..).zip(plan.component_exports.clone()).collect();
    let (exports, others): (Vec<_>, Vec<_>) = exports
        .into_iter()
        .partition(|(_, export)| plan.is_in_c(export.lift));
    let others = others.into_iter().map(|(_, export)| export.name);
    plan.library.left_out.extend(others);
    let is_async = |plan: &LinkPlan<'_>, lift| plan.linked.is_async(lift);
    if exports.iter().any(|(_, it)| is_async(plan, it.lift)) {
        let symbol = names.symbol(POLL);
        let func = plan.add_func(FuncKind::LibraryPoll);
        plan.add_lift(String::new(), symbol, func, LibraryItem::Poll);
    }
    for (export, of_component) in &exports {
        let (export, lift, name) = (*export, of_component.lift, &of_component.name);
        let func = plan.add_func(FuncKind::LibraryLift { export, lift });
        plan.add_lift(name.clone(), names.symbol(name), func, LibraryItem::Lift);
    }
    for (export, of_component) in exports {
        let (lift, name) = (of_component.lift, of_component.name);
        if is_async(plan, lift) {
            let symbol = names.symbol(&format!("{name}-start"));
            let func = plan.add_func(FuncKind::LibraryStart { export, lift });
            plan.add_lift(name, symbol, func, LibraryItem::Start);
        }
    }
    if plan.library.fns.is_empty() {
        return Err(
            Error::usage("the component exports no function that C can call").note(
                "streams, futures, maps, error contexts and resources of WASI have no form in C",
            ),
        );
    }
    for (name, resource) in &plan.linked.exported_resources {
        if matches!(
            plan.linked.resources[resource.index()],
            Resource::Guest { .. }
        ) {
            plan.add_drop(&mut names, name, *resource);
        }
    }
    choose_imports(plan);
    Ok(())
}

/// Names what the embedder provides to a component.
fn choose_imports(plan: &mut LinkPlan<'_>) {
    let mut names = Names {
        prefix: String::new(),
        taken: HashSet::from_iter(["user".to_owned()]),
    };
    for provided in &plan.linked.embedder_fns {
        let name = match &*provided.interface {
            "" => provided.name.clone(),
            interface => format!("{interface}#{}", provided.name),
        };
        let is_drop = matches!(provided.item, Embedded::Drop(_));
        let field = match is_drop {
            true => names.name(&format!("{name}-drop")),
            false => names.name(&name),
        };
        plan.library
            .component_imports
            .push(ComponentImport { name, field });
    }
}

impl LinkPlan<'_> {
    /// Whether C has a form for the types of a function.
    fn is_in_c(&self, lift: LiftId) -> bool {
        let ty = self.linked.lifts[lift.index()].ty;
        let ty = self.linked.types.func(ty);
        let params = ty.params.iter().map(|(_, ty)| *ty);
        let mut values = params.chain(ty.result);
        values.all(|ty| self.linked.why_not_in_c(ty, false).is_none())
    }

    fn add_lift(&mut self, name: String, symbol: String, func: FuncId, item: LibraryItem) {
        self.library.fns.push(LibraryFn {
            name,
            symbol,
            func,
            item,
        });
    }

    /// The function by which an embedder ends a resource.
    fn add_drop(&mut self, names: &mut Names, name: &str, resource: ResourceId) {
        let export = u32::try_from(self.exports.len()).expect("fewer than types");
        let call = self.add_func(FuncKind::LibraryDestructor(resource));
        self.exports.push(ExportPlan {
            instance: InstanceIndex(0),
            name: name.to_owned(),
            call,
            params: Vec::new(),
            results: Vec::new(),
        });
        let func = self.add_func(FuncKind::LibraryDrop { export, resource });
        self.library.fns.push(LibraryFn {
            symbol: names.symbol(&format!("{name}-drop")),
            name: name.to_owned(),
            func,
            item: LibraryItem::Drop,
        });
    }

    /// What an export is, with the function that stands for it.
    fn library_item(
        &mut self,
        instance: InstanceIndex,
        item: Extern,
    ) -> Option<(FuncId, LibraryItem)> {
        let is_ref = |ty: &ValType| matches!(ty, ValType::Ref(_));
        let at = &self.instances[instance.index()];
        let (kind, item) = match item {
            Extern::Func(func) => {
                let callee = at.funcs[func.index()];
                let ty = self.module(instance).func_type(func);
                if ty.params().iter().chain(ty.results()).any(is_ref) {
                    return None;
                }
                let (params, results) = (ty.params().to_vec(), ty.results().to_vec());
                let sig = self.func_sig(instance, func);
                let export = u32::try_from(self.library.fns.len()).expect("fewer than functions");
                let kind = FuncKind::LibraryCall {
                    export,
                    callee,
                    instance,
                    sig,
                };
                (kind, LibraryItem::Func { params, results })
            }
            Extern::Memory(memory) => {
                let memory = at.memories[memory.index()];
                (FuncKind::LibraryMemory(memory), LibraryItem::Memory)
            }
            Extern::Global(global) => {
                let global = at.globals[global.index()];
                if is_ref(&self.globals[global.index()].ty) {
                    return None;
                }
                (FuncKind::LibraryGlobal(global), LibraryItem::Global(global))
            }
            Extern::Table(_) | Extern::Tag(_) => return None,
        };
        Some((self.add_func(kind), item))
    }

    /// The function that stands for an import which the embedder is to provide, unless nobody can.
    pub(super) fn library_import(
        &mut self,
        module: &str,
        name: &str,
        ty: &FuncType,
    ) -> Option<FuncId> {
        let is_ref = |ty: &ValType| matches!(ty, ValType::Ref(_));
        let is_in_c = !ty.params().iter().chain(ty.results()).any(is_ref);
        if !self.is_library() || !is_in_c || module.starts_with("wasi") {
            return None;
        }
        let imports = &self.library.imports;
        let is_it = |it: &&LibraryImport| it.module == module && it.name == name && it.ty == *ty;
        if let Some(known) = imports.iter().find(is_it) {
            return Some(known.func);
        }
        let mut field = format!("{}_{}", c_name(module), c_name(name));
        while imports.iter().any(|other| other.field == field) {
            field.push('_');
        }
        let import = u32::try_from(imports.len()).expect("fewer than functions");
        let sig = self.sigs.intern(ty);
        let func = self.add_func(FuncKind::LibraryImport { import, sig });
        self.library.imports.push(LibraryImport {
            module: module.to_owned(),
            name: name.to_owned(),
            field,
            ty: ty.clone(),
            func,
        });
        Some(func)
    }

    /// Decides how functions are called, once it is known what they reach. The runtime calls those
    /// that it has to know of, by the positions of [`Library::fns`].
    pub(super) fn settle_library(&mut self) {
        // What looks for references, or for handlers, has to know where the stack ends.
        self.library.is_direct = self.tags.is_empty()
            && !self.sigs.has_objects()
            && (0..self.funcs.len())
                .all(|at| !self.reachable[at] || !self.calls_host(FuncId::new(at)));
        if self.library.is_direct || self.linked.has_components {
            return;
        }
        for at in 0..self.library.fns.len() {
            let of_library = self.library.fns[at].clone();
            let (params, results) = match of_library.item {
                LibraryItem::Func { params, results } => (params, results),
                _ => Default::default(),
            };
            let (kind, instance) = match self.funcs[of_library.func.index()].kind {
                FuncKind::LibraryCall {
                    callee,
                    instance,
                    sig,
                    ..
                } => (
                    FuncKind::ExportCall {
                        callee,
                        instance,
                        sig,
                    },
                    instance,
                ),
                // Never called by its number.
                ref other => (other.clone(), InstanceIndex(0)),
            };
            let call = match kind {
                FuncKind::ExportCall { .. } => self.add_func(kind),
                _ => of_library.func,
            };
            self.reachable[call.index()] = true;
            self.exports.push(ExportPlan {
                instance,
                name: of_library.name,
                call,
                params,
                results,
            });
        }
    }

    fn calls_host(&self, id: FuncId) -> bool {
        let is_host = |callee: &Callee| matches!(callee, Callee::Host(_));
        match self.funcs[id.index()].kind {
            FuncKind::Body { instance, .. } => {
                let funcs = &self.instances[instance.index()].funcs;
                let calls = self.facts(id).map_or(&[][..], |facts| &facts.calls);
                calls.iter().any(|callee| is_host(&funcs[callee.index()]))
            }
            FuncKind::LibraryCall { callee, .. } => is_host(&callee),
            FuncKind::HostEntry { .. } | FuncKind::LibraryImport { .. } => true,
            _ => false,
        }
    }
}
