//! Index spaces of a component that is being evaluated, and what is in them.

use super::host;
use crate::canonical::{FuncTyId, TyId};
use crate::index::{LiftId, ResourceId};
use crate::parse::Component;
use crate::plan::linked::CoreDef;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use wasmparser::{ComponentExternalKind, ExternalKind, FuncType, InstanceTypeDeclaration};

/// The index spaces of a component or type that is being evaluated, shared with what is inside.
pub(super) type Space<'a> = Rc<RefCell<Frame<'a>>>;

#[derive(Default)]
pub(super) struct Frame<'a> {
    pub(super) outer: Option<Space<'a>>,
    pub(super) core_modules: Vec<usize>,
    pub(super) core_instances: Vec<Rc<CoreInstance>>,
    pub(super) core_funcs: Vec<CoreDef>,
    pub(super) core_tables: Vec<CoreDef>,
    pub(super) core_memories: Vec<CoreDef>,
    pub(super) core_globals: Vec<CoreDef>,
    pub(super) core_tags: Vec<CoreDef>,
    /// Those that are function types.
    pub(super) core_types: Vec<Option<FuncType>>,
    pub(super) types: Vec<TypeDef<'a>>,
    pub(super) funcs: Vec<FuncDef>,
    pub(super) instances: Vec<Rc<Instance<'a>>>,
    pub(super) components: Vec<ComponentDef<'a>>,
}

pub(super) enum CoreInstance {
    Unit(usize),
    Exports(BTreeMap<String, CoreDef>),
}

/// Names to what they are.
pub(super) type Instance<'a> = BTreeMap<String, Def<'a>>;

#[derive(Clone)]
pub(super) enum Def<'a> {
    CoreModule(usize),
    Func(FuncDef),
    Type(TypeDef<'a>),
    Instance(Rc<Instance<'a>>),
    Component(ComponentDef<'a>),
}

#[derive(Clone)]
pub(super) enum FuncDef {
    Lifted(LiftId),
    Host(Rc<host::HostFunc>),
}

#[derive(Clone)]
pub(super) enum TypeDef<'a> {
    Value(TyId),
    Func(FuncTyId),
    Resource(ResourceId),
    Instance(&'a [InstanceTypeDeclaration<'a>], Space<'a>),
    /// Types of components and of core modules: nothing depends on what they are.
    Other,
}

#[derive(Clone)]
pub(super) struct ComponentDef<'a> {
    pub(super) component: &'a Component<'a>,
    pub(super) space: Space<'a>,
}

/// The item of a kind at an index.
pub(super) fn item<'a>(frame: &Frame<'a>, kind: ComponentExternalKind, index: u32) -> Def<'a> {
    let index = index as usize;
    match kind {
        ComponentExternalKind::Module => Def::CoreModule(frame.core_modules[index]),
        ComponentExternalKind::Func => Def::Func(frame.funcs[index].clone()),
        ComponentExternalKind::Type => Def::Type(frame.types[index].clone()),
        ComponentExternalKind::Instance => Def::Instance(frame.instances[index].clone()),
        ComponentExternalKind::Component => Def::Component(frame.components[index].clone()),
        ComponentExternalKind::Value => unreachable!("validation refuses values"),
    }
}

pub(super) fn core_item(frame: &Frame<'_>, kind: ExternalKind, index: u32) -> CoreDef {
    let space = match kind {
        ExternalKind::Func | ExternalKind::FuncExact => &frame.core_funcs,
        ExternalKind::Table => &frame.core_tables,
        ExternalKind::Memory => &frame.core_memories,
        ExternalKind::Global => &frame.core_globals,
        ExternalKind::Tag => &frame.core_tags,
    };
    space[index as usize]
}

pub(super) fn core_space_mut<'f>(
    frame: &'f mut Frame<'_>,
    kind: ExternalKind,
) -> &'f mut Vec<CoreDef> {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => &mut frame.core_funcs,
        ExternalKind::Table => &mut frame.core_tables,
        ExternalKind::Memory => &mut frame.core_memories,
        ExternalKind::Global => &mut frame.core_globals,
        ExternalKind::Tag => &mut frame.core_tags,
    }
}

/// Adds an item to its index space.
pub(super) fn push<'a>(frame: &mut Frame<'a>, def: Def<'a>) {
    match def {
        Def::CoreModule(module) => frame.core_modules.push(module),
        Def::Func(func) => frame.funcs.push(func),
        Def::Type(ty) => frame.types.push(ty),
        Def::Instance(instance) => frame.instances.push(instance),
        Def::Component(component) => frame.components.push(component),
    }
}
