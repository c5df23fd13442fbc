//! `wasi:filesystem/preopens`.

use std::rc::Rc;

use wasmelt_abi::Program;

use super::{Descriptor, File};
use crate::component::{Call, Own};
use crate::host::{self, preopens};
use crate::vm::process::{items, program};

thread_local! {
    /// The directories of the policy, with the names that the guest knows them by. A directory is
    /// opened once, however often the guest asks for it.
    static PREOPENS: Vec<(File, String)> = open();
}

/// Opens the directories before the program is instantiated. One that cannot be opened ends the
/// process with a message.
pub fn init(_: &'static Program) {
    PREOPENS.with(|_| {});
}

/// The directories, and the guest's names of them.
pub(in crate::wasi) fn preopened() -> Vec<(File, String)> {
    PREOPENS.with(Vec::clone)
}

pub fn get_directories(call: &mut Call<'_>) -> Vec<(Own<File>, String)> {
    preopened()
        .into_iter()
        .map(|(directory, name)| (call.push(directory), name))
        .collect()
}

fn open() -> Vec<(File, String)> {
    let preopens = items(&program().policy.preopens).iter();
    let opened = preopens.filter_map(|preopen| {
        let directory = host::Descriptor::Directory(preopens::open(preopen)?);
        let name = String::from_utf8_lossy(items(&preopen.guest)).into_owned();
        Some((Rc::new(Descriptor::preopened(directory)), name))
    });
    opened.collect()
}
