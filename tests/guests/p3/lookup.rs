//! Looks up the names that are its arguments, all at once.

#![no_std]

extern crate alloc;

use alloc::string::String;

use futures::future::join_all;
use guests::say;
use wasip3::cli::environment::get_arguments;
use wasip3::sockets::ip_name_lookup::{IpAddress, resolve_addresses};

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let names = get_arguments();
        let names = names.iter().skip(1);
        let lookups = names.clone().map(|name| resolve_addresses(name.clone()));
        for (name, found) in names.zip(join_all(lookups).await) {
            match found {
                Ok(addresses) => say!("{name:?}: {}", text(addresses[0])),
                Err(error) => say!("{name:?}: {error:?}"),
            }
        }
        Ok(())
    }
}

fn text(address: IpAddress) -> String {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => alloc::format!("{a}.{b}.{c}.{d}"),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
            alloc::format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
        }
    }
}
