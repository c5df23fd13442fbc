//! The guest's descriptors by number.
//!
//! The standard streams lie in a static of their own and everything else in slots that are
//! allocated when they are first needed and never freed, so that a program that opens nothing
//! carries no allocator. A slot has its own lock: threads wait for each other on one descriptor
//! only, and never on a standard stream. In a library each store has descriptors of its own; slots
//! serve another store when one has gone.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::rights::{Dropped, Rights};
use super::{Errno, Result};
use crate::host::directory::Directory;
use crate::host::{Descriptor, Stream};
use crate::vm::lock::{self, Lock};
use crate::vm::store;

/// One open descriptor.
#[derive(Debug)]
pub(in crate::wasi) struct Entry {
    pub(super) descriptor: Descriptor,
    /// The guest's path of a directory that was open from the start.
    pub(super) preopen: Option<&'static [u8]>,
    pub(super) dropped: Dropped,
}

type Slot = Lock<Option<Entry>>;

/// Number of the first descriptor that is not a standard stream.
const FIRST_OPENED: u32 = 3;

static STREAMS: [Slot; FIRST_OPENED as usize] = [
    stream_slot(Stream::In),
    stream_slot(Stream::Out),
    stream_slot(Stream::Err),
];

/// The slots of the other descriptors, from number 3 on.
static OPENED: Lock<Vec<&'static Slot>> = Lock::new(Vec::new());

/// How many slots are empty; only a hint where threads run.
static FREE: AtomicUsize = AtomicUsize::new(0);

/// The descriptors of a store of a library.
struct OfStore {
    streams: [&'static Slot; FIRST_OPENED as usize],
    opened: Lock<Vec<&'static Slot>>,
    free: AtomicUsize,
}

/// Slots of stores that have gone, empty.
static LEFT: Lock<Vec<&'static Slot>> = Lock::new(Vec::new());

fn new_slot(entry: Entry) -> &'static Slot {
    match LEFT.lock().pop().filter(|_| cfg!(feature = "library")) {
        Some(slot) => {
            *slot.lock() = Some(entry);
            slot
        }
        None => Box::leak(Box::new(Lock::new(Some(entry)))),
    }
}

impl OfStore {
    fn new() -> OfStore {
        let streams = [Stream::In, Stream::Out, Stream::Err];
        OfStore {
            streams: streams.map(|stream| new_slot(Entry::new(Descriptor::Stream(stream)))),
            opened: Lock::new(Vec::new()),
            free: AtomicUsize::new(0),
        }
    }
}

impl Drop for OfStore {
    fn drop(&mut self) {
        for slot in self.streams.into_iter().chain(self.opened.lock().drain(..)) {
            let entry = slot.lock().take();
            drop(entry);
            LEFT.lock().push(slot);
        }
    }
}

/// Calls `look` with the slots of standard streams, those of others, and how many are empty.
#[inline]
fn with_slots<R>(
    look: impl FnOnce(
        [&'static Slot; FIRST_OPENED as usize],
        &Lock<Vec<&'static Slot>>,
        &AtomicUsize,
    ) -> R,
) -> R {
    if cfg!(feature = "library") {
        return store::with_kept(OfStore::new, |of_store| {
            look(of_store.streams, &of_store.opened, &of_store.free)
        });
    }
    look(STREAMS.each_ref(), &OPENED, &FREE)
}

impl Entry {
    pub(super) const fn new(descriptor: Descriptor) -> Entry {
        Entry {
            descriptor,
            preopen: None,
            dropped: Dropped::NOTHING,
        }
    }

    /// A standard stream needs no lock while it is used.
    fn copy_of_stream(&self) -> Option<Entry> {
        let Descriptor::Stream(stream) = self.descriptor else {
            return None;
        };
        Some(Entry {
            descriptor: Descriptor::Stream(stream),
            ..*self
        })
    }

    /// One that is used while others close or exchange this one.
    fn another(&self) -> Result<Entry> {
        Ok(Entry {
            descriptor: self.descriptor.another()?,
            ..*self
        })
    }

    /// # Errors
    /// [`Errno::NOTCAPABLE`] without the right.
    pub(super) fn require(&self, right: Rights) -> Result<&Descriptor> {
        self.dropped.require(right)?;
        Ok(&self.descriptor)
    }

    /// # Errors
    /// [`Errno::BADF`] unless it is a directory, [`Errno::NOTCAPABLE`] without the right.
    pub(super) fn require_directory(&self, right: Rights) -> Result<&Directory> {
        let directory = self.descriptor.directory()?;
        self.dropped.require(right)?;
        Ok(directory)
    }
}

/// How a function that may wait for long gets at entries.
pub(in crate::wasi) trait Access {
    /// See [`with`].
    fn with<T>(fd: u32, then: impl FnOnce(&Entry) -> Result<T>) -> Result<T>;

    /// See [`with_all`].
    fn with_all<T>(fds: &mut [u32], then: impl FnOnce(Held<'_>) -> Result<T>) -> Result<T>;
}

/// They are locked meanwhile: there is one thread.
pub(in crate::wasi) struct Locked;

impl Access for Locked {
    #[inline(always)]
    fn with<T>(fd: u32, then: impl FnOnce(&Entry) -> Result<T>) -> Result<T> {
        with(fd, then)
    }

    #[inline(always)]
    fn with_all<T>(fds: &mut [u32], then: impl FnOnce(Held<'_>) -> Result<T>) -> Result<T> {
        with_all(fds, then)
    }
}

/// Others can be used, and closed, by other threads meanwhile.
pub(super) struct Shared;

impl Access for Shared {
    fn with<T>(fd: u32, then: impl FnOnce(&Entry) -> Result<T>) -> Result<T> {
        then(&another(fd)?)
    }

    fn with_all<T>(fds: &mut [u32], then: impl FnOnce(Held<'_>) -> Result<T>) -> Result<T> {
        fds.sort_unstable();
        let mut held: Vec<(u32, Place<'_>)> = Vec::with_capacity(fds.len());
        for fd in fds {
            if held.last().is_none_or(|(last, _)| last != fd) {
                match another(*fd) {
                    Ok(entry) => held.push((*fd, Place::Own(entry))),
                    Err(Errno::BADF) => {}
                    Err(errno) => return Err(errno),
                }
            }
        }
        then(Held(held))
    }
}

fn another(fd: u32) -> Result<Entry> {
    slot(fd)?.lock().as_ref().ok_or(Errno::BADF)?.another()
}

/// Calls `then` with the entry of an open descriptor, which stays as it is until `then` returns.
///
/// # Errors
/// [`Errno::BADF`] for a number that is not open, and those of `then`.
pub(super) fn with<T>(fd: u32, then: impl FnOnce(&Entry) -> Result<T>) -> Result<T> {
    let guard = slot(fd)?.lock();
    let entry = guard.as_ref().ok_or(Errno::BADF)?;
    let Some(copy) = entry.copy_of_stream() else {
        return then(entry);
    };
    drop(guard);
    then(&copy)
}

/// As [`with`], for functions that change the entry.
pub(super) fn with_mut<T>(fd: u32, then: impl FnOnce(&mut Entry) -> Result<T>) -> Result<T> {
    then(slot(fd)?.lock().as_mut().ok_or(Errno::BADF)?)
}

/// As [`with`], for two descriptors, which may be one.
pub(super) fn with_two<T>(
    fd: u32,
    other: u32,
    then: impl FnOnce(&Entry, &Entry) -> Result<T>,
) -> Result<T> {
    with_all(&mut [fd, other], |entries| {
        match (entries.get(fd), entries.get(other)) {
            (Some(entry), Some(other)) => then(entry, other),
            _ => Err(Errno::BADF),
        }
    })
}

/// The entries that [`with_all`] holds, by ascending number.
pub(in crate::wasi) struct Held<'a>(Vec<(u32, Place<'a>)>);

enum Place<'a> {
    Own(Entry),
    Locked(lock::Held<'a, Option<Entry>>),
}

impl Held<'_> {
    pub(super) fn get(&self, fd: u32) -> Option<&Entry> {
        let index = self.0.binary_search_by_key(&fd, |(held, _)| *held).ok()?;
        match &self.0.get(index)?.1 {
            Place::Own(entry) => Some(entry),
            Place::Locked(guard) => guard.as_ref(),
        }
    }
}

/// As [`with`], for any number of descriptors, which need not be open. They are locked by
/// ascending number, as every function does that holds more than one.
pub(super) fn with_all<T>(fds: &mut [u32], then: impl FnOnce(Held<'_>) -> Result<T>) -> Result<T> {
    fds.sort_unstable();
    let mut held = Vec::with_capacity(fds.len());
    let mut last = None;
    for fd in fds {
        if last != Some(*fd)
            && let Ok(slot) = slot(*fd)
        {
            let guard = slot.lock();
            let copy = guard.as_ref().and_then(Entry::copy_of_stream);
            held.push((*fd, copy.map_or(Place::Locked(guard), Place::Own)));
        }
        last = Some(*fd);
    }
    then(Held(held))
}

/// Puts an entry at the highest free number, or else behind all others, and returns the number.
///
/// # Errors
/// [`Errno::OVERFLOW`] when there are no more numbers.
pub(super) fn insert(entry: Entry) -> Result<u32> {
    with_slots(|streams, opened, free| insert_into(streams, &mut opened.lock(), free, entry))
}

fn insert_into(
    streams: [&'static Slot; FIRST_OPENED as usize],
    opened: &mut Vec<&'static Slot>,
    free: &AtomicUsize,
    entry: Entry,
) -> Result<u32> {
    if free.load(Ordering::Relaxed) > 0 {
        let slots = opened
            .iter()
            .copied()
            .rev()
            .chain(streams.into_iter().rev());
        for (below_end, slot) in (1..).zip(slots) {
            // A slot that is locked is in use, or about to be.
            if let Some(mut place) = slot.try_lock()
                && place.is_none()
            {
                *place = Some(entry);
                free.fetch_sub(1, Ordering::Relaxed);
                return Ok(FIRST_OPENED + opened.len() as u32 - below_end);
            }
        }
    }
    let index = u32::try_from(opened.len()).ok();
    let fd = index
        .and_then(|index| index.checked_add(FIRST_OPENED))
        .ok_or(Errno::OVERFLOW)?;
    opened.push(new_slot(entry));
    Ok(fd)
}

/// Takes an entry out; its number becomes free.
///
/// # Errors
/// [`Errno::BADF`] for a number that is not open.
pub(super) fn remove(fd: u32) -> Result<Entry> {
    let entry = slot(fd)?.lock().take().ok_or(Errno::BADF)?;
    one_is_free();
    Ok(entry)
}

/// Moves an entry to another number that is open, and returns what was there.
///
/// # Errors
/// [`Errno::BADF`] unless both are open.
pub(super) fn renumber(fd: u32, to: u32) -> Result<Option<Entry>> {
    if fd == to {
        return with(fd, |_| Ok(None));
    }
    let (low, high) = (slot(fd.min(to))?, slot(fd.max(to))?);
    let (mut low, mut high) = (low.lock(), high.lock());
    let (from, to) = if fd < to {
        (&mut low, &mut high)
    } else {
        (&mut high, &mut low)
    };
    if from.is_none() || to.is_none() {
        return Err(Errno::BADF);
    }
    one_is_free();
    Ok(std::mem::replace(&mut **to, from.take()))
}

const fn stream_slot(stream: Stream) -> Slot {
    Lock::new(Some(Entry::new(Descriptor::Stream(stream))))
}

fn slot(fd: u32) -> Result<&'static Slot> {
    let index = fd.wrapping_sub(FIRST_OPENED) as usize;
    if !cfg!(feature = "library") {
        if let Some(slot) = STREAMS.get(fd as usize) {
            return Ok(slot);
        }
        return OPENED.lock().get(index).copied().ok_or(Errno::BADF);
    }
    with_slots(|streams, opened, _| {
        let stream = streams.get(fd as usize).copied();
        let found = stream.or_else(|| opened.lock().get(index).copied());
        found.ok_or(Errno::BADF)
    })
}

fn one_is_free() {
    with_slots(|_, _, free| free.fetch_add(1, Ordering::Relaxed));
}
