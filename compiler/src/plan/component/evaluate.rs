//! Definitions of components, evaluated.
//!
//! Instantiating a component is calling a function: its parameters are its imports, its arguments
//! the `with` items, and what it gives is the instance of its exports. Index spaces hold what was
//! defined, so an alias is a copy. A component carries the index spaces around it, for its outer
//! aliases. Specification: component model, "Explainer"; how a type is identified: "Canonical ABI".

use super::host::{self, HostImports};
use super::space::{
    ComponentDef, CoreInstance, Def, Frame, FuncDef, Instance, Space, TypeDef, core_item,
    core_space_mut, item, push,
};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{ComponentId, LiftId, ResourceId};
use crate::parse::{ComponentBinary, Definition};
use crate::plan::linked::{ComponentInstance, CoreDef, Export, Linked, Resource};
use crate::plan::linked::{Provider, Unit};
use crate::plan::missing::Missing;
use std::cell::RefCell;
use std::rc::Rc;
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentTypeRef,
    InstanceTypeDeclaration, TypeBounds,
};

/// More instances, of components and of core modules, than any program has. Each memory of one has
/// address space reserved, of which there is enough for twice as many.
const INSTANCES_MAX: usize = 10_000;
/// The same for functions of all core instances together.
const FUNCTIONS_MAX: usize = 2_000_000;

/// Where the imports of a component come from.
enum Arguments<'m, 'a> {
    With(&'m Instance<'a>),
    Host,
}

pub(super) struct Evaluator<'l, 'a> {
    pub(super) linked: &'l mut Linked<'a>,
    binary: &'a ComponentBinary<'a>,
    imports: HostImports,
    name: &'l str,
    /// In a script, which component is being evaluated.
    position: usize,
    /// Of the import that is being evaluated.
    offset: u64,
    missing: Missing,
    /// Of all core instances so far.
    functions: usize,
}

/// Adds a component to `linked`: its core instances, functions and exports.
///
/// # Errors
/// `Link` for imports that nothing provides, `Unsupported` for what is not compiled yet.
pub fn link<'a>(
    linked: &mut Linked<'a>,
    binary: &'a ComponentBinary<'a>,
    name: &str,
    position: usize,
    imports: HostImports,
) -> Result<()> {
    linked.has_components = true;
    let mut evaluator = Evaluator {
        linked,
        binary,
        imports,
        name,
        position,
        offset: 0,
        missing: Missing::default(),
        functions: 0,
    };
    let root = ComponentDef {
        component: &binary.root,
        space: Space::default(),
    };
    let exports = evaluator.component(&root, &Arguments::Host, None)?;
    std::mem::take(&mut evaluator.missing).check()?;
    for (name, def) in &exports {
        match def {
            Def::Type(TypeDef::Resource(id)) => evaluator.export_resource(name.clone(), *id),
            Def::Func(FuncDef::Lifted(lift)) => evaluator.export(name.clone(), *lift),
            Def::Instance(instance) => {
                for (function, def) in instance.iter() {
                    let name = format!("{name}#{function}");
                    match def {
                        Def::Func(FuncDef::Lifted(lift)) => evaluator.export(name, *lift),
                        Def::Type(TypeDef::Resource(id)) => evaluator.export_resource(name, *id),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Evaluator<'_, 'a> {
    fn export(&mut self, name: String, lift: LiftId) {
        self.linked.exports.push(Export {
            component: self.position,
            name,
            lift,
        });
    }

    fn export_resource(&mut self, name: String, resource: ResourceId) {
        self.linked.exported_resources.push((name, resource));
    }

    /// Instantiates a component.
    fn component(
        &mut self,
        def: &ComponentDef<'a>,
        arguments: &Arguments<'_, 'a>,
        parent: Option<ComponentId>,
    ) -> Result<Instance<'a>> {
        let id = ComponentId::new(self.linked.instances.len());
        self.check_size()?;
        self.linked.instances.push(ComponentInstance {
            parent,
            takes_turns: false,
        });
        let space = Space::new(RefCell::new(Frame {
            outer: Some(def.space.clone()),
            ..Frame::default()
        }));
        let mut exports = Instance::new();
        for definition in &def.component.definitions {
            match definition {
                Definition::CoreModule(module) => {
                    space.borrow_mut().core_modules.push(*module);
                }
                Definition::CoreInstance(instance) => {
                    let instance = self.core_instance(&space, instance);
                    self.check_size()?;
                    space.borrow_mut().core_instances.push(Rc::new(instance));
                }
                Definition::CoreTypes(types) => {
                    space.borrow_mut().core_types.extend(types.iter().cloned());
                }
                Definition::Component(component) => {
                    let component = ComponentDef {
                        component,
                        space: space.clone(),
                    };
                    space.borrow_mut().components.push(component);
                }
                Definition::Instance(instance) => {
                    let instance = self.instance(&space, instance, id)?;
                    space.borrow_mut().instances.push(Rc::new(instance));
                }
                Definition::Alias(alias) => self.alias(&space, alias),
                Definition::Type(ty, offset) => {
                    let ty = self.type_def(&space, ty, Some(id), *offset)?;
                    space.borrow_mut().types.push(ty);
                }
                Definition::Canon(canon, offset) => self.canon(&space, canon, id, *offset)?,
                Definition::Import(import, offset) => {
                    self.offset = *offset;
                    let name = import.name.name;
                    let def = match arguments {
                        Arguments::With(arguments) => arguments[name].clone(),
                        // A label says which of several it is, the host has but one.
                        Arguments::Host => self
                            .host_item(
                                &space,
                                "",
                                import.name.implements.unwrap_or(name),
                                import.ty,
                            )
                            .map_err(|e| if e.offset.is_none() { e.at(*offset) } else { e })?,
                    };
                    push(&mut space.borrow_mut(), def);
                }
                Definition::Export(export) => {
                    let def = item(&space.borrow(), export.kind, export.index);
                    push(&mut space.borrow_mut(), def.clone());
                    exports.insert(export.name.name.to_owned(), def);
                }
            }
        }
        Ok(exports)
    }

    /// A few definitions can make very many instances of each other.
    fn check_size(&self) -> Result<()> {
        let instances = self.linked.instances.len() + self.linked.units.len();
        let (what, limit) = if instances >= INSTANCES_MAX {
            ("instances", INSTANCES_MAX)
        } else if self.functions >= FUNCTIONS_MAX {
            ("functions in its instances", FUNCTIONS_MAX)
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Unsupported,
            format!("the component has more than {limit} {what}"),
        ))
    }

    fn instance(
        &mut self,
        space: &Space<'a>,
        instance: &'a wasmparser::ComponentInstance<'a>,
        parent: ComponentId,
    ) -> Result<Instance<'a>> {
        match instance {
            wasmparser::ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let (component, with) = {
                    let frame = space.borrow();
                    let with: Instance<'a> = args
                        .iter()
                        .map(|arg| (arg.name.to_owned(), item(&frame, arg.kind, arg.index)))
                        .collect();
                    (frame.components[*component_index as usize].clone(), with)
                };
                self.component(&component, &Arguments::With(&with), Some(parent))
            }
            wasmparser::ComponentInstance::FromExports(exports) => {
                let frame = space.borrow();
                let def = |e: &wasmparser::ComponentExport<'_>| item(&frame, e.kind, e.index);
                Ok(exports
                    .iter()
                    .map(|e| (e.name.name.to_owned(), def(e)))
                    .collect())
            }
        }
    }

    fn core_instance(
        &mut self,
        space: &Space<'a>,
        instance: &wasmparser::Instance<'a>,
    ) -> CoreInstance {
        let frame = space.borrow();
        match instance {
            wasmparser::Instance::FromExports(exports) => {
                let def = |e: &wasmparser::Export<'_>| core_item(&frame, e.kind, e.index);
                let exports = exports.iter().map(|e| (e.name.to_owned(), def(e)));
                CoreInstance::Exports(exports.collect())
            }
            wasmparser::Instance::Instantiate { module_index, args } => {
                let position = frame.core_modules[*module_index as usize];
                let module = &self.binary.modules[position];
                let imports = module.imports.iter().map(|import| {
                    let argument = args
                        .iter()
                        .find(|arg| arg.name == import.module)
                        .expect("validated: every import has its argument");
                    let instance = &frame.core_instances[argument.index as usize];
                    Provider::Core(self.core_export(instance, import.name))
                });
                let imports = imports.collect();
                self.functions += module.functions.len();
                self.linked.units.push(Unit {
                    module,
                    name: match module.name {
                        Some(name) => name.to_owned(),
                        None => format!("{}:{position}", self.name),
                    },
                    imports,
                    component: Some(self.position),
                });
                CoreInstance::Unit(self.linked.units.len() - 1)
            }
        }
    }

    fn core_export(&self, instance: &CoreInstance, name: &str) -> CoreDef {
        match instance {
            CoreInstance::Exports(exports) => exports[name],
            CoreInstance::Unit(unit) => CoreDef::Unit {
                unit: *unit,
                item: self.linked.units[*unit]
                    .module
                    .export(name)
                    .expect("validated: the module exports it"),
            },
        }
    }

    fn alias(&self, space: &Space<'a>, alias: &ComponentAlias<'_>) {
        match *alias {
            ComponentAlias::InstanceExport {
                instance_index,
                name,
                ..
            } => {
                let instance = space.borrow().instances[instance_index as usize].clone();
                push(&mut space.borrow_mut(), instance[name].clone());
            }
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let mut frame = space.borrow_mut();
                let instance = frame.core_instances[instance_index as usize].clone();
                let def = self.core_export(&instance, name);
                core_space_mut(&mut frame, kind).push(def);
            }
            ComponentAlias::Outer { kind, count, index } => {
                let mut from = space.clone();
                for _ in 0..count {
                    let outer = from.borrow().outer.clone();
                    from = outer.expect("validated: that many components around");
                }
                let kind = match kind {
                    ComponentOuterAliasKind::CoreType => {
                        let ty = from.borrow().core_types[index as usize].clone();
                        space.borrow_mut().core_types.push(ty);
                        return;
                    }
                    ComponentOuterAliasKind::CoreModule => ComponentExternalKind::Module,
                    ComponentOuterAliasKind::Type => ComponentExternalKind::Type,
                    ComponentOuterAliasKind::Component => ComponentExternalKind::Component,
                };
                let def = item(&from.borrow(), kind, index);
                push(&mut space.borrow_mut(), def);
            }
        }
    }

    /// An item that the root imports, or that an instance that the root imports exports.
    fn host_item(
        &mut self,
        space: &Space<'a>,
        interface: &str,
        name: &str,
        ty: ComponentTypeRef,
    ) -> Result<Def<'a>> {
        let at = |index: u32| space.borrow().types[index as usize].clone();
        match ty {
            ComponentTypeRef::Func(index) => {
                let TypeDef::Func(ty) = at(index) else {
                    unreachable!("validated: a function type")
                };
                let func = host::function(self.linked, interface, name, ty, self.imports);
                let func = func.unwrap_or_else(|error| {
                    self.missing.push(interface, name, error.at(self.offset));
                    host::stand_in(ty)
                });
                Ok(Def::Func(FuncDef::Host(Rc::new(func))))
            }
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => {
                let ty = at(index);
                let known = host::known_resource(self.linked, interface, name, self.imports);
                match (&ty, known) {
                    (TypeDef::Resource(id), Some(known))
                        if *id != known && !self.imports.unknown_trap =>
                    {
                        Err(Error::link(format!(
                            "mismatched resource types: `{interface}` `{name}` is another one"
                        )))
                    }
                    _ => Ok(Def::Type(ty)),
                }
            }
            ComponentTypeRef::Type(TypeBounds::SubResource) => {
                let resource = host::resource(self.linked, interface, name, self.imports)?;
                Ok(Def::Type(TypeDef::Resource(resource)))
            }
            ComponentTypeRef::Instance(index) => {
                let TypeDef::Instance(declarations, outer) = at(index) else {
                    unreachable!("validated: an instance type")
                };
                if interface.is_empty() {
                    host::refuse_function_as_instance(name, self.imports)?;
                }
                let name = match interface {
                    "" => name.to_owned(),
                    interface => format!("{interface}/{name}"),
                };
                let instance = self.host_instance(&name, declarations, outer)?;
                Ok(Def::Instance(Rc::new(instance)))
            }
            ComponentTypeRef::Module(_) => Err(host::not_provided("core module", interface, name)),
            ComponentTypeRef::Value(_) => Err(host::not_provided("value", interface, name)),
            ComponentTypeRef::Component(_) => Err(host::not_provided("component", interface, name)),
        }
    }

    /// An instance of the host, of which the type says what it has to have.
    fn host_instance(
        &mut self,
        interface: &str,
        declarations: &'a [InstanceTypeDeclaration<'a>],
        outer: Space<'a>,
    ) -> Result<Instance<'a>> {
        let space = Space::new(RefCell::new(Frame {
            outer: Some(outer),
            ..Frame::default()
        }));
        let mut exports = Instance::new();
        for declaration in declarations {
            match declaration {
                InstanceTypeDeclaration::CoreType(_) => {}
                InstanceTypeDeclaration::Type(ty) => {
                    let ty = self.type_def(&space, ty, None, 0)?;
                    space.borrow_mut().types.push(ty);
                }
                InstanceTypeDeclaration::Alias(alias) => self.alias(&space, alias),
                InstanceTypeDeclaration::Export { name, ty } => {
                    let def = self.host_item(&space, interface, name.name, *ty)?;
                    push(&mut space.borrow_mut(), def.clone());
                    exports.insert(name.name.to_owned(), def);
                }
            }
        }
        Ok(exports)
    }
}

impl Linked<'_> {
    pub(super) fn add_resource(&mut self, resource: Resource) -> ResourceId {
        self.resources.push(resource);
        ResourceId::new(self.resources.len() - 1)
    }
}
