//! Becoming another program: the last step of `run`.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

/// A file in memory that can be run.
///
/// # Errors
/// When the system has no such files, or no memory.
pub(crate) fn in_memory(name: &str, executable: &[u8]) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC;
    // Systems that know the flag may refuse to run files without it; older ones refuse the flag.
    let file = match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        made => made,
    };
    let mut file = File::from(file?);
    file.write_all(executable)?;
    Ok(file)
}

/// Runs the executable in `file` in place of this process, with the variables of `env` set in its
/// environment. What is no executable is not tried as a script.
///
/// # Errors
/// When the system cannot run it.
pub(crate) fn replace(
    file: &File,
    args: &[OsString],
    env: &[(String, String)],
) -> io::Result<Infallible> {
    let c_string = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::from);
    let args = args.iter().map(|arg| c_string(arg.as_bytes()));
    let args = args.collect::<io::Result<Vec<CString>>>()?;
    let is_set = |name: &OsStr| env.iter().any(|(set, _)| name == OsStr::new(set));
    let inherited = std::env::vars_os().filter(|(name, _)| !is_set(name));
    let set = env.iter().map(|(name, value)| (name.into(), value.into()));
    let environment = inherited
        .chain(set)
        .map(|(name, value)| c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat()));
    let environment = environment.collect::<io::Result<Vec<CString>>>()?;
    Ok(nix::unistd::fexecve(file, &args, &environment)?)
}
