//! The profile that a program writes: see `wasmelt_abi::Profile`.
//!
//! Compiled code counts in the file itself, which is mapped. Nothing is left to be done at the end, so
//! it does not matter how a process ends, and processes and runs add up. Counts are not atomic: of two
//! that happen at the same moment in two processes, one may be lost.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::vm::message::Message;
use crate::vm::process::{environ, exit, items, rare};
use wasmelt_abi::{
    PROFILE_ALIGN, PROFILE_MAGIC, PROFILE_TARGETS, PROFILE_VARIABLE, Profile, Program,
};

/// Where counters begin. Compiled code loads it, after [`begin`].
#[unsafe(export_name = "wasmelt_profile_counters")]
static COUNTERS: AtomicPtr<u8> = AtomicPtr::new(null_mut());

/// Zeros are written in pieces of this many bytes.
const PIECE_BYTES: usize = 32 << 10;

/// How often a file may be replaced by somebody else before this gives up.
const ATTEMPTS_MAX: usize = 100;

/// Why there is no file to count in.
#[derive(PartialEq, Eq, Debug)]
enum Fault {
    System(Errno),
    /// It is there, and no profile.
    Foreign,
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Fault {
        Fault::System(errno)
    }
}

/// Maps the file. A program that cannot count does not run; in a library, it runs and counts for
/// nobody.
#[unsafe(export_name = "wasmelt_profile_begin")]
unsafe extern "C" fn begin(program: &'static Program) {
    let Some(profile) = rare(program).and_then(of_rare) else {
        return;
    };
    let head = items(&profile.head);
    let counters_at = (head.len() as u64).next_multiple_of(PROFILE_ALIGN) as usize;
    let bytes = counters_at + profile.counters as usize * 8;
    let path = path(profile);
    let mapped = open(path, head, bytes).and_then(|file| {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses an address that nothing uses.
        let start =
            unsafe { rustix::mm::mmap(null_mut(), bytes, access, MapFlags::SHARED, &file, 0) };
        Ok(start?)
    });
    let start = match mapped {
        Ok(start) => start,
        Err(fault) => {
            complain(path, &fault);
            if !cfg!(feature = "library") {
                exit(1);
            }
            nowhere(bytes)
        }
    };
    COUNTERS.store(
        start.cast::<u8>().wrapping_add(counters_at),
        Ordering::Relaxed,
    );
}

/// What the program writes, where it writes a profile.
pub(crate) fn of_rare(rare: &'static wasmelt_abi::Rare) -> Option<&'static Profile> {
    // SAFETY: the compiler wrote null or the address of the structure in read-only data.
    unsafe { rare.profile.as_ref() }
}

/// Has a program that writes a profile begin with it.
pub(crate) fn begin_if_any(program: &'static Program) {
    if let Some(profile) = rare(program).and_then(of_rare) {
        // SAFETY: the compiler wrote the address of `begin`.
        unsafe { (profile.begin)(program) }
    }
}

/// Counts that a place calls the function that begins at `code`. Of those that it calls, the most
/// frequent stay: one that is new takes the place and the count of the rarest.
#[unsafe(export_name = "wasmelt_profile_call")]
pub(crate) unsafe extern "C" fn profile_call(counters: *mut u8, code: *mut u8) {
    // SAFETY: compiled code passes the address of the counters of a place.
    let slots = unsafe { &mut *counters.cast::<[[u64; 2]; PROFILE_TARGETS]>() };
    let start = crate::vm::process::program().code.text_start.addr();
    count(
        slots,
        (code.addr().wrapping_sub(start) as u64).wrapping_add(1),
    );
}

fn count(slots: &mut [[u64; 2]; PROFILE_TARGETS], target: u64) {
    let known = slots.iter_mut().find(|slot| slot[0] == target);
    if let Some([_, count]) = known {
        *count += 1;
    } else if let Some(rarest) = slots.iter_mut().min_by_key(|slot| slot[1]) {
        *rarest = [target, rarest[1] + 1];
    }
}

/// The file, as a C string.
fn path(profile: &'static Profile) -> &'static CStr {
    let set = |variable: &'static [u8]| {
        let value = variable.strip_prefix(PROFILE_VARIABLE.as_bytes())?;
        value.strip_prefix(b"=").filter(|path| !path.is_empty())
    };
    let path = environ().find_map(set);
    let path = path.unwrap_or_else(|| items(&profile.path));
    // SAFETY: a zero byte follows both texts.
    unsafe { CStr::from_ptr(path.as_ptr().cast()) }
}

/// Opens a file of `bytes` bytes that begins with `head`, or makes it. A profile of another program
/// gives way.
fn open(path: &CStr, head: &[u8], bytes: usize) -> Result<OwnedFd, Fault> {
    for _ in 0..ATTEMPTS_MAX {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))?;
        // Whoever comes first fills it; the others wait.
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        let stat = rustix::fs::fstat(&file)?;
        if stat.st_nlink == 0 {
            continue;
        }
        let found_bytes = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
        if found_bytes == 0 {
            fill(&file, head, bytes)?;
            return Ok(file);
        }
        let mut found = vec![0; head.len().min(found_bytes)];
        let read = rustix::io::pread(&file, &mut found, 0)?;
        if read == head.len() && found == head && found_bytes == bytes {
            return Ok(file);
        }
        if !found.starts_with(&PROFILE_MAGIC) {
            return Err(Fault::Foreign);
        }
        Message::new()
            .text("warning: the profile `")
            .bytes(path.to_bytes())
            .text("` is of another build, and begins anew\n");
        // Processes of that build may be counting in it.
        rustix::fs::unlink(path)?;
    }
    Err(Fault::System(Errno::BUSY))
}

/// Writes `head` and zeros, so that there is room for all of it on the disk.
fn fill(file: &OwnedFd, head: &[u8], bytes: usize) -> Result<(), Errno> {
    let mut at = 0;
    while at < bytes {
        let zeros = [0; PIECE_BYTES];
        let piece = match head.get(at..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &zeros[..PIECE_BYTES.min(bytes - at)],
        };
        at += rustix::io::pwrite(file, piece, at as u64)?;
    }
    Ok(())
}

/// Memory that is no file's.
fn nowhere(bytes: usize) -> *mut std::ffi::c_void {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses an address that nothing uses.
    let start = unsafe { rustix::mm::mmap_anonymous(null_mut(), bytes, access, MapFlags::PRIVATE) };
    start.unwrap_or_else(|_| exit(1))
}

fn complain(path: &CStr, fault: &Fault) {
    let mut message = Message::new();
    message
        .text("error: cannot write the profile `")
        .bytes(path.to_bytes())
        .text("`: ");
    match fault {
        Fault::Foreign => message.text("the file is there, and no profile"),
        Fault::System(errno) => {
            // SAFETY: the C library has a text for every number, and nothing else asks for one.
            let text = unsafe { CStr::from_ptr(libc::strerror(errno.raw_os_error())) };
            message.bytes(text.to_bytes())
        }
    };
    message
        .text("\nhelp: name another file: `")
        .text(PROFILE_VARIABLE)
        .text("=FILE`\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::fs;
    use std::path::PathBuf;

    const HEAD: &[u8] = b"wasmeltP of this program";
    const BYTES: usize = 100_000;

    /// A path that nothing is at, and what removes what is made there.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let name = format!("wasmelt-profile-{}-{name}", std::process::id());
            Place(std::env::temp_dir().join(name))
        }

        fn open(&self) -> Result<OwnedFd, Fault> {
            let path = self.0.to_str().expect("it is made of text");
            open(&CString::new(path).expect("no zeros"), HEAD, BYTES)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn a_new_file_has_its_head_and_zeros() {
        let place = Place::new("new");
        drop(place.open().expect("a file"));
        let found = fs::read(&place.0).expect("the file");
        assert_eq!(found.len(), BYTES);
        assert!(found.starts_with(HEAD));
        assert!(found[HEAD.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn what_has_been_counted_stays() {
        let place = Place::new("again");
        let file = place.open().expect("a file");
        rustix::io::pwrite(&file, b"seven", 5000).expect("to write");
        drop(file);
        drop(place.open().expect("the file again"));
        assert_eq!(&fs::read(&place.0).expect("the file")[5000..5005], b"seven");
    }

    #[test]
    fn a_profile_of_another_program_gives_way() {
        let place = Place::new("other");
        fs::write(&place.0, b"wasmeltP of another program").expect("to write");
        drop(place.open().expect("a file"));
        assert_eq!(fs::read(&place.0).expect("the file").len(), BYTES);
    }

    #[test]
    fn what_is_no_profile_stays() {
        let place = Place::new("foreign");
        fs::write(&place.0, b"dear diary").expect("to write");
        assert_eq!(place.open().err(), Some(Fault::Foreign));
        assert_eq!(fs::read(&place.0).expect("the file"), b"dear diary");
        let nowhere = Place(PathBuf::from("/nonexistent/profile"));
        assert_eq!(nowhere.open().err(), Some(Fault::System(Errno::NOENT)));
    }

    #[test]
    fn the_most_frequent_targets_stay() {
        let mut slots = [[0; 2]; PROFILE_TARGETS];
        for round in 0..1000 {
            count(&mut slots, 1);
            if round % 2 == 0 {
                count(&mut slots, 2);
            }
            count(&mut slots, 100 + round % 50);
        }
        let of = |target| {
            slots
                .iter()
                .find(|slot| slot[0] == target)
                .map(|slot| slot[1])
        };
        assert!(of(1) >= Some(900), "{slots:?}");
        assert!(of(2) >= Some(400), "{slots:?}");
    }
}
