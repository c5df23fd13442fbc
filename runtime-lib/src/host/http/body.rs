//! Bodies: a pipe of bytes between a guest and a connection, with trailers or an error at its end.
//!
//! One side writes and the other reads; neither knows whether the other is a guest or a
//! connection. What is written and not read yet is limited. The length that a message has
//! announced is compared with what is written.

#[cfg(test)]
mod tests;

mod state;

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

pub use state::{Announced, Kind, PIPE_BYTES_MAX};
use state::{Ended, Pipe, Readable, Woken, Writable, attach, poll, wake};

use super::error::{ErrorCode, Result};
use super::fields::Fields;
use crate::host::chunk::{Chunk, NewParcel};
use crate::io::Event;

/// The side that writes. Dropped without an end, the body is cut short.
pub struct BodyWriter(Rc<RefCell<Pipe>>);

/// The side that reads. Dropped, the writer is told that nobody reads.
pub struct BodyReader(Rc<RefCell<Pipe>>);

/// A new body.
#[must_use]
pub fn pipe(announced: Option<Announced>) -> (BodyWriter, BodyReader) {
    let pipe = Rc::new(RefCell::new(Pipe {
        announced,
        ..Pipe::default()
    }));
    (BodyWriter(Rc::clone(&pipe)), BodyReader(pipe))
}

/// A body without bytes and trailers.
#[must_use]
pub fn empty() -> BodyReader {
    let (mut writer, reader) = pipe(None);
    // Nothing is announced, so nothing can be wrong with it.
    let _ = writer.finish(None);
    reader
}

impl BodyWriter {
    /// How many bytes can be written now.
    ///
    /// # Errors
    /// Why none can any more.
    pub fn room(&self) -> Result<usize> {
        let pipe = self.0.borrow();
        match (&pipe.refused, &pipe.end) {
            (_, Some(Err(error))) | (Some(error), None) => Err(error.clone()),
            _ => Ok(pipe.bytes_max().saturating_sub(pipe.unread)),
        }
    }

    /// No more waits while nobody reads than when somebody does: it comes from strangers.
    pub fn narrow(&mut self) {
        self.0.borrow_mut().narrow = true;
    }

    /// Whether whoever reads is gone.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0.borrow().refused.is_some()
    }

    /// Adds bytes, however many there is room for.
    ///
    /// # Errors
    /// That more was announced; the body has failed then.
    pub fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.write_chunk(Chunk::Bytes(bytes))
    }

    /// As [`BodyWriter::write`], wherever the bytes are.
    ///
    /// # Errors
    /// The same.
    pub fn write_chunk(&mut self, chunk: Chunk) -> Result<()> {
        self.write_by(chunk.bytes(), |pipe| pipe.chunks.push_back(chunk))
    }

    /// Whether whoever reads takes parcels.
    #[must_use]
    pub fn takes_parcels(&self) -> bool {
        self.0.borrow().takes_parcels
    }

    /// Gives parcels for whoever reads, who would take them.
    #[must_use]
    pub fn new_parcel(&self) -> Option<NewParcel> {
        let pipe = self.0.borrow();
        pipe.new_parcel.filter(|_| pipe.refused.is_none())
    }

    /// As [`BodyWriter::write`], of a copy.
    ///
    /// # Errors
    /// The same.
    pub fn write_copy(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_by(bytes.len(), |pipe| pipe.put_copy(bytes))
    }

    fn write_by(&mut self, count: usize, put: impl FnOnce(&mut Pipe)) -> Result<()> {
        let mut pipe = self.0.borrow_mut();
        if count == 0 {
            return Ok(());
        }
        let total = pipe.written.saturating_add(count as u64);
        if let Some(error) = pipe.too_much(total) {
            let woken = pipe.end(Err(error.clone()));
            drop(pipe);
            wake(woken);
            return Err(error);
        }
        pipe.written = total;
        if pipe.end.is_some() || pipe.refused.is_some() {
            return Ok(());
        }
        if pipe.discarding {
            return Ok(());
        }
        pipe.unread += count;
        put(&mut pipe);
        let woken = std::mem::take(&mut pipe.readers);
        drop(pipe);
        wake(woken);
        Ok(())
    }

    /// As [`BodyWriter::write`], of the bytes that there is room for, which are counted: none if
    /// all of them together are more than announced.
    ///
    /// # Errors
    /// That, and why nothing can be written any more.
    pub fn write_some(&mut self, bytes: &[u8]) -> Result<usize> {
        let count = self.room()?.min(bytes.len());
        let error = {
            let pipe = self.0.borrow();
            pipe.too_much(pipe.written.saturating_add(bytes.len() as u64))
        };
        if let Some(error) = error {
            self.fail(error.clone());
            return Err(error);
        }
        self.write_copy(&bytes[..count])?;
        Ok(count)
    }

    /// Has somebody told when the message has been handed to the system, or that it will not be.
    pub fn on_sent(&mut self, then: impl FnOnce(Result<()>) + 'static) {
        self.0.borrow_mut().on_sent = Some(Box::new(then));
    }

    /// The body is complete.
    ///
    /// # Errors
    /// Why it is not: its length, or what has happened before.
    pub fn finish(&mut self, trailers: Option<Fields>) -> Result<()> {
        let mut pipe = self.0.borrow_mut();
        let missing = pipe.missing();
        let (end, result) = match (&pipe.end, missing) {
            (Some(Err(error)), _) => return Err(error.clone()),
            (_, Some(error)) => (Err(error.clone()), Err(error)),
            _ => (Ok(trailers), Ok(())),
        };
        let woken = pipe.end(end);
        drop(pipe);
        wake(woken);
        result
    }

    /// The body is cut short.
    pub fn fail(&mut self, error: ErrorCode) {
        let woken = self.0.borrow_mut().end(Err(error));
        wake(woken);
    }

    /// Waits until [`BodyWriter::room`] has something to say.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        poll(&self.0, cx, Pipe::is_writable, |pipe| &mut pipe.writers)
    }

    /// Waits until somebody begins to read, or will not.
    pub fn poll_attached(&self, cx: &mut Context<'_>) -> Poll<()> {
        let is_attached = |pipe: &Pipe| pipe.attached || pipe.refused.is_some();
        poll(&self.0, cx, is_attached, |pipe| &mut pipe.writers)
    }

    /// Waits until nobody reads any more.
    pub fn poll_refused(&self, cx: &mut Context<'_>) -> Poll<()> {
        let is_refused = |pipe: &Pipe| pipe.refused.is_some();
        poll(&self.0, cx, is_refused, |pipe| &mut pipe.writers)
    }

    /// Happens when [`BodyWriter::room`] has something to say.
    #[must_use]
    pub fn writable(&self) -> Rc<dyn Event> {
        Rc::new(Writable(Rc::clone(&self.0)))
    }

    /// The length that was announced.
    #[must_use]
    pub fn announced_bytes(&self) -> Option<u64> {
        self.0.borrow().announced?.bytes
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.fail(ErrorCode::ConnectionTerminated);
    }
}

impl BodyReader {
    /// From now on, somebody reads: no more is buffered than that takes.
    pub fn attach(&self) {
        attach(&self.0);
    }

    /// Copies what is there: nothing at the end.
    ///
    /// # Errors
    /// Why the body is not whole.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        self.poll_by(cx, |pipe| pipe.read(into))
    }

    /// As [`BodyReader::poll_read`], of at most so many bytes, which are put behind others.
    ///
    /// # Errors
    /// The same.
    pub fn poll_append(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Poll<Result<usize>> {
        self.poll_by(cx, |pipe| pipe.append(into, bytes_max))
    }

    /// Reads, and says how many bytes.
    fn poll_by(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Pipe) -> usize,
    ) -> Poll<Result<usize>> {
        if self.poll_readable(cx).is_pending() {
            return Poll::Pending;
        }
        let mut pipe = self.0.borrow_mut();
        let count = read(&mut pipe);
        if count == 0
            && let Some(Err(error)) = &pipe.end
        {
            return Poll::Ready(Err(error.clone()));
        }
        let woken = std::mem::take(&mut pipe.writers);
        drop(pipe);
        wake(woken);
        Poll::Ready(Ok(count))
    }

    /// As [`BodyReader::poll_read`], of at most so many bytes, without waiting: nothing while there
    /// is nothing.
    ///
    /// # Errors
    /// The same.
    pub fn read_now(&mut self, bytes_max: usize) -> Option<Result<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.poll_append(
            &mut Context::from_waker(Waker::noop()),
            &mut bytes,
            bytes_max,
        ) {
            Poll::Pending => None,
            Poll::Ready(read) => Some(read.map(|_| bytes)),
        }
    }

    /// As [`BodyReader::poll_read`]: the buffer that has been written first, as it is.
    ///
    /// # Errors
    /// The same.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Chunk>> {
        let mut taken = Chunk::Bytes(Vec::new());
        let read = self.poll_by(cx, |pipe| {
            let before = pipe.unread;
            match pipe.take_chunk() {
                Some((Chunk::Bytes(mut bytes), read)) => {
                    bytes.drain(..read);
                    taken = Chunk::Bytes(bytes);
                }
                Some((parcel, _)) => taken = parcel,
                None => {}
            }
            before - pipe.unread
        });
        read.map(|read| read.map(|_| taken))
    }

    /// Parcels may come, which are sent as they are.
    pub fn take_parcels(&self) {
        self.0.borrow_mut().takes_parcels = true;
    }

    /// Whoever writes may write parcels, which this gives.
    pub fn give_parcels(&self, new_parcel: NewParcel) {
        self.0.borrow_mut().new_parcel = Some(new_parcel);
    }

    /// The buffer that has been written first and how much of it has been read, if it is a large
    /// one, or a parcel.
    pub fn take_large(&mut self) -> Option<(Chunk, usize)> {
        let mut pipe = self.0.borrow_mut();
        if !pipe.has_large_chunk() {
            return None;
        }
        let chunk = pipe.take_chunk();
        let woken = std::mem::take(&mut pipe.writers);
        drop(pipe);
        wake(woken);
        chunk
    }

    /// The end, when all has been read: trailers, if there are some.
    ///
    /// # Errors
    /// Why the body is not whole.
    pub fn poll_end(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Fields>>> {
        let ended = poll(&self.0, cx, Pipe::is_ended, |pipe| &mut pipe.readers);
        ended.map(|()| {
            let end = self.0.borrow().end.clone();
            end.expect("the body has ended")
        })
    }

    /// How many bytes there are to read.
    #[must_use]
    pub fn unread_bytes(&self) -> usize {
        self.0.borrow().unread
    }

    /// The length of the whole body, if it is known: announced, or since it is complete.
    #[must_use]
    pub fn known_bytes(&self) -> Option<u64> {
        let pipe = self.0.borrow();
        let announced = pipe.announced.and_then(|announced| announced.bytes);
        match &pipe.end {
            Some(Ok(_)) => Some(pipe.written),
            _ => announced,
        }
    }

    /// Whether it has ended without trailers.
    #[must_use]
    pub fn is_complete_without_trailers(&self) -> bool {
        matches!(self.0.borrow().end, Some(Ok(None)))
    }

    /// As [`BodyReader::poll_end`], without waiting.
    #[must_use]
    pub fn end_now(&self) -> Option<Result<Option<Fields>>> {
        match self.poll_end(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        }
    }

    /// Throws away what there is to read and what will be.
    pub fn discard(&mut self) {
        let mut pipe = self.0.borrow_mut();
        pipe.chunks.clear();
        (pipe.read, pipe.unread) = (0, 0);
        (pipe.discarding, pipe.attached) = (true, true);
        let woken = std::mem::take(&mut pipe.writers);
        drop(pipe);
        wake(woken);
    }

    /// The message has been handed to the system, or will not be.
    pub fn sent(&mut self, result: Result<()>) {
        let then = self.0.borrow_mut().on_sent.take();
        if let Some(then) = then {
            then(result);
        }
    }

    /// Whether the reader has something to read, or the end.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.attach();
        poll(&self.0, cx, Pipe::is_readable, |pipe| &mut pipe.readers)
    }

    /// Happens when [`BodyReader::read_now`] gives something.
    #[must_use]
    pub fn readable(&self) -> Rc<dyn Event> {
        Rc::new(Readable(Rc::clone(&self.0)))
    }

    /// Happens when [`BodyReader::poll_end`] does.
    #[must_use]
    pub fn ended(&self) -> Rc<dyn Event> {
        Rc::new(Ended(Rc::clone(&self.0)))
    }

    /// Nobody reads any more, for this reason.
    pub fn refuse(&mut self, error: ErrorCode) {
        let mut pipe = self.0.borrow_mut();
        if pipe.refused.is_none() {
            pipe.refused = Some(error);
        }
        let wakers = std::mem::take(&mut pipe.writers);
        let released = pipe.held.take();
        drop(pipe);
        wake(Woken { wakers, released });
    }

    /// Keeps something for as long as somebody writes for somebody who reads.
    pub fn hold(&self, what: impl Any) {
        let mut pipe = self.0.borrow_mut();
        if pipe.end.is_none() && pipe.refused.is_none() {
            pipe.held = Some(Box::new(what));
        }
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        let failed = match &self.0.borrow().end {
            Some(Err(error)) => error.clone(),
            _ => ErrorCode::ConnectionTerminated,
        };
        self.sent(Err(failed));
        self.refuse(ErrorCode::ConnectionTerminated);
    }
}
