//! What a program may do with `wasi:http`: `wasmelt_abi::HttpPolicy`, which only those have that call
//! its functions.

use super::code::Target;
use super::program::Writer;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{HttpFlags, HttpPolicy, P2_PREFIX, P3_PREFIX, Str};

/// What the names of the interfaces of `wasi:http` begin with.
const HTTP_INTERFACES: &str = "wasi:http/";

impl Writer<'_> {
    /// The `HttpPolicy`, of a program that calls functions of `wasi:http`.
    pub(super) fn write_http(&mut self) -> Option<u64> {
        let is_http = |target: &Target| match target {
            Target::Host(host) => {
                let symbol = &self.plan.host_fns[host.index()].symbol;
                let name = symbol.strip_prefix(P2_PREFIX);
                let name = name.or_else(|| symbol.strip_prefix(P3_PREFIX));
                name.is_some_and(|name| name.starts_with(HTTP_INTERFACES))
            }
            _ => false,
        };
        if !self.text.relocs.iter().any(|r| is_http(&r.target)) {
            return None;
        }
        let policy = &self.options.policy;
        let at = self.blob.reserve(size_of::<HttpPolicy>());
        let field = |offset: usize| at + offset as u64;
        let flags = u64::from(policy.grants_http()) * HttpFlags::CLIENT;
        self.blob
            .set_u64(field(offset_of!(HttpPolicy, flags)), flags);
        let hosts = self.array(policy.http_hosts.len(), size_of::<Str>());
        for (position, host) in policy.http_hosts.iter().enumerate() {
            let at = hosts + (position * size_of::<Str>()) as u64;
            self.str(at, host.as_bytes());
        }
        self.slice(
            field(offset_of!(HttpPolicy, hosts)),
            (Some(hosts), policy.http_hosts.len()),
        );
        Some(at)
    }
}
