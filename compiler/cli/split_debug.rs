//! `--split-debug`: where it writes to.

use std::path::PathBuf;

use wasmelt_linker::Strip;

use crate::diagnostic::{Diagnostic, Failure};
use crate::requests::{Emit, LinkOptions, OutputPath};

/// The file that what debuggers read goes into, if it is not the executable.
///
/// # Errors
/// For anything but an executable in a file.
pub(crate) fn split_debug(
    is_split: bool,
    output: &OutputPath,
    emit: Emit,
    link: &mut LinkOptions,
) -> Result<Option<PathBuf>, Failure> {
    if !is_split {
        return Ok(None);
    }
    let refused = |message: &str| Err(Failure::usage(Diagnostic::error(message)));
    if emit != Emit::Exe {
        return refused("`--split-debug` is for executables");
    }
    if link.strip == Strip::Symbols {
        return refused("`--split-debug` puts into a file what `--strip` leaves out");
    }
    let OutputPath::File(path) = output else {
        return refused("`--split-debug` writes two files, and standard output is one");
    };
    link.build_id = true;
    let mut name = path.clone().into_os_string();
    name.push(".debug");
    Ok(Some(PathBuf::from(name)))
}
