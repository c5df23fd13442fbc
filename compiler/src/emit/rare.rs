//! How the program is run, and what of its policy few programs have.

use super::blob::Address;
use super::program::Writer;
use crate::options::Entry;
use crate::plan::{Purpose, Server, Threads};
use std::mem::{offset_of, size_of};
use wasmelt_abi::{Hardening, ON_TRAP_SYMBOL, RANDOM_BYTES_MAX, RESTRICT_SYMBOL, Rare, Streams};

/// So many threads run at once, besides the first, unless the options say otherwise.
const THREADS_MAX: u64 = 1000;

impl Writer<'_> {
    /// The symbol of the runtime's way of running the program, when nothing restricts it.
    pub(super) fn main(&self) -> &'static str {
        // What is no task is called without what looks after tasks.
        let mut exports = self.plan.component_exports.iter();
        let is_task = exports.any(|export| self.plan.linked.is_task(export.lift));
        match &self.plan.purpose {
            Purpose::Run(_) if self.plan.server == Some(Server::P2) && is_task => {
                "wasmelt_main_http_p2_tasks"
            }
            Purpose::Run(_) if self.plan.server == Some(Server::P2) => "wasmelt_main_http_p2",
            Purpose::Run(_) if self.plan.server == Some(Server::P3) => "wasmelt_main_http_p3",
            Purpose::Run(Entry::Invoke(_)) => "wasmelt_main_invoke",
            Purpose::Run(Entry::Library) => "wasmelt_main_library",
            Purpose::Run(_) if self.plan.threads.is_some() => "wasmelt_main_threads",
            Purpose::Run(_) if self.plan.linked.instances.is_empty() => "wasmelt_main_command",
            Purpose::Run(_) => "wasmelt_main_component",
            Purpose::Script => "wasmelt_main_script",
        }
    }

    /// That of the program, when nothing else restricts it.
    pub(super) fn main_on_trap(&self) -> &'static str {
        match self.options.on_trap.key() {
            Some(_) => ON_TRAP_SYMBOL,
            None => self.main(),
        }
    }

    /// What code uses that a processor may lack, as `wasmelt_abi::Rare` has it.
    pub(super) fn features(&self) -> u64 {
        let options = self.options;
        let target = options.target;
        target.unusual_features(options.target_cpu, &options.target_features)
    }

    /// Writes a `wasmelt_abi::Rare`; gives its offset.
    pub(super) fn write_rare(&mut self) -> u64 {
        let policy = &self.options.policy;
        let features = self.features();
        let at = self.blob.reserve(size_of::<Rare>());
        let field = |offset: usize| at + offset as u64;
        let main = Address::Symbol(self.main_on_trap().to_owned());
        self.blob.set_address(field(offset_of!(Rare, main)), main);
        let timeout = policy.timeout.map_or(0, |timeout| {
            // None at all would be no limit.
            u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX).max(1)
        });
        self.blob
            .set_u64(field(offset_of!(Rare, timeout_ns)), timeout);
        self.blob
            .set_u64(field(offset_of!(Rare, features)), features);
        let withheld = policy.withheld_streams;
        let streams = (u64::from(withheld.stdin) * Streams::STDIN)
            | (u64::from(withheld.stdout) * Streams::STDOUT)
            | (u64::from(withheld.stderr) * Streams::STDERR);
        self.blob
            .set_u64(field(offset_of!(Rare, withheld_streams)), streams);
        let random = policy.random_bytes_max.unwrap_or(RANDOM_BYTES_MAX);
        self.blob
            .set_u64(field(offset_of!(Rare, random_bytes_max)), random);
        if let (Some(counters), Some(path)) = (self.counters, &self.options.profile_generate) {
            let profile = Address::Blob(self.write_profile(counters, path));
            self.blob
                .set_address(field(offset_of!(Rare, profile)), profile);
        }
        if policy.is_hardened {
            let hardening = Address::Blob(self.write_hardening());
            self.blob
                .set_address(field(offset_of!(Rare, hardening)), hardening);
        }
        if let Some(embedded) = self.write_embedded() {
            let field = field(offset_of!(Rare, embedded));
            self.blob.set_address(field, Address::Blob(embedded));
        }
        if let Some(threads) = &self.plan.threads {
            let threads = Address::Blob(self.write_threads(threads));
            self.blob
                .set_address(field(offset_of!(Rare, threads)), threads);
        }
        if self.options.on_trap.key().is_some() {
            let on_trap = Address::Blob(self.write_on_trap());
            self.blob
                .set_address(field(offset_of!(Rare, on_trap)), on_trap);
        }
        if let Some(cwd) = &policy.cwd {
            self.str(field(offset_of!(Rare, cwd)), cwd.as_bytes());
        }
        at
    }

    /// Writes a `wasmelt_abi::Threads`; gives its offset.
    fn write_threads(&mut self, threads: &Threads) -> u64 {
        let functions = self
            .blob
            .reserve(threads.instantiate.len() * size_of::<u64>());
        for (position, func) in (0..).zip(&threads.instantiate) {
            if let Some(func) = *func {
                let field = functions + position * size_of::<u64>() as u64;
                self.blob.set_address(field, Address::Code(func));
            }
        }
        let at = self.blob.reserve(size_of::<wasmelt_abi::Threads>());
        let field = |offset: usize| at + offset as u64;
        let start = field(offset_of!(wasmelt_abi::Threads, start));
        self.blob.set_address(start, Address::Code(threads.start));
        let instantiate = field(offset_of!(wasmelt_abi::Threads, instantiate));
        self.slice(instantiate, (Some(functions), threads.instantiate.len()));
        let threads_max = self.options.threads_max.unwrap_or(THREADS_MAX);
        self.blob.set_u64(
            field(offset_of!(wasmelt_abi::Threads, threads_max)),
            threads_max,
        );
        at
    }

    /// Writes a `wasmelt_abi::Hardening`; gives its offset.
    fn write_hardening(&mut self) -> u64 {
        let at = self.blob.reserve(size_of::<Hardening>());
        if self.plan.server.is_some() {
            let field = at + offset_of!(Hardening, restrict) as u64;
            let restrict = Address::Symbol(RESTRICT_SYMBOL.to_owned());
            self.blob.set_address(field, restrict);
        } else if let Some(init) = self.host_init() {
            let field = at + offset_of!(Hardening, host_init) as u64;
            self.blob.set_address(field, Address::Symbol(init));
        }
        let mut files: Vec<String> = self.keyvalue_file().into_iter().collect();
        let core_dump = self.options.on_trap.core_dump.iter();
        files.extend(core_dump.map(|path| path.to_string_lossy().into_owned()));
        self.texts(at + offset_of!(Hardening, files) as u64, &files);
        let dirs: Vec<String> = self.blobstore_dir().into_iter().collect();
        self.texts(at + offset_of!(Hardening, dirs) as u64, &dirs);
        let calls = self.system_calls();
        self.blob
            .set_u64(at + offset_of!(Hardening, calls) as u64, calls);
        at
    }
}
