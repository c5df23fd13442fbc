//! What the kernel keeps a hardened program to: its system calls, as bits for the runtime and as text
//! for people.

use super::http::CLIENT_INTERFACES;
use super::program::Writer;
use crate::target::Arch;
use std::fmt::Write;
use wasmelt_abi::SystemCalls;

/// A family of system calls: who makes them, and their names.
struct Family {
    name: &'static str,
    all: &'static [&'static str],
    x86_64: &'static [&'static str],
    aarch64: &'static [&'static str],
}

macro_rules! families {
    ($($family:ident { all: $($all:ident)*; x86_64: $($x86_64:ident)*; aarch64: $($aarch64:ident)*; })*) => {
        const FAMILIES: [Family; SystemCalls::FAMILIES.len()] = [$(Family {
            name: stringify!($family),
            all: &[$(stringify!($all)),*],
            x86_64: &[$(stringify!($x86_64)),*],
            aarch64: &[$(stringify!($aarch64)),*],
        }),*];
    };
}
wasmelt_abi::for_each_system_call!(families);

impl Writer<'_> {
    /// The system calls that the program has use for, as bits of `wasmelt_abi::SystemCalls`.
    pub(super) fn system_calls(&self) -> u64 {
        let policy = &self.options.policy;
        let is_server = self.plan.server.is_some();
        let sends = policy.grants_http() && self.calls_host(&CLIENT_INTERFACES);
        let secures = self.calls_host(&["wasi:tls/"]);
        let sockets = policy.inherit_network || is_server || sends;
        // Threads are among what waits for several things.
        let has_events = !self.plan.linked.instances.is_empty() || self.plan.threads.is_some();
        let has = [
            (
                SystemCalls::FILES,
                !policy.dirs.is_empty()
                    || self.keyvalue_file().is_some()
                    || self.blobstore_dir().is_some()
                    || self.options.on_trap.core_dump.is_some(),
            ),
            (SystemCalls::SOCKETS, sockets),
            (SystemCalls::NAMES, policy.allow_ip_name_lookup || sends),
            (SystemCalls::CERTIFICATES, sends || secures),
            (SystemCalls::EVENTS, has_events),
            (SystemCalls::WORKERS, is_server),
        ];
        let has = has.iter().filter(|(_, it_has)| *it_has);
        has.fold(0, |calls, (bit, _)| calls | bit)
    }

    /// The same as lines of [`crate::Options::policy_note`], one a family.
    pub(super) fn system_calls_note(&self) -> String {
        let mut text = String::new();
        if !self.options.policy.is_hardened {
            return text;
        }
        let bits = self.system_calls();
        let has = |(position, _): &(usize, Family)| SystemCalls::has(bits, *position);
        for (_, family) in FAMILIES.into_iter().enumerate().filter(has) {
            let own: &[&str] = match self.options.target.arch {
                Arch::X86_64 => family.x86_64,
                Arch::Aarch64 => family.aarch64,
                Arch::Riscv64 => &[],
            };
            let mut names: Vec<&str> = family.all.iter().chain(own).copied().collect();
            names.sort_unstable();
            let names = names.iter().map(|name| name.trim_start_matches("SYS_"));
            let names: Vec<&str> = names.collect();
            let name = match family.name {
                "any" => String::from("system calls"),
                name => format!("  for {name}"),
            };
            let _ = writeln!(text, "{name:<14} {}", names.join(" "));
        }
        text
    }
}
