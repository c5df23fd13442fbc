//! What the guest finds open: the directories of the policy, from descriptor 3 on, and behind
//! them, where the policy hands on the network, the sockets of a service manager.

use wasmelt_abi::{PolicyFlags, Program};

use super::table::{self, Entry};
use crate::host::{Descriptor, Error, preopens, socket};
use crate::vm::process::items;

/// Opens the directories before the program is instantiated. One that cannot be opened ends the
/// process with a message.
pub fn init(program: &'static Program) {
    for preopen in items(&program.policy.preopens) {
        if let Some(directory) = preopens::open(preopen) {
            let name = Some(items(&preopen.guest));
            let entry = Entry {
                preopen: name,
                ..Entry::new(Descriptor::Directory(directory))
            };
            if table::insert(entry).is_err() {
                preopens::fail(preopen, Error::TooManyOpenFiles);
            }
        }
    }
    let network = PolicyFlags::INHERIT_NETWORK | PolicyFlags::NO_TCP;
    if program.policy.flags & network == PolicyFlags::INHERIT_NETWORK {
        for socket in socket::inherited() {
            if table::insert(Entry::new(Descriptor::Socket(socket))).is_err() {
                break;
            }
        }
    }
}
