//! Looks up the names that are its arguments.

#![no_std]

extern crate alloc;

use guests::{Name, outcome, say};
use wasip2::cli::environment::get_arguments;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::{IpAddress, resolve_addresses};
use wasip2::sockets::network::ErrorCode;

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let network = instance_network();
        for name in get_arguments().iter().skip(1) {
            let stream = match resolve_addresses(&network, name) {
                Ok(stream) => stream,
                Err(error) => {
                    say!("{name:?}: {}", error.text());
                    continue;
                }
            };
            let waiting = stream.subscribe();
            let mut found = 0;
            let end = loop {
                match stream.resolve_next_address() {
                    Ok(Some(address)) => {
                        found += 1;
                        say!("{name:?}: {}", kind(address));
                    }
                    Ok(None) => break Ok(()),
                    Err(ErrorCode::WouldBlock) => waiting.block(),
                    Err(error) => break Err(error),
                }
            };
            say!(
                "{name:?}: found something {}, end {}",
                found > 0,
                outcome(&end)
            );
        }
        Ok(())
    }
}

fn kind(address: IpAddress) -> alloc::string::String {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => alloc::format!("{a}.{b}.{c}.{d}"),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
            alloc::format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{g:x}:{h:x}")
        }
    }
}
