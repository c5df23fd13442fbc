//! Writing an output so that it is there complete, or not at all.
//!
//! A regular file is written under another name beside its place and renamed. What is not a
//! regular file (a terminal, a pipe, `/dev/null`) is written to directly.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::codes::UNWRITABLE;
use crate::diagnostic::{Diagnostic, Failure};
use crate::input::{InputPath, reason};
use crate::requests::OutputPath;
use crate::signals;

/// An output that is being written.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Where to write. Removed when this value is dropped before [`Pending::finish`].
    temporary: Option<TempPath>,
    place: Place,
    /// Permissions of the finished file.
    mode: u32,
}

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Executable,
    /// Anything that is not run.
    Data,
}

/// How to say that another place is wanted.
const ELSEWHERE: &str = "choose another place with `-o PATH`";

#[derive(Debug)]
enum Place {
    Stdout,
    /// Something that exists and is not a regular file.
    Special(PathBuf),
    File(PathBuf),
}

impl Pending {
    /// Prepares to write `output`, made from `input`.
    ///
    /// # Errors
    /// When it can be seen already that nothing can be written there.
    pub(crate) fn create(
        output: &OutputPath,
        input: &InputPath,
        purpose: Purpose,
    ) -> Result<Pending, Failure> {
        let place = place(output, input)?;
        let folder = match &place {
            Place::File(path) => folder_of(path),
            // The result is copied from there.
            Place::Stdout | Place::Special(_) => std::env::temp_dir(),
        };
        let shown = match &place {
            Place::File(path) => path,
            Place::Stdout | Place::Special(_) => &folder,
        };
        let temporary = temporary_in(&folder, purpose)
            .map_err(|error| Failure::input(unwritable(shown, &error)))?;
        // The system has applied the umask.
        let mode = temporary
            .as_file()
            .metadata()
            .map_or(0o755, |metadata| metadata.mode() & 0o777);
        let temporary = temporary.into_temp_path();
        signals::remove_on_interruption(&temporary);
        Ok(Pending {
            temporary: Some(temporary),
            place,
            mode,
        })
    }

    /// Where the output is to be written now.
    fn path(&self) -> &Path {
        self.temporary
            .as_ref()
            .expect("taken by `finish` alone, which consumes `self`")
    }

    /// Writes the whole output.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        fs::write(self.path(), bytes).map_err(|error| self.failure(&error))
    }

    /// Puts what was written into its place.
    ///
    /// # Errors
    /// When the system does not let us.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let temporary = self.temporary.take().expect("set by `create`");
        let moved = match &self.place {
            Place::Stdout => fs::read(&temporary).and_then(|bytes| {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&bytes)?;
                stdout.flush()
            }),
            Place::Special(path) => fs::read(&temporary).and_then(|bytes| {
                fs::OpenOptions::new()
                    .write(true)
                    .open(path)?
                    .write_all(&bytes)
            }),
            Place::File(path) => fs::set_permissions(&temporary, Permissions::from_mode(self.mode))
                .and_then(|()| temporary.persist(path).map_err(|error| error.error)),
        };
        signals::keep();
        moved.map_err(|error| self.failure(&error))
    }

    /// What to say when the system does not let us write.
    fn failure(&self, error: &io::Error) -> Failure {
        Failure::input(match &self.place {
            Place::Stdout => Diagnostic::error(format!(
                "cannot write to standard output: {}",
                reason(error)
            )),
            Place::Special(path) | Place::File(path) => unwritable(path, error),
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.temporary.take().is_some() {
            signals::keep();
        }
    }
}

/// A new file for the output, executable by whom the umask allows.
fn temporary_in(folder: &Path, purpose: Purpose) -> io::Result<NamedTempFile> {
    let mode = match purpose {
        Purpose::Executable => 0o777,
        Purpose::Data => 0o666,
    };
    tempfile::Builder::new()
        .prefix(".wasmelt-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn place(output: &OutputPath, input: &InputPath) -> Result<Place, Failure> {
    let OutputPath::File(path) = output else {
        return Ok(Place::Stdout);
    };
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        return match target(path) {
            Some(path) => Ok(Place::File(path)),
            None => Err(Failure::input(
                Diagnostic::error(format!(
                    "cannot write `{shown}`: too many levels of symbolic links"
                ))
                .page(&UNWRITABLE)
                .help(ELSEWHERE),
            )),
        };
    };
    if metadata.is_dir() {
        return Err(Failure::input(
            Diagnostic::error(format!("cannot write `{shown}`: it is a directory"))
                .page(&UNWRITABLE)
                .help(format!("choose another name: `-o {shown}.out`")),
        ));
    }
    let is_input = matches!(input, InputPath::File(input)
        if fs::metadata(input).is_ok_and(|input| same_file(&input, &metadata)));
    if is_input {
        return Err(Failure::input(
            Diagnostic::error(format!("`{shown}` is the input, and would be overwritten"))
                .page(&UNWRITABLE)
                .help("choose another name with `-o PATH`"),
        ));
    }
    if !metadata.is_file() {
        return Ok(Place::Special(path.clone()));
    }
    // A symbolic link stays one.
    Ok(Place::File(
        fs::canonicalize(path).unwrap_or_else(|_| path.clone()),
    ))
}

/// Symbolic links that are followed, as by the system.
const LINKS_MAX: usize = 40;

/// Where a file is made that does not exist: `path`, or what its symbolic links lead to.
fn target(path: &Path) -> Option<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(link) = fs::read_link(&path) else {
            return Some(path);
        };
        path = path.parent().unwrap_or(Path::new("")).join(link);
    }
    None
}

fn same_file(left: &fs::Metadata, right: &fs::Metadata) -> bool {
    (left.dev(), left.ino()) == (right.dev(), right.ino())
}

/// `path` cannot be written.
fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!(
        "cannot write `{}`: {}",
        path.display(),
        reason(error)
    ))
    .page(&UNWRITABLE);
    let folder = folder_of(path);
    match error.kind() {
        io::ErrorKind::NotFound => {
            let shown = folder.display();
            diagnostic.help(format!(
                "the directory `{shown}` does not exist: `mkdir -p {shown}`"
            ))
        }
        io::ErrorKind::NotADirectory => {
            diagnostic.help(format!("`{}` is not a directory", folder.display()))
        }
        io::ErrorKind::PermissionDenied => diagnostic.help(format!(
            "{ELSEWHERE}, or check the permissions of `{}`",
            folder.display()
        )),
        io::ErrorKind::ReadOnlyFilesystem => diagnostic.help(ELSEWHERE),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            diagnostic.help(format!("make room, or {ELSEWHERE}"))
        }
        io::ErrorKind::FileTooLarge => {
            diagnostic.help("raise the limit on file sizes: `ulimit -f unlimited`")
        }
        _ => diagnostic,
    }
}
