//! `--embed HOST[::GUEST]`: reading what goes into the executable.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use wasmelt_abi::EMBEDDED_NODES_MAX;
use wasmelt_compiler::{Embedded, EmbeddedItem, EmbeddedNode, FileContents};

use crate::codes;
use crate::diagnostic::{Diagnostic, Failure};
use crate::dirs::host_and_guest;
use crate::input::reason;

/// An executable lies below its memory, which begins below 1 GiB.
const BYTES_MAX: u64 = 768 << 20;

/// Paths of more names than this can hardly be opened anyway.
const DEPTH_MAX: usize = 256;

/// Reads a file, or a directory with everything in it.
///
/// # Errors
/// Where the words are no paths, something cannot be read, or cannot be embedded.
pub(crate) fn read(spec: &OsStr) -> Result<Embedded, Failure> {
    let (host, guest) = host_and_guest("--embed", spec, spec.as_bytes())?;
    if guest.split('/').any(|name| name == "..") {
        let message = format!(
            "the path in the guest goes up (`..`) in `--embed {}`",
            spec.display()
        );
        return Err(Failure::usage(
            Diagnostic::error(message)
                .page(&codes::GRANT)
                .help("write `--embed HOST` or `--embed HOST::GUEST`"),
        ));
    }
    let mut reading = Reading {
        bytes: 0,
        nodes: 0,
        newest_s: newest()?,
    };
    let tree = reading.node(&host, 0, true)?;
    let is_root = matches!(&*guest, "." | "/");
    if is_root && !matches!(tree.item, EmbeddedItem::Directory(_)) {
        return Err(Failure::usage(Diagnostic::error(format!(
            "`--embed {}` puts a file in the place of a directory",
            spec.display()
        ))));
    }
    Ok(Embedded {
        guest,
        tree: Arc::new(tree),
    })
}

/// No file says that it is younger than `SOURCE_DATE_EPOCH`, where that is set.
fn newest() -> Result<Option<i64>, Failure> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Failure::usage(Diagnostic::error(format!(
            "`SOURCE_DATE_EPOCH={}` is no number of seconds",
            value.display()
        )))),
    }
}

struct Reading {
    /// Of all files so far.
    bytes: u64,
    nodes: u64,
    newest_s: Option<i64>,
}

impl Reading {
    /// Symbolic links stay what they are, but for the first.
    fn node(&mut self, path: &Path, depth: usize, follow: bool) -> Result<EmbeddedNode, Failure> {
        let metadata = match follow {
            true => fs::metadata(path),
            false => fs::symlink_metadata(path),
        };
        let metadata = metadata.map_err(|error| unreadable(path, &error))?;
        self.nodes += 1;
        // Directories that lead to it are nodes, too.
        if self.nodes > EMBEDDED_NODES_MAX / 2 {
            return Err(refused(path, "is one file too many"));
        }
        let kind = metadata.file_type();
        let item = if kind.is_dir() {
            if depth == DEPTH_MAX {
                return Err(refused(path, "lies too deep"));
            }
            EmbeddedItem::Directory(self.directory(path, depth)?)
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(|error| unreadable(path, &error))?;
            let target = target.into_os_string().into_string();
            EmbeddedItem::Link(target.map_err(|_| refused(path, "leads to what is not UTF-8"))?)
        } else if kind.is_file() {
            self.bytes = self.bytes.saturating_add(metadata.len());
            if self.bytes > BYTES_MAX {
                return Err(too_large(path));
            }
            let contents = fs::read(path).map_err(|error| unreadable(path, &error))?;
            EmbeddedItem::File(FileContents(contents))
        } else {
            return Err(refused(
                path,
                "is neither a file, a directory nor a symbolic link",
            ));
        };
        let modified = (metadata.mtime(), metadata.mtime_nsec() as u32);
        let modified = match self.newest_s {
            Some(newest) if modified.0 >= newest => (newest, 0),
            _ => modified,
        };
        Ok(EmbeddedNode { modified, item })
    }

    fn directory(
        &mut self,
        path: &Path,
        depth: usize,
    ) -> Result<BTreeMap<String, EmbeddedNode>, Failure> {
        let mut children = BTreeMap::new();
        for entry in fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
            let entry = entry.map_err(|error| unreadable(path, &error))?;
            let below = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                return Err(refused(&below, "has a name that is not UTF-8"));
            };
            let node = self.node(&below, depth + 1, false)?;
            children.insert(name, node);
        }
        Ok(children)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::input(Diagnostic::error(format!(
        "cannot embed `{}`: {}",
        path.display(),
        reason(error)
    )))
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::input(Diagnostic::error(format!(
        "cannot embed `{}`: it {why}",
        path.display()
    )))
}

fn too_large(path: &Path) -> Failure {
    Failure::input(
        Diagnostic::error(format!(
            "cannot embed `{}`: the files are more than {} MiB",
            path.display(),
            BYTES_MAX >> 20
        ))
        .help("grant the directory instead: `--dir`"),
    )
}
