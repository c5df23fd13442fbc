//! Imports of core modules that the host provides, and what stands in for those that nothing does.

use super::function_name::import_name;
use super::host;
use super::instantiate::Instantiator;
use super::sigs::value_type;
use super::threads;
use super::{Callee, FuncKind, Purpose, Value};
use crate::error::{Error, Result};
use crate::index::{InstanceIndex, RegionIndex, SigId, TagId};
use crate::options::UnknownImports;
use crate::parse::{Import, ImportKind, Module};
use wasmparser::{FuncType, ValType};

/// What Wasmtime's scripts import for a collection.
const COLLECT: (&str, &str) = ("wasmtime", "gc");

impl<'a> Instantiator<'a, '_> {
    pub(super) fn import_from_host(
        &mut self,
        index: InstanceIndex,
        module: &Module<'a>,
        import: &Import<'a>,
    ) -> Result<()> {
        let unknown = self.options.unknown_imports;
        let ImportKind::Func(func) = import.kind else {
            if let ImportKind::Memory(memory) = import.kind
                && let ty = module.memories[memory.index()]
                && ty.shared
            {
                // The host's part in wasi-threads is to make it.
                let id = self.memory(&ty)?;
                self.plan.instances[index.index()].memories.push(id);
                return Ok(());
            }
            if unknown != UnknownImports::Default {
                let error = missing_item(import);
                self.missing.push(import.module, import.name, error);
            }
            return self.define_import(index, module, import.kind);
        };
        let ty = module.func_type(func);
        let sig = self.plan.func_sig(index, func);
        let script = self.plan.purpose == Purpose::Script;
        if script && (import.module, import.name) == COLLECT {
            let func = self.plan.add_func(FuncKind::Collect { sig });
            let callee = Callee::Defined(func);
            self.plan.instances[index.index()].funcs.push(callee);
            return Ok(());
        }
        let withheld = self.options.withheld;
        let sigs = &mut self.plan.sigs;
        let host = match threads::is_spawn(import) && !script {
            true => self.thread_spawn(ty),
            false => host::resolve(import.module, import.name, ty, sigs, script, withheld),
        };
        let has_zeros = ty.results().iter().all(|ty| ty.is_defaultable());
        let callee = match (host, unknown) {
            (Ok(host), _) => Callee::Host(self.host_id(host)),
            (Err(_), UnknownImports::Default) if has_zeros => self.unknown(import, sig, false),
            (Err(_), UnknownImports::Trap) => self.unknown(import, sig, true),
            (Err(_), _) if let Some(callee) = self.embedders(import, ty) => callee,
            (Err(error), _) => {
                self.missing.push(import.module, import.name, error);
                self.unknown(import, sig, true)
            }
        };
        self.plan.instances[index.index()].funcs.push(callee);
        Ok(())
    }

    /// A function for an import that the embedder of a library provides.
    fn embedders(&mut self, import: &Import<'a>, ty: &FuncType) -> Option<Callee> {
        let id = self.plan.library_import(import.module, import.name, ty)?;
        self.plan.funcs[id.index()].name = import_name(import.module, import.name);
        Some(Callee::Defined(id))
    }

    /// A function for an import that nothing provides.
    fn unknown(&mut self, import: &Import<'a>, sig: SigId, traps: bool) -> Callee {
        let id = self.plan.add_func(FuncKind::UnknownImport { traps, sig });
        self.plan.funcs[id.index()].name = import_name(import.module, import.name);
        Callee::Defined(id)
    }

    /// Gives the instance an item of its own for an import, as `-W unknown-imports-default` says,
    /// and while what else is missing is looked for.
    fn define_import(
        &mut self,
        index: InstanceIndex,
        module: &Module<'a>,
        kind: ImportKind,
    ) -> Result<()> {
        let at = index.index();
        match kind {
            ImportKind::Func(_) => unreachable!("functions are not defined"),
            ImportKind::Table(table) => {
                let ty = self.table_type(index, module.tables[table.index()].ty);
                let id = self.table(RegionIndex(0), ty, Value::RefNull)?;
                self.plan.instances[at].tables.push(id);
            }
            ImportKind::Memory(memory) => {
                let id = self.memory(&module.memories[memory.index()])?;
                self.plan.instances[at].memories.push(id);
            }
            ImportKind::Global(global) => {
                let type_sigs = &self.plan.type_sigs[self.plan.instances[at].unit];
                let ty = value_type(module.globals[global.index()].ty.content_type, type_sigs);
                let init = match ty {
                    ValType::I32 => Value::I32(0),
                    ValType::I64 => Value::I64(0),
                    ValType::F32 => Value::F32(0),
                    ValType::F64 => Value::F64(0),
                    ValType::V128 => Value::V128(0),
                    ValType::Ref(_) => Value::RefNull,
                };
                let id = self.global(ty, init);
                self.plan.instances[at].globals.push(id);
            }
            ImportKind::Tag(tag) => {
                let sig = self.plan.type_sig(index, module.tags[tag.index()]);
                self.plan.tags.push(sig);
                let id = TagId::new(self.plan.tags.len() - 1);
                self.plan.instances[at].tags.push(id);
            }
        }
        Ok(())
    }
}

/// The error for a memory, table, global or tag that nothing provides.
fn missing_item(import: &Import<'_>) -> Error {
    let kind = match import.kind {
        ImportKind::Func(_) => "function",
        ImportKind::Table(_) => "table",
        ImportKind::Memory(_) => "memory",
        ImportKind::Global(_) => "global",
        ImportKind::Tag(_) => "tag",
    };
    let (module_name, name) = (import.module, import.name);
    let error = Error::link(format!(
        "nothing provides the {kind} `{module_name}` `{name}`"
    ));
    error.help("WASI provides functions alone: define it in the module")
}
