//! Components of a script that import instances of earlier ones by their names.
//!
//! A program of ours has no component that is linked later. So such a component is made a part of
//! one that also has those that it names, each as an instance of its own, and that exports what it
//! exports. Validation then tells whether they fit.

use std::collections::HashMap;

use wasm_encoder::{ComponentBuilder, ComponentExportKind};
use wasmelt_compiler::InputKind;
use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::{ComponentExternalKind, Parser, Payload, Validator, WasmFeatures};

use crate::read::{Action, Encoded, Step, StepKind};

/// What Wasmtime's driver has as `host` besides functions and resources.
const HOST_MODULES: &str = r#"
    (component
      (core module (export "simple-module")
        (global (export "g") i32 (i32.const 100))
        (func (export "f") (result i32) (i32.const 101))))
"#;

/// Replaces the components of a script that import earlier ones.
pub fn link(steps: &mut [Step]) {
    // By name; the last definition's is empty.
    let mut definitions: HashMap<String, Vec<u8>> = HashMap::new();
    let mut named: HashMap<String, Vec<u8>> = HashMap::new();
    for step in steps {
        match &mut step.kind {
            StepKind::Module {
                name,
                wasm,
                instantiate,
            } => {
                replace(wasm, &named);
                let Ok(wasm) = wasm else { continue };
                for name in [Some(""), name.as_deref()].into_iter().flatten() {
                    definitions.insert(name.to_owned(), wasm.clone());
                }
                if let Some(name) = name
                    && *instantiate
                {
                    named.insert(name.clone(), wasm.clone());
                }
            }
            StepKind::Instance { instance, module } => {
                let definition = definitions.get(module.as_deref().unwrap_or(""));
                if let (Some(name), Some(wasm)) = (instance, definition) {
                    named.insert(name.clone(), wasm.clone());
                }
            }
            StepKind::Unlinkable { wasm }
            | StepKind::Action {
                action: Action::Instantiate { wasm },
                ..
            } => replace(wasm, &named),
            _ => {}
        }
    }
}

fn replace(wasm: &mut Encoded, named: &HashMap<String, Vec<u8>>) {
    if let Ok(bytes) = wasm
        && wasmelt_compiler::input_kind(bytes) == InputKind::Component
        && let Some(linked) = with_imports(bytes, named)
    {
        *bytes = linked;
    }
}

/// The component that has `wasm` and all that it imports, if they are all components of the
/// script; none where the host's imports are needed, or none at all.
fn with_imports(wasm: &[u8], named: &HashMap<String, Vec<u8>>) -> Option<Vec<u8>> {
    let externs = Externs::of(wasm)?;
    if externs.imports.is_empty() {
        return None;
    }
    let mut builder = ComponentBuilder::default();
    let mut instances = Vec::new();
    for (name, needs_modules_alone) in &externs.imports {
        let host;
        let provider = match named.get(name) {
            Some(provider) => provider,
            None if name == "host" && *needs_modules_alone => {
                host = wat::parse_str(HOST_MODULES).expect("it is a component");
                &host
            }
            None => return None,
        };
        let component = builder.component_raw(None, provider);
        let nothing: [(&str, ComponentExportKind, u32); 0] = [];
        let instance = builder.instantiate(None, component, nothing);
        instances.push((name.as_str(), ComponentExportKind::Instance, instance));
    }
    let component = builder.component_raw(None, wasm);
    let instance = builder.instantiate(None, component, instances);
    for (name, kind) in &externs.exports {
        let item = builder.alias_export(instance, name, *kind);
        builder.export(name.as_str(), *kind, item, None);
    }
    Some(builder.finish())
}

/// The names at the root of a component.
struct Externs {
    /// And whether it is an instance of core modules alone.
    imports: Vec<(String, bool)>,
    exports: Vec<(String, ComponentExportKind)>,
}

impl Externs {
    /// None of what is not valid.
    fn of(wasm: &[u8]) -> Option<Externs> {
        let types = Validator::new_with_features(WasmFeatures::all())
            .validate_all(wasm)
            .ok()?;
        let needs_modules_alone = |item: &ComponentItem| {
            let ComponentEntityType::Instance(id) = item.ty else {
                return false;
            };
            let mut exports = types[id].exports.values();
            let is_module =
                |export: &ComponentItem| matches!(export.ty, ComponentEntityType::Module(_));
            exports.len() > 0 && exports.all(is_module)
        };
        let mut externs = Externs {
            imports: Vec::new(),
            exports: Vec::new(),
        };
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        let name = import.ok()?.name.name;
                        let item = types.as_ref().component_item_for_import(name)?;
                        let modules_alone = needs_modules_alone(item);
                        externs.imports.push((name.to_owned(), modules_alone));
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        let export = export.ok()?;
                        let name = export.name.name.to_owned();
                        externs.exports.push((name, kind(export.kind)));
                    }
                }
                _ => {}
            }
        }
        Some(externs)
    }
}

fn kind(kind: ComponentExternalKind) -> ComponentExportKind {
    match kind {
        ComponentExternalKind::Module => ComponentExportKind::Module,
        ComponentExternalKind::Func => ComponentExportKind::Func,
        ComponentExternalKind::Value => ComponentExportKind::Value,
        ComponentExternalKind::Type => ComponentExportKind::Type,
        ComponentExternalKind::Instance => ComponentExportKind::Instance,
        ComponentExternalKind::Component => ComponentExportKind::Component,
    }
}
