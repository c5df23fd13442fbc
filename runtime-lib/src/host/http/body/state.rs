//! What both sides of a body have in common, and who is told of changes.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::host::chunk::{Chunk, NewParcel};
use crate::host::http::error::{ErrorCode, Result};
use crate::host::http::fields::Fields;
use crate::host::http::large::{self, LARGE_BYTES};
use crate::io::Event;

/// Bytes that wait to be read.
pub const PIPE_BYTES_MAX: usize = 64 * 1024;

/// As many may be written while nobody reads yet: guests write before they send a message.
pub(super) const UNREAD_BYTES_MAX: usize = 1024 * 1024;

/// What a body belongs to, which says how its length is complained about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Request,
    Response,
}

impl Kind {
    /// The error of a body of so many bytes, which are not as many as announced.
    #[must_use]
    pub fn body_size(self, bytes: u64) -> ErrorCode {
        match self {
            Kind::Request => ErrorCode::HttpRequestBodySize(Some(bytes)),
            Kind::Response => ErrorCode::HttpResponseBodySize(Some(bytes)),
        }
    }
}

/// How many bytes a message has announced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Announced {
    pub kind: Kind,
    pub bytes: Option<u64>,
}

#[derive(Default)]
pub(super) struct Pipe {
    pub(super) chunks: VecDeque<Chunk>,
    /// Bytes of the first chunk that have been read.
    pub(super) read: usize,
    pub(super) unread: usize,
    /// What is behind the bytes.
    pub(super) end: Option<Result<Option<Fields>>>,
    /// Why nobody reads any more.
    pub(super) refused: Option<ErrorCode>,
    /// Somebody has begun to read, or is about to.
    pub(super) attached: bool,
    /// As much may wait as if somebody did.
    pub(super) narrow: bool,
    /// Nobody wants the bytes, but the end.
    pub(super) discarding: bool,
    pub(super) written: u64,
    pub(super) announced: Option<Announced>,
    /// Is told when the message has been sent, or that it has not.
    pub(super) on_sent: Option<OnSent>,
    /// Lasts until the writer has no more to do.
    pub(super) held: Option<Box<dyn Any>>,
    pub(super) readers: Vec<Waker>,
    pub(super) writers: Vec<Waker>,
    /// Whoever reads takes parcels.
    pub(super) takes_parcels: bool,
    /// What gives whoever writes parcels for those who take them.
    pub(super) new_parcel: Option<NewParcel>,
}

pub(super) type OnSent = Box<dyn FnOnce(Result<()>)>;

impl Pipe {
    pub(super) fn bytes_max(&self) -> usize {
        if self.attached || self.narrow {
            PIPE_BYTES_MAX
        } else {
            UNREAD_BYTES_MAX
        }
    }

    pub(super) fn is_readable(&self) -> bool {
        self.unread > 0 || self.end.is_some()
    }

    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some() && self.unread == 0
    }

    pub(super) fn is_writable(&self) -> bool {
        self.end.is_some() || self.refused.is_some() || self.unread < self.bytes_max()
    }

    /// Sets the end, and gives who is to be told.
    pub(super) fn end(&mut self, end: Result<Option<Fields>>) -> Woken {
        if self.end.is_some() {
            return Woken::default();
        }
        self.end = Some(end);
        let mut wakers = std::mem::take(&mut self.readers);
        wakers.append(&mut self.writers);
        let released = self.held.take();
        Woken { wakers, released }
    }

    /// Has `put` take the next bytes, at most so many: how many these were.
    fn pass(&mut self, bytes_max: usize, mut put: impl FnMut(&[u8])) -> usize {
        let mut count = 0;
        while let Some(chunk) = self.chunks.front_mut() {
            let chunk = opened(chunk);
            let rest = chunk.get(self.read..).unwrap_or_default();
            let now = rest.len().min(bytes_max - count);
            if now == 0 && !rest.is_empty() {
                break;
            }
            put(&rest[..now]);
            count += now;
            self.read += now;
            if self.read == chunk.len() {
                if let Some(Chunk::Bytes(used)) = self.chunks.pop_front() {
                    large::give_back(used);
                }
                self.read = 0;
            }
        }
        self.unread -= count;
        count
    }

    /// Copies as much as there is room for.
    pub(super) fn read(&mut self, into: &mut [u8]) -> usize {
        let mut free = into;
        self.pass(free.len(), |bytes| {
            let (now, rest) = std::mem::take(&mut free).split_at_mut(bytes.len());
            now.copy_from_slice(bytes);
            free = rest;
        })
    }

    /// Copies at most so many bytes behind what is there.
    pub(super) fn append(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> usize {
        let bytes_max = bytes_max.min(self.unread);
        into.reserve(bytes_max);
        self.pass(bytes_max, |bytes| into.extend_from_slice(bytes))
    }

    /// The first chunk that has not been read, and how much of it has.
    pub(super) fn take_chunk(&mut self) -> Option<(Chunk, usize)> {
        let chunk = self.chunks.pop_front()?;
        let read = std::mem::take(&mut self.read);
        self.unread -= chunk.bytes() - read;
        Some((chunk, read))
    }

    /// Whether that is worth to be sent from where it is.
    pub(super) fn has_large_chunk(&self) -> bool {
        let first = self.chunks.front();
        first.is_some_and(|chunk| match chunk {
            Chunk::Bytes(bytes) => large::is_worth(bytes.len() - self.read, LARGE_BYTES),
            Chunk::Parcel(_) => true,
        })
    }

    /// Puts a copy behind what has been written: where more is written than is read, many writes
    /// share a chunk.
    pub(super) fn put_copy(&mut self, bytes: &[u8]) {
        let last = self.chunks.back_mut();
        let has_last = last.is_some();
        if let Some(Chunk::Bytes(last)) = last
            && last.capacity() - last.len() >= bytes.len()
        {
            return last.extend_from_slice(bytes);
        }
        if !has_last || large::is_worth(bytes.len(), LARGE_BYTES) {
            return self.chunks.push_back(Chunk::Bytes(bytes.to_vec()));
        }
        let mut chunk = large::take_empty(LARGE_BYTES);
        chunk.extend_from_slice(bytes);
        self.chunks.push_back(Chunk::Bytes(chunk));
    }
}

/// The bytes of a chunk, for whoever wants to have them.
fn opened(chunk: &mut Chunk) -> &mut Vec<u8> {
    if let Chunk::Parcel(parcel) = chunk {
        *chunk = Chunk::Bytes(parcel.open());
    }
    match chunk {
        Chunk::Bytes(bytes) => bytes,
        Chunk::Parcel(_) => unreachable!("it has just been opened"),
    }
}

/// Who is told of a change, once nothing of the pipe is borrowed.
#[derive(Default)]
pub(super) struct Woken {
    pub(super) wakers: Vec<Waker>,
    pub(super) released: Option<Box<dyn Any>>,
}

impl From<Vec<Waker>> for Woken {
    fn from(wakers: Vec<Waker>) -> Woken {
        let released = None;
        Woken { wakers, released }
    }
}

pub(super) fn wake(woken: impl Into<Woken>) {
    let Woken { wakers, released } = woken.into();
    wakers.into_iter().for_each(Waker::wake);
    drop(released);
}

/// Somebody reads from now on.
pub(super) fn attach(pipe: &Rc<RefCell<Pipe>>) {
    let mut pipe = pipe.borrow_mut();
    if !pipe.attached {
        pipe.attached = true;
        let woken = std::mem::take(&mut pipe.writers);
        drop(pipe);
        wake(woken);
    }
}

pub(super) fn poll(
    pipe: &Rc<RefCell<Pipe>>,
    cx: &mut Context<'_>,
    happened: fn(&Pipe) -> bool,
    waiting: fn(&mut Pipe) -> &mut Vec<Waker>,
) -> Poll<()> {
    let mut pipe = pipe.borrow_mut();
    if happened(&pipe) {
        return Poll::Ready(());
    }
    let waiting = waiting(&mut pipe);
    if !waiting.iter().any(|known| known.will_wake(cx.waker())) {
        waiting.push(cx.waker().clone());
    }
    Poll::Pending
}

impl Pipe {
    pub(super) fn too_much(&self, total: u64) -> Option<ErrorCode> {
        let announced = self.announced?;
        (total > announced.bytes?).then(|| announced.kind.body_size(total))
    }

    pub(super) fn missing(&self) -> Option<ErrorCode> {
        let announced = self.announced?;
        (self.written < announced.bytes?).then(|| announced.kind.body_size(self.written))
    }
}

/// Happens when the reader has something to read, or the end.
pub(super) struct Readable(pub(super) Rc<RefCell<Pipe>>);

/// Happens when all bytes have been read and the end is known.
pub(super) struct Ended(pub(super) Rc<RefCell<Pipe>>);

/// Happens when the writer can write, or need not any more.
pub(super) struct Writable(pub(super) Rc<RefCell<Pipe>>);

macro_rules! events {
    ($( $event:ident $happened:ident $waiting:ident; )*) => {
        $(
            impl Event for $event {
                fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
                    poll(&self.0, cx, Pipe::$happened, |pipe| &mut pipe.$waiting)
                }
            }
        )*
    };
}

events! {
    Ended is_ended readers;
    Writable is_writable writers;
}

impl Event for Readable {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Whoever waits for bytes wants them.
        attach(&self.0);
        poll(&self.0, cx, Pipe::is_readable, |pipe| &mut pipe.readers)
    }
}
