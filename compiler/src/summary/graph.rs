//! What an input is made of, to be drawn: components and core modules in it, what they import, what
//! is exported, and who uses whom.
//!
//! Comes in: a valid component, whose root alone is looked at; a component in it is one node. Every
//! definition is reduced to the nodes that it comes from, so a function that was lowered, bundled and
//! passed on is still the interface's.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentName,
    ComponentOuterAliasKind, ComponentTypeRef, CustomSectionReader, ExternalKind, Instance,
    KnownCustom, Parser, Payload,
};

use crate::error::{Error, Result};
use crate::parse::Module;

/// Nobody can look at more.
const NODES_MAX: usize = 2_000;
const EDGES_MAX: usize = 10_000;

/// How many nodes of origins are looked at.
const ORIGINS_MAX: usize = 1 << 20;

/// A graph whose edges lead from who uses something to who provides it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Graph {
    pub nodes: Vec<GraphNode>,
    /// From, to, and the name under which it is used where that is not the node's own.
    pub edges: BTreeMap<(usize, usize), BTreeSet<String>>,
}

/// One thing in a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GraphNode {
    pub kind: GraphNodeKind,
    pub name: String,
    /// What else there is to say, or nothing.
    pub detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GraphNodeKind {
    Export,
    Component,
    Module,
    Import,
}

/// The nodes that a definition comes from.
type Origin = Rc<BTreeSet<usize>>;

/// The graph of a module: what it imports, by module, and what it exports.
pub(crate) fn of_module(module: &Module<'_>) -> Result<Graph> {
    let mut graph = Graph::default();
    let functions = module.bodies.len();
    let own = graph.node(
        GraphNodeKind::Module,
        "the module",
        &counted(functions, "function"),
    )?;
    let mut imports: BTreeMap<&str, usize> = BTreeMap::new();
    for import in &module.imports {
        *imports.entry(import.module).or_default() += 1;
    }
    for (name, count) in imports {
        let detail = counted(count, "import");
        let import = graph.node(GraphNodeKind::Import, name, &detail)?;
        graph.edge(own, import, "")?;
    }
    for export in &module.exports {
        let export = graph.node(GraphNodeKind::Export, export.name, "")?;
        graph.edge(export, own, "")?;
    }
    Ok(graph)
}

/// The graph of the root of a component.
///
/// # Errors
/// When it cannot be read, or nobody could look at the graph.
pub(crate) fn of_component(wasm: &[u8]) -> Result<Graph> {
    let names = Names::of(wasm)?;
    let mut root = Root::default();
    let mut depth = 0;
    let mut inside: Inside = Inside::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => {
                depth -= 1;
                if depth == 1 {
                    root.end_definition(std::mem::take(&mut inside));
                }
            }
            Payload::CodeSectionStart { count, .. } => inside.functions += *count as usize,
            Payload::ModuleSection { .. } if depth > 1 => inside.modules += 1,
            Payload::ComponentExportSection(section) if depth == 2 && inside.export.is_none() => {
                let first = section.clone().into_iter().next().transpose()?;
                inside.export = first.map(|export| export.name.name.to_owned());
            }
            _ => {}
        }
        if depth == 1 {
            root.payload(payload, &names)?;
        }
    }
    Ok(root.graph)
}

impl Graph {
    fn node(&mut self, kind: GraphNodeKind, name: &str, detail: &str) -> Result<usize> {
        if self.nodes.len() == NODES_MAX {
            return Err(too_large());
        }
        self.nodes.push(GraphNode {
            kind,
            name: name.to_owned(),
            detail: detail.to_owned(),
        });
        Ok(self.nodes.len() - 1)
    }

    fn edge(&mut self, from: usize, to: usize, label: &str) -> Result<()> {
        if from == to {
            return Ok(());
        }
        if self.edges.len() == EDGES_MAX {
            return Err(too_large());
        }
        let labels = self.edges.entry((from, to)).or_default();
        if !label.is_empty() && label != self.nodes[to].name && label != self.nodes[from].name {
            labels.insert(label.to_owned());
        }
        Ok(())
    }
}

fn too_large() -> Error {
    Error::usage("there is more in this component than can be drawn")
}

/// The names that the root gives what it defines.
#[derive(Default)]
struct Names {
    components: BTreeMap<u32, String>,
    modules: BTreeMap<u32, String>,
}

impl Names {
    fn of(wasm: &[u8]) -> Result<Names> {
        let mut names = Names::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::CustomSection(section) if depth == 1 => names.read(&section),
                _ => {}
            }
        }
        Ok(names)
    }

    /// What is wrong with the section does not matter.
    fn read(&mut self, section: &CustomSectionReader<'_>) {
        let KnownCustom::ComponentName(subsections) = section.as_known() else {
            return;
        };
        for subsection in subsections.into_iter().flatten() {
            let (names, list) = match subsection {
                ComponentName::Components(list) => (&mut self.components, list),
                ComponentName::CoreModules(list) => (&mut self.modules, list),
                _ => continue,
            };
            for naming in list.into_iter().flatten() {
                names.insert(naming.index, naming.name.to_owned());
            }
        }
    }
}

/// What was counted inside a definition.
#[derive(Clone, Default)]
struct Inside {
    modules: usize,
    functions: usize,
    /// What a component exports first.
    export: Option<String>,
}

/// A component or core module that can be instantiated.
#[derive(Clone)]
struct Definition {
    name: Option<String>,
    inside: Inside,
}

/// The index spaces of the root, each entry with its origin.
#[derive(Default)]
struct Root {
    graph: Graph,
    origins: usize,
    components: Vec<Definition>,
    modules: Vec<Definition>,
    /// Which of the two is being read.
    open: Option<ComponentExternalKind>,
    instances: Vec<Origin>,
    funcs: Vec<Origin>,
    values: Vec<Origin>,
    core_instances: Vec<Origin>,
    /// Functions, tables, memories, globals and tags.
    core: [Vec<Origin>; 5],
}

impl Root {
    fn payload(&mut self, payload: Payload<'_>, names: &Names) -> Result<()> {
        match payload {
            Payload::ModuleSection { .. } => {
                let name = names.modules.get(&(self.modules.len() as u32)).cloned();
                self.modules.push(Definition::named(name));
                self.open = Some(ComponentExternalKind::Module);
            }
            Payload::ComponentSection { .. } => {
                let name = names.components.get(&(self.components.len() as u32));
                self.components.push(Definition::named(name.cloned()));
                self.open = Some(ComponentExternalKind::Component);
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    self.import(import.name.name, import.ty)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    let name = export.name.name;
                    if export.kind != ComponentExternalKind::Type {
                        let node = self.graph.node(GraphNodeKind::Export, name, "")?;
                        let origin = self.origin(export.kind, export.index)?;
                        self.connect(node, &origin, name)?;
                    }
                    self.pass_on(export.kind, export.index)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    let instance = self.instance(instance?)?;
                    self.instances.push(instance);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    let instance = self.core_instance(instance?)?;
                    self.core_instances.push(instance);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    self.canonical(&function?)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The definition that was being read has ended.
    fn end_definition(&mut self, inside: Inside) {
        let definition = match self.open.take() {
            Some(ComponentExternalKind::Module) => self.modules.last_mut(),
            Some(_) => self.components.last_mut(),
            None => None,
        };
        if let Some(definition) = definition {
            definition.inside = inside;
        }
    }

    fn import(&mut self, name: &str, ty: ComponentTypeRef) -> Result<()> {
        if let ComponentTypeRef::Type(_) = ty {
            return Ok(());
        }
        let node = self.graph.node(GraphNodeKind::Import, name, "")?;
        let origin = Rc::new(BTreeSet::from([node]));
        match ty {
            ComponentTypeRef::Instance(_) => self.instances.push(origin),
            ComponentTypeRef::Func(_) => self.funcs.push(origin),
            ComponentTypeRef::Value(_) => self.values.push(origin),
            ComponentTypeRef::Module(_) => {
                self.modules.push(Definition::named(Some(name.to_owned())));
            }
            ComponentTypeRef::Component(_) => {
                self.components
                    .push(Definition::named(Some(name.to_owned())));
            }
            ComponentTypeRef::Type(_) => unreachable!("it has been left out above"),
        }
        Ok(())
    }

    fn instance(&mut self, instance: ComponentInstance<'_>) -> Result<Origin> {
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let definition = self.components.get(component_index as usize);
                let definition = definition.cloned().ok_or_else(damaged)?;
                let node = self.definition(&definition, GraphNodeKind::Component)?;
                for arg in args {
                    if arg.kind == ComponentExternalKind::Type {
                        continue;
                    }
                    let origin = self.origin(arg.kind, arg.index)?;
                    self.connect(node, &origin, arg.name)?;
                }
                Ok(Rc::new(BTreeSet::from([node])))
            }
            ComponentInstance::FromExports(exports) => {
                let mut all = BTreeSet::new();
                for export in exports {
                    let origin = self.origin(export.kind, export.index)?;
                    self.count(&origin)?;
                    all.extend(origin.iter().copied());
                }
                Ok(Rc::new(all))
            }
        }
    }

    fn core_instance(&mut self, instance: Instance<'_>) -> Result<Origin> {
        match instance {
            Instance::Instantiate { module_index, args } => {
                let definition = self.modules.get(module_index as usize);
                let definition = definition.cloned().ok_or_else(damaged)?;
                let node = self.definition(&definition, GraphNodeKind::Module)?;
                for arg in args {
                    let origin = self.core_instances.get(arg.index as usize);
                    let origin = origin.cloned().ok_or_else(damaged)?;
                    // What several nodes provide under one name is not any one's by that name.
                    let label = if origin.len() == 1 { arg.name } else { "" };
                    self.connect(node, &origin, label)?;
                }
                Ok(Rc::new(BTreeSet::from([node])))
            }
            Instance::FromExports(exports) => {
                let mut all = BTreeSet::new();
                for export in exports {
                    let space = &self.core[space(export.kind)];
                    let origin = space.get(export.index as usize);
                    let origin = origin.cloned().ok_or_else(damaged)?;
                    self.count(&origin)?;
                    all.extend(origin.iter().copied());
                }
                Ok(Rc::new(all))
            }
        }
    }

    fn definition(&mut self, definition: &Definition, kind: GraphNodeKind) -> Result<usize> {
        let inside = &definition.inside;
        let functions = counted(inside.functions, "function");
        let detail = match inside.modules {
            0 => functions,
            modules => format!("{}, {functions}", counted(modules, "module")),
        };
        let name = match (&definition.name, &inside.export) {
            (Some(name), _) => name.clone(),
            (None, Some(export)) => format!("component with {export}"),
            (None, None) => String::from("without a name"),
        };
        self.graph.node(kind, &name, &detail)
    }

    fn alias(&mut self, alias: ComponentAlias<'_>) -> Result<()> {
        match alias {
            ComponentAlias::InstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let origin = self.instances.get(instance_index as usize);
                let origin = origin.cloned().ok_or_else(damaged)?;
                self.define(kind, origin, name);
            }
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                ..
            } => {
                let origin = self.core_instances.get(instance_index as usize);
                let origin = origin.cloned().ok_or_else(damaged)?;
                self.core[space(kind)].push(origin);
            }
            // The root has nothing around it but itself.
            ComponentAlias::Outer { kind, index, .. } => match kind {
                ComponentOuterAliasKind::CoreModule => {
                    self.pass_on(ComponentExternalKind::Module, index)?;
                }
                ComponentOuterAliasKind::Component => {
                    self.pass_on(ComponentExternalKind::Component, index)?;
                }
                ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => {}
            },
        }
        Ok(())
    }

    fn canonical(&mut self, function: &CanonicalFunction) -> Result<()> {
        match function {
            CanonicalFunction::Lift {
                core_func_index, ..
            } => {
                let origin = self.core[0].get(*core_func_index as usize);
                self.funcs.push(origin.cloned().ok_or_else(damaged)?);
            }
            CanonicalFunction::Lower { func_index, .. } => {
                let origin = self.funcs.get(*func_index as usize);
                let origin = origin.cloned().ok_or_else(damaged)?;
                self.core[0].push(origin);
            }
            // The others are the component model's own.
            _ => self.core[0].push(Origin::default()),
        }
        Ok(())
    }

    /// Defines the same again, as an export does.
    fn pass_on(&mut self, kind: ComponentExternalKind, index: u32) -> Result<()> {
        let again = |all: &mut Vec<Definition>| {
            let one = all.get(index as usize).cloned().ok_or_else(damaged)?;
            all.push(one);
            Ok(())
        };
        match kind {
            ComponentExternalKind::Module => again(&mut self.modules),
            ComponentExternalKind::Component => again(&mut self.components),
            _ => {
                let origin = self.origin(kind, index)?;
                self.define(kind, origin, "");
                Ok(())
            }
        }
    }

    fn define(&mut self, kind: ComponentExternalKind, origin: Origin, name: &str) {
        let named = || Definition::named(Some(name.to_owned()));
        match kind {
            ComponentExternalKind::Instance => self.instances.push(origin),
            ComponentExternalKind::Func => self.funcs.push(origin),
            ComponentExternalKind::Value => self.values.push(origin),
            ComponentExternalKind::Module => self.modules.push(named()),
            ComponentExternalKind::Component => self.components.push(named()),
            ComponentExternalKind::Type => {}
        }
    }

    /// Where a definition comes from. A component or module that is none's instance is from nowhere.
    fn origin(&self, kind: ComponentExternalKind, index: u32) -> Result<Origin> {
        let all = match kind {
            ComponentExternalKind::Instance => &self.instances,
            ComponentExternalKind::Func => &self.funcs,
            ComponentExternalKind::Value => &self.values,
            ComponentExternalKind::Module
            | ComponentExternalKind::Component
            | ComponentExternalKind::Type => return Ok(Origin::default()),
        };
        all.get(index as usize).cloned().ok_or_else(damaged)
    }

    fn connect(&mut self, from: usize, origin: &Origin, label: &str) -> Result<()> {
        self.count(origin)?;
        for &to in origin.iter() {
            self.graph.edge(from, to, label)?;
        }
        Ok(())
    }

    /// Bundles of bundles would otherwise take as long as their product.
    fn count(&mut self, origin: &Origin) -> Result<()> {
        self.origins += origin.len();
        match self.origins > ORIGINS_MAX {
            true => Err(too_large()),
            false => Ok(()),
        }
    }
}

impl Definition {
    fn named(name: Option<String>) -> Definition {
        Definition {
            name,
            inside: Inside::default(),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// The index space of a core item.
fn space(kind: ExternalKind) -> usize {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => 0,
        ExternalKind::Table => 1,
        ExternalKind::Memory => 2,
        ExternalKind::Global => 3,
        ExternalKind::Tag => 4,
    }
}

/// The validator has seen the indices; what is not drawn may still shift them.
fn damaged() -> Error {
    Error::usage("this component cannot be drawn")
}
