//! The cache of `wasmelt run`: executables under the hash of everything that made them; and that of
//! incremental builds, in a folder of it: machine code by input.
//!
//! An entry appears under its name complete, by a rename, and never changes. It is checked before
//! it is used: what is not whole, or could be somebody else's, counts as missing and is built anew.
//! Processes that run in parallel may build the same entry twice, and the last one stays. The
//! entries that were used longest ago are removed when the cache grows too large.

mod sealed;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};
use wasmelt_compiler::{Options, TargetCpu};

use crate::input::{InputPath, reason};
use crate::requests::LinkOptions;
use crate::signals;

/// The cache is trimmed to this size when an entry is added.
const CACHE_BYTES_MAX: u64 = 1 << 30;

/// Readable and executable by the user, as every entry is.
const RUNNABLE: u32 = 0o500;

/// A temporary file of this age belongs to no process that is still at work.
const STALE_AFTER: Duration = Duration::from_secs(3600);

/// The folder of the cache, which only this user can write to.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// An executable that is ready to run, or other contents.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    /// Open for reading: it is run as it was checked, whatever happens to the path.
    pub(crate) file: File,
}

impl Entry {
    /// What was added.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn contents(&self) -> io::Result<Vec<u8>> {
        sealed::contents(&self.file)
    }
}

impl Cache {
    /// The user's cache, created if it does not exist.
    ///
    /// # Errors
    /// Why there is no cache, for a message.
    pub(crate) fn open() -> Result<Cache, String> {
        let cache = Cache { folder: folder()? };
        cache.create()?;
        Ok(cache)
    }

    /// The part for the machine code of inputs, which need not exist.
    pub(crate) fn for_code(&self) -> Cache {
        Cache {
            folder: self.folder.join("code"),
        }
    }

    fn create(&self) -> Result<(), String> {
        let folder = &self.folder;
        let shown = folder.display();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| format!("cannot create the cache `{shown}`: {}", reason(&error)))?;
        let metadata = fs::metadata(folder)
            .map_err(|error| format!("cannot use the cache `{shown}`: {}", reason(&error)))?;
        if !is_own(&metadata) {
            return Err(format!(
                "the cache `{shown}` belongs to another user, or others can write to it"
            ));
        }
        Ok(())
    }

    /// The executable for this key, if it is there and whole, which is in use from now on.
    pub(crate) fn find(&self, key: &str) -> Option<Entry> {
        let path = self.folder.join(key);
        let file = open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let can_run = metadata.is_file() && metadata.mode() & RUNNABLE == RUNNABLE;
        if !can_run || !is_own(&metadata) || !sealed::is_whole(&file).ok()? {
            return None;
        }
        // Setting the time needs no permission to write, and a running executable has none.
        let _ = file.set_modified(SystemTime::now());
        Some(Entry { path, file })
    }

    /// Adds an executable, and removes those that were used longest ago if there is no room.
    ///
    /// # Errors
    /// Why it cannot be added, for a message.
    pub(crate) fn add(&self, key: &str, executable: &[u8]) -> Result<Entry, String> {
        self.create()?;
        let path = self.folder.join(key);
        let file = self.write(&path, executable).map_err(|error| {
            let folder = self.folder.display();
            format!("cannot write to the cache `{folder}`: {}", reason(&error))
        })?;
        prune(&self.folder, CACHE_BYTES_MAX, &path);
        Ok(Entry { path, file })
    }

    fn write(&self, path: &Path, executable: &[u8]) -> io::Result<File> {
        let mut temporary = tempfile::Builder::new()
            .prefix(".wasmelt-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempfile_in(&self.folder)?;
        signals::remove_on_interruption(temporary.path());
        let kept = (|| {
            sealed::write(&mut temporary, executable)?;
            // A name must not outlive a crash of the system that its contents do not.
            temporary.as_file().sync_data()?;
            let file = open(temporary.path())?;
            // A file that somebody can write to cannot be run.
            let temporary = temporary.into_temp_path();
            temporary.persist(path).map_err(|error| error.error)?;
            Ok(file)
        })();
        signals::keep();
        kept
    }
}

/// Opens what may be there: nothing is followed, and a pipe is not waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Whether only this user can have made or changed it, beside the system's administrator.
fn is_own(metadata: &fs::Metadata) -> bool {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    metadata.uid() == rustix::process::geteuid().as_raw()
        && metadata.mode() & WRITABLE_BY_OTHERS == 0
}

/// `WASMELT_CACHE_DIR`, or a folder of ours where the XDG base directories have caches.
fn folder() -> Result<PathBuf, String> {
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
        return Err(String::from(
            "none of `WASMELT_CACHE_DIR`, `XDG_CACHE_HOME` and `HOME` is set",
        ));
    };
    std::path::absolute(&place).map_err(|error| {
        let shown = place.display();
        format!("cannot use the cache `{shown}`: {}", reason(&error))
    })
}

/// The hash of the input, the options, and the compiler.
pub(crate) fn key(options: &Options, link: &LinkOptions, input: &[u8]) -> String {
    let LinkOptions {
        linker,
        strip,
        // Of the options.
        build_id: _,
        stack_bytes: _,
        packs,
    } = link;
    let mut hash = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(env!("CARGO_PKG_VERSION").as_bytes());
    part(&build_id());
    part(format!("{options:?} {linker:?} {strip:?} {packs:?}").as_bytes());
    if options.target_cpu == TargetCpu::Native {
        part(processor().as_bytes());
    }
    part(input);
    hash.finalize().to_hex().to_string()
}

/// The hash of the path of an input, and of what makes all code of it another; nothing for an input
/// that has no path.
pub(crate) fn code_key(options: &Options, path: &InputPath) -> Option<String> {
    let InputPath::File(path) = path else {
        return None;
    };
    let path = fs::canonicalize(path).ok()?;
    let mut hash = blake3::Hasher::new();
    hash.update(&build_id());
    let Options {
        target,
        target_cpu,
        target_features,
        opt_level,
        debug_info,
        entry,
        ..
    } = options;
    let (target, offsets) = (target.name, options.keeps_offsets());
    let settings = format!(
        "{target} {target_cpu:?} {target_features:?} {opt_level:?} {debug_info:?} {offsets} {entry:?} "
    );
    hash.update(settings.as_bytes());
    hash.update(path.as_os_str().as_encoded_bytes());
    Some(hash.finalize().to_hex().to_string())
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
