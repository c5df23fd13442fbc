//! A program before its imports are resolved: core modules in the order of instantiation, with who
//! provides whose imports, and what is left of components.

use crate::canonical::{FuncTyId, LiftStyle, Passing, TyId, Types};
use crate::error::{Error, Result};
use crate::index::{CanonId, ComponentId, LiftId, OptionsId, ResourceId};
use crate::parse::{Extern, Import, Module};
use std::collections::HashMap;
use wasmelt_abi::{PtrType, StringEncoding, TrapCode};

/// One module to instantiate.
#[derive(Debug)]
pub struct Unit<'a> {
    pub module: &'a Module<'a>,
    /// For messages and function names.
    pub name: String,
    /// Who provides each import, in their order.
    pub imports: Vec<Provider>,
    /// In a script, the position of the component that the instance is a part of.
    pub component: Option<usize>,
}

/// Who provides an import of a core module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provider {
    /// The host, by the names of the import.
    Host,
    /// Another definition of the program.
    Core(CoreDef),
    /// An earlier unit, which has no export of that name.
    NoExport,
}

/// A component, or several of a test script, flattened.
#[derive(Default, Debug)]
pub struct Linked<'a> {
    /// Whether there are components; if not, there are only modules of WASI 0.1.
    pub has_components: bool,
    pub units: Vec<Unit<'a>>,
    pub types: Types,
    pub resources: Vec<Resource>,
    pub instances: Vec<ComponentInstance>,
    pub canons: Vec<Canon>,
    pub lifts: Vec<Lift>,
    pub options: Vec<CanonOptions>,
    pub(super) option_ids: HashMap<CanonOptions, OptionsId>,
    pub exports: Vec<Export>,
    /// Resource types that are exported: `name`, or `interface#name`.
    pub exported_resources: Vec<(String, ResourceId)>,
    /// What the embedder of a library provides.
    pub embedder_fns: Vec<EmbedderFn>,
    /// Host resource types that are in use, by their number.
    pub(super) host_resources: HashMap<u32, ResourceId>,
}

/// An instance of a component.
#[derive(Clone, Debug)]
pub struct ComponentInstance {
    pub parent: Option<ComponentId>,
    /// Threads of it can go on within a synchronous call: it imports built-ins about threads, or
    /// lifts functions whose code waits without having it for itself.
    pub takes_turns: bool,
}

/// A resource type.
#[derive(Clone, Debug)]
pub enum Resource {
    /// The host's, with its number.
    Host {
        number: u32,
        name: String,
        drop_symbol: String,
    },
    /// Made by the instantiation of a component.
    Guest {
        instance: ComponentId,
        dtor: Option<CoreDef>,
    },
    /// Of an interface that nothing provides: there are no values of it.
    Missing { name: String },
    /// The embedder's, who is told of the end of each by a function of [`Linked::embedder_fns`].
    Embedder { dropped: u32 },
}

/// A function that the embedder of a library provides.
#[derive(Clone, Debug)]
pub struct EmbedderFn {
    /// With its version; empty for what the root imports.
    pub interface: String,
    /// Of the function, or of the resource type.
    pub name: String,
    pub item: Embedded,
}

/// What a function of the embedder is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Embedded {
    Func(FuncTyId),
    /// Is told that a resource is gone.
    Drop(ResourceId),
}

/// A core item: who defines it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CoreDef {
    /// An item of the core instance of that unit.
    Unit {
        unit: usize,
        item: Extern,
    },
    Canon(CanonId),
}

/// Canonical options.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CanonOptions {
    pub encoding: StringEncoding,
    pub memory: Option<CoreDef>,
    pub realloc: Option<CoreDef>,
    /// Of a function that is lifted with `async`.
    pub callback: Option<CoreDef>,
    pub is_async: bool,
    /// Of the memory; [`PtrType::I32`] without one.
    pub ptr: PtrType,
    /// The instance that the `canon` definition belongs to: its handles, its flags.
    pub instance: ComponentId,
}

/// A core function that is not a module's.
#[derive(Clone, Debug)]
pub struct Canon {
    pub kind: CanonKind,
    /// Flat.
    pub ty: wasmparser::FuncType,
    /// For backtraces.
    pub name: String,
}

#[derive(Clone, Debug)]
pub enum CanonKind {
    /// `canon lower` of a function of the host.
    Host {
        /// Without the version.
        interface: String,
        function: String,
        symbol: String,
        options: OptionsId,
        /// The caller waits for a function of async type.
        blocks: bool,
    },
    /// `canon lower` of a function of the embedder, by its position in [`Linked::embedder_fns`].
    Embedder { import: u32, options: OptionsId },
    /// `canon lower` of a lifted function.
    Adapter { lift: LiftId, options: OptionsId },
    /// The same for a function of async type, of whose call the runtime makes a task.
    TaskAdapter { lift: LiftId, options: OptionsId },
    ResourceNew {
        resource: ResourceId,
        instance: ComponentId,
    },
    ResourceRep {
        resource: ResourceId,
        instance: ComponentId,
    },
    ResourceDrop {
        resource: ResourceId,
        instance: ComponentId,
    },
    TaskReturn {
        result: Option<TyId>,
        options: OptionsId,
    },
    /// A built-in of streams or futures, of a type of them.
    End {
        function: &'static str,
        ty: TyId,
        options: OptionsId,
        blocks: bool,
    },
    /// A built-in of error contexts that reads or writes a message.
    Message {
        function: &'static str,
        options: OptionsId,
    },
    /// Another built-in of async components.
    Builtin(Builtin),
    /// `thread.new-indirect`.
    ThreadNew {
        table: CoreDef,
        /// The type of the argument of the functions in it.
        argument: PtrType,
        instance: ComponentId,
    },
    /// A built-in that always gives the same number.
    Number(i32),
    /// A function that nothing provides, or that is not there yet.
    Trap(TrapCode),
}

/// A built-in that is a runtime function with the same parameters, and constants before them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Builtin {
    /// Of the runtime.
    pub function: &'static str,
    pub instance: ComponentId,
    /// What it is about: this decides what it is called with and what is checked before.
    pub subject: Subject,
    /// A constant that comes next.
    pub constant: Option<u32>,
    /// The memory that it writes to.
    pub memory: Option<CoreDef>,
    pub blocks: bool,
}

/// What a built-in is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// The current task.
    Task,
    /// The instance, which may be one that must not be left.
    Instance,
    /// The instance, or what it has handles of: it must be allowed to leave it.
    Outside,
}

/// `canon lift`.
#[derive(Clone, Debug)]
pub struct Lift {
    pub core: CoreDef,
    pub ty: FuncTyId,
    pub options: OptionsId,
    pub post_return: Option<CoreDef>,
}

/// A lifted function that a root component exports.
#[derive(Clone, Debug)]
pub struct Export {
    /// In a script, which component; 0 otherwise.
    pub component: usize,
    /// `name`, or `interface#name`.
    pub name: String,
    pub lift: LiftId,
}

impl<'a> Linked<'a> {
    /// Adds a core module; `providers` are the units that provide its imports, by module name.
    pub fn add_module(
        &mut self,
        module: &'a Module<'a>,
        name: &str,
        providers: &HashMap<String, usize>,
    ) {
        let provider = |import: &Import<'_>| {
            let Some(&unit) = providers.get(import.module) else {
                return Provider::Host;
            };
            match self.units[unit].module.export(import.name) {
                Some(item) => Provider::Core(CoreDef::Unit { unit, item }),
                None => Provider::NoExport,
            }
        };
        let imports = module.imports.iter().map(provider).collect();
        self.units.push(Unit {
            module,
            name: name.to_owned(),
            imports,
            component: None,
        });
    }

    /// Adds a core module that those behind it import from by a name.
    ///
    /// # Errors
    /// `Usage` when the name is taken, or the module is a command.
    pub fn add_preload(
        &mut self,
        module: &'a Module<'a>,
        name: &str,
        providers: &mut HashMap<String, usize>,
    ) -> Result<()> {
        if module.export("_start").is_some() {
            let message =
                format!("the preloaded module `{name}` is a command: it exports `_start`");
            return Err(Error::usage(message).help("build it as a library (a reactor)"));
        }
        self.add_module(module, name, providers);
        let unit = self.units.len() - 1;
        match providers.insert(name.to_owned(), unit) {
            None => Ok(()),
            Some(_) => Err(Error::usage(format!(
                "two modules are preloaded as `{name}`"
            ))),
        }
    }
}

impl Linked<'_> {
    #[must_use]
    pub fn option(&self, id: OptionsId) -> &CanonOptions {
        &self.options[id.index()]
    }

    /// Whether the type of a lifted function is `async`.
    #[must_use]
    pub fn is_async(&self, lift: LiftId) -> bool {
        self.types.func(self.lifts[lift.index()].ty).is_async
    }

    /// Whether a lifted function is called as a task. A synchronous one is where others can tell.
    #[must_use]
    pub fn is_task(&self, lift: LiftId) -> bool {
        let instance = self.option(self.lifts[lift.index()].options).instance;
        self.is_async(lift) || self.instances[instance.index()].takes_turns
    }

    /// The type of the core function behind a lifted one.
    #[must_use]
    pub fn core_type(&self, lift: &Lift) -> wasmparser::FuncType {
        let options = self.option(lift.options);
        let style = match (options.is_async, options.callback) {
            (false, _) => LiftStyle::Sync,
            (true, Some(_)) => LiftStyle::Callback,
            (true, None) => LiftStyle::Stackful,
        };
        self.types.lifted(lift.ty, options.ptr, style)
    }

    /// How a function that is called as a task gives its result: by `task.return`, unless it is
    /// lifted synchronously.
    #[must_use]
    pub fn lifted_result(&self, lift: &Lift) -> Passing {
        let options = self.option(lift.options);
        match options.is_async {
            true => {
                let result = self.types.func(lift.ty).result;
                self.types.returned(result, options.ptr)
            }
            false => self.types.result(lift.ty, options.ptr),
        }
    }

    /// How its caller gets the result.
    #[must_use]
    pub fn lowered_result(&self, ty: FuncTyId, options: OptionsId) -> Passing {
        let options = self.option(options);
        match options.is_async {
            true if self.types.func(ty).result.is_some() => Passing::Memory,
            _ => self.types.result(ty, options.ptr),
        }
    }

    /// The number of a resource type at run time.
    #[must_use]
    pub fn resource_number(&self, id: ResourceId) -> u32 {
        match &self.resources[id.index()] {
            Resource::Host { number, .. } => *number,
            Resource::Guest { .. } | Resource::Missing { .. } | Resource::Embedder { .. } => {
                wasmelt_abi::GUEST_RESOURCES + id.0
            }
        }
    }

    /// Whether the strings of these options are in UTF-8.
    #[must_use]
    pub fn is_utf8(&self, options: OptionsId) -> bool {
        self.option(options).encoding == StringEncoding::Utf8
    }

    /// The core functions that the function of a `canon` definition calls itself.
    #[must_use]
    pub fn called_by(&self, canon: CanonId) -> Vec<CoreDef> {
        match self.canons[canon.index()].kind {
            CanonKind::Adapter { lift, options, .. } => {
                let lift = &self.lifts[lift.index()];
                let realloc = |id| self.option(id).realloc;
                let others = [lift.post_return, realloc(options), realloc(lift.options)];
                [Some(lift.core)]
                    .into_iter()
                    .chain(others)
                    .flatten()
                    .collect()
            }
            CanonKind::ResourceDrop { resource, .. } => match self.resources[resource.index()] {
                Resource::Guest { dtor, .. } => dtor.into_iter().collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The component instances that a call from `caller` (or the host) to `callee` enters: the
    /// callee and those around it that are not around the caller as well.
    #[must_use]
    pub fn entered(&self, caller: Option<ComponentId>, callee: ComponentId) -> Vec<ComponentId> {
        let around_caller: Vec<ComponentId> =
            caller.into_iter().flat_map(|c| self.around(c)).collect();
        self.around(callee)
            .filter(|id| !around_caller.contains(id))
            .collect()
    }

    /// Whether one of two instances is the other or lies around it.
    #[must_use]
    pub fn are_nested(&self, a: ComponentId, b: ComponentId) -> bool {
        self.around(a).any(|id| id == b) || self.around(b).any(|id| id == a)
    }

    /// An instance and those around it, inside out.
    pub(super) fn around(&self, id: ComponentId) -> impl Iterator<Item = ComponentId> + '_ {
        std::iter::successors(Some(id), |id| self.instances[id.index()].parent)
    }

    pub(super) fn intern_options(&mut self, options: CanonOptions) -> OptionsId {
        if let Some(&id) = self.option_ids.get(&options) {
            return id;
        }
        let id = OptionsId::new(self.options.len());
        self.options.push(options.clone());
        self.option_ids.insert(options, id);
        id
    }
}
