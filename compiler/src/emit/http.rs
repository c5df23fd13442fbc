//! What a program may do with `wasi:http`: `wasmelt_abi::HttpPolicy`, which only those have that call
//! its functions or are servers.

use super::blob::Address;
use super::code::Target;
use super::program::Writer;
use std::mem::{offset_of, size_of};
use wasmelt_abi::{
    HTTP_SERVER_HTTP2_SYMBOL, HTTP_SERVER_TLS_SYMBOL, HTTP_TLS_SYMBOL, HttpFlags, HttpPolicy,
    P2_PREFIX, P3_PREFIX, Str,
};

/// What the names of the interfaces of `wasi:http` begin with.
const HTTP_INTERFACES: &str = "wasi:http/";

/// And those by which requests are sent.
pub(super) const CLIENT_INTERFACES: [&str; 2] = ["wasi:http/outgoing-handler", "wasi:http/client"];

impl Writer<'_> {
    /// The `HttpPolicy`, of a program that calls functions of `wasi:http`.
    pub(super) fn write_http(&mut self) -> Option<u64> {
        if self.plan.server.is_none() && !self.calls_host(&[HTTP_INTERFACES]) {
            return None;
        }
        let policy = &self.options.policy;
        let at = self.blob.reserve(size_of::<HttpPolicy>());
        let field = |offset: usize| at + offset as u64;
        let flags = u64::from(policy.grants_http()) * HttpFlags::CLIENT;
        self.blob
            .set_u64(field(offset_of!(HttpPolicy, flags)), flags);
        self.texts(field(offset_of!(HttpPolicy, hosts)), &policy.http_hosts);
        self.texts(
            field(offset_of!(HttpPolicy, server_options)),
            &self.options.server,
        );
        if policy.grants_http() && self.calls_host(&CLIENT_INTERFACES) {
            let tls = Address::Symbol(HTTP_TLS_SYMBOL.to_owned());
            self.blob
                .set_address(field(offset_of!(HttpPolicy, provide_tls)), tls);
        }
        let protocols = self.options.protocols;
        let http2 = Address::Symbol(HTTP_SERVER_HTTP2_SYMBOL.to_owned());
        let tls = Address::Symbol(HTTP_SERVER_TLS_SYMBOL.to_owned());
        if protocols.http2 {
            self.blob
                .set_address(field(offset_of!(HttpPolicy, offer_http2)), http2);
        }
        if protocols.tls {
            self.blob
                .set_address(field(offset_of!(HttpPolicy, offer_tls)), tls);
        }
        Some(at)
    }

    /// The slice at `at` of these texts.
    pub(super) fn texts(&mut self, at: u64, texts: &[String]) {
        let start = self.array(texts.len(), size_of::<Str>());
        for (position, text) in texts.iter().enumerate() {
            let at = start + (position * size_of::<Str>()) as u64;
            self.str(at, text.as_bytes());
        }
        self.slice(at, (Some(start), texts.len()));
    }

    /// Whether a host function is called whose name begins with one of these.
    pub(super) fn calls_host(&self, beginnings: &[&str]) -> bool {
        let is_one = |target: &Target| match target {
            Target::Host(host) => {
                let symbol = &self.plan.host_fns[host.index()].symbol;
                let name = symbol.strip_prefix(P2_PREFIX);
                let name = name.or_else(|| symbol.strip_prefix(P3_PREFIX));
                name.is_some_and(|name| beginnings.iter().any(|&start| name.starts_with(start)))
            }
            _ => false,
        };
        self.text.relocs.iter().any(|r| is_one(&r.target))
    }
}
