//! Programs that start threads, by wasi-threads: a module imports `thread-spawn` and a shared memory,
//! and exports what a thread begins with.
//!
//! A thread is another instance of everything, in a store of its own, but for the shared memories that
//! the module imports: those all threads have. Specification: the wasi-threads proposal. Differs from
//! it: active segments are applied once, not by each thread again.

use super::host::{HostFn, type_text};
use super::instantiate::Instantiator;
use super::{FuncKind, InitStep, LinkPlan, Purpose, Threads};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{FuncId, InstanceIndex};
use crate::options::Entry;
use crate::parse::{Extern, Import};
use crate::proposal::Proposal;
use crate::target::System;
use wasmelt_abi::{P1_PREFIX, P1_THREADS_PREFIX, P1_WAITING_FNS, THREAD_SPAWN_SYMBOL};
use wasmparser::{FuncType, ValType};

const MODULE: &str = "wasi";
const SPAWN: &str = "thread-spawn";
const START: &str = "wasi_thread_start";

pub(super) fn is_spawn(import: &Import<'_>) -> bool {
    (import.module, import.name) == (MODULE, SPAWN)
}

impl Instantiator<'_, '_> {
    /// The function that starts a thread.
    ///
    /// # Errors
    /// `Link` for another type, or if it is withheld; `Unsupported` in what cannot have threads.
    pub(super) fn thread_spawn(&mut self, ty: &FuncType) -> Result<HostFn> {
        if let Some(key) = self.options.withheld.key_of(MODULE, SPAWN) {
            return Err(super::host::withheld(MODULE, SPAWN, key));
        }
        let expected = FuncType::new([ValType::I32], [ValType::I32]);
        if *ty != expected {
            let message = format!("import `{MODULE}` `{SPAWN}` has the wrong type");
            return Err(Error::link(message)
                .note(format!("imported as {}", type_text(ty)))
                .note(format!("wasi-threads defines {}", type_text(&expected))));
        }
        let by_name = match self.plan.purpose {
            Purpose::Run(Entry::Invoke(_)) => Some("functions that are called by their names"),
            _ => None,
        };
        if let Some(place) = self.plan.without_threads().or(by_name) {
            return Err(unsupported("threads", place));
        }
        Ok(HostFn {
            symbol: THREAD_SPAWN_SYMBOL.to_owned(),
            module: MODULE.to_owned(),
            name: SPAWN.to_owned(),
            sig: self.plan.sigs.intern(ty),
            diverges: false,
        })
    }

    /// # Errors
    /// `Unsupported` where there are no shared memories, `Usage` where none are wanted.
    pub(super) fn check_shared(&self) -> Result<()> {
        if self.options.proposals_off.contains(&Proposal::SharedMemory) {
            let error = Error::usage("the module has a shared memory, which none is to have");
            return Err(error.help("leave out `-W shared-memory=n`"));
        }
        match self.plan.without_threads() {
            Some(place) => Err(unsupported("shared memories", place)),
            None => Ok(()),
        }
    }
}

impl LinkPlan<'_> {
    /// What the program is, if it can have neither threads nor shared memories.
    fn without_threads(&self) -> Option<&'static str> {
        match self.purpose {
            Purpose::Script => None,
            Purpose::Run(Entry::Library) => Some("libraries"),
            Purpose::Run(Entry::Serve) => Some("servers"),
            _ if self.server.is_some() => Some("servers"),
            _ if self.target.system != System::Linux => {
                Some("programs for other systems than Linux")
            }
            _ => None,
        }
    }

    /// Makes what each thread begins with, once the entry is known.
    ///
    /// # Errors
    /// `Link` when the module does not export it, `Unsupported` in a server.
    pub(super) fn settle_threads(&mut self) -> Result<()> {
        if let Some(place) = self.without_threads()
            && self.memories.iter().any(|memory| memory.shared)
        {
            return Err(unsupported("shared memories", place));
        }
        if !self
            .host_fns
            .iter()
            .any(|it| it.symbol == THREAD_SPAWN_SYMBOL)
        {
            return Ok(());
        }
        if self.sigs.has_objects() {
            return Err(unsupported("garbage collection", "programs with threads"));
        }
        let last = InstanceIndex::new(self.instances.len() - 1);
        let module = self.units[self.instances[last.index()].unit].module;
        for memory in 0..module.memories_imported {
            let id = self.instances[last.index()].memories[memory];
            let memory = &mut self.memories[id.index()];
            memory.is_common = memory.shared;
        }
        let Some(Extern::Func(func)) = module.export(START) else {
            let message = format!("the module imports `{SPAWN}` and does not export `{START}`");
            return Err(Error::link(message).note("a new thread begins with that function"));
        };
        let ty = module.func_type(func);
        let expected = FuncType::new([ValType::I32, ValType::I32], []);
        if *ty != expected {
            let message = format!("the export `{START}` has the wrong type");
            return Err(Error::link(message)
                .note(format!("its type is {}", type_text(ty)))
                .note(format!("wasi-threads defines {}", type_text(&expected))));
        }
        let start = self.add_func(FuncKind::ExportCall {
            callee: self.instances[last.index()].funcs[func.index()],
            instance: last,
            sig: self.func_sig(last, func),
        });
        for host in &mut self.host_fns {
            if let Some(name) = host.symbol.strip_prefix(P1_PREFIX)
                && P1_WAITING_FNS.iter().any(|row| row.name == name)
            {
                host.symbol = format!("{P1_THREADS_PREFIX}{name}");
            }
        }
        let instances = (0..self.instances.len()).map(InstanceIndex::new);
        let instantiate = instances.map(|it| self.instantiate_again(it)).collect();
        self.threads = Some(Threads { start, instantiate });
        Ok(())
    }

    /// What is run for a further thread to have an instance.
    fn instantiate_again(&mut self, index: InstanceIndex) -> Option<FuncId> {
        let instance = &self.instances[index.index()];
        let first = instance.instantiate?;
        let is_once = |step: &InitStep| match step {
            InitStep::Data { memory, .. } => self.memories[memory.index()].is_common,
            _ => false,
        };
        match instance.steps.iter().any(is_once) {
            true => Some(self.add_func(FuncKind::InstantiateAgain(index))),
            false => Some(first),
        }
    }
}

fn unsupported(what: &str, place: &str) -> Error {
    let message = format!("unsupported: {what} in {place}");
    let error = Error::new(ErrorKind::Unsupported, message);
    error.help("build it without threads: `wasm32-wasip1` rather than `wasm32-wasip1-threads`")
}
