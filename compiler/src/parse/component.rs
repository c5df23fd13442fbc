//! A component's bytes to its definitions, in order.
//!
//! Validation has been done when this is read, so that the phase that evaluates the definitions
//! relies on every index. Specification: component model, "Binary Format".

use super::{FunctionInput, Module, validate_bodies};
use crate::error::{Error, Result};
use wasmparser::{
    CanonicalFunction, ComponentAlias, ComponentExport, ComponentImport, ComponentInstance,
    ComponentType, CompositeInnerType, CoreType, FuncType, Instance, Parser, Payload, SubType,
    ValidPayload, Validator, WasmFeatures,
};

/// What is validated of the component model; as in modules, what of it is not compiled is reported
/// by the phase that would have to do it.
pub const COMPONENT_FEATURES: WasmFeatures = WasmFeatures::COMPONENT_MODEL
    .union(WasmFeatures::CM_MAP)
    .union(WasmFeatures::CM_ASYNC)
    .union(WasmFeatures::CM_GC)
    .union(WasmFeatures::CM_IMPLEMENTS);

/// A validated component: all core modules in it, at any depth, and the tree of components.
#[derive(Debug)]
pub struct ComponentBinary<'a> {
    pub modules: Vec<Module<'a>>,
    pub root: Component<'a>,
}

/// One component.
#[derive(Default, Debug)]
pub struct Component<'a> {
    pub definitions: Vec<Definition<'a>>,
}

/// A definition, with what it adds to an index space, and its offset where errors need it.
#[derive(Debug)]
pub enum Definition<'a> {
    /// Position in [`ComponentBinary::modules`].
    CoreModule(usize),
    CoreInstance(Instance<'a>),
    /// One, or those of a recursive group; what are not function types are there as nothing.
    CoreTypes(Vec<Option<FuncType>>),
    Component(Component<'a>),
    Instance(ComponentInstance<'a>),
    Alias(ComponentAlias<'a>),
    Type(ComponentType<'a>, u64),
    Canon(CanonicalFunction, u64),
    Import(ComponentImport<'a>, u64),
    Export(ComponentExport<'a>),
}

/// What is being read, inside out.
enum Open<'a> {
    Module(Box<Module<'a>>, Vec<FunctionInput<'a>>),
    Component(Component<'a>),
}

/// Decodes and validates a component; `features` are what it and the modules in it may use.
///
/// # Errors
/// `Invalid` with the offset for what validation rejects, `Unsupported` for what is not compiled
/// yet.
pub fn parse_component(wasm: &[u8], features: WasmFeatures) -> Result<ComponentBinary<'_>> {
    let mut validator = Validator::new_with_features(features);
    let mut modules = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::Func(to_validate, body) = validator.payload(&payload)?
            && let Some(Open::Module(_, functions)) = open.last_mut()
        {
            functions.push((to_validate, body));
        }
        match payload {
            Payload::Version { encoding, .. } => open.push(match encoding {
                wasmparser::Encoding::Module => Open::Module(Box::new(Module::empty()), Vec::new()),
                wasmparser::Encoding::Component => Open::Component(Component::default()),
            }),
            Payload::End(_) => {
                let closed = match open.pop().expect("an end has a beginning") {
                    Open::Module(mut module, functions) => {
                        module.bodies = validate_bodies(&functions, &module.types)?;
                        modules.push(*module);
                        Definition::CoreModule(modules.len() - 1)
                    }
                    Open::Component(component) => Definition::Component(component),
                };
                match (open.last_mut(), closed) {
                    (Some(Open::Component(outer)), closed) => outer.definitions.push(closed),
                    (None, Definition::Component(root)) => {
                        return Ok(ComponentBinary { modules, root });
                    }
                    _ => unreachable!("modules contain nothing, and the outermost is a component"),
                }
            }
            payload => match open.last_mut().expect("payloads come after a version") {
                Open::Module(module, _) => module.section(payload)?,
                Open::Component(component) => component.section(payload)?,
            },
        }
    }
    unreachable!("the parser fails where the input ends early")
}

fn function_types(ty: &CoreType<'_>) -> Vec<Option<FuncType>> {
    let CoreType::Rec(group) = ty else {
        return vec![None];
    };
    let function = |ty: &SubType| match &ty.composite_type.inner {
        CompositeInnerType::Func(ty) => Some(ty.clone()),
        _ => None,
    };
    group.types().map(function).collect()
}

impl<'a> Component<'a> {
    /// Adds one validated section.
    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        let definitions = &mut self.definitions;
        match payload {
            Payload::InstanceSection(reader) => {
                for instance in reader {
                    definitions.push(Definition::CoreInstance(instance?));
                }
            }
            Payload::CoreTypeSection(reader) => {
                for ty in reader {
                    definitions.push(Definition::CoreTypes(function_types(&ty?)));
                }
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader {
                    definitions.push(Definition::Instance(instance?));
                }
            }
            Payload::ComponentAliasSection(reader) => {
                for alias in reader {
                    definitions.push(Definition::Alias(alias?));
                }
            }
            Payload::ComponentTypeSection(reader) => {
                for ty in reader.into_iter_with_offsets() {
                    let (offset, ty) = ty?;
                    definitions.push(Definition::Type(ty, offset));
                }
            }
            Payload::ComponentCanonicalSection(reader) => {
                for canon in reader.into_iter_with_offsets() {
                    let (offset, canon) = canon?;
                    definitions.push(Definition::Canon(canon, offset));
                }
            }
            Payload::ComponentImportSection(reader) => {
                for import in reader.into_iter_with_offsets() {
                    let (offset, import) = import?;
                    definitions.push(Definition::Import(import, offset));
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader {
                    definitions.push(Definition::Export(export?));
                }
            }
            Payload::ComponentStartSection { range, .. } => {
                return Err(Error::unsupported(
                    "start functions of components (gated)",
                    range.start,
                ));
            }
            _ => {}
        }
        Ok(())
    }
}
