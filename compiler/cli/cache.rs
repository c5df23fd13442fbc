//! The cache of `wasmelt run`: executables under the hash of everything that made them.
//!
//! An entry appears under its name complete, by a rename, and never changes. Processes that run in
//! parallel may build the same entry twice, and the last one stays. The entries that were used
//! longest ago are removed when the cache grows too large.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmelt_compiler::{Options, TargetCpu};

use crate::diagnostic::{Diagnostic, Failure};
use crate::input::reason;
use crate::requests::LinkOptions;

/// The cache is trimmed to this size when an entry is added.
const CACHE_BYTES_MAX: u64 = 1 << 30;

/// A temporary file of this age belongs to no process that is still at work.
const STALE_AFTER: Duration = Duration::from_secs(3600);

/// Where to look for one program's executable.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) folder: PathBuf,
    pub(crate) executable: PathBuf,
}

impl Entry {
    /// The place in the cache for `input` compiled and linked with these options.
    ///
    /// # Errors
    /// When there is no place for a cache.
    pub(crate) fn of(
        options: &Options,
        link: &LinkOptions,
        input: &[u8],
    ) -> Result<Entry, Failure> {
        let folder = folder()?;
        let executable = folder.join(key(options, link, input));
        Ok(Entry { folder, executable })
    }

    /// Makes sure that the folder exists.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn create_folder(&self) -> Result<(), Failure> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| {
                Failure::input(
                    Diagnostic::error(format!(
                        "cannot create the cache `{}`: {}",
                        self.folder.display(),
                        reason(&error)
                    ))
                    .help("name a directory that can be written: `WASMELT_CACHE_DIR=PATH`"),
                )
            })
    }

    /// Notes that the entry is in use now; says whether it exists.
    pub(crate) fn touch(&self) -> bool {
        // Setting the time needs no permission to write, and a running executable has none.
        let Ok(file) = fs::File::open(&self.executable) else {
            return false;
        };
        let _ = file.set_modified(SystemTime::now());
        true
    }

    /// Removes the entries that were used longest ago, except this one.
    pub(crate) fn prune_others(&self) {
        prune(&self.folder, CACHE_BYTES_MAX, &self.executable);
    }
}

/// `WASMELT_CACHE_DIR`, or a folder of ours where the XDG base directories have caches.
fn folder() -> Result<PathBuf, Failure> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let place = set("WASMELT_CACHE_DIR")
        // The specification of XDG ignores relative paths.
        .or_else(|| {
            set("XDG_CACHE_HOME")
                .filter(|path| path.is_absolute())
                .map(|path| path.join("wasmelt"))
        })
        .or_else(|| set("HOME").map(|home| home.join(".cache/wasmelt")));
    let Some(place) = place else {
        return Err(Failure::input(
            Diagnostic::error("there is no place for compiled programs")
                .note("none of `WASMELT_CACHE_DIR`, `XDG_CACHE_HOME` and `HOME` is set")
                .help("name a directory: `WASMELT_CACHE_DIR=PATH`"),
        ));
    };
    std::path::absolute(&place).map_err(|error| {
        Failure::input(Diagnostic::error(format!(
            "cannot use the cache `{}`: {}",
            place.display(),
            reason(&error)
        )))
    })
}

/// The hash of the input, the options, and the compiler.
fn key(options: &Options, link: &LinkOptions, input: &[u8]) -> String {
    let LinkOptions { linker, strip } = link;
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(env!("CARGO_PKG_VERSION").as_bytes());
    part(&build_id());
    part(format!("{options:?} {linker:?} {strip:?}").as_bytes());
    if options.target_cpu == TargetCpu::Native {
        part(processor().as_bytes());
    }
    part(input);
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Tells builds of one version apart: size and time of the running executable.
fn build_id() -> Vec<u8> {
    let metadata = std::env::current_exe().and_then(fs::metadata);
    metadata.map_or_else(
        |_| Vec::new(),
        |metadata| {
            let parts = [
                metadata.size().to_le_bytes(),
                metadata.mtime().to_le_bytes(),
                metadata.mtime_nsec().to_le_bytes(),
            ];
            parts.concat()
        },
    )
}

/// What the system says about the first processor, for caches that several machines share.
fn processor() -> String {
    let all = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let described = ["vendor_id", "cpu family", "model", "flags", "Features"];
    let first = all.split("\n\n").next().unwrap_or_default();
    first
        .lines()
        .filter(|line| described.iter().any(|word| line.starts_with(word)))
        .collect()
}

/// Failures are left to the next time: a cache that is too large still works.
fn prune(folder: &Path, bytes_max: u64, keep: &Path) {
    let Ok(files) = fs::read_dir(folder) else {
        return;
    };
    let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for file in files.flatten() {
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        let Ok(used) = metadata.modified() else {
            continue;
        };
        let name = file.file_name();
        let name = name.to_string_lossy();
        let is_entry = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_entry {
            entries.push((used, metadata.len(), file.path()));
        } else if name.starts_with(".wasmelt-") && used.elapsed().is_ok_and(|age| age > STALE_AFTER)
        {
            let _: io::Result<()> = fs::remove_file(file.path());
        }
    }
    entries.sort();
    let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in entries {
        if total <= bytes_max {
            break;
        }
        if path != keep && fs::remove_file(&path).is_ok() {
            total -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_used_longest_ago_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |digit: &str, age_s: u64| {
            let path = folder.path().join(digit.repeat(64));
            fs::write(&path, [0; 100]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(age_s);
            fs::File::open(&path).unwrap().set_modified(used).unwrap();
            path
        };
        let (oldest, old, new) = (entry("a", 30), entry("b", 20), entry("c", 10));
        let foreign = folder.path().join("notes.txt");
        fs::write(&foreign, [0; 1000]).unwrap();
        let stale = folder.path().join(".wasmelt-x");
        fs::write(&stale, "x").unwrap();
        fs::File::open(&stale)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();

        prune(folder.path(), 300, &new);
        assert!(oldest.exists() && !stale.exists());
        prune(folder.path(), 250, &new);
        assert!(!oldest.exists() && old.exists());
        prune(folder.path(), 0, &new);
        assert!(!old.exists() && new.exists() && foreign.exists());
    }
}
