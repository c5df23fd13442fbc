//! A component described for people: core modules in it, imports and exports with their types.

use super::component_type::TypeText;
use super::description::{Externs, ModuleSummary, Summary};
use crate::error::{Error, Result};
use crate::parse::{self, ComponentBinary};
use wasmparser::component_types::{ComponentEntityType, ComponentItem};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    ComponentName, CustomSectionReader, KnownCustom, Parser, Payload, ValidPayload, Validator,
    WasmFeatures,
};

/// Validates a component and describes it.
///
/// # Errors
/// As for [`parse::parse_component`].
pub(crate) fn of_component(wasm: &[u8], features: WasmFeatures) -> Result<Summary> {
    let binary = parse::parse_component(wasm, features)?;
    let outline = outline(wasm)?;
    let mut summary = Summary {
        is_component: true,
        modules: modules(&binary, &outline.modules),
        components: outline.components,
        ..Summary::default()
    };
    let types = outline.types.as_ref();
    for name in &outline.externs.imports {
        let item = types
            .component_item_for_import(name)
            .expect("the validator has seen the same imports");
        for (function, ty) in items(types, item) {
            summary.imports.push((name.clone(), function, ty));
        }
    }
    for name in &outline.externs.exports {
        let item = types
            .component_item_for_export(name)
            .expect("the validator has seen the same exports");
        for (function, ty) in items(types, item) {
            let separator = if function.is_empty() { "" } else { "#" };
            let name = format!("{name}{separator}{function}");
            summary.exports.push((name, ty));
        }
    }
    summary.functions = summary.modules.iter().map(|module| module.functions).sum();
    summary.custom = outline.custom;
    Ok(summary)
}

/// The names of what the root imports and exports, as far as they can be read; nothing is
/// validated.
pub(crate) fn externs(wasm: &[u8]) -> Externs {
    let mut externs = Externs::default();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(payload) = payload else {
            return externs;
        };
        follow(&payload, &mut depth);
        if depth == 1 && names(payload, &mut externs).is_err() {
            return externs;
        }
    }
    externs
}

/// What is read beside the definitions.
struct Outline {
    externs: Externs,
    types: Types,
    /// Of each core module, in order, the length and the name that the component gives it.
    modules: Vec<(u64, String)>,
    /// Components inside, at any depth.
    components: usize,
    custom: Vec<(String, u64)>,
}

/// Reads a valid component once more, without the bodies of functions.
fn outline(wasm: &[u8]) -> Result<Outline> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut externs = Externs::default();
    let mut modules: Vec<(u64, String)> = Vec::new();
    // Positions of the core modules of each component that is being read, from the root inwards.
    let mut open: Vec<Vec<usize>> = Vec::new();
    let mut components = 0;
    let mut custom = Vec::new();
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let ValidPayload::End(types) = validator.payload(&payload)?
            && depth == 1
        {
            return Ok(Outline {
                externs,
                types,
                modules,
                components,
                custom,
            });
        }
        follow(&payload, &mut depth);
        match &payload {
            Payload::Version { .. } => open.push(Vec::new()),
            Payload::End(_) => {
                open.pop();
            }
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                open.last_mut()
                    .expect("a version comes first")
                    .push(modules.len());
                modules.push((unchecked_range.end - unchecked_range.start, String::new()));
            }
            Payload::ComponentSection { .. } => components += 1,
            Payload::CustomSection(section) => {
                let own = open.last().expect("a version comes first");
                name_modules(section, own, &mut modules);
                if depth == 1 {
                    custom.push((section.name().to_owned(), section.data().len() as u64));
                }
            }
            _ => {}
        }
        if depth == 1 {
            names(payload, &mut externs)?;
        }
    }
    Err(Error::invalid("unexpected end of file", wasm.len() as u64))
}

/// Applies the names that a component's name section has for its own modules. What is wrong with
/// that section does not matter.
fn name_modules(section: &CustomSectionReader<'_>, own: &[usize], modules: &mut [(u64, String)]) {
    let KnownCustom::ComponentName(subsections) = section.as_known() else {
        return;
    };
    for subsection in subsections.into_iter().flatten() {
        let ComponentName::CoreModules(names) = subsection else {
            continue;
        };
        for naming in names.into_iter().flatten() {
            if let Some(&module) = own.get(naming.index as usize) {
                naming.name.clone_into(&mut modules[module].1);
            }
        }
    }
}

/// How deep the next payload lies: 1 in the root.
fn follow(payload: &Payload<'_>, depth: &mut usize) {
    match payload {
        Payload::Version { .. } => *depth += 1,
        Payload::End(_) => *depth -= 1,
        _ => {}
    }
}

fn names(payload: Payload<'_>, externs: &mut Externs) -> Result<()> {
    match payload {
        Payload::ComponentImportSection(section) => {
            for import in section {
                externs.imports.push(import?.name.name.to_owned());
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section {
                externs.exports.push(export?.name.name.to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

fn modules(binary: &ComponentBinary<'_>, outlined: &[(u64, String)]) -> Vec<ModuleSummary> {
    let modules = binary.modules.iter().zip(outlined);
    modules
        .map(|(module, (bytes, name))| ModuleSummary {
            name: module.name.unwrap_or(name).to_owned(),
            bytes: *bytes,
            functions: module.bodies.len(),
        })
        .collect()
}

/// What there is below one import or export: the functions of an interface, or the item itself
/// under an empty name.
fn items(types: TypesRef<'_>, item: &ComponentItem) -> Vec<(String, String)> {
    let ComponentEntityType::Instance(instance) = item.ty else {
        let text = TypeText::of_root(types).entity(item.ty);
        return vec![(String::new(), text)];
    };
    let exports = &types[instance].exports;
    let mut text = TypeText::of_interface(types, exports);
    let is_type = |item: &ComponentItem| matches!(item.ty, ComponentEntityType::Type { .. });
    let mut listed: Vec<(String, String)> = exports
        .iter()
        .filter(|(_, item)| !is_type(item))
        .map(|(name, item)| (name.clone(), text.entity(item.ty)))
        .collect();
    if listed.is_empty() {
        listed.push((String::new(), String::from("types")));
    }
    listed
}
