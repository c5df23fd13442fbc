//! Streams from and to files. Bytes go between the file and the guest's memory without a copy.
//!
//! Streams of files have positions of their own. A pipe or a terminal has none: its stream begins
//! at offset 0, which is wherever it is, and is waited for by the event loop.

use std::rc::Rc;

use super::file::File;
use super::types::ErrorCode;
use crate::component::ends::{Mode, ReadEnd, StreamReader, WriteEnd};
use crate::host::{Error, Result};
use crate::io::{Handle, Interest, is_descriptor_ready};
use crate::wasi::p2::filesystem::Descriptor;
use crate::wasi::p3::outcome::{Ended, Outcome, closed};

/// How far a stream has come.
pub(super) struct Cursor {
    file: Rc<Descriptor>,
    handle: Handle,
    place: Place,
    outcome: Outcome<ErrorCode>,
}

/// Where the next bytes are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    At(u64),
    End,
    /// It has no positions, and nothing has been read yet.
    First,
    /// It has no positions.
    Next,
}

/// `read-via-stream`.
pub(super) fn read(file: &File, offset: u64) -> (StreamReader<u8>, Ended<ErrorCode>) {
    if let Err(error) = file.descriptor().readable() {
        return closed(error.into());
    }
    let (outcome, ended) = Outcome::new();
    let mut cursor = Cursor::new(file, Place::At(offset), outcome);
    let attempt = move |into: &mut [u8]| {
        let read = cursor.read(into);
        cursor.outcome.of_attempt(read)
    };
    let end = ReadEnd::new(file.handle(), Mode::NonBlocking, attempt);
    (StreamReader::of_bytes(end), ended)
}

/// `write-via-stream`; without an offset, `append-via-stream`.
pub(super) fn write(file: &File, data: StreamReader<u8>, offset: Option<u64>) -> Ended<ErrorCode> {
    let (mut outcome, ended) = Outcome::new();
    if let Err(error) = file.descriptor().writable() {
        outcome.fail(error.into());
        return ended;
    }
    let place = offset.map_or(Place::End, Place::At);
    let mut cursor = Cursor::new(file, place, outcome);
    let attempt = move |from: &[u8]| match cursor.write(from) {
        // No bytes of some that there are.
        Ok(0) => cursor.outcome.of_attempt(Err(Error::Io)),
        written => cursor.outcome.of_attempt(written),
    };
    let end = WriteEnd::new(file.handle(), Mode::NonBlocking, attempt, drop);
    data.consume_bytes(end);
    ended
}

impl Cursor {
    pub(super) fn new(file: &File, place: Place, outcome: Outcome<ErrorCode>) -> Cursor {
        Cursor {
            file: Rc::clone(file.descriptor()),
            handle: file.handle(),
            place,
            outcome,
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let file = self.file.readable()?;
        if let Place::At(at) = self.place {
            match file.read_into_at(into, at) {
                Err(Error::InvalidSeek) if at == 0 => self.place = Place::First,
                read => {
                    self.advance(at, &read);
                    return read;
                }
            }
        }
        // A pipe is at its end, for who reads it, until somebody has opened it to write.
        let first = self.place == Place::First;
        if first && !is_descriptor_ready(&self.handle, Interest::Readable) {
            return Err(Error::WouldBlock);
        }
        self.place = Place::Next;
        file.read_next(into)
    }

    pub(super) fn write(&mut self, from: &[u8]) -> Result<usize> {
        let file = self.file.writable()?;
        let written = match self.place {
            Place::At(at) => file.write_at(from, at),
            Place::End => file.append(from),
            Place::First | Place::Next => return file.write_next(from),
        };
        match (self.place, written) {
            (Place::At(0) | Place::End, Err(Error::InvalidSeek)) => {
                self.place = Place::Next;
                file.write_next(from)
            }
            (Place::At(at), written) => {
                self.advance(at, &written);
                written
            }
            (_, written) => written,
        }
    }

    fn advance(&mut self, from: u64, moved: &Result<usize>) {
        if let Ok(count) = moved {
            self.place = Place::At(from + *count as u64);
        }
    }
}
