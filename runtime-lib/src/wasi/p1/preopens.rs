//! What the guest finds open: the directories of the policy, from descriptor 3 on, and behind
//! them, where the policy hands on the network, the sockets of a service manager.

use wasmelt_abi::{PolicyFlags, Preopen, Program};

use super::table::{self, Entry};
use crate::host::{Descriptor, Error, preopens, process, socket};
use crate::vm::message::Message;
use crate::vm::process::items;

/// Exit code of a program that could not start.
const EXIT_CODE: i32 = 1;

/// Opens the directories before the program is instantiated. One that cannot be opened ends the
/// process with a message.
pub fn init(program: &'static Program) {
    for preopen in items(&program.policy.preopens) {
        let opened = preopens::open(preopen).unwrap_or_else(|error| fail(preopen, error));
        if let Some(directory) = opened {
            let name = Some(items(&preopen.guest));
            let entry = Entry {
                preopen: name,
                ..Entry::new(Descriptor::Directory(directory))
            };
            if table::insert(entry).is_err() {
                fail(preopen, Error::TooManyOpenFiles);
            }
        }
    }
    if program.policy.flags & PolicyFlags::INHERIT_NETWORK != 0 {
        for socket in socket::inherited() {
            if table::insert(Entry::new(Descriptor::Socket(socket))).is_err() {
                break;
            }
        }
    }
}

fn fail(preopen: &'static Preopen, error: Error) -> ! {
    let why = match error {
        Error::NoEntry => "it does not exist",
        Error::NotDirectory => "it is not a directory",
        Error::Access | Error::NotPermitted => "permission denied",
        Error::TooManyOpenFiles | Error::TooManyOpenFilesInSystem => "too many open files",
        Error::Loop => "too many symbolic links",
        _ => "the system refuses to",
    };
    let mut message = Message::new();
    message
        .text("error: cannot open the directory `")
        .bytes(items(&preopen.host));
    message.text("` for the program: ").text(why);
    message.text("\n  note: the executable was built with access to it\n");
    message.flush();
    process::exit(EXIT_CODE)
}
